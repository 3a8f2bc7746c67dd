# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The systems that packages are built, checked and installed in.  Each is made
# once for each list of packages, and kept in $cache.

# The packages of Build-Depends, separated by commas.
build_depends()
{
	sed -n '/^Build-Depends:/,/^[A-Z].*:/{/^ /p}' "$top/debian/control" |
		sed -e 's/([^)]*)//g' -e 's/<[^>]*>//g' -e 's/\[[^]]*\]//g' \
			-e 's/|.*//' | tr -d ' \t\n' | sed 's/,$//'
}

# tree NAME VARIANT PACKAGES [LATER]: prints its folder.  LATER are packages that
# are fetched but not installed.
tree()
{
	tree_key=$(echo "$*" | sha256sum | cut -c1-12)
	tree_path=$cache/$1-$tree_key
	if [ ! -d "$tree_path" ]; then
		rm -rf --one-file-system "$cache/$1"-*
		# shellcheck disable=SC2016 # the variable of the hook's shell
		mmdebstrap --quiet --mode=root --variant="$2" \
			${3:+--include="$3"} --skip=cleanup/apt \
			--aptopt='APT::Keep-Downloaded-Packages "true"' \
			--aptopt='APT::Install-Recommends "true"' \
			--customize-hook='rm -f "$1"/var/cache/apt/archives/*.deb' \
			${4:+--customize-hook="chroot \"\$1\" apt-get -q -y \
				--download-only install $(echo "$4" | tr , ' ')"} \
			--customize-hook='mkdir -p "$1/later" && find \
				"$1/var/cache/apt/archives" -name "*.deb" \
				-exec mv -t "$1/later" {} +' \
			bookworm "$tree_path.part" ${CREEL_PACKAGE_MIRROR:-} \
			>"$cache/$1.log" 2>&1 || {
			tail -n 20 "$cache/$1.log" | sed 's/^/# /' >&2
			echo "Bail out! mmdebstrap failed: see $cache/$1.log" >&2
			return 1
		}
		mv "$tree_path.part" "$tree_path"
	fi
	echo "$tree_path"
}

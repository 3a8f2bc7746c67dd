# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What an archive's checks say of the packages and of the log of the build.

result=/in/result
mkdir -p /tmp/files
dpkg-deb -x $result/creel_*.deb /tmp/files
dpkg-source --no-check -x $result/creel_*.dsc /tmp/source >/dev/null
programs=$(find /tmp/files -type f -perm -0100 | while read -r file; do
	readelf -h "$file" >/dev/null 2>&1 && echo "$file"
done)

lint()
{
	for changes in $result/creel_*.changes; do
		lintian --allow-root --fail-on error,warning --display-level '>=warning' \
			--tag-display-limit 0 "$changes" || return 1
	done
}

# Each has a reason beside it, and covers what is there.
overrides()
{
	lintian --allow-root --show-overrides --display-level '>=pedantic' \
		$result/creel_*.changes >/tmp/lintian
	grep -E 'unused-override|mismatched-override|malformed-override' /tmp/lintian &&
		return 1
	for file in /tmp/source/debian/*.lintian-overrides \
		/tmp/source/debian/source/lintian-overrides; do
		test "$(head -c 1 "$file")" = '#' || { echo "$file: no reason"; return 1; }
	done
}

flags()
{
	blhc --all --debian $result/build.log
}

# The static ones too.
hardened()
{
	test "$(echo "$programs" | wc -l)" -ge 5 || return 1
	for file in $programs; do
		echo "$file"
		readelf -hW "$file" | grep -q 'Type: *DYN' || return 1
		readelf -dW "$file" | grep -q -w NOW || return 1
		readelf -lW "$file" | grep -q GNU_RELRO || return 1
		readelf -lW "$file" | grep -q 'GNU_STACK.* RW ' || return 1
		# Stack protector, fortified functions.  That programs are compiled
		# with -fcf-protection is in the log; bookworm's crt*.o are not.
		case $(readelf -lW "$file") in
		*INTERP*) hardening-check --nocfprotection "$file" || return 1 ;;
		esac
		readelf -dW "$file" | grep -E 'RPATH|RUNPATH' && return 1
	done
	return 0
}

# No library is installed, and no program offers its functions to one: what is
# defined for others is copies of libraries' data, which have their versions.
symbols()
{
	find /tmp/files -name '*.so' -o -name '*.so.*' -o -name '*.a' -o -name '*.la' | grep . && return 1
	for file in $programs; do
		readelf -dW "$file" | grep SONAME && return 1
		readelf --dyn-syms -W "$file" | awk '
			$1 ~ /^[0-9]+:$/ && $7 != "UND" && $8 != "" && $8 !~ /@/ {
				print file ": " $8
				bad = 1
			}
			END { exit bad }' file="$file" || return 1
	done
}

no_privileged_file()
{
	find /tmp/files -perm /6000 | grep . && return 1
	! dpkg-deb -c $result/creel_*.deb | awk '$2 != "root/root"' | grep .
}

# "systemctl stop" ends all sandboxes, "systemctl restart" none.
upgrade_restarts()
{
	for script in preinst prerm postinst; do
		dpkg-deb -I $result/creel_*.deb $script >/tmp/$script || return 1
		grep -E '= "?upgrade' -A 3 /tmp/$script | grep 'invoke stop' &&
			return 1
	done
	grep "deb-systemd-invoke try-restart 'creel.service'" /tmp/postinst &&
		! grep -E 'invoke (re|try-re)start.*(socket|sandboxes)' /tmp/postinst
}

# Who mends one of these knows by it that creel is to be built again.
built_using()
{
	dpkg-deb -f $result/creel_*.deb Built-Using | tr , '\n' >/tmp/using
	cat /tmp/using
	for name in glibc jansson libcap-ng libevent libnl3 libseccomp nettle \
		protobuf-c; do
		grep -q "^ *$name (= [^)]*)" /tmp/using || return 1
	done
}

# Each folder that has a licence of its own is in debian/copyright, with the
# holders that it names.
licences()
{
	find /tmp/source -iname 'licen[cs]e*' ! -path '/tmp/source/LICENSE*' |
		while read -r file; do
			folder=${file#/tmp/source/}
			folder=${folder%/*}
			grep -q -F "Files: $folder/*" /tmp/source/debian/copyright ||
				{ echo "$folder: not there"; return 1; }
			holder=$(sed -n 's/^Copyright (c) //p' "$file" |
				sed 's/, and.*//' | head -n 1)
			grep -q -F "$holder" /tmp/source/debian/copyright ||
				{ echo "$folder: $holder"; return 1; }
		done
}

# Whatever has no licence line of its own is named, or is the project's.
marked()
{
	(cd /tmp/source && grep -rL SPDX-License-Identifier \
		--include='*.[ch]' --include='*.py' --include='*.sh' \
		--include='*.am' --include='*.proto' . |
		grep -v '^./tests/conformance/') | grep . && return 1
	grep -rIl -i 'copyright (c)\|copyright 20' /tmp/source |
		grep -v -e '/debian/copyright$' -e '/tests/conformance/' \
			-e '/LICENSE$' -e '/tests/package/' | grep . && return 1
	return 0
}

check "lintian: no error and no warning" lint
check "each override of lintian's is used, and has its reason" overrides
check "blhc: each compilation and link had every hardening flag" flags
check "every program is position independent, bound at start, stack-protected, fortified" hardened
check "no library is installed, no program exports a symbol of its own" symbols
check "no file is set-id, all belong to root" no_privileged_file
check "an upgrade restarts the listener where one runs, and stops no unit" upgrade_restarts
check "the control file names the sources that are linked statically" built_using
check "debian/copyright names each folder with a licence of its own, and its holders" licences
check "every other file is the project's, and says its licence" marked

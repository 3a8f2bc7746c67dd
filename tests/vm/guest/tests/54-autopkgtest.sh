# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The package's autopkgtests, as a distribution runs them, below systemd: each
# from the source's folder, with what it depends on, as root where it needs that.
# None is skipped here.

. "$here/package.sh"

source=/srv/creel-source
control=$source/debian/tests/control

depends()
{
	sed -n 's/^Depends: //p' "$control" | tr ',' '\n' |
		sed 's/[[:space:]]//g' | grep -vx -e creel -e '' | sort -u
}

# field TEST NAME: of the paragraph that is the test's.
field()
{
	awk -v RS= -v FS='\n' -v test="Tests: $1" -v name="$2: " '
		$1 == test {
			for (i = 1; i <= NF; i++)
				if (index($i, name) == 1)
					print substr($i, length(name) + 1)
		}' "$control"
}

# autopkgtest NAME: the end of what it said where it fails.
autopkgtest()
{
	AUTOPKGTEST_TMP=$(mktemp -d)
	export AUTOPKGTEST_TMP
	case $(field "$1" Restrictions) in
	*needs-root*) runner= ;;
	*)
		runner='setpriv --reuid alice --regid alice --init-groups'
		chown alice "$AUTOPKGTEST_TMP"
		;;
	esac
	autopkgtest_got=0
	# shellcheck disable=SC2086 # words
	(cd $source && exec $runner "debian/tests/$1") </dev/null \
		>/tmp/vm-autopkgtest 2>&1 || autopkgtest_got=$?
	rm -rf "$AUTOPKGTEST_TMP"
	test $autopkgtest_got != 0 || return 0
	tail -n 25 /tmp/vm-autopkgtest
	echo "exit status $autopkgtest_got"
	return 1
}

# With what it recommends it is tried elsewhere; whoever ran before may have
# changed helper.conf.
as_installed()
{
	version 2>/dev/null | grep -v previous | grep -q ' installed' ||
		apt_install --no-install-recommends "$here/creel.deb" || return 1
	sed -i '/^[^#]/d' /etc/creel/helper.conf
	systemctl restart creel.socket creel.service
	# shellcheck disable=SC2046 # names of packages
	apt_install $(depends)
}

mkdir -p $source/debian
cp -R "$here/autopkgtest" $source/debian/tests
check "the package is installed, and what its autopkgtests depend on" as_installed
for name in $(sed -n 's/^Tests: //p' "$control" | tr -d ,); do
	check "autopkgtest: $name" autopkgtest "$name"
done

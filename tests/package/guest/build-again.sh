# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Builds the source package once more where all is different that must not
# matter: path, user, umask, clock, time zone, language, number of jobs, tests.

again=/srv/quite/another/place
mkdir -p $again
useradd --uid 7777 --home-dir /nonexistent other
dpkg -i /later/*.deb >/dev/null 2>&1 || apt-get -y -q -f install >/dev/null 2>&1
localedef -i fr_FR -f UTF-8 fr_FR.UTF-8

again()
{
	(cd $again && dpkg-source --no-check -x /in/result/creel_*.dsc tree) || return 1
	chown -R other $again
	umask 0027
	unshare --net setpriv --reuid other --regid other --init-groups \
		env -i HOME=/nonexistent PATH=/bin:/usr/bin LC_ALL=fr_FR.UTF-8 \
		TZ=XYZ-13 USER=other DEB_BUILD_OPTIONS='nocheck parallel=3' \
		faketime -f '+400d' sh -c "cd $again/tree &&
			date && exec dpkg-buildpackage -us -uc -b" >/out/again.log 2>&1 &&
		return
	tail -n 20 /out/again.log
	return 1
}

same()
{
	same_seen=0
	for first in /in/result/*.deb; do
		second=$again/${first##*/}
		sha256sum "$first" "$second" || return 1
		same_seen=$((same_seen + 1))
		cmp "$first" "$second" && continue
		dpkg-deb -x "$first" /tmp/first
		dpkg-deb -x "$second" /tmp/second
		diff -rq /tmp/first /tmp/second
		return 1
	done
	test $same_seen -ge 1
}

check "it builds from its source package, with nocheck, too" again
check "a build 400 days later by another user, in another folder, language, zone and umask, is the same to the byte" same

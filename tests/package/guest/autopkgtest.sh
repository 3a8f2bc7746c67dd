# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# debian/tests, as a distribution runs them, on the packages of the build.

mkdir -p /tmp/apt
cp /in/result/creel_*.deb /tmp/apt/
dpkg-source --no-check -x /in/result/creel_*.dsc /tmp/source >/dev/null
apt-get -qq update || echo 'offline: with what the tree knows'

status=0
autopkgtest --no-built-binaries --output-dir /tmp/report /tmp/apt/creel_*.deb \
	/tmp/source -- null >/tmp/log 2>&1 || status=$?

passed()
{
	cat /tmp/report/summary
	grep -Eq "^$1 +PASS" /tmp/report/summary && return
	tail -n 15 "/tmp/report/$1-stdout" "/tmp/report/$1-stderr" 2>/dev/null
	tail -n 5 /tmp/log
	return 1
}

for name in $(sed -n 's/^Tests: //p' /tmp/source/debian/tests/control | tr -d ,); do
	check "autopkgtest: $name" passed "$name"
done
check "autopkgtest: all of them ran and passed" test "$status" = 0

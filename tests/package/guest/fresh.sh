# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A fresh machine: apt installs the package, an ordinary user runs a command.

as_user()
{
	setpriv --reuid alice --regid alice --init-groups env -i \
		HOME=/home/alice PATH=/usr/bin:/bin "$@"
}

fresh_install()
{
	cp /in/result/creel_*.deb /tmp/
	apt-get -qq update || echo 'offline: with what the tree knows'
	apt-get -y install /tmp/creel_*.deb
}

recommended()
{
	command -v newuidmap python3
}

run()
{
	expect 0 '^uid=[0-9]+' as_user creel run -- sh -c 'id; hostname'
}

doctor()
{
	as_user creel doctor || return 1
	as_user creel doctor | grep -E '^(warning|failed)' -A 1 >/tmp/doctor
	# What is less than it could be says what to do.
	test "$(grep -Ec '^(warning|failed)' /tmp/doctor)" = \
		"$(grep -c 'hint:' /tmp/doctor)"
}

accounts()
{
	getent passwd _creel | tee /tmp/account
	grep -Eq '^_creel:[^:]*:[1-9][0-9]{0,2}:[^:]*:[^:]*:/nonexistent:/usr/sbin/nologin$' \
		/tmp/account || return 1
	getent group creel
}

again()
{
	for round in 1 2; do
		/var/lib/dpkg/info/creel.postinst configure || return 1
	done
	accounts
}

verified()
{
	dpkg --verify creel | grep . && return 1
	return 0
}

# A library that the programs need and the package does not depend on.
linked()
{
	for file in /usr/bin/creel /usr/libexec/creel/*; do
		ldd "$file" 2>&1 | grep 'not found' && return 1
	done
	return 0
}

completion()
{
	test -f /usr/share/bash-completion/completions/creel
}

check "apt installs it on a minimal Debian, with nothing else done" fresh_install
check "apt installs newuidmap and python3 with it" recommended
useradd --create-home alice
check "an ordinary user then runs a command in a sandbox" run
check "creel doctor fails at nothing, and says what to do about each warning" doctor
check "the user _creel and the group creel are there" accounts
check "the maintainer script can be run again" again
check "the files are those of the package" verified
check "every library that is needed came with it" linked
check "bash completes its options" completion

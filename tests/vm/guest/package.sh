# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the tests of the package share: read by those of 5x and 6x.

export DEBIAN_FRONTEND=noninteractive

# apt finds what the package needs where this machine last saw the archive: it
# has no network.
apt_install()
{
	apt-get -y -o Acquire::Retries=0 install "$@" </dev/null
}

absent()
{
	for absent_file; do
		test ! -e "$absent_file" || { echo "$absent_file is there" && return 1; }
	done
}

version()
{
	dpkg-query -W -f '${Version} ${db:Status-Status}' creel
}

install_new()
{
	version 2>/dev/null | grep -v previous | grep -q ' installed' ||
		apt_install "$here/creel.deb"
}

# admit LINE...: alice may use the system's helper.
admit()
{
	usermod -aG creel alice || return 1
	printf '%s\n' 'allow 0 1001' "$@" >>/etc/creel/helper.conf
	service creel restart
}

runs()
{
	expect 0 'uid=1000.*' session "$1" "creel run $2 -- sh -c 'id; hostname'"
}

# begins USER --rootless|--system: a session, named as the option, that keeps a
# file and in which a command runs.
begins()
{
	session "$1" "creel exec $2 ${2#--} -- sh -c 'echo kept >/tmp/f
		(while sleep 0.2; do date +%s%N >/tmp/beat; done) </dev/null >/dev/null 2>&1 &'" &&
		eventually 60 session "$1" "creel exec $2 ${2#--} -- test -s /tmp/beat"
}

beats()
{
	beats_first=$(session "$1" "creel exec $2 ${2#--} -- cat /tmp/f /tmp/beat") ||
		return 1
	sleep 2
	beats_now=$(session "$1" "creel exec $2 ${2#--} -- cat /tmp/f /tmp/beat") ||
		return 1
	printf '%s\n' "$beats_first" "$beats_now"
	test "$beats_first" != "$beats_now" &&
		test "$(echo "$beats_now" | head -n 1)" = kept
}

# Of the service and of what it started, by user: _creel's, and sandboxes.
system_runs()
{
	pgrep -a -u _creel
	test -n "$(pgrep -u _creel)"
}

nothing_of_the_system()
{
	! pgrep -a -u _creel
}

says_what_to_do()
{
	says_out=$(session "$1" "creel doctor $2" 2>&1)
	says_got=$?
	echo "$says_out"
	echo "$says_out" >/tmp/vm-doctor
	test "$says_got" = "$3" || return 1
	test "$(grep -Ec '^(warning|failed)' /tmp/vm-doctor)" = \
		"$(grep -c 'hint:' /tmp/vm-doctor)"
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The package on a machine whose init is sysvinit: the script is started, used,
# restarted and stopped, and the helper takes control groups of its own.

. "$here/package.sh"
root=/sys/fs/cgroup/creel

is_sysvinit()
{
	readlink /proc/1/exe && test ! -e /run/systemd/system &&
		dpkg -S /sbin/init | grep sysvinit-core
}

started()
{
	service creel status && test -S /run/creel/creel.sock &&
		pgrep -u _creel -x creel-listener &&
		test "$(stat -c '%U:%G %a' /run/creel)" = 'root:creel 750'
}

in_runlevels()
{
	ls /etc/rc2.d/S*creel /etc/rc0.d/K*creel /etc/rc6.d/K*creel
}

claimed()
{
	listener=$(pgrep -u _creel -x creel-listener)
	cat "/proc/$listener/cgroup"
	grep -q '^0::/creel/helper$' "/proc/$listener/cgroup" &&
		grep -q 'memory.*pids' $root/sandboxes/cgroup.subtree_control
}

# But for the one that keeps the listener's descriptors, as systemd would.
helpers_not_root()
{
	helpers_list=$(helpers)
	helpers_root=0
	test -n "$helpers_list" || return 1
	for pid in $helpers_list; do
		ps -o pid=,user=,comm= -p "$pid"
		test "$(stat -c %u "/proc/$pid")" = 0 || continue
		test "$(cat "/proc/$pid/comm")" = creel-store || return 1
		helpers_root=$((helpers_root + 1))
	done
	test $helpers_root -le 1
}

limited()
{
	expect 137 'memory limit 64 MiB' session alice \
		'creel run --system --memory 64m -- python3 -c "x = b\"x\" * (200 << 20)"'
}

ceilings()
{
	grep . $root/sandboxes/u-1001/pids.max
	test "$(cat $root/sandboxes/u-1001/pids.max)" = 500
}

restarted()
{
	restarted_old=$(pgrep -u _creel -x creel-listener)
	service creel restart && started &&
		test "$(pgrep -u _creel -x creel-listener)" != "$restarted_old"
}

stopped()
{
	service creel stop || return 1
	eventually 40 nothing_of_the_system || return 1
	service creel status
	test $? = 3 || return 1
	absent /run/creel/creel.sock && expect 125 . session alice \
		'creel run --system -- true' &&
		test -z "$(find $root/sandboxes -mindepth 1 -type d 2>/dev/null)"
}

check "control: init is sysvinit, and no systemd runs" is_sysvinit
check "control: nothing that creel needs is there" absent /usr/bin/creel \
	/usr/bin/newuidmap /usr/bin/python3 /etc/creel /run/creel
check "apt installs the package, with nothing else done" \
	apt_install "$here/creel.deb"
for user in alice bob; do
	check "$user, an ordinary user: creel run -- sh -c 'id; hostname'" runs $user
	check "$user: doctor is green, or says what to do" says_what_to_do $user '' 0
done
check "the service was started, for the group alone" started
check "it is in the runlevels" in_runlevels
check "the helper made and entered control groups of its own" claimed
check "no process of the helper is root's but what keeps its descriptors" \
	helpers_not_root
check "root: creel run is the system's" expect 0 'uid=1000' creel run -- id
check "alice is not admitted" expect 125 'Permission denied' \
	session alice 'creel run --system -- true'
check "the administrator admits alice, with a ceiling of processes" \
	admit 'user-pids 500'
check "alice: creel run --system" runs alice --system
check "the ceiling is her control group's" ceilings
check "alice: a memory limit holds" limited
check "alice: the system's doctor is green, or says what to do" \
	says_what_to_do alice --system 0
check "alice's own helper keeps a session with a command" begins alice --rootless
check "start, where it runs, changes nothing" service creel start
check "restart: another listener" restarted
check "restart: alice's own session and its command go on" beats alice --rootless
check "restart: alice is served" runs alice --system
check "stop ends the service, sandboxes and control groups" stopped
check "stop, where nothing runs, is no error" service creel stop
check "start: alice is served" sh -c 'service creel start'
check "alice: creel run --system, again" runs alice --system
end_helper alice >/dev/null

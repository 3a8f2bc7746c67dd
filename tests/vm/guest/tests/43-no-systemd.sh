# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The helper as a plain script of another init starts it: as root, in the top
# control group, with nothing prepared but the directory of its socket.

before=$(snapshot)
root=/sys/fs/cgroup/creel
helper=/usr/local/libexec/creel/creel-helper
test -x $helper || helper=/usr/libexec/creel/creel-helper

# What systemd tells its services is not told here.
start_plain()
{
	prepare_service 'user-pids 500' || return 1
	install -d -m 0750 -g creel /run/creel || return 1
	sh -c 'echo 0 >/sys/fs/cgroup/cgroup.procs && exec env -i \
		setsid "$0" --listen --system --runtime-dir /run/creel \
		>/tmp/vm-plain.log 2>&1 </dev/null' $helper &
	eventually 30 test -S /run/creel/creel.sock
}

claimed()
{
	cat "/proc/$(pgrep -x creel-listener)/cgroup"
	grep -q '^0::/creel/helper$' "/proc/$(pgrep -x creel-listener)/cgroup" &&
		grep -q '^0::/creel/sandboxes/u-1001/helper$' \
			"/proc/$(pgrep -x creel-user)/cgroup" &&
		test "$(cat $root/sandboxes/u-1001/pids.max)" = 500 &&
		grep -q 'memory.*pids' $root/sandboxes/cgroup.subtree_control
}

limited()
{
	expect 137 'memory limit 64 MiB' session alice \
		'creel run --system --memory 64m -- \
			python3 -c "x = b\"x\" * (200 << 20)"'
}

not_in_group()
{
	expect 125 'Permission denied' session carol 'creel run --system -- true'
}

# The listener alone, then what it left: as creel-helper(8) says.
stop_plain()
{
	session alice 'creel run --system --detach --name plain -- sleep 300' ||
		return 1
	pkill -TERM -x creel-listener
	eventually 10 sh -c '! pgrep -x creel-listener' || return 1
	pgrep -x creel-user >/dev/null || return 1
	echo 1 >$root/sandboxes/cgroup.kill
	eventually 10 sh -c '! pgrep "^creel"'
}

check "the helper starts from a plain script" start_plain
check "alice has a sandbox" expect 0 '^ran$' session alice \
	'creel run --system -- echo ran'
check "the helper made and entered control groups of its own" claimed
check "a memory limit holds" limited
check "who is not in the directory's group is refused" not_in_group
check "the listener is stopped, and then all users' helpers" stop_plain
find $root -depth -type d -exec rmdir {} +
rm -f /run/creel/creel.sock
chmod 0755 /run/creel
check "no process, mount, namespace, cgroup is left" same_as "$before"

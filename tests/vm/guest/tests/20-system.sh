# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The system service on kernel 6.1: root, and two users who share nothing.

before=$(snapshot)
check "the system service listens" start_service

helper_not_root()
{
	for pid in $(helpers); do
		grep -H Uid "/proc/$pid/status"
		test "$(stat -c %u "/proc/$pid")" != 0 || return 1
	done
	test -n "$pid"
}

helper_caps()
{
	for pid in $(helpers); do
		grep -H CapPrm "/proc/$pid/status"
		# SYS_ADMIN 21, SETUID 7, SETGID 6, KILL 5: nothing else
		mask=$(sed -n 's/^CapPrm:\t*/0x/p' "/proc/$pid/status")
		test $((mask & ~(1 << 21 | 1 << 7 | 1 << 6 | 1 << 5))) = 0 || return 1
	done
	test -n "$pid"
}

# No capability and no way back to one, root's too.
creeld_bare()
{
	pgrep -x creeld >/dev/null || return 1
	for pid in $(pgrep -x creeld); do
		grep -E '^(Uid|Cap|NoNewPrivs)' "/proc/$pid/status"
		grep -Eq '^NoNewPrivs:\s*1$' "/proc/$pid/status" || return 1
		test "$(grep -Ec '^Cap(Inh|Prm|Eff|Amb):\s*0+$' \
			"/proc/$pid/status")" = 4 || return 1
	done
}

# systemd makes the host's mounts shared: a mount below a bind must stay inside.
stays_inside()
{
	test "$(findmnt -n -o PROPAGATION /)" = shared || return 1
	session alice 'mkdir -p outer/sub evil && echo evil >evil/mark &&
		creel run --system --bind "$HOME/outer:/mnt:ro" \
			--bind "$HOME/evil:/mnt/sub" -- \
			sh -c "cat /mnt/sub/mark; exec sleep 5"' &
	stays_inside_end=$(($(date +%s) + 5))
	while [ "$(date +%s)" -lt "$stays_inside_end" ]; do
		test ! -e /home/alice/outer/sub/mark || return 1
		grep -E ' /home/alice/| /mnt' /proc/1/mountinfo && return 1
		sleep 0.2
	done
	wait $!
}

# max-memory bounds swap too, where a sandbox asks for nothing.
swap_bounded()
{
	session alice 'creel run --system --detach --name swapper -- sleep 30' ||
		return 1
	find /sys/fs/cgroup -path '*sandboxes*' -name memory.swap.max \
		-exec grep -H . {} + | grep -v ':max$' >/tmp/swap.max
	session alice 'creel rm --system swapper'
	cat /tmp/swap.max
	grep -q ':1073741824$' /tmp/swap.max
}

export mode=--system
who=root
. "$here/users/basics.sh"
. "$here/users/limits.sh"
. "$here/users/accounting.sh"
who=
as alice -w "alice, system" basics
as alice -w "alice, system" limits
as bob -w "bob, system" basics
as dave -w "dave, system, no manager" limits

check "no helper process is root" helper_not_root
check "no helper process has a capability beyond four" helper_caps
check "no creeld has a capability or can gain one" creeld_bare

check "max-memory is the ceiling of swap as well" swap_bounded
check "a bind below a bind is not mounted on the host" stays_inside

for user in root alice bob dave; do
	check "$user: no sandbox is left" no_sandbox "$user"
done
stop_service
check "no process, mount, namespace, cgroup is left" same_as "$before"

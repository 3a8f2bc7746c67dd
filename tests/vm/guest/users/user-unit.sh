# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# With the units of systemctl --user: creel uses what they listen on.

main_pid()
{
	systemctl --user show -P MainPID creel.service
}

by_socket()
{
	systemctl --user is-active creel.service && return 1
	expect 0 '^ran$' creel run -- echo ran &&
		eventually 20 systemctl --user is-active creel.service &&
		test "$(pgrep -u "$(id -u)" -x creel-listener)" = "$(main_pid)"
}

limited()
{
	expect 137 'memory limit 64 MiB' creel run --memory 64m -- \
		python3 -c 'x = b"x" * (200 << 20)'
}

# Its own law: who can reach nothing any more ends.
restarted()
{
	creel run --detach --name unit-box -- sleep 300 || return 1
	restarted_old=$(main_pid)
	systemctl --user restart creel.service || return 1
	test "$(main_pid)" != "$restarted_old" || return 1
	expect 0 '^ran$' creel run -- echo ran || return 1
	creel list
	! creel list | grep -q running
}

another_pid()
{
	another_now=$(main_pid)
	test "$another_now" != "$1" && test "$another_now" != 0
}

crashes()
{
	crashes_old=$(main_pid)
	kill -KILL "$crashes_old"
	eventually 30 another_pid "$crashes_old" &&
		expect 0 '^ran$' creel run -- echo ran
}

check "the first command starts the service through its socket" by_socket
check "a memory limit holds in the service's control group" limited
check "restart: another listener, and sandboxes are gone" restarted
check "crash: the service is started again" crashes

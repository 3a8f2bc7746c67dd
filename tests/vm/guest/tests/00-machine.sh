# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The machine is what the other tests take it for.

in_session_scope()
{
	session "$1" 'cat /proc/self/cgroup' | tee /dev/stderr |
		grep -q 'session-[0-9a-z]*\.scope'
}

has_manager()
{
	session "$1" 'systemctl --user is-active default.target'
}

check "kernel 6.1" expect 0 '^6\.1\.' uname -r
check "all cgroup v2 controllers" expect 0 'cpu io memory.*pids' \
	cat /sys/fs/cgroup/cgroup.controllers
for user in alice bob carol dave; do
	check "$user logs in to a session scope" in_session_scope "$user"
done
# A login waits for its basic.target alone.
for user in alice bob; do
	check "$user has a user manager" eventually 60 has_manager $user
done
check "carol has none" expect 1 . has_manager carol

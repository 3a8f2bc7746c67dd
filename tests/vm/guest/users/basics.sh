# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What works for everybody, with limits or without.  $mode is a flag of creel's
# or empty.

creel_run()
{
	# shellcheck disable=SC2086 # one flag or none
	creel run $mode "$@"
}

creel_exec()
{
	# shellcheck disable=SC2086
	creel exec $mode "$@"
}

workspace_is_mine()
{
	# Not /tmp: what is root's must lie where nobody else can go.
	dir=$(mktemp -d -p "$HOME") && echo outside >"$dir/in" || return 1
	creel_run --workspace "$dir" -- \
		sh -c 'cat in && echo inside >out && stat -c %u in out' || return 1
	stat -c '%u %n' "$dir/in" "$dir/out"
	test "$(stat -c %u "$dir/out")" = "$(id -u)" &&
		test "$(cat "$dir/out")" = inside && rm -r "$dir"
}

reads_a_pipe()
{
	test "$(echo through | creel_run -- cat)" = through
}

check "creel run -- id is 1000" expect 0 'uid=1000\(creel\) gid=1000' \
	creel_run -- id
check "the exit status is the command's" expect 7 '' creel_run -- sh -c 'exit 7'
check "127 for a command that is not there" expect 127 'no-such' \
	creel_run -- no-such
check "a pipe goes in and out" reads_a_pipe
check "workspace files are the caller's, both ways" workspace_is_mine
check "the network is loopback alone" expect 0 '^1 lo$' creel_run -- \
	sh -c 'n=$(grep -c : /proc/net/dev); echo $n $(sed -n "s/: .*//p" /proc/net/dev)'
check "/etc/shadow and /home are not there" expect 0 '^creel$' creel_run -- \
	sh -c 'test ! -e /etc/shadow && ls /home'
check "a command that overstays is stopped with 124" expect 124 '' \
	creel_run --timeout 2s -- sleep 100
check "a named sandbox is made by exec" expect 0 'made' \
	creel_exec basics -- sh -c 'echo made >/tmp/mark; cat /tmp/mark'
check "and found again" expect 0 '^made$' creel_exec basics -- cat /tmp/mark
# shellcheck disable=SC2086
check "and removed" creel rm $mode basics
# shellcheck disable=SC2086
check "doctor passes, and finds seccomp and Landlock ABI 2" \
	expect 0 '[Ll]andlock.*ABI 2' creel doctor $mode
# shellcheck disable=SC2086
check "doctor names seccomp" expect 0 'seccomp' creel doctor $mode

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Two users of the system service, each with a live sandbox over an idmapped
# workspace.  Read by tests/20-system.sh.

open_sandbox()
{
	session "$1" 'mkdir -p ws && echo "$USER" >ws/before &&
		creel run --system --name "$USER-box" --detach --workspace ws -- \
			sh -c "id -u >uid; touch inside; exec sleep 600"' &&
		eventually 60 test -e "/home/$1/ws/inside" &&
		eventually 20 sleeper "$1"
}

# The host's pid of the sleep in USER's sandbox.
sleeper()
{
	for pid in $(pgrep -x sleep); do
		seen=$(cat "/proc/$pid/root/workspace/before" 2>/dev/null)
		test "$seen" = "$1" || continue
		echo "$pid"
		return
	done
	return 1
}

owned_by()
{
	ls -ln "/home/$1/ws"
	test "$(stat -c %U:%G "/home/$1/ws/inside" "/home/$1/ws/before" \
		"/home/$1/ws/uid" | sort -u)" = "$1:$1"
}

block()
{
	pid=$(sleeper "$1") || return 1
	echo $(($(stat -c %u "/proc/$pid") / 65536))
}

# Neither user's id, nor one of the other's block.
ids_apart()
{
	a=$(block alice) && b=$(block bob) || return 1
	echo "alice's block $a, bob's $b"
	test "$a" != "$b" && test "$a" -gt 0 && test "$b" -gt 0
}

cannot_signal()
{
	pid=$(sleeper "$2") || return 1
	session "$1" "kill -0 $pid" && return 1
	session "$1" "kill -KILL $pid" && return 1
	kill -0 "$pid"
}

cannot_look()
{
	pid=$(sleeper "$2") || return 1
	session "$1" "ls /proc/$pid/root/ || cat /proc/$pid/environ ||
		ls -l /proc/$pid/fd/" && return 1
	return 0
}

not_listed()
{
	out=$(session "$1" 'creel list --system') || return 1
	echo "$out"
	echo "$out" | grep -q "$1-box" && ! echo "$out" | grep -q "$2-box"
}

cannot_use()
{
	for verb in kill rm; do
		session "$1" "creel $verb --system $2-box" && return 1
	done
	session "$2" "creel exec --system $2-box -- cat before" | grep -qx "$2"
}

# The two workspaces hold the same names; a source of the other's cannot even be
# opened.
cannot_bind()
{
	session "$1" "creel run --system --workspace /home/$2/ws -- cat before" &&
		return 1
	return 0
}

inside_sees_own()
{
	out=$(session "$1" "creel exec --system $1-box -- sh -c \
		'cat before; ls /proc | grep -c \"^[0-9]\"; stat -c %u before'")
	echo "$out"
	test "$(echo "$out" | sed -n 1p)" = "$1" &&
		test "$(echo "$out" | sed -n 2p)" -lt 8 &&
		test "$(echo "$out" | sed -n 3p)" = 1000
}

for user in alice bob; do
	check "$user opens a sandbox over a workspace" open_sandbox "$user"
	check "what $user's sandbox writes is $user's on the host" owned_by "$user"
	check "$user's sandbox sees its own files as 1000 and its own processes" \
		inside_sees_own "$user"
done
check "the two sandboxes run as different ids of different blocks" ids_apart
check "bob cannot signal alice's sandbox" cannot_signal bob alice
check "alice cannot signal bob's" cannot_signal alice bob
check "bob cannot look into alice's through /proc" cannot_look bob alice
check "bob's list has his sandbox alone" not_listed bob alice
check "alice's list has hers alone" not_listed alice bob
check "bob can neither kill nor remove alice's, and it lives" \
	cannot_use bob alice
check "bob cannot have alice's workspace in a sandbox" cannot_bind bob alice
for user in alice bob; do
	check "$user removes the sandbox" \
		session "$user" "creel rm --system $user-box"
done

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a configuration says of limits, where a machine can set them.

rows_dir=$HOME/rows
mkdir -p "$rows_dir"
# Without a bound of one's own there is that of the machine's policy.
rows_swap_max=max
# shellcheck disable=SC2086
creel version --json $mode | grep -q '"mode":"system"' &&
	rows_swap_max=1073741824

# docker NAME SECTION COMMAND...: in a new sandbox of a session, made of the
# members of agents.defaults.sandbox.docker.
docker()
{
	docker_name=$1
	cat >"$rows_dir/$1.json5" <<CONFIG
{ agents: { defaults: { sandbox: { mode: "all", scope: "session",
	workspaceRoot: "$rows_dir/sandboxes", docker: { $2 } } } } }
CONFIG
	shift 2
	# shellcheck disable=SC2086
	creel exec $mode --config "$rows_dir/$docker_name.json5" \
		"agent:main:$docker_name" -- "$@"
}

# end NAME: and its sandbox goes
end()
{
	# shellcheck disable=SC2086
	creel rm $mode --config "$rows_dir/$1.json5" "agent:main:$1"
}

# A tmpfs counts, and what does not fit is nowhere: no swap is used.
memory_bites()
{
	expect 137 'memory limit 64 MiB' docker memory 'memory: "64m"' \
		python3 -c 'x = b"x" * (200 << 20)' || return 1
	expect 0 alive docker memory 'memory: "64m"' echo alive && end memory
}

# limit FILE: of the sandbox whose memory limit is 77 MiB
limit()
{
	# Its directory can be passed, not read.
	find /sys/fs/cgroup -path '*sandboxes*' -type d -name '[bs][0-9]*' \
		2>/dev/null |
		while read -r found; do
			grep -qsx 80740352 "$found/memory.max" &&
				cat "$found/$1"
		done
}

# swap NAME WANT SECTION
swap()
{
	docker "$1" "memory: '77m', $3" true || return 1
	swap_got=$(limit memory.swap.max)
	echo "memory.swap.max is $swap_got, not $2"
	test "$swap_got" = "$2"
	swap_ret=$?
	end "$1"
	return $swap_ret
}

swaps()
{
	swap equal 0 'memorySwap: "77m"' &&
		swap more 33554432 'memorySwap: "109m"' &&
		swap none "$rows_swap_max" 'memorySwap: -1'
}

pids_bite()
{
	expect 0 'stopped' docker pids 'pidsLimit: 24' python3 -c '
import os, signal
made = []
try:
    while len(made) < 500:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        made.append(pid)
except BlockingIOError:
    print("stopped at", len(made))
for pid in made:
    os.kill(pid, signal.SIGKILL)' && end pids
}

cpus_bite()
{
	cpus_got=$(docker cpus 'cpus: 0.25' python3 -c '
import time
start, end = time.process_time(), time.monotonic() + 4
while time.monotonic() < end:
    pass
print(int((time.process_time() - start) * 25))') || return 1
	echo "$cpus_got % of a processor"
	end cpus
	test "$cpus_got" -ge 15 && test "$cpus_got" -le 35
}

stands_still()
{
	docker still '' sh -c '(while :; do echo x; sleep 0.05; done) \
		>/workspace/out 2>/dev/null </dev/null &' || return 1
	# shellcheck disable=SC2086
	creel pause $mode --config "$rows_dir/still.json5" agent:main:still ||
		return 1
	still_out=$(find "$rows_dir/sandboxes" -name out)
	still_size=$(stat -c %s "$still_out")
	sleep 1
	expect 125 'is paused' docker still '' true || return 1
	test "$(stat -c %s "$still_out")" = "$still_size" || return 1
	# shellcheck disable=SC2086
	creel resume $mode --config "$rows_dir/still.json5" agent:main:still &&
		expect 0 again docker still '' echo again && end still
}

check "docker.memory ends the command that takes more" memory_bites
check "docker.memorySwap is what memory leaves of it" swaps
check "docker.pidsLimit stops a fork bomb" pids_bite
check "docker.cpus is a share of a processor" cpus_bite
check "a paused session stands still" stands_still
rm -rf "$rows_dir"

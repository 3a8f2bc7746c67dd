# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Limits bite.

bomb='
hoard = []
while True:
    hoard.append(b"x" * (1 << 20))'

forks='
import os, signal, sys
n = 0
while True:
    try:
        if os.fork() == 0:
            signal.pause()
        n += 1
    except BlockingIOError:
        print("stopped at", n, flush=True)
        sys.exit(0 if 8 < n < 32 else 1)
    if n > 1000:
        sys.exit(2)'

# Rounds in four seconds, and the share of a processor that they had.
loop='
import time
n, start, end = 0, time.process_time(), time.monotonic() + 4
while time.monotonic() < end:
    n += 1
print(n, int((time.process_time() - start) * 25))'

run()
{
	# shellcheck disable=SC2086
	creel run $mode "$@"
}

# The rounds are told; the shares decide, since the machine is itself a process
# of a host that may be busy.
halved()
{
	half=$(run --cpus 0.5 -- python3 -c "$loop") &&
		full=$(run --cpus 1.5 -- python3 -c "$loop") || return 1
	echo "${half% *} rounds with ${half#* } % of a processor," \
		"${full% *} with ${full#* } %"
	test "${half#* }" -ge 40 && test "${half#* }" -le 60 &&
		test "${full#* }" -ge 85
}

survives()
{
	# shellcheck disable=SC2086
	creel exec $mode --memory 64m survivor -- python3 -c "$bomb"
	test $? = 137 || return 1
	# shellcheck disable=SC2086
	creel exec $mode survivor -- echo alive &&
		creel rm $mode survivor
}

# Of one command alone, as a tool asks for them. The limits that a sandbox has
# not been given are the command's own: another one of the session has none.
own()
{
	mkdir -p "$HOME/.config/creel"
	cat >"$HOME/.config/creel/creel.json5" <<-'EOF'
	{
	  agents: { defaults: { sandbox: { mode: "all" } } },
	  tools: {
	    python_exec: { sandbox_mode: "cgroup", cgroup: {
	      enabled: true, memory_max_mb: 64, cpu_quota_percent: 50 } },
	    sandbox: { tools: { allow: ["python_execute", "exec"] } },
	  },
	}
	EOF
}

python()
{
	# shellcheck disable=SC2086
	creel tool call $mode --json python_execute "{\"code\": \"$1\"}"
}

own_memory()
{
	said=$(python 'x = b\"x\" * (200 << 20)')
	printf '%s\n' "$said"
	case $said in *'"exit_code":137'*) ;; *) return 1 ;; esac
	# Who asked for the limit is said.
	case $said in *tools.python_exec.cgroup*) ;; *) return 1 ;; esac
	# shellcheck disable=SC2086
	creel tool call $mode exec '{"command":
		"python3 -c \"x = b\\\"x\\\" * (200 << 20)\""}'
}

own_cpu()
{
	said=$(python 'import time\ns, e = time.process_time(), time.monotonic() + 4\nwhile time.monotonic() < e: pass\nprint(\"share\", int((time.process_time() - s) * 25))')
	printf '%s\n' "$said"
	share=$(printf '%s\n' "$said" | sed 's/.*share \([0-9]*\).*/\1/')
	test "$share" -ge 30 && test "$share" -le 60
}

not_own()
{
	# shellcheck disable=SC2086
	creel rm $mode agent:main:main && rm "$HOME/.config/creel/creel.json5"
}

check "a memory bomb dies with 137 and the limit's name" \
	expect 137 'memory limit 64 MiB' run --memory 64m -- python3 -c "$bomb"
check "its sandbox lives on" survives
check "a fork bomb stops at the limit" expect 0 'stopped at' \
	run --pids 32 -- python3 -c "$forks"
check "half a processor does half the work" halved
own
check "a command's own memory limit is its own" own_memory
check "half a processor of its own is what it gets" own_cpu
check "the session of that is removed" not_own

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Limits of one command of a session that is not sandboxed: of a scope that the
# user's systemd makes, or none and no command.

mkdir -p "$HOME/host"
cat >"$HOME/host/creel.json5" <<-'EOF'
	{
	  agents: { defaults: { sandbox: { mode: "off" } } },
	  tools: {
	    python_exec: { sandbox_mode: "cgroup", max_timeout_seconds: 60, cgroup: {
	      enabled: true, memory_max_mb: 64, cpu_quota_percent: 50 } },
	    sandbox: { tools: { allow: ["python_execute", "exec"] } },
	  },
	}
EOF

# call TOOL ARGS
call()
{
	creel tool call --config "$HOME/host/creel.json5" --json "$@"
}

python()
{
	call python_execute "{\"code\": \"$1\", \"timeout_seconds\": 60}"
}

memory_bites()
{
	said=$(python 'x = b\"x\" * (200 << 20)')
	printf '%s\n' "$said"
	case $said in *'"exit_code":137'*) ;; *) return 1 ;; esac
	case $said in *'"sandboxed":false'*) ;; *) return 1 ;; esac
	# What has no such limit has none.
	expect 0 '"exitCode":0' call exec '{"yieldMs": 100000, "command":
		"python3 -c \"x = b\\\"x\\\" * (200 << 20)\""}'
}

# A machine that has other things to do gives less.
cpu_bites()
{
	said=$(python 'import time\ns, e = time.process_time(), time.monotonic() + 4\nwhile time.monotonic() < e: pass\nshare = int((time.process_time() - s) * 25)\nstat = open(\"/sys/fs/cgroup\" + open(\"/proc/self/cgroup\").read().strip()[3:] + \"/cpu.stat\").read()\nprint(\"throttled\", stat.split(\"nr_throttled\")[1].split()[0], \"share\", share)')
	printf '%s\n' "$said"
	numbers=$(printf '%s\n' "$said" | grep -o 'throttled [0-9]* share [0-9]*' |
		head -n 1)
	test "$(echo "$numbers" | cut -d' ' -f2)" -gt 0 &&
		test "$(echo "$numbers" | cut -d' ' -f4)" -le 60
}

# A unit's name is all that others see of it.
in_a_scope()
{
	expect 0 '[.]scope' python \
		'print(open(\"/proc/self/cgroup\").read(), \"odd\" + \"ity\")' &&
		! journalctl -q --no-pager 2>/dev/null | grep -q '"odd'
}

no_scope_is_left()
{
	manager=--user
	test "$(id -u)" != 0 || manager=--system
	left=$(systemctl $manager --no-legend --all list-units 'run-*.scope' |
		grep ' creel$')
	printf '%s\n' "$left"
	test -z "$left"
}

refused()
{
	said=$(python "open('$HOME/host/ran', 'w')")
	printf '%s\n' "$said"
	case $said in
	*sandbox_mode_unavailable*tools.python_exec.cgroup*) ;;
	*) return 1 ;;
	esac
	test ! -e "$HOME/host/ran"
}

if [ "${1:-}" = refused ]; then
	check "on the host a limit that cannot be had is refused, by key" refused
else
	check "on the host a memory limit is the command's alone" memory_bites
	check "on the host half a processor is what it gets" cpu_bites
	check "on the host it is in a scope, whose name says nothing" in_a_scope
	check "on the host no scope is left" eventually 10 no_scope_is_left
fi
rm -r "$HOME/host"

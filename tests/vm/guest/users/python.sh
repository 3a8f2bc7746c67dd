# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# sandbox_mode cgroup of python_execute, where nothing is sandboxed: the user's
# systemd limits the code, or it does not run.

CREEL_CONFIG=$HOME/python.toml
export CREEL_CONFIG
cat >"$CREEL_CONFIG" <<-'EOF'
	[agents.defaults.sandbox]
	mode = "off"
	[tools.python_exec]
	sandbox_mode = "cgroup"
	[tools.python_exec.cgroup]
	enabled = true
	memory_max_mb = 64
	cpu_quota_percent = 50
EOF

python()
{
	# shellcheck disable=SC2086
	creel tool call $mode --json python_execute "{\"code\": \"$1\"}"
}

# Less than the limit is there to be had, more is not.
memory()
{
	expect 0 '"stdout":"enough' python \
		'x = b\"x\" * (20 << 20); print(\"enough\")' &&
		expect 0 '"exit_code":137' python 'x = b\"x\" * (200 << 20)'
}

cpu()
{
	said=$(python 'import time\ns, e = time.process_time(), time.monotonic() + 4\nwhile time.monotonic() < e: pass\nprint(\"share\", int((time.process_time() - s) * 25))')
	printf '%s\n' "$said"
	share=$(printf '%s\n' "$said" | sed 's/.*share \([0-9]*\).*/\1/')
	test "$share" -ge 30 && test "$share" -le 60
}

refused()
{
	expect 1 'sandbox_mode_unavailable.*tools.python_exec.cgroup' python \
		'open(\"ran\", \"w\")'
}

nothing_left()
{
	test -z "$(find /tmp -name 'creel-python-*' -user "$(id -u)")"
}

if [ "${manager:-yes}" = yes ]; then
	check "python on the host: memory_max_mb bites" memory
	check "python on the host: cpu_quota_percent bites" cpu
else
	check "python on the host: without a user manager it is refused" refused
fi
check "python on the host: nothing is left in /tmp" nothing_left
rm "$CREEL_CONFIG"
unset CREEL_CONFIG

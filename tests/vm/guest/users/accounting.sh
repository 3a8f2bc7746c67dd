# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What each command used is told with its exit.

burn='
import time
while time.process_time() < 3:
    pass'
hoard='x = b"x" * (96 << 20)'

# field NAME: the number of that name in the JSON on stdin
field()
{
	sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | tail -n 1
}

told()
{
	# shellcheck disable=SC2086
	creel exec $mode --json accounted -- "$@" 2>&1
}

cpu_is_its_own()
{
	burnt=$(told python3 -c "$burn" | field cpu_usec)
	idle=$(told true | field cpu_usec)
	echo "burnt ${burnt:-?} us, idle ${idle:-?} us"
	test "${burnt:-0}" -ge 2900000 && test "$burnt" -lt 30000000 &&
		test "${idle:-$burnt}" -lt 1000000
}

peak_is_told()
{
	peak=$(told python3 -c "$hoard" | field memory_peak)
	echo "peak ${peak:-?}"
	test "${peak:-0}" -ge $((96 << 20)) && test "$peak" -lt $((256 << 20))
}

check "processor time is each command's own" cpu_is_its_own
check "the memory's peak is told" peak_is_told
# shellcheck disable=SC2086
check "the accounted sandbox is removed" creel rm $mode accounted

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

check "a memory bomb dies with 137 and the limit's name" \
	expect 137 'memory limit 64 MiB' run --memory 64m -- python3 -c "$bomb"
check "its sandbox lives on" survives
check "a fork bomb stops at the limit" expect 0 'stopped at' \
	run --pids 32 -- python3 -c "$forks"
check "half a processor does half the work" halved

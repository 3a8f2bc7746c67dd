# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Several users of the system service: they share nothing, and none can take
# what is another's.

before=$(snapshot)
unit=/sys/fs/cgroup/system.slice/creel-sandboxes.service

ceilings()
{
	dir=$unit/sandboxes/u-1001
	(cd $dir && grep . memory.max memory.swap.max pids.max cpu.max)
	test "$(cat $dir/memory.max $dir/memory.swap.max | sort -u)" = 268435456 &&
		test "$(cat $dir/pids.max)" = 120 &&
		test "$(cat $dir/cpu.max)" = '100000 100000'
}

# Of what the machine has, where the policy says nothing; root has it all.
default_ceilings()
{
	users=$unit/sandboxes
	(cd $users && grep . u-*/memory.max u-*/pids.max)
	total=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
	part=$(($(cat $users/u-1001/memory.max) / 1024 * 100 / total))
	echo "$part % of the memory"
	test $part -ge 74 && test $part -le 75 &&
		test "$(cat $users/u-1001/pids.max)" -le \
			$(($(cat /proc/sys/kernel/pid_max) / 4)) &&
		test "$(cat $users/u-1001/pids.max)" -le \
			$(($(cat /proc/sys/kernel/threads-max) / 4)) &&
		test "$(cat $users/u-0/memory.max $users/u-0/pids.max |
			sort -u)" = max
}

# Bob's turn, and how long he waited: not much longer than when he is alone.
quick_limit=600
quick()
{
	quick_start=$(date +%s)
	expect 0 '^quick$' session bob \
		"timeout $quick_limit creel run --system -- echo quick" || return 1
	quick_took=$(($(date +%s) - quick_start))
	echo "bob's took $quick_took s"
	test $quick_took -le $quick_limit
}

# What alice's sandboxes do in the background, while bob's work.
meanwhile()
{
	session alice "timeout -k 10 400 creel run --system --name hog $1" \
		>/tmp/hog.out 2>&1 &
	meanwhile_pid=$!
	eventually 120 sh -c "$2" && quick
	meanwhile_ret=$?
	session alice 'creel rm --system hog' >/dev/null 2>&1
	wait $meanwhile_pid
	tail -n 3 /tmp/hog.out
	return $meanwhile_ret
}

# It says how many processes it has made once it cannot have more.
bomb='
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(900)
        made += 1
except BlockingIOError:
    pass
with open("/workspace/made", "w") as file:
    print(made, file=file)
time.sleep(900)'

pids_bounded()
{
	echo "$bomb" >/home/alice/ws/bomb.py
	meanwhile '--workspace ws -- python3 /workspace/bomb.py' \
		'test -s /home/alice/ws/made' || return 1
	cat /home/alice/ws/made
	test "$(cat /home/alice/ws/made)" -lt 120
}

# Less than is a sandbox's own limit.
memory_bounded()
{
	meanwhile "-- python3 -c 'x = b\"x\" * (600 << 20)'" \
		"grep -q '^oom_kill [1-9]' $unit/sandboxes/u-1001/memory.events"
}

cpu_bounded()
{
	meanwhile "-- sh -c 'while :; do :; done & while :; do :; done'" \
		"grep -q '^nr_throttled [1-9]' $unit/sandboxes/u-1001/cpu.stat"
}

# As many connections as alice may open, on none of which she says a word.
connections()
{
	rm -f /tmp/vm-held
	session alice 'python3 -c "
import socket, time
held = []
try:
    while len(held) < 900:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.settimeout(5)
        one.connect(\"/run/creel/creel.sock\")
        held.append(one)
except OSError as why:
    print(why, flush=True)
print(len(held), flush=True)
open(\"/tmp/vm-held\", \"w\").close()
time.sleep(400)
"' &
	connections_pid=$!
	eventually 120 test -e /tmp/vm-held && quick
	connections_ret=$?
	pkill -u alice python3
	wait $connections_pid
	rm -f /tmp/vm-held
	return $connections_ret
}

# More users than the helpers of an earlier default.
all_served()
{
	for user in alice bob dave; do
		expect 0 "^$user$" session $user "creel run --system -- echo $user" ||
			return 1
	done
	expect 0 '^root$' creel run --system -- echo root
	pgrep -a -x creel-user
	test "$(pgrep -c -x creel-user)" = 4
}

count_bounded()
{
	for n in 1 2 3; do
		session alice "creel run --system --detach --name n$n -- sleep 300" ||
			return 1
	done
	expect 125 'sandbox' session alice 'creel run --system -- true' || return 1
	quick && session alice 'for n in n1 n2 n3; do creel rm --system $n; done'
}

check "the service starts" start_service
for user in alice bob dave; do
	session "$user" 'rm -rf ws'
done
. "$here/two-users.sh"
check "every user who is admitted is served at the same time" all_served
check "without a ceiling no user but root can take the whole machine" \
	default_ceilings
stop_service
check "the service starts with ceilings" start_service 'user-memory 256m' \
	'user-pids 120' 'user-cpus 1' 'max-sandboxes 3' 'pool 0'
check "alice has a sandbox" session alice 'creel run --system -- true'
check "bob has one, while nobody else has work" quick
alone=$(date +%s)
quick >/dev/null
quick_limit=$((($(date +%s) - alone) * 5 + 15))
check "user-memory, user-pids and user-cpus are her control group's" ceilings
check "alice's fork bomb ends at her ceiling, bob's command runs" pids_bounded
check "alice's memory ends at her ceiling, bob's command runs" memory_bounded
check "alice's loops have their share alone, bob's command runs" cpu_bounded
check "alice's sandboxes are counted, bob's are not among them" count_bounded
check "alice's silent connections do not keep bob waiting" connections
stop_service
check "no process, mount, namespace, cgroup is left" same_as "$before"

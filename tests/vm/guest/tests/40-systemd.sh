# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The system service: started by its socket, replaced while commands run, and
# stopped with all that is in it.

before=$(snapshot)
unit=/sys/fs/cgroup/system.slice/creel-sandboxes.service
helper=/usr/local/libexec/creel/creel-helper
test -x $helper || helper=/usr/libexec/creel/creel-helper
work=/home/alice/vm-work

accounts()
{
	getent passwd _creel && getent group creel &&
		test "$(id -u _creel)" -gt 0
}

nothing_runs()
{
	systemctl is-active creel.service creel-sandboxes.service && return 1
	test -z "$(helpers)"
}

# Of several, is-active is content with one.
both_run()
{
	systemctl is-active creel.service &&
		systemctl is-active creel-sandboxes.service
}

by_socket()
{
	systemctl start creel.socket && nothing_runs &&
		expect 0 '^1001$' session alice \
			'mkdir -p vm-work && creel run --system \
				--workspace vm-work -- touch made &&
				stat -c %u vm-work/made' &&
		eventually 20 both_run
}

# Not the group's, then not the policy's.
not_admitted()
{
	expect 125 'Permission denied' session carol \
		'creel run --system -- true' || return 1
	usermod -aG creel carol
	expect 125 'not admitted' session carol 'creel run --system -- true'
	not_admitted_ret=$?
	gpasswd -d carol creel >/dev/null
	return $not_admitted_ret
}

listener()
{
	systemctl show -P MainPID creel.service
}

# There may be one more for as long as a client is refused.
helpers_are()
{
	test "$(helpers | wc -l)" = "$1"
}

# Its processes, in the kernel's own words.
apart()
{
	grep . $unit/helper/cgroup.procs $unit/sandboxes/u-1001/helper/cgroup.procs
	cat "/proc/$(listener)/cgroup"
	grep -q '/creel.service$' "/proc/$(listener)/cgroup" || return 1
	eventually 20 helpers_are 4 || return 1
	for pid in $(helpers); do
		test "$(stat -c %U "/proc/$pid")" = _creel || return 1
		test "$pid" = "$(listener)" ||
			grep -qx "$pid" $unit/sandboxes/u-1001/helper/cgroup.procs ||
			return 1
	done
	grep -qx "$(pgrep -x creeld)" $unit/sandboxes/u-1001/helper/cgroup.procs
}

# One detached, and one whose client waits for it.
begin_work()
{
	session alice 'mkdir -p vm-work && creel run --system --workspace vm-work \
		-- sh -c "touch begun; while ! test -e end; do sleep 0.2; done; \
		echo whole; exit 7"' >/tmp/vm-work.out 2>&1
	echo "status $?" >>/tmp/vm-work.out
}

work_begun()
{
	eventually 60 test -e "$work/begun" &&
		session alice 'creel run --system --detach --name stays -- sleep 900'
}

goes_on()
{
	echo "user's helper $user_helper, now $(pgrep -x creel-user)"
	expect 0 'stays' session alice 'creel list --system' &&
		expect 0 'reached' session alice \
			'creel exec --system stays -- echo reached' &&
		test "$(pgrep -x creel-user)" = "$user_helper" &&
		! grep status /tmp/vm-work.out
}

replaced()
{
	replaced_old=$(listener)
	"$@" || return 1
	eventually 60 sh -c 'test "$(systemctl show -P MainPID creel)" \
		!= '"$replaced_old"' && systemctl -q is-active creel' || return 1
	echo "listener $replaced_old, now $(listener)"
	goes_on
}

# The files of another version, in the old ones' place.
upgrade()
{
	cp -p $helper $helper.new && mv $helper.new $helper &&
		systemctl daemon-reload && systemctl restart creel.service
}

crash()
{
	kill -KILL "$(listener)"
}

watchdog_logged()
{
	journalctl -q --no-pager -u creel.service | grep -i 'watchdog timeout'
}

# The machine may itself stand still for some seconds.
stuck()
{
	mkdir -p /run/systemd/system/creel.service.d
	printf '[Service]\nWatchdogSec=15s\n' \
		>/run/systemd/system/creel.service.d/vm.conf
	systemctl daemon-reload && systemctl restart creel.service || return 1
	# It says that it is alive for longer than it may be silent.
	stuck_pid=$(listener)
	sleep 18
	test "$(listener)" = "$stuck_pid" || return 1
	replaced kill -STOP "$stuck_pid" || return 1
	eventually 20 watchdog_logged
}

status_arrives()
{
	touch "$work/end"
	eventually 60 grep -q status /tmp/vm-work.out
	cat /tmp/vm-work.out
	grep -qx whole /tmp/vm-work.out && grep -qx 'status 7' /tmp/vm-work.out
}

in_store()
{
	in_store_n=$(systemctl show -P NFileDescriptorStore creel.service)
	echo "$in_store_n descriptors"
	test "$in_store_n" = "$1"
}

# What a helper that ended leaves there is let go of.
store_emptied()
{
	kill -KILL "$user_helper" && eventually 20 in_store 0 &&
		expect 0 '^ok$' session alice 'creel run --system -- echo ok' &&
		eventually 20 in_store 1
}

death_logged()
{
	journalctl -q --no-pager -t creel-helper -p err CREEL_MODE=system \
		-o json | tail -n 3 >/tmp/vm-journal
	grep -q 'dispatcher.*died of signal' /tmp/vm-journal &&
		grep -q '"PRIORITY":"3"' /tmp/vm-journal &&
		grep -q '"_SYSTEMD_UNIT":"creel-sandboxes.service"' /tmp/vm-journal
}

journal_says()
{
	pkill -SEGV -x creel-dispatch
	eventually 20 death_logged && return
	cat /tmp/vm-journal
	return 1
}

hardened()
{
	hardened_got=$(systemd-analyze security --no-pager creel.service |
		sed -n 's/.*exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
	echo "exposure $hardened_got tenths"
	test "$hardened_got" -le 58
}

# A command that would never end, and no client is left without an answer.
stops_all()
{
	session alice 'creel run --system --workspace vm-work -- \
		sh -c "touch endless; exec sleep 900"' >/dev/null 2>&1 &
	stops_all_client=$!
	eventually 60 test -e "$work/endless" || return 1
	# A client that waits comes back, and would start the service again.
	systemctl stop creel.socket creel.service || return 1
	eventually 60 nothing_runs || return 1
	eventually 60 sh -c '! pgrep -u alice -x creel' || return 1
	wait $stops_all_client
	echo "the client's status: $?"
	eventually 20 test ! -e $unit
}

comes_again()
{
	systemctl start creel.socket
	expect 0 '^again$' session alice 'creel run --system -- echo again'
}

stays_away()
{
	stop_service || return 1
	expect 125 . session alice 'creel run --system -- true' || return 1
	expect 0 '^rootless$' session alice 'creel run -- echo rootless' || return 1
	! systemctl is-active creel.service creel-sandboxes.service
}

policy_named()
{
	journalctl -q --no-pager -t creel-helper | tail -n 3 |
		grep 'helper.conf:[0-9]*: unknown key nonsense'
}

# And nothing is under way.
not_tried_again()
{
	systemctl show -p ActiveState,NRestarts creel.service | sort |
		paste -sd ' ' | grep -x 'ActiveState=failed NRestarts=0'
}

# It says where, and does not try again.
wrong_policy()
{
	echo 'nonsense 1' >>"$policy_dir/helper.conf"
	! systemctl start creel.service && eventually 20 policy_named &&
		eventually 20 not_tried_again
	wrong_policy_ret=$?
	journalctl -q --no-pager -t creel-helper | tail -n 3
	systemctl --no-pager status creel.service
	stop_service
	systemctl reset-failed
	return $wrong_policy_ret
}

check "account, group, directory and policy are made" prepare_service
check "there is an account _creel, not root's, and a group creel" accounts
check "the first client starts the service through its socket" by_socket
check "who is not in the group, or not in the policy, is refused" not_admitted
check "users' helpers are apart from the listener, none of them root's" apart
begin_work &
check "a command runs, and a sandbox is there" work_begun
user_helper=$(pgrep -x creel-user)
check "the service manager keeps the link to the user's helper" \
	eventually 20 in_store 1
check "restart: sandboxes and commands go on, and are reached" \
	replaced systemctl restart creel.service
check "upgrade: sandboxes and commands go on, and are reached" replaced upgrade
check "crash: sandboxes and commands go on, and are reached" replaced crash
check "watchdog: a listener that hangs is replaced, sandboxes go on" stuck
check "the command's status arrives after all that" status_arrives
check "links of helpers that ended are not kept" store_emptied
check "the journal has identifier, priority, mode and unit" journal_says
check "systemd-analyze security says 5.8 at most" hardened
check "stop ends helpers, sandboxes and commands" stops_all
check "the next client starts the service again" comes_again
check "without the socket the service stays away" stays_away
check "a wrong policy keeps the service from starting, and is named" \
	wrong_policy
end_helper alice >/dev/null
rm -rf "$work" /run/systemd/system/creel.service.d
systemctl daemon-reload
check "no process, mount, namespace, cgroup is left" same_as "$before"

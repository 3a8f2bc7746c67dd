# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the tests in the machine share.  Read before each, by main.sh (as root)
# and by what `as` starts (as the user).

# check WHAT COMMAND...: one promise.  What the command said is shown where it
# fails.
check()
{
	check_what=$1
	shift
	if check_said=$("$@" 2>&1); then
		echo "ok - ${who:+$who: }$check_what"
	else
		echo "not ok - ${who:+$who: }$check_what"
		printf '%s\n' "$check_said" | head -n 30 | sed 's/^/# /'
	fi
}

# skip WHAT WHY
skip()
{
	echo "ok - ${who:+$who: }$1 # SKIP $2"
}

# as USER [-w WHO] FILE ARG...: a file of users/ in a login session of the user's
# own, by ssh.  WHO begins its lines instead of the user's name.
as()
{
	as_user=$1
	as_who=$1
	shift
	test "$1" != -w || { as_who=$2 && shift 2; }
	as_file=$1
	shift
	session "$as_user" "who='$as_who' sh -c '. $here/tap.sh; \
		. $here/users/$as_file.sh' sh $*"
}

# session USER COMMAND: a line for the shell of a login session.
session()
{
	ssh -q -n -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		"$1@localhost" "here=$here; export here; $2"
}

# expect STATUS PATTERN COMMAND...: the exit status, and an extended regular
# expression that the output has.
expect()
{
	expect_status=$1
	expect_pattern=$2
	shift 2
	expect_out=$("$@" 2>&1)
	expect_got=$?
	printf '%s\n' "$expect_out"
	if [ "$expect_got" != "$expect_status" ]; then
		echo "exit status $expect_got, not $expect_status"
		return 1
	fi
	printf '%s\n' "$expect_out" | grep -Eq -- "$expect_pattern" && return
	echo "nothing like $expect_pattern in it"
	return 1
}

# eventually SECONDS COMMAND...: it succeeds within that time.
eventually()
{
	eventually_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		test "$(date +%s)" -lt "$eventually_end" || return 1
		sleep 0.2
	done
}

# What a test must leave as it was, a kind a line.
snapshot()
{
	echo "processes: $(ps -eo comm= | grep -c creel)"
	echo "mounts: $(grep -vc ' /run/user/' /proc/1/mountinfo)"
	for type in user pid net ipc uts cgroup; do
		echo "$type: $(lsns -n -r -o NS -t $type | wc -l)"
	done
	echo "cgroups: $(find /sys/fs/cgroup -type d -path '*creel*' \
		! -path '*/creel-vm.service*' | wc -l)"
	echo "files: $(find /run /tmp /dev/shm -xdev -name '*creel*' \
		! -path '/run/systemd/*' ! -path /run/creel | paste -sd ' ')"
}

same_as()
{
	same_end=$(($(date +%s) + 60))
	until same_now=$(snapshot) && [ "$same_now" = "$1" ]; do
		test "$(date +%s)" -lt "$same_end" && sleep 0.5 && continue
		printf 'before:\n%s\nnow:\n%s\n' "$1" "$same_now"
		ps -eo pid,ppid,user,comm,args | grep '[c]reel'
		return 1
	done
}

no_sandbox()
{
	no_sandbox_list=$(session "$1" "creel list ${mode:-}") || return 1
	echo "$no_sandbox_list"
	test "$(echo "$no_sandbox_list" | grep -c .)" -le 1 || return 1
	! pgrep -u "$1" -x creel-init
}

# helpers [USER]: the pids of creel-helper's processes that belong to the host:
# those in other user namespaces are sandboxes, or will be.
helpers()
{
	for helpers_pid in $(pgrep ${1:+-u "$1"} '^creel-'); do
		test "$(readlink "/proc/$helpers_pid/ns/user")" = \
			"$(readlink /proc/1/ns/user)" || continue
		case $(readlink "/proc/$helpers_pid/exe") in
		*/creel-helper) echo "$helpers_pid" ;;
		esac
	done
}

end_helper()
{
	end_helper_pid=$(pgrep -u "$1" -x creel-listener) || return 1
	kill -TERM "$end_helper_pid"
	eventually 30 sh -c "! pgrep -u $1 creel"
}

# Where the installed helper looks for its policy.
policy_dir=/etc/creel
test ! -d /usr/local/libexec/creel || policy_dir=/usr/local/etc/creel

# What a package does once: account, group, directory, and who is admitted.
prepare_service()
{
	{
		systemd-sysusers && systemd-tmpfiles --create creel.conf
	} 2>&1 | grep -v '^Creating'
	for prepare_user in alice bob dave; do
		usermod -aG creel "$prepare_user" || return 1
	done
	mkdir -p "$policy_dir"
	printf '%s\n' 'allow 0 1001 1002 1004' 'max-memory 1g' "$@" \
		>"$policy_dir/helper.conf"
}

# start_service [LINE...]: the system service, as a package's units start it; the
# lines are the policy's.
start_service()
{
	prepare_service "$@" && systemctl start creel.socket creel.service && return
	systemctl --no-pager --full status creel.service
	return 1
}

stop_service()
{
	systemctl stop creel.socket creel.service creel-sandboxes.service
}

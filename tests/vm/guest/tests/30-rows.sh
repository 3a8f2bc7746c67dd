# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a configuration says of limits, by a user's own helper and by the
# system's; and what confines commands beside creel.

before=$(snapshot)

# A profile that the machine has loaded takes away what it says, and nothing
# runs without it.
confined()
{
	cat >/tmp/vm-profile <<'PROFILE'
profile creel-vm-test flags=(attach_disconnected) {
	file,
	capability,
	network,
	signal,
	unix,
	deny /etc/passwd r,
}
PROFILE
	apparmor_parser -r /tmp/vm-profile || return 1
	for confined_how in "--system" "--rootless"; do
		expect 0 'root:x' session alice \
			"creel run $confined_how -- cat /etc/passwd" || return 1
		expect 1 'Permission denied' session alice \
			"creel run $confined_how --apparmor creel-vm-test -- \
				cat /etc/passwd" || return 1
		expect 0 'creel-vm-test \(enforce\)' session alice \
			"creel run $confined_how --apparmor creel-vm-test -- \
				cat /proc/self/attr/current" || return 1
		expect 125 'no profile of that name is loaded' session alice \
			"creel run $confined_how --apparmor creel-vm-nix -- \
				echo ran" || return 1
	done
	# Of every command, also in a sandbox that another creeld made.
	session alice 'creel run --system --detach --name conf \
		--apparmor creel-vm-test -- sleep 60' || return 1
	pkill -9 -u alice -x creeld
	expect 0 'creel-vm-test \(enforce\)' session alice \
		'creel exec --system conf -- cat /proc/self/attr/current' &&
		session alice 'creel rm --system conf'
}

as alice -w "alice, rootless" rows
check "the system service listens" start_service
as alice -w "alice, system" rows
check "an AppArmor profile confines every command" confined
check "alice: no sandbox is left" no_sandbox alice
stop_service
check "alice: the helper ends when told to" end_helper alice
check "no process, mount, namespace, cgroup is left" same_as "$before"

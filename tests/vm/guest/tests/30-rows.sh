# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a configuration says of limits, by a user's own helper and by the
# system's; and what confines commands beside creel.

. "$here/apparmor.sh"

before=$(snapshot)

# Of every command, also in a sandbox that another creeld made.
confines_again()
{
	session alice 'creel run --system --detach --name conf \
		--apparmor creel-vm-own -- sleep 60' || return 1
	pkill -9 -u alice -x creeld
	expect 0 'creel-vm-own \(enforce\)' session alice \
		'creel exec --system conf -- cat /proc/self/attr/current' &&
		session alice 'creel rm --system conf'
}

as alice -w "alice, rootless" rows
check "the system service listens" start_service
as alice -w "alice, system" rows
for how in --system --rootless; do
	check "an AppArmor profile confines commands, $how" own_confines $how
done
check "and those that another creeld starts in the same sandbox" confines_again
check "alice: no sandbox is left" no_sandbox alice
stop_service
check "alice: the helper ends when told to" end_helper alice
check "no process, mount, namespace, cgroup is left" same_as "$before"

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A profile of the administrator's: it permits all that creel needs, but one file.
# Read by the tests of what confines beside creel.

# own_profile NAME: it is loaded.
own_profile()
{
	apparmor_parser -r <<-PROFILE
		profile $1 flags=(attach_disconnected,mediate_deleted) {
			file,
			capability,
			network,
			signal,
			unix,
			ptrace,
			mount,
			remount,
			umount,
			pivot_root,
			change_profile -> &creel-sandbox,
			deny /etc/hosts r,
		}
	PROFILE
}

# own_confines --system|--rootless: it does so where it is asked for, and nothing
# runs where it is not loaded.
own_confines()
{
	own_profile creel-vm-own || return 1
	expect 0 localhost session alice "creel run $1 -- cat /etc/hosts" || return 1
	expect 1 'Permission denied' session alice \
		"creel run $1 --apparmor creel-vm-own -- cat /etc/hosts" || return 1
	expect 0 'creel-vm-own \(enforce\)' session alice \
		"creel run $1 --apparmor creel-vm-own -- cat /proc/self/attr/current" &&
		expect 125 'no profile of that name is loaded' session alice \
			"creel run $1 --apparmor creel-vm-nix -- echo ran"
}

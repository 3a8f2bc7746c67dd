# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The package's AppArmor profiles: they are loaded, helpers, controllers and
# commands are under them, everything works so, and they forbid what they say.

. "$here/package.sh"

loaded()
{
	grep '^creel-' /sys/kernel/security/apparmor/profiles
	for name in creel-helper creel-sandbox; do
		grep -qx "$name (enforce)" \
			/sys/kernel/security/apparmor/profiles || return 1
	done
}

# It is there for parsers that know it, and this one does not.
userns_left_out()
{
	test -s /usr/share/creel/creel-userns || return 1
	echo 'profile creel-vm-try { include "/usr/share/creel/creel-userns" }' |
		apparmor_parser -QKT && return 1
	absent /etc/apparmor.d/abstractions/creel-userns
}

# under USER NAME...: each process of the name, and there is one.
under()
{
	under_user=$1
	shift
	for under_name; do
		under_pids=$(pgrep -u "$under_user" -x "$under_name") || return 1
		for pid in $under_pids; do
			echo "$under_name $(cat "/proc/$pid/attr/current")"
			test "$(cat "/proc/$pid/attr/current")" = \
				'creel-helper (enforce)' || return 1
		done
	done
}

command_under()
{
	expect 0 '^creel-helper//&creel-sandbox \(enforce\)$' session alice \
		"creel run $1 -- cat /proc/self/attr/current"
}

# Nor does what pid 1 is, or a program by another name, matter.
all_under()
{
	expect 0 . session alice "creel run $1 -- sh -c 'cp /bin/cat /tmp/newuidmap
		for i in cat /tmp/newuidmap; do
			\$i /proc/1/attr/current /proc/self/attr/current
		done'" >/tmp/vm-labels
	cat /tmp/vm-labels
	test "$(grep -cx 'creel-helper//&creel-sandbox (enforce)' \
		/tmp/vm-labels)" = 4
}

# Writing it elsewhere is the control.
stays()
{
	sh -c 'echo exec unconfined >/proc/self/attr/exec' || return 1
	for stays_to in unconfined creel-helper creel-sandbox; do
		expect 0 'I/O error no$' session alice "creel run $1 -- sh -c \
			'echo exec $stays_to >/proc/self/attr/exec && id || echo no' \
			2>&1 | paste -sd ' '" || return 1
	done
}

without_sandbox_profile()
{
	end_helper alice
	printf creel-sandbox >/sys/kernel/security/apparmor/.remove
	expect 125 'creel-sandbox' session alice 'creel run --rootless -- echo ran'
	without_sandbox_got=$?
	apparmor_parser -r /etc/apparmor.d/usr.libexec.creel.creel-helper
	test $without_sandbox_got = 0 && runs alice --rootless
}

# Outside of a sandbox, where nothing else forbids it: with and without.
forbids()
{
	forbids_profile=$1
	shift
	sh -c "$*" && ! aa-exec -p "$forbids_profile" -- sh -c "$*"
}

# A profile of the administrator's is in force beside them.
and_own()
{
	cat >/tmp/vm-profile <<'PROFILE'
profile creel-vm-own flags=(attach_disconnected) {
	file,
	capability,
	network,
	signal,
	unix,
	deny /etc/passwd r,
}
PROFILE
	apparmor_parser -r /tmp/vm-profile || return 1
	expect 0 'root:x' session alice "creel run $1 -- cat /etc/passwd" || return 1
	expect 1 'Permission denied' session alice \
		"creel run $1 --apparmor creel-vm-own -- cat /etc/passwd" || return 1
	expect 0 'creel-vm-own.*\(enforce\)' session alice \
		"creel run $1 --apparmor creel-vm-own -- cat /proc/self/attr/current" &&
		expect 125 'no profile of that name is loaded' session alice \
			"creel run $1 --apparmor creel-vm-nix -- echo ran"
}

denials()
{
	dmesg | grep 'apparmor="DENIED"' | grep 'profile="creel-[hs]'
}

check "the package is there" install_new
check "alice is admitted to the system's helper" admit
check "both profiles are loaded and enforced" loaded
check "the rule of user namespaces is left out where the parser has it not" \
	userns_left_out
dmesg --clear
export mode=--system
as alice -w "alice, system, confined" basics
as alice -w "alice, system, confined" limits
export mode=
as alice -w "alice, rootless, confined" basics
as alice -w "alice, rootless, confined" limits
as bob -w "bob, rootless, one id, confined" basics
session alice 'creel run --rootless -- true'
check "the service's processes are under creel-helper" under _creel \
	creel-listener creel-user creel-dispatch creel-spawner
check "alice's own processes and controllers too" under alice \
	creel-listener creeld
check "a command in a sandbox of the system's is under both" \
	command_under --system
check "a command in a sandbox of one's own is under both" \
	command_under --rootless
check "all of a sandbox is, whatever is executed" all_under --system
denials_seen=$(denials)
check "nothing of it was denied anything" test -z "$denials_seen"
test -z "$denials_seen" || echo "$denials_seen" | tail -n 20 | sed 's/^/# /'
check "a command cannot leave them" stays --system
check "creel-sandbox forbids mounts" forbids creel-sandbox \
	'mount -t tmpfs none /mnt && umount /mnt'
check "creel-sandbox forbids to set the clock" forbids creel-sandbox \
	'date -s "$(date)" >/dev/null'
check "creel-helper forbids the kernel's core_pattern" forbids creel-helper \
	'cat /proc/sys/kernel/core_pattern >/tmp/vm-core &&
		cat /tmp/vm-core >/proc/sys/kernel/core_pattern'
check "creel-helper forbids to set the clock" forbids creel-helper \
	'date -s "$(date)" >/dev/null'
check "a profile of the administrator's confines too, in the system's" \
	and_own --system
check "a profile of the administrator's confines too, in one's own" \
	and_own --rootless
check "where creel-sandbox is not loaded no sandbox starts" \
	without_sandbox_profile
end_helper alice >/dev/null
end_helper bob >/dev/null

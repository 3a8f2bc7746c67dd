# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The package's AppArmor profiles: they are loaded, helpers, controllers and
# commands are under them, everything works so, and they forbid what they say.

. "$here/package.sh"
. "$here/apparmor.sh"

drop_in=/run/systemd/system/creel.service.d

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

# service_in LABEL: and nothing of it is left that was in another.
service_in()
{
	mkdir -p $drop_in
	printf '[Service]\nAppArmorProfile=%s\n' "$1" >$drop_in/vm.conf
	service_anew && service_label=$(cat \
		"/proc/$(systemctl show -P MainPID creel.service)/attr/current") &&
		echo "the listener is in $service_label"
}

service_anew()
{
	systemctl daemon-reload && stop_service &&
		systemctl start creel.socket creel.service
}

# label: of a sandbox of the service's, pid 1's and the command's
labels()
{
	session alice "creel run --system -- \
		cat /proc/1/attr/current /proc/self/attr/current" | tee /dev/stderr |
		sort | uniq -c | sed 's/^ *//'
}

# beside NAME LABEL LABEL: in each of creel's profiles there, too, as the kernel
# sorts them.
beside()
{
	own_profile "$1" && service_in "$1//&creel-helper" || return 1
	test "$service_label" = "$2 (enforce)" || return 1
	test "$(labels)" = "2 $3 (enforce)" &&
		expect 1 'Permission denied' session alice \
			'creel run --system -- cat /etc/hosts'
}

# It is not the package's.
like_it()
{
	own_profile vm-creel-helper-own && service_in vm-creel-helper-own &&
		test "$(labels)" = '2 vm-creel-helper-own (enforce)'
}

# It could name creel-helper past the end of what was read.
too_long()
{
	too_long_label=creel-helper
	for too_long_n in 6 5 4 3 2 1; do
		too_long_name=a$(printf %0200d $too_long_n)
		own_profile "$too_long_name" || return 1
		too_long_label="$too_long_name//&$too_long_label"
	done
	service_in "$too_long_label" || return 1
	test "$service_label" = "$too_long_label (enforce)" || return 1
	expect 125 "AppArmor's label is too long" session alice \
		'creel run --system -- echo ran'
}

as_packaged()
{
	rm -r $drop_in
	service_anew && test "$(labels)" = '2 creel-helper//&creel-sandbox (enforce)'
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
	own_confines --system
check "a profile of the administrator's confines too, in one's own" \
	own_confines --rootless
check "beside another profile of the service's, creel-sandbox is stacked" \
	beside vm-own 'creel-helper//&vm-own' 'creel-helper//&creel-sandbox//&vm-own'
check "and behind one" beside admin-vm 'admin-vm//&creel-helper' \
	'admin-vm//&creel-helper//&creel-sandbox'
check "a profile whose name has creel-helper's in it is another" like_it
check "in more profiles than are looked at no sandbox starts" too_long
check "as packaged, the service is under creel-helper again" as_packaged
check "where creel-sandbox is not loaded no sandbox starts" \
	without_sandbox_profile
end_helper alice >/dev/null
end_helper bob >/dev/null

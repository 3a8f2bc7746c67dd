# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Where something is missing, doctor and the command that cannot run say exactly
# what to do, and what does not need it goes on.

. "$here/package.sh"

# with_sysctl NAME COMMAND...: at 0.
with_sysctl()
{
	with_name=$1
	with_old=$(sysctl -n "$1")
	shift
	sysctl -q -w "$with_name=0"
	"$@"
	with_ret=$?
	sysctl -q -w "$with_name=$with_old"
	return $with_ret
}

# hinted USER STATUS LEVEL WHY HINT
hinted()
{
	hinted_out=$(session "$1" 'creel doctor --rootless' 2>&1)
	hinted_got=$?
	echo "$hinted_out"
	test $hinted_got = "$2" && echo "$hinted_out" | grep -A 1 "^$3 .*$4" |
		grep -q "hint: .*$5"
}

refused_with_hint()
{
	expect 125 "^hint: .*$2" session "$1" 'creel run --rootless -- true'
}

without_uidmap()
{
	mkdir /usr/bin/away
	mv /usr/bin/newuidmap /usr/bin/newgidmap /usr/bin/away
	"$@"
	without_ret=$?
	mv /usr/bin/away/* /usr/bin
	rmdir /usr/bin/away
	return $without_ret
}

# What it says to do, done.
mended()
{
	sysctl -q -w "$1=0"
	mended_do=$(session alice 'creel doctor' |
		sed -n 's/.*hint: as root: \(sysctl .*\)/\1/p')
	echo "told to: $mended_do"
	sh -c "$mended_do" && expect 0 . session alice 'creel doctor' &&
		runs alice
}

aa_on()
{
	test "$(cat /sys/module/apparmor/parameters/enabled)" = Y
}

check "the package is there" install_new
check "alice is admitted to the system's helper" admit
end_helper alice >/dev/null
for name in kernel.unprivileged_userns_clone user.max_user_namespaces; do
	check "$name=0: doctor fails, and says how to set it" \
		with_sysctl $name hinted alice 1 failed "$name is 0" \
		"as root: sysctl -w $name=[1-9]"
	check "$name=0: creel run says so" \
		with_sysctl $name refused_with_hint alice .
	check "$name=0: what doctor says mends it" mended $name
	end_helper alice >/dev/null
done
check "kernel.unprivileged_userns_clone=0: doctor fails for the system's, too" \
	with_sysctl kernel.unprivileged_userns_clone says_what_to_do alice --system 1
check "kernel.unprivileged_userns_clone=0: and for root" \
	with_sysctl kernel.unprivileged_userns_clone says_what_to_do root '' 1
check "without newuidmap: doctor warns, and says what to install" \
	without_uidmap hinted alice 0 warning 'newuidmap is missing' \
	'as root: apt-get install uidmap'
check "without newuidmap: creel run" without_uidmap runs alice --rootless
check "without a range of ids: doctor says how to give one" \
	hinted bob 0 warning 'no range of 65536' 'as root: usermod --add-subuids'
check "without delegated control groups: doctor says what to do" \
	hinted dave 0 warning 'no subtree is delegated' 'log in so that'
check "without delegated control groups: creel run" runs dave --rootless
check "control: AppArmor is on" aa_on
check "AppArmor on: creel run, of a user" runs alice --rootless
check "AppArmor on: creel run, of the system's helper" runs alice --system
end_helper alice >/dev/null

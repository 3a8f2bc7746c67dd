# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# An ordinary user, nothing set up, from a login by ssh: with and without a
# subordinate id range, with and without a user manager.

before=$(snapshot)

# The machine has no system service yet, so a plain creel is rootless.
as alice -w "range, manager" basics
as alice -w "range, manager" limits
as alice -w "range, manager" accounting
as bob -w "one id, manager" basics
as bob -w "one id, manager" limits
as carol -w "range, no manager" basics
as carol -w "range, no manager" refused
as dave -w "one id, no manager" basics
as dave -w "one id, no manager" refused

outlives_login()
{
	session alice 'creel run --detach --name stays -- sleep 600' || return 1
	# More than the ten seconds that a user manager outlives its last login.
	eventually 30 sh -c '! loginctl list-sessions | grep -q alice'
	sleep 12
	expect 0 'stays' session alice 'creel list' &&
		session alice 'creel rm stays'
}

loginctl enable-linger alice
as alice -w "lingering" linger
check "lingering: a detached sandbox outlives the login" outlives_login
loginctl disable-linger alice

for user in alice bob carol dave; do
	check "$user: no sandbox is left" no_sandbox "$user"
	check "$user: the helper ends when told to" end_helper "$user"
done
check "no process, mount, namespace, cgroup is left" same_as "$before"

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

loginctl enable-linger alice
as alice -w "lingering" linger
loginctl disable-linger alice

for user in alice bob carol dave; do
	check "$user: no sandbox is left" no_sandbox "$user"
	check "$user: the helper ends when told to" end_helper "$user"
done
check "no process, mount, namespace, cgroup is left" same_as "$before"

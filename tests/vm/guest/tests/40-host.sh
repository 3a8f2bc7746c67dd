# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sessions that are not sandboxed, of users with and without a user manager, and
# of root, whose manager is the system's.

before=$(snapshot)
check "the system service listens" start_service

as alice -w "manager" host
as carol -w "no manager" host refused
who=root
. "$here/users/host.sh"
who=

check "carol: the helper ends when told to" end_helper carol
stop_service
check "no process, mount, namespace, cgroup is left" same_as "$before"

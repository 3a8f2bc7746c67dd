# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A user's own units: creel.socket and creel.service of systemctl --user.

before=$(snapshot)

check "alice: the user's socket is enabled and started" session alice \
	'systemctl --user enable --now creel.socket 2>&1'
as alice user-unit
check "alice: the user's units are stopped" session alice \
	'systemctl --user disable --now creel.socket creel.service 2>&1 &&
		systemctl --user reset-failed'
check "alice: no helper is left" eventually 40 sh -c "! pgrep -u alice '^creel' >/dev/null"
check "no process, mount, namespace, cgroup is left" same_as "$before"

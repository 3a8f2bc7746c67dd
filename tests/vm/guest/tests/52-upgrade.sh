# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Upgrade, removal and purge under systemd.

# Else alice's own helper ends some seconds after her last login session.
check "alice's manager stays when she logs out" loginctl enable-linger alice
lives=yes
. "$here/removal.sh"
loginctl disable-linger alice

no_unit_failed()
{
	systemctl --no-legend --failed | grep creel && return 1
	return 0
}

check "no unit of the package's has failed" no_unit_failed

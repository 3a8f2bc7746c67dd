# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Upgrade, removal and purge under sysvinit.

lives=yes
. "$here/removal.sh"

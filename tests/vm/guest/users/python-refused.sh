# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# As python.sh, of a user who has no manager.

manager=no
. "$here/users/python.sh"

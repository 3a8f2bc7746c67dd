# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# With lingering on, doctor has nothing to warn of.

quiet()
{
	out=$(creel doctor 2>&1) || return 1
	echo "$out"
	! echo "$out" | grep -i '^warning.*linger'
}

check "doctor does not warn of lingering" quiet

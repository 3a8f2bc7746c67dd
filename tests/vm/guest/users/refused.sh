# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Without delegated controllers a limit is an error that names the controller,
# and the command does not run.

refused()
{
	controller=$1
	shift
	dir=$(mktemp -d)
	expect 125 "$controller" creel run "$@" --workspace "$dir" -- \
		touch ran || return 1
	echo "$expect_out" | grep -q '^hint: ' || return 1
	test ! -e "$dir/ran" && rmdir "$dir"
}

check "--memory is refused, naming the memory controller" \
	refused memory --memory 64m
check "--pids is refused, naming the pids controller" refused pids --pids 32
check "--cpus is refused, naming the cpu controller" refused cpu --cpus 0.5

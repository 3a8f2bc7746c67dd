#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What ./bootstrap does about missing packages, with every tool that it would
# call replaced by one that writes down how it was called.
set -u

top=${top_srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0

# tool NAME BODY
tool() {
	printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# fresh UID MISSING-PACKAGE-OR-NONE
fresh() {
	rm -rf "$work"
	mkdir -p "$work/bin" "$work/tree/debian" "$work/tree/tests"
	cp "$top/bootstrap" "$work/tree/"
	cp "$top/debian/control" "$work/tree/debian/"
	cp "$top/tests/packages.check" "$work/tree/tests/"
	echo 'exit 0' >"$work/tree/tests/summary"
	for name in sh awk sed tr grep mkdir nproc dirname cat find; do
		ln -s "$(command -v "$name")" "$work/bin/$name"
	done
	tool id "echo $1"
	tool dpkg-query "case \"\$*\" in *' $2') exit 1 ;; esac; echo installed"
	tool autoreconf "echo autoreconf >>'$work/log'"
	tool make "echo make \"\$*\" >>'$work/log'"
	tool apt-get "echo apt-get \"\$*\" >>'$work/log'"
	printf '#!/bin/sh\n>config.status\necho configure >>%s/log\n' \
		"$work" >"$work/tree/configure"
	chmod +x "$work/tree/configure"
	: >"$work/log"
}

boot() {
	(cd "$work/tree" && PATH="$work/bin" ./bootstrap "$@") \
		</dev/null >"$work/out" 2>&1
	status=$?
}

# expect NAME CONDITION...
expect() {
	name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $name"
	else
		sed 's/^/# /' "$work/out" "$work/log"
		echo "not ok $number - $name (status $status)"
	fi
}

logged() {
	grep -q -e "$1" "$work/log"
}

said() {
	grep -q -e "$1" "$work/out"
}

refused() {
	[ "$status" -ne 0 ] && ! logged make
}

built() {
	[ "$status" -eq 0 ] && logged '^make -C build'
}

echo 1..20
line='apt-get install -y --no-install-recommends libcap-ng-dev$'

fresh 1000 none
boot
expect test_bootstrap_nothing_missing_builds built
said apt-get && status=apt
expect test_bootstrap_nothing_missing_names_no_package test "$status" = 0

fresh 1000 libcap-ng-dev
boot
expect test_bootstrap_missing_without_terminal_is_refused refused
expect test_bootstrap_missing_shows_the_apt_line said "$line"
expect test_bootstrap_missing_installs_nothing test ! -s "$work/log"

fresh 1000 npm
tool node 'exit 1'
boot
expect test_bootstrap_what_tests_need_is_for_check_alone built
boot check
expect test_bootstrap_check_without_terminal_is_refused test "$status" -ne 0
expect test_bootstrap_missing_npm_is_named \
	said 'apt-get install -y --no-install-recommends npm$'
tool npm 'exit 1'
boot check
expect test_bootstrap_npm_from_elsewhere_will_do built
expect test_bootstrap_check_runs_the_tests logged '^make -C build.* check$'
expect test_bootstrap_check_has_a_service_manager logged '^make -C build.* check-systemd$'
said apt-get && status=apt
expect test_bootstrap_npm_from_elsewhere_is_left_alone test "$status" = 0

fresh 1000 libcap-ng-dev
tool sudo "echo sudo \"\$*\" >>'$work/log'"
boot --yes
expect test_bootstrap_yes_uses_sudo logged "^sudo sh -c apt-get update && .*$line"
expect test_bootstrap_yes_then_builds built

fresh 1000 libcap-ng-dev
tool su "echo su \"\$*\" >>'$work/log'"
boot --yes
expect test_bootstrap_yes_without_sudo_uses_su logged "^su -c apt-get update && .*$line"

fresh 1000 libcap-ng-dev
tool sudo 'exit 1'
boot --yes
expect test_bootstrap_failed_install_is_refused refused

fresh 0 libcap-ng-dev
boot
expect test_bootstrap_root_installs_at_once logged '^apt-get install.* libcap-ng-dev$'
expect test_bootstrap_root_then_builds built

fresh 0 none
boot frobnicate
expect test_bootstrap_unknown_word_is_usage test "$status" -eq 2
boot demo check
expect test_bootstrap_two_jobs_are_usage test "$status" -eq 2

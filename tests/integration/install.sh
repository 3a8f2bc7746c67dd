#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What "make install" puts where, how the programs are linked, and that a build
# with knock-outs cannot be installed.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0

# expect NAME COMMAND...
expect() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $number - $name"
	else
		sed 's/^/# /' "$work/out"
		echo "not ok $number - $name"
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

installed() {
	make -C "$1" --no-print-directory install DESTDIR="$2"
}

refused() {
	! installed "$1" "$2" && test -z "$(find "$2" -type f 2>/dev/null)"
}

# The one file of that name below the folder.
one() {
	find "$work/dest" -name "$1" -type f -path "*$2*"
}

in_place() {
	test -x "$(one creel /bin/)" &&
		test -x "$(one creel-helper /libexec/creel/)" &&
		test -x "$(one creeld /libexec/creel/)" &&
		test -x "$(one creel-unpack /libexec/creel/)" &&
		test -f "$(one creel /bash-completion/completions/)" &&
		test -f "$(one creel.socket /systemd/system/)" &&
		test -f "$(one creel-sandboxes.service /systemd/system/)" &&
		test -f "$(one creel.socket /systemd/user/)" &&
		test -f "$(one creel.conf /sysusers.d/)" &&
		test -f "$(one creel.conf /tmpfiles.d/)"
}

# Where the units look for the program is where it is.
units_run_it() {
	for kind in system user; do
		unit=$(one creel.service "/systemd/$kind/")
		program=$(sed -n 's/^ExecStart=//p' "$unit" | tr ' ' '\n' |
			grep '/creel-helper$') || return 1
		test -x "$work/dest$program" || return 1
	done
}

no_set_id() {
	test -z "$(find "$work/dest" -type f -perm /6000)"
}

no_knockouts() {
	! grep -a -q CREEL_KNOCKOUT "$(one creel-helper '')"
}

hardened() {
	for program in creel creel-helper creeld; do
		# The completion of creel has its name.
		file=$(find "$work/dest" -name "$program" -type f -perm -100)
		readelf -hW "$file" | grep -q 'Type: *DYN' || return 1
		readelf -dW "$file" | grep -q -w NOW || return 1
		readelf -lW "$file" | grep -q GNU_RELRO || return 1
		readelf -lW "$file" | grep -q 'GNU_STACK.* RW ' || return 1
		readelf -sW "$file" | grep -q __stack_chk_fail || return 1
	done
}

uninstalled() {
	make -C "$top_builddir" --no-print-directory uninstall \
		DESTDIR="$work/dest" && test -z "$(find "$work/dest" -type f)"
}

echo 1..8
tests='is_possible puts_programs_in_place units_run_it has_no_set_id
	has_no_knockouts programs_are_hardened can_be_undone'
if [ "$CREEL_KNOCKOUT_BUILD" = "$top_builddir" ]; then
	for name in $tests; do
		skip "test_install_$name" 'this build has knock-outs'
	done
else
	expect test_install_is_possible installed "$top_builddir" "$work/dest"
	expect test_install_puts_programs_in_place in_place
	expect test_install_units_run_it units_run_it
	expect test_install_has_no_set_id no_set_id
	expect test_install_has_no_knockouts no_knockouts
	expect test_install_programs_are_hardened hardened
	expect test_install_can_be_undone uninstalled
fi
if [ -f "$CREEL_KNOCKOUT_BUILD/Makefile" ]; then
	expect test_install_of_knockouts_is_refused \
		refused "$CREEL_KNOCKOUT_BUILD" "$work/knockout"
else
	skip test_install_of_knockouts_is_refused \
		'no knock-outs in a build within the source folder'
fi

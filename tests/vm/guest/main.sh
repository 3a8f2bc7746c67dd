#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests in tests/ as the unit creel-vm.service or from inittab, with TAP on the second
# serial port.
#
# A test file is run as root, with tap.sh read before it; it becomes an ordinary
# user by an ssh login (`as alice SCRIPT ARG...`).
set -u

here=/opt/creel-vm
HOME=/root
export here HOME
exec </dev/null >/dev/ttyS1
stty -opost 2>/dev/null

# systemd does this; and the tests use ssh.
test -d /run/systemd/system || ip link set lo up

selected=$(cat $here/selected)
test -n "$selected" ||
	selected=$(cd $here/tests && ls -- *.sh | sed 's/\.sh$//')

echo "# $(uname -sr), init is $(readlink /proc/1/exe)"
# What still starts would be counted by some tests before, and not after.
test ! -d /run/systemd/system ||
	echo "# systemd is $(timeout 300 systemctl is-system-running --wait)"
count=$(cat $here/count)
fifo=$(mktemp -u)
for name in $selected; do
	mkfifo "$fifo"
	timeout -k 30 1200 sh -c '. $here/tap.sh; . "$1"; exit 0' sh "$here/tests/$name.sh" \
		>"$fifo" 2>&1 &
	while read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			count=$((count + 1))
			echo "${line%% - *} $count - ${line#* - }"
			;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$fifo"
	rm "$fifo"
	wait $! || {
		count=$((count + 1))
		echo "not ok $count - $name.sh came to its end"
		ps -eo pid,ppid,user,stat,wchan:20,etimes,args --sort=-pid |
			head -n 25 | cut -c1-150 | sed 's/^/# /'
	}
done
echo "# all tests of this machine have run"

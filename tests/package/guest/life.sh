# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Upgrade while sandboxes are in use, removal, purge.  No systemd runs here: the
# service is started by its script.

# Without an init, and without this file, no service is started at all.
printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
useradd --create-home alice
useradd --create-home bob

# as USER COMMAND...
as()
{
	as_name=$1
	shift
	setpriv --reuid "$as_name" --regid "$as_name" --init-groups env -i \
		HOME="/home/$as_name" PATH=/usr/bin:/bin "$@"
}

# The same package with a version before it.
previous()
{
	dpkg-deb -R /in/result/creel_*.deb /tmp/previous || return 1
	sed -i 's/^Version: .*/&~previous/' /tmp/previous/DEBIAN/control
	dpkg-deb --root-owner-group -b /tmp/previous /tmp/creel_previous.deb
	apt-get -qq update
	apt-get -y install /tmp/creel_previous.deb procps
}

serves_root()
{
	/etc/init.d/creel status || return 1
	creel run --system -- true
}

serves_group_alone()
{
	as alice creel run --system -- true && return 1
	usermod -a -G creel alice
	as alice creel run --system -- true && return 1
	echo "allow 0 $(id -u alice)" >>/etc/creel/helper.conf
	/etc/init.d/creel restart || return 1
	as alice creel run --system -- true || return 1
	as bob creel run --system -- true && return 1
	return 0
}

# in USER SCRIPT: in the user's session, on the helper that $way names.
in_session()
{
	as "$1" creel exec $way dev -- sh -c "$2"
}

started()
{
	in_session "$1" 'echo kept >/tmp/f; (while sleep 0.2; do
		date +%s%N >/tmp/beat; done) </dev/null >/dev/null 2>&1 &' || return 1
	eventually 10 in_session "$1" 'test -s /tmp/beat'
}

beats()
{
	beats_first=$(in_session "$1" 'cat /tmp/f /tmp/beat') || return 1
	sleep 1
	beats_now=$(in_session "$1" 'cat /tmp/f /tmp/beat') || return 1
	printf '%s\n%s\n' "$beats_first" "$beats_now"
	test "$beats_first" != "$beats_now" &&
		[ "$(echo "$beats_now" | head -n 1)" = kept ]
}

upgraded()
{
	cp /in/result/creel_*.deb /tmp/creel_new.deb
	before=$(cat /etc/creel/helper.conf)
	apt-get -y install /tmp/creel_new.deb || return 1
	dpkg-query -W -f '${Version} ${Status}\n' creel
	dpkg-query -W -f '${Version}' creel | grep previous && return 1
	test "$(cat /etc/creel/helper.conf)" = "$before"
}

# What runs in user namespaces is a sandbox's, and goes with its helper.
only_bobs()
{
	for pid in $(pgrep '^creel'); do
		test "$(readlink "/proc/$pid/ns/user")" = \
			"$(readlink /proc/1/ns/user)" || continue
		test "$(stat -c %U "/proc/$pid")" = bob && continue
		ps -o pid=,user=,args= -p "$pid"
		return 1
	done
}

removed()
{
	apt-get -y remove creel || return 1
	eventually 10 only_bobs || return 1
	test ! -e /usr/bin/creel && test ! -e /usr/libexec/creel || return 1
	test ! -e /run/creel
}

kept()
{
	test -f /etc/creel/helper.conf && test -d /home/alice/.local/state/creel &&
		getent passwd _creel && getent group creel
}

purged()
{
	apt-get -y purge creel || return 1
	find /etc /var/log /var/lib /run /usr ! -path '/var/lib/apt/*' \
		-name '*creel*' | grep -v -e '/passwd' -e '/group' | grep . &&
		return 1
	test -d /home/alice/.local/state/creel
}

comes_again()
{
	apt-get -y install /tmp/creel_new.deb || return 1
	as bob creel run -- true || return 1
	apt-get -y purge creel
}

none_left()
{
	pkill -KILL -u alice
	pkill -KILL -u bob
	eventually 10 sh -c "! ps -eo stat=,comm= | grep '^[^Z].* creel'" && return
	ps -ef
	return 1
}

check "it is installed, and its service started without systemd" previous
check "the service serves root" serves_root
check "it serves who is in the group and in helper.conf, nobody else" serves_group_alone
way=--rootless
check "a user's own helper keeps a session with a command" started bob
way=--system
check "the service keeps another" started alice
check "an upgrade keeps the changed helper.conf" upgraded
way=--rootless
check "the user's own session and what runs in it have outlived the upgrade" beats bob
way=--system
check "the service serves after the upgrade" serves_root
check "its session and what runs in it have outlived the upgrade" beats alice
check "removal stops all that the service started, and leaves no file" removed
check "removal keeps configuration, accounts and what users have at home" kept
check "purge leaves what users have at home, no configuration and no log" purged
check "it can be installed and purged again" comes_again
check "nothing of it runs any more" none_left

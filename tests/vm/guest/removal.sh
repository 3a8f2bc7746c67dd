# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Upgrade over a previous build with sandboxes live; removal, purge, and again,
# under whichever init.  Read by the tests of both.  Where $lives is yes, the
# service's sandboxes outlive a restart of the service.

. "$here/package.sh"

previous()
{
	dpkg --configure -a </dev/null >/dev/null 2>&1
	apt-get -y purge creel </dev/null >/dev/null 2>&1
	apt_install "$here/creel-previous.deb" && version | tee /dev/stderr |
		grep -q '~previous installed'
}

# One whose client waits for it; nothing of it may hold what check reads.
waits()
{
	(
		rm -f /tmp/vm-up.status
		session alice "rm -rf up; mkdir up; creel run $1 --workspace up -- \
			sh -c 'touch begun; while ! test -e end; do sleep 0.2; done
			echo whole; exit 7'"
		echo $? >/tmp/vm-up.status
	) >/tmp/vm-up.out 2>&1 &
	eventually 60 test -e /home/alice/up/begun && return
	cat /tmp/vm-up.out
	return 1
}

status_arrives()
{
	touch /home/alice/up/end
	eventually 60 test -s /tmp/vm-up.status
	cat /tmp/vm-up.out
	test "$(cat /tmp/vm-up.status)" = 7 && grep -qx whole /tmp/vm-up.out
}

upgraded()
{
	upgraded_listener=$(pgrep -u _creel -x creel-listener)
	cp /etc/creel/helper.conf /tmp/vm-helper.conf
	apt_install "$here/creel.deb" || return 1
	version | grep -q previous && return 1
	cmp /tmp/vm-helper.conf /etc/creel/helper.conf || return 1
	eventually 30 another_listener "$upgraded_listener"
}

another_listener()
{
	another_now=$(pgrep -u _creel -x creel-listener) &&
		test "$another_now" != "$1"
}

# Not the file that was there before.
listener_new()
{
	listener_exe=$(readlink "/proc/$(pgrep -u _creel -x creel-listener)/exe")
	echo "$listener_exe"
	test "$listener_exe" = /usr/libexec/creel/creel-helper
}

removed()
{
	apt-get -y remove creel </dev/null || return 1
	eventually 40 nothing_of_the_system || return 1
	absent /usr/bin/creel /usr/libexec/creel /run/creel \
		/lib/systemd/system/creel.service /sys/fs/cgroup/creel \
		/sys/fs/cgroup/system.slice/creel-sandboxes.service
}

own_lives()
{
	pgrep -a -u alice -x creel-listener
}

removal_keeps()
{
	test -f /etc/creel/helper.conf && getent passwd _creel &&
		getent group creel && test -d /home/alice/.local/state/creel
}

# Files of the system's, of that name; alice's helper has its own below /run/user.
purged()
{
	apt-get -y purge creel </dev/null || return 1
	purged_files=$(find /etc /var /run /usr -xdev -name '*creel*' \
		! -path '*creel-vm*' ! -path '/run/user/*' \
		! -path '/run/systemd/*scope*' ! -path '/run/systemd/units/*' \
		! -path '/var/log/journal/*')
	echo "$purged_files"
	test -z "$purged_files" && getent passwd _creel &&
		test -d /home/alice/.local/state/creel
}

check "a previous build is installed" previous
check "alice is admitted" admit
check "alice's own helper keeps a session with a command" \
	begins alice --rootless
check "the service keeps another" begins alice --system
check "and a client waits for a command" waits \
	"$(test "$lives" = yes && echo --system || echo --rootless)"
check "an upgrade replaces the listener and keeps helper.conf" upgraded
check "the listener is the new program" listener_new
check "alice's own session and its command go on" beats alice --rootless
if [ "$lives" = yes ]; then
	check "the service's session and its command go on" beats alice --system
else
	check "a session of the service is there again" begins alice --system
fi
check "the status of the command that a client waits for arrives" status_arrives
check "the same version once more" apt_install --reinstall "$here/creel.deb"
if [ "$lives" = yes ]; then
	check "the service's session and its command go on" beats alice --system
fi
check "alice: creel run --system" runs alice --system
check "removal ends the service and all that it started" removed
check "removal leaves what users run themselves" own_lives
check "removal leaves helper.conf, accounts and what users have at home" \
	removal_keeps
check "it is installed again" apt_install "$here/creel.deb"
check "who was admitted is served" runs alice --system
check "alice's own session and its command are found again" \
	beats alice --rootless
check "purge leaves accounts and what users have at home, nothing else" purged
check "a purged package is purged again" dpkg --purge creel
check "nothing of the service runs" nothing_of_the_system
check "it is installed once more" apt_install "$here/creel.deb"
check "nobody but root is admitted then" expect 125 . \
	session alice 'creel run --system -- true'
check "root: creel run" expect 0 'uid=1000' creel run -- id
end_helper alice >/dev/null

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The maintainer scripts, on every path that dpkg has for them.  No systemd runs
# here: the service is started by its script.

info=/var/lib/dpkg/info

# policy STATUS: what invoke-rc.d is told of every service: 0 may, 101 may not.
policy()
{
	printf '#!/bin/sh\nexit %s\n' "$1" >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
}

# variant NAME SCRIPT LINE: the package, newer, with a line before all others of
# one of its maintainer scripts.
variant()
{
	rm -rf /tmp/variant
	dpkg-deb -R /in/result/creel_*.deb /tmp/variant || return 1
	sed -i "s/^Version: .*/&+$1/" /tmp/variant/DEBIAN/control
	variant_script=/tmp/variant/DEBIAN/$2
	test -e "$variant_script" || echo '#!/bin/sh' >"$variant_script"
	sed -i "1a$3" "$variant_script"
	chmod 0755 "$variant_script"
	dpkg-deb --root-owner-group -b /tmp/variant "/tmp/$1.deb"
}

# has VERSION-SUFFIX STATUS: the end of the installed version, and its status.
has()
{
	has_now=$(dpkg-query -W -f '${Version} ${db:Status-Status}' creel)
	echo "$has_now"
	case $has_now in
	*"$1 $2") return 0 ;;
	esac
	return 1
}

serves()
{
	/etc/init.d/creel status && creel run --system -- true
}

silent()
{
	pgrep -a '^creel' && return 1
	test ! -S /run/creel/creel.sock
}

forbidden()
{
	policy 101
	apt-get -y install /tmp/creel.deb procps || return 1
	silent || return 1
	dpkg -i /tmp/creel.deb && silent || return 1
	apt-get -y remove creel && apt-get -y install /tmp/creel.deb && silent
}

# call SCRIPT ARGUMENT...: as dpkg does, twice; nothing is read.
call()
{
	call_script=$info/creel.$1
	shift
	test -e "$call_script" || return 0
	printf 'one\ntwo\n' >/tmp/typed
	for round in 1 2; do
		DPKG_MAINTSCRIPT_PACKAGE=creel \
			DPKG_MAINTSCRIPT_NAME=${call_script##*.} \
			sh -c '"$@" && cat >/tmp/unread' sh "$call_script" "$@" \
			</tmp/typed || { echo "$call_script $*: $?" && return 1; }
		cmp /tmp/typed /tmp/unread || return 1
	done
}

each_twice()
{
	version=$(dpkg-query -W -f '${Version}' creel)
	accounts=$(cat /etc/passwd /etc/group)
	set -- in-favour other 1
	call postinst configure && call postinst configure 0.0.1 &&
		call postinst abort-upgrade "$version" &&
		call postinst abort-remove && call postinst abort-remove "$@" &&
		call postinst abort-deconfigure "$@" removing third 1 || return 1
	serves || return 1
	call preinst install && call preinst install 0.0.1 &&
		call preinst upgrade 0.0.1 && call preinst abort-upgrade 0.0.1 &&
		call prerm upgrade 9 && call prerm failed-upgrade 0.0.1 &&
		call prerm deconfigure "$@" removing third 1 &&
		call postrm upgrade 9 && call postrm failed-upgrade 0.0.1 &&
		call postrm abort-install && call postrm abort-upgrade 0.0.1 &&
		call postrm disappear other 1 || return 1
	serves && test "$accounts" = "$(cat /etc/passwd /etc/group)"
}

removal_twice()
{
	call prerm remove && silent && call prerm remove in-favour other 1 &&
		call postrm remove && call preinst install 0.0.1 &&
		call postinst configure 0.0.1 &&
		serves && dpkg --verify creel
}

refused()
{
	variant 1refused preinst 'test "$1" != upgrade || exit 1' || return 1
	dpkg -i /tmp/1refused.deb && return 1
	has "$suffix" installed && serves
}

old_prerm()
{
	variant 2old prerm 'test "$1" != upgrade || exit 1' &&
		dpkg -i /tmp/2old.deb && variant 3new prerm : || return 1
	# What the old one cannot do, the new one does in its place.
	dpkg -i /tmp/3new.deb && has +3new installed && serves
}

old_postrm()
{
	variant 4old postrm 'test "$1" != upgrade || exit 1' &&
		dpkg -i /tmp/4old.deb && variant 5new postrm : || return 1
	dpkg -i /tmp/5new.deb && has +5new installed && serves
}

half_way()
{
	variant 6half postinst 'test "$1" != configure || exit 1' || return 1
	dpkg -i /tmp/6half.deb && return 1
	has +6half half-configured || return 1
	variant 7whole postinst :
	dpkg -i /tmp/7whole.deb && has +7whole installed && serves
}

# prerm has stopped the service by then.
kept_after_all()
{
	variant 8stays prerm : && echo 'test "$1" != remove || exit 1' \
		>>/tmp/variant/DEBIAN/prerm || return 1
	sed -i '/^exit 0$/d' /tmp/variant/DEBIAN/prerm
	dpkg-deb --root-owner-group -b /tmp/variant /tmp/8stays.deb &&
		dpkg -i /tmp/8stays.deb || return 1
	first=$(cat /run/creel/listener.pid)
	dpkg -r creel && return 1
	has +8stays installed && serves || return 1
	test "$first" != "$(cat /run/creel/listener.pid)"
}

comes_back()
{
	variant 9goes prerm : && dpkg -i /tmp/9goes.deb || return 1
	echo '# a change' >>/etc/creel/helper.conf
	rm /etc/logrotate.d/creel
	apt-get -y remove creel && silent && has +9goes config-files || return 1
	apt-get -y install /tmp/creel.deb && has "$suffix" installed && serves &&
		grep -q '^# a change' /etc/creel/helper.conf || return 1
	# What an administrator took away stays away.
	test ! -e /etc/logrotate.d/creel
}

# One that runs goes on as it was.  One that cannot start is no reason to have no
# package: users have helpers of their own.
wrong_configuration()
{
	cp /etc/creel/helper.conf /tmp/helper.conf
	echo 'no such key' >>/etc/creel/helper.conf
	dpkg -i /tmp/creel.deb && has "$suffix" installed && serves || return 1
	/etc/init.d/creel stop
	dpkg -i /tmp/creel.deb >/tmp/said 2>&1 || return 1
	cat /tmp/said
	grep -q '^creel: the service' /tmp/said && has "$suffix" installed &&
		! /etc/init.d/creel status || return 1
	cat /tmp/helper.conf >/etc/creel/helper.conf
	dpkg -i /tmp/creel.deb && serves
}

without_accounts()
{
	sed -i '/^_\?creel:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
	apt-get -y remove creel && apt-get -y purge creel || return 1
	! dpkg-query -W creel && ! getent passwd _creel
	pkill -KILL '^creel'
	eventually 10 silent
}

# An administrator, or sysusers.d on another system, was there before.
taken_as_they_are()
{
	groupadd --gid 4242 creel && groupadd --system --gid 990 _creel &&
		useradd --system --uid 990 --gid 990 --home-dir / \
			--shell /usr/sbin/nologin _creel || return 1
	accounts=$(cat /etc/passwd /etc/group)
	apt-get -y install /tmp/creel.deb && serves || return 1
	test "$accounts" = "$(cat /etc/passwd /etc/group)" || return 1
	test "$(stat -c %G /run/creel)" = creel
}

nothing_left()
{
	apt-get -y purge creel && silent || return 1
	find /etc /var/log /run -name '*creel*' | grep . && return 1
	return 0
}

cp /in/result/creel_*.deb /tmp/creel.deb
suffix=$(dpkg-deb -f /tmp/creel.deb Version)
apt-get -qq update || echo 'offline: with what the tree knows'
check "where policy-rc.d forbids it, no service is started" forbidden
policy 0
check "each script can be run twice with each of its arguments, and asks nothing" each_twice
check "what removes can be run twice, and undone" removal_twice
check "an upgrade that the new preinst refuses leaves the old version, serving" refused
check "an upgrade from a version whose prerm fails ends well" old_prerm
check "an upgrade from a version whose postrm fails ends well" old_postrm
check "a version that could not be configured is replaced by one that can" half_way
check "a removal that fails when the service was stopped starts it again" kept_after_all
check "what was changed or taken away in /etc is so after removal and installation" comes_back
check "with a helper.conf that is wrong a service that runs goes on, and one that does not is named" wrong_configuration
check "without its accounts it can be removed and purged" without_accounts
check "accounts that are there already are taken as they are" taken_as_they_are
check "purge leaves nothing" nothing_left

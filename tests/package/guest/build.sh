# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Builds the package as an ordinary user without any network, in a chroot that
# has build-essential and what Build-Depends names.  Leaves all of it in /out.

useradd --create-home builder
cp -R /in/creel ~builder/
chown -R builder:builder ~builder

# A network of its own has lo alone, which is down: SIOCSIFFLAGS, IFF_UP.
loopback='python3 -c "import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack(\"16sh22x\", b\"lo\", 1))"'

# as_builder FOLDER COMMAND...
as_builder()
{
	folder=$1
	shift
	# shellcheck disable=SC2016 # the variables of the inner shell
	unshare --net sh -c "$loopback"'; exec "$@"' sh \
		setpriv --reuid builder --regid builder --init-groups \
		env -i HOME="$(echo ~builder)" PATH=/usr/bin:/bin \
		DEB_BUILD_OPTIONS="parallel=$(nproc)" \
		sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$@"
}

binaries()
{
	as_builder ~builder/creel dpkg-buildpackage -us -uc -b >/out/build.log 2>&1 &&
		return
	grep -E '^(FAIL|ERROR): ' /out/build.log | head -n 20
	tail -n 15 /out/build.log
	return 1
}

tests_ran()
{
	sed -n '/^# TOTAL:/,/^# ERROR:/p' /out/build.log
	grep -Eq '^# TOTAL: [1-9][0-9]{3}' /out/build.log &&
		grep -Eq '^# FAIL: *0$' /out/build.log &&
		grep -Eq '^# SKIP: *0$' /out/build.log
}

# What is in the tarball and what is in the clone differ by debian/ alone.
sources()
{
	version=$(sed -n '1s/.*(\([^)]*\)-[^-]*).*/\1/p' ~builder/creel/debian/changelog)
	as_builder ~builder tar -cJf "creel_$version.orig.tar.xz" \
		--exclude=./debian --exclude=./.git \
		--transform="s,^\.,creel-$version," -C creel . || return 1
	as_builder ~builder/creel dpkg-buildpackage -us -uc -S -nc
}

clean()
{
	as_builder ~builder/creel debian/rules clean || return 1
	test -e ~builder/creel/.git || return 0
	left=$(as_builder ~builder/creel git status --porcelain --ignored)
	echo "$left"
	test -z "$left"
}

check "it builds in a chroot with build-essential and its Build-Depends, no more and no network" binaries
check "its unit tests ran there, all of them" tests_ran
check "debian/rules clean leaves the source as it was" clean
check "the source package can be made" sources
cp ~builder/creel*.* /out/

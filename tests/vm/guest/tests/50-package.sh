# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A fresh machine: apt installs the package, an ordinary user runs a command.

. "$here/package.sh"

installed_whole()
{
	expect 0 '^ii  *creel ' dpkg -l creel && test -z "$(dpkg --verify creel)"
}

recommended()
{
	command -v newuidmap && command -v python3
}

listens()
{
	systemctl is-enabled creel.socket && systemctl is-active creel.socket &&
		test "$(stat -c '%U:%G %a' /run/creel/creel.sock)" = 'root:creel 660' &&
		! systemctl is-active creel-sandboxes.service
}

account()
{
	getent passwd _creel | tee /dev/stderr |
		grep -Eq '^_creel:[^:]*:[1-9][0-9]{0,2}:.*:/nonexistent:/usr/sbin/nologin$' &&
		getent group creel && id -u _creel
}

writes_workspace()
{
	session "$1" 'mkdir -p ws && creel run --workspace ws -- sh -c "echo made >f"' &&
		test "$(stat -c %U:%G "/home/$1/ws/f")" = "$1:$1"
}

manual_there()
{
	for page in man1/creel.1 man1/creel-run.1 man7/creel-security.7 \
		man8/creel-helper.8 man5/helper.conf.5; do
		test -s "/usr/share/man/$page.gz" || return 1
	done
}

not_admitted()
{
	expect 125 'Permission denied' session alice 'creel run --system -- true' &&
		expect 0 'rootless' session alice 'creel version'
}

check "control: nothing that creel needs is there" absent /usr/bin/creel \
	/usr/bin/newuidmap /usr/bin/python3 /etc/creel /run/creel
check "apt installs the package, with nothing else done" \
	apt_install "$here/creel.deb"
check "it is installed whole, and no file differs" installed_whole
check "newuidmap and python3 came with it" recommended
check "the user _creel and the group creel are there" account
check "the socket listens for the group, and nothing runs yet" listens
check "the manual is there" manual_there
useradd --create-home --shell /bin/sh erin
install -d -m 0700 -o erin -g erin /home/erin/.ssh
install -m 0600 -o erin -g erin /root/.ssh/id_ed25519.pub \
	/home/erin/.ssh/authorized_keys
usermod --password '*' erin
for user in alice erin; do
	check "$user, an ordinary user: creel run -- sh -c 'id; hostname'" runs $user
	check "$user: the workspace's files are the user's" writes_workspace $user
	check "$user: doctor is green, or says what to do" says_what_to_do $user '' 0
done
check "bob, who has no range of ids: creel run" runs bob
check "dave, who has no user manager either: creel run" runs dave
check "root: creel run is the system's" expect 0 'uid=1000' creel run -- id
check "alice is not admitted to the system's helper" not_admitted
check "the administrator admits alice" admit
check "alice: creel run --system" runs alice --system
check "alice: the system's doctor is green, or says what to do" \
	says_what_to_do alice --system 0
check "bob is not admitted" expect 125 'Permission denied' \
	session bob 'creel run --system -- true'

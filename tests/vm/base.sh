#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the unpacked system in $1 the test machine: users, keys, the unit that
# runs the tests.  Run by mmdebstrap, once for each list of packages.
set -eu
root=$1

echo creel-vm >"$root/etc/hostname"
echo "127.0.0.1 localhost creel-vm" >"$root/etc/hosts"
echo "/dev/vda / ext4 rw,relatime 0 1" >"$root/etc/fstab"
# An index of all manual pages takes minutes there, and nobody asks for it.
rm -f "$root/var/lib/man-db/auto-update"

# alice: ids and a user manager.  bob: neither an id range, so one id alone,
# but a user manager.  carol: ids, no user manager.  dave: neither.
: >"$root/etc/subuid"
: >"$root/etc/subgid"
uid=1001
for user in alice bob carol dave; do
	chroot "$root" useradd --create-home --shell /bin/sh \
		--uid "$uid" --user-group "$user"
	chroot "$root" usermod --password '*' "$user"
	chmod 0700 "$root/home/$user"
	uid=$((uid + 1))
done
printf 'alice:200000:65536\ncarol:300000:65536\n' >"$root/etc/subuid"
cp "$root/etc/subuid" "$root/etc/subgid"
chroot "$root" ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
for user in root alice bob carol dave; do
	home=$root/home/$user
	test "$user" != root || home=$root/root
	mkdir -p "$home/.ssh"
	cp "$root/root/.ssh/id_ed25519.pub" "$home/.ssh/authorized_keys"
	chmod 0700 "$home/.ssh"
	chroot "$root" chown -R "$user:$user" "${home#"$root"}/.ssh"
done

if [ -e "$root/etc/inittab" ]; then
	# After everything of the runlevel.
	cat >"$root/sbin/creel-vm" <<-'SCRIPT'
		#!/bin/sh
		PATH=/usr/sbin:/usr/bin:/sbin:/bin
		export PATH
		tar -C / -xf /dev/vdb
		sh /opt/creel-vm/main.sh
		sync
		poweroff -f
		SCRIPT
	chmod 0755 "$root/sbin/creel-vm"
	sed -i '/respawn:.*getty/d' "$root/etc/inittab"
	echo 'vm:2345:once:/sbin/creel-vm >/dev/console 2>&1 </dev/null' \
		>>"$root/etc/inittab"
	exit 0
fi

for uid in 1003 1004; do
	chroot "$root" systemctl mask "user@$uid.service"
done
cat >"$root/etc/systemd/system/creel-vm.service" <<'UNIT'
[Unit]
Description=creel's tests
Wants=ssh.service
After=ssh.service systemd-logind.service systemd-user-sessions.service

[Service]
Type=simple
ExecStartPre=/bin/tar -C / -xf /dev/vdb
ExecStart=/bin/sh /opt/creel-vm/main.sh
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=journal+console
StandardError=journal+console
TimeoutStartSec=infinity
KillMode=process

[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl enable creel-vm.service
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	serial-getty@ttyS1.service serial-getty@ttyS0.service \
	getty@tty1.service systemd-networkd-wait-online.service; do
	chroot "$root" systemctl mask "$unit"
done

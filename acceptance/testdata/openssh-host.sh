# The first process of a host that is as other people's hosts are: Debian's sshd, a login that is
# not root, sudo. It runs in namespaces of its own, as root, and ends when its stdin does; all that
# runs on the host ends with it.
#
# Usage: sh -c "$(cat openssh-host.sh)" sh NAME DIR [QUIRK...]
#   DIR/home          becomes the login's home, on the machine's disk
#   DIR/host_key      the host's private key
#   DIR/authorized    public keys that may log in
# Quirks: root-login, no-sudo, password-sudo, no-iptables, legacy-iptables, sessions=N,
# startups=N:N:N.
#
# Nothing of the machine changes: / is read-only here, and what must differ lies on a tmpfs over it.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
name=$1 dir=$2
shift 2

mount --make-rprivate /
hostname "$name"
mkdir -p "$dir/own"
mount -t tmpfs -o mode=0755 own "$dir/own"
cd "$dir/own" # paths may lead through what is covered below
cp -a /etc etc
mkdir -p home/gauntlet root run/sshd tmp var/log var/lib/sudo var/tmp
chmod 0700 root
chmod 1777 tmp var/tmp
ln -s /run var/run

# The login. Its line in shadow locks the password, as on hosts that take keys only.
for table in passwd shadow group; do
	grep -v '^gauntlet:' "/etc/$table" >"etc/$table" || true
done
echo 'gauntlet:x:5000:5000:tests:/home/gauntlet:/bin/sh' >>etc/passwd
echo 'gauntlet:*:19000:0:99999:7:::' >>etc/shadow
echo 'gauntlet:x:5000:' >>etc/group
mkdir -p "$dir/home/.ssh"
cp "$dir/authorized" "$dir/home/.ssh/authorized_keys"
chown -R 5000:5000 "$dir/home"
chmod 0700 "$dir/home" "$dir/home/.ssh"
mount --bind "$dir/home" home/gauntlet

printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" >etc/hosts
rm -rf etc/sudoers.d/* etc/ssh/ssh_host_* etc/ssh/sshd_config.d/*
cp "$dir/host_key" etc/ssh/ssh_host_ed25519_key
chmod 0600 etc/ssh/ssh_host_ed25519_key
cat >etc/sudoers <<'SUDOERS'
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
gauntlet ALL=(ALL:ALL) NOPASSWD: ALL
SUDOERS
chmod 0440 etc/sudoers
cat >etc/ssh/sshd_config <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
SSHD

hide() { # PROGRAM...: it is not there any more
	for program in "$@"; do
		! at=$(command -v "$program") || mount --bind /dev/null "$(readlink -f "$at")"
	done
}

for quirk in "$@"; do
	case $quirk in
	root-login)
		mkdir -m 0700 root/.ssh
		cp "$dir/authorized" root/.ssh/authorized_keys
		;;
	no-sudo) hide sudo ;;
	password-sudo) sed -i 's/NOPASSWD: //' etc/sudoers ;;
	no-iptables) hide xtables-nft-multi xtables-legacy-multi ;;
	legacy-iptables)
		for tool in iptables iptables-save iptables-restore; do
			for link in "$tool" "ip6${tool#ip}"; do
				ln -sf "/usr/sbin/$(echo "$link" | sed 's/tables/tables-legacy/')" "etc/alternatives/$link"
			done
		done
		;;
	sessions=*) echo "MaxSessions ${quirk#*=}" >>etc/ssh/sshd_config ;;
	startups=*) echo "MaxStartups ${quirk#*=}" >>etc/ssh/sshd_config ;;
	*) echo "unknown quirk $quirk" >&2 && exit 64 ;;
	esac
done

mount -o remount,bind,ro /
for at in etc home root run var tmp; do mount --rbind "$at" "/$at"; done
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
# What reaches past the host: the machine's reset button, and its clock.
[ ! -e /proc/sysrq-trigger ] || mount --bind /dev/null /proc/sysrq-trigger
cd /
# The shell's wait also buries orphans.
exec setpriv --bounding-set -sys_time sh -c '
	trap "exit 0" TERM
	exec 3<&0
	{ read -r _; kill -TERM 1; } <&3 &
	/usr/sbin/sshd -D -e <&- 3<&- >&2 &
	until [ -s /run/sshd.pid ]; do sleep 0.02; done
	echo ready
	wait
'

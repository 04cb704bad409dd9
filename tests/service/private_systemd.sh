#!/usr/bin/env bash
# Starts a second systemd as process 1 of namespaces of its own, as a container would: its own processes,
# mounts, network and host name, this machine's files underneath (what it writes goes to memory and away),
# none of this machine's devices, mounts or services. Called by private_systemd.py through unshare;
# $1 is an empty directory, $2 the notify socket that hears when it is up.
set -euo pipefail
root=$1/root notify=$2

mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"

# What belongs to the kernel as a whole is read-only; systemd would set it as at the start of a machine.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mountpoint -q "$root/sys/fs/cgroup" || mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
touch "$root/dev/console"
mount --bind /dev/null "$root/dev/console"
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"

mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
touch "$root/run/notify"
mount --bind "$notify" "$root/run/notify"
ip link set lo up

# Nothing of this machine is mounted or started: no fstab, and a target that wants the journal alone.
: >"$root/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
mkdir -p "$root/run/systemd/system"
cat >"$root/run/systemd/system/private.target" <<UNIT
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
UNIT
ln -s /dev/null "$root/run/systemd/system/network-online.target"

cd "$root"
mkdir .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside
mount --make-rshared / # the way credentials get into a service
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test NOTIFY_SOCKET=/run/notify \
    /lib/systemd/systemd --unit=private.target --log-target=journal --show-status=no

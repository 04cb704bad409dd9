#!/usr/bin/env bash
# Starts a second systemd as process 1 of namespaces of its own, as a container would: its own processes,
# mounts, network and host name, this machine's files underneath (what it writes goes to memory and away),
# none of this machine's devices, mounts or services. Called by private_systemd.py through unshare;
# $1 is an empty directory, $2 the notify socket that hears when it is up. With $3, the files of another
# system, it boots that one as a whole.
set -euo pipefail
root=$1/root notify=$2 below=${3:-/} target=private.target
[[ $below == / ]] || target=multi-user.target

mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=$below,upperdir=$1/upper,workdir=$1/work" "$root"

# What belongs to the kernel as a whole is read-only; systemd would set it as at the start of a machine.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mountpoint -q "$root/sys/fs/cgroup" || mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
# Nodes of its own: what a login or getty does to the mode of its console must not happen to this machine's.
device() { # device NAME MAJOR MINOR
    mknod -m 666 "$root/dev/$1" c "$2" "$3" 2>/dev/null && return
    [[ $1 != console ]] || return 0 # where nodes cannot be made, it is not missed
    touch "$root/dev/$1"
    mount --bind "/dev/$1" "$root/dev/$1"
}
device null 1 3
device zero 1 5
device full 1 7
device random 1 8
device urandom 1 9
device tty 5 0
device console 1 3 # what is written to it goes nowhere
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
ln -s /dev/null "$root/run/systemd/system/console-getty.service" # nobody sits at the console

cd "$root"
mkdir .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside
mount --make-rshared / # the way credentials get into a service
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test NOTIFY_SOCKET=/run/notify \
    /lib/systemd/systemd --unit="$target" --log-target=journal --show-status=no

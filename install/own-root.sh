#!/bin/sh
# own-root.sh COMMAND…: runs the command in a mount namespace whose root is the root of this chroot; same files, same paths, same folder.
#
# In a chroot the kernel makes no user namespaces (clone(2)), and a container's mount namespace keeps the system around the chroot as its root:
# pivot_root(2) in a container cannot take that away, and `exec`, which enters the namespace, would land there. So the tree becomes the root
# of a namespace of its own first: setns(2) to that namespace leaves the chroot, the folder it left from is bound and pivoted to. Between
# these two steps only /bin/busybox of the chroot runs, which is static, so nothing of the system around is executed.
set -eu
[ -x /bin/busybox ] || { echo "silo: this is a chroot, and making a root of its own in it needs /bin/busybox: apt-get install --no-install-recommends busybox-static" >&2; exit 1; }
export SILO_OWN_ROOT=1
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --propagation unchanged nsenter --mount=/proc/self/ns/mnt --wd=/ ./bin/busybox sh -c '
  fail() { echo "silo: this is a chroot, and a root of its own could not be made in it ($1): enter it with pivot_root(8) or as a container instead" >&2; exit 1; }
  box=./bin/busybox folder=$1
  shift
  $box mount --make-rprivate / || fail "private mounts"
  tree=$($box pwd -P)
  $box mount -o rbind "$tree" "$tree" || fail "bind mount"
  cd "$tree" && $box mkdir -p run/silo-outer || fail "folder"
  $box pivot_root . run/silo-outer || fail pivot_root
  cd / && /bin/busybox umount -l /run/silo-outer || fail "the system around"
  /bin/busybox rmdir /run/silo-outer 2>/dev/null
  cd "$folder" || fail "$folder"
  exec /usr/bin/env "$@" # by path: this shell would prefer its own applets
' own-root "$(pwd)" "$@"

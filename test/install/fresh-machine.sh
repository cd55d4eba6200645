#!/bin/sh
# Proves that a stranger's machine is enough: a new Debian with only Node, npm, make and git, a fresh clone of this repository's HEAD, and
# nothing else done to it but the words under test. `make fresh` runs it (as root; some minutes; not part of `make test`).
#   fresh-machine.sh [WORD…]     words of the Makefile, one after the other; default: quickstart, quickstart again, test
# The machine is a folder with mount, process and host-name namespaces of its own: its processes and mounts end with it. It shares the network,
# so that npm and apt reach what they reach here; sources and registries are read from this machine's configuration when it runs.
# SILO_FRESH_CHROOT=1 makes it a mere chroot. SILO_FRESH_DIRTY=1 takes changes that are not committed along.
# SILO_FRESH_SUITE (bookworm) selects the Debian; SILO_FRESH_KEEP=1 leaves the folder for a look. The bare system is kept in .cache/fresh.
set -eu
here=$(cd "${0%/*}/../.." && pwd)
suite=${SILO_FRESH_SUITE:-bookworm}
fail() { echo "fresh: $*" >&2; exit 1; }
say() { echo "fresh: $*"; }

# --- inside of the namespaces: the new machine boots ---
if [ "${1:-}" = --inside ]; then
  machine=$2
  shift 2
  hostname fresh
  mount --bind "$machine" "$machine"
  mount -t proc proc "$machine/proc"
  mount --rbind /sys "$machine/sys"
  mount --rbind /dev "$machine/dev"
  cd "$machine"
  mkdir -p run/outer
  # A container's root is that of its mount namespace; a chroot's is not, and is the harder case.
  if [ "${SILO_FRESH_CHROOT:-}" = 1 ]; then into="chroot $machine"
  else pivot_root . run/outer && cd / && umount -l /run/outer && into=''; fi
  for word in "$@"; do
    say "make $word"
    started=$(date +%s)
    # shellcheck disable=SC2086 # $into is words
    env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} \
      $into make -C /root/silo --no-print-directory "$word" </dev/null || fail "make $word failed"
    say "make $word took $(($(date +%s) - started)) s"
  done
  exit 0
fi

[ "$(id -u)" = 0 ] || fail "a chroot with mounts of its own needs root"
[ $# -gt 0 ] || set -- quickstart quickstart test
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: apt-get install --no-install-recommends mmdebstrap"
! ip link show silo0 >/dev/null 2>&1 || fail "a Silo uses this machine's network (silo0): stop it, then: ip link delete silo0; nft delete table inet silo"

work=$(mktemp -d)
clean() {
  # The namespaces took the processes and mounts along; what stands in the shared network and cgroups is removed here.
  # Empty groups of containers that ended with their namespace; those in use refuse.
  find /sys/fs/cgroup -depth -path '*/silo/*' -type d -newer "$work" -exec rmdir {} + 2>/dev/null || true
  if [ "${SILO_FRESH_KEEP:-}" = 1 ]; then say "kept: $work"; else rm -rf --one-file-system "$work"; fi
  ip link delete silo0 2>/dev/null || true
  nft delete table inet silo 2>/dev/null || true
}
trap clean EXIT
trap 'exit 130' INT TERM

# How this machine reaches packages.
apt-config dump | grep -E '^Acquire::(Check-|Retries|http|https|ForceIPv)' >"$work/apt.conf" || true
set_sources() { for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do [ ! -s "$file" ] || echo "$file"; done; }

base=$here/.cache/fresh/$suite.tar
if [ ! -s "$base" ]; then
  say "making a bare $suite (once)"
  mkdir -p "${base%/*}"
  # shellcheck disable=SC2046 # a list of paths without spaces
  mmdebstrap --quiet --format=tar --variant=minbase --include=nodejs,npm,make,git,ca-certificates --aptopt="$work/apt.conf" \
    "$suite" "$base.part" $(set_sources) || fail "mmdebstrap failed"
  mv "$base.part" "$base"
fi

machine=$work/machine
mkdir "$machine"
tar -xf "$base" -C "$machine" --exclude=./dev/\*
for file in /etc/resolv.conf /etc/hosts; do cp -L "$file" "$machine$file"; done
cp "$work/apt.conf" "$machine/etc/apt/apt.conf.d/99fresh"
copy_in() { [ ! -f "$1" ] || { mkdir -p "$machine${1%/*}" && cp -L "$1" "$machine$1"; }; }
for file in "$(npm config get cafile 2>/dev/null)" "${NODE_EXTRA_CA_CERTS:-}"; do copy_in "$file"; done
for file in "$(npm config get globalconfig 2>/dev/null)" "$(npm config get userconfig 2>/dev/null)"; do
  [ ! -f "$file" ] || cat "$file" >>"$machine/root/.npmrc"
done
git clone -q --no-hardlinks "$here" "$machine/root/silo"
[ "${SILO_FRESH_DIRTY:-}" != 1 ] || (cd "$here" && git ls-files -z --modified --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$machine/root/silo")
say "a fresh clone of $(git -C "$here" log -1 --format='%h %s') on $suite with node $(chroot "$machine" node --version), npm $(chroot "$machine" npm --version)"

unshare --mount --pid --uts --propagation private --fork --kill-child sh "$0" --inside "$machine" "$@"
say "all of it worked"

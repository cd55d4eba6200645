#!/bin/sh
# Installs what is missing, one line each, and nothing the second time.
#   setup.sh packages        the pinned packages from npm, without which `silo` does not start
#   setup.sh run [COMMAND]   what the engine needs too; COMMAND `daemon` insists on all of it
#   setup.sh dev             what building and checking need
#   setup.sh test            what the tests need too
# npm and apt are used as this machine has them configured.
set -eu
case $0 in */*) root=${0%/*}/.. ;; *) root=.. ;; esac
root=$(cd "$root" && pwd)
level=${1:-run}
insist=${2:-}

say() { echo "silo: $*"; }
fail() { echo "silo: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

check_machine() {
  system=$(uname -s) machine=$(uname -m)
  [ "$system" = Linux ] || fail "this is $system: Silo runs on Linux only"
  case $machine in
    x86_64) bun=@oven/bun-linux-x64 ;;
    aarch64) bun=@oven/bun-linux-aarch64 ;;
    *) fail "this machine is $machine: Silo runs on x86_64 and aarch64 only" ;;
  esac
}

# Two commands at once on a fresh machine must not install on top of each other: the second waits, then finds all in place.
take_turns() {
  [ -w "$root" ] && has flock || return 0
  mkdir -p "$root/.cache"
  exec 9>"$root/.cache/setup.lock"
  flock 9
}

# --- npm ---

npm_packages_present() {
  modules=$root/node_modules
  [ -x "$modules/$bun/bin/bun" ] || { [ "$level" != dev ] && [ "$level" != test ] && [ -x "$root/../$bun/bin/bun" ]; } || return 1
  # shellcheck disable=SC3013 # every sh of Debian, Ubuntu, Fedora and Alpine has -nt
  [ ! "$root/package-lock.json" -nt "$modules/.package-lock.json" ] || return 1
  case $level in
    dev | test) [ -e "$modules/typescript/package.json" ] && [ -e "$modules/oxlint/package.json" ] ;;
  esac
}

npm_packages() {
  ! npm_packages_present || return 0
  has npm || fail "npm is missing: install Node.js 18 or newer with npm (on Debian or Ubuntu, as root: apt-get install nodejs npm)"
  [ -e "$root/package-lock.json" ] ||
    fail "the package $bun is missing: npm leaves it out with --omit=optional; install Silo again without that"
  [ -w "$root" ] || fail "$root cannot be written by $(id -un), and the pinned packages are not there yet: run $root/silo once as its owner"
  case $level in dev | test) kind=--include=dev ;; *) kind=--omit=dev ;; esac
  # Not `ci`: it removes everything first, under a daemon that may run from there, and refuses a lock file that leaves out binaries for other
  # systems which this registry does not have. `install` keeps to the versions of the lock file too.
  how="install --no-save"
  say "installing the pinned packages with npm (once)"
  log=$(mktemp)
  # shellcheck disable=SC2086 # $how is words
  if ! (cd "$root" && npm $how --ignore-scripts --no-fund --no-audit --loglevel=error "$kind" >"$log" 2>&1 </dev/null); then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "npm could not install the packages (its words are above). Check the network and npm's registry, then: cd $root && npm $how $kind"
  fi
  rm -f "$log"
  [ -x "$root/node_modules/$bun/bin/bun" ] || fail "npm did not install $bun: is 'omit=optional' in its configuration? npm config get omit"
  touch "$root/node_modules/.package-lock.json"
}

# --- Debian ---

# program or file : Debian package : why
wanted_to_run='crun:crun:runs the containers
conmon:conmon:watches each container
nft:nftables:networks and published ports
/usr/bin/tini-static:tini:the small init of --init
/bin/busybox:busybox-static:the base image that needs no registry'
wanted_to_test='skopeo:skopeo:copies images in the tests
docker-registry:docker-registry:a registry of another make for the tests
podman:podman:another client of registries in the tests
buildah:buildah:another client of registries in the tests
runc:runc:the other runtime for the tests
ip:iproute2:network namespaces in the tests
mmdebstrap:mmdebstrap:makes Debian base images
redis-cli:redis-tools:a service for the tests of other clients
curl:curl:asks published ports in the tests
python3:python3:makes test archives
/usr/lib/python3/dist-packages/docker/__init__.py:python3-docker:a client for the tests
docker-compose:docker-compose:Compose 1 in the tests
git:git:commits that builds name
ps:procps:process lists'

present() { case $1 in /*) [ -e "$1" ] ;; *) has "$1" ;; esac; }

debian_packages() {
  missing='' reasons='' wanted=$wanted_to_run
  [ "$level" != test ] || wanted="$wanted_to_run
$wanted_to_test"
  while IFS=: read -r thing package why; do
    present "$thing" || { missing="$missing $package"; reasons="$reasons, $package ($why)"; }
  done <<LIST
$wanted
LIST
  [ -n "$missing" ] || return 0
  reasons=${reasons#, }
  if ! has apt-get; then
    miss "missing: $reasons. This is not Debian or Ubuntu: install them with this system's package manager"
  elif [ "$(id -u)" != 0 ]; then
    miss "missing: $reasons. Only root can install them: sudo apt-get install --no-install-recommends$missing"
  else
    install_debian "$missing" "$reasons"
  fi
}

# A client needs none of the engine's programs: it may speak to an engine elsewhere.
miss() { case $level:$insist in run:daemon | test:*) fail "$1" ;; esac; }

install_debian() {
  say "installing with apt: $2"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # The lists of packages may be absent, or older than what the mirror holds.
  # shellcheck disable=SC2086 # $1 is words
  apt_install $1 >"$log" 2>&1 </dev/null || { apt-get update -q >"$log" 2>&1 </dev/null && apt_install $1 >>"$log" 2>&1 </dev/null; } || {
    tail -n 8 "$log" >&2
    rm -f "$log"
    fail "apt could not install$1 (its words are above). Try by hand: apt-get update && apt-get install --no-install-recommends$1; SILO_SETUP=skip goes on without"
  }
  rm -f "$log"
}

apt_install() { apt-get install -yq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; }

# --- what no package can bring ---

check_kernel() {
  [ "$(id -u)" = 0 ] || fail "the engine needs root: run this with sudo, or as root"
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
    fail "this kernel has no overlayfs, on which the layers of images stand: modprobe overlay, or boot a kernel with CONFIG_OVERLAY_FS"
  groups=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2\{0,1\} .*/\1/p' /proc/self/mountinfo)
  [ -n "$groups" ] ||
    fail "no cgroup file system is mounted, and each container is a cgroup: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
  for group in $groups; do
    [ ! -w "$group" ] || return 0
  done
  fail "the cgroup file systems are read-only, as in most containers: mount -o remount,rw ${groups%%
*}, or give this container more rights (Docker: --privileged --cgroupns=host)"
}

check_machine
take_turns
npm_packages
case $level in run | test) debian_packages ;; esac
case $level:$insist in
  run:daemon) check_kernel ;;
  test:*) [ "$(id -u)" != 0 ] || check_kernel ;;
esac

#!/bin/sh
# Installs what is missing, one line each, and nothing the second time.
#   setup.sh run [COMMAND]   what `silo` needs to run (COMMAND decides whether a missing package is fatal)
#   setup.sh dev             what building needs too
#   setup.sh test            what the tests need too
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
level=${1:-run}
command=${2:-}

say() { echo "silo: $*"; }
fail() { echo "silo: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

[ "$(uname -s)" = Linux ] || fail "this is $(uname -s): Silo runs on Linux only"
case $(uname -m) in
  x86_64) bun=@oven/bun-linux-x64 ;;
  aarch64) bun=@oven/bun-linux-aarch64 ;;
  *) fail "this machine is $(uname -m): Silo runs on x86_64 and aarch64 only" ;;
esac

packages_from_npm() {
  if [ "$level" = run ]; then
    [ -x "$root/node_modules/$bun/bin/bun" ] || [ -x "$root/../$bun/bin/bun" ] || install_npm --omit=dev
  else
    [ -x "$root/node_modules/$bun/bin/bun" ] && [ -e "$root/node_modules/typescript/package.json" ] && [ -e "$root/node_modules/oxlint/package.json" ] || install_npm --include=dev
  fi
}

install_npm() {
  has npm || fail "npm is missing: install Node.js 20 or newer with npm (on Debian or Ubuntu: apt-get install nodejs npm)"
  say "installing the pinned packages with npm (once)"
  if ! (cd "$root" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error "$1" >/dev/null 2>"$root/.npm-errors"); then
    cat "$root/.npm-errors" >&2
    rm -f "$root/.npm-errors"
    fail "npm could not install the packages (see above): check the network and run: cd $root && npm ci"
  fi
  rm -f "$root/.npm-errors"
}

# binary or file : Debian package : why
wanted_to_run='crun:crun:runs the containers
conmon:conmon:watches each container
nft:nftables:networks and published ports
/usr/bin/tini-static:tini:the small init of --init
/bin/busybox:busybox-static:the base image that needs no registry'
wanted_to_test='skopeo:skopeo:copies images in the tests
docker-registry:docker-registry:a registry of another make for the tests
runc:runc:the other runtime for the tests
ip:iproute2:network namespaces in the tests
mmdebstrap:mmdebstrap:makes Debian base images
curl:curl:asks published ports in the tests
python3:python3:makes test archives
ps:procps:process lists'

present() { case $1 in /*) [ -e "$1" ] ;; *) has "$1" || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;; esac; }

packages_from_debian() {
  missing= reasons=
  wanted=$wanted_to_run
  [ "$level" = test ] && wanted="$wanted_to_run
$wanted_to_test"
  old_ifs=$IFS
  IFS='
'
  for line in $wanted; do
    thing=${line%%:*}; rest=${line#*:}; package=${rest%%:*}; why=${rest#*:}
    present "$thing" || { missing="$missing $package"; reasons="$reasons, $package ($why)"; }
  done
  IFS=$old_ifs
  [ -n "$missing" ] || return 0
  if ! has apt-get; then
    optional_or_fail "missing:${reasons#,}. This is not Debian or Ubuntu: install them with your package manager"
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    optional_or_fail "missing:${reasons#,}. Install them with: sudo apt-get install --no-install-recommends$missing"
    return 0
  fi
  say "installing with apt:${reasons#,}"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # the list is words
  apt-get install -yq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -q >/dev/null 2>&1 && apt-get install -yq --no-install-recommends $missing >"$root/.apt-errors" 2>&1; } ||
    { tail -n 5 "$root/.apt-errors" >&2; rm -f "$root/.apt-errors"; fail "apt could not install$missing: run it by hand to see why: apt-get update && apt-get install --no-install-recommends$missing"; }
  rm -f "$root/.apt-errors"
}

# A client needs none of the engine's programs: it may speak to an engine elsewhere.
optional_or_fail() {
  case "$level:$command" in
    run:daemon | test:*) fail "$1" ;;
    *) [ "$level" = run ] || fail "$1" ;;
  esac
}

packages_from_npm
packages_from_debian

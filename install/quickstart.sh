#!/bin/sh
# From nothing to a container that serves a page. `make quickstart` runs it; the second time it starts from what is there.
# SILO_QUICKSTART_PORT (8080) is the port on this machine, on its loopback address only.
set -eu
case $0 in */*) cd "${0%/*}/.." ;; *) cd .. ;; esac
name=quickstart
port=${SILO_QUICKSTART_PORT:-8080}
url=http://127.0.0.1:$port/

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
# The command as a user would type it, then its output.
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
fail() { printf '\nquickstart: %s\n' "$*" >&2; exit 1; }

# What asks for the page: curl where it is installed, else the runtime that Silo brings.
get() {
  # shellcheck disable=SC2211 # one of the two is installed
  if command -v curl >/dev/null 2>&1; then curl -sS --max-time 5 "$1"
  else node_modules/@oven/bun-linux-*/bin/bun -e 'process.stdout.write(await (await fetch(process.argv[1])).text())' "$1"; fi
}

step '1. The engine'
show ./silo version || fail 'the engine did not start: the reason is above, and ./silo doctor examines this machine'

step '2. A base image from this machine'"'"'s own busybox: no registry needed'
if ./silo image inspect busybox >/dev/null 2>&1; then echo 'It is there already.'; else
  show ./silo image bootstrap busybox || fail 'the base image could not be made: the reason is above'
fi
show ./silo images

step "3. A container that serves a page at $url"
./silo rm -f "$name" >/dev/null 2>&1 || true
page='<h1>Hello from a Silo container</h1>'
serve="mkdir -p /www; echo '$page' > /www/index.html; exec httpd -f -v -p 80 -h /www"
show ./silo run -d --name "$name" -p "127.0.0.1:$port:80" busybox sh -c "$serve" ||
  fail "the container did not start: the reason is above. If port $port is taken, choose another: SILO_QUICKSTART_PORT=8081 make quickstart"

step '4. The page'
printf '%s$ curl %s%s\n' "$dim" "$url" "$plain"
tries=0
until answer=$(get "$url" 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" = 30 ]; then
    ./silo logs "$name" >&2 || true
    fail "no page at $url ($answer). The container's log is above; ./silo doctor looks for a firewall in the way"
  fi
  sleep 0.1
done
printf '%s\n' "$answer"

step '5. Its processes and its log'
show ./silo ps
show ./silo top "$name"
show ./silo logs "$name"

step 'What next?'
next() { printf '  %-34s %s\n' "$@"; }
next './silo run --rm -it busybox sh' 'a shell in a container of its own' \
  "./silo exec -it $name sh" 'look around inside of the one that runs' \
  "./silo rm -f $name" 'stop it and remove it' \
  './silo doctor' 'what this machine can do, and what it should' \
  './silo help' 'everything else' \
  './silo daemon stop' 'stop the engine; containers go on' \
  'docs/README.md' 'what there is to read'
echo '  DOCKER_HOST=unix:///run/silo/silo.sock docker ps     your Docker tools work too'

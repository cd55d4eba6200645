#!/bin/sh
# From nothing to a container that serves a page. `make quickstart` runs it; the second time it starts from what is there.
set -eu
cd "$(dirname "$0")/.."
name=quickstart
port=${SILO_QUICKSTART_PORT:-8080}
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n%s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

step '1. The engine'
show ./silo version

step '2. A base image, made from this machine'"'"'s own busybox (no registry needed)'
./silo image inspect busybox >/dev/null 2>&1 || show ./silo image bootstrap busybox
show ./silo images

step "3. A container that serves a page on port $port"
./silo rm -f "$name" >/dev/null 2>&1 || true
show ./silo run -d --name "$name" -p "127.0.0.1:$port:80" busybox \
  sh -c 'mkdir -p /www && echo "<h1>Hello from a Silo container</h1>" > /www/index.html && exec httpd -f -v -p 80 -h /www'

step '4. The page'
page=
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  page=$(./silo exec "$name" wget -qO- http://127.0.0.1/ 2>/dev/null) && break
done
[ -n "$page" ] || { ./silo logs "$name"; echo "quickstart: the container serves no page; its log is above" >&2; exit 1; }
if command -v curl >/dev/null 2>&1; then show curl -sS "http://127.0.0.1:$port/"
else node -e "fetch('http://127.0.0.1:$port/').then((r) => r.text()).then((t) => console.log(t.trim()))"; fi

step '5. Its processes and its log'
show ./silo ps
show ./silo top "$name"
show ./silo logs "$name"

step 'Next'
cat <<TEXT
  ./silo run --rm -it busybox sh     a shell in a container of its own
  ./silo exec -it $name sh     look around inside the one that runs
  ./silo rm -f $name           stop and remove it
  ./silo doctor                      what this machine can do, and what it should
  ./silo help                        everything else
TEXT

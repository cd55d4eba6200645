#!/bin/sh
# Types, lint, format, then every test; the last line counts them. Extra words go to `bun test`.
set -eu
cd "$(dirname "$0")/.."
bun=$(pwd)/node_modules/@oven/bun-linux-$(uname -m | sed 's/x86_64/x64/')/bin/bun
node_modules/.bin/tsc -p .
node_modules/.bin/oxlint . >/dev/null || { node_modules/.bin/oxlint .; exit 1; }
node_modules/.bin/oxfmt --check . >/dev/null || { echo 'format: run make fmt'; exit 1; }
passed=0 failed=0 status=0
for part in src test; do
  log=$(mktemp)
  "$bun" test --timeout 120000 "./$part/" "$@" 2>&1 | tee "$log" || true
  count() { sed -n "s/^ *\([0-9][0-9]*\) $1\$/\1/p" "$log" | tail -n 1; }
  ran=$(count pass) wrong=$(count fail)
  [ -n "$ran" ] && [ -n "$wrong" ] || { echo "the tests of $part ended without a summary" >&2; wrong=$((${wrong:-0} + 1)); }
  passed=$((passed + ${ran:-0})) failed=$((failed + ${wrong:-0}))
  rm -f "$log"
done
[ "$failed" = 0 ] || status=1
echo "$passed passed, $failed failed"
exit $status

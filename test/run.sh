#!/bin/sh
# Types, lint, format, then every test, one process per part so that a crash takes only its own part along. Tests that pass are counted, not
# listed; the last line is `N passed, N failed`. Words go to `bun test`: sh test/run.sh -t 'name of a test'.
# A part that runs longer than SILO_TEST_LIMIT (600) seconds is ended and counts as failed.
set -eu
case $0 in */*) cd "${0%/*}/.." ;; *) cd .. ;; esac
here=$(pwd)

# In a chroot containers cannot be isolated: the tests then run in a mount namespace in which the chroot is the root.
if [ "$(id -u)" = 0 ] && [ -z "${SILO_OWN_ROOT:-}" ] && ! unshare --user true 2>/dev/null; then
  exec sh install/own-root.sh sh test/run.sh "$@"
fi

bun=$(echo "$here"/node_modules/@oven/bun-linux-*/bin/bun)
limit=${SILO_TEST_LIMIT:-600}
export NO_COLOR=1
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

check() {
  what=$1
  shift
  "$@" >"$results/check" 2>&1 || {
    echo "$what:"
    cat "$results/check"
    echo "$what: $(head -n 1 "$results/check")" >>"$results/failures"
    failed=$((failed + 1))
  }
}

# The number in the summary line of `bun test` that ends with this word.
count() { sed -n "s/^ *\([0-9][0-9]*\) $1s\{0,1\}\$/\1/p" "$own/log" | tail -n 1; }

# Runs the tests of a folder; what it could not run counts as a failure too.
run_part() {
  part=$1
  shift
  [ -n "$(find "$part" -name '*.test.ts' -print | head -n 1)" ] || return 0
  own=$(mktemp -d -p "$results")
  {
    timeout --foreground -k 10 "$limit" "$bun" test --timeout 120000 "./$part/" "$@" 2>&1 </dev/null &
    echo $! >"$own/pid"
    wait $! && echo 0 >"$own/status" || echo $? >"$own/status"
    rm "$own/pid"
  } |
    tee "$own/log" | grep -Ev '^(\((pass|skip|todo)\) |bun test v|$)' || true
  status=$(cat "$own/status")
  ran=$(count pass) wrong=$(count fail)
  sed -n "s|^(skip) |$part: |p; s|^(todo) |$part: to do: |p; s|^skipped: |$part: why: |p" "$own/log" >>"$results/skipped"
  # What went wrong before a test's verdict, without the source that bun shows around it.
  awk -v part="$part" '/^error: |^[-+] |^Expected|^Received/ && lines < 12 { why = why "\n    " substr($0, 1, 300); lines++ }
    /^\((pass|skip|todo)\) / { why = ""; lines = 0 }
    /^\(fail\) / && !seen[$0]++ { print part ": " $0 why; why = ""; lines = 0 }' "$own/log" >>"$results/failures"
  if [ -z "$ran" ] || ! grep -q '^Ran [0-9]* test' "$own/log"; then
    case $status in 124 | 137) why="was ended after $limit seconds, or killed" ;; *) why="ended with status $status" ;; esac
    echo "$part $why, without a summary: what it did not run counts as one failure" | tee -a "$results/failures"
    wrong=$((${wrong:-0} + 1))
  elif [ "$status" != 0 ] && [ "${wrong:-0}" = 0 ]; then
    echo "$part ended with status $status although no test failed: an error between the tests" | tee -a "$results/failures"
    wrong=1
  fi
  echo "${ran:-0} ${wrong:-0}" >>"$results/counts"
}

check types node_modules/.bin/tsc -p .
# As the packages of oxlint and oxfmt say; npm leaves their programs out on a Node that is older.
if node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
  check lint node_modules/.bin/oxlint .
  check 'format (mend it with make fmt)' node_modules/.bin/oxfmt --check .
else
  echo "lint and format: they need Node 20.19 or newer, this is $(node --version)" | tee -a "$results/skipped"
fi
# What mostly waits (for deaths, deadlines and restarts) runs beside the rest, which is most of the processors' work.
waiting='test/crash test/frozen test/build'
for part in $waiting; do run_part "$part" "$@"; done >"$results/waiting" 2>&1 &
beside=$!
trap 'kill "$beside" $(cat "$results"/*/pid) 2>/dev/null || true; exit 130' INT TERM
for part in src/* test/*; do
  case " $waiting " in *" $part "*) continue ;; esac
  [ ! -d "$part" ] || run_part "$part" "$@"
done
wait "$beside" || failed=$((failed + 1))
cat "$results/waiting"
while read -r ran wrong; do
  passed=$((passed + ran)) failed=$((failed + wrong))
done <"$results/counts"
if [ -s "$results/skipped" ]; then
  printf '\nskipped:\n'
  sort -u "$results/skipped" | sed 's/^/  /'
fi
# Last, so that whoever is shown only the end of this sees them.
if [ -s "$results/failures" ]; then
  printf '\nfailed:\n'
  sed 's/^/  /' "$results/failures"
fi
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

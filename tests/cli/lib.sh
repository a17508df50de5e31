# Shared by tests/cli/test_*.sh, which source it; it runs nothing by itself.
#
# A test runs the built program ($KEYFERRY) in a folder of its own, as a user would: without a terminal,
# without the caller's settings. The first check that fails ends it with what was expected and seen.
# shellcheck shell=bash
set -euo pipefail

: "${KEYFERRY:?the program to test, by its path}"
[ -n "${KEYFERRY%%/*}" ] && KEYFERRY=$PWD/$KEYFERRY
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")/golden" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/keyferry-cli.XXXXXX")
trap 'chmod -R u+rwX "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
unset KEYFERRY_STORE COLUMNS NO_COLOR
export LC_ALL=C.UTF-8 TZ=UTC

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ ! -e "$work/out" ] || sed 's/^/  stdout: /' "$work/out" | head -n 40 >&2
    [ ! -e "$work/err" ] || sed 's/^/  stderr: /' "$work/err" | head -n 40 >&2
    exit 1
}

# Runs the program with standard input from nowhere (or as redirected), and keeps $out, $err and $code.
kf() {
    code=0
    # setsid: no controlling terminal, so that nothing can wait for an answer on it
    setsid -w "$KEYFERRY" "$@" >"$work/out" 2>"$work/err" || code=$?
    out=$work/out
    err=$work/err
}

# expect CODE ARGUMENT...: runs it and holds the exit code against CODE.
expect() {
    local want=$1
    shift
    if [ -t 0 ]; then kf "$@" </dev/null; else kf "$@"; fi
    [ "$code" -eq "$want" ] || fail "exit code $code, expected $want: keyferry $*"
}

# What the last run wrote has (has not) a line that matches.
has_out() { grep -qE -- "$1" "$out" || fail "stdout lacks: $1"; }
has_err() { grep -qE -- "$1" "$err" || fail "stderr lacks: $1"; }
no_out() { ! grep -qE -- "$1" "$out" || fail "stdout has: $1"; }
no_err() { ! grep -qE -- "$1" "$err" || fail "stderr has: $1"; }
silent_out() { [ ! -s "$out" ] || fail "stdout is not empty"; }
silent_err() { [ ! -s "$err" ] || fail "stderr is not empty"; }
one_line_err() { [ "$(wc -l <"$err")" -eq 1 ] || fail "stderr is not one line"; }

equal() { # got, expected, what
    [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"
}

# same_as_golden FILE NAME: FILE is golden/NAME, after what varies was made the same. UPDATE_GOLDEN=1
# writes the golden file instead: look at the difference before you commit it.
same_as_golden() {
    local seen=$work/seen
    sed -E -e "s|$work|WORK|g" \
        -e 's/keyferry [0-9]+\.[0-9]+\.[0-9]+/keyferry VERSION/' \
        -e 's/OpenSSL [0-9].*/OpenSSL VERSION/' \
        -e 's/[0-9]+\.[0-9]+ s$/N s/' \
        -e 's/\b[0-9a-f]{64}\b/SHA256/g; s/\b[0-9a-f]{40}\b/HASH/g' \
        -e 's/\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z\b/TIME/g; s/\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b/DATE/g' \
        "$1" >"$seen"
    if [ "${UPDATE_GOLDEN:-}" = 1 ]; then
        cp "$seen" "$golden/$2"
    else
        diff -u "$golden/$2" "$seen" >&2 || fail "differs from golden/$2"
    fi
}

#!/usr/bin/env bash
# The whole of CI: installs what is missing, checks the sources, builds, and runs every test, first as
# developers build it, then under AddressSanitizer and UBSan with leak checking. Stops at the first
# failure, with a non-zero exit code. From any folder:
#
#   tests/run.sh           everything; the last lines are ctest's totals
#   tests/run.sh --quick   the developers' build and its tests alone
set -euo pipefail

usage() {
    sed -n 's/^#   //p' "$0"
}
quick=
case ${1:-} in
    '') ;;
    --quick) quick=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
esac

cd "$(dirname "$0")/.."
jobs=$(nproc)
log=$(mktemp)
step='start'
ended() {
    local code=$?
    rm -f "$log"
    [ "$code" -eq 0 ] || printf '\ntests/run.sh: FAILED at: %s\n' "$step" >&2
}
trap ended EXIT

# Runs a command as a step; its output is shown only if it fails.
quietly() { # what it is, the command
    step=$1
    shift
    local begun=$SECONDS
    printf '%-44s ' "$step"
    if "$@" >"$log" 2>&1; then
        printf 'ok   %3d s\n' $((SECONDS - begun))
    else
        printf 'FAILED\n'
        tail -n 200 "$log"
        return 1
    fi
}

build() { # preset
    cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"
}

run_tests() { # preset
    step="tests, $1"
    printf '\n%s\n' "$step"
    ctest --preset "$1" -j "$jobs" --progress --no-tests=error
}

step='dependencies'
scripts/deps.sh test
if [ -z "$quick" ]; then
    quietly 'which folder may include which' scripts/check-includes.sh
    quietly 'sizes of files and functions' scripts/check-sizes.sh
    quietly 'layout (clang-format)' scripts/check-format.sh
    quietly 'shell scripts (shellcheck)' scripts/check-shell.sh
fi
quietly 'build: dev, warnings are errors' build dev
[ -n "$quick" ] || quietly 'clang-tidy' scripts/check-tidy.sh
run_tests dev
[ -z "$quick" ] || exit 0
quietly 'build: asan-ubsan' build asan-ubsan
run_tests asan-ubsan

#!/usr/bin/env bash
# Every header compiles alone, and the check that says so fails on one that does not.
set -euo pipefail

check=$KEYFERRY_SOURCE/scripts/check-headers.sh
"$check" "$KEYFERRY_SOURCE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refuses() { # the header's text
    printf '%b' "$1" >"$work/bad.h"
    if "$check" "$work" >"$work/out" 2>&1; then
        echo "'$1' was accepted"
        exit 1
    fi
    grep -qF 'bad.h: does not compile alone' "$work/out"
}
refuses '#ifndef A\n#define A\nsize_t length(void);\n#endif\n'
refuses 'enum without_guard { ONE };\n'

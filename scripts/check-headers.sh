#!/usr/bin/env bash
# Compiles every header alone, so that a file may include any of them first.
#
#   scripts/check-headers.sh [FOLDER]    FOLDER: the source tree, by default this one
set -euo pipefail

cd "${1:-"$(dirname "$0")/.."}"
read -ra flags <<<"$(pkg-config --cflags libcrypto libxml-2.0 sqlite3 jansson cunit)"
failed=0
count=0
while IFS= read -r header; do
    count=$((count + 1))
    # once alone, and once more: the second time the include guard must hold
    printf '#include "%s"\n#include "%s"\nextern int not_empty;\n' "$header" "$header" |
        "${CC:-gcc}" -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DKF_VERSION='"0"' \
            -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. "${flags[@]}" -x c - || {
        printf '%s: does not compile alone\n' "$header"
        failed=1
    }
done < <(find . \( -path ./build -o -path ./samples -o -path '*/.*' \) -prune -o -name '*.h' -print |
    sed 's|^\./||' | LC_ALL=C sort)
[ "$count" -gt 0 ] || { echo "no headers here"; exit 1; }
exit "$failed"

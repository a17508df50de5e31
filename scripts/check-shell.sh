#!/usr/bin/env bash
# Every shell script parses, is executable, and passes shellcheck.
#
#   scripts/check-shell.sh
set -euo pipefail

cd "$(dirname "$0")/.."
mapfile -t scripts < <(find . \( -path ./build -o -path ./samples/work -o -path ./.git \) -prune -o \
    -type f \( -name '*.sh' -o -path ./.ci/run -o -path ./tests/browser/run \) -print | LC_ALL=C sort)
[ ${#scripts[@]} -gt 0 ] || { echo "no scripts here"; exit 1; }

failed=0
for script in "${scripts[@]}"; do
    bash -n "$script" || failed=1
    # what is only sourced by others begins without #!
    if [ "$(head -c 2 "$script")" = '#!' ] && [ ! -x "$script" ]; then
        printf '%s: not executable\n' "$script"
        failed=1
    fi
done
shellcheck --shell=bash --severity=warning -x "${scripts[@]}" || failed=1
exit "$failed"

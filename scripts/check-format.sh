#!/usr/bin/env bash
# Says which C files are not as clang-format would lay them out. To lay them out:
#
#   git ls-files '*.c' '*.h' | xargs clang-format -i
set -euo pipefail

cd "$(dirname "$0")/.."
find . \( -path ./build -o -path ./samples -o -path '*/.*' \) -prune -o -name '*.[ch]' -print0 |
    xargs -0 clang-format --dry-run -Werror

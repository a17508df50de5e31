#!/usr/bin/env bash
# Holds the sizes that CONTRIBUTING.md asks for: no file over 500 lines, no function over 60, of what
# the program is made of. Tests may be longer.
#
#   scripts/check-sizes.sh
set -euo pipefail

cd "$(dirname "$0")/.."
# In this layout a function's body is what stands between a { and a } in the first column.
find core crypto readers store writers cli -name '*.[ch]' -print0 | LC_ALL=C sort -z | xargs -0 awk '
    FNR == 1 { if (file != "") size(); file = FILENAME }
    { lines = FNR }
    /^{/ { begun = FNR }
    /^}/ && begun {
        if (FNR - begun - 1 > 60)
            say(begun, "a function of " FNR - begun - 1 " lines, of at most 60")
        begun = 0
    }
    function size() { if (lines > 500) say(lines, lines " lines, of at most 500") }
    function say(line, text) { printf "%s:%d: %s\n", file, line, text; failed = 1 }
    END { size(); exit failed }'

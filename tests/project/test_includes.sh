#!/usr/bin/env bash
# The folder rule holds for this tree, and the check that says so finds each kind of offence.
set -euo pipefail

check=$KEYFERRY_SOURCE/scripts/check-includes.sh
"$check" "$KEYFERRY_SOURCE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{core,crypto,readers,store,writers,cli,tests,misc}

# what may be
cat >"$work/core/good.h" <<'END'
#include <stdio.h>
#include "core/other.h"
/* printf( in a comment, and
   exit(1) in its second line */
static const char *text = "getenv(\"HOME\") in a string"; // abort() here
int my_printf(int);
int use = my_printf(1) + fprintf_like(2);
END
cat >"$work/cli/good.c" <<'END'
#include "cli/x.h"
#  include "writers/x.h"
int main(void) { printf("x"); exit(0); }
END
"$check" "$work" || { echo "a tree without offences was refused"; exit 1; }

# what may not: each is found in its place, and alone makes the check fail
cases=0
refuses() { # file, its text, what must be said
    cases=$((cases + 1))
    printf '%b' "$2" >"$work/$1"
    if "$check" "$work" >"$work/out"; then
        echo "$1: '$2' was accepted"
        exit 1
    fi
    grep -qF -- "$3" "$work/out" || { echo "$1: '$2' gave: $(cat "$work/out")"; exit 1; }
    [ "$(wc -l <"$work/out")" -eq 1 ] || { cat "$work/out"; exit 1; }
    rm "$work/$1"
}
refuses core/bad.c '\n#include "crypto/seal.h"\n' 'core/bad.c:2: core/ may not include "crypto/seal.h"'
refuses crypto/bad.h '#include "readers/formats.h"\n' 'crypto/ may not include'
refuses readers/bad.c ' # include "writers/kms.h"\n' 'readers/ may not include'
refuses readers/bad.c '#include "store/store.h"\n' 'readers/ may not include'
refuses writers/bad.c '#include "readers/formats.h"\n' 'writers/ may not include'
refuses store/bad.c '#include "cli/cli.h"\n' 'store/ may not include'
refuses store/bad.c '#include "tests/support/suite.h"\n' 'store/ may not include'
refuses cli/bad.c '#include "tests/support/suite.h"\n' 'cli/ may not include'
refuses store/bad.c '#include "../cli/cli.h"\n' 'as "folder/name.h"'
refuses core/bad.c '#include "core/../cli/cli.h"\n' 'as "folder/name.h"'
refuses core/bad.c '#include "bytes.h"\n' 'as "folder/name.h"'
refuses core/bad.c '#include <crypto/seal.h>\n' 'included in quotes'
refuses core/bad.c '#include HEADER\n' 'does not name its file'
refuses misc/bad.c 'int x;\n' 'no rule says'
refuses core/bad.c 'void f(void)\n{\n    printf("x");\n}\n' 'core/bad.c:3: printf()'
refuses crypto/bad.c 'int x = /* why */ getenv("A");\n' 'crypto/bad.c:1: getenv()'
refuses writers/bad.c 'exit (1);\n' 'exit()'
refuses cli/bad.c 'strcpy(a, b);\n' 'strcpy()'
refuses tests/bad.c 'x = atoi(b);\n' 'atoi()'
[ "$cases" -eq 19 ]

#!/usr/bin/env bash
# The manual is clean mdoc: mandoc's lint finds nothing. Whether the manuals that it refers to are
# installed depends on the machine, and is passed over.
set -euo pipefail

command -v mandoc >/dev/null || { echo "skipped: no mandoc"; exit 77; }
lint() {
    mandoc -Tlint "$1" 2>&1 | grep -v -e 'outdated mandoc.db' -e 'referenced manual not found' || true
}
found=$(lint "$KEYFERRY_SOURCE/man/keyferry.1")
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }

# and it would find something: a list without a type
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
sed '0,/^\.Bl .*/s//.Bl/' "$KEYFERRY_SOURCE/man/keyferry.1" >"$bad"
[ -n "$(lint "$bad")" ]

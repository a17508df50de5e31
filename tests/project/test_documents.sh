#!/usr/bin/env bash
# The documents do not fall behind: every relative link leads somewhere, the README's table of formats
# has what `keyferry formats` lists and no more, its exit codes are the manual's, and the manual has a
# section for every command.
set -euo pipefail

cd "$KEYFERRY_SOURCE"
failed=0
wrong() {
    printf '%s\n' "$*"
    failed=1
}

links=0
while IFS= read -r document; do
    while IFS= read -r target; do
        links=$((links + 1))
        [ -e "$(dirname "$document")/${target%%#*}" ] || wrong "$document: nothing is at $target"
    done < <(grep -oE '\]\([^)]+\)' "$document" | sed 's/^](//; s/)$//' | grep -vE '^(https?:|#|mailto:)')
done < <(find . \( -path ./build -o -path ./samples/work -o -path './.*' \) -prune -o -name '*.md' -print)
[ "$links" -gt 10 ] || wrong "only $links links were found"

known=$("$KEYFERRY" formats | sed -nE 's/^  ([a-z0-9]+) .*/\1/p' | LC_ALL=C sort -u)
told=$(sed -n '/^## Formats/,/^## /p' README.md | sed -nE 's/^\| `([a-z0-9]+)`.*/\1/p' | LC_ALL=C sort)
[ -n "$known" ] || wrong 'keyferry formats lists none'
[ "$known" = "$told" ] || wrong "README.md tells of the formats" $told "and keyferry of" $known

told=$(sed -nE 's/^\| ([0-9]+) \|.*/\1/p' README.md | LC_ALL=C sort -n | tr '\n' ' ')
[ "$told" = '0 1 2 64 77 78 ' ] || wrong "README.md: the exit codes are $told"

commands=$("$KEYFERRY" help | sed -n '/^Commands:/,/^What the words/s/^  \([a-z]*\) .*/\1/p')
[ "$(printf '%s\n' "$commands" | wc -l)" -gt 10 ] || wrong "keyferry help lists: $commands"
manual=man/keyferry.1
for command in $commands; do
    grep -qE "^\.(Cm|It Cm|Ss|Ic|It Ic|Nm keyferry Cm|Nm Cm) *$command|Cm $command( |$)" "$manual" ||
        wrong "$manual does not tell of $command"
done
for code in 0 1 2 64 77 78; do
    sed -n '/^\.Sh EXIT STATUS/,/^\.Sh /p' "$manual" | grep -qE "^\.It (Er )?$code\b" ||
        wrong "$manual: EXIT STATUS has no $code"
done
exit "$failed"

#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy says which checks, and why not the others) on every C file of the build
# in build/dev, on all cores.
#
#   scripts/check-tidy.sh [FILE]...    FILE: only these, by default all
#
# A file that was found clean is not looked at again until it changes, or a header, or the checks do:
# build/dev/tidy remembers.
set -euo pipefail

cd "$(dirname "$0")/.."
database=build/dev/compile_commands.json
[ -e "$database" ] || { echo "check-tidy: build first: cmake --preset dev" >&2; exit 1; }

memory=build/dev/tidy
mkdir -p "$memory"
mapfile -t files < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else
    sed -n "s|^ *\"file\": \"$PWD/\\(.*\\)\".*|\\1|p" "$database" | LC_ALL=C sort -u
fi)
# a file that is built twice is looked at once: the second look would see what is not there (clang 14, va_list)
jq 'unique_by(.file)' "$database" >"$memory/compile_commands.json"
[ ${#files[@]} -gt 0 ] || { echo "check-tidy: $database names no file" >&2; exit 1; }

# what every verdict depends on beside the file itself
common=$(find . -path ./build -prune -o \( -name '*.h' -o -name .clang-tidy \) -type f -print |
    LC_ALL=C sort | xargs cat | cat - "$database" <(clang-tidy --version) | sha256sum)

# -Wno-error: the checks say what is an error here, not the compiler's flags
check_one() {
    local mark
    mark=$memory/$(cat <(printf '%s' "$common") "$1" | sha256sum | cut -c1-32)
    [ -e "$mark" ] && return 0
    if clang-tidy --quiet -p "$memory" --extra-arg=-Wno-error "$1" 2>"$mark.err"; then
        rm -f "$mark.err"
        : >"$mark"
    else
        grep -v 'warnings generated\|warnings treated as errors' "$mark.err" || true
        rm -f "$mark.err"
        return 1
    fi
}
export -f check_one
export memory common

# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'check_one "$1"' check-tidy

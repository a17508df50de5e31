#!/usr/bin/env bash
# Installs what this project needs and this machine lacks, from Debian's packages; says what it does.
#
#   scripts/deps.sh build    the compiler, the libraries, and the tools that samples/tour.sh runs (the default)
#   scripts/deps.sh test     that, and what tests/run.sh needs besides
#
# Where everything is there it says nothing and uses no network. Where something is missing it needs
# root, or sudo; on a system without apt-get it names what is missing and stops.
set -euo pipefail

# package, and how to see that it is there: a program, a library as pkg-config knows it, or a file
build_set='
gcc                   program:gcc
libc6-dev             file:/usr/include/stdio.h
cmake                 program:cmake
ninja-build           program:ninja
pkg-config            program:pkg-config
libssl-dev            library:libcrypto
libxml2-dev           library:libxml-2.0
libsqlite3-dev        library:sqlite3
libjansson-dev        library:jansson
libcunit1-dev         library:cunit
openssl               program:openssl
libnss3-tools         program:pk12util
gnutls-bin            program:certtool
default-jre-headless  program:keytool
'
test_set='
xmlsec1               program:xmlsec1
libxml2-utils         program:xmllint
sqlite3               program:sqlite3
jq                    program:jq
mandoc                program:mandoc
clang-format          program:clang-format
clang-tidy            program:clang-tidy
shellcheck            program:shellcheck
chromium              program:chromium
nodejs                program:node
npm                   program:npm
'

die() {
    printf 'deps: %s\n' "$*" >&2
    exit 1
}

is_there() {
    case $1 in
        program:*) command -v "${1#*:}" >/dev/null ;;
        library:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#*:}" ;;
        file:*) [ -e "${1#*:}" ] ;;
    esac
}

case ${1:-build} in
    build) wanted=$build_set ;;
    test) wanted=$build_set$test_set ;;
    *) die "usage: scripts/deps.sh [build|test]" ;;
esac

missing=()
while read -r package sign; do
    [ -z "$package" ] || is_there "$sign" || missing+=("$package")
done <<<"$wanted"
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
    die "no apt-get here; install what these Debian packages hold: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "as root, please: apt-get install ${missing[*]}"
    as_root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >>"$log" 2>&1
}

printf 'deps: installing %s\n' "${missing[*]}"
if ! apt install --no-install-recommends "${missing[@]}"; then
    # the usual reason: package lists that are missing or old
    : >"$log"
    if ! { apt update && apt install --no-install-recommends "${missing[@]}"; }; then
        tail -n 15 "$log" >&2
        die "apt-get could not install them; its last words are above"
    fi
fi

while read -r package sign; do
    [ -z "$package" ] || is_there "$sign" || die "$package is installed, but ${sign#*:} is not there"
done <<<"$wanted"
printf 'deps: done\n'

#!/usr/bin/env bash
# scripts/deps.sh is silent where nothing is missing; says what it installs; and without root, without
# apt-get, or where apt-get fails, names what is missing and stops. Nothing is really installed: the
# programs that it would find are links in a folder of this test.
set -euo pipefail

deps=$KEYFERRY_SOURCE/scripts/deps.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for program in bash env id mktemp rm tail cat pkg-config gcc cmake ninja openssl pk12util certtool \
    keytool xmlsec1 xmllint sqlite3 jq mandoc clang-format clang-tidy shellcheck chromium node npm ln; do
    path=$(command -v "$program") || { echo "skipped: no $program"; exit 77; }
    ln -s "$path" "$work/bin/$program"
done

run() { # argument; sets code
    code=0
    PATH=$work/bin "$deps" "$@" >"$work/out" 2>&1 </dev/null || code=$?
}
said() { # code, text
    if [ "$code" -ne "$1" ] || ! grep -qF -- "$2" "$work/out"; then
        echo "exit code $code, wanted $1 and '$2'; it said:"
        cat "$work/out"
        exit 1
    fi
}
program() { # name, text of a script
    rm -f "$work/bin/$1"
    printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

run test
[ "$code" -eq 0 ] && [ ! -s "$work/out" ] || { cat "$work/out"; exit 1; }

rm "$work/bin/jq"
run build
[ "$code" -eq 0 ] || { echo "the build set asks for what only tests need"; exit 1; }
run test
said 1 'no apt-get here; install what these Debian packages hold: jq'

program apt-get 'echo "E: no network"; exit 100'
program id 'echo 1000'
run test
said 1 'as root, please: apt-get install jq'

program id 'echo 0'
run test
said 1 'deps: installing jq'
said 1 'E: no network'

# lists that are missing: the first try fails, after an update the second one works
program apt-get "case \"\$*\" in
    *update*) : >'$work/updated' ;;
    *install*jq*) [ -e '$work/updated' ] && ln -s /bin/true '$work/bin/jq' ;;
esac"
run test
said 0 'deps: installing jq'
said 0 'deps: done'
run test
[ "$code" -eq 0 ] && [ ! -s "$work/out" ]

run everything
said 1 'usage'

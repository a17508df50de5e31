#!/usr/bin/env bash
# Progress: a line that comes and goes on a terminal, and nothing of it anywhere else.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# A terminal for stderr (and stdin); what it was shown goes to $work/seen, stdout to $work/out.
on_terminal() { # TERM, arguments...
    local kind=$1 command
    shift
    printf -v command '%q ' "$KEYFERRY" "$@"
    code=0
    TERM=$kind script -qec "stty cols 80; exec $command >$work/out" "$work/typescript" \
        </dev/null >"$work/err" 2>&1 || code=$?
    tr '\r' '\n' <"$work/typescript" >"$work/seen"
    out=$work/out err=$work/seen
}

# Slow on purpose: a run that is over in half a second shows nothing.
mkdir folder
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Jo -keyout jo.key -out jo.pem 2>/dev/null
openssl pkcs12 -export -inkey jo.key -in jo.pem -iter 1500000 -passout pass:jo -out folder/1.pfx
for i in 2 3 4 5 6 7 8; do cp folder/1.pfx "folder/$i.pfx"; done
cp jo.pem folder/9.pfx # no PFX at all: one failed entry
openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=Agent' -addext keyUsage=keyEncipherment \
    -addext extendedKeyUsage=1.3.6.1.4.1.311.21.6 -keyout agent.key -out agent.pem 2>/dev/null
expect 0 init -s store.db --new-ca CA --kra agent.pem
expect 0 setreg -s store.db KRAFlags +KRAF_ENABLEFOREIGN

on_terminal xterm import -s store.db -f -j 1 --password pass:jo --format pfx -r folder
equal "$code" 2 'exit code'
has_err '^\[[=> ]+\] +[0-9]+ %  [0-9] keys?  [0-9]+/s.*  archived [0-9]'
grep -qa 'folder/9.pfx: ' "$work/typescript" || fail 'the failed file is not told'
# each line of the bar was taken away before another was printed, and the last for good
equal "$(grep -ac '^\[' "$work/seen" || true)" "$(grep -ac '^\[.*'$'\e''\[K$' "$work/seen" || true)" \
    'lines of the bar that end with an erasure'
tail -c 400 "$work/typescript" | tr '\r' '\n' | grep -a . | grep -v '^Script done' | tail -n 1 |
    grep -qa '^\[' && fail 'the bar was left behind'
equal "$(wc -l <"$work/out")" 6 'lines on stdout'
no_out '\['
awk 'length($0) > 83 && /^\[/ { exit 1 }' "$work/seen" || fail 'the bar does not fit the terminal'

# a terminal that cannot erase shows none, nor does what is no terminal, with --verbose neither
rm folder/[3-8].pfx
on_terminal dumb import -s store.db -f -j 1 --dry-run --password pass:jo --format pfx -r folder
no_err '\[[=>]'
expect 2 import -s store.db -j 1 --dry-run --verbose --password pass:jo --format pfx -r folder
no_err '\[[=>]'
has_err 'folder/9.pfx: '

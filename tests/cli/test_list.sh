#!/usr/bin/env bash
# list and show: tables, JSON, CSV; names that would act on a terminal; never a key.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
make_user ca jo
make_user ca ann ec
evil=$'Eve\e[2J\xe2\x80\xaeevE, "Quoted"'
make_certificate ca evil "/O=Example/CN=$evil" 'keyUsage=critical,keyEncipherment' ec
for name in jo ann evil; do make_pfx $name secret; done
export KEYFERRY_STORE=store.db
expect 0 init --ca ca.pem --kra agent.pem
expect 0 list
silent_out
has_err 'the store is empty'
expect 0 list --json
silent_out
silent_err
expect 0 list --csv
equal "$(wc -l <"$out")" 1 'lines of the CSV of an empty store'
expect 0 import --password pass:secret jo.pfx ann.pfx evil.pfx

expect 0 list
silent_err
sed -E 's/[0-9a-f]{30,}$/SERIAL/' "$out" >table
same_as_golden table list.txt
expect 0 list jo@example.com
equal "$(wc -l <"$out")" 2 'lines for one row'
expect 1 list nobody
silent_out
has_err 'nothing in the store matches nobody'

# on a terminal the table fits it: columns go before names do, and what is cut says so
if command -v script >tool; then
    on_terminal() { # COLUMNS SETTING... -- ARGUMENT...
        local columns=$1 settings=()
        shift
        while [ "$1" != -- ]; do settings+=("$1"); shift; done
        shift
        env TERM=xterm "${settings[@]}" script -qec "stty cols $columns; '$KEYFERRY' $*" /dev/null </dev/null | tr -d '\r'
    }
    plain() { sed 's/\x1b\[[0-9;]*m//g'; }
    for columns in 60 80 120 137 200; do
        on_terminal $columns -- list | plain >tty.out
        [ "$(wc -L <tty.out)" -le $columns ] || fail "lines beyond $columns columns"
    done
    grep -q '^ *ID .*SERIAL NUMBER *$' tty.out || fail 'no serial numbers on a wide terminal'
    grep -qF 'Eve\u{1b}[2J\u{202e}evE, "Quoted"' tty.out || fail 'a name is cut on a wide terminal'
    on_terminal 80 -- list >color.out
    plain <color.out >tty.out
    grep -q '…' tty.out || fail 'nothing was cut to fit the terminal'
    ! grep -q 'SERIAL' tty.out || fail 'serial numbers in 80 columns'
    on_terminal 200 COLUMNS=70 -- list | plain >tty.out
    [ "$(wc -L <tty.out)" -le 70 ] || fail 'lines beyond COLUMNS'

    # colours on a terminal alone, and where nobody refuses them
    grep -q $'\x1b\[1m' color.out || fail 'no colours on a terminal'
    for setting in NO_COLOR=1 TERM=dumb; do
        on_terminal 80 $setting -- list >tty.out
        ! grep -q $'\x1b' tty.out || fail "colours with $setting"
    done
    on_terminal 80 NO_COLOR= -- show ann >tty.out
    grep -q $'keyArchived  *\x1b\[32mtrue' tty.out || fail 'no colours in show'

    # whatever is asked for, a name does not act on the terminal
    for arguments in list 'list --json' 'list --csv' 'show "#3"' 'show "#3" --json'; do
        on_terminal 200 NO_COLOR=1 -- "$arguments" >tty.out
        ! LC_ALL=C grep -q $'[\x1b\x9b]' tty.out || fail "$arguments: an escape on the terminal"
        ! LC_ALL=C grep -q $'\xe2\x80\xae' tty.out || fail "$arguments: an override of the direction on the terminal"
        grep -q 'Eve' tty.out || fail "$arguments: no name"
    done
fi

# JSON has the exact name, and all names of the row; CSV likewise
expect 0 list --json
equal "$(jq -r 'select(.requestId == 3).commonName' "$out")" "$evil" 'the name in JSON'
jq -s -e --arg hash "$(sha1_of jo.pem)" --arg serial "$(serial_of jo.pem)" '
    length == 3 and (.[0] | .requestId == 1 and .disposition == 20 and .commonName == "jo" and
    .certificateHash == $hash and .serialNumber == $serial and .keyState == "current" and
    .keyBlob == "rsa" and .eMail == "jo@example.com" and .upn == "jo@EXAMPLE.COM" and
    .publicKeyLength == 2048 and .keyArchived == true and (.submittedWhen | test("^20.*Z$")) and
    .source == "jo.pfx" and .ordinal == 1) and .[1].keyBlob == "ecc"' "$out" >jq.out || fail 'the rows in JSON'
expect 0 list --csv
equal "$(grep -c $'\r$' "$out")" 4 'CRLF of the CSV'
head -n 1 "$out" | grep -q '^requestId,disposition,' || fail 'the header of the CSV'
grep -qF '"Eve' "$out" || fail 'a comma is not quoted'
grep -qF '""Quoted""' "$out" || fail 'quotes are not doubled'
grep -qF "$evil" <(sed 's/""/"/g' "$out") || fail 'the name in CSV is not exact'

expect 0 show ann
sed -E 's/^(serialNumber|subjectKeyIdentifier) .*/\1 HEX/; s/^(keyRecoveryHashes) .*/\1 HASHES/; s/^(callerName) .*/\1 USER/' "$out" >shown
same_as_golden shown show.txt
expect 0 show ann --json
equal "$(jq -r .commonName "$out")" ann 'show --json'
expect 1 show nobody
expect 64 show
expect 64 list a b
expect 64 list --json --csv

# nothing of a key is in any of it: neither its bytes as archived, nor in the clear
for format in '' --json --csv; do
    # shellcheck disable=SC2086
    expect 0 list $format
    no_out 'PRIVATE|sealed|rawArchivedKey'
done

# the first row comes at once: list stops with whoever reads it
{ "$KEYFERRY" list || true; } | head -n 1 >first
grep -q '^ *ID' first || fail 'no first line'

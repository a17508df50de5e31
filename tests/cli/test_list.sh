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

# on a terminal the table fits it
if command -v script >tool; then
    COLUMNS=80 script -qec "stty cols 80; '$KEYFERRY' list" /dev/null </dev/null | tr -d '\r' >tty.out
    has_wide=$(awk 'length > 84' tty.out | wc -l)
    equal "$has_wide" 0 'lines beyond the terminal'
    grep -q '…' tty.out || fail 'nothing was cut to fit the terminal'
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

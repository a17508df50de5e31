#!/usr/bin/env bash
# import of PFX files: every outcome, every combination of flag and -f, every exit code, --json.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca home
make_ca other
make_kra agent
make_user home jo
make_user other ann ec
make_certificate home signer '/O=Example/CN=signer' 'keyUsage=critical,digitalSignature' ec
make_certificate home bad '/O=Example/CN=bad' 'keyUsage=critical,keyEncipherment' ec
for name in jo ann signer; do make_pfx $name secret; done
export KEYFERRY_STORE=store.db
password=(--password pass:secret)

new_store() { # FLAGS
    rm -f store.db*
    expect 0 init --ca home.p12 --capass pass:ca-secret --kra agent.pem
    [ $# -eq 0 ] || expect 0 setreg KRAFlags "$1"
}
counts() { # archived known refused failed skipped
    local want="archived $1 known $2 refused $3 failed $4 skipped $5 seen $(($1 + $2 + $3 + $4 + $5))"
    local got
    got=$(awk '/^(archived|known|refused|failed|skipped|seen) / { printf "%s%s %s", s, $1, $2; s = " " }' "$out")
    equal "$got" "$want" 'the summary'
}
rows() { "$KEYFERRY" list --json | wc -l; }

# an issued key, once and again
new_store
expect 0 import "${password[@]}" jo.pfx
counts 1 0 0 0 0
silent_err
same_as_golden "$out" import-summary.txt
expect 0 import "${password[@]}" jo.pfx
counts 0 1 0 0 0
silent_err
expect 0 import -v "${password[@]}" jo.pfx
has_err '^jo\.pfx: .*\[0x80070057 E_INVALIDARG\]; opened by --password 1, as given$'
equal "$(rows)" 1 rows

# a signing key is counted and left out, until the store wants it
expect 0 import "${password[@]}" signer.pfx
counts 0 0 0 0 1
expect 0 setreg KRAFlags +KRAF_ENABLEARCHIVEALL
expect 0 import "${password[@]}" signer.pfx
counts 1 0 0 0 0
equal "$(rows)" 2 rows

# foreign: both the flag and the run have to allow it
for flag in '' KRAF_ENABLEFOREIGN; do
    for run in '' -f --foreign --overwrite '--foreign --overwrite'; do
        new_store ${flag:+"$flag"}
        if [ -n "$flag" ] && [[ $run == *-f* ]]; then
            # shellcheck disable=SC2086
            expect 0 import $run "${password[@]}" ann.pfx
            counts 1 0 0 0 0
            equal "$("$KEYFERRY" list --json | jq -r .disposition)" 12 'disposition of a foreign key'
            # once more: replaced with -f or --overwrite, known otherwise
            # shellcheck disable=SC2086
            expect 0 import $run "${password[@]}" ann.pfx
            if [[ $run == -f || $run == *overwrite* ]]; then counts 1 0 0 0 0; else counts 0 1 0 0 0; fi
            equal "$(rows)" 1 rows
        else
            # shellcheck disable=SC2086
            expect 2 import $run "${password[@]}" ann.pfx
            counts 0 0 1 0 0
            has_err '^ann\.pfx: .*\[0x800b0107 CERT_E_ISSUERCHAINING\]$'
            one_line_err
            equal "$(rows)" 0 rows
        fi
    done
done

# overwriting an issued key
new_store
expect 0 import "${password[@]}" jo.pfx
for run in -f --overwrite; do
    expect 0 import $run "${password[@]}" jo.pfx
    counts 1 0 0 0 0
done
expect 0 import --foreign "${password[@]}" jo.pfx
counts 0 1 0 0 0
equal "$(rows)" 1 rows

# a dry run does everything but write
new_store KRAF_ENABLEFOREIGN
for _ in 1 2; do
    expect 0 import --dry-run -f "${password[@]}" jo.pfx ann.pfx
    counts 2 0 0 0 0
    has_out '^A dry run: nothing was written\.$'
    equal "$(rows)" 0 rows
done

# a key that is not its certificate's
openssl x509 -in bad.pem -out mismatch.pem
run_openssl pkcs12 -export -inkey jo.key -in jo.pem -certfile bad.pem -out two.pfx -passout pass:secret
new_store
expect 2 import "${password[@]}" jo.pfx nothing.pfx
counts 1 0 0 1 0
has_err '^nothing\.pfx: .*No such file'
one_line_err

# passwords: wrong for all is 77, wrong for some is 2
expect 77 import --password pass:wrong jo.pfx
counts 0 0 0 1 0
one_line_err
has_err '^jo\.pfx: '
no_err wrong:
expect 77 import --no-input jo.pfx
counts 0 0 0 1 0
make_pfx ann another
expect 2 import "${password[@]}" jo.pfx ann.pfx
counts 0 1 0 1 0
expect 2 import --password pass:wrong jo.pfx nothing.pfx
counts 0 0 0 2 0
make_pfx ann secret

# bad files cost their own entry
head -c 1000 jo.pfx >short.pfx
printf 'this is no format at all' >no-format.bin
mkdir folder
expect 2 import "${password[@]}" short.pfx no-format.bin folder jo.pfx
counts 0 1 0 3 0
has_err '^short\.pfx: '
has_err '^no-format\.bin: unrecognized input'
has_err '^folder: is a folder \(-r takes the files in it\)$'
expect 1 import "${password[@]}" --format kms jo.pfx
has_err '^jo\.pfx: '
expect 64 import "${password[@]}" --format nonsense jo.pfx
has_err 'there is no format'

# no agent: nothing is read, not even the password
rm -f store.db*
expect 0 init --ca home.pem
expect 78 import --password file:not-there jo.pfx
one_line_err
has_err '\[0x8009400a CERTSRV_E_KEY_ARCHIVAL_NOT_CONFIGURED\]$'
expect 0 kra add agent.pem
expect 0 setreg KRACertCount 2
expect 78 import --password file:not-there jo.pfx
has_err '\[0x8009400b CERTSRV_E_NO_VALID_KRA\]$'
expect 0 setreg KRACertCount 0
expect 77 import --password file:not-there jo.pfx
expect 1 import -s no-store.db --password file:not-there jo.pfx

# --json: a line a key, in order, and the summary; its sum holds
new_store
expect 2 import --json "${password[@]}" jo.pfx ann.pfx signer.pfx nothing.pfx jo.pfx
silent_err
equal "$(wc -l <"$out")" 6 'lines of JSON'
jq -s -e --arg sha1 "$(sha1_of jo.pem)" \
    --arg sha256 "$(openssl x509 -in jo.pem -outform DER | sha256sum | cut -d' ' -f1)" '
    (.[0] | keys_unsorted) == ["event","input","ordinal","outcome","requestId","sha1","sha256","state",
        "foreign","code","rule","message","password","passwordEncoding"] and
    (.[0] | .event == "key" and .input == "jo.pfx" and .ordinal == 1 and .outcome == "archived" and
        .requestId == 1 and .sha1 == $sha1 and .sha256 == $sha256 and .state == "current" and
        .foreign == false and .code == null and .message == null) and
    (.[1] | .outcome == "refused" and .foreign == true and .code == "0x800b0107" and .requestId == null and
        (.message | length) > 10 and (.rule | startswith("[MS-CSRA]"))) and
    (.[2].outcome == "skipped") and
    (.[3] | keys_unsorted) == ["event","input","ordinal","outcome","requestId","sha1","sha256","state",
        "foreign","code","rule","message"] and
    (.[3] | .outcome == "failed" and .input == "nothing.pfx" and .sha1 == null) and
    (.[4] | .outcome == "known" and .code == "0x80070057" and .requestId == 1) and
    (.[5] | keys_unsorted) == ["event","seen","archived","known","refused","failed","skipped","users",
        "seconds"] and
    (.[5] | .event == "summary" and .seen == 5 and
        .seen == .archived + .known + .refused + .failed + .skipped and (.seconds | type) == "number")
' "$out" >jq.out || fail "the JSON events: $(cat jq.out)"

# the same input gives the same rows and events whatever the number of threads
for jobs in 1 4; do
    new_store KRAF_ENABLEFOREIGN
    expect 0 import -f -j $jobs --json "${password[@]}" jo.pfx ann.pfx signer.pfx
    jq -c 'del(.seconds)' "$out" >events.$jobs
    "$KEYFERRY" list --json | jq -c 'del(.submittedWhen, .resolvedWhen)' >rows.$jobs
done
cmp events.1 events.4 && cmp rows.1 rows.4 || fail 'one thread and four disagree'

# how keys are sealed
for profile in windows windows-3des modern; do
    new_store
    expect 0 import --profile $profile "${password[@]}" jo.pfx
    expect 0 getkey jo -o $profile.rec --capass pass:ca-secret -f
    expect 0 recoverkey $profile.rec -o $profile.out.pfx --key agent.key --outpass pass:x -f
done
expect 64 import --profile best "${password[@]}" jo.pfx
has_err 'there is no profile best'

# usage
expect 64 import
has_err 'name what to import'
expect 64 import -j 0 jo.pfx
expect 64 import -j many jo.pfx
expect 64 import --keypass pass:x jo.pfx
has_err '\-\-keypass without \-\-key'
expect 0 import --resume "${password[@]}" jo.pfx
has_err 'no unfinished run'

# an input that opens and cannot be read costs its own entry, not the run
expect 2 import "${password[@]}" /proc/self/mem jo.pfx
counts 0 1 0 1 0
has_err '^/proc/self/mem: .*cannot read'

#!/usr/bin/env bash
# What a file lacks or holds beside its keys: warned of by import and convert, kept for reports, and no
# word where there is nothing to say.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca home
make_kra agent
for name in jo ann eve; do make_user home $name ec; done
export KEYFERRY_STORE=store.db
expect 0 init --ca home.p12 --capass pass:ca-secret --kra agent.pem
password=(--password pass:secret)
export_pfx() { # FILE OPENSSL_OPTION...
    local file=$1
    shift
    run_openssl pkcs12 -export -out "$file" -passout pass:secret "$@"
}

# nothing to say: a key, its certificate and what leads from it
export_pfx whole.pfx -inkey jo.key -in jo.pem -certfile home.pem
expect 0 import --dry-run --json "${password[@]}" whole.pfx
silent_err
no_out '"warning"'

export_pfx nomac.pfx -inkey jo.key -in jo.pem -nomac
export_pfx certs.pfx -nokeys -in jo.pem -certfile ann.pem
export_pfx lone.pfx -inkey ann.key -in ann.pem -certfile eve.pem
run_openssl x509 -req -in eve.csr -CA home.pem -CAkey home.key -CAcreateserial -days 9 -extfile eve.ext -out eve2.pem
export_pfx renewed.pfx -inkey eve.key -in eve.pem -certfile eve2.pem
# none of it where the file does not open: that is its one failure
export_pfx shut.pfx -inkey jo.key -in jo.pem -nomac

expect 0 import --dry-run "${password[@]}" nomac.pfx
one_line_err
has_err '^nomac\.pfx: warning: has no MAC: nothing tells whether it was changed \(RFC 7292 4\)$'
expect 0 import --dry-run "${password[@]}" certs.pfx
one_line_err
has_err '^certs\.pfx: warning: holds no private key, only 2 certificates$'
expect 0 import --dry-run "${password[@]}" lone.pfx
one_line_err
has_err '^lone\.pfx: warning: holds 1 certificate of which it has no key$'
expect 0 import --dry-run "${password[@]}" renewed.pfx
one_line_err
has_err '^renewed\.pfx: warning: holds 1 more certificate of keys that were read with another$'
expect 77 import --dry-run --password pass:wrong shut.pfx
one_line_err
no_err 'warning'

# a secret is not for archival, and not silent
if command -v keytool >/dev/null; then
    keytool -genseckey -keystore secret.p12 -storetype PKCS12 -storepass secret -alias s -keyalg AES \
        -keysize 128 >keytool.log 2>&1 || fail "keytool: $(cat keytool.log)"
    expect 0 import --dry-run "${password[@]}" secret.p12
    has_err '^secret\.p12: warning: holds no private key$'
    has_err '^secret\.p12: warning: holds what is not for archival: 1 secret \(RFC 7292 4\.2\)$'
fi

# PEM: certificates whose key is nowhere near, and what is none; but not the halves of a pair
cp jo.pem alone.crt
expect 0 import --dry-run alone.crt
one_line_err
has_err '^alone\.crt: warning: holds no private key, only 1 certificate$'
cp jo.key pair.key
cp jo.pem pair.crt
expect 0 import --dry-run pair.key pair.crt
silent_err
has_out '^archived +1$'
{
    cat jo.key jo.pem
    printf -- '-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n'
} >garbled.pem
expect 0 import --dry-run garbled.pem
one_line_err
has_err '^garbled\.pem: warning: holds 1 certificate that cannot be read$'
# OpenSSL's trusted certificates have more after them
{
    cat jo.key
    openssl x509 -in jo.pem -trustout -addtrust emailProtection
} >trusted.pem
grep -q 'BEGIN TRUSTED' trusted.pem || fail 'openssl made no trusted certificate'
expect 0 import --dry-run trusted.pem
silent_err
has_out '^archived +1$'

# convert warns as well
expect 0 convert --to rec --kra agent.pem -o blobs "${password[@]}" nomac.pfx
has_err '^nomac\.pfx: warning: has no MAC'

# as events, each after the keys of its own file, and on stderr; kept in the store for reports
files=(whole.pfx nomac.pfx certs.pfx lone.pfx)
expect 0 import -j 2 --json "${password[@]}" "${files[@]}"
equal "$(wc -l <"$err")" 3 'lines of warnings'
equal "$(jq -r '[.event, .input // "-", .rule // "-"] | join(" ")' "$out")" "key whole.pfx -
key nomac.pfx [MS-CSRA] 3.1.4.2.16
warning nomac.pfx RFC 7292 4
warning certs.pfx -
key lone.pfx -
warning lone.pfx -
summary - -" 'the events'
expect 0 report 1
equal "$(jq -r 'select(.event == "note").text' "$out")" "nomac.pfx has no MAC: nothing tells whether it was changed (RFC 7292 4)
certs.pfx holds no private key, only 2 certificates
lone.pfx holds 1 certificate of which it has no key" 'the notes'
equal "$(jq -r 'select(.event == "summary").certificatesWithoutKey' "$out")" 3 'certificates without key'
# a dry run has no store to keep them in
expect 0 import --dry-run "${password[@]}" "${files[@]}" --report dry.jsonl --report dry.html
equal "$(jq -r 'select(.event == "note").text' dry.jsonl | wc -l)" 3 'notes of a dry run'
equal "$(jq -r 'select(.event == "summary").certificatesWithoutKey' dry.jsonl)" 3 'certificates of a dry run'
grep -q 'certs.pfx holds no private key' dry.html || fail 'the page lacks the note'
expect 0 audit verify

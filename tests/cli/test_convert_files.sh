#!/usr/bin/env bash
# convert to files of keys and back: PFX, profiles, recovery blobs; what is refused; wrong passwords.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
make_user ca jo
make_user ca ann ec
mkdir in
for name in jo ann; do
    cp $name.key "in/$name.key"
    cp $name.pem "in/$name.crt"
done

key_of() { openssl pkey -in "$1" "${@:2}" -pubout; }
same_key() { # PFX PASSWORD NAME
    run_openssl pkcs12 -in "$1" -passin "pass:$2" -nodes -nocerts -out got.key
    equal "$(key_of got.key)" "$(key_of "$3.key")" "$1"
}
private() { # FILE...
    for file in "$@"; do equal "$(stat -c %a "$file")" 600 "mode of $file"; done
}

# pairs of PEM files in a folder, to recovery blobs that openssl opens
expect 0 convert --to rec -o blobs --kra agent.pem --cakey ca.p12 --capass pass:ca-secret -r in
has_out '^archived +2$'
private blobs/*.rec
for name in jo ann; do
    run_openssl cms -verify -noverify -binary -inform DER -in blobs/$name.rec -out inner
    run_openssl cms -decrypt -binary -inform DER -in inner -inkey agent.key -recip agent.pem -out blob
done
expect 77 convert --to pfx -o none --outpass pass:x blobs/jo.rec
[ ! -e none ] || fail 'something was written without a key'
expect 77 convert --to pfx -o none --outpass pass:x --key ca.key -r blobs

# blobs to PFX: one password for all
expect 0 convert --to pfx -o pfx --outpass pass:secret --key agent.key -r blobs
has_out '^archived +2$'
private pfx/*
equal "$(stat -c %a pfx)" 700 'mode of the folder'
for name in jo ann; do same_key pfx/$name.pfx secret $name; done

# nothing is overwritten without -f
before=$(sha256sum pfx/*)
expect 2 convert --to pfx -o pfx --outpass pass:secret --key agent.key -r blobs
has_out '^refused +2'
equal "$(sha256sum pfx/*)" "$before" 'files that were there'
expect 0 convert -f --to pfx -o pfx --outpass pass:other --key agent.key -r blobs
same_key pfx/jo.pfx other jo

# a random password each, and the list is a manifest
expect 0 convert --to pfx --certutil --profile windows -o random --random-passwords --key agent.key -r blobs
private random/*.pfx random/passwords.csv random/import.cmd
grep -q '^certutil -f -p "[a-z2-9]\{26\}" -importKMS "jo.pfx" ||' random/import.cmd || fail 'import.cmd'
expect 0 inspect --manifest random/passwords.csv
expect 0 convert --to pfx -o all.pfx --outpass pass:one --manifest random/passwords.csv
private all.pfx
run_openssl pkcs12 -in all.pfx -passin pass:one -nodes -nocerts -out got.key
equal "$(grep -c 'BEGIN PRIVATE KEY' got.key)" 2 'keys in one file'

# profiles and back; the dialect is found, or pinned
expect 0 convert --to epf -o epf --outpass pass:secret -r in
private epf/*
expect 0 inspect --password pass:secret epf/jo.epf
has_out 'sha256/total/text/first/aes-256/pkcs8'
expect 0 convert --to pfx -o back --outpass pass:x --password pass:secret --epf-dialect sha256/aes-256 -r epf
for name in jo ann; do same_key back/$name.pfx x $name; done
expect 77 convert --to pfx -o back --outpass pass:x --password pass:wrong epf/jo.epf
has_err 'wrong password, or a variant that is not supported; recognized: 1 certificate, 1 encrypted value'
expect 2 convert -f --to pfx -o back --outpass pass:x --password pass:secret --epf-dialect sha1 epf/jo.epf pfx/../in/ann.key
expect 64 convert --to pfx -o back --outpass pass:x --password pass:secret --epf-dialect rot13 epf/jo.epf
has_err 'rot13'

# a dry run writes nothing
expect 0 convert --to pfx --dry-run -o dry --outpass pass:x --key agent.key -r blobs
expect 0 convert --to epf --dry-run -o dry --random-passwords --key agent.key -r blobs
expect 0 convert --to rec --dry-run -o dry --kra agent.pem -r in
[ ! -e dry ] || fail 'a dry run wrote something'

# what is missing or has no meaning
expect 64 convert --to pfx -o x -r in
has_err '--outpass or --random-passwords'
expect 64 convert --to pfx -o x --outpass pass:x --random-passwords -r in
expect 64 convert --to rec -o x -r in
has_err '--kra'
expect 64 convert --to pfx -o x --outpass pass:x --kra agent.pem -r in
expect 64 convert --to epf -o x --outpass pass:x --certutil -r in
expect 64 convert --to kms -o x --outpass pass:x -r in
expect 64 convert --to pfx -o x --outpass pass:x --profile none -r in
expect 64 convert --to pfx -o x --outpass pass:x --per folder -r in
expect 64 convert --to pfx -o x --outpass pass:x --iterations 0 -r in
expect 64 convert --to pfx -o x --outpass 'pass:a"b' --certutil -r in
expect 64 convert --to pem -o x -r in
[ ! -e x ] || fail 'a wrong call wrote something'

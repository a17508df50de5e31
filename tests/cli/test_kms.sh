#!/usr/bin/env bash
# import of a KMS export that openssl and the shell made: keys in, users counted, and what a broken or
# unsigned one gets.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
make_user ca jo
make_user ca jo-old ec
make_user ca ann ec
make_ca stranger
export KEYFERRY_STORE=store.db P=ca-secret
key=(--key ca.p12 --keypass env:P)

new_store() {
    rm -f store.db*
    expect 0 init --ca ca.pem --kra agent.pem
}
export_two() { # FILE
    kms_begin "$1" ca 2
    kms_user jo jo current jo-old previous
    kms_user ann
    kms_end
}
rows() { "$KEYFERRY" list --json | wc -l; }

export_two good.xml
new_store
expect 0 import "${key[@]}" good.xml
has_out '^archived +3$'
has_out '^seen +3  keys of 2 users, in '
equal "$("$KEYFERRY" list --json | jq -c '[.commonName, .keyState, .mailboxGuid]')" \
    '["jo","current","00000000-0000-4000-8000-000000000001"]
["jo-old","previous","00000000-0000-4000-8000-000000000001"]
["ann","current","00000000-0000-4000-8000-000000000002"]' 'the rows'
expect 0 import "${key[@]}" good.xml
has_out '^known +3 '
expect 0 import --json "${key[@]}" good.xml
equal "$(tail -n 1 "$out" | jq -c '[.seen, .known, .users]')" '[3,3,2]' 'the summary'

# without a key, with one that is not right, and with none of several that is
expect 77 import good.xml
has_err '^good\.xml: .*give --key$'
one_line_err
make_user ca third
expect 77 import --key third.key good.xml
one_line_err
expect 77 import --key ca.p12 --keypass pass:wrong good.xml
one_line_err
expect 77 import --key ca.p12 --no-input good.xml
one_line_err
expect 0 import --key third.key --key ca.p12 --keypass env:P good.xml
expect 0 import --key ca.p12 --keypass env:P --key third.key good.xml
expect 64 import --key ca.p12 --keypass env:P --keypass env:P good.xml
has_err 'two --keypass for one --key'

# the signature: beside it, elsewhere, missing, another's, of other bytes
new_store
mkdir apart
cp good.xml apart/
expect 1 import "${key[@]}" apart/good.xml
one_line_err
equal "$(rows)" 0 rows
expect 0 import "${key[@]}" --signature good.xml.p7s --dry-run apart/good.xml
expect 0 import "${key[@]}" --unsigned apart/good.xml
has_err 'apart/good\.xml was read without a signature'
has_out '^archived +3$'
if command -v sqlite3 >tool; then
    sqlite3 store.db 'SELECT Entry FROM Audit ORDER BY Sequence' | grep -a 'read%20without%20a%20signature' >tool ||
        fail 'the audit trail does not say that the export was unsigned'
    equal "$(wc -l <tool)" 1 'notes of one unsigned export'
    equal "$(sqlite3 store.db "SELECT min(Sequence) FROM Audit WHERE Entry LIKE '% note %'")" \
        "$(sqlite3 store.db "SELECT min(Sequence) - 1 FROM Audit WHERE Entry LIKE '% key-archived %' OR Entry LIKE '% chain-added %'")" \
        'the note comes with the first key, and before it'
fi
new_store
kms_file=apart/good.xml kms_signer=stranger kms_sign
expect 77 import "${key[@]}" apart/good.xml
one_line_err
expect 0 import "${key[@]}" --trust stranger.pem apart/good.xml
sed 's/Administrative Group/administrative group/' good.xml >changed.xml
cp good.xml.p7s changed.xml.p7s
new_store
expect 1 import "${key[@]}" changed.xml
one_line_err
equal "$(rows)" 0 rows

# broken documents: one line with the line number, and what was committed stands
broken() { # NAME EXIT EXPRESSION
    sed "$3" good.xml >"$1.xml"
    cmp -s good.xml "$1.xml" && fail "$1 is not broken"
    kms_file=$1.xml kms_signer=ca kms_sign
    new_store
    expect "$2" import "${key[@]}" "$1.xml"
    has_err "^$1\\.xml:[0-9]+: "
}
broken dtd 1 '1a<!DOCTYPE x>'
broken instruction 1 '2i<?php x?>'
broken ordinal 1 's/User ordinal="2"/User ordinal="1"/'
broken guid 1 's/000000000002"/000000000001"/'
broken certificate 1 's/Key certificate="c1"/Key certificate="c9"/'
broken users 1 's/End users="2"/End users="3"/'
broken keys 1 's/ keys="3"/ keys="4"/'
broken attribute 1 's/ version="1"/ version="1" extra="x"/'
broken element 1 's/<DisplayName>jo/<Extra\/>&/'
sed '/<\/KMSExport>/d; /<End/d' good.xml >truncated.xml
kms_file=truncated.xml kms_signer=ca kms_sign
new_store
expect 1 import "${key[@]}" truncated.xml
has_err '^truncated\.xml:[0-9]+: '
has_out '^archived +3$'
equal "$(rows)" 3 'rows of what came whole'
expect 0 import "${key[@]}" good.xml
has_out '^known +3 '

# a key that does not decrypt fails its user, and no other
awk '/<Key / && !done { sub(/<xenc:CipherValue>..../, "<xenc:CipherValue>AAAA"); sub(/....<\/xenc:CipherValue>/, "AAA=</xenc:CipherValue>"); done = 1 } { print }' \
    good.xml >spoiled.xml
kms_file=spoiled.xml kms_signer=ca kms_sign
new_store
expect 2 import "${key[@]}" spoiled.xml
has_out '^archived +1$'
has_out '^failed +2 '
has_err '^spoiled\.xml:[0-9]+: user 1'
equal "$(rows)" 1 rows

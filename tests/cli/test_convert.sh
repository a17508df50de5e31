#!/usr/bin/env bash
# convert --to kms: PFX files become an export that import reads back, and that openssl and xmlsec1 take.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
make_user ca jo
make_user ca ann ec
make_certificate ca signer '/O=Example/CN=signer' 'keyUsage=critical,digitalSignature' ec
for name in jo ann signer; do make_pfx $name secret; done
export P=ca-secret
thumbprint=$(sha1_of ca.pem | cut -c1-8)
to=(convert --to kms --export-key ca.p12 --export-keypass env:P --thumbprint "$thumbprint")
password=(--password pass:secret)

expect 0 formats
for name in kms pfx; do has_out "^  $name +[A-Za-z]"; done
has_out '^  archive '
[ "$(grep -c '^  kms ' "$out")" -eq 2 ] || fail 'kms is both read and written'
expect 64 formats x

expect 0 "${to[@]}" -o export.xml "${password[@]}" jo.pfx ann.pfx signer.pfx
has_out '^archived +2$'
has_out '^skipped +1 '
silent_err
for file in export.xml export.xml.p7s; do
    equal "$(stat -c %a $file)" 600 "mode of $file"
done
run_openssl cms -verify -binary -inform DER -in export.xml.p7s -content export.xml -CAfile ca.pem \
    -purpose any -out verified
xmllint --noout export.xml || fail 'not well-formed'

# back through import, the same keys
expect 0 init --ca ca.p12 --capass env:P --kra agent.pem
expect 0 import --key ca.p12 --keypass env:P export.xml
has_out '^archived +2$'
has_out ' of 2 users'
for name in jo ann; do
    expect 0 getkey $name -o $name.rec --capass env:P
    expect 0 recoverkey $name.rec -o $name.out.pfx --key agent.key --outpass pass:x
    run_openssl pkcs12 -in $name.out.pfx -passin pass:x -nodes -nocerts -out $name.out
    equal "$(openssl pkey -in $name.out -pubout)" "$(openssl pkey -in $name.key -pubout)" "$name"
done

# nothing is overwritten without -f, and a dry run writes nothing
before=$(sha256sum export.xml export.xml.p7s)
expect 1 "${to[@]}" -o export.xml "${password[@]}" jo.pfx
has_err 'exists already'
one_line_err
equal "$(sha256sum export.xml export.xml.p7s)" "$before" 'the export that was there'
expect 0 "${to[@]}" -f -o export.xml "${password[@]}" jo.pfx
expect 0 "${to[@]}" --dry-run -o dry.xml "${password[@]}" jo.pfx
has_out 'A dry run'
[ ! -e dry.xml ] && [ ! -e dry.xml.p7s ] || fail 'a dry run wrote something'

# KMS to KMS: --key stands for --export-key; the other key transport
expect 0 convert --to kms --key ca.p12 --keypass env:P --thumbprint "$thumbprint" --oaep-sha256 \
    --organization 'O=Contoso & Söhne' --group 'First <Group>' -o second.xml export.xml
expect 0 inspect --json --key ca.p12 --keypass env:P second.xml
jq -e '.structure[0].organization == "O=Contoso & Söhne" and .structure[0].administrativeGroup == "First <Group>"' \
    "$out" >jq.out || fail 'the names of the export'

# some failed
expect 2 "${to[@]}" -o some.xml "${password[@]}" --json jo.pfx nothing.pfx
equal "$(tail -n 1 "$out" | jq -c '[.seen, .archived, .failed]')" '[2,1,1]' 'the summary'
[ -s some.xml ] || fail 'no export of the one that could be read'
expect 77 "${to[@]}" -o wrong.xml --password pass:wrong jo.pfx

# a file is written whole or not at all, and the table alone would say otherwise
cp second.xml unsigned.xml
expect 1 "${to[@]}" -o gone.xml --key ca.p12 --keypass env:P "${password[@]}" jo.pfx unsigned.xml
has_err '^keyferry: nothing was written$'
[ ! -e gone.xml ] || fail 'half an export was written'

# the confirmation
expect 64 convert --to kms --export-key ca.p12 --export-keypass env:P -o x.xml "${password[@]}" jo.pfx
has_err 'confirm whose export it is: --thumbprint'
expect 64 convert --to kms --export-key ca.p12 --export-keypass env:P --thumbprint 00000000 -o x.xml \
    "${password[@]}" jo.pfx
one_line_err
[ ! -e x.xml ] || fail 'x.xml was written'
expect 77 convert --to kms --export-key ca.p12 --export-keypass pass:wrong --thumbprint "$thumbprint" -o x.xml \
    "${password[@]}" jo.pfx
expect 64 convert --to kms --thumbprint "$thumbprint" -o x.xml "${password[@]}" jo.pfx
has_err 'give --export-key'
expect 64 convert --to kms --export-keypass env:P -o x.xml "${password[@]}" jo.pfx

# usage
expect 64 convert --to kms -o x.xml
has_err 'name what to convert'
expect 64 convert --to kms jo.pfx
expect 64 convert -o x.xml jo.pfx
expect 64 convert --to paper -o x.xml jo.pfx
has_err 'there is no format paper to write'

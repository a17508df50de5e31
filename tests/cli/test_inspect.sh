#!/usr/bin/env bash
# inspect: what files are and hold, in text and JSON, without a store and without showing a key.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_user ca jo
make_user ca ann ec
make_certificate ca signer '/O=Example/CN=signer' 'keyUsage=critical,digitalSignature' ec
for name in jo ann signer; do make_pfx $name secret; done
kms_begin export.xml ca 2
kms_user jo
kms_user ann ann current signer previous
kms_end

normalized() {
    sed -E 's/[0-9a-f]{38,}/HEX/g; s/(serialNumber: )[0-9]+/\1N/; s/(bytes: )[0-9]+/\1N/' "$out"
}
expect 0 inspect --password pass:secret jo.pfx
normalized >text
same_as_golden text inspect-pfx.txt
silent_err
expect 0 inspect --key ca.p12 --keypass pass:ca-secret export.xml
normalized >text
same_as_golden text inspect-kms.txt
expect 0 inspect --key ca.p12 --keypass pass:ca-secret --json export.xml
equal "$(wc -l <"$out")" 1 'lines of JSON'
jq -e --arg sha1 "$(sha1_of ann.pem)" '.input == "export.xml" and .format == "kms" and .entryCount == 3 and
    (.entries | map(.import)) == ["archived", "archived", "skipped"] and
    (.entries[1] | .keyReadable and .keyBelongs and .state == "current" and .displayName == "ann" and
        .certificates[0].sha1 == $sha1) and .structure[0].signature == "good"' "$out" >jq.out ||
    fail 'the JSON of an export'
expect 0 inspect --json --password pass:secret jo.pfx ann.pfx
equal "$(jq -r '[.input, .entries[0].certificates[0].keyAlgorithm] | join(" ")' "$out")" 'jo.pfx RSA
ann.pfx EC P-256' 'the JSON of two PFX files'

# a line a key, of all inputs; what could not be read is told as ever
expect 2 inspect --table --password pass:secret --key ca.p12 --keypass pass:ca-secret jo.pfx export.xml signer.pfx gone.pfx
has_err '^gone\.pfx: '
one_line_err
equal "$(wc -l <"$out")" 6 'lines of the table'
equal "$(grep -c '^INPUT ' "$out")" 1 'titles'
has_out '^jo\.pfx: key 1 +jo +current +RSA 2048 +20[0-9-]{8} +archived +$'
has_out '^export\.xml: user 2: key 1 +ann +current +EC P-256 +20[0-9-]{8} +archived +$'
has_out '^export\.xml: user 2: key 2 +.* skipped +a signing key, '
expect 0 inspect --table --no-input jo.pfx
has_out '^jo\.pfx .* failed +MAC: a password is needed'
expect 64 inspect --table --json jo.pfx

# without a key or password it tells what can be told, and that is no failure
expect 0 inspect --no-input jo.pfx
has_out 'keyReadable: no'
has_out 'algorithm: PBES2'
expect 0 inspect export.xml
has_out 'lockBoxes: lock box 1'
# with a wrong one it is
expect 77 inspect --password pass:wrong jo.pfx
expect 77 inspect --key jo.key export.xml
expect 2 inspect --password pass:secret jo.pfx nothing.pfx
has_err '^nothing\.pfx: '
expect 1 inspect nothing.pfx
one_line_err

# what nobody reads
printf 'this is no format at all' >text.bin
head -c 300 /dev/zero >zero.bin
: >empty.bin
for file in text zero empty; do
    expect 1 inspect $file.bin
    one_line_err
    has_err "^$file\\.bin: unrecognized input"
done
expect 1 inspect --json text.bin
jq -e '.input == "text.bin" and (.error | startswith("unrecognized input"))' "$out" >jq.out ||
    fail 'the JSON of an unrecognized input'

# nothing of a key is shown, not even a line of it in base64 or hex
openssl pkcs8 -topk8 -nocrypt -in jo.key -outform DER >jo.der
base64 -w 0 jo.der | cut -c100-160 >needle
od -An -v -tx1 jo.der | tr -d ' \n' | cut -c200-260 >needle-hex
for format in '' --json; do
    # shellcheck disable=SC2086
    expect 0 inspect $format --password pass:secret jo.pfx
    no_out "$(cat needle-hex)"
    ! grep -qF -f needle "$out" || fail 'a private key is shown'
done
expect 64 inspect

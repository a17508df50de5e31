#!/usr/bin/env bash
# certutil's spellings, as batch files have them.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_ca other
make_kra agent
make_user other jo
kms_begin export.xml ca 1
kms_user jo
kms_end
export KEYFERRY_STORE=archive.db P=ca-secret
expect 0 init --ca ca.p12 --capass env:P --kra agent.pem
key=(--key ca.p12 --keypass env:P)

expect 0 -setreg 'ca\KRAFlags' +KRAF_ENABLEFOREIGN
has_out '0x1 \(KRAF_ENABLEFOREIGN\)'
expect 0 -GetReg 'CA\kraflags'
has_out '0x1'
expect 0 -getreg
has_out '^KRACertHash '
expect 0 -SETREG 'CA\KRACertCount' 1

# -importKMS without -f takes no foreign key, with it it does, and replaces it the next time
expect 2 -importKMS export.xml "${key[@]}"
has_err '\[0x800b0107 '
expect 0 -f -importKMS export.xml "${key[@]}"
has_out '^archived +1'
expect 2 -ImportKMS export.xml "${key[@]}"
has_out '^refused +1'
expect 0 -F -importkms export.xml "${key[@]}"
has_out '^archived +1'

expect 0 -getkey jo
has_err 'nothing was written'
expect 0 -getkey jo jo.rec --capass env:P
[ -s jo.rec ] || fail 'no jo.rec'
expect 1 -getkey jo jo.rec --capass env:P
has_err 'exists already'
expect 0 -f -getkey jo jo.rec --capass env:P
expect 0 -recoverkey jo.rec jo.pfx --key agent.key --outpass pass:new
run_openssl pkcs12 -in jo.pfx -passin pass:new -nodes -nocerts -out jo.out
equal "$(openssl pkey -in jo.out -pubout)" "$(openssl pkey -in jo.key -pubout)" 'the recovered key'

expect 64 -nosuchverb x
has_err 'unknown command -nosuchverb'
expect 64 -f
has_err 'unknown command -f'

#!/usr/bin/env bash
# kra, getreg, setreg: the agents and the settings of a store.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra one
make_kra two
expect 0 init --ca ca.pem
one=$(sha1_of one.pem)
two=$(sha1_of two.pem)

expect 0 kra list
silent_out
has_err 'no key recovery agents'
expect 0 kra add one.pem two.pem
silent_out
expect 0 kra list
has_out "^$one +20[0-9-]+ +RSA 2048 +valid +CN=Agent one, O=Example\$"
has_out "^$two "
same_as_golden "$out" kra-list.txt
expect 0 getreg KRACertHash
equal "$(sed 's/^KRACertHash *//' "$out")" "$one
$two" KRACertHash

# adding is all or nothing
make_kra three
expect 64 kra add three.pem one.pem
one_line_err
has_err 'one\.pem'
expect 0 kra list
no_out 'Agent three'

# what is no agent's certificate
make_certificate self nousage '/CN=no usage' 'keyUsage=critical,keyEncipherment'
make_certificate self signer '/CN=signer' $'keyUsage=critical,digitalSignature\nextendedKeyUsage=1.3.6.1.4.1.311.21.6'
run_openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.key
make_kra small
make_certificate self ecagent '/CN=ec' $'keyUsage=critical,keyEncipherment\nextendedKeyUsage=1.3.6.1.4.1.311.21.6' ec
for name in nousage signer small ecagent; do
    expect 1 kra add $name.pem
    one_line_err
    has_err "$name\\.pem: "
done
run_openssl x509 -req -in one.csr -signkey one.key -extfile one.ext -out old.pem -days -1
expect 1 kra add old.pem
one_line_err
expect 1 kra add not-there.pem
one_line_err
expect 0 kra add --accept-1024 small.pem
expect 0 kra remove "$(sha1_of small.pem)"

# removing
expect 0 kra remove "$one"
expect 0 kra list
no_out "$one"
has_out "$two"
expect 64 kra remove "$one"
one_line_err
expect 0 kra remove "$(openssl x509 -in two.pem -noout -fingerprint -sha256 | sed 's/.*=//')"
expect 0 kra list
silent_out

# settings, all and one
expect 0 kra add one.pem
expect 0 getreg
same_as_golden "$out" getreg.txt
expect 0 getreg kraflags
equal "$(cat "$out")" 'KRAFlags      0x0' KRAFlags
expect 0 setreg KRAFlags +KRAF_ENABLEFOREIGN
has_out '^KRAFlags +0x1 \(KRAF_ENABLEFOREIGN\)$'
expect 0 setreg KRAFlags +KRAF_ENABLEARCHIVEALL
has_out '^KRAFlags +0x5 \(KRAF_ENABLEFOREIGN \| KRAF_ENABLEARCHIVEALL\)$'
expect 0 setreg KRAFlags -KRAF_ENABLEFOREIGN
has_out '^KRAFlags +0x4 \(KRAF_ENABLEARCHIVEALL\)$'
expect 0 setreg KRAFlags 0x3
has_out '0x3 \(KRAF_ENABLEFOREIGN \| KRAF_SAVEBADREQUESTKEY\)'
expect 0 setreg kracertcount 2
expect 0 getreg KRACertCount
equal "$(cat "$out")" 'KRACertCount  2' KRACertCount
for wrong in 'KRAFlags +KRAF_NONE' 'KRACertCount many' 'KRACertCount -1x' 'KRACertHash 00' 'NoSuchName 1'; do
    # shellcheck disable=SC2086
    expect 64 setreg $wrong
    one_line_err
done
expect 0 getreg KRACertCount
has_out ' 2$'
expect 64 getreg NoSuchName
one_line_err

# usage, and no store
expect 64 kra
expect 64 kra add
expect 64 kra remove
expect 64 kra list one
expect 64 kra frobnicate
has_err 'kra: add CERT\.\.\., list, or remove HASH'
expect 64 setreg KRAFlags
expect 64 getreg a b
for command in 'kra list' 'getreg' 'list' 'show x' 'getkey x'; do
    # shellcheck disable=SC2086
    expect 1 $command -s not-there.db
    one_line_err
    [ ! -e not-there.db ] || fail "$command made a store"
done
printf 'not a database, but long enough to look at: %s\n' {1..200} >text.db
expect 78 list -s text.db
one_line_err

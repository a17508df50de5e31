#!/usr/bin/env bash
# getkey and recoverkey: keys come back the same, also through openssl alone, and nothing is overwritten.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra one
make_kra two
make_user ca jo
make_user ca ann ec
make_certificate ca jo2 '/O=Example/CN=jo' 'keyUsage=critical,keyEncipherment'
for name in jo ann jo2; do make_pfx $name secret; done
export KEYFERRY_STORE=store.db P=ca-secret
expect 0 init --ca ca.p12 --capass env:P --kra one.pem --kra two.pem
expect 0 import --password pass:secret jo.pfx ann.pfx jo2.pfx
capass=(--capass env:P)

public_of_pfx() { # FILE PASSWORD
    openssl pkcs12 -in "$1" -passin "pass:$2" -nodes -nocerts 2>openssl.log | openssl pkey -pubout
}

# one match, one file, and openssl alone opens it with either agent's key
expect 0 getkey "$(serial_of jo.pem)" -o jo.rec "${capass[@]}"
equal "$(cat "$out")" jo.rec stdout
equal "$(stat -c %a jo.rec)" 600 'mode of jo.rec'
run_openssl cms -verify -noverify -binary -inform DER -in jo.rec -out inner.der
run_openssl cms -verify -binary -inform DER -in jo.rec -CAfile ca.pem -purpose any -out inner2.der
for agent in one two; do
    run_openssl cms -decrypt -binary -inform DER -in inner.der -inkey $agent.key -recip $agent.pem -out key.blob
    run_openssl rsa -inform MSBLOB -in key.blob -check -noout
    equal "$(openssl rsa -inform MSBLOB -in key.blob -pubout 2>openssl.log)" "$(openssl pkey -in jo.key -pubout)" \
        "the key through openssl, agent $agent"
done

# every way to name it
for token in "$(sha1_of jo.pem)" "$(sha1_of jo.pem | tr a-f A-F | sed 's/../& /g')" \
    "$(openssl x509 -in jo.pem -outform DER | sha256sum | cut -d' ' -f1)" jo@example.com JO@example.com \
    'EXAMPLE\jo' '#1' \
    "$(openssl x509 -in jo.pem -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :')"; do
    expect 0 getkey "$token" -f -o again.rec "${capass[@]}"
    run_openssl cms -verify -noverify -binary -inform DER -in again.rec -out again.der
    cmp -s inner.der again.der || fail "$token found another key"
done

# as a PFX, with each agent's key, RSA and EC; openssl reads it
expect 0 getkey ann -o ann.rec "${capass[@]}"
for name in jo ann; do
    for agent in one two; do
        expect 0 recoverkey $name.rec -o $name.$agent.pfx --key $agent.key --outpass pass:new
        equal "$(public_of_pfx $name.$agent.pfx new)" "$(openssl pkey -in $name.key -pubout)" "$name by $agent"
        equal "$(stat -c %a $name.$agent.pfx)" 600 'mode of the PFX file'
    done
    run_openssl pkcs12 -in $name.one.pfx -passin pass:new -nokeys -clcerts -out certificate.out
    equal "$(sha1_of certificate.out)" "$(sha1_of $name.pem)" 'the certificate in the PFX file'
    run_openssl pkcs12 -in $name.one.pfx -passin pass:new -nokeys -cacerts -out chain.out
    equal "$(sha1_of chain.out)" "$(sha1_of ca.pem)" 'the chain in the PFX file'
done
for profile in windows legacy; do
    expect 0 recoverkey jo.rec -o $profile.pfx --key one.key --outpass pass:new --profile $profile
    run_openssl pkcs12 -legacy -in $profile.pfx -passin pass:new -nodes -out profile.out
done

# nothing is overwritten unless -f says so
cp jo.rec keep.rec
expect 1 getkey ann -o keep.rec "${capass[@]}"
one_line_err
has_err 'keep\.rec exists already'
cmp -s jo.rec keep.rec || fail 'keep.rec was overwritten'
cp jo.one.pfx keep.pfx
expect 1 recoverkey ann.rec -o keep.pfx --key one.key --outpass pass:new
has_err 'keep\.pfx exists already'
cmp -s jo.one.pfx keep.pfx || fail 'keep.pfx was overwritten'
expect 0 recoverkey -f ann.rec -o keep.pfx --key one.key --outpass pass:new

# several matches: listed, and nothing written; all of them into a folder
expect 2 getkey jo -o two.rec "${capass[@]}"
equal "$(wc -l <"$out")" 3 'lines of the list'
has_err '2 keys match, so nothing was written'
[ ! -e two.rec ] || fail 'two.rec was written'
expect 0 getkey jo
has_err 'nothing was written: name a file with -o'
expect 0 getkey jo --all folder "${capass[@]}"
equal "$(cat "$out")" "folder/$(sha1_of jo.pem).rec
folder/$(sha1_of jo2.pem).rec" 'the files of --all'
expect 0 recoverkey folder/*.rec -o recovered --key two.key --outpass pass:new
for name in jo jo2; do
    equal "$(public_of_pfx "recovered/$(sha1_of $name.pem).pfx" new)" "$(openssl pkey -in $name.key -pubout)" \
        "$name of several"
done
expect 1 getkey jo --all folder "${capass[@]}"
has_err 'exists already'
expect 1 getkey nobody -o nobody.rec "${capass[@]}"
one_line_err
has_err 'nothing in the store matches nobody'
expect 64 getkey '#x' -o x.rec "${capass[@]}"
expect 1 getkey '#99' -o x.rec "${capass[@]}"

# the CA's key: by option, wrong, unknown to the store, not wanted
expect 0 getkey ann -o by-key.rec --cakey ca.key
expect 77 getkey ann -o x.rec --capass pass:wrong
one_line_err
expect 77 getkey ann -o x.rec --no-input
expect 0 getkey ann -o unsigned.rec --unsigned
expect 0 recoverkey unsigned.rec -o unsigned.pfx --key one.key --outpass pass:new
has_err 'unsigned\.rec is not signed'
expect 0 init -s plain.db --ca ca.pem --kra one.pem
expect 0 import -s plain.db --password pass:secret ann.pfx
expect 78 getkey -s plain.db ann -o x.rec
one_line_err
has_err 'give --cakey KEY, or --unsigned'
[ ! -e x.rec ] || fail 'x.rec was written'

# who has no key gets nothing
expect 77 recoverkey jo.rec -o x.pfx --key ca.key --outpass pass:new
one_line_err
has_err '^keyferry: jo\.rec: '
[ ! -e x.pfx ] || fail 'x.pfx was written'
expect 0 recoverkey jo.rec -o x.pfx --key ca.key --key two.key --outpass pass:new
expect 77 recoverkey jo.rec -o y.pfx --key one.key --no-input
has_err 'password for the new PFX file'
expect 1 recoverkey jo.pfx -o y.pfx --key one.key --outpass pass:new
one_line_err
expect 1 recoverkey not-there.rec -o y.pfx --key one.key --outpass pass:new
expect 2 recoverkey jo.rec not-there.rec -o some --key one.key --outpass pass:new
[ -s some/jo.pfx ] || fail 'the one that could be recovered was not'
size=$(stat -c %s jo.rec)
{
    head -c $((size - 20)) jo.rec
    printf 'xxxxxxxxxxxxxxxxxxxx'
} >forged.rec
expect 1 recoverkey forged.rec -o y.pfx --key one.key --outpass pass:new
has_err 'signature'

# a store of one's own: the new CA's key beside it signs without being named, from any folder
mkdir elsewhere
expect 0 init -s elsewhere/own.db --new-ca Own --kra one.pem
expect 0 setreg -s elsewhere/own.db KRAFlags +KRAF_ENABLEFOREIGN
expect 0 import -s elsewhere/own.db -f --password pass:secret jo.pfx
expect 0 getkey -s elsewhere/own.db jo -o own.rec
run_openssl cms -verify -binary -inform DER -in own.rec -CAfile elsewhere/own.db.ca.pem -purpose any -out own.der

# usage
expect 64 getkey
expect 64 getkey jo -o x --all y
expect 64 getkey jo -o x --cakey ca.key --unsigned
expect 64 recoverkey
expect 64 recoverkey jo.rec -o x
expect 64 recoverkey jo.rec --key one.key
expect 64 recoverkey jo.rec ann.rec -o keep.pfx --key one.key --outpass pass:new
has_err 'keep\.pfx is no folder'
expect 64 recoverkey jo.rec -o x --key one.key --outpass pass:new --profile best

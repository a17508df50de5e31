#!/usr/bin/env bash
# init: a store for a CA that there is, or for a new one; and that nothing is left of one that failed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent

mode_of() { stat -c %a "$1"; }
left_over() { find . -maxdepth 1 -newer "$1" -type f ! -name out ! -name err ! -name openssl.log ! -name "$1"; }

# a new CA: all is there, private, and openssl takes it
umask 022
expect 0 init --new-ca 'Key archive, Ärchiv' --kra agent.pem
has_out '^store +keyferry\.db$'
has_out '^agents +1$'
has_err 'the CA.s key is not encrypted: whoever reads keyferry\.db\.ca\.key\.pem'
has_err 'openssl pkey -in keyferry\.db\.ca\.key\.pem -aes256'
for file in keyferry.db keyferry.db.ca.key.pem; do
    equal "$(mode_of $file)" 600 "mode of $file"
done
run_openssl verify -CAfile keyferry.db.ca.pem keyferry.db.ca.pem
equal "$(openssl x509 -in keyferry.db.ca.pem -noout -pubkey)" \
    "$(openssl pkey -in keyferry.db.ca.key.pem -pubout)" 'public key of the new CA'
openssl x509 -in keyferry.db.ca.pem -noout -text | grep -q 'CA:TRUE' || fail 'no CA certificate'
openssl x509 -in keyferry.db.ca.pem -noout -subject -nameopt utf8,sep_comma_plus | grep -q 'Ärchiv' ||
    fail 'the name of the CA'
expect 0 getreg CAKeyFile
has_out 'CAKeyFile +keyferry\.db\.ca\.key\.pem$'

# an existing store is never touched
before=$(sha256sum keyferry.db keyferry.db.ca.key.pem)
expect 1 init --new-ca again
one_line_err
has_err 'keyferry\.db exists already'
equal "$(sha256sum keyferry.db keyferry.db.ca.key.pem)" "$before" 'the store that was there'

# the key encrypted
expect 0 init -s locked.db --new-ca locked --capass pass:four-words
no_err 'is not encrypted'
has_err 'nothing can be imported before there is a recovery agent'
grep -q 'BEGIN ENCRYPTED PRIVATE KEY' locked.db.ca.key.pem || fail 'the key is not encrypted'
run_openssl pkey -in locked.db.ca.key.pem -passin pass:four-words -noout
expect 77 init -s short.db --new-ca short --capass pass:abc
has_err 'less than four bytes'
[ ! -e short.db ] || fail 'short.db was made'

# a CA by certificate alone, and with its key
expect 0 init -s sqlite:cert.db --ca ca.pem
has_err 'getkey will need --cakey'
[ -e cert.db ] || fail 'sqlite:cert.db is not cert.db'
expect 0 getreg -s cert.db CAName
has_out '^CAName +ca$'
expect 0 init -s p12.db --ca ca.p12 --capass pass:ca-secret --kra agent.pem
expect 0 getreg -s p12.db CAKeyFile
has_out "^CAKeyFile +$work/ca\\.p12\$"
cat ca.key ca.pem >both.pem
expect 0 init -s pem.db --ca both.pem
expect 0 getreg -s pem.db CAKeyFile
has_out "$work/both\\.pem\$"
expect 77 init -s wrong.db --ca ca.p12 --capass pass:wrong
one_line_err
expect 77 init -s none.db --ca ca.p12 --no-input
one_line_err
expect 1 init -s lone.db --ca ca.key
has_err 'has a private key, but not its certificate'

# KEYFERRY_STORE says where, -s says it louder
KEYFERRY_STORE=env.db expect 0 init --ca ca.pem
[ -e env.db ] || fail 'KEYFERRY_STORE was not used'
KEYFERRY_STORE=env.db expect 0 init -s louder.db --ca ca.pem
[ -e louder.db ] || fail '-s was not used'

# what fails half way leaves nothing
touch -d '-1 second' mark
sleep 0.01
touch mark
sleep 0.01
expect 1 init -s half.db --new-ca half --kra agent.pem --kra ca.pem
has_err 'ca\.pem'
equal "$(left_over mark)" '' 'left of half.db'
expect 1 init -s half.db --new-ca half --kra not-there.pem
one_line_err
has_err 'not-there\.pem'
equal "$(left_over mark)" '' 'left of half.db'
printf 'mine' >taken.db.ca.pem
expect 1 init -s taken.db --new-ca taken
has_err 'taken\.db\.ca\.pem exists already'
equal "$(cat taken.db.ca.pem)" mine 'the file that was in the way'
[ ! -e taken.db ] && [ ! -e taken.db.ca.key.pem ] || fail 'taken.db was begun'

# places where nothing can be made
expect 1 init -s no-folder/x.db --new-ca x
one_line_err
expect 1 init -s /proc/keyferry.db --new-ca x
one_line_err
expect 1 init -s /proc/keyferry.db --ca ca.pem
one_line_err
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed && chmod 500 closed
    expect 1 init -s closed/x.db --new-ca x
    has_err 'Permission denied'
fi
expect 1 init -s postgresql://localhost/x --ca ca.pem
one_line_err
expect 64 init -s postgresql://localhost/x --new-ca x
expect 1 init -s x.db --ca agent.csr
one_line_err
expect 64 init -s x.db --new-ca "$(printf 'n%.0s' {1..65})"
one_line_err

# usage
expect 64 init
has_err 'give --ca CERT or --new-ca NAME'
expect 64 init --ca ca.pem --new-ca x
expect 64 init --ca ca.pem x.db
has_err 'takes no operand'
expect 64 init --ca ca.pem --ca ca.pem
has_err '\-\-ca is given twice'
expect 64 init --ca
has_err '\-\-ca needs a value'

#!/usr/bin/env bash
# Makes the material that samples/tour.sh runs on, with nothing but the tools of others: openssl,
# pk12util, keytool, certtool. Every name is invented, and every key is made here and now.
#
#   samples/make.sh FOLDER      FOLDER must not exist
#
#   ca.pem ca.p12               the CA whose archive this will be
#   old-ca.pem                  a CA that has retired: what it issued is foreign to the archive
#   kra1.* kra2.*               two key recovery agents: certificate, key, PKCS #12
#   export-signing.*            signs and opens KMS exports
#   users/NN-NAME.CERT.pfx      twenty users, each with a current key (issued by the CA) and a previous
#                               one (issued by the retired CA)
#   pfx/*.pfx                   six more people: a file by each tool, and one signing certificate
#   *.pw                        the passwords, one a file; a real one never stands on a command line
set -euo pipefail

work=${1:?usage: samples/make.sh FOLDER}
mkdir "$work"
cd "$work"
work=$PWD
mkdir users pfx keys
umask 077
echo 'ca password' >ca.pw
echo 'kra password' >kra.pw
echo 'export password' >export.pw
echo 'users password' >users.pw

cat >extensions.cnf <<'END'
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
[kra]
keyUsage = critical, keyEncipherment
extendedKeyUsage = 1.3.6.1.4.1.311.21.6
subjectKeyIdentifier = hash
[export]
keyUsage = critical, keyEncipherment, digitalSignature
subjectKeyIdentifier = hash
[mail]
keyUsage = critical, keyEncipherment
extendedKeyUsage = emailProtection
subjectKeyIdentifier = hash
subjectAltName = email:$ENV::MAIL, otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$ENV::MAIL
[sign]
keyUsage = critical, digitalSignature
extendedKeyUsage = emailProtection
subjectAltName = email:$ENV::MAIL
END
export MAIL=nobody@contoso.example

make_ca() { # file, name
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 3650 \
        -subj "/C=US/O=Contoso/CN=$2" -config /dev/null -config extensions.cnf -extensions ca 2>/dev/null
}
issue() { # file, name, kind, the CA's file, serial number
    openssl req -new -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/C=US/O=Contoso/CN=$2" 2>/dev/null |
        openssl x509 -req -CA "$4.pem" -CAkey "$4.key" -set_serial "0x$5" -days 1000 -sha256 \
            -extfile extensions.cnf -extensions "$3" -out "$1.pem" 2>/dev/null
}
pack() { # file, its PKCS #12, the password's file, friendly name, options
    openssl pkcs12 -export -inkey "$1.key" -in "$1.pem" -out "$2" -passout "file:$3" -name "$4" "${@:5}"
}
user() { # number, first name: the current key and the previous one
    local mail=${2,,}
    export MAIL=$mail@contoso.example
    issue "keys/$mail-1999" "$2 Sample" mail old-ca "1999$1"
    issue "keys/$mail-2003" "$2 Sample" mail ca "2003$1"
    pack "keys/$mail-1999" "users/$1-$mail.1999.pfx" users.pw "$2 (1999)"
    pack "keys/$mail-2003" "users/$1-$mail.2003.pfx" users.pw "$2 (2003)"
}
person() { # number, first name, kind
    local mail=${2,,}
    export MAIL=$mail@contoso.example
    issue "keys/$mail" "$2 Sample" "$3" ca "2026$1"
}
export -f issue pack user person

make_ca ca 'Contoso Archive CA'
make_ca old-ca 'Contoso Exchange CA 1999'
openssl pkcs12 -export -inkey ca.key -in ca.pem -out ca.p12 -passout file:ca.pw -name 'Contoso Archive CA'

cores=$(nproc)
printf '%s\0' \
    "issue kra1 'Recovery Agent One' kra ca a1" "issue kra2 'Recovery Agent Two' kra ca a2" \
    "issue export-signing 'ca1.contoso.example' export ca e1" \
    'user 01 Ada' 'user 02 Ben' 'user 03 Cleo' 'user 04 Dan' 'user 05 Eva' 'user 06 Finn' 'user 07 Gina' \
    'user 08 Hugo' 'user 09 Ida' 'user 10 Jon' 'user 11 Kira' 'user 12 Leo' 'user 13 Mona' 'user 14 Nils' \
    'user 15 Olga' 'user 16 Paul' 'user 17 Quin' 'user 18 Rosa' 'user 19 Sven' 'user 20 Tara' \
    'person 01 Uma mail' 'person 02 Vera mail' 'person 03 Walt mail' 'person 04 Xena mail' \
    'person 05 Yan mail' 'person 06 Zoe sign' |
    xargs -0 -n 1 -P "$cores" bash -euo pipefail -c

pack kra1 kra1.p12 kra.pw 'recovery agent 1'
pack kra2 kra2.p12 kra.pw 'recovery agent 2'
pack export-signing export-signing.p12 export.pw 'export signing'

# one PFX by each tool
pack keys/uma pfx/uma-openssl.pfx users.pw Uma -certfile ca.pem
pack keys/vera pfx/vera-openssl-legacy.pfx users.pw Vera -legacy
pack keys/zoe pfx/zoe-signing.pfx users.pw Zoe

pack keys/walt keys/walt.p12 users.pw Walt
mkdir nss
pk12util -d sql:nss -K '' -i keys/walt.p12 -w users.pw >/dev/null
pk12util -d sql:nss -K '' -o pfx/walt-pk12util.pfx -n Walt -w users.pw >/dev/null
rm -r nss

pack keys/xena keys/xena.p12 users.pw xena
keytool -importkeystore -srckeystore keys/xena.p12 -srcstoretype PKCS12 -srcstorepass:file users.pw \
    -destkeystore pfx/xena-keytool.pfx -deststoretype PKCS12 -deststorepass:file users.pw 2>/dev/null

certtool --to-p12 --load-privkey keys/yan.key --load-certificate keys/yan.pem --p12-name Yan \
    --password "$(cat users.pw)" --outder --outfile pfx/yan-certtool.pfx 2>/dev/null

for made in users/*.pfx pfx/*.pfx; do
    [ -s "$made" ] || { echo "samples/make.sh: $made was not made" >&2; exit 1; }
done

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
#   users/NN-NAME.*.pfx         twenty users, each with a current key, issued by the CA, and a previous
#                               one, issued by the retired CA and expired
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

cat >openssl.cnf <<'END'
[req]
distinguished_name = name
[name]
[issuer]
database = $ENV::ISSUED/index
serial = $ENV::ISSUED/serial
new_certs_dir = $ENV::ISSUED
default_md = sha256
policy = policy
unique_subject = no
[policy]
countryName = optional
organizationName = optional
commonName = supplied
[root]
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
when() { # as GNU date takes it; as openssl does
    date -u -d "$1" +%Y%m%d%H%M%SZ
}
long_ago=$(when '5 years ago') lately=$(when '1 year ago') soon=$(when '1 year')
export long_ago lately soon ISSUED=.

certify() { # file, name, kind, serial number, from, to, who signs: options of openssl ca
    openssl req -new -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.req" -config openssl.cnf \
        -subj "/C=US/O=Contoso/CN=$2" 2>/dev/null
    ISSUED=$(mktemp -d)
    export ISSUED
    : >"$ISSUED/index"
    printf '%s\n' "$4" >"$ISSUED/serial"
    openssl ca -batch -notext -config openssl.cnf -name issuer -extensions "$3" -in "$1.req" \
        -out "$1.pem" -startdate "$5" -enddate "$6" "${@:7}" 2>"$ISSUED/log" || cat "$ISSUED/log" >&2
    rm -r "$ISSUED" "$1.req"
}
make_ca() { # file, name, from, to
    certify "$1" "$2" root 01 "$3" "$4" -selfsign -keyfile "$1.key"
}
issue() { # file, name, kind, serial number, the CA's file, from, to
    certify "$1" "$2" "$3" "$4" "$6" "$7" -cert "$5.pem" -keyfile "$5.key"
}
pack() { # file, its PKCS #12, the password's file, friendly name, options
    openssl pkcs12 -export -inkey "$1.key" -in "$1.pem" -out "$2" -passout "file:$3" -name "$4" "${@:5}"
}
user() { # number, first name: the current key and the previous one
    local mail=${2,,}
    export MAIL=$mail@contoso.example
    issue "keys/$mail-previous" "$2 Sample" mail "1000$1" old-ca "$long_ago" "$lately"
    issue "keys/$mail-current" "$2 Sample" mail "2000$1" ca "$lately" "$soon"
    pack "keys/$mail-previous" "users/$1-$mail.previous.pfx" users.pw "$2, before"
    pack "keys/$mail-current" "users/$1-$mail.current.pfx" users.pw "$2"
}
person() { # number, first name, kind
    local mail=${2,,}
    export MAIL=$mail@contoso.example
    issue "keys/$mail" "$2 Sample" "$3" "3000$1" ca "$lately" "$soon"
}
service() { # file, name, kind, serial number
    issue "$1" "$2" "$3" "$4" ca "$lately" "$soon"
}
export -f certify issue pack user person service

make_ca ca 'Contoso Archive CA' "$lately" "$(when '5 years')"
make_ca old-ca 'Contoso Exchange CA' "$long_ago" "$lately"
openssl pkcs12 -export -inkey ca.key -in ca.pem -out ca.p12 -passout file:ca.pw -name 'Contoso Archive CA'

cores=$(nproc)
printf '%s\0' \
     \
    "service kra1 'Recovery Agent One' kra 4001" "service kra2 'Recovery Agent Two' kra 4002" \
    "service export-signing ca1.contoso.example export 5001" \
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

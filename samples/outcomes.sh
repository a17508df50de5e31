#!/usr/bin/env bash
# Makes a store whose runs have every outcome, and reports of them: what the report page is looked at
# and tested with. All of the material is made here and now, by openssl; every name is invented.
#
#   samples/outcomes.sh FOLDER      FOLDER must not exist; $KEYFERRY is the program, else build/dev/keyferry
#
#   keyferry.db             run 1: a first folder; run 2: foreign keys are allowed (-f); run 3: all of it, and
#                           foreign keys are refused
#   run-2.* run-3.*         their reports: html, csv, jsonl
#   export.xml              150 people's keys, of which some are damaged, not their certificate's, or weak
#   pfx/DEPARTMENT/*.pfx    locked, cut off, for signing, without a key, by other CAs
#
# Weak in every way that a report marks: RSA 1024, signatures with SHA-1 and MD5, RSASSA-PSS with SHA-1, and ROCA
# (samples/roca.key has that shape; it was made for this). Some names are attacks on what shows them.
set -euo pipefail

folder=${1:?usage: samples/outcomes.sh FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)
keyferry=$(realpath "${KEYFERRY:-$root/build/dev/keyferry}")
mkdir "$folder"
cd "$folder"
umask 077
export LC_ALL=C.UTF-8
unset KEYFERRY_STORE
mkdir keys csr issued pfx
this_year=$(date -u +%Y)

cat >openssl.cnf <<'CONF'
[req]
distinguished_name = name
string_mask = utf8only
utf8 = yes
prompt = no
[name]
[issuer]
database = $ENV::GROUP/index
serial = $ENV::GROUP/serial
new_certs_dir = $ENV::GROUP
policy = policy
unique_subject = no
copy_extensions = copy
email_in_dn = no
[policy]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
[ca]
basicConstraints = critical, CA:true
subjectKeyIdentifier = hash
[kra]
keyUsage = critical, keyEncipherment
extendedKeyUsage = 1.3.6.1.4.1.311.21.6
[enc]
keyUsage = critical, keyEncipherment, keyAgreement
[sig]
keyUsage = critical, digitalSignature
CONF
export GROUP=.

made_by() { # what openssl says is of interest only where it fails
    "$@" >openssl.out 2>openssl.err || { cat openssl.err >&2; exit 1; }
}
serial=1000
self_signed() { # file, name, kind, key options
    serial=$((serial + 1))
    made_by openssl req -x509 -set_serial $serial -newkey "${@:4}" -noenc -keyout "$1.key" -out "$1.pem" -days 3650 \
        -config openssl.cnf -subj "$2" -extensions "$3"
}
self_signed issuing '/C=US/O=Contoso/CN=Contoso Issuing CA' ca rsa:2048
self_signed retired '/C=US/O=Contoso/CN=Contoso Exchange CA (retired)' ca rsa:2048
self_signed fabrikam '/C=US/O=Fabrikam/CN=Fabrikam Mail CA' ca rsa:2048
self_signed northwind '/C=US/O=Northwind/CN=Northwind CA' ca ec -pkeyopt ec_paramgen_curve:P-256
self_signed agent1 '/O=Contoso/CN=Head of IT Security' kra rsa:2048
self_signed agent2 '/O=Contoso/CN=Works Council' kra rsa:2048
self_signed agent3 '/O=Contoso/CN=Data Protection Officer' kra rsa:2048
made_by openssl pkcs12 -export -inkey issuing.key -in issuing.pem -out issuing.p12 -passout pass:ca-secret

# A few keys for all of the people: making keys is what takes long, and a report does not look at it.
made=0
for bits in 2048 2048 2048 3072 1024; do
    made_by openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out "keys/rsa-$bits-$((++made))"
done
for curve in P-256 P-384; do
    made_by openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out "keys/ec-$curve"
done
cp "$root/samples/roca.key" keys/roca
common=(keys/rsa-2048-*)

RANDOM=7 # the same people each time
# ---- people: name, mail, key, and the group of certificates that are issued together
names=() mails=() keys=() groups=()
add() { # name, mail, key, issuer, kind, year: the digest is what was usual
    local digest=sha256
    case $4-$((this_year - $6)) in
        fabrikam-*) [ $((RANDOM % 3)) -eq 0 ] && digest=pss-sha1 ;;
        northwind-*) ;;
        *-[1-9]*) [ $((RANDOM % 10)) -lt 6 ] && digest=sha1 ;;
    esac
    [ "$4" = northwind ] || [ "$6" -gt $((this_year - 5)) ] || digest=md5
    names+=("$1") mails+=("$2") keys+=("$3") groups+=("$4,$5,$digest,$6")
}
# Each sets a variable of its name: in a subshell, RANDOM would begin anew, and not at our seed.
any_year() { # around the next one
    year=$((this_year - 7 + RANDOM % 6 + RANDOM % 6 + RANDOM % 6))
}
any_key() {
    case $((RANDOM % 20)) in
        0 | 1) key=$(echo keys/rsa-1024-*) ;;
        2) key=$(echo keys/rsa-3072-*) ;;
        3) key=keys/ec-P-256 ;;
        4) key=keys/ec-P-384 ;;
        *) key=${common[RANDOM % 3]} ;;
    esac
}
any_issuer() { # of 40: 35, 3, 1, 1
    case $((RANDOM % 40)) in
        0 | 1 | 2) issuer=retired ;;
        3) issuer=fabrikam ;;
        4) issuer=northwind ;;
        *) issuer=issuing ;;
    esac
}
first=(Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kira Leo Mona Nils Olga Paul Quin Rosa Sven Tara Uma Vera
    'Åsa' 'Zoë' 'José' 'Łukasz' 'Μαρία' 'Олег')
last=(Adler Baum Conrad Dietz Ebert Frank Graf Huber Imhof Jung Keller Lang Maier Otto Peters Quast Richter Sample)
odd=('<script>alert(1)</script>' '"><img src=x onerror=alert(2)>' $'\u202egnp.exe\u202c invoice' '=cmd|'"'"'/C calc'"'"'!A0'
    '@SUM(1+1)*2' '+49 30 1234567' '-2+3' 'محمد العربي' 'דוד לוי' 'Zoé 🦊 Fuchs' $'Zoe\u0308 Combining' '山田 太郎' '&amp; &lt;b&gt;'
    'Maximilian-Alexander Freiherr von und zu Hohenstein-Langenfeld' '')
any_name() {
    name="${first[RANDOM % ${#first[@]}]} ${last[RANDOM % ${#last[@]}]}"
}

users=() # of the export: first and number of certificates
for ((i = 0; i < 150; i++)); do
    # those with odd names come from another CA, so that the page has them one by one
    any_name
    its=
    [ $i -lt 30 ] && [ $((i % 2)) -eq 1 ] && name=${odd[i / 2]} its=fabrikam
    count=$((1 + RANDOM % 3))
    users+=("${#names[@]} $count")
    for ((j = 0; j < count; j++)); do
        any_key
        any_issuer
        any_year
        [ $i -ne 20 ] || key=keys/roca issuer=issuing
        mail=user$i@contoso.example
        [ -n "$name" ] || mail=a.very.long.mailbox.name.that.goes.on.and.on.and.on@mail.department.division.subsidiary.contoso.example
        add "$name" "$mail" "$key" "${its:-$issuer}" enc "$year"
    done
done
departments=(accounts sales 'works council' branch-north branch-south)
files_from=${#names[@]}
for ((i = 0; i < 60; i++)); do
    kind=enc
    [ $((i % 8)) -ne 3 ] || kind=sig
    any_name
    any_key
    any_issuer
    any_year
    add "$name" "person$i@contoso.example" "$key" "$issuer" $kind "$year"
done

# ---- requests, all at once; then certificates, a group at once
for i in "${!names[@]}"; do
    subject=${names[i]//\\/\\\\} subject=${subject//\//\\/} subject=${subject//+/\\+}
    printf '%s\0%s\0%s\0%s\0' "$i" "${keys[i]}" "/O=Contoso${subject:+/CN=$subject}" "${mails[i]}"
done >requests
# shellcheck disable=SC2016 # the arguments are the shell's that xargs starts
xargs -0 -n 4 -P "$(nproc)" sh -c 'openssl req -new -key "$2" -config openssl.cnf -utf8 -subj "$3" \
    -addext "subjectAltName=email:$4" -out "csr/$1" 2>"csr/$1.err" || { cat "csr/$1.err" >&2; exit 255; }' - <requests
for group in $(printf '%s\n' "${groups[@]}" | sort -u); do
    IFS=, read -r issuer kind digest year <<<"$group"
    GROUP=issued/$group
    mkdir "$GROUP"
    : >"$GROUP/index"
    printf '%08X\n' $((RANDOM * 32768 + RANDOM)) >"$GROUP/serial"
    members=()
    for i in "${!groups[@]}"; do
        [ "${groups[i]}" != "$group" ] || members+=("$i")
    done
    signed_by=(-md "${digest#pss-}")
    [ "$digest" = "${digest#pss-}" ] || signed_by+=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20)
    made_by openssl ca -batch -notext -config openssl.cnf -name issuer -utf8 -extensions "$kind" \
        -cert "$issuer.pem" -keyfile "$issuer.key" "${signed_by[@]}" \
        -startdate "$((year - 3))0101000000Z" -enddate "${year}1231235959Z" -infiles "${members[@]/#/csr/}"
    # their names are their serial numbers, which count up
    issued=("$GROUP"/*.pem)
    [ ${#issued[@]} -eq ${#members[@]} ] || { cat openssl.err >&2; exit 1; }
    for i in "${!members[@]}"; do
        mv "${issued[i]}" "issued/${members[i]}.pem"
    done
done

# ---- an export of the KMS (docs/formats/kms-export.md); its keys are encrypted once each
session=$(openssl rand -hex 32)
bytes() { # of hexadecimal digits
    printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}
box=$(bytes "$session" | openssl pkeyutl -encrypt -certin -inkey issuing.pem \
    -pkeyopt rsa_padding_mode:oaep | base64 -w 0)
declare -A sealed
for key in keys/*; do
    iv=$(openssl rand -hex 16)
    sealed[$key]=$({
        bytes "$iv"
        openssl pkcs8 -topk8 -nocrypt -in "$key" -outform DER | openssl enc -aes-256-cbc -K "$session" -iv "$iv"
    } | base64 -w 0)
done
in_xml() {
    local text=${1//&/"&amp;"}
    text=${text//</"&lt;"}
    printf '%s' "$text"
}
export_user() { # ordinal, first, count
    local i state=current key certificate
    printf '<User ordinal="%d" mailboxGuid="00000000-0000-4000-8000-%012d">\n' "$1" "$1"
    # XML has no room for a direction's override, which the certificate has
    printf '<DisplayName>%s</DisplayName><Mail>%s</Mail>\n' "$(in_xml "${names[$2]//[$'\u202e\u202c']/}")" "${mails[$2]}"
    for ((i = $2; i < $2 + $3; i++)); do
        certificate=$(grep -v -- ----- "issued/$i.pem" | tr -d '\n')
        printf '<Certificate id="c%d" use="encryption">%s</Certificate>\n' "$i" "$certificate"
        # without a key: one certificate in thirty, twice
        [ $((i % 30)) -ne 7 ] || printf '<Certificate id="x%d" use="encryption">%s</Certificate>\n' "$i" "$certificate"
    done
    for ((i = $2; i < $2 + $3; i++)); do
        key=${sealed[${keys[i]}]}
        case $((i % 47)) in
            11) key=${sealed[keys/ec-P-256]} ;;                        # maybe not its certificate's
            23) key=${key:0:200}AAAAAAAAAAAAAAAAAAAAAAAA${key:224} ;; # damaged
        esac
        printf '<Key certificate="c%d" state="%s"><xenc:EncryptedData>' "$i" $state
        printf '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>'
        printf '<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></Key>\n' "$key"
        state=previous
    done
    printf '</User>\n'
}
{
    printf '<?xml version="1.0" encoding="UTF-8"?>\n<KMSExport xmlns="urn:keyferry:kms-export:1"'
    printf ' xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" version="1"\n'
    printf ' exportId="6f1ed002-ab59-11d7-8c60-00c04fa31a25" created="2003-11-02T10:00:00Z" organization="O=Contoso"'
    printf ' administrativeGroup="First Administrative Group" users="%d">\n<LockBox><xenc:EncryptedKey>\n' ${#users[@]}
    printf '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>\n'
    printf '<ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>%s</ds:X509IssuerName>' \
        "$(openssl x509 -in issuing.pem -noout -issuer -nameopt RFC2253 | sed 's/^issuer=//')"
    printf '<ds:X509SerialNumber>%s</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>\n' \
        1001 # the first that self_signed made
    printf '<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></LockBox>\n' "$box"
    for i in "${!users[@]}"; do
        read -r from count <<<"${users[i]}"
        export_user $((i + 1)) "$from" "$count"
    done
    printf '<End users="%d" certificates="%d" keys="%d"/>\n</KMSExport>\n' \
        ${#users[@]} "$((files_from + (files_from + 22) / 30))" "$files_from"
} >export.xml

# ---- files of single people
for ((i = 0; i < 60; i++)); do
    file="pfx/${departments[i % 5]}/$(printf '%05d' "$i").pfx" number=$((files_from + i)) password=secret options=()
    mkdir -p "${file%/*}"
    case $((i % 20)) in
        7) password=forgotten ;;
        9) options=(-nokeys) ;;
    esac
    [ ${#options[@]} -gt 0 ] || options=(-inkey "${keys[number]}")
    made_by openssl pkcs12 -export -in "issued/$number.pem" "${options[@]}" -out "$file" -passout "pass:$password" \
        -name "${names[number]}"
    [ $((i % 20)) -ne 13 ] || truncate -s 700 "$file"
done
cp "issued/$files_from.pem" 'pfx/works council/certificate only.pem'
echo 'The passwords are with Ada.' >'pfx/works council/READ ME.txt'
cp "${common[0]}" pfx/sales/key-without-certificate.pem

# ---- the runs
import() { # run, arguments
    local code=0
    "$keyferry" import --password file:password --key issuing.p12 --keypass pass:ca-secret --unsigned -r \
        --report "run-$1.html" --report "run-$1.csv" --report "run-$1.jsonl" "${@:2}" >"run-$1.out" 2>"run-$1.err" || code=$?
    [ $code -eq 0 ] || [ $code -eq 2 ] || { cat "run-$1.err" >&2; exit 1; }
}
echo secret >password
"$keyferry" init --ca issuing.p12 --capass pass:ca-secret --kra agent1.pem --kra agent2.pem --kra agent3.pem >init.out
"$keyferry" setreg KRACertCount 2 >setreg.out
import 1 pfx/accounts
"$keyferry" setreg KRAFlags +KRAF_ENABLEFOREIGN >setreg.out
import 2 -f pfx/branch-north
"$keyferry" setreg KRAFlags -KRAF_ENABLEFOREIGN >setreg.out
import 3 export.xml pfx

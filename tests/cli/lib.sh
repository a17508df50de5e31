# Shared by tests/cli/test_*.sh, which source it; it runs nothing by itself.
#
# A test runs the built program ($KEYFERRY) in a folder of its own, as a user would: without a terminal,
# without the caller's settings. The first check that fails ends it with what was expected and seen.
# shellcheck shell=bash
set -euo pipefail

: "${KEYFERRY:?the program to test, by its path}"
[ -n "${KEYFERRY%%/*}" ] && KEYFERRY=$PWD/$KEYFERRY
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")/golden" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/keyferry-cli.XXXXXX")
trap 'chmod -R u+rwX "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
unset KEYFERRY_STORE COLUMNS NO_COLOR
export LC_ALL=C.UTF-8 TZ=UTC

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ ! -e "$work/out" ] || sed 's/^/  stdout: /' "$work/out" | head -n 40 >&2
    [ ! -e "$work/err" ] || sed 's/^/  stderr: /' "$work/err" | head -n 40 >&2
    exit 1
}

# Runs the program with standard input from nowhere (or as redirected), and keeps $out, $err and $code.
kf() {
    code=0
    # setsid: no controlling terminal, so that nothing can wait for an answer on it
    setsid -w "$KEYFERRY" "$@" >"$work/out" 2>"$work/err" || code=$?
    out=$work/out
    err=$work/err
}

# expect CODE ARGUMENT...: runs it and holds the exit code against CODE.
expect() {
    local want=$1
    shift
    if [ -t 0 ]; then kf "$@" </dev/null; else kf "$@"; fi
    [ "$code" -eq "$want" ] || fail "exit code $code, expected $want: keyferry $*"
}

# What the last run wrote has (has not) a line that matches.
has_out() { grep -qE -- "$1" "$out" || fail "stdout lacks: $1"; }
has_err() { grep -qE -- "$1" "$err" || fail "stderr lacks: $1"; }
no_out() { ! grep -qE -- "$1" "$out" || fail "stdout has: $1"; }
no_err() { ! grep -qE -- "$1" "$err" || fail "stderr has: $1"; }
silent_out() { [ ! -s "$out" ] || fail "stdout is not empty"; }
silent_err() { [ ! -s "$err" ] || fail "stderr is not empty"; }
one_line_err() { [ "$(wc -l <"$err")" -eq 1 ] || fail "stderr is not one line"; }

equal() { # got, expected, what
    [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"
}

# same_as_golden FILE NAME: FILE is golden/NAME, after what varies was made the same. UPDATE_GOLDEN=1
# writes the golden file instead: look at the difference before you commit it.
same_as_golden() {
    local seen=$work/seen
    sed -E -e "s|$work|WORK|g" \
        -e 's/keyferry [0-9]+\.[0-9]+\.[0-9]+/keyferry VERSION/' \
        -e 's/OpenSSL [0-9].*/OpenSSL VERSION/' \
        -e 's/[0-9]+\.[0-9]+ s$/N s/' \
        -e 's/\b[0-9a-f]{64}\b/SHA256/g; s/\b[0-9a-f]{40}\b/HASH/g' \
        -e 's/\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z\b/TIME/g; s/\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b/DATE/g' \
        "$1" >"$seen"
    if [ "${UPDATE_GOLDEN:-}" = 1 ]; then
        cp "$seen" "$golden/$2"
    else
        diff -u "$golden/$2" "$seen" >&2 || fail "differs from golden/$2"
    fi
}

# Material, made by openssl alone. RSA keys take their time: make few.

run_openssl() {
    openssl "$@" >"$work/openssl.log" 2>&1 || {
        sed 's/^/  openssl: /' "$work/openssl.log" >&2
        fail "openssl $*"
    }
}

new_key() { # FILE [rsa|ec]
    case ${2:-rsa} in
        rsa) run_openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" ;;
        ec) run_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" ;;
    esac
}

hex_to_bytes() { # HEX
    printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}

# A self-signed CA: NAME.key, NAME.pem, and NAME.p12 with the password "ca-secret".
make_ca() { # NAME
    new_key "$1.key"
    run_openssl req -x509 -new -key "$1.key" -subj "/O=Example/CN=$1" -days 3650 -out "$1.pem" \
        -set_serial $((RANDOM * 32768 + RANDOM + 1)) -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    run_openssl pkcs12 -export -inkey "$1.key" -in "$1.pem" -out "$1.p12" -passout pass:ca-secret
}

# A certificate: NAME.key (unless it is there), NAME.pem. CA may be "self".
make_certificate() { # CA NAME SUBJECT EXTENSIONS [rsa|ec]
    [ -e "$2.key" ] || new_key "$2.key" "${5:-rsa}"
    run_openssl req -new -key "$2.key" -subj "$3" -utf8 -out "$2.csr"
    printf '%s\n' "$4" >"$2.ext"
    if [ "$1" = self ]; then
        run_openssl x509 -req -in "$2.csr" -signkey "$2.key" -days 3000 -extfile "$2.ext" -out "$2.pem"
    else
        run_openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 3000 \
            -extfile "$2.ext" -out "$2.pem"
    fi
}

make_kra() { # NAME
    make_certificate self "$1" "/O=Example/CN=Agent $1" \
        $'keyUsage=critical,keyEncipherment\nextendedKeyUsage=1.3.6.1.4.1.311.21.6'
}

# A user with a certificate for encryption, mail and UPN.
make_user() { # CA NAME [rsa|ec]
    make_certificate "$1" "$2" "/O=Example/CN=$2" \
        "keyUsage=critical,keyEncipherment,keyAgreement
subjectAltName=email:$2@example.com,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:$2@EXAMPLE.COM" "${3:-rsa}"
}

# NAME.pfx of NAME.key and NAME.pem.
make_pfx() { # NAME PASSWORD
    run_openssl pkcs12 -export -inkey "$1.key" -in "$1.pem" -name "$1" -out "$1.pfx" \
        -passout "pass:$2"
}

sha1_of() { # CERTIFICATE
    openssl x509 -in "$1" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f'
}

serial_of() { # CERTIFICATE
    openssl x509 -in "$1" -noout -serial | sed 's/.*=//' | tr 'A-F' 'a-f'
}

# A KMS export by openssl and the shell alone: lock box with RSA-OAEP, keys with AES-256-CBC.
#   kms_begin FILE SIGNER USERS; kms_user NAME [STATE CERTIFICATE...]; kms_end; kms_sign
kms_begin() { # FILE SIGNER USER_COUNT
    kms_file=$1 kms_signer=$2 kms_users=0 kms_keys=0 kms_certificates=0
    kms_session=$(openssl rand -hex 32)
    local box issuer serial
    box=$(hex_to_bytes "$kms_session" | openssl pkeyutl -encrypt -certin -inkey "$2.pem" \
        -pkeyopt rsa_padding_mode:oaep | base64 -w 0)
    issuer=$(openssl x509 -in "$2.pem" -noout -issuer -nameopt RFC2253 | sed 's/^issuer=//')
    serial=$((16#$(serial_of "$2.pem")))
    cat >"$kms_file" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<KMSExport xmlns="urn:keyferry:kms-export:1" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#" version="1"
 exportId="6f1ed002-ab59-11d7-8c60-00c04fa31a25" created="2003-11-02T10:00:00Z"
 organization="O=Example" administrativeGroup="First Administrative Group" users="$3">
<LockBox><xenc:EncryptedKey>
<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>
<ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>$issuer</ds:X509IssuerName>
<ds:X509SerialNumber>$serial</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>
<xenc:CipherData><xenc:CipherValue>$box</xenc:CipherValue></xenc:CipherData>
</xenc:EncryptedKey></LockBox>
XML
}

kms_user() { # NAME [KEY_NAME STATE]...   by default: NAME current
    local user=$1 iv id=0
    shift
    [ $# -gt 0 ] || set -- "$user" current
    kms_users=$((kms_users + 1))
    {
        printf '<User ordinal="%d" mailboxGuid="00000000-0000-4000-8000-%012d">\n' $kms_users $kms_users
        printf '<DisplayName>%s</DisplayName><Mail>%s@example.com</Mail>\n' "$user" "$user"
        local all=("$@")
        while [ $# -gt 0 ]; do
            id=$((id + 1)) kms_certificates=$((kms_certificates + 1))
            printf '<Certificate id="c%d" use="encryption">%s</Certificate>\n' $id \
                "$(openssl x509 -in "$1.pem" -outform DER | base64 -w 0)"
            shift 2
        done
        set -- "${all[@]}"
        id=0
        while [ $# -gt 0 ]; do
            id=$((id + 1)) kms_keys=$((kms_keys + 1))
            iv=$(openssl rand -hex 16)
            printf '<Key certificate="c%d" state="%s"><xenc:EncryptedData>' $id "$2"
            printf '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>'
            printf '<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>' "$(
                {
                    hex_to_bytes "$iv"
                    openssl pkcs8 -topk8 -nocrypt -in "$1.key" -outform DER |
                        openssl enc -aes-256-cbc -K "$kms_session" -iv "$iv"
                } | base64 -w 0)"
            printf '</xenc:EncryptedData></Key>\n'
            shift 2
        done
        printf '</User>\n'
    } >>"$kms_file"
}

kms_end() {
    printf '<End users="%d" certificates="%d" keys="%d"/>\n</KMSExport>\n' \
        $kms_users $kms_certificates $kms_keys >>"$kms_file"
    kms_sign
}

kms_sign() {
    run_openssl cms -sign -binary -in "$kms_file" -signer "$kms_signer.pem" -inkey "$kms_signer.key" \
        -outform DER -out "$kms_file.p7s" -md sha256
}

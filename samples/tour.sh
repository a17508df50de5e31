#!/usr/bin/env bash
# A tour of keyferry's main job on a fresh machine: installs what is missing, builds, makes samples with
# other people's tools, and moves every key into an archive and back out again. It stops, and says
# where, if any result is not the expected one.
#
#   samples/tour.sh        takes about a minute; leaves what it made in samples/work
set -euo pipefail

cd "$(dirname "$0")/.."
top=$PWD
started=$SECONDS

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' dim='' plain=''
fi
steps=0
checks=0
step() { # title, what happens here
    steps=$((steps + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"
    [ $# -lt 2 ] || printf '%s\n' "$2"
}
log=$(mktemp)
ended() {
    local code=$?
    rm -f "$log"
    [ "$code" -eq 0 ] || printf '\nsamples/tour.sh: stopped at step %d\n' "$steps" >&2
}
trap ended EXIT
stop() {
    printf '\nsamples/tour.sh: %s\n' "$*" >&2
    exit 1
}

# Shows a command, runs it, shows what it says, and holds its exit code against the expected one.
# Shown are at most so many lines: "9", or "1+6" for the first and the last ones. All that it says is
# in $out for the checks that follow.
show() { # exit code, lines to show, the command as one would type it
    local expected=$1 first=${2%+*} last=0 command=$3 code=0 said
    [[ $2 != *+* ]] || last=${2#*+}
    printf '\n   %s$ %s%s\n' "$bold" "${command//$'\n'/$'\n'     }" "$plain"
    out=$(eval "$command" 2>&1) || code=$?
    mapfile -t said <<<"$out"
    if [ -z "$out" ] || [ "$2" = 0 ]; then
        :
    elif [ ${#said[@]} -le $((first + last)) ]; then
        printf '%s\n' "${said[@]}" | indent
    else
        [ "$first" -eq 0 ] || printf '%s\n' "${said[@]:0:first}" | indent
        printf '   %s... %d more lines%s\n' "$dim" $((${#said[@]} - first - last)) "$plain"
        [ "$last" -eq 0 ] || printf '%s\n' "${said[@]: -last}" | indent
    fi
    if [ "$code" -ne "$expected" ]; then
        printf '%s\n' "$out" >&2
        stop "exit code $code, and $expected was expected"
    fi
    [ "$code" -eq 0 ] || printf '   %s(exit code %d)%s\n' "$dim" "$code" "$plain"
    checks=$((checks + 1))
}
indent() {
    fold -s -w 108 | sed 's/^/   /'
}
says() { # what the last command must have said, as an extended regular expression
    printf '%s\n' "$out" | grep -qE -- "$1" || stop "it does not say '$1', but: $out"
    checks=$((checks + 1))
}
# The five outcomes of an import must be these, and their sum what was seen.
counts() { # archived, known, refused, failed, skipped
    local name number
    for name in archived known refused failed skipped; do
        number=$(printf '%s\n' "$out" | sed -nE "s/^$name +([0-9]+).*/\\1/p")
        [ "$number" = "$1" ] || stop "$name: $number, and $1 was expected"
        shift
    done
    number=$(printf '%s\n' "$out" | awk '$1 == "seen" { seen = $2 }
        $1 ~ /^(archived|known|refused|failed|skipped)$/ { sum += $2 } END { print seen - sum }')
    [ "$number" = 0 ] || stop "seen is not the sum of the outcomes"
    checks=$((checks + 2))
}
same() { # what it is, one, the other
    [ -n "$2" ] && [ "$2" = "$3" ] || stop "$1: '$2' is not '$3'"
    checks=$((checks + 1))
    printf '   %ssame: %s%s\n' "$dim" "$1" "$plain"
}

printf '%skeyferry: a tour%s\n' "$bold" "$plain"
printf 'Private keys out of old archives, into one that only recovery agents can open.\n'

step 'Build' 'What is missing is installed, and the program is built as it would be released.'
scripts/deps.sh build
{ cmake --preset release && cmake --build --preset release --target keyferry; } >"$log" 2>&1 || {
    cat "$log" >&2
    stop 'the build failed'
}
PATH=$top/build/release:$PATH
unset KEYFERRY_STORE
show 0 1 'keyferry version'

step 'Samples' 'Made now by openssl, pk12util, keytool and certtool, without keyferry; every name is invented:
a CA and one that has retired, two recovery agents, an export-signing certificate, and in .pfx files
twenty users, each with a current key (certified by the CA) and a previous one (by the retired CA).'
rm -rf samples/work
samples/make.sh samples/work
cd samples/work
show 0 3+1 'ls users; ls users | wc -l'
says '^40$'
show 0 6 'ls pfx'

step 'Look' 'inspect tells what a file is and holds. It needs no archive, and never shows a key.'
show 0 8 'keyferry inspect --password file:users.pw pfx/vera-openssl-legacy.pfx'
says 'keyBelongs: yes'

step 'An archive' 'It belongs to a CA, and seals every key to the recovery agents, whose certificates it has
and whose keys it never sees.'
show 0 9 'keyferry init --ca ca.p12 --capass file:ca.pw --kra kra1.pem --kra kra2.pem'
says 'agents +2'

step 'A KMS export' 'keyferry also writes the export that it reads: here it is made of the forty .pfx files.
The administrator confirms the export-signing certificate by the first eight digits of its thumbprint.'
thumbprint=$(openssl x509 -in export-signing.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | cut -c 1-8)
show 0 9 "keyferry convert --to kms -o export.xml --export-key export-signing.p12 \\
  --export-keypass file:export.pw --thumbprint ${thumbprint,,} --password file:users.pw users/*.pfx"
counts 40 0 0 0 0
printf '\n   Its signature, by openssl alone:\n'
show 0 2 'openssl cms -verify -binary -inform DER -in export.xml.p7s -content export.xml -CAfile ca.pem -out /dev/null'
says 'successful'
same 'twenty users, by grep' "$(grep -c '<User ' export.xml)" 20
same 'twenty previous keys, by grep' "$(grep -c 'state="previous"' export.xml)" 20

step 'Import it, in four ways' "The retired CA's certificates are foreign to this archive. They are taken only if the archive
allows them (KRAF_ENABLEFOREIGN) and the run does, too (-f). Each run below has a fresh copy of it."
key='--key export-signing.p12 --keypass file:export.pw'
cp keyferry.db no-flag.db
cp keyferry.db flag.db
show 0 3 'keyferry setreg -s flag.db KRAFlags +KRAF_ENABLEFOREIGN'
show 2 1+6 "keyferry import -s no-flag.db $key export.xml"
says 'CERT_E_ISSUERCHAINING'
counts 20 0 20 0 0
cp keyferry.db no-flag-f.db
show 2 0 "keyferry import -s no-flag-f.db -f $key export.xml"
counts 20 0 20 0 0
cp flag.db flag-f.db
show 2 0 "keyferry import -s flag.db $key export.xml"
counts 20 0 20 0 0
show 0 9 "keyferry import -s flag-f.db -f $key export.xml"
counts 40 0 0 0 0
cat <<END

                     without -f                with -f
   without the flag  20 archived, 20 refused   20 archived, 20 refused
   with the flag     20 archived, 20 refused   40 archived
END
mv flag-f.db keyferry.db

step 'PFX files of four tools' "Old and new encryption, up to 600,000 rounds of key derivation. Zoe's is a signing key: it is
counted, and not archived."
show 0 9 'keyferry import --password file:users.pw pfx/*.pfx'
counts 5 0 0 0 1

step 'Nothing twice, nothing half' 'The same batch again archives nothing (--foreign is the half of -f that allows the foreign ones; the
other half is --overwrite). A file that was changed on its way is refused before its first key is
used; a wrong password costs its own file only.'
show 0 9 "keyferry import --foreign $key export.xml"
counts 0 40 0 0 0
sed 's/Ada Sample/Eve Sample/' export.xml >tampered.xml
cp export.xml.p7s tampered.xml.p7s
show 1 2 "keyferry import -f $key tampered.xml"
says 'signature'
openssl pkcs12 -export -inkey keys/uma.key -in keys/uma.pem -passout pass:forgotten -out forgotten.pfx
show 2 9 'keyferry import --password file:users.pw forgotten.pfx pfx/uma-openssl.pfx'
counts 0 1 0 1 0

step 'List' 'The rows; the keys themselves are never shown.'
show 0 4 'keyferry list'
show 0 4 'keyferry list ada@contoso.example'
same 'forty-five rows' "$(keyferry list --json | grep -c '"requestId"')" 45

step 'Keys back out' "By name, serial number or hash. getkey needs no agent's key: what it writes is still sealed,
and signed by the CA. A name that finds two keys writes neither."
show 2 6 "keyferry getkey 'Ada Sample' --capass file:ca.pw -o ada.rec"
[ ! -e ada.rec ] || stop 'ada.rec was written'
show 0 2 "keyferry getkey 'Walt Sample' --capass file:ca.pw -o by-name.rec"
show 0 2 'keyferry getkey 100001 --capass file:ca.pw -o by-serial.rec'
hash=$(openssl x509 -in keys/ben-current.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
show 0 2 "keyferry getkey ${hash,,} --capass file:ca.pw -o by-hash.rec"
show 0 2 'keyferry getkey --all everything --capass file:ca.pw ada@contoso.example'
same "files for Ada's two keys" "$(find everything -name '*.rec' | wc -l)" 2

step 'Recover, with our program' 'An agent opens it, perhaps on another machine: no archive is needed. The key comes out as .pfx.'
show 0 2 'keyferry recoverkey by-name.rec -o walt.pfx --key kra2.p12 --keypass file:kra.pw --outpass file:users.pw'
public() { # a PFX: its key's public half
    openssl pkcs12 -in "$1" -passin file:users.pw -nodes -nocerts 2>/dev/null | openssl pkey -pubout
}
same "Walt's key, as openssl made it" "$(public walt.pfx)" "$(openssl pkey -in keys/walt.key -pubout)"

step 'Recover, with openssl alone' 'The way out that needs nothing of ours.'
show 0 1 'openssl cms -verify -noverify -binary -inform DER -in by-serial.rec -out inner.der'
says 'successful'
for agent in kra1 kra2; do
    show 0 1 "openssl cms -decrypt -binary -inform DER -in inner.der -inkey $agent.key -recip $agent.pem -out $agent.blob"
    show 0 1 "openssl rsa -inform MSBLOB -in $agent.blob -check -noout"
    says 'RSA key ok'
    same "Ada's previous key, by $agent" "$(openssl rsa -inform MSBLOB -in $agent.blob -pubout 2>/dev/null)" \
        "$(openssl x509 -in keys/ada-previous.pem -noout -pubkey)"
done

step 'All forty-five' 'Every key in the archive, fetched, recovered, and compared with the one that went in.'
mkdir out pfx-out
for token in Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kira Leo Mona Nils Olga Paul Quin Rosa Sven Tara \
    Uma Vera Walt Xena Yan; do
    keyferry getkey --all out --capass file:ca.pw "$token Sample" >"$log" 2>&1 || { cat "$log"; stop "$token"; }
done
show 0 0 'keyferry recoverkey out/*.rec -o pfx-out --key kra1.p12 --keypass file:kra.pw --outpass file:users.pw'
in=$(for key in keys/*-current.key keys/*-previous.key keys/{uma,vera,walt,xena,yan}.key; do
    openssl pkey -in "$key" -pubout -outform DER | openssl dgst -sha256 -r
done | LC_ALL=C sort)
came=$(for file in pfx-out/*.pfx; do
    openssl pkcs12 -in "$file" -passin file:users.pw -nodes -nocerts 2>/dev/null |
        openssl pkey -pubout -outform DER | openssl dgst -sha256 -r
done | LC_ALL=C sort)
same '45 keys went in' "$(printf '%s\n' "$in" | sort -u | wc -l)" 45
same 'the same 45 came out' "$came" "$in"

cat <<END

${bold}Done:${plain} $checks checks held in $((SECONDS - started)) s. Everything is in samples/work:
   keyferry.db           the archive        export.xml, .p7s   the KMS export and its signature
   users/ pfx/           the samples        by-*.rec           keys, still sealed
   pfx-out/              keys, recovered

To go on by hand:
   cd samples/work; PATH=\$PWD/../../build/release:\$PATH
   keyferry help         keyferry list      keyferry show uma@contoso.example
END

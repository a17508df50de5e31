#!/usr/bin/env bash
# Reports: the same facts as a page, a table and JSON lines, of a run with all outcomes; names that attack;
# dry runs, runs that did not end, and what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca home
make_ca other
make_kra agent
make_kra second
encrypts='keyUsage=critical,keyEncipherment'
make_user home jo ec
make_user home ann ec
make_certificate other script '/O=Example/CN=<script>alert(1)<\/script>' "$encrypts" ec
make_certificate other bidi "/O=Example/CN=a$(printf '\xe2\x80\xae')gnp.exe\"'&" "$encrypts" ec
make_certificate other formula '/O=Example/CN=\=1\+2,"x"' "$encrypts" ec
make_certificate home signer '/O=Example/CN=signer' 'keyUsage=critical,digitalSignature' ec
make_certificate home locked '/O=Example/CN=locked' "$encrypts" ec
run_openssl genrsa -traditional -out weak.key 1024
run_openssl req -new -key weak.key -subj /O=Example/CN=weak -out weak.csr
run_openssl x509 -req -in weak.csr -CA home.pem -CAkey home.key -CAcreateserial -days 30 -sha1 -out weak.pem
for name in jo ann script bidi formula signer weak; do make_pfx $name secret; done
make_pfx locked another
head -c 300 jo.pfx >short.pfx
export KEYFERRY_STORE=store.db
expect 0 init --ca home.p12 --capass pass:ca-secret --kra agent.pem --kra second.pem
expect 0 import --password pass:secret ann.pfx
inputs=(jo.pfx ann.pfx script.pfx bidi.pfx formula.pfx signer.pfx locked.pfx weak.pfx short.pfx gone.pfx)
import=(import --password pass:secret "${inputs[@]}")

# "seen archived known refused failed skipped" of each form
of_jsonl() { jq -r 'select(.event == "summary") | [.seen, .archived, .known, .refused, .failed, .skipped] | join(" ")' "$1"; }
of_keys() { # the same, counted from the keys
    jq -rs 'map(select(.event == "key").outcome) | . as $all |
        [length] + (["archived", "known", "refused", "failed", "skipped"] | map(. as $o | $all | map(select(. == $o)) | length)) |
        join(" ")' "$1"
}
of_csv() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "outcome") column = i; next }
        { seen++; by[$column]++ }
        END { print seen + 0, by["archived"] + 0, by["known"] + 0, by["refused"] + 0, by["failed"] + 0, by["skipped"] + 0 }' "$1"
}
of_html() { grep -o 'data-name="[^"]*">[0-9,]*' "$1" | sed 's/.*>//; s/,//g' | paste -sd' '; }
same_totals() { # WANTED NAME
    equal "$(of_jsonl "$2.jsonl")" "$1" "$2.jsonl: the summary"
    equal "$(of_keys "$2.jsonl")" "$1" "$2.jsonl: the keys"
    equal "$(of_csv "$2.csv")" "$1" "$2.csv"
    equal "$(of_html "$2.html")" "$1" "$2.html"
}
has() { grep -qF -- "$2" "$1" || fail "$1 lacks: $2"; }
lacks() { ! grep -qF -- "$2" "$1" || fail "$1 has: $2"; }

# nothing can be written there: told before anything is read
for path in report.pdf report html .html; do
    expect 64 "${import[@]}" --report "$path"
    has_err 'what a report is, its ending says'
done
expect 1 "${import[@]}" --report no-such-folder/r.html
has_err 'cannot write no-such-folder/r.html'
equal "$("$KEYFERRY" list --json | wc -l)" 1 'rows after a run that could not be reported'

# a dry run: nothing is in the store, and the report tells it all the same
expect 2 "${import[@]}" --dry-run --report dry.html --report dry.csv --report dry.jsonl
same_totals '10 2 1 3 3 1' dry
has dry.html 'This was a dry run.'
equal "$(jq -r 'select(.event == "run") | [.run, .dryRun] | tostring' dry.jsonl)" '[null,true]' 'the run of a dry run'
equal "$("$KEYFERRY" list --json | wc -l)" 1 'rows after a dry run'

# the run itself
touch run.html
chmod 644 run.html
expect 2 "${import[@]}" --report run.html --report run.csv --report run.jsonl
same_totals '10 2 1 3 3 1' run
for form in html csv jsonl; do
    equal "$(stat -c %a "run.$form")" 600 "the mode of run.$form"
done
equal "$(find . -name '.run*' -o -name '.dry*' | wc -l)" 0 'temporary files'

# the same again from the store, and the same keys as the dry run told, but for the rows' numbers
expect 0 report 2
cmp "$out" run.jsonl || fail 'report 2 differs from import --report'
expect 0 report last -o again.csv
cmp again.csv run.csv || fail 'report last differs from import --report'
keys() { jq -c 'select(.event == "key") | del(.requestId)' "$1"; }
diff <(keys dry.jsonl) <(keys run.jsonl) >&2 || fail 'a dry run and a run tell different keys'

# what is told: the input's digest, agents, weak keys, causes
jq -se --arg jo "$(sha256sum jo.pfx | cut -d' ' -f1)" --arg sha1 "$(sha1_of agent.pem)" \
    --arg serial "$(serial_of weak.pem | sed 's/^0*//')" '
    map(select(.event == "input")) as $inputs | map(select(.event == "key")) as $keys |
    (map(select(.event == "agent")) | map({(.sha1): .}) | add) as $agents |
    (.[0] | .event == "run" and .run == 2 and .command == "import" and (.inputs | length) == 10 and
        .ca == "home" and .settings.KRAFlags == "0x0" and (.settings.KRACertCount | startswith("0"))) and
    ($inputs | length) == 10 and ($inputs[0] | .input == "jo.pfx" and .sha256 == $jo) and
    ($inputs[9] | .input == "gone.pfx" and .sha256 == null and .size == null) and
    ($agents | length) == 2 and ($agents[$sha1] | .keys == 3 and .subject == "CN=Agent agent, O=Example") and
    ($keys[0] | .name == "jo" and .eMail == "jo@example.com" and .weak == [] and .foreign == false and
        .issuerName == "CN=home, O=Example" and (.keyRecoveryHashes | length) == 2) and
    ($keys[2] | .name == "<script>alert(1)</script>" and .outcome == "refused" and .code == "0x800b0107" and
        .foreign and .issuerName == "CN=other, O=Example" and .keyRecoveryHashes == []) and
    ($keys[3].name == "a\u202egnp.exe\"'"'"'&") and
    ($keys[7] | .outcome == "archived" and .weak == ["short", "signature"] and .publicKeyLength == 1024 and
        (.serialNumber | ltrimstr("0")) == $serial) and
    ($keys[9] | .outcome == "failed" and .sha1 == null)
' run.jsonl >jq.out || fail "run.jsonl: $(jq -c . run.jsonl)"

# CSV: a header, and no field that a spreadsheet takes for a formula
equal "$(head -n 1 run.csv | cut -d, -f1-3)" input,ordinal,outcome 'the first columns'
has run.csv "\"'=1+2,\"\"x\"\"\""
has run.csv '<script>alert(1)</script>'

# the page: one script, its own; names cannot act
page=run.html
equal "$(grep -o '<script' $page | wc -l)" 1 'scripts in the page'
has $page '&lt;script&gt;alert(1)&lt;/script&gt;'
has $page 'a\u{202e}gnp.exe&quot;&#39;&amp;'
LC_ALL=C grep -q "$(printf '\xe2\x80\xae')" $page && fail 'the page has an override of the direction'
equal "$(grep -oE "(src|href)=\"[^#][^\"]*\"" $page | wc -l)" 0 'references out of the page'
has $page "content=\"default-src 'none'; style-src"
for part in style script; do
    # the policy names the digest of what stands between the tags
    digest=$(sed -n "/<$part>/,/<\/$part>/p" $page | perl -0pe "s/.*?<$part>//s; s/<\/$part>.*//s" |
        openssl dgst -sha256 -binary | base64)
    has $page "$part-src 'sha256-$digest'"
done
has $page '>Every key is accounted for</h2>'
has $page 'The sum holds'
has $page 'Issued by another CA'
has $page 'KRAF_ENABLEFOREIGN'
has $page 'Wrong password or key'
has $page 'Signing keys, which are not archived'
has $page '[MS-CSRA] 3.1.4.1.26'
has $page '0x800b0107 CERT_E_ISSUERCHAINING'
has $page 'RSA 1024 <span class="weak">weak</span>'
has $page 'RSA with SHA-1 <span class="weak">weak</span>'
has $page "$(sha256sum jo.pfx | cut -d' ' -f1)"
has $page "$(sha1_of second.pem)"

# settings are told as the run found them, and what the audit trail noted
expect 0 setreg KRAFlags +KRAF_ENABLEFOREIGN
expect 0 report 2
equal "$(jq -r 'select(.event == "run").settings.KRAFlags' "$out")" 0x0 'the settings of an earlier run'
expect 0 import -f --password pass:secret script.pfx --report foreign.jsonl
equal "$(jq -r 'select(.event == "run").settings.KRAFlags' foreign.jsonl)" '0x1 (KRAF_ENABLEFOREIGN)' 'the settings'
kms_begin export.xml home 1
kms_user jo
kms_end
rm export.xml.p7s
expect 0 import --unsigned --key home.p12 --keypass pass:ca-secret export.xml --report notes.jsonl
equal "$(jq -r 'select(.event == "note").text' notes.jsonl)" 'export.xml read without a signature' 'the note'

# a run that did not end, and one whose numbers do not hold
sqlite3 store.db 'UPDATE Runs SET Ended = NULL WHERE RunID = 2'
expect 0 report 2 -o broken.html
has broken.html 'This run has not come to its end.'
lacks run.html 'has not come to its end'
sqlite3 store.db 'UPDATE Runs SET Archived = Archived + 1 WHERE RunID = 2'
expect 0 report 2 -o broken.html
has broken.html 'The sum does not hold.'
lacks broken.html 'The sum holds'

# a run that saw nothing
mkdir empty
expect 0 import -r empty --report none.html --report none.csv --report none.jsonl
same_totals '0 0 0 0 0 0' none
has none.html 'None was refused, and none failed.'

# usage
expect 64 report
expect 64 report two
expect 64 report 1 2
expect 64 report 99
has_err 'there is no run 99'
expect 64 report 2 -o report.txt
expect 1 report -s no-store.db 2

# an input without a key is told too, in a run and in a dry run, and how many certificates lack theirs
run_openssl pkcs12 -export -nokeys -in locked.pem -passout pass:secret -out alone.pfx
cp locked.pem alone.pem
for form in '' --dry-run; do
    expect 0 import $form --password pass:secret alone.pfx jo.pfx alone.pem --report alone.jsonl --report alone.html
    equal "$(jq -r 'select(.event == "input") | .input' alone.jsonl | paste -sd' ')" 'alone.pfx jo.pfx alone.pem' 'inputs'
    equal "$(jq -r 'select(.event == "input") | .sha256' alone.jsonl | paste -sd' ')" \
        "$(sha256sum alone.pfx jo.pfx alone.pem | cut -d' ' -f1 | paste -sd' ')" 'their digests'
    equal "$(jq -r 'select(.event == "summary") | .certificatesWithoutKey' alone.jsonl)" 2 'certificates without keys'
    has alone.html '2 certificates came without a key'
    has alone.html '>3 inputs. '
    has alone.html "<tr><td>alone.pem<td>$(sha256sum alone.pem | cut -d' ' -f1)"
done

# convert tells the same, without a store
expect 64 convert --to pfx -o made --outpass pass:new --password pass:secret jo.pfx --report made.txt
[ ! -e made ] || fail 'something was written without a report'
rm -f jo2.html
convert=(convert --to pfx -o made --outpass pass:new --password pass:secret jo.pfx weak.pfx locked.pfx alone.pfx)
expect 2 "${convert[@]}" --report made.html --report made.csv --report made.jsonl
equal "$(of_jsonl made.jsonl)" '3 2 0 0 1 0' 'made.jsonl: the summary'
equal "$(of_keys made.jsonl)" '3 2 0 0 1 0' 'made.jsonl: the keys'
equal "$(of_csv made.csv)" '3 2 0 0 1 0' made.csv
equal "$(of_html made.html)" '3 2 0 0 1 0' made.html
jq -se '(.[0] | .event == "run" and .run == null and .command == "convert" and .store == null and .settings == null and
        (.options | startswith("--to pfx --output made"))) and
    (map(select(.event == "key"))[1].weak == ["short", "signature"]) and
    (map(select(.event == "input")) | length) == 4' made.jsonl >jq.out || fail "made.jsonl: $(cat made.jsonl)"
has made.html '<h1>Conversion report</h1>'
has made.html '<td data-name="Written">2'
lacks made.html 'id="agents"'
expect 2 "${convert[@]}" --report again.html
equal "$(of_html again.html)" '3 0 0 2 1 0' again.html
has again.html 'Not taken by the destination'
lacks again.html pass:

#!/usr/bin/env bash
# The inputs of a run are kept with their digests; --resume goes on with the same inputs alone. Whatever changed is
# told in one line that names the file, and nothing is imported.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
command -v sqlite3 >tool || exit 77

make_ca ca
make_kra agent
make_certificate self signer /O=Example/CN=Signer 'keyUsage=critical,keyEncipherment,digitalSignature'
for name in ann bob cid dan; do
    make_user ca $name ec
    make_pfx $name secret
done
export KEYFERRY_STORE=store.db
password=(--password pass:secret --key signer.key)
expect 0 init -s empty.db --ca ca.p12 --capass pass:ca-secret --kra agent.pem

broken='<KMSExport xmlns="urn:keyferry:kms-export:1">'
rows() { sqlite3 store.db 'SELECT count(*) FROM Requests'; }
sha256() { sha256sum "$@" | cut -d ' ' -f 1; }
# A run that is broken off: in a folder, after three files, at a file that ends it.
broken_off() {
    rm -rf folder store.db*
    cp empty.db store.db
    mkdir folder
    cp ann.pfx folder/a.pfx
    cp bob.pfx folder/b.pfx
    cp cid.pfx folder/d.pfx
    printf '%s' "$broken" >folder/x.xml
    cp dan.pfx folder/y.pfx
    expect 1 import -r "${password[@]}" folder
    has_err '^folder/x\.xml:'
    equal "$(rows)" 3 'rows of a run that was broken off'
}
# refused PATTERN OPERAND...: the run does not go on, for that reason, and nothing was done
refused() {
    local pattern=$1 before
    shift
    before=$(rows)
    expect 1 import --resume "${password[@]}" "$@"
    one_line_err
    has_err "$pattern"
    has_err '\(--resume goes on with the same inputs\)$'
    equal "$(rows)" "$before" 'rows of a run that did not go on'
    expect 0 audit verify
}

# what was read stands in the store, and the end of the run covers it
broken_off
printf '0|folder/a.pfx|%s|%s\n1|folder/b.pfx|%s|%s\n2|folder/d.pfx|%s|%s\n' \
    "$(stat -c %s ann.pfx)" "$(sha256 ann.pfx)" "$(stat -c %s bob.pfx)" "$(sha256 bob.pfx)" \
    "$(stat -c %s cid.pfx)" "$(sha256 cid.pfx)" >expected
inputs="SELECT Position, Name, Size, lower(hex(SHA256)) FROM Inputs WHERE RunID = 1 ORDER BY Position"
sqlite3 store.db "$inputs" >seen
diff -u expected seen >&2 || fail 'the inputs of a run'
rm folder/x.xml
expect 0 import -r --resume "${password[@]}" folder
no_err 'no unfinished run'
has_out '^archived +4$'
printf '3|folder/y.pfx|%s|%s\n' "$(stat -c %s dan.pfx)" "$(sha256 dan.pfx)" >>expected
sqlite3 store.db "$inputs" >seen
diff -u expected seen >&2 || fail 'the inputs of a resumed run'
sqlite3 store.db "SELECT Entry FROM Audit WHERE Entry LIKE '% run-end %'" >entry
grep -q " inputs=$(sha256 expected) " entry || fail "the end of the run covers other inputs: $(cat entry)"

# every change before the place where the run goes on
broken_off
cp dan.pfx folder/b.pfx
refused '^folder/b\.pfx: has changed since run 1 read it: ' -r folder
cp bob.pfx folder/b.pfx
printf x | dd of=folder/b.pfx bs=1 seek=100 conv=notrunc 2>tool
refused '^folder/b\.pfx: has changed since run 1 read it: its SHA-256 is another now' -r folder
cp bob.pfx folder/b.pfx
printf x >>folder/a.pfx
refused '^folder/a\.pfx: has changed .*: it had [0-9]+ bytes, and has [0-9]+ now' -r folder
cp ann.pfx folder/a.pfx
cp dan.pfx folder/c.pfx
refused '^folder/c\.pfx: is input 3 now, where run 1 read folder/d\.pfx: a file came or went' -r folder
rm folder/c.pfx
rm folder/a.pfx
refused '^folder/b\.pfx: is input 1 now, where run 1 read folder/a\.pfx: a file came or went' -r folder
rm folder/*
cp ann.pfx folder/a.pfx
refused '^keyferry: the run had read 3 inputs before it was broken off, and there are 1 now' -r folder
cp bob.pfx folder/b.pfx
cp cid.pfx folder/d.pfx
cp dan.pfx folder/z.pfx # after that place files may come and go
expect 0 import -r --resume "${password[@]}" folder
has_out '^archived +4$'
equal "$(rows)" 4 'rows after all'
expect 0 audit verify

# files that are named
broken_off
rm -rf store.db*
cp empty.db store.db
printf '%s' "$broken" >end.xml
expect 1 import "${password[@]}" ann.pfx bob.pfx end.xml
mv bob.pfx gone.pfx
refused '^bob\.pfx: was read by run 1, and now it cannot be opened: No such file' ann.pfx bob.pfx end.xml
if [ "$(id -u)" -ne 0 ]; then
    cp gone.pfx bob.pfx
    chmod 000 bob.pfx
    refused '^bob\.pfx: was read by run 1, and now it cannot be opened: Permission' ann.pfx bob.pfx end.xml
    rm -f bob.pfx
fi
mv gone.pfx bob.pfx

# the same file twice, what cannot be read, what is no input, and what comes from a pipe are passed over
rm store.db*
cp empty.db store.db
echo 'no key' >note.txt
expect 1 import "${password[@]}" ann.pfx ann.pfx nothing note.txt - end.xml <bob.pfx
equal "$(sqlite3 store.db 'SELECT group_concat(Position || Name || (Size IS NULL) || (SHA256 IS NULL)) FROM Inputs')" \
    '0ann.pfx00,1ann.pfx00,2nothing11,3note.txt01,4-00' 'what is known of inputs'
cp cid.pfx end.xml
expect 2 import --resume "${password[@]}" ann.pfx ann.pfx nothing note.txt - end.xml
no_err 'no unfinished run'
has_out '^seen +6'
has_out '^archived +3$'
expect 0 audit verify

# an export that is broken off in the middle
kms_begin export.xml signer 3
for name in ann bob cid; do kms_user $name; done
kms_end
head -c $(($(stat -c %s export.xml) - 60)) export.xml >half.xml
rm store.db*
cp empty.db store.db
expect 1 import --unsigned "${password[@]}" half.xml
rows=$(rows)
[ "$rows" -gt 0 ] || fail 'no user was committed'
equal "$(sqlite3 store.db 'SELECT lower(hex(SHA256)) FROM Inputs')" "$(sha256 half.xml)" 'the digest of an export'
expect 1 import --unsigned --resume "${password[@]}" half.xml # as it is
no_err 'goes on with the same inputs'
cp export.xml half.xml
expect 1 import --unsigned --resume "${password[@]}" half.xml
has_err '^half\.xml: has changed since run 1 read it'
equal "$(rows)" "$rows" 'rows of a changed export'
rm store.db*
cp empty.db store.db
head -c $(($(stat -c %s export.xml) - 60)) export.xml >half.xml
expect 1 import --unsigned "${password[@]}" - < <(cat half.xml)
equal "$(rows)" "$rows" 'rows through a pipe'
expect 1 import --unsigned --resume "${password[@]}" - < <(cat export.xml)
has_err '^-: run 1 was broken off within what can be read only once'
equal "$(rows)" "$rows" 'rows through another pipe'
expect 0 import --unsigned "${password[@]}" - < <(cat export.xml)
equal "$(sqlite3 store.db 'SELECT lower(hex(SHA256)) FROM Inputs WHERE RunID = 2')" "$(sha256 export.xml)" 'the digest of a pipe'
expect 0 audit verify

# a report tells what the run read, not what is there now
cp dan.pfx export.xml
expect 0 report 1
has_out '"input":"-"'
cp ann.pfx read.pfx
expect 0 import "${password[@]}" read.pfx
cp bob.pfx read.pfx
expect 0 report 3
has_out "\"sha256\":\"$(sha256 ann.pfx)\""

#!/usr/bin/env bash
# The audit trail: everything that happens is in it; what sqlite3 changes in it, or in what it is about,
# is found and named; a checkpoint finds what was written anew as a whole.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || exit 77

make_ca ca
make_kra one
make_user ca jo ec
make_user ca ann ec
make_user ca kim ec
for name in jo ann kim; do make_pfx $name secret; done
export KEYFERRY_STORE=store.db P=ca-secret
expect 0 init --ca ca.p12 --capass env:P --kra one.pem
expect 0 setreg KRAFlags +KRAF_ENABLEFOREIGN
expect 0 import --password pass:secret jo.pfx ann.pfx kim.pfx
expect 0 import --overwrite --password pass:secret ann.pfx
expect 0 getkey jo -o jo.rec --capass env:P

# everything is in the trail
expect 0 audit show
for event in init agent-added setting run-begin key-archived run-end key-replaced key-fetched; do
    has_out "^ *[0-9]+  1 20[0-9T:-]+Z $event "
done
entries=$(wc -l <"$out")
expect 0 audit show --json
equal "$(wc -l <"$out")" "$entries" 'entries as JSON'
equal "$(jq -r 'select(.sequence == 1) | .event + " " + .fields.ca' "$out")" 'init ca' 'the first entry'
equal "$(jq -r 'select(.event == "key-fetched") | .fields.to' "$out")" jo.rec 'what was fetched'

# a whole one is whole
expect 0 audit verify
silent_err
has_out "^entries +$entries\$"
has_out '^rows +3$'
expect 0 audit verify --json
equal "$(jq -c '[.entries, .rows, .defects]' "$out")" "[$entries,3,0]" 'the result as JSON'

# the checkpoint is the CA's, and openssl reads it
expect 0 audit checkpoint --capass env:P -o first.checkpoint
run_openssl cms -verify -noverify -inform PEM -in first.checkpoint -out text
run_openssl cms -verify -inform PEM -in first.checkpoint -CAfile ca.pem -purpose any -out text
equal "$(sed -n 's/^size: //p' text)" "$entries" 'the size in the checkpoint'
expect 0 audit verify --json
equal "$(sed -n 's/^root: //p' text)" "$(jq -r .root "$out")" 'the root in the checkpoint'
expect 0 audit verify --checkpoint first.checkpoint
has_out "^checkpoint +$entries entries, 20"
expect 1 audit checkpoint --capass env:P -o first.checkpoint # there is a file of this name
expect 0 audit checkpoint --capass env:P -f -o first.checkpoint
expect 77 audit checkpoint --capass pass:wrong
expect 64 audit
expect 64 audit nothing
expect 64 audit show --checkpoint first.checkpoint
expect 64 audit verify -o x
expect 64 audit checkpoint --json

# the root after RFC 6962, computed by openssl alone
leaf() { { printf '\0'; printf '%s' "$1"; } | openssl dgst -sha256 -r | cut -d' ' -f1; }
node() { { printf '\1'; hex_to_bytes "$1$2"; } | openssl dgst -sha256 -r | cut -d' ' -f1; }
tree() { # HASH...
    local half=1
    [ $# -gt 1 ] || { printf '%s' "$1"; return; }
    while [ $((half * 2)) -lt $# ]; do half=$((half * 2)); done
    node "$(tree "${@:1:half}")" "$(tree "${@:half+1}")"
}
mapfile -t lines < <(sqlite3 store.db 'SELECT Entry FROM Audit ORDER BY Sequence')
leaves=()
for line in "${lines[@]}"; do leaves+=("$(leaf "$line")"); done
equal "$(sed -n 's/^root: //p' text)" "$(tree "${leaves[@]}")" 'the root by openssl'

# the store itself keeps entries as they are
cp store.db kept.db
for statement in "UPDATE Audit SET Entry = 'x' WHERE Sequence = 2" 'DELETE FROM Audit WHERE Sequence = 2'; do
    ! sqlite3 kept.db "$statement" 2>/dev/null || fail "the database allows: $statement"
done

# tampered SQL PATTERN...: a copy of the store that SQL was run on has defects, each of which is named
tampered() {
    local sql=$1 pattern
    shift
    rm -f bad.db bad.db-wal bad.db-shm
    sqlite3 store.db '.clone bad.db' >clone.log
    sqlite3 bad.db 'PRAGMA application_id = 1262899801; PRAGMA user_version = 2; PRAGMA journal_mode = WAL' >clone.log
    "$KEYFERRY" audit verify -s bad.db >/dev/null 2>&1 || fail 'a copy has defects'
    sqlite3 bad.db "DROP TRIGGER AuditKeepsEntries; DROP TRIGGER AuditKeepsAllEntries; $sql" ||
        fail "sqlite3 does not do it: $sql"
    expect 2 audit verify -s bad.db
    for pattern in "$@"; do has_err "^keyferry: $pattern"; done
    equal "$(wc -l <"$err")" $# "defects of: $sql"
}
swap() { # A B: their entries change places
    printf 'UPDATE Audit SET Sequence = 1000 WHERE Sequence = %d; UPDATE Audit SET Sequence = %d WHERE Sequence = %d;' \
        "$1" "$1" "$2"
    printf 'UPDATE Audit SET Sequence = %d WHERE Sequence = 1000;' "$2"
}
sequence() { # EVENT [N]
    sqlite3 store.db "SELECT Sequence FROM Audit WHERE Entry LIKE '1 ____________________ $1%' ORDER BY Sequence LIMIT 1 OFFSET ${2:-0}"
}
fetched=$(sequence key-fetched)
archived=$(sequence key-archived)
begun=$(sequence run-begin)

# entries
tampered "UPDATE Audit SET Entry = replace(Entry, 'jo.rec', 'no.rec') WHERE Sequence = $fetched" \
    "entry $fetched was changed"
tampered "DELETE FROM Audit WHERE Sequence = $fetched" "entry $fetched is missing at the end"
tampered "DELETE FROM Audit WHERE Sequence = $begun" "entry $begun is missing" 'run 1 was inserted'
tampered "DELETE FROM Audit WHERE Sequence >= $begun AND Sequence < $((archived + 3))" \
    "entries $begun to $((archived + 2)) are missing" 'run 1 was inserted' 'request 1 was inserted' 'request 3 was inserted'
tampered "INSERT INTO Audit (Entry, Leaf, Link) SELECT Entry, Leaf, Link FROM Audit WHERE Sequence = $fetched" \
    "entry $((fetched + 1)) is not the one that was written after entry $fetched" \
    "the entries after entry $fetched were inserted"
tampered "INSERT INTO Audit VALUES (-1, 'x', zeroblob(32), zeroblob(32))" 'entry -1 was inserted'
tampered "INSERT INTO Audit VALUES ($((fetched + 1)), 'x', zeroblob(32), zeroblob(32))" \
    "entry $((fetched + 1)) was changed" "entry $((fetched + 1)) is not an entry" "the entries after entry $fetched were"
tampered "$(swap "$archived" $((archived + 1)))" "entry $archived is not the one" \
    "entry $((archived + 1)) is not the one" "entry $((archived + 2)) is not the one"
tampered 'UPDATE AuditHead SET Link = zeroblob(32)' 'the head of the trail is not that of its entries'
tampered "UPDATE AuditHead SET Subtrees = x''" 'the head of the audit trail is missing or broken'
tampered 'DELETE FROM AuditHead' 'the head of the audit trail is missing or broken'

# rows
for column in "RequesterName = 'x'" "CommonName = NULL" 'NotAfter = NotAfter + 1' 'Disposition = 12' 'KeyState = 1' \
    "KeyRecoveryHashes = 'x' || KeyRecoveryHashes" 'KeyMismatch = 1' 'SubmittedWhen = 1' \
    "CertificateHash = zeroblob(20)"; do
    tampered "UPDATE Requests SET $column WHERE RequestID = 2" \
        "request 2: its columns were changed: they are not those of entry $(sequence key-replaced)"
done
tampered "UPDATE Material SET RawArchivedKey = (SELECT RawArchivedKey FROM Material WHERE RequestID = 3) WHERE RequestID = 1" \
    'request 1: its archived key was changed'
tampered 'UPDATE Material SET RawArchivedKey = NULL WHERE RequestID = 1' 'request 1: its archived key was removed'
tampered 'UPDATE Material SET RawCertificate = zeroblob(9) WHERE RequestID = 1' 'request 1: its certificate was changed'
tampered 'DELETE FROM Material WHERE RequestID = 1; DELETE FROM Requests WHERE RequestID = 1' 'request 1 was removed'
columns=$(sqlite3 store.db "SELECT group_concat(name) FROM pragma_table_info('Requests') WHERE name != 'RequestID'")
tampered "INSERT INTO Requests (RequestID, $columns) SELECT 9, $columns FROM Requests WHERE RequestID = 1" \
    'request 9 was inserted'
tampered 'UPDATE Requests SET RequestID = 70 WHERE RequestID = 1; UPDATE Material SET RequestID = 70 WHERE RequestID = 1' \
    'request 70 was inserted' 'request 1 was removed'

# what else the trail is about
tampered "UPDATE Settings SET Value = '0' WHERE Name = 'KRAFlags'" 'setting KRAFlags was changed: it is "0", .* says "1"'
tampered "INSERT INTO Settings VALUES ('KRACertCount', '7')" 'setting KRACertCount was changed'
tampered "UPDATE Settings SET Value = 'x' WHERE Name = 'CAName'" 'setting CAName was changed'
tampered 'UPDATE Agents SET Position = NULL' 'the key recovery agents were changed'
tampered 'INSERT INTO Agents SELECT CertificateID, 1, 7 FROM Authorities LIMIT 1' 'the key recovery agents were changed' \
    'a key recovery agent was inserted'
tampered "UPDATE Certificates SET RawCertificate = x'3000' WHERE CertificateID = (SELECT CertificateID FROM Agents)" \
    'the key recovery agents were changed' 'certificate [0-9]+ was changed: it does not have its hashes'
tampered 'UPDATE Authorities SET IsOwn = 0' 'the certificates of the CA were changed'
tampered 'UPDATE Runs SET Archived = 9 WHERE RunID = 1' 'run 1 was changed: its totals'
tampered 'UPDATE Runs SET Ended = NULL WHERE RunID = 1' 'run 1 was changed: its end was removed'
tampered 'UPDATE Inputs SET SHA256 = zeroblob(32) WHERE InputID = 1' 'run 1 was changed: its inputs are not those of entry'
tampered "UPDATE Inputs SET Name = 'x' WHERE InputID = 1" 'run 1 was changed: its inputs'
tampered 'INSERT INTO Inputs SELECT 99, 1, 7, Name, Size, SHA256, NULL, NULL FROM Inputs LIMIT 1' 'run 1 was changed: its inputs'
tampered "UPDATE Runs SET Caller = 'x' WHERE RunID = 1" 'run 1 was changed: it is not that of entry'
tampered 'INSERT INTO Runs (RunID, Command, Options, Inputs, Caller, Started, KraStart) VALUES (9, 0, 0, 0, 0, 0, 0)' \
    'run 9 was inserted'
tampered "CREATE TRIGGER evil AFTER INSERT ON Material BEGIN DELETE FROM Material; END" 'the trigger evil was inserted'
tampered "CREATE TRIGGER AuditKeepsEntries BEFORE INSERT ON Audit BEGIN SELECT RAISE(IGNORE); END" \
    'the trigger AuditKeepsEntries was inserted'
tampered 'CREATE TABLE more (x); CREATE VIEW look AS SELECT 1; CREATE INDEX fast ON Requests (EMail)' \
    'the table more was inserted' 'the view look was inserted' 'the index fast was inserted'
expect 2 audit checkpoint -s bad.db --cakey ca.p12 --capass env:P
silent_out

# the trail goes on where it stands, and the old checkpoint still holds
expect 0 getkey ann -o ann.rec --capass env:P
expect 0 audit verify --checkpoint first.checkpoint
expect 0 audit checkpoint --capass env:P -o second.checkpoint

# a trail that was cut off and written anew without a mistake: found by the checkpoint alone
cp store.db whole.db
rm -f store.db-wal store.db-shm
rm store.db
expect 0 init --ca ca.p12 --capass env:P --kra one.pem
expect 0 setreg KRAFlags +KRAF_ENABLEFOREIGN
expect 0 import --password pass:secret jo.pfx ann.pfx kim.pfx
expect 0 audit verify
expect 2 audit verify --checkpoint second.checkpoint
has_err 'the checkpoint of 20.* has [0-9]+: the end was cut off'
expect 0 import --overwrite --password pass:secret ann.pfx
for ((i = 0; i < 3; i++)); do expect 0 getkey jo -f -o jo.rec --capass env:P; done
expect 0 audit verify
expect 2 audit verify --checkpoint first.checkpoint
has_err 'entries are not those of the checkpoint of'

# what is not this CA's checkpoint
sed 's/^size: .*/size: 1/' text >forged
run_openssl cms -sign -nodetach -binary -in forged -signer one.pem -inkey one.key -outform PEM -out forged.checkpoint
expect 2 audit verify -s whole.db --checkpoint forged.checkpoint
has_err 'forged.checkpoint: the signature does not verify'
for bad in 's/^size: .*/size: x/' 's/^ca: .*/ca: Other/' 's/checkpoint 1/checkpoint 2/' 's/^root: ../root: /' 's/^time: .*/&\n/'; do
    sed "$bad" text >forged
    run_openssl cms -sign -nodetach -binary -in forged -signer ca.pem -inkey ca.key -outform PEM -out forged.checkpoint
    expect 2 audit verify -s whole.db --checkpoint forged.checkpoint
    has_err 'forged.checkpoint: (what is signed is not|the checkpoint)'
done
run_openssl cms -sign -binary -in text -signer ca.pem -inkey ca.key -outform PEM -out detached.checkpoint
expect 2 audit verify -s whole.db --checkpoint detached.checkpoint
expect 2 audit verify -s whole.db --checkpoint text
expect 1 audit verify -s whole.db --checkpoint nothing
run_openssl cms -sign -nodetach -binary -in text -signer ca.pem -inkey ca.key -outform PEM -out same.checkpoint
expect 0 audit verify -s whole.db --checkpoint same.checkpoint

# a key is not handed out where that cannot be noted
sqlite3 whole.db "CREATE TRIGGER Stop BEFORE INSERT ON Audit BEGIN SELECT RAISE(ABORT, 'no more entries'); END"
expect 1 getkey -s whole.db jo -o not.rec --cakey ca.p12 --capass env:P
has_err 'no more entries'
[ ! -e not.rec ] || fail 'a key was handed out without an entry'

#!/usr/bin/env bash
# verify: a whole store is whole, with and without an agent's key; what sqlite3 breaks is named.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || exit 77

make_ca ca
for agent in one two other; do make_kra $agent; done
make_user ca jo
make_user ca ann ec
for name in jo ann; do make_pfx $name secret; done
export KEYFERRY_STORE=store.db P=ca-secret
expect 0 init --ca ca.p12 --capass env:P --kra one.pem --kra two.pem
expect 0 import --password pass:secret jo.pfx
expect 0 import --profile modern --password pass:secret ann.pfx

expect 0 verify
silent_err
has_out '^rows +2$'
has_out '^archived keys +2$'
has_out '^opened +0$'
for agent in one two; do
    for jobs in 1 3; do
        expect 0 verify --key $agent.key -j $jobs --json
        equal "$(tail -n 1 "$out" | jq -c '[.event, .rows, .keys, .opened, .notForAgent, .defects, .complete, .next]')" \
            '["summary",2,2,2,0,0,true,3]' "by agent $agent"
        equal "$(jq -c 'select(.event == "row") | [.requestId, .outcome, .defects]' "$out" | tr '\n' ' ')" \
            '[1,"opened",[]] [2,"opened",[]] ' "rows by agent $agent"
    done
done
expect 77 verify --key other.key
has_err 'no key is sealed to'
expect 0 verify --from 2 --json
equal "$(tail -n 1 "$out" | jq .rows)" 1 'rows from 2 on'
equal "$(head -n 1 "$out" | jq -c '[.event, .requestId, .outcome, .sha1]')" \
    "[\"row\",2,\"sealed\",\"$(sha1_of ann.pem)\"]" 'a row that nobody opened'
# the same in a file, for people the table
expect 0 verify --key one.key -o proof.jsonl
has_out '^opened +2$'
equal "$(wc -l <proof.jsonl)" 3 'lines of the report'
equal "$(tail -n 1 proof.jsonl | jq -c '[.event, .opened]')" '["summary",2]' 'the report'
expect 1 verify --key one.key -o no/such/folder.jsonl
expect 0 verify -v
expect 64 verify --from x
expect 64 verify --keypass pass:x
expect 64 verify jo

# a store with keys of two sets of agents: those of the other set are counted
expect 0 kra add other.pem
expect 0 kra remove "$(sha1_of one.pem)"
expect 0 import --overwrite --password pass:secret ann.pfx
expect 0 verify --key one.key --json
equal "$(tail -n 1 "$out" | jq -c '[.opened, .notForAgent]')" '[1,1]' 'by an agent who was removed'
equal "$(jq -r 'select(.event == "row").outcome' "$out" | tr '\n' ' ')" 'opened notForAgent ' 'rows of two sets'

# broken SQL PATTERN [KEY]
broken() {
    rm -f bad.db bad.db-wal bad.db-shm
    sqlite3 store.db '.clone bad.db' >clone.log
    sqlite3 bad.db "PRAGMA application_id = 1262899801; PRAGMA user_version = 2; $1" >clone.log || fail "sqlite3: $1"
    expect 2 verify -s bad.db ${3:+--key "$3"}
    has_err "^keyferry: $2"
}
for column in "SerialNumber = '1'" "CommonName = 'x'" 'NotAfter = 1' "EMail = 'x'" "IssuerName = 'x'" \
    'CertificateHash = zeroblob(20)' 'PublicKeyLength = 9' "SubjectKeyIdentifier = 'x'" 'UPN = NULL'; do
    broken "UPDATE Requests SET $column WHERE RequestID = 2" "request 2: ${column%% *} is not what its certificate says"
done
broken "UPDATE Requests SET KeyBlob = 0 WHERE RequestID = 1" 'request 1: KeyBlob says that no key'
broken "UPDATE Requests SET KeyBlob = 3 WHERE RequestID = 1" 'request 1: KeyBlob is not the type' two.key
broken "UPDATE Requests SET KeyRecoveryHashes = 'aa' WHERE RequestID = 1" 'request 1: KeyRecoveryHashes names an agent'
broken "UPDATE Requests SET KeyRecoveryHashes = (SELECT KeyRecoveryHashes FROM Requests WHERE RequestID = 2) WHERE RequestID = 1" \
    'request 1: its archived key is not sealed to agent'
broken "UPDATE Material SET RawArchivedKey = x'3000' WHERE RequestID = 1" 'request 1: its archived key: not a CMS'
broken "UPDATE Material SET RawCertificate = x'3000' WHERE RequestID = 1" 'request 1: its certificate: '
broken "DELETE FROM Material WHERE RequestID = 1" 'request 1: its certificate is missing'
broken "UPDATE Material SET RawArchivedKey = (SELECT RawArchivedKey FROM Material WHERE RequestID = 1) WHERE RequestID = 2" \
    'request 2: the key that is archived is not the certificate' two.key
broken "PRAGMA foreign_keys = OFF; UPDATE Requests SET ChainID = 99 WHERE RequestID = 1" 'the database: a row is missing'

# a defect in JSON, of a row and of the database
expect 2 verify -s bad.db --json
equal "$(jq -c 'select(.event == "database").defects | length' "$out")" 1 'a defect of the database'
broken "UPDATE Requests SET CommonName = 'x', SerialNumber = '1' WHERE RequestID = 2" 'request 2: CommonName'
expect 2 verify -s bad.db --key two.key --json
equal "$(jq -c 'select(.requestId == 2) | [.outcome, (.defects | length)]' "$out")" '["defective",2]' 'a defective row'
equal "$(tail -n 1 "$out" | jq -c '[.opened, .defects]')" '[2,2]' 'the sum'

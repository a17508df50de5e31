#!/usr/bin/env bash
# Every column of every table, and a row of each removed, inserted and exchanged with another: whatever sqlite3
# does to a store, audit verify finds it and says where.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || exit 77

make_ca ca
make_ca away
for agent in one two; do make_kra $agent; done
for user in jo ann; do
    make_user ca $user ec
    run_openssl pkcs12 -export -inkey $user.key -in $user.pem -certfile ca.pem -out $user.pfx -passout pass:secret
done
make_certificate away sub /O=Example/CN=sub 'basicConstraints=critical,CA:TRUE' ec
for user in eve kim; do make_user sub $user ec; done
cat sub.pem away.pem >chain.pem
run_openssl pkcs12 -export -inkey eve.key -in eve.pem -certfile chain.pem -out eve.pfx -passout pass:secret
make_pfx kim secret
export KEYFERRY_STORE=store.db P=ca-secret
expect 0 init --ca ca.p12 --capass env:P --kra one.pem --kra two.pem
expect 0 setreg KRACertCount 1
expect 2 import --password pass:secret jo.pfx eve.pfx kim.pfx # the last two are refused
expect 0 setreg KRAFlags +KRAF_ENABLEFOREIGN
expect 0 import --foreign --password pass:secret ann.pfx eve.pfx
expect 0 import --overwrite --password pass:secret jo.pfx ann.pfx
expect 0 kra remove "$(sha1_of two.pem)"
expect 0 audit verify
sqlite3 store.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
sqlite3 store.db 'SELECT name FROM sqlite_master WHERE type = "table"' >tables

# tampered SQL: found and named. What the database itself refuses is passed over: false.
tampered() {
    rm -f bad.db bad.db-wal bad.db-shm
    cp store.db bad.db
    sqlite3 bad.db 'DROP TRIGGER AuditKeepsEntries; DROP TRIGGER AuditKeepsAllEntries'
    sqlite3 bad.db "BEGIN; $1; COMMIT" 2>refused || return 1
    kf audit verify -s bad.db </dev/null
    [ "$code" -ne 0 ] || fail "nobody finds: $1"
    [ "$code" -eq 2 ] || has_err 'damaged' # what cannot even be read
    grep -qE "$2" "$err" || fail "is not named by $2: $1"
}

# what a defect in each table is called by
name_of() {
    case $1 in
        Settings) echo 'setting ' ;;
        Certificates) echo 'certificate |agent|chain|damaged' ;;
        Authorities) echo 'certificates of the CA|certificate [0-9]+ was inserted' ;;
        Agents) echo 'agent' ;;
        Chains | ChainMembers) echo 'chain [0-9]+|certificate [0-9]+ was' ;;
        Runs | Entries | EntryFacts) echo 'run [0-9]+' ;;
        Inputs) echo 'run [0-9]+ was changed' ;;
        Requests | Material) echo 'request [0-9]+' ;;
        Tokens | CertificateTokens) echo 'search token' ;;
        Audit) echo 'entry -?[0-9]+|entries [0-9]+' ;;
        AuditHead) echo 'the head of|the end|the entries after' ;;
        *) fail "there is no test for the table $1" ;;
    esac
}

columns=0
while read -r table; do
    name=$(name_of "$table")
    rows=$(sqlite3 store.db "SELECT count(*) FROM $table")
    [ "$rows" -gt 0 ] || fail "nothing in $table to change"
    key=$(sqlite3 store.db "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('$table') WHERE pk > 0 ORDER BY pk)")
    # the first row and the last, by their keys
    for order in ASC DESC; do
        row="($key) = (SELECT $key FROM $table ORDER BY ${key//,/ $order,} $order LIMIT 1)"
        while IFS='|' read -r column type; do
            case $type in
                INTEGER) value="coalesce($column, 0) + 1" other="coalesce($column, 0) + 1000" ;;
                TEXT) value="coalesce($column, '') || 'x'" other="'x'" ;;
                BLOB) value="coalesce(zeroblob(length($column)), zeroblob(32))" other="x'00'" ;;
            esac
            [ "$table.$column" != Requests.Disposition ] || value="32 - $column"
            if tampered "UPDATE $table SET $column = $value WHERE $row" "$name" ||
                tampered "UPDATE $table SET $column = $other WHERE $row" "$name"; then
                columns=$((columns + 1))
            else
                [ "$table.$column" = AuditHead.Only ] || fail "$table.$column was not changed: $(cat refused)"
            fi
        done < <(sqlite3 store.db "SELECT name, type FROM pragma_table_info('$table')")
        tampered "DELETE FROM $table WHERE $row" "$name" || fail "no row of $table was removed: $(cat refused)"
    done
    # the first row once more, under another key
    last=${key##*,}
    rest=$(sqlite3 store.db "SELECT group_concat(CASE name WHEN '$last' THEN 'new' ELSE name END)
        FROM pragma_table_info('$table')")
    case $table in
        Settings) tampered "INSERT INTO Settings VALUES ('x', 'y')" "$name" ;;
        Authorities) tampered 'INSERT INTO Authorities SELECT 9, IsOwn, CertificateID FROM Authorities' "$name" ;;
        Agents) tampered 'INSERT INTO Agents SELECT CertificateID, 1, NULL FROM Authorities LIMIT 1' "$name" ;;
        Certificates) tampered "INSERT INTO Certificates VALUES (99, zeroblob(20), zeroblob(32), x'3000')" "$name" ;;
        Chains) tampered 'INSERT INTO Chains VALUES (99, zeroblob(32))' "$name" ;;
        Inputs) tampered "INSERT INTO Inputs (RunID, Position, Name) VALUES (1, 99, 'x')" "$name" ;;
        AuditHead) ;; # there is room for one
        *) tampered "INSERT INTO $table SELECT ${rest/new/max.new + 1000} FROM $table,
            (SELECT max($last) AS new FROM $table) AS max ORDER BY $key LIMIT 1" "$name" ;;
    esac || fail "no row of $table was inserted: $(cat refused)"
    # two rows change places
    case $table in
        Tokens | CertificateTokens | AuditHead | Settings) continue ;; # where places mean nothing
    esac
    [ "$rows" -gt 1 ] || continue
    read -r -d '' exchange <<SQL || true
        CREATE TEMP TABLE two AS SELECT rank() OVER (ORDER BY ${key//,/ DESC,} DESC) AS place, $last AS at, * FROM $table
            ORDER BY place LIMIT 2;
        UPDATE $table SET $last = -7 WHERE ($key) = (SELECT $key FROM two WHERE place = 1);
        UPDATE $table SET $last = (SELECT at FROM two WHERE place = 1) WHERE ($key) = (SELECT $key FROM two WHERE place = 2);
        UPDATE $table SET $last = (SELECT at FROM two WHERE place = 2) WHERE $last = -7
SQL
    tampered "$exchange" "$name" || fail "no rows of $table changed places: $(cat refused)"
done <tables
[ "$columns" -gt 200 ] || fail "only $columns changes were made"

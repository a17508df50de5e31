#!/usr/bin/env bash
# What the disk and the store may do to a run: full, read-only, of another schema version, in use.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
make_user ca jo ec
make_pfx jo secret
for i in $(seq 40); do
    make_certificate ca u$i "/CN=u$i" 'keyUsage=critical,keyEncipherment' ec
    make_pfx u$i secret
done
export KEYFERRY_STORE=store.db
password=(--password pass:secret)
expect 0 init --ca ca.p12 --capass pass:ca-secret --kra agent.pem
expect 0 import "${password[@]}" jo.pfx

# a full disk (a limit of file size): a clear line, nothing half imported, and the rest the next time
rows() { "$KEYFERRY" list --json | wc -l; }
size=$(($(stat -c %s store.db) / 1024))
(
    ulimit -f $((size + 4))
    kf import "${password[@]}" u*.pfx
    equal "$code" 1 'exit code on a full disk'
    has_err '^keyferry: |^u[0-9]+\.pfx: '
)
equal "$(rows)" 1 'rows after a full disk'
expect 0 import "${password[@]}" u*.pfx
has_out '^archived +40$'
equal "$(rows)" 41 rows
(
    ulimit -f 1
    expect 1 getkey jo -o jo.rec --capass pass:ca-secret
    one_line_err
)
[ ! -e jo.rec ] || fail 'half of jo.rec is there'
(
    ulimit -f 8 # the blob fits, its entry in the audit trail does not
    expect 1 getkey jo -o jo.rec --capass pass:ca-secret
    one_line_err
)
[ ! -e jo.rec ] || fail 'a key was handed out without an entry, on a full disk'
equal "$(find . -name '.*rec*' | wc -l)" 0 'temporary files'

# another process that writes, for longer than the 30 s that are waited
if command -v sqlite3 >tool; then
    mkfifo lock
    sqlite3 store.db <lock >held &
    exec 9>lock
    printf "BEGIN IMMEDIATE; SELECT 'held';\n" >&9
    until [ -s held ]; do sleep 0.1; done
    expect 1 getkey jo -o jo.rec --capass pass:ca-secret
    has_err 'locked|busy|in use|other process|another process'
    [ ! -e jo.rec ] || fail 'a key was handed out without an entry, while another process wrote'
    exec 9>&-
    wait
fi

# folders that take nothing
expect 1 getkey jo -o no-folder/jo.rec --capass pass:ca-secret
one_line_err
expect 1 getkey jo -o /proc/jo.rec --capass pass:ca-secret
one_line_err
expect 0 getkey jo -o jo.rec --capass pass:ca-secret
expect 1 recoverkey jo.rec -o /proc/jo.pfx --key agent.key --outpass pass:x
one_line_err
expect 1 getkey jo --all /proc/folder --capass pass:ca-secret
one_line_err
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed
    cp store.db closed/
    chmod 400 closed/store.db
    chmod 500 closed
    expect 1 list -s closed/store.db # SQLite's log needs a place beside it
    one_line_err
    expect 1 import -s closed/store.db "${password[@]}" jo.pfx
    one_line_err
    expect 1 setreg -s closed/store.db KRACertCount 1
    one_line_err
    expect 1 getkey -s closed/store.db jo -o not.rec --cakey ca.p12 --capass pass:ca-secret
    one_line_err
    chmod 700 closed
    expect 1 getkey -s closed/store.db jo -o not.rec --cakey ca.p12 --capass pass:ca-secret
    one_line_err
    [ ! -e not.rec ] || fail 'a key was handed out without an entry, from a read-only store'
    chmod 000 u1.pfx
    expect 2 import "${password[@]}" u1.pfx u2.pfx
    has_err '^u1\.pfx: .*Permission denied'
fi

# a store of another schema version, one that is none, one that is damaged
if command -v sqlite3 >tool; then
    cp store.db newer.db
    sqlite3 newer.db 'PRAGMA user_version = 99' >tool
    for command in list 'import x.pfx' 'getkey x' 'kra list' getreg; do
        # shellcheck disable=SC2086
        expect 78 $command -s newer.db
        one_line_err
    done
    sqlite3 other.db 'CREATE TABLE t (a); INSERT INTO t VALUES (1)'
    expect 78 list -s other.db
    one_line_err
fi
: >empty.db
expect 78 list -s empty.db
one_line_err
head -c 5000 store.db >short.db
kf list -s short.db
[ "$code" -eq 1 ] || [ "$code" -eq 78 ] || fail "exit code $code of a damaged store"
one_line_err
expect 78 list -s .
one_line_err
expect 1 list -s postgresql://localhost/archive
one_line_err

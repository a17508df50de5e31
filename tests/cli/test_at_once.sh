#!/usr/bin/env bash
# Several processes and one store: imports wait for each other and say so; a dry run keeps nobody waiting, and foresees
# what the run then does.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
command -v sqlite3 >tool || exit 77

make_ca ca
make_kra agent
make_certificate self signer /O=Example/CN=Signer 'keyUsage=critical,keyEncipherment,digitalSignature'
kms_begin export.xml signer 12
mkdir pfx
for i in $(seq 12); do
    make_user ca u$i ec
    make_pfx u$i secret
    mv u$i.pfx pfx/
    kms_user u$i
done
kms_end
export KEYFERRY_STORE=store.db
expect 0 init --ca ca.p12 --capass pass:ca-secret --kra agent.pem
options=(--password pass:secret --key signer.key -r)
summary() { grep -E '^(archived|known|refused|failed|skipped) ' "$1" | awk '{ printf "%s %s ", $1, $2 }'; }

# a dry run that is still at work, at an input that does not come, keeps nobody waiting
mkfifo slow
"$KEYFERRY" import -n "${options[@]}" pfx slow >dry.out 2>dry.err &
dry=$!
exec 7>slow
expect 0 import "${options[@]}" pfx/u1.pfx
silent_err
exec 7>&-
wait $dry || [ $? -eq 2 ] || fail "the dry run: $(cat dry.err)"

# a lock that another process holds: an import waits, says so, and goes on; a dry run does not wait
mkfifo lock_in
sqlite3 store.db <lock_in >lock.out 2>&1 &
lock=$!
exec 8>lock_in
echo "BEGIN IMMEDIATE; SELECT 'locked';" >&8
until grep -q locked lock.out; do sleep 0.05; done
expect 0 import -n "${options[@]}" pfx export.xml
no_err waiting
cp "$out" foreseen
"$KEYFERRY" import "${options[@]}" pfx export.xml >first.out 2>first.err &
first=$!
until grep -q 'waiting for another process' first.err; do
    sleep 0.1
    kill -0 $first 2>/dev/null || fail "an import did not wait: $(cat first.err)"
done
echo 'COMMIT;' >&8
exec 8>&-
wait $lock
wait $first || fail "the import that waited: $(cat first.err)"
equal "$(wc -l <first.err)" 1 'lines of the import that waited'
equal "$(summary first.out)" "$(summary foreseen)" 'what a dry run foresees'
equal "$(summary first.out)" 'archived 11 known 13 refused 0 failed 0 skipped 0 ' 'the import'

# one that waits ends when it is asked to
sqlite3 store.db <lock_in >lock.out 2>&1 &
lock=$!
exec 8>lock_in
echo "BEGIN IMMEDIATE; SELECT 'locked';" >&8
until grep -q locked lock.out; do sleep 0.05; done
"$KEYFERRY" import --overwrite "${options[@]}" pfx >stopped.out 2>stopped.err &
stopped=$!
until grep -q 'waiting for another process' stopped.err; do sleep 0.1; done
kill -TERM $stopped
code=0
wait $stopped || code=$?
equal "$code" 1 'exit code of an import that was stopped as it waited'
echo 'COMMIT;' >&8
exec 8>&-
wait $lock

# two at once: both end, nothing is there twice, and nothing is said
for round in 1 2 3; do
    rm -f store.db*
    expect 0 init --ca ca.p12 --capass pass:ca-secret --kra agent.pem
    "$KEYFERRY" import "${options[@]}" pfx export.xml >first.out 2>first.err &
    first=$!
    "$KEYFERRY" import "${options[@]}" export.xml pfx >second.out 2>second.err &
    second=$!
    wait $first || fail "the first of two: $(cat first.err)"
    wait $second || fail "the second of two: $(cat second.err)"
    equal "$(cat first.err second.err)" '' "what two runs said in round $round"
    equal "$(sqlite3 store.db 'SELECT count(*), count(DISTINCT CertificateSHA256), count(DISTINCT RequestID) FROM Requests')" \
        '12|12|12' 'rows of two runs'
    equal "$(sqlite3 store.db 'SELECT sum(Archived), sum(Known), count(Ended) FROM Runs')" '12|36|2' 'totals of two runs'
    expect 0 audit verify
done

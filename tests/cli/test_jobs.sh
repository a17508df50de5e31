#!/usr/bin/env bash
# Threads: the same input gives the same rows, outcomes, messages, report and audit trail whatever their
# number is. Only times, and what is sealed anew each time with what is computed from that, may differ.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || exit 77

users=60
make_ca ca
make_ca other
for agent in one two three; do make_kra $agent; done
make_certificate self signer /O=Example/CN=Signer 'keyUsage=critical,keyEncipherment,digitalSignature'
new_key shared.key ec
mkdir pfx
kms_begin export.xml signer $users
for ((i = 1; i <= users; i++)); do
    cp shared.key "user$i.key"
    if [ $((i % 7)) -eq 0 ]; then make_user other "user$i" ec; else make_user ca "user$i" ec; fi
    if [ $((i % 3)) -eq 0 ]; then
        make_pfx "user$i" "$([ $((i % 5)) -eq 0 ] && echo unknown || echo secret)"
        mv "user$i.pfx" pfx/
    fi
    kms_user "user$i"
done
kms_end
head -c 300 pfx/user3.pfx >pfx/cut.pfx
printf 'no archive' >pfx/text.pfx
export P=ca-secret
expect 0 init -s empty.db --ca ca.p12 --capass env:P --kra one.pem --kra two.pem --kra three.pem
expect 0 setreg -s empty.db KRACertCount 2 # so that the agents' turns matter

# Every column of every table, but for those.
dump() { # STORE
    local table columns
    for table in $(sqlite3 "$1" "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"); do
        case $table in AuditHead) continue ;; esac
        columns=$(sqlite3 "$1" "SELECT group_concat('quote(' || name || ')', '||'',''||')
            FROM pragma_table_info('$table') WHERE name NOT IN ('SubmittedWhen', 'ResolvedWhen', 'Started', 'Ended',
            'Added', 'RawArchivedKey', 'RowHash', 'Entry', 'Leaf', 'Link')")
        sqlite3 "$1" "SELECT '$table ' || $columns FROM $table"
    done
    # the trail, without its times and the hashes of what was sealed
    sqlite3 "$1" 'SELECT Entry FROM Audit ORDER BY Sequence' |
        sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g; s/\b[0-9a-f]{64}\b/HASH/g; s/ (started|added)=[0-9]+/ \1=TIME/'
}

for jobs in 1 2 3 8; do
    cp empty.db "jobs$jobs.db"
    kf import -s "jobs$jobs.db" -r -j $jobs --json --key signer.key --password pass:secret export.xml pfx
    equal "$code" 2 "exit code of $jobs threads"
    # a second run, in which everything is known or fails again
    mv "$out" "jobs$jobs.out"
    mv "$err" "jobs$jobs.err"
    kf import -s "jobs$jobs.db" -f -r -j $jobs --key signer.key --password pass:secret pfx
    cat "$err" >>"jobs$jobs.err"
    sed -i -E 's/"seconds":[^,}]*//' "jobs$jobs.out"
    expect 0 audit verify -s "jobs$jobs.db"
    expect 0 report -s "jobs$jobs.db" 1 -o "jobs$jobs.csv"
    dump "jobs$jobs.db" >"jobs$jobs.dump"
    for what in dump out err csv; do
        diff -u jobs1.$what "jobs$jobs.$what" >&2 || fail "$jobs threads: another $what than one thread"
    done
done

# candidates that other threads move to the front while a file is being tried lose no key
mkdir many
make_user ca odd ec
make_user ca even ec
make_pfx odd first
make_pfx even third
for ((i = 0; i < 60; i += 2)); do
    cp odd.pfx "many/$i.pfx"
    cp even.pfx "many/$((i + 1)).pfx"
done
printf '%s\n' first second third fourth >list
for ((i = 0; i < 5; i++)); do
    expect 0 import -s jobs8.db --dry-run -r -j 8 --passwords list many
    has_out '^failed +0 '
done

# the comparison compares something
[ "$(grep -c '^Requests ' jobs1.dump)" -ge 40 ] || fail 'there are hardly any rows'
[ "$(grep -c ' key-archived ' jobs1.dump)" -ge 40 ] || fail 'there is hardly any trail'
grep -q '"outcome":"failed"' jobs1.out || fail 'nothing failed'
grep -q '"outcome":"refused"' jobs1.out || fail 'nothing was refused'

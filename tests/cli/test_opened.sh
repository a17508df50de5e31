#!/usr/bin/env bash
# Which password opened a key: told by import, convert and reports, and never the password itself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca home
make_kra agent
for name in jo ann eve open; do make_user home $name ec; done
make_pfx jo 'hunter-second'
make_pfx ann 'hunter-third-ü'
make_pfx eve 'hunter-unknown'
make_pfx open ''
# a key of its own that anybody can read, and one behind the old encryption of PEM
run_openssl ec -in jo.key -aes256 -passout pass:hunter-second -out old.key
cp jo.pem old.pem
printf 'hunter-first\nhunter-second\nhunter-third-ü\n' >list
mkdir folder
cp jo.pfx folder/jo1.pfx
cp jo.pfx folder/jo2.pfx
cp ann.pfx folder/
export KEYFERRY_STORE=store.db
expect 0 init --ca home.p12 --capass pass:ca-secret --kra agent.pem

event_of() { # FILE: "password/encoding" of its key
    jq -r --arg input "$1" 'select(.event == "key" and .input == $input) | "\(.password)/\(.passwordEncoding)"' "${2:-$out}"
}

# JSON: by the line of the list and the encoding; none where nothing opened it
expect 2 import --dry-run --json --passwords list jo.pfx ann.pfx eve.pfx open.pfx old.key
cp "$out" dry
equal "$(event_of jo.pfx)" 'password 2 of list/as given' 'jo'
equal "$(event_of ann.pfx)" 'password 3 of list/as given' 'ann'
equal "$(event_of eve.pfx)" 'null/null' 'eve, whom none opens'
equal "$(event_of open.pfx)" 'the empty password/as given' 'open'
equal "$(event_of old.key)" 'password 2 of list/as given' 'old'
equal "$(jq -c 'select(.event == "summary").passwords[] | [.password, .inputs, .keys]' dry | tr -d '\n')" \
    '["password 2 of list",2,2]["password 3 of list",1,1]["the empty password",1,1]' 'the summary'
expect 0 import --dry-run --json --password pass:hunter-second jo.pfx
equal "$(event_of jo.pfx)" '--password 1/as given' 'jo by the only one'
equal "$(jq -c 'select(.event == "summary") | has("passwords")' "$out")" false 'a choice of one'
# one password is no choice: the summary for people is as ever
expect 0 import --dry-run -v --password pass:hunter-second jo.pfx
has_err '^jo\.pfx: key 1: archived; opened by --password 1, as given$'
no_out 'opened'
expect 0 import --dry-run --password pass:hunter-second jo.pfx
silent_err

# people: a line for each password that opened a file, where there was a choice
expect 2 import --dry-run --passwords list folder/jo1.pfx folder/jo2.pfx ann.pfx eve.pfx
has_out '^password 2 of list opened 2 files$'
has_out '^password 3 of list opened 1 file$'
no_out 'password 1 of'
no_err 'opened by'
expect 0 convert --to rec --kra agent.pem -o blobs -v --password pass:wrong --password pass:hunter-second jo.pfx
has_out '^--password 2 opened 1 file$'
has_err '; opened by --password 2, as given$'

# the store keeps it, also of a key that is refused, and all reports tell it
cp list "$work/a list, with a name.txt"
make_user home ann2 ec
expect 2 import --passwords 'a list, with a name.txt' jo.pfx ann.pfx open.pfx eve.pfx --report run.jsonl --report run.csv --report run.html
expect 0 report 1
equal "$(event_of jo.pfx)" 'password 2 of a list, with a name.txt/as given' 'jo in the report'
equal "$(event_of eve.pfx)" 'null/null' 'eve in the report'
head -n 1 run.csv | grep -q ',password,passwordEncoding,' || fail 'run.csv lacks the columns'
grep -q '"password 3 of a list, with a name.txt",as given,' run.csv || fail 'run.csv lacks ann'"'"'s password'
grep -q 'the password that opened them' run.html || fail 'the page lacks the table'
grep -q 'password 2 of a list, with a name.txt' run.html || fail 'the page lacks the password'
# without passwords, no table
rm eve.pfx
expect 0 import --dry-run old.pem --report none.html
! grep -q 'the password that opened' none.html || fail 'the page has a table of no passwords'

# never a password: in no output, no report, and not in the store
expect 0 inspect --json --passwords list jo.pfx ann.pfx
cp "$out" inspected
for file in dry run.jsonl run.csv run.html inspected store.db* blobs/*; do
    ! grep -aq 'hunter' "$file" || fail "$file has a password"
done

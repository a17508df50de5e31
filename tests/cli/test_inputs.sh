#!/usr/bin/env bash
# Inputs: files, folders, lists, manifests, standard input; their order, and what costs its own entry.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_kra agent
for name in a b c; do
    make_user ca $name ec
    make_pfx $name "secret $name"
done
make_user ca jo
kms_begin export.xml ca 1
kms_user jo
kms_end
expect 0 init --ca ca.p12 --capass pass:ca-secret --kra agent.pem
passwords=(--passwords candidates)
printf 'secret %s\n' a b c >candidates

told() { # the inputs of the last run in their order, one a line
    jq -r 'select(.event == "key") | .input + " " + .outcome' "$out"
}
dry() { # CODE OPTION...
    local want=$1
    shift
    expect "$want" import --dry-run --json "$@"
}

# a folder: all files below it by the bytes of their names, but .p7s; not without -r
mkdir -p tree/B tree/a/deep 'tree/with space'
cp a.pfx tree/B/z.pfx
cp b.pfx tree/a/deep/1.pfx
cp c.pfx 'tree/with space/ü.pfx'
cp a.pfx tree/Z.pfx
cp export.xml export.xml.p7s tree/
cp export.xml.p7s tree/OTHER.P7S
ln -s . tree/loop
ln -s ../b.pfx tree/link.pfx
ln -s nowhere tree/dangling
key=(--key ca.p12 --keypass pass:ca-secret)
dry 2 "${passwords[@]}" "${key[@]}" -r tree
equal "$(told)" 'tree/B/z.pfx archived
tree/Z.pfx known
tree/a/deep/1.pfx archived
tree/dangling failed
tree/export.xml archived
tree/link.pfx known
tree/loop failed
tree/with space/ü.pfx archived' 'the files of a folder'
dry 0 "${passwords[@]}" -r tree/a/ tree/B
equal "$(told)" 'tree/a/deep/1.pfx archived
tree/B/z.pfx archived' 'two folders'
expect 2 import "${passwords[@]}" tree a.pfx
has_err '^tree: is a folder \(-r takes the files in it\)$'
has_out '^archived +1$'
mkdir empty
expect 0 import -r empty
has_out '^seen +0  keys'

# a list: one path a line, also of folders; empty lines do not count
printf 'a.pfx\r\n\ntree/B\nnot-there.pfx\n@a.pfx\nc.pfx' >list
dry 2 "${passwords[@]}" -r @list b.pfx
equal "$(told)" 'a.pfx known
tree/B/z.pfx known
not-there.pfx failed
@a.pfx failed
c.pfx archived
b.pfx archived' 'the files of a list'
expect 2 import "${passwords[@]}" --dry-run @no-list b.pfx
has_err '^@no-list: '
has_out '^archived +1$'

# standard input, and a file whose name begins with a dash or an at sign
expect 0 import --dry-run --password 'pass:secret b' - <b.pfx
cp b.pfx ./-b.pfx
cp b.pfx ./@b.pfx
dry 0 "${passwords[@]}" -- ./-b.pfx ./@b.pfx
equal "$(told)" './-b.pfx archived
./@b.pfx known' 'odd names'

# a manifest: each file with its own password and key
cat >manifest.csv <<CSV
a.pfx,,secret a
"b.pfx",pfx,"secret b"
c.pfx,,pass:secret c
export.xml,kms,,ca.p12,ca-secret
CSV
dry 0 --manifest manifest.csv
equal "$(told)" 'a.pfx known
b.pfx archived
c.pfx archived
export.xml archived' 'a manifest'
cp a.pfx 'odd, "name".pfx'
P="secret b" dry 0 --manifest <(printf '\xef\xbb\xbfpassword,path\r\nsecret a,"odd, ""name"".pfx"\r\nenv:P,b.pfx\r\n')
equal "$(told)" 'odd, "name".pfx known
b.pfx archived' 'columns by name'
# operands come after it, with the passwords by option
dry 0 --manifest manifest.csv --password 'pass:secret a' a.pfx
equal "$(told  | tail -n 1)" 'a.pfx known' 'operands'
# wrong records cost their own entry, and name their line
cat >broken.csv <<CSV
a.pfx,,secret a
b.pfx,,"secret" b
,pfx,x
a,b,c,d,e,f
tree,,
c.pfx,nonsense,secret c
c.pfx,,wrong
c.pfx,,file:not-there
not-there.pfx
c.pfx,,secret c
"never closed
CSV
expect 2 import --dry-run --manifest broken.csv
has_out '^archived +1$'
has_out '^known +1 '
has_out '^failed +9 '
has_err '^broken\.csv:2: broken CSV record \(RFC 4180 2\)$'
has_err '^broken\.csv:3: has no path$'
has_err '^broken\.csv:4: has 6 columns, at most 5 are expected$'
has_err '^tree: is a folder; a manifest names files$'
has_err '^c\.pfx: there is no format nonsense'
has_err '^not-there\.pfx: '
has_err '^broken\.csv:11: broken CSV record'
no_err 'wrong$'
no_err 'secret'
expect 1 import --manifest not-there.csv
one_line_err
printf 'path,secret\n' >header.csv
expect 2 import --manifest header.csv
has_err 'columns are path, format, password, key, keypass'

# many: the names are walked, not opened at once
mkdir many
for i in $(seq 300); do : >"many/$i.pfx"; done
(
    ulimit -n 40
    expect 2 import -r many
    has_out '^failed +300 '
)

# an import that is killed by a signal keeps what it committed, and goes on with --resume
rm -f keyferry.db*
expect 0 init --ca ca.p12 --capass pass:ca-secret --kra agent.pem
mkfifo pipe
expect 0 import "${passwords[@]}" a.pfx
"$KEYFERRY" import "${passwords[@]}" b.pfx pipe c.pfx >"$work/out" 2>"$work/err" &
pid=$!
exec 7>pipe
kill -TERM $pid
sleep 0.3
exec 7>&-
code=0
wait $pid || code=$?
equal "$code" 1 'exit code of a run that was stopped'
has_err 'stopped by a signal'
rm pipe
: >pipe
expect 2 import --resume "${passwords[@]}" b.pfx pipe c.pfx
no_err 'no unfinished run'
has_out '^seen +3  keys'
equal "$("$KEYFERRY" list --json | jq -r .commonName)" 'a
b
c' 'the rows after all'

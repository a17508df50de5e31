#!/usr/bin/env bash
# Help, version, and what wrong usage gets: exit 64, one line on stderr, and where to read on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

# without a word: short help on stderr
expect 64
silent_out
same_as_golden "$err" usage-nothing.txt

# every way to ask for help gives the same
expect 0 help
silent_err
same_as_golden "$out" help.txt
cp "$out" help
for word in --help -h; do
    expect 0 "$word"
    cmp -s "$out" help || fail "keyferry $word differs from keyferry help"
done

# each command has help, named in the overview, by three spellings
commands=$(sed -n '/^Commands:/,/^What the words/s/^  \([a-z]*\) .*/\1/p' help)
[ "$(wc -w <<<"$commands")" -ge 2 ] || fail "no commands in the overview"
for command in $commands; do
    expect 0 help "$command"
    same_as_golden "$out" "help-$command.txt"
    cp "$out" help-one
    awk 'length > 79 { print FILENAME ": too long: " $0; bad = 1 } END { exit bad }' help-one ||
        fail "help $command does not fit 80 columns"
    for word in --help -h; do
        expect 0 "$command" "$word"
        cmp -s "$out" help-one || fail "$command $word differs from help $command"
    done
    expect 64 "$command" --no-such-option
    silent_out
    one_line_err
    has_err "^keyferry: $command: unknown option --no-such-option \\(see: keyferry help $command\\)\$"
    expect 64 "$command" -Z
    has_err "^keyferry: $command: unknown option -Z"
    expect 64 "$command" --no-input=yes
    has_err 'takes no value'
done

expect 0 version
same_as_golden "$out" version.txt
expect 0 --version
same_as_golden "$out" version.txt
expect 64 version 3
one_line_err

expect 64 improt x
has_err '^keyferry: unknown command improt \(see: keyferry help\)$'
expect 64 help improt
has_err 'there is no command improt'
expect 64 help help version
has_err 'one command at a time'
expect 64 -x
has_err 'unknown command -x'

# what a terminal would act on is shown, not sent
expect 64 $'im\e[31mport\xe2\x80\xae\xff'
has_err 'unknown command im\\u\{1b\}\[31mport\\u\{202e\}\\x\{ff\}'

# results that cannot be written are a failure
code=0
"$KEYFERRY" help >/dev/full 2>"$work/err" || code=$?
equal "$code" 1 'exit code with a full disk as stdout'
has_err 'cannot write to standard output: No space left'

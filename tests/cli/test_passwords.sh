#!/usr/bin/env bash
# Where passwords come from: every source, what is read of it, what is left of it, and the terminal.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

make_ca ca
make_user ca jo ec
make_user ca ann ec
make_pfx jo 'pass word'
make_pfx ann other
good() { # OPTION...: jo.pfx opens
    expect 0 inspect "$@" jo.pfx
    has_out 'keyReadable: yes'
}

# the five sources
good --password 'pass:pass word'
good '--password=pass:pass word'
P='pass word' good --password env:P
printf 'pass word\nnever read\n' >file
good --password file:file
printf 'pass word\r\n' >crlf
good --password file:crlf
printf 'pass word' >no-newline
good --password file:no-newline
good --password fd:5 5<file
good --password stdin <file

# what follows a line stays there: an input, or the next password
{
    printf 'pass word\n'
    cat jo.pfx
} >both
expect 0 inspect --password stdin - <both
has_out 'keyReadable: yes'
printf 'other\npass word\n' >two
good --password file:two --password file:two
good --password stdin --password stdin <two
expect 77 inspect --password file:two jo.pfx
expect 77 inspect --password file:file --password file:file --password file:file jo.pfx
has_err 'file:file has no \(further\) password'
# the same variable may be named twice
P='pass word' good --password env:P --password env:P

# keys: each --keypass follows its --key; they are read before --password
run_openssl pkcs8 -topk8 -in jo.key -out locked.key -passout pass:k1 -v2 aes-256-cbc
printf 'k1\npass word\n' >three
good --password stdin --key locked.key --keypass stdin <three
good --key locked.key --keypass file:three --password file:three
expect 77 inspect --key locked.key --keypass pass:wrong --password 'pass:pass word' jo.pfx
one_line_err

# candidates: one a line, the empty one too; the first that fits is taken
printf 'wrong\n\npass word\r\nother\n' >candidates
good --passwords candidates
expect 0 inspect --passwords candidates jo.pfx ann.pfx
equal "$(grep -c 'keyReadable: yes' "$out")" 2 'keys that opened by a candidate'
printf '\xef\xbb\xbfpass word\n' >marked
good --passwords marked
make_pfx ann ''
expect 0 inspect --passwords candidates ann.pfx
has_out 'keyReadable: yes'
expect 1 inspect --passwords not-there jo.pfx
one_line_err
head -c 5000 /dev/zero | tr '\0' x >long
expect 1 inspect --passwords long jo.pfx
has_err 'password 1 of long is longer than 4096 bytes'

# what cannot be had is 77, what is no source is 64; the text is never shown
expect 77 inspect --password file:not-there jo.pfx
one_line_err
has_err 'not-there: No such file'
: >empty
expect 77 inspect --password file:empty jo.pfx
has_err 'file:empty has no \(further\) password'
expect 77 inspect --password env:NOT_SET_ANYWHERE jo.pfx
has_err 'has no variable NOT_SET_ANYWHERE'
expect 77 inspect --password fd:9 jo.pfx
one_line_err
expect 77 inspect --password file:long jo.pfx
has_err 'longer than 4096 bytes'
expect 64 inspect --password hunter2 jo.pfx
has_err 'a password source is pass:TEXT'
no_err hunter2
no_out hunter2
expect 64 inspect --password fd:x jo.pfx
expect 77 inspect --password 'pass:wr0ng-one' jo.pfx
no_err wr0ng
no_out wr0ng

# gone from the argument list and from the environment while it runs: it waits for its input in a pipe
mkfifo pipe
if [ -r /proc/self/cmdline ] && [ "$(id -u)" -eq 0 ]; then
    SECRET_VARIABLE=env-secret "$KEYFERRY" inspect --password pass:argument-secret \
        --password env:SECRET_VARIABLE - <pipe >"$work/out" 2>"$work/err" &
    pid=$!
    exec 7>pipe
    for _ in $(seq 100); do
        # an empty argument list: the program has not begun
        tr '\0' ' ' <"/proc/$pid/cmdline" >cmdline
        if grep -q 'pass:' cmdline && ! grep -q argument-secret cmdline; then break; fi
        sleep 0.05
    done
    tr '\0' '\n' <"/proc/$pid/environ" >environ || true
    exec 7>&-
    wait "$pid" || true
    grep -q 'pass:' cmdline || fail 'the argument list was not seen'
    ! grep -q argument-secret cmdline || fail 'the password stays in the argument list'
    ! grep -q env-secret environ || fail 'the password stays in the environment'
fi

# the terminal: asked where nothing was given, without echo, again where it is wrong, not with --no-input
if command -v script >tool; then
    on_terminal() { # ANSWERS COMMAND...: each answer once the prompt for it is there
        local answers=$1 code=0
        shift
        rm -f typed asked
        mkfifo typed
        {
            exec 8>typed
            local count=0 answer
            while IFS= read -r answer; do
                count=$((count + 1))
                for _ in $(seq 200); do
                    [ "$(grep -o 'password[^:]*: \|digits[^:]*: ' asked 2>/dev/null | wc -l)" -lt "$count" ] || break
                    sleep 0.05
                done
                printf '%s\n' "$answer" >&8
            done <<<"$answers"
            for _ in $(seq 200); do
                [ ! -e ended ] || break
                sleep 0.05
            done
            exec 8>&-
        } &
        NO_COLOR=1 script -qefc "$*; code=\$?; touch ended; exit \$code" asked <typed >"$work/out" 2>"$work/err" || code=$?
        wait
        rm -f ended
        terminal_code=$code
    }
    on_terminal 'pass word' "'$KEYFERRY' inspect jo.pfx"
    equal "$terminal_code" 0 'exit code after a password that was typed'
    has_out 'password of jo\.pfx: '
    has_out 'keyReadable: yes'
    no_out 'pass word'
    on_terminal 'wrong
pass word' "'$KEYFERRY' inspect jo.pfx; stty -a"
    has_out 'jo\.pfx does not open with this password'
    has_out 'keyReadable: yes'
    has_out ' echo '
    on_terminal k1 "'$KEYFERRY' inspect --key locked.key --password 'pass:pass word' jo.pfx"
    has_out 'password of the key \(locked\.key\): '
    has_out 'keyReadable: yes'
    on_terminal '' "'$KEYFERRY' inspect --no-input jo.pfx"
    no_out 'password of'
    has_out 'keyReadable: no'
fi

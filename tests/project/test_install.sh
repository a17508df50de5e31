#!/usr/bin/env bash
# What `cmake --install` puts down works: a program of ten lines is built against it and run, and the
# installed keyferry tells its version.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$KEYFERRY_BUILD" --prefix "$work/usr" >"$work/log" || { cat "$work/log"; exit 1; }

cat >"$work/consumer.c" <<'END'
#include "core/bytes.h"
#include "crypto/crypto.h"
#include "readers/formats.h"
#include <stdio.h>

int main(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_crypto *crypto = NULL;

    if (kf_crypto_open(&crypto, &error) != KF_OK)
        return 1;
    for (const struct kf_reader_ops *const *reader = kf_readers(); *reader != NULL; reader++)
        (void)printf("reads %s\n", (*reader)->name);
    kf_crypto_close(crypto);
    return 0;
}
END
package=$(find "$work/usr" -name keyferry.pc)
[ -n "$package" ] || { echo "no keyferry.pc was installed"; exit 1; }
export PKG_CONFIG_PATH=${package%/*}
read -ra flags <<<"$(pkg-config --cflags --libs keyferry)"
"${CC:-cc}" -std=c11 -o "$work/consumer" "$work/consumer.c" "${flags[@]}"
"$work/consumer" >"$work/out"
grep -qx 'reads kms' "$work/out"
grep -qx 'reads pfx' "$work/out"

"$work/usr/bin/keyferry" version | grep -qF "$(pkg-config --modversion keyferry)"
[ -s "$work/usr/share/man/man1/keyferry.1" ]

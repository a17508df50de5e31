/*
 * Folding: see fold.h. By the simple case mappings of Unicode.
 */
#include "store/fold.h"

#include <stdint.h>

/* The lowercase of a letter of two bytes, U+0080 to U+07FF; others stay. */
static unsigned fold_wide(unsigned c)
{
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if ((c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14a && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    switch (c) {
    case 0x178:
        return 0xff;
    case 0x386:
        return 0x3ac;
    case 0x388:
    case 0x389:
    case 0x38a:
        return c + 37;
    case 0x38c:
        return 0x3cc;
    case 0x38e:
    case 0x38f:
        return c + 63;
    default:
        return c;
    }
}

unsigned kf_fold_next(const char **text, const char *end)
{
    const uint8_t *at = (const uint8_t *)*text;

    if (*text == end)
        return 0;
    if (at[0] >= 0xc2 && at[0] <= 0xdf && end - *text > 1 && (at[1] & 0xc0) == 0x80) {
        *text += 2;
        return fold_wide((at[0] & 0x1fu) << 6 | (at[1] & 0x3fu)) << 8;
    }
    *text += 1;
    return at[0] >= 'A' && at[0] <= 'Z' ? at[0] + 32u : at[0];
}

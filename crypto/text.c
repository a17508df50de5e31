/*
 * Password and name encodings: see text.h for the contract.
 */
#include "crypto/text.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

const char *kf_encoding_name(enum kf_encoding encoding)
{
    static const char *const names[KF_ENCODING_COUNT] = {
        [KF_ENCODING_BMP] = "UTF-16",
        [KF_ENCODING_WIDENED] = "byte-widened",
        [KF_ENCODING_RAW] = "as given",
        [KF_ENCODING_LATIN1] = "Latin-1",
        [KF_ENCODING_FROM_LATIN1] = "UTF-8 from Latin-1",
        [KF_ENCODING_EMPTY] = "empty",
        [KF_ENCODING_NONE] = "none",
        [KF_ENCODING_BMP_CUT] = "UTF-16 up to the first NUL",
        [KF_ENCODING_RAW_CUT] = "up to the first NUL",
        [KF_ENCODING_WIDENED_UTF8] = "byte-widened, from Latin-1",
    };
    return names[encoding];
}

const enum kf_encoding *kf_encoding_order(bool bmp, size_t *likely, size_t *count)
{
    static const enum kf_encoding for_bmp[] = {
        KF_ENCODING_BMP,   KF_ENCODING_WIDENED, KF_ENCODING_NONE,
        KF_ENCODING_EMPTY, KF_ENCODING_BMP_CUT, KF_ENCODING_WIDENED_UTF8,
    };
    static const enum kf_encoding for_raw[] = {
        KF_ENCODING_RAW, KF_ENCODING_LATIN1,  KF_ENCODING_FROM_LATIN1,
        KF_ENCODING_BMP, KF_ENCODING_RAW_CUT, KF_ENCODING_WIDENED,
    };

    *likely = bmp ? 4 : 3;
    *count = bmp ? sizeof(for_bmp) / sizeof(for_bmp[0]) : sizeof(for_raw) / sizeof(for_raw[0]);
    return bmp ? for_bmp : for_raw;
}

/* Takes one code point from UTF-8; false for what is not well-formed. */
static bool utf8_next(struct kf_slice *text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = text->data[0];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? first : first & (0x3fu >> more);

    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || text->len <= more)
        return false;
    for (size_t i = 1; i <= more; i++) {
        if ((text->data[i] & 0xc0) != 0x80)
            return false;
        value = value << 6 | (text->data[i] & 0x3f);
    }
    if (value < least[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return false;
    text->data += more + 1;
    text->len -= more + 1;
    *out = value;
    return true;
}

bool kf_utf8_valid(struct kf_slice text)
{
    uint32_t point;

    while (text.len != 0) {
        if (!utf8_next(&text, &point))
            return false;
    }
    return true;
}

static bool is_ascii(struct kf_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x80)
            return false;
    }
    return true;
}

static enum kf_status put_unit(struct kf_buf *out, uint32_t unit, struct kf_error *error)
{
    const uint8_t bytes[2] = {(uint8_t)(unit >> 8), (uint8_t)unit};

    return kf_buf_append(out, bytes, sizeof(bytes), error);
}

static enum kf_status put_utf8(struct kf_buf *out, uint32_t point, struct kf_error *error)
{
    uint8_t bytes[4];
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    enum kf_status status;

    for (size_t i = len; i-- > 1;) {
        bytes[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    bytes[0] = (uint8_t)(len == 1 ? point : ((0xf00u >> len) & 0xff) | point);
    status = kf_buf_append(out, bytes, len, error);
    kf_wipe(bytes, sizeof(bytes));
    return status;
}

/* Appends UTF-16BE; text is valid UTF-8 */
static enum kf_status append_bmp(struct kf_slice text, struct kf_buf *out, struct kf_error *error)
{
    uint32_t point = 0;
    enum kf_status status = KF_OK;

    while (text.len != 0 && status == KF_OK) {
        if (!utf8_next(&text, &point))
            return KF_END;
        if (point < 0x10000) {
            status = put_unit(out, point, error);
            continue;
        }
        point -= 0x10000;
        status = put_unit(out, 0xd800 + (point >> 10), error);
        if (status == KF_OK)
            status = put_unit(out, 0xdc00 + (point & 0x3ff), error);
    }
    return status;
}

static enum kf_status append_widened(struct kf_slice text, struct kf_buf *out,
                                     struct kf_error *error)
{
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < text.len && status == KF_OK; i++)
        status = put_unit(out, text.data[i], error);
    return status;
}

static enum kf_status append_latin1(struct kf_slice text, struct kf_buf *out,
                                    struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (text.len != 0 && status == KF_OK) {
        uint32_t point;
        uint8_t byte;

        if (!utf8_next(&text, &point) || point > 0xff)
            return KF_END;
        byte = (uint8_t)point;
        status = kf_buf_append(out, &byte, 1, error);
    }
    return status;
}

static enum kf_status append_from_latin1(struct kf_slice text, struct kf_buf *out,
                                         struct kf_error *error)
{
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < text.len && status == KF_OK; i++)
        status = put_utf8(out, text.data[i], error);
    return status;
}

static enum kf_status append_widened_utf8(struct kf_slice text, struct kf_buf *out,
                                          struct kf_error *error)
{
    struct kf_buf utf8 = KF_SECRET_BUF;
    enum kf_status status = append_from_latin1(text, &utf8, error);

    if (status == KF_OK)
        status = append_widened(kf_buf_slice(&utf8), out, error);
    kf_buf_reset(&utf8);
    return status;
}

static struct kf_slice cut(struct kf_slice text)
{
    const uint8_t *zero = text.len != 0 ? memchr(text.data, 0, text.len) : NULL;

    if (zero != NULL)
        text.len = (size_t)(zero - text.data);
    return text;
}

/* Whether the encoding says anything that the ones before it in the order do not */
static bool applies(enum kf_encoding encoding, bool bmp, struct kf_slice password, bool is_null)
{
    bool utf8 = kf_utf8_valid(password);
    bool ascii = is_ascii(password);
    bool has_nul = cut(password).len != password.len;

    if (is_null)
        return encoding == KF_ENCODING_NONE || encoding == KF_ENCODING_EMPTY ||
               (encoding == KF_ENCODING_RAW && !bmp);
    switch (encoding) {
    case KF_ENCODING_BMP:
        return utf8;
    case KF_ENCODING_WIDENED:
        return !ascii;
    case KF_ENCODING_RAW:
        return !bmp;
    case KF_ENCODING_LATIN1:
        return utf8 && !ascii;
    case KF_ENCODING_FROM_LATIN1:
    case KF_ENCODING_WIDENED_UTF8:
        return !utf8;
    case KF_ENCODING_NONE:
        return bmp && password.len == 0;
    case KF_ENCODING_BMP_CUT:
        return utf8 && has_nul;
    case KF_ENCODING_RAW_CUT:
        return has_nul;
    case KF_ENCODING_EMPTY:
        break;
    }
    return false;
}

static enum kf_status append(enum kf_encoding encoding, struct kf_slice password,
                             struct kf_buf *out, struct kf_error *error)
{
    switch (encoding) {
    case KF_ENCODING_BMP:
        return append_bmp(password, out, error);
    case KF_ENCODING_BMP_CUT:
        return append_bmp(cut(password), out, error);
    case KF_ENCODING_WIDENED:
        return append_widened(password, out, error);
    case KF_ENCODING_RAW:
        return kf_buf_append(out, password.data, password.len, error);
    case KF_ENCODING_RAW_CUT:
        return kf_buf_append(out, password.data, cut(password).len, error);
    case KF_ENCODING_LATIN1:
        return append_latin1(password, out, error);
    case KF_ENCODING_FROM_LATIN1:
        return append_from_latin1(password, out, error);
    case KF_ENCODING_WIDENED_UTF8:
        return append_widened_utf8(password, out, error);
    case KF_ENCODING_EMPTY:
    case KF_ENCODING_NONE:
        break;
    }
    return KF_OK;
}

enum kf_status kf_encoding_apply(enum kf_encoding encoding, bool bmp, struct kf_slice password,
                                 bool is_null, struct kf_buf *out, struct kf_error *error)
{
    enum kf_status status;
    bool terminated = encoding == KF_ENCODING_BMP || encoding == KF_ENCODING_WIDENED ||
                      encoding == KF_ENCODING_EMPTY || encoding == KF_ENCODING_BMP_CUT ||
                      encoding == KF_ENCODING_WIDENED_UTF8;

    kf_buf_clear(out);
    if (!applies(encoding, bmp, password, is_null))
        return KF_END;
    status = append(encoding, password, out, error);
    if (status == KF_OK && terminated)
        status = put_unit(out, 0, error);
    return status;
}

static char *finish(struct kf_buf *text, enum kf_status status)
{
    char *out = NULL;

    while (status == KF_OK && text->len != 0 && text->data[text->len - 1] == 0)
        text->len--;
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == 0)
            text->data[i] = ' ';
    }
    if (status == KF_OK)
        out = kf_strndup(text->data != NULL ? (const char *)text->data : "", text->len);
    kf_buf_reset(text);
    return out;
}

char *kf_text_from_bmp(struct kf_slice bmp)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    enum kf_status status = KF_OK;

    for (size_t i = 0; i + 1 < bmp.len && status == KF_OK; i += 2) {
        uint32_t point = (uint32_t)bmp.data[i] << 8 | bmp.data[i + 1];

        if (point >= 0xd800 && point < 0xdc00 && i + 3 < bmp.len &&
            (bmp.data[i + 2] & 0xfc) == 0xdc) {
            uint32_t low = (uint32_t)(bmp.data[i + 2] & 3) << 8 | bmp.data[i + 3];

            point = 0x10000 + ((point & 0x3ff) << 10) + low;
            i += 2;
        } else if (point >= 0xd800 && point < 0xe000) {
            point = REPLACEMENT;
        }
        status = put_utf8(&text, point, NULL);
    }
    return finish(&text, status);
}

char *kf_text_from_bytes(struct kf_slice bytes)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    enum kf_status status = kf_utf8_valid(bytes) ? kf_buf_append(&text, bytes.data, bytes.len, NULL)
                                                 : append_from_latin1(bytes, &text, NULL);

    return finish(&text, status);
}

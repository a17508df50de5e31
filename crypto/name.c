/*
 * Names and ASN.1 strings as text: see name.h and cert.h for the contract.
 *
 * RFC 5280 4.1.2.4 and RFC 4514 2, except that the order is as encoded reversed with ", " between,
 * and that an attribute without a short name keeps its value as text. T61String is read as Latin-1,
 * as everybody wrote it; BMPString as UTF-16, UniversalString as UTF-32. The strings that should be
 * ASCII are read as UTF-8 where they are valid UTF-8, and as Latin-1 where not.
 */
#include "crypto/name.h"

#include <stdlib.h>

#include "core/der.h"
#include "crypto/cert.h"
#include "crypto/oid.h"

enum {
    NUMERIC_STRING = 0x12,
    VIDEOTEX_STRING = 0x15,
    GRAPHIC_STRING = 0x19,
    VISIBLE_STRING = 0x1a,
    GENERAL_STRING = 0x1b,
    UNIVERSAL_STRING = 0x1c,
};

#define REPLACEMENT 0xfffdu

enum charset { CHARSET_NONE, CHARSET_UTF8, CHARSET_LATIN1, CHARSET_UTF16, CHARSET_UTF32 };

/* The longest text that one byte of any charset may become: U+FFFD, or "\00". */
#define TEXT_PER_BYTE 3

/* One code point of UTF-8 (RFC 3629 4); a byte that starts none counts as U+FFFD. */
static uint32_t next_utf8(struct kf_slice *in)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t lead = in->data[0];
    uint32_t point = lead;
    size_t more = lead < 0x80 ? 0 : lead < 0xc0 ? 4 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    size_t got = 0;

    if (more != 0 && more < 4 && lead < 0xf8) {
        point = lead & (0x3fu >> more);
        while (got < more && got + 1 < in->len && (in->data[got + 1] & 0xc0) == 0x80)
            point = point << 6 | (in->data[++got] & 0x3f);
    }
    if (got != more || point < least[more] || point > 0x10ffff ||
        (point >= 0xd800 && point < 0xe000)) {
        got = 0;
        point = REPLACEMENT;
    }
    in->data += got + 1;
    in->len -= got + 1;
    return point;
}

static uint32_t next_utf16(struct kf_slice *in)
{
    uint32_t point = REPLACEMENT;
    size_t used = in->len < 2 ? in->len : 2;

    if (in->len >= 2)
        point = (uint32_t)in->data[0] << 8 | in->data[1];
    if (in->len >= 4 && (point & 0xfc00) == 0xd800 && (in->data[2] & 0xfc) == 0xdc) {
        point = 0x10000 + ((point & 0x3ff) << 10 | (in->data[2] & 3u) << 8 | in->data[3]);
        used = 4;
    }
    in->data += used;
    in->len -= used;
    return point >= 0xd800 && point < 0xe000 ? REPLACEMENT : point;
}

static uint32_t next_utf32(struct kf_slice *in)
{
    uint32_t point = REPLACEMENT;
    size_t used = in->len < 4 ? in->len : 4;

    if (used == 4)
        point = (uint32_t)in->data[0] << 24 | (uint32_t)in->data[1] << 16 |
                (uint32_t)in->data[2] << 8 | in->data[3];
    in->data += used;
    in->len -= used;
    return point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? REPLACEMENT : point;
}

static uint32_t next_point(enum charset charset, struct kf_slice *in)
{
    switch (charset) {
    case CHARSET_UTF8:
        return next_utf8(in);
    case CHARSET_UTF16:
        return next_utf16(in);
    case CHARSET_UTF32:
        return next_utf32(in);
    case CHARSET_LATIN1:
    case CHARSET_NONE:
        break;
    }
    in->len--;
    return *in->data++;
}

/* U+FFFD may stand in the text itself: its own three bytes are told apart from a broken one. */
static bool is_utf8(struct kf_slice text)
{
    while (text.len != 0) {
        size_t before = text.len;

        if (next_utf8(&text) == REPLACEMENT && before - text.len != 3)
            return false;
    }
    return true;
}

static enum charset charset_of(uint8_t tag, struct kf_slice value)
{
    switch (tag) {
    case KF_DER_UTF8_STRING:
        return CHARSET_UTF8;
    case KF_DER_BMP_STRING:
        return CHARSET_UTF16;
    case UNIVERSAL_STRING:
        return CHARSET_UTF32;
    case KF_DER_T61_STRING:
    case VIDEOTEX_STRING:
        return CHARSET_LATIN1;
    case KF_DER_PRINTABLE_STRING:
    case KF_DER_IA5_STRING:
    case NUMERIC_STRING:
    case GRAPHIC_STRING:
    case VISIBLE_STRING:
    case GENERAL_STRING:
        return is_utf8(value) ? CHARSET_UTF8 : CHARSET_LATIN1;
    default:
        return CHARSET_NONE;
    }
}

static uint8_t *put_point(uint8_t *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (uint8_t)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (uint8_t)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *out++ = (uint8_t)(0xe0 | point >> 12);
        } else {
            *out++ = (uint8_t)(0xf0 | point >> 18);
            *out++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        }
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *out++ = (uint8_t)(0x80 | (point & 0x3f));
    return out;
}

/* RFC 4514 2.4 */
static uint8_t *put_quoted(uint8_t *out, uint32_t point, bool first, bool last)
{
    if (point == 0) {
        *out++ = '\\';
        *out++ = '0';
        *out++ = '0';
        return out;
    }
    if ((point < 0x80 && strchr("\"+,;<>\\", (int)point) != NULL) ||
        (point == ' ' && (first || last)) || (point == '#' && first))
        *out++ = '\\';
    return put_point(out, point);
}

static enum kf_status append_text(enum charset charset, struct kf_slice value, bool quoted,
                                  struct kf_buf *out, struct kf_error *error)
{
    size_t room;
    bool first = true;
    uint8_t *at;

    if (!kf_size_mul(value.len, TEXT_PER_BYTE, &room) || kf_buf_reserve(out, room, error) != KF_OK)
        return kf_fail_memory(error);
    at = out->data + out->len;
    while (value.len != 0) {
        uint32_t point = next_point(charset, &value);

        if (quoted)
            at = put_quoted(at, point, first, value.len == 0);
        else
            at = put_point(at, point != 0 ? point : REPLACEMENT);
        first = false;
    }
    out->len = (size_t)(at - out->data);
    return KF_OK;
}

enum kf_status kf_string_text(uint8_t tag, struct kf_slice value, char **out,
                              struct kf_error *error)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    enum charset charset = charset_of(tag, value);

    *out = NULL;
    if (charset == CHARSET_NONE || value.len == 0)
        return KF_OK;
    if (append_text(charset, value, false, &text, error) != KF_OK)
        return KF_FATAL;
    *out = kf_strndup(text.data, text.len);
    kf_buf_reset(&text);
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

static const struct {
    struct kf_slice oid;
    const char *name;
} short_names[] = {
#define NAMED(octets, text)                                                                        \
    {                                                                                              \
        {(const uint8_t *)(octets), sizeof(octets) - 1}, (text)                                    \
    }
    NAMED(KF_OID_COMMON_NAME, "CN"),
    NAMED("\x55\x04\x0b", "OU"),
    NAMED("\x55\x04\x0a", "O"),
    NAMED("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
    NAMED("\x55\x04\x06", "C"),
    NAMED("\x55\x04\x07", "L"),
    NAMED("\x55\x04\x08", "ST"),
    NAMED(KF_OID_EMAIL_ADDRESS, "E"),
    NAMED("\x55\x04\x09", "STREET"),
    NAMED("\x55\x04\x04", "SN"),
    NAMED("\x55\x04\x05", "SERIALNUMBER"),
    NAMED("\x55\x04\x0c", "T"),
    NAMED("\x55\x04\x0d", "Description"),
    NAMED("\x55\x04\x11", "PostalCode"),
    NAMED("\x55\x04\x12", "POBox"),
    NAMED("\x55\x04\x14", "Phone"),
    NAMED("\x55\x04\x2a", "G"),
    NAMED("\x55\x04\x2b", "I"),
    NAMED("\x55\x04\x2e", "dnQualifier"),
    NAMED("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID"),
#undef NAMED
};

static enum kf_status append_type(struct kf_slice oid, struct kf_buf *out, struct kf_error *error)
{
    for (size_t i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++) {
        if (kf_bytes_equal(short_names[i].oid, oid))
            return kf_buf_append(out, short_names[i].name, strlen(short_names[i].name), error);
    }
    return kf_oid_append(oid, out, error);
}

/* The next AttributeTypeAndValue. */
static bool next_attribute(struct kf_slice *set, struct kf_slice *oid, struct kf_tlv *value)
{
    struct kf_slice pair;

    return kf_der_get(set, KF_DER_SEQUENCE, &pair) && kf_der_get(&pair, KF_DER_OID, oid) &&
           kf_der_any(&pair, value) && kf_der_end(&pair);
}

static enum kf_status append_attribute(struct kf_slice oid, const struct kf_tlv *value,
                                       struct kf_buf *out, struct kf_error *error)
{
    enum charset charset = charset_of(value->tag, value->value);

    if (append_type(oid, out, error) != KF_OK || kf_buf_append(out, "=", 1, error) != KF_OK)
        return KF_FATAL;
    if (charset != CHARSET_NONE)
        return append_text(charset, value->value, true, out, error);
    if (kf_buf_append(out, "#", 1, error) != KF_OK)
        return KF_FATAL;
    return kf_hex_encode(out, value->whole, error);
}

static enum kf_status append_rdn(struct kf_slice set, struct kf_buf *out, struct kf_error *error)
{
    size_t start = out->len;
    struct kf_slice oid;
    struct kf_tlv value;

    while (!kf_der_end(&set)) {
        if (!next_attribute(&set, &oid, &value))
            return KF_SKIP;
        if (out->len != start && kf_buf_append(out, " + ", 3, error) != KF_OK)
            return KF_FATAL;
        if (append_attribute(oid, &value, out, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* How many relative names; false where there is something else among them. */
static bool count_rdns(struct kf_slice rdns, size_t *count)
{
    for (*count = 0; !kf_der_end(&rdns); (*count)++) {
        if (!kf_der_get(&rdns, KF_DER_SET, NULL))
            return false;
    }
    return true;
}

#define USUAL_RDNS 16

enum kf_status kf_name_append(struct kf_slice name, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice usual[USUAL_RDNS];
    struct kf_slice *sets = usual;
    struct kf_slice rdns;
    size_t count;
    size_t start = out->len;
    enum kf_status status = KF_OK;

    if (!kf_der_get(&name, KF_DER_SEQUENCE, &rdns) || !kf_der_end(&name) ||
        !count_rdns(rdns, &count))
        return KF_SKIP;
    if (count > USUAL_RDNS && (sets = calloc(count, sizeof(*sets))) == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < count && status == KF_OK; i++) {
        if (!kf_der_get(&rdns, KF_DER_SET, &sets[i]))
            status = KF_SKIP;
    }
    for (size_t i = count; i-- > 0 && status == KF_OK;) {
        if (sets[i].len == 0)
            continue; /* RFC 5280 forbids it, and it says nothing */
        if (out->len != start)
            status = kf_buf_append(out, ", ", 2, error);
        if (status == KF_OK)
            status = append_rdn(sets[i], out, error);
    }
    if (sets != usual)
        free(sets);
    return status;
}

char *kf_name_text(struct kf_slice name)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    char *copy = NULL;

    if (kf_name_append(name, &text, NULL) == KF_OK)
        copy = kf_strndup(text.data, text.len);
    kf_buf_reset(&text);
    return copy;
}

enum kf_status kf_name_find(struct kf_slice name, struct kf_slice oid, char **out,
                            struct kf_error *error)
{
    struct kf_tlv last = {.tag = 0};
    struct kf_slice rdns;
    struct kf_slice set;
    struct kf_slice type;
    struct kf_tlv value;

    *out = NULL;
    if (!kf_der_get(&name, KF_DER_SEQUENCE, &rdns))
        return KF_OK;
    while (kf_der_get(&rdns, KF_DER_SET, &set)) {
        while (next_attribute(&set, &type, &value)) {
            if (kf_bytes_equal(type, oid))
                last = value;
        }
    }
    return kf_string_text(last.tag, last.value, out, error);
}

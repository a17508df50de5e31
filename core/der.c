/*
 * The DER cursor and writer: see der.h for the contract and for what is refused.
 */
#include "core/der.h"

#include <string.h>

/* Reads tag and length; on success *header and *length are set and fit into the slice. */
static bool read_header(struct kf_slice in, size_t *header, size_t *length)
{
    size_t octets;

    if (in.len < 2 || (in.data[0] & 0x1f) == 0x1f)
        return false; /* multi-byte tags occur in none of our formats */
    *header = 2;
    *length = in.data[1];
    if (*length >= 0x80) {
        octets = *length & 0x7f;
        if (octets == 0 || octets > 4 || in.len < 2 + octets || in.data[2] == 0)
            return false;
        *length = 0;
        for (size_t i = 0; i < octets; i++)
            *length = *length << 8 | in.data[2 + i];
        if (*length < 0x80)
            return false; /* not minimal */
        *header = 2 + octets;
    }
    return *length <= in.len - *header;
}

bool kf_der_any(struct kf_slice *cursor, struct kf_tlv *out)
{
    size_t header;
    size_t length;

    if (!read_header(*cursor, &header, &length))
        return false;
    out->tag = cursor->data[0];
    out->value = (struct kf_slice){cursor->data + header, length};
    out->whole = (struct kf_slice){cursor->data, header + length};
    cursor->data += header + length;
    cursor->len -= header + length;
    return true;
}

uint8_t kf_der_peek(const struct kf_slice *cursor)
{
    return cursor->len == 0 ? 0 : cursor->data[0];
}

bool kf_der_get(struct kf_slice *cursor, uint8_t tag, struct kf_slice *value)
{
    struct kf_tlv tlv;

    if (kf_der_peek(cursor) != tag || !kf_der_any(cursor, &tlv))
        return false;
    if (value != NULL)
        *value = tlv.value;
    return true;
}

bool kf_der_optional(struct kf_slice *cursor, uint8_t tag, struct kf_slice *value)
{
    if (value != NULL)
        *value = (struct kf_slice){NULL, 0};
    return kf_der_peek(cursor) != tag || kf_der_get(cursor, tag, value);
}

bool kf_der_unsigned(struct kf_slice *cursor, struct kf_slice *magnitude)
{
    struct kf_slice at = *cursor;
    struct kf_slice value;

    if (!kf_der_get(&at, KF_DER_INTEGER, &value) || value.len == 0 || value.data[0] >= 0x80)
        return false;
    if (value.len > 1 && value.data[0] == 0 && value.data[1] < 0x80)
        return false; /* not minimal */
    if (value.data[0] == 0) {
        value.data++;
        value.len--;
    }
    *magnitude = value;
    *cursor = at;
    return true;
}

bool kf_der_uint(struct kf_slice *cursor, uint64_t max, uint64_t *out)
{
    struct kf_slice at = *cursor;
    struct kf_slice magnitude;
    uint64_t value = 0;

    if (!kf_der_unsigned(&at, &magnitude) || magnitude.len > sizeof(value))
        return false;
    for (size_t i = 0; i < magnitude.len; i++)
        value = value << 8 | magnitude.data[i];
    if (value > max)
        return false;
    *out = value;
    *cursor = at;
    return true;
}

bool kf_der_bytes(struct kf_slice *cursor, struct kf_slice *bytes)
{
    struct kf_slice at = *cursor;
    struct kf_slice value;

    if (!kf_der_get(&at, KF_DER_BIT_STRING, &value) || value.len == 0 || value.data[0] != 0)
        return false;
    *bytes = (struct kf_slice){value.data + 1, value.len - 1};
    *cursor = at;
    return true;
}

bool kf_der_algorithm(struct kf_slice *cursor, struct kf_slice *oid, struct kf_tlv *parameters)
{
    struct kf_slice at = *cursor;
    struct kf_slice sequence;

    *parameters = (struct kf_tlv){.tag = 0};
    if (!kf_der_get(&at, KF_DER_SEQUENCE, &sequence) || !kf_der_get(&sequence, KF_DER_OID, oid))
        return false;
    if (sequence.len != 0 && !kf_der_any(&sequence, parameters))
        return false;
    if (sequence.len != 0)
        return false;
    *cursor = at;
    return true;
}

bool kf_der_end(const struct kf_slice *cursor)
{
    return cursor->len == 0;
}

bool kf_der_is_single(struct kf_slice bytes, uint8_t tag)
{
    return kf_der_get(&bytes, tag, NULL) && bytes.len == 0;
}

/* Writes tag and length to out, which has room for six bytes; returns how many it took. */
static size_t write_header(uint8_t *out, uint8_t tag, size_t length)
{
    size_t octets = 0;

    out[0] = tag;
    if (length < 0x80) {
        out[1] = (uint8_t)length;
        return 2;
    }
    while (octets < sizeof(length) && length >> (8 * octets) != 0)
        octets++;
    out[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++)
        out[2 + i] = (uint8_t)(length >> (8 * (octets - 1 - i)));
    return 2 + octets;
}

#define HEADER_MAX (2 + sizeof(size_t))

enum kf_status kf_der_put(struct kf_buf *out, uint8_t tag, struct kf_slice value,
                          struct kf_error *error)
{
    uint8_t header[HEADER_MAX];
    size_t len = write_header(header, tag, value.len);

    if (kf_buf_append(out, header, len, error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(out, value.data, value.len, error);
}

enum kf_status kf_der_wrap(struct kf_buf *out, size_t mark, uint8_t tag, struct kf_error *error)
{
    uint8_t header[HEADER_MAX];
    size_t len = write_header(header, tag, out->len - mark);

    if (kf_buf_reserve(out, len, error) != KF_OK)
        return KF_FATAL;
    memmove(out->data + mark + len, out->data + mark, out->len - mark);
    memcpy(out->data + mark, header, len);
    out->len += len;
    return KF_OK;
}

enum kf_status kf_der_put_unsigned(struct kf_buf *out, struct kf_slice magnitude,
                                   struct kf_error *error)
{
    static const uint8_t zero = 0;
    size_t mark = out->len;

    while (magnitude.len != 0 && magnitude.data[0] == 0) {
        magnitude.data++;
        magnitude.len--;
    }
    if ((magnitude.len == 0 || magnitude.data[0] >= 0x80) &&
        kf_buf_append(out, &zero, 1, error) != KF_OK)
        return KF_FATAL;
    if (kf_buf_append(out, magnitude.data, magnitude.len, error) != KF_OK)
        return KF_FATAL;
    return kf_der_wrap(out, mark, KF_DER_INTEGER, error);
}

enum kf_status kf_der_put_uint(struct kf_buf *out, uint64_t value, struct kf_error *error)
{
    uint8_t magnitude[sizeof(value)];

    for (size_t i = 0; i < sizeof(value); i++)
        magnitude[i] = (uint8_t)(value >> (8 * (sizeof(value) - 1 - i)));
    return kf_der_put_unsigned(out, (struct kf_slice){magnitude, sizeof(magnitude)}, error);
}

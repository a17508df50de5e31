/*
 * DER (X.690 10): a cursor that reads values in place, and a writer.
 *
 * The cursor takes definite, minimal lengths and one-byte tags only, never recurses, never copies
 * and never reads beyond its slice. BER's indefinite lengths and constructed strings are refused
 * here; crypto/ber.h turns such input into DER first. Functions return false for what does not
 * match, with the cursor where it was, and leave the error text to the caller, who knows the rule.
 */
#ifndef KF_CORE_DER_H
#define KF_CORE_DER_H

#include "core/bytes.h"

enum {
    KF_DER_BOOLEAN = 0x01,
    KF_DER_INTEGER = 0x02,
    KF_DER_BIT_STRING = 0x03,
    KF_DER_OCTET_STRING = 0x04,
    KF_DER_NULL = 0x05,
    KF_DER_OID = 0x06,
    KF_DER_UTF8_STRING = 0x0c,
    KF_DER_PRINTABLE_STRING = 0x13,
    KF_DER_T61_STRING = 0x14,
    KF_DER_IA5_STRING = 0x16,
    KF_DER_UTC_TIME = 0x17,
    KF_DER_GENERALIZED_TIME = 0x18,
    KF_DER_BMP_STRING = 0x1e,
    KF_DER_SEQUENCE = 0x30,
    KF_DER_SET = 0x31,
    KF_DER_CONTEXT = 0x80,             /* | n: [n] IMPLICIT, primitive */
    KF_DER_CONTEXT_CONSTRUCTED = 0xa0, /* | n: [n] EXPLICIT, or IMPLICIT of a constructed type */
};

struct kf_tlv {
    uint8_t tag;
    struct kf_slice value; /* content octets */
    struct kf_slice whole; /* tag, length and content */
};

/* A cursor is the slice that is left to read; start one as struct kf_slice c = input. */

/* The next value of any tag. */
bool kf_der_any(struct kf_slice *cursor, struct kf_tlv *out) KF_MUST_USE;

/* The tag of the next value, or 0 at the end. */
uint8_t kf_der_peek(const struct kf_slice *cursor);

/* The next value's content, if its tag is tag. value may be NULL. */
bool kf_der_get(struct kf_slice *cursor, uint8_t tag, struct kf_slice *value) KF_MUST_USE;

/* As kf_der_get; where another tag or the end comes, *value is {NULL, 0} and that is true too. */
bool kf_der_optional(struct kf_slice *cursor, uint8_t tag, struct kf_slice *value) KF_MUST_USE;

/* An INTEGER that is not negative; *magnitude has no leading zeros and is {_, 0} for zero. */
bool kf_der_unsigned(struct kf_slice *cursor, struct kf_slice *magnitude) KF_MUST_USE;

/* An INTEGER from 0 to max. */
bool kf_der_uint(struct kf_slice *cursor, uint64_t max, uint64_t *out) KF_MUST_USE;

/* A BIT STRING of whole bytes. */
bool kf_der_bytes(struct kf_slice *cursor, struct kf_slice *bytes) KF_MUST_USE;

/* AlgorithmIdentifier (RFC 5280 4.1.1.2): the OID's content; parameters.tag is 0 where absent. */
bool kf_der_algorithm(struct kf_slice *cursor, struct kf_slice *oid,
                      struct kf_tlv *parameters) KF_MUST_USE;

/* Nothing left. */
bool kf_der_end(const struct kf_slice *cursor) KF_MUST_USE;

/* True where the slice is exactly one value of this tag, with nothing after it. */
bool kf_der_is_single(struct kf_slice bytes, uint8_t tag) KF_MUST_USE;

/*
 * Writing. A value is appended whole, or its content is written first and kf_der_wrap then puts
 * tag and length before everything from mark on:
 *
 *     size_t mark = out->len;
 *     ... append the members ...
 *     kf_der_wrap(out, mark, KF_DER_SEQUENCE, error)
 *
 * KF_FATAL: out of memory.
 */
enum kf_status kf_der_put(struct kf_buf *out, uint8_t tag, struct kf_slice value,
                          struct kf_error *error) KF_MUST_USE;
enum kf_status kf_der_wrap(struct kf_buf *out, size_t mark, uint8_t tag,
                           struct kf_error *error) KF_MUST_USE;

/* A non-negative INTEGER from its magnitude, whose leading zeros are dropped. */
enum kf_status kf_der_put_unsigned(struct kf_buf *out, struct kf_slice magnitude,
                                   struct kf_error *error) KF_MUST_USE;
enum kf_status kf_der_put_uint(struct kf_buf *out, uint64_t value,
                               struct kf_error *error) KF_MUST_USE;

#endif

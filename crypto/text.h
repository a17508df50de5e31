/*
 * Passwords and names in the encodings that PKCS #12 files use.
 *
 * RFC 7292 B.1 wants a password as a BMPString (UTF-16, big endian) that ends with two zero bytes;
 * RFC 8018 wants its bytes, usually UTF-8. Old software did otherwise: it widened each byte of a
 * UTF-8 password to two, gave Latin-1 or UTF-16 where UTF-8 belongs, or stopped at a zero byte.
 * Each of these is an encoding here, tried in a fixed order.
 */
#ifndef KF_CRYPTO_TEXT_H
#define KF_CRYPTO_TEXT_H

#include "core/bytes.h"

enum kf_encoding {
    KF_ENCODING_BMP,     /* UTF-16BE of the UTF-8 text, with surrogates, and two zero bytes */
    KF_ENCODING_WIDENED, /* each byte as two (which is what Latin-1 gives), and two zero bytes */
    KF_ENCODING_RAW,     /* the bytes as given */
    KF_ENCODING_LATIN1,  /* Latin-1 bytes of the UTF-8 text */
    KF_ENCODING_FROM_LATIN1,  /* UTF-8 of a text that was given in Latin-1 */
    KF_ENCODING_EMPTY,        /* two zero bytes, for no password */
    KF_ENCODING_NONE,         /* no bytes at all, for the empty password */
    KF_ENCODING_BMP_CUT,      /* as BMP, up to the first zero byte of the password */
    KF_ENCODING_RAW_CUT,      /* as RAW, up to the first zero byte of the password */
    KF_ENCODING_WIDENED_UTF8, /* as WIDENED, of the UTF-8 of a text that was given in Latin-1 */
};
#define KF_ENCODING_COUNT 10

/* "UTF-16", "byte-widened", ...: what inspect shows. */
const char *kf_encoding_name(enum kf_encoding encoding);

/*
 * The encodings to try for a derivation, in order: bmp is true for PKCS #12's own, false for those
 * of RFC 8018 and 9579. The first *likely of the count are the ones that software is meant to use;
 * the others are old mistakes.
 */
const enum kf_encoding *kf_encoding_order(bool bmp, size_t *likely, size_t *count);

/*
 * Replaces out by the password in this encoding. is_null: there is no password at all. KF_END: the
 * encoding does not apply to this password, or gives what an earlier one in the order gave.
 */
enum kf_status kf_encoding_apply(enum kf_encoding encoding, bool bmp, struct kf_slice password,
                                 bool is_null, struct kf_buf *out,
                                 struct kf_error *error) KF_MUST_USE;

/* Well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong, at most U+10FFFF. */
bool kf_utf8_valid(struct kf_slice text) KF_MUST_USE;

/*
 * A BMPString as a NUL-terminated UTF-8 string, freed by free(): surrogate pairs are joined, what
 * is not a character becomes U+FFFD, and zero characters at the end are dropped. NULL: memory.
 */
char *kf_text_from_bmp(struct kf_slice bmp) KF_MUST_USE;

/* The same of bytes in UTF-8, or in Latin-1 where they are not UTF-8. */
char *kf_text_from_bytes(struct kf_slice bytes) KF_MUST_USE;

#endif

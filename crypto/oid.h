/*
 * Object identifiers as the content octets that DER has for them, and how they are compared.
 */
#ifndef KF_CRYPTO_OID_H
#define KF_CRYPTO_OID_H

#include <string.h>

#include "core/bytes.h"

/* RFC 8017 A.1, A.2.3 */
#define KF_OID_RSA_X500 "\x55\x08\x01\x01" /* X.509 (1988) H */
#define KF_OID_RSA      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define KF_OID_MGF1     "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define KF_OID_RSA_OAEP "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"
#define KF_OID_RSA_PSS  "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
/* RFC 3279 2.3 */
#define KF_OID_DSA      "\x2a\x86\x48\xce\x38\x04\x01"
#define KF_OID_DH_X942  "\x2a\x86\x48\xce\x3e\x02\x01"
#define KF_OID_DH_PKCS3 "\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01"
#define KF_OID_EC       "\x2a\x86\x48\xce\x3d\x02\x01"
/* RFC 8410 3 */
#define KF_OID_X25519  "\x2b\x65\x6e"
#define KF_OID_X448    "\x2b\x65\x6f"
#define KF_OID_ED25519 "\x2b\x65\x70"
#define KF_OID_ED448   "\x2b\x65\x71"
/* RFC 5480 2.1.1.1 */
#define KF_OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define KF_OID_P384 "\x2b\x81\x04\x00\x22"
#define KF_OID_P521 "\x2b\x81\x04\x00\x23"
/* RFC 4491 2.3, RFC 9215 3, and RFC 9935 3 without the last arc */
#define KF_OID_GOST_2001     "\x2a\x85\x03\x02\x02\x13"
#define KF_OID_GOST_2012_256 "\x2a\x85\x03\x07\x01\x01\x01\x01"
#define KF_OID_GOST_2012_512 "\x2a\x85\x03\x07\x01\x01\x01\x02"
#define KF_OID_ML_KEM        "\x60\x86\x48\x01\x65\x03\x04\x04"
/* FIPS 180-4 by way of RFC 8017 B.1 */
#define KF_OID_SHA1   "\x2b\x0e\x03\x02\x1a"
#define KF_OID_SHA224 "\x60\x86\x48\x01\x65\x03\x04\x02\x04"
#define KF_OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define KF_OID_SHA384 "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define KF_OID_SHA512 "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
/* X.520, PKCS #9 */
#define KF_OID_COMMON_NAME   "\x55\x04\x03"
#define KF_OID_EMAIL_ADDRESS "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
/* RFC 5280 4.2.1 */
#define KF_OID_SUBJECT_KEY_ID    "\x55\x1d\x0e"
#define KF_OID_KEY_USAGE         "\x55\x1d\x0f"
#define KF_OID_ALTERNATIVE_NAME  "\x55\x1d\x11"
#define KF_OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define KF_OID_EXTENDED_USAGE    "\x55\x1d\x25"
/* Microsoft's: [MS-WCCE] 2.2.2.7.9 and archive.md */
#define KF_OID_UPN                "\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"
#define KF_OID_KRA_EXTENDED_USAGE "\x2b\x06\x01\x04\x01\x82\x37\x15\x06"

/* The literal as a slice, and whether a slice is it. */
#define KF_OID(literal)         ((struct kf_slice){(const uint8_t *)(literal), sizeof(literal) - 1})
#define KF_OID_IS(oid, literal) kf_bytes_equal((oid), KF_OID(literal))

/* As kf_slice_equal, for what is public: not in constant time. */
static inline bool kf_bytes_equal(struct kf_slice a, struct kf_slice b)
{
    if (a.len != b.len || a.data == NULL || b.data == NULL)
        return a.len == 0 && b.len == 0;
    return memcmp(a.data, b.data, a.len) == 0;
}

/* Appends the dotted form of an OID's content octets; of what is none, "#" and hex digits. */
enum kf_status kf_oid_append(struct kf_slice oid, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/* OpenSSL's NID of an OID's content octets; 0 where it knows none. */
int kf_oid_nid(struct kf_slice oid);

#endif

/*
 * The older encodings of a private key, turned into PKCS #8 (RFC 5958): what "RSA PRIVATE KEY",
 * "EC PRIVATE KEY" and "DSA PRIVATE KEY" hold in a PEM file, and what some profiles encrypt.
 *
 * Each appends a PrivateKeyInfo to out, a secret buffer, and checks only what it needs to build
 * one; kf_privkey_parse checks the rest. KF_SKIP with KF_CAUSE_DATA: not this encoding, or bytes
 * after it.
 */
#ifndef KF_CRYPTO_KEYFORMS_H
#define KF_CRYPTO_KEYFORMS_H

#include "core/bytes.h"

/* RSAPrivateKey (RFC 8017 A.1.2) */
enum kf_status kf_pkcs8_from_pkcs1(struct kf_slice der, struct kf_buf *out,
                                   struct kf_error *error) KF_MUST_USE;

/* ECPrivateKey (RFC 5915 3), whose parameters must be there. */
enum kf_status kf_pkcs8_from_sec1(struct kf_slice der, struct kf_buf *out,
                                  struct kf_error *error) KF_MUST_USE;

/* OpenSSL's SEQUENCE of version, p, q, g, y and x */
enum kf_status kf_pkcs8_from_dsa(struct kf_slice der, struct kf_buf *out,
                                 struct kf_error *error) KF_MUST_USE;

#endif

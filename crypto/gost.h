/*
 * Elliptic keys of GOST R 34.10 (RFC 4491, RFC 9215): only what it takes to say whose they are.
 *
 * OpenSSL knows the object identifiers but not the curves. They are ordinary Weierstrass curves,
 * and are given by their numbers here (RFC 4357 11.4, RFC 7836 A), so that OpenSSL computes on
 * them. The parameter set is what an algorithm's parameters name first.
 */
#ifndef KF_CRYPTO_GOST_H
#define KF_CRYPTO_GOST_H

#include "crypto/crypto.h"

/*
 * The public value of a private key, X and Y little-endian, appended to out. parameters: of the
 * algorithm, whole; content: of PKCS #8's OCTET STRING. It holds the private value as bytes, little
 * endian, with or without an OCTET STRING around them, and maybe masks after it (RFC 9548 5), or as
 * an INTEGER. KF_SKIP: another parameter set, or a value out of range.
 */
enum kf_status kf_gost_compute(const struct kf_crypto *crypto, struct kf_slice parameters,
                               struct kf_slice content, struct kf_buf *out,
                               struct kf_error *error) KF_MUST_USE;

/* The same of a public key: bits hold it in an OCTET STRING. false: they do not. */
bool kf_gost_public(struct kf_slice bits, struct kf_slice *value) KF_MUST_USE;

/* Whether both parameters name the same curve, maybe by different names. */
bool kf_gost_same_curve(struct kf_slice a, struct kf_slice b) KF_MUST_USE;

#endif

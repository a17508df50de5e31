/*
 * Public keys as they stand in certificates: SubjectPublicKeyInfo (RFC 5280 4.1.2.7), read in
 * place, and the curves of elliptic keys. Shared by the certificate and the private key parsers.
 */
#ifndef KF_CRYPTO_SPKI_H
#define KF_CRYPTO_SPKI_H

#include <openssl/ec.h>

#include "core/der.h"
#include "crypto/privkey.h"

struct kf_spki {
    struct kf_slice oid; /* of the algorithm, content */
    struct kf_tlv parameters;
    struct kf_slice bits;
    bool is_known; /* type is one of ours */
    enum kf_key_type type;
};

bool kf_spki_split(struct kf_slice spki, struct kf_spki *out) KF_MUST_USE;

/* false where the algorithm is none of ours; both OIDs for DH are KF_KEY_DH. */
bool kf_key_type_find(struct kf_slice oid, enum kf_key_type *type) KF_MUST_USE;

/* RSAPublicKey (RFC 8017 A.1.1) as magnitudes. */
bool kf_rsa_public_split(struct kf_slice bits, struct kf_slice *n, struct kf_slice *e) KF_MUST_USE;

/* Bits of a magnitude without leading zeros. */
size_t kf_magnitude_bits(struct kf_slice magnitude);

/* OpenSSL's NID of the curve that ECParameters name or describe (RFC 3279 2.3.5); 0 for others. */
int kf_ec_curve(const struct kf_crypto *crypto, struct kf_slice parameters);

/* The same for a curve's OID alone. */
int kf_ec_curve_named(struct kf_slice oid);

/* The size of its field, given what kf_ec_curve said; 0 where it is not known. */
unsigned kf_ec_bits(const struct kf_crypto *crypto, int nid, struct kf_slice parameters);

/*
 * The group of ECParameters: a named curve, or explicit values over a prime field. Where the values
 * are those of a named curve, it is that one. NULL: not known here. Freed by EC_GROUP_free.
 */
EC_GROUP *kf_ec_group(const struct kf_crypto *crypto, struct kf_slice parameters) KF_MUST_USE;

#endif

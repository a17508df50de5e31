/*
 * A CA of one's own, for whoever has none: a key and a self-signed certificate (RFC 5280).
 */
#ifndef KF_CRYPTO_CA_H
#define KF_CRYPTO_CA_H

#include "crypto/keyfile.h"

/*
 * Makes an RSA-3072 key and a self-signed CA certificate for CN=name, valid for ten years, signed
 * with SHA-256: basic constraints CA, key usage keyCertSign and cRLSign and digitalSignature,
 * subject key identifier.
 */
enum kf_status kf_ca_make(const struct kf_crypto *crypto, const char *name, struct kf_identity *out,
                          struct kf_error *error) KF_MUST_USE;

#endif

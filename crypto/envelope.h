/*
 * EnvelopedData (RFC 5652 6.1) and AuthEnvelopedData (RFC 5083) as archives hold them, DER, read in
 * place: what stands in a row is looked at a million times, and OpenSSL's CMS builds a tree for it.
 *
 * Only the shape that sealing writes is known here (crypto/seal.h, and Windows): recipients by
 * issuer and serial number, with RSA key transport, and nothing optional. false says "not that
 * shape", not "broken": the caller then asks OpenSSL (crypto/cms.h), which is the one to refuse.
 */
#ifndef KF_CRYPTO_ENVELOPE_H
#define KF_CRYPTO_ENVELOPE_H

#include <openssl/x509.h>

#include "core/der.h"

#define KF_ENVELOPE_RECIPIENTS 64

enum kf_envelope_transport {
    KF_ENVELOPE_RSA_1_5,     /* rsaEncryption (RFC 3370 4.2.1) */
    KF_ENVELOPE_OAEP_SHA256, /* id-RSAES-OAEP, SHA-256 for both, no label (RFC 4055 4.1) */
};
#define KF_ENVELOPE_TRANSPORTS 2

enum kf_envelope_cipher {
    KF_ENVELOPE_AES128_CBC,
    KF_ENVELOPE_AES192_CBC,
    KF_ENVELOPE_AES256_CBC,
    KF_ENVELOPE_3DES_CBC,
    KF_ENVELOPE_AES128_GCM, /* in AuthEnvelopedData, with a tag of 16 bytes */
    KF_ENVELOPE_AES256_GCM,
};

struct kf_envelope_recipient {
    struct kf_slice name; /* IssuerAndSerialNumber, whole */
    enum kf_envelope_transport transport;
    struct kf_slice key; /* encrypted */
};

/* Everything points into the bytes that were parsed. */
struct kf_envelope {
    struct kf_envelope_recipient recipients[KF_ENVELOPE_RECIPIENTS];
    size_t recipient_count;
    enum kf_envelope_cipher cipher;
    struct kf_slice iv;   /* of the cipher's size */
    struct kf_slice text; /* encrypted */
    struct kf_slice tag;  /* empty but for GCM */
};

bool kf_envelope_parse(struct kf_slice sealed, struct kf_envelope *out) KF_MUST_USE;

/* The one recipient of this name (as above); NULL for none, and for several. */
const struct kf_envelope_recipient *kf_envelope_find(const struct kf_envelope *envelope,
                                                     struct kf_slice name);

/* The name by which a certificate's key is a recipient; appended. */
enum kf_status kf_envelope_name(X509 *certificate, struct kf_buf *out,
                                struct kf_error *error) KF_MUST_USE;

#endif

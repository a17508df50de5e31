/*
 * What the files of the certificate parser share; not for others.
 */
#ifndef KF_CRYPTO_CERT_PARTS_H
#define KF_CRYPTO_CERT_PARTS_H

#include "core/der.h"
#include "core/record.h"
#include "crypto/crypto.h"

/* A certificate taken apart by RFC 5280 4.1; everything points into its DER. */
struct kf_cert_parts {
    struct kf_slice tbs;                           /* whole: what is signed */
    unsigned version;                              /* 1 to 3 */
    struct kf_slice serial, issuer, subject, spki; /* whole */
    struct kf_slice inner_algorithm, algorithm;    /* whole: what the TBS says, what is used */
    struct kf_tlv not_before, not_after;
    struct kf_slice extensions; /* content of the SEQUENCE, or empty */
    struct kf_slice signature;  /* bits */
};

/* NULL, or which part is missing or broken. */
const char *kf_cert_split(struct kf_slice der, struct kf_cert_parts *out);

/* UTCTime or GeneralizedTime, with old forms: no seconds, offsets, fractions. */
bool kf_cert_time(const struct kf_tlv *time, int64_t *seconds) KF_MUST_USE;

/*
 * Reads key usage, extended usage, basic constraints, names and key identifier. KF_SKIP with *error
 * filled where one that rules depend on is broken or there twice.
 */
enum kf_status kf_cert_extensions(struct kf_slice extensions, struct kf_cert_facts *facts,
                                  struct kf_error *error) KF_MUST_USE;

/* key_algorithm, key_bits, and ski where the extension gave none. KF_SKIP: no key in there. */
enum kf_status kf_cert_key(const struct kf_crypto *crypto, struct kf_slice spki,
                           struct kf_cert_facts *facts, struct kf_error *error) KF_MUST_USE;

/* "sha256WithRSAEncryption" for a whole AlgorithmIdentifier. */
enum kf_status kf_cert_signature_name(struct kf_slice algorithm, char **out,
                                      struct kf_error *error) KF_MUST_USE;

/* Whether the signature of a certificate verifies with a public key; never an error. */
bool kf_cert_signed_by(const struct kf_crypto *crypto, struct kf_slice der,
                       EVP_PKEY *key) KF_MUST_USE;

#endif

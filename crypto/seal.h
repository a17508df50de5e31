/*
 * Sealing keys to key recovery agents, and opening what was sealed.
 *
 * A sealed key is a CMS EnvelopedData (RFC 5652 6) in a ContentInfo, DER, with one
 * KeyTransRecipientInfo by issuer and serial number for each agent, version 0 as that asks for. The
 * modern profile writes AuthEnvelopedData (RFC 5083, AES-256-GCM after RFC 5084), which OpenSSL's
 * CMS reads. It is assembled here directly, since it is the hot path; `openssl cms -decrypt` is the
 * proof.
 */
#ifndef KF_CRYPTO_SEAL_H
#define KF_CRYPTO_SEAL_H

#include "core/record.h"
#include "crypto/cert.h"
#include "crypto/keyfile.h"

enum kf_seal_profile {
    KF_SEAL_WINDOWS,      /* RSA PKCS #1 v1.5, AES-256-CBC */
    KF_SEAL_WINDOWS_3DES, /* RSA PKCS #1 v1.5, DES-EDE3-CBC */
    KF_SEAL_MODERN,       /* RSA-OAEP with SHA-256 and MGF1 with SHA-256, AES-256-GCM */
};

/* A key recovery agent, parsed once; used by any thread. */
struct kf_kra {
    struct kf_buf der; /* the certificate, public */
    struct kf_cert_facts facts;
    EVP_PKEY *public_key;
};

/*
 * Parses and checks a KRA certificate (archive.md): key usage keyEncipherment, extended key usage
 * 1.3.6.1.4.1.311.21.6, RSA of at least min_bits. Its time is checked by kf_kra_valid_at alone. der
 * is copied. KF_SKIP: not a KRA certificate, the error says which rule.
 */
enum kf_status kf_kra_parse(const struct kf_crypto *crypto, struct kf_slice der, unsigned min_bits,
                            struct kf_kra *out, struct kf_error *error) KF_MUST_USE;
bool kf_kra_valid_at(const struct kf_kra *kra, int64_t seconds) KF_MUST_USE;
void kf_kra_reset(struct kf_kra *kra); /* NULL-safe */

/* Seals for a set of agents that does not change; one sealer belongs to one thread. */
struct kf_sealer;
enum kf_status kf_sealer_new(const struct kf_crypto *crypto, const struct kf_kra *const *agents,
                             size_t count, enum kf_seal_profile profile, struct kf_sealer **out,
                             struct kf_error *error) KF_MUST_USE;
void kf_sealer_free(struct kf_sealer *sealer); /* NULL-safe */

/* The KeyRecoveryHashes of this set of agents; lives as long as the sealer. */
const char *kf_sealer_hashes(const struct kf_sealer *sealer);

/* Appends the sealed plaintext to out, a public buffer. KF_FATAL: OpenSSL failed. */
enum kf_status kf_seal(struct kf_sealer *sealer, struct kf_slice plaintext, struct kf_buf *out,
                       struct kf_error *error) KF_MUST_USE;

/*
 * Opens EnvelopedData or AuthEnvelopedData (BER or DER, a ContentInfo) with a recipient's key, and
 * appends the plaintext to out, a secret buffer. The certificate of identity picks the recipient
 * where there is one; else each is tried. KF_SKIP: KF_CAUSE_SECRET if not sealed to this key,
 * KF_CAUSE_DATA if broken.
 */
enum kf_status kf_unseal(const struct kf_crypto *crypto, struct kf_slice sealed,
                         const struct kf_identity *identity, struct kf_buf *out,
                         struct kf_error *error) KF_MUST_USE;

/*
 * The same for many keys and one identity, which is borrowed: as kf_unseal in every outcome, at
 * little more than the price of the RSA operation. One unsealer belongs to one thread.
 */
struct kf_unsealer;
enum kf_status kf_unsealer_new(const struct kf_crypto *crypto, const struct kf_identity *identity,
                               struct kf_unsealer **out, struct kf_error *error) KF_MUST_USE;
void kf_unsealer_free(struct kf_unsealer *unsealer); /* NULL-safe */
enum kf_status kf_unsealer_open(struct kf_unsealer *unsealer, struct kf_slice sealed,
                                struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif

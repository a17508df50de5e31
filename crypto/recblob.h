/*
 * The recovery blob (.rec): what getkey writes and recoverkey opens (docs/formats/archive.md).
 *
 * A SignedData (RFC 5652 5) of the CA whose content is a row's EnvelopedData, with the certificates
 * that recovery needs, and the signed attribute 1.3.6.1.4.1.311.21.16: the SHA-1 of the user
 * certificate as an OCTET STRING. Written with the content as type id-data and an OCTET STRING;
 * read as well with type envelopedData and an OCTET STRING, and as PKCS #7 1.5's bare SEQUENCE.
 */
#ifndef KF_CRYPTO_RECBLOB_H
#define KF_CRYPTO_RECBLOB_H

#include "core/record.h"
#include "crypto/cert.h"
#include "crypto/keyfile.h"

struct kf_recblob_parts {
    struct kf_slice sealed; /* the row's RawArchivedKey */
    uint8_t certificate_sha1[KF_SHA1_SIZE];
    const struct kf_slice *certificates; /* user first, its chain, KRAs, CA and its chain; DER */
    size_t certificate_count;
};

/* signer NULL: an unsigned blob, with no SignerInfo. Appends DER to out, a public buffer. */
enum kf_status kf_recblob_write(const struct kf_crypto *crypto,
                                const struct kf_recblob_parts *parts,
                                const struct kf_identity *signer, struct kf_buf *out,
                                struct kf_error *error) KF_MUST_USE;

/* A blob that was read. Zero-initialize. */
struct kf_recblob {
    struct kf_buf sealed;          /* EnvelopedData or AuthEnvelopedData in a ContentInfo, public */
    STACK_OF(X509) * certificates; /* all that it carries */
    bool has_certificate_sha1;
    uint8_t certificate_sha1[KF_SHA1_SIZE];
    bool is_signed;      /* has a SignerInfo */
    bool signature_good; /* and it verifies with the signer's certificate inside; no chain is
                            checked */
    char *signer;        /* its subject, or NULL */
};
void kf_recblob_reset(struct kf_recblob *blob); /* NULL-safe */

/*
 * Reads DER or BER, PEM ("PKCS7" or "CMS"), or bare base64 as certutil writes it. A bare
 * EnvelopedData is taken as an unsigned blob without certificates. KF_SKIP: none of these, or
 * broken.
 */
enum kf_status kf_recblob_read(const struct kf_crypto *crypto, struct kf_slice bytes,
                               struct kf_recblob *out, struct kf_error *error) KF_MUST_USE;

/*
 * Opens the archived key: tries each identity, reads the key blob, and finds the user certificate
 * by the hash and by the key, from the blob's certificates and extra (may be NULL). key gets PKCS
 * #8 (secret); *certificate is a new reference or NULL where none belongs to the key.
 */
enum kf_status kf_recblob_open(const struct kf_crypto *crypto, const struct kf_recblob *blob,
                               const struct kf_identity *identities, size_t identity_count,
                               const STACK_OF(X509) * extra, struct kf_buf *key, X509 **certificate,
                               struct kf_error *error) KF_MUST_USE;

#endif

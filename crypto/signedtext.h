/*
 * A text with a signature around it: CMS SignedData (RFC 5652 5) with the text as its content, PEM
 * (RFC 7468), as `openssl cms -verify -inform PEM` reads it.
 */
#ifndef KF_CRYPTO_SIGNEDTEXT_H
#define KF_CRYPTO_SIGNEDTEXT_H

#include "core/record.h"
#include "crypto/keyfile.h"

/* Appends the signed text to out. KF_FATAL: the signer has no certificate, or cannot sign. */
enum kf_status kf_text_sign(const struct kf_crypto *crypto, struct kf_slice text,
                            const struct kf_identity *signer, struct kf_buf *out,
                            struct kf_error *error) KF_MUST_USE;

/*
 * Replaces *text by what bytes (PEM, DER or BER) hold, where everyone who signed it did so with one
 * of these certificates (DER). No chain and no time of validity is looked at. KF_SKIP with
 * KF_CAUSE_DATA: not signed, not by these, or not what was signed.
 */
enum kf_status kf_text_verify(const struct kf_crypto *crypto, struct kf_slice bytes,
                              const struct kf_slice *certificates, size_t count,
                              struct kf_buf *text, struct kf_error *error) KF_MUST_USE;

#endif

/*
 * What is done once when a KMS export is opened: its signature is checked, its lock boxes are
 * opened.
 */
#ifndef KF_READERS_KMS_OPEN_H
#define KF_READERS_KMS_OPEN_H

#include "core/reader.h"
#include "readers/kms_frame.h"

struct kf_kms_signature {
    bool is_present;
    bool is_trusted; /* by a certificate that the caller gave; else it only fits the document */
    char *signer;    /* its subject, owned */
    bool has_digest;
    uint8_t sha256[KF_SHA256_SIZE]; /* of the document as it was first read, and signed */
};

/*
 * Finds the detached signature (the option, or beside the input) and verifies it over the whole
 * input, which is at its first byte before and after. Also without a signature the input is read
 * for its digest, unless it can be read only once. The signer must be a certificate of an
 * identity, one of an identity's key where that has no certificate, or one that is trusted; where
 * none of these was given, any certificate in the signature will do. KF_FATAL: no signature and
 * unsigned not allowed, a wrong one, or an input that cannot be read twice.
 */
enum kf_status kf_kms_signature_check(struct kf_input *input,
                                      const struct kf_reader_options *options,
                                      struct kf_kms_signature *out,
                                      struct kf_error *error) KF_MUST_USE;

/*
 * Opens the session key with one of the identities: first the boxes whose issuer and serial number
 * are those of its certificate, then every box with every identity. What comes out of PKCS #1 v1.5
 * for another recipient's key may be noise; then it must open one of the keys of the users that
 * wait in the frame, if there are any. KF_FATAL with KF_CAUSE_SECRET: none opens.
 */
enum kf_status kf_kms_session_open(const struct kf_reader_options *options,
                                   struct kf_kms_frame *frame, struct kf_buf *session,
                                   struct kf_error *error) KF_MUST_USE;

/* Appends the plaintext of a key to out, a secret buffer. KF_SKIP: it does not decrypt. */
enum kf_status kf_kms_key_open(const struct kf_crypto *crypto, const struct kf_kms_user *user,
                               const struct kf_kms_key *key, struct kf_slice session,
                               struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif

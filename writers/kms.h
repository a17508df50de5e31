/*
 * The writer "kms": private keys into a KMS export (docs/formats/kms-export.md), signed, with one
 * lock box, for the export-signing certificate.
 */
#ifndef KF_WRITERS_KMS_H
#define KF_WRITERS_KMS_H

#include "core/writer.h"
#include "crypto/keyfile.h"

/* Everything is borrowed until the writer is closed. */
struct kf_kms_export_options {
    const struct kf_crypto *crypto;
    const char *path; /* of the document; the signature gets its name and ".p7s" */
    bool overwrite;   /* write over files of these names */
    const struct kf_identity *identity; /* the export-signing key and its certificate, RSA */
    const char *thumbprint;   /* the first eight hex digits of the SHA-1 of that certificate, as the
                                 administrator confirmed them */
    const char *organization; /* NULL: empty */
    const char *administrative_group; /* NULL: empty */
    bool oaep_sha256; /* lock box by xenc11#rsa-oaep with SHA-256, not rsa-oaep-mgf1p */
};

/*
 * Checks the options and makes the writer. KF_FATAL: KF_CAUSE_USAGE for a thumbprint that is not
 * the certificate's, or a certificate or key that cannot sign and open an export.
 *
 * Consecutive records become one user: those of the same mailbox GUID, or, where the source has
 * none, of the same subject and mail; then the user gets a random GUID. A GUID that comes back
 * after another user fails, since an export has each once. A key of a certificate that may not
 * encrypt is skipped. Names that are missing are taken from the certificate.
 *
 * Nothing appears under its final name before finish. commit keeps nothing for another run: an
 * export is whole or not there.
 */
enum kf_status kf_kms_export_open(const struct kf_kms_export_options *options,
                                  struct kf_writer **out, struct kf_error *error) KF_MUST_USE;

extern const struct kf_writer_ops kf_writer_kms;

#endif

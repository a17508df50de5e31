/*
 * The signature of a KMS export: a detached CMS SignedData beside it (docs/formats/kms-export.md,
 * Signature). The proof itself is crypto/lockbox.h's kf_detached_verify; here is who may sign.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "core/files.h"
#include "crypto/cert.h"
#include "crypto/cms.h"
#include "crypto/secrets.h"
#include "readers/kms_open.h"

#define RULE        "kms-export, Signature"
#define MAX_ALLOWED 256u /* certificates that may have signed */
#define SUFFIX      ".p7s"

/* Certificates that may have signed: DER, each its own. */
struct allowed {
    struct kf_buf der[MAX_ALLOWED];
    struct kf_slice slices[MAX_ALLOWED];
    size_t count;
};

static enum kf_status allow_bytes(struct allowed *allowed, struct kf_slice der,
                                  struct kf_error *error)
{
    struct kf_buf *copy = &allowed->der[allowed->count];

    if (allowed->count == MAX_ALLOWED)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, RULE,
                       "more than %u certificates that may have signed", MAX_ALLOWED);
    *copy = KF_PUBLIC_BUF;
    if (kf_buf_append(copy, der.data, der.len, error) != KF_OK)
        return KF_FATAL;
    allowed->slices[allowed->count++] = kf_buf_slice(copy);
    return KF_OK;
}

static enum kf_status allow(struct allowed *allowed, const X509 *certificate,
                            struct kf_error *error)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    enum kf_status status = kf_x509_encode(certificate, &der, error);

    if (status == KF_OK)
        status = allow_bytes(allowed, kf_buf_slice(&der), error);
    kf_buf_reset(&der);
    return status;
}

/* The certificates that a signature carries; NULL where it cannot be read or has none: then it is
 * refused where it is verified. */
static STACK_OF(X509) *
    certificates_inside(const struct kf_crypto *crypto, struct kf_slice signature)
{
    struct kf_buf decoded = KF_PUBLIC_BUF;
    struct kf_slice body;
    CMS_ContentInfo *cms = NULL;
    STACK_OF(X509) *found = NULL;

    if (kf_cms_unarmour(signature, &decoded, &body, NULL) == KF_OK &&
        kf_cms_parse(crypto, body, &cms, NULL) == KF_OK)
        found = CMS_get1_certs(cms);
    CMS_ContentInfo_free(cms);
    kf_buf_reset(&decoded);
    ERR_clear_error();
    return found;
}

/* Whether an identity without a certificate has this certificate's key. */
static bool is_of_a_bare_key(const struct kf_reader_options *options, struct kf_slice der)
{
    X509 *certificate = kf_x509_parse(options->crypto, der, NULL);
    bool found = false;

    for (size_t i = 0; i < kf_secrets_identity_count(options->secrets) && !found; i++) {
        const struct kf_identity *identity = kf_secrets_identity(options->secrets, i);

        found = certificate != NULL && identity->certificate == NULL &&
                EVP_PKEY_eq(X509_get0_pubkey(certificate), identity->key) == 1;
    }
    X509_free(certificate);
    ERR_clear_error();
    return found;
}

/* Adds those certificates of the signature itself that are as good as given. */
static enum kf_status allow_from_inside(struct allowed *allowed,
                                        const struct kf_reader_options *options,
                                        struct kf_slice signature, bool any, struct kf_error *error)
{
    STACK_OF(X509) *inside = certificates_inside(options->crypto, signature);
    enum kf_status status = KF_OK;

    for (int i = 0; status == KF_OK && i < sk_X509_num(inside); i++) {
        struct kf_buf der = KF_PUBLIC_BUF;

        status = kf_x509_encode(sk_X509_value(inside, i), &der, error);
        if (status == KF_OK && (any || is_of_a_bare_key(options, kf_buf_slice(&der))))
            status = allow_bytes(allowed, kf_buf_slice(&der), error);
        kf_buf_reset(&der);
    }
    sk_X509_pop_free(inside, X509_free);
    return status;
}

static enum kf_status collect_allowed(struct allowed *allowed,
                                      const struct kf_reader_options *options,
                                      struct kf_slice signature, struct kf_kms_signature *out,
                                      struct kf_error *error)
{
    size_t identities = kf_secrets_identity_count(options->secrets);
    enum kf_status status = KF_OK;

    out->is_trusted = identities != 0 || options->trusted_count != 0;
    for (size_t i = 0; i < identities && status == KF_OK; i++) {
        const struct kf_identity *identity = kf_secrets_identity(options->secrets, i);

        if (identity->certificate != NULL)
            status = allow(allowed, identity->certificate, error);
    }
    for (size_t i = 0; i < options->trusted_count && status == KF_OK; i++)
        status = allow_bytes(allowed, options->trusted[i], error);
    if (status == KF_OK)
        status = allow_from_inside(allowed, options, signature, !out->is_trusted, error);
    return status;
}

/* After all of the input was read: keeps its digest, and goes back to the first byte. */
static enum kf_status keep_digest(struct kf_input *input, struct kf_kms_signature *out,
                                  struct kf_error *error)
{
    struct kf_input_facts facts;

    kf_input_facts(input, &facts);
    out->has_digest = facts.has_digest;
    memcpy(out->sha256, facts.sha256, sizeof(out->sha256));
    return kf_input_rewind(input, error);
}

static enum kf_status verify(struct kf_input *input, const struct kf_reader_options *options,
                             struct kf_slice signature, struct kf_kms_signature *out,
                             struct kf_error *error)
{
    struct allowed *allowed = calloc(1, sizeof(*allowed));
    enum kf_status status;

    if (allowed == NULL)
        return kf_fail_memory(error);
    status = collect_allowed(allowed, options, signature, out, error);
    if (status == KF_OK)
        status = kf_detached_verify(options->crypto, signature, input, allowed->slices,
                                    allowed->count, &out->signer, error);
    if (status == KF_OK)
        status = keep_digest(input, out, error);
    for (size_t i = 0; i < allowed->count; i++)
        kf_buf_reset(&allowed->der[i]);
    free(allowed);
    out->is_present = status == KF_OK;
    return status == KF_OK ? KF_OK : KF_FATAL;
}

/* The signature's path: the option, or beside the document. *out is NULL where there is none. */
static enum kf_status find(const struct kf_input *input, const struct kf_reader_options *options,
                           char **out, struct kf_error *error)
{
    const char *path = kf_input_path(input);
    const char *from = options->signature_path != NULL ? options->signature_path : path;
    const char *suffix = options->signature_path != NULL ? "" : SUFFIX;
    size_t size = from != NULL ? strlen(from) + strlen(suffix) + 1 : 0;
    struct stat facts;

    *out = NULL;
    if (from == NULL)
        return KF_OK;
    *out = malloc(size);
    if (*out == NULL)
        return kf_fail_memory(error);
    (void)snprintf(*out, size, "%s%s", from, suffix);
    if (options->signature_path == NULL && stat(*out, &facts) != 0 && errno == ENOENT) {
        free(*out);
        *out = NULL;
    }
    return KF_OK;
}

static enum kf_status without_signature(struct kf_input *input,
                                        const struct kf_reader_options *options,
                                        struct kf_kms_signature *out, struct kf_error *error)
{
    if (options->allow_unsigned && kf_input_rewind(input, NULL) != KF_OK)
        return KF_OK; /* a pipe: its digest is known at its end */
    if (options->allow_unsigned)
        return kf_input_skip_rest(input, error) == KF_OK ? keep_digest(input, out, error)
                                                         : KF_FATAL;
    if (kf_input_path(input) == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, RULE,
                       "no signature can be looked for beside what is no file; --unsigned reads it "
                       "without one");
    return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, RULE,
                   "is not signed: there is no %s%s; --unsigned reads it all the same",
                   kf_input_name(input), SUFFIX);
}

enum kf_status kf_kms_signature_check(struct kf_input *input,
                                      const struct kf_reader_options *options,
                                      struct kf_kms_signature *out, struct kf_error *error)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    char *path = NULL;
    enum kf_status status = find(input, options, &path, error);

    if (status != KF_OK)
        return KF_FATAL;
    if (kf_input_hash(input, options->crypto->sha256, error) != KF_OK) {
        free(path);
        return KF_FATAL;
    }
    if (path == NULL)
        return without_signature(input, options, out, error);
    if (kf_input_rewind(input, &why) != KF_OK)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, RULE,
                         "the signature has to be checked before the first entry is used, and this "
                         "input cannot be read twice: give a file");
    else if (kf_file_read(path, KF_MAX_SIGNATURE, &signature, error) != KF_OK)
        status = KF_FATAL;
    if (status == KF_OK)
        status = verify(input, options, kf_buf_slice(&signature), out, error);
    else
        kf_error_place(error, "signature %s", path);
    kf_buf_reset(&signature);
    free(path);
    return status;
}

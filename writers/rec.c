/*
 * The writer "rec": see rec.h for the contract, docs/formats/recovery-blob.md for the format.
 *
 * Refuses on purpose: keys that were not sealed before they came here.
 */
#include "writers/rec.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/keyblob.h"
#include "writers/outfiles.h"
#include "writers/userkeys.h"

struct writer {
    struct kf_writer base;
    struct kf_rec_export_options options;
    struct kf_outfiles *files;
    struct kf_buf signer; /* its certificate, DER; empty where there is none */
    uint64_t written;
};

/* What one thread of the stage has. */
struct sealing {
    const struct kf_crypto *crypto;
    struct kf_sealer *sealer;
};

static void close_writer(struct kf_writer *base);

enum kf_status kf_rec_export_open(const struct kf_rec_export_options *options,
                                  struct kf_writer **out, struct kf_error *error)
{
    const struct kf_outfiles_options where = {.path = options->path,
                                              .ending = ".rec",
                                              .overwrite = options->overwrite,
                                              .dry_run = options->dry_run};
    const struct kf_identity *signer = options->signer;
    struct writer *writer;

    *out = NULL;
    if (options->agent_count == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                       "recovery blobs need the certificate of a recovery agent");
    if (signer != NULL && (signer->key == NULL || signer->certificate == NULL))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "signing recovery blobs needs the CA's key and its certificate");
    writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return kf_fail_memory(error);
    writer->base.ops = &kf_writer_rec;
    writer->options = *options;
    writer->signer = KF_PUBLIC_BUF;
    if (kf_outfiles_new(&where, &writer->files, error) != KF_OK ||
        (signer != NULL && kf_x509_encode(signer->certificate, &writer->signer, error) != KF_OK)) {
        close_writer(&writer->base);
        return KF_FATAL;
    }
    *out = &writer->base;
    return KF_OK;
}

static enum kf_status start_sealing(void *context, void **worker, struct kf_error *error)
{
    const struct writer *writer = context;
    struct sealing *sealing = calloc(1, sizeof(*sealing));

    *worker = NULL;
    if (sealing == NULL)
        return kf_fail_memory(error);
    sealing->crypto = writer->options.crypto;
    if (kf_sealer_new(sealing->crypto, writer->options.agents, writer->options.agent_count,
                      writer->options.profile, &sealing->sealer, error) != KF_OK) {
        free(sealing);
        return KF_FATAL;
    }
    *worker = sealing;
    return KF_OK;
}

static enum kf_status seal(struct kf_sealer *sealer, const struct kf_crypto *crypto,
                           struct kf_record *record, struct kf_error *error)
{
    const char *hashes = kf_sealer_hashes(sealer);
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_privkey key;
    enum kf_status status = kf_privkey_parse(kf_buf_slice(&record->pkcs8), &key, error);

    if (status == KF_OK)
        status = kf_keyblob_write(crypto, &key, &blob, error);
    if (status == KF_OK)
        status = kf_seal(sealer, kf_buf_slice(&blob), &record->sealed, error);
    if (status == KF_OK) {
        record->blob_type = kf_keyblob_type(&key);
        free(record->key_recovery_hashes);
        record->key_recovery_hashes = kf_strndup(hashes, strlen(hashes));
        if (record->key_recovery_hashes == NULL)
            status = kf_fail_memory(error);
    }
    kf_buf_reset(&blob);
    kf_buf_reset(&record->pkcs8);
    return status;
}

static enum kf_status apply(void *worker, struct kf_record *record, struct kf_error *error)
{
    const struct sealing *sealing = worker;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (!kf_record_is_writable(record) || record->pkcs8.len == 0)
        return KF_OK;
    status = seal(sealing->sealer, sealing->crypto, record, &why);
    if (status == KF_SKIP)
        kf_record_decide(record, KF_FAILED, &why);
    if (status == KF_FATAL && error != NULL)
        *error = why;
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

static void end_sealing(void *worker)
{
    struct sealing *sealing = worker;

    if (sealing == NULL)
        return;
    kf_sealer_free(sealing->sealer);
    free(sealing);
}

struct kf_stage kf_rec_export_stage(struct kf_writer *writer)
{
    return (struct kf_stage){
        .start = start_sealing, .apply = apply, .end = end_sealing, .context = writer};
}

static enum kf_status begin(struct kf_writer *base, struct kf_error *error)
{
    return kf_outfiles_begin(((struct writer *)base)->files, error);
}

/* The blob: the user's certificate and chain, the agents', the CA's. */
static enum kf_status make_blob(const struct writer *writer, const struct kf_record *record,
                                struct kf_buf *out, struct kf_error *error)
{
    const struct kf_rec_export_options *options = &writer->options;
    size_t count = 0;
    struct kf_slice *certificates =
        calloc(record->chain_count + options->agent_count + 2, sizeof(*certificates));
    struct kf_recblob_parts parts = {.sealed = kf_buf_slice(&record->sealed),
                                     .certificates = certificates};
    enum kf_status status;

    if (certificates == NULL)
        return kf_fail_memory(error);
    certificates[count++] = kf_buf_slice(&record->cert);
    for (size_t i = 0; i < record->chain_count; i++)
        certificates[count++] = kf_buf_slice(&record->chain[i]);
    for (size_t i = 0; i < options->agent_count; i++)
        certificates[count++] = kf_buf_slice(&options->agents[i]->der);
    if (writer->signer.len != 0)
        certificates[count++] = kf_buf_slice(&writer->signer);
    parts.certificate_count = count;
    memcpy(parts.certificate_sha1, record->facts.sha1, KF_SHA1_SIZE);
    status = kf_recblob_write(options->crypto, &parts, options->signer, out, error);
    free(certificates);
    return status;
}

static enum kf_status put_blob(struct writer *writer, struct kf_record *record,
                               struct kf_error *error)
{
    struct kf_buf blob = KF_PUBLIC_BUF;
    char *path = NULL;
    enum kf_status status = kf_outfiles_name(writer->files, kf_user_title(record), &path, error);

    if (status == KF_OK && kf_outfiles_is_single(writer->files) && writer->written > 0)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, NULL,
                         "a recovery blob is of one key: name a folder for several");
    if (status == KF_OK)
        status = make_blob(writer, record, &blob, error);
    if (status == KF_OK)
        status = kf_outfiles_stage(writer->files, path, &blob, false, error);
    if (status == KF_OK) {
        writer->written++;
        record->outcome = KF_ARCHIVED;
    }
    kf_buf_reset(&blob);
    free(path);
    return status;
}

static enum kf_status put(struct kf_writer *base, const char *input, struct kf_record *record,
                          struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    (void)input;
    if (!kf_record_is_writable(record))
        return KF_OK;
    if (record->sealed.len == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "a key that is not sealed");
    status = put_blob(writer, record, &why);
    if (status == KF_SKIP)
        kf_record_decide(record, why.cause == KF_CAUSE_POLICY ? KF_REFUSED : KF_FAILED, &why);
    if (status == KF_FATAL && error != NULL)
        *error = why;
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

static enum kf_status commit(struct kf_writer *base, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error)
{
    (void)position;
    (void)totals;
    return kf_outfiles_commit(((struct writer *)base)->files, error);
}

static void rollback(struct kf_writer *base)
{
    kf_outfiles_rollback(((struct writer *)base)->files);
}

static enum kf_status finish(struct kf_writer *base, const struct kf_totals *totals,
                             struct kf_error *error)
{
    (void)totals;
    return kf_outfiles_commit(((struct writer *)base)->files, error);
}

static void close_writer(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    if (writer == NULL)
        return;
    kf_outfiles_free(writer->files);
    kf_buf_reset(&writer->signer);
    free(writer);
}

const struct kf_writer_ops kf_writer_rec = {
    .name = "rec",
    .summary = "recovery blobs (.rec), sealed to recovery agents, one a key",
    .needs = KF_NEEDS_SEALED,
    .begin = begin,
    .put = put,
    .commit = commit,
    .rollback = rollback,
    .finish = finish,
    .close = close_writer,
};

/*
 * The writer "kms": see kms.h for the contract, docs/formats/kms-export.md for the format.
 *
 * The number of users stands in the root's start tag and is known at the end: room is left there,
 * filled with white space, and the number written over it before the file is signed. The session
 * key is made for one export; GCM's IVs count up from 1, so that none comes twice.
 *
 * Refuses on purpose: an export-signing certificate that was not confirmed by its thumbprint, and
 * keys without a certificate.
 */
#include "writers/kms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/uuidset.h"
#include "crypto/cert.h"
#include "crypto/lockbox.h"
#include "writers/kms_head.h"
#include "writers/kms_user.h"
#include "writers/kms_xml.h"

#define SESSION_SIZE 32 /* AES-256 */
#define IV_SIZE      12
#define THUMBPRINT   8            /* hex digits */
#define WRITE_AT     (256u << 10) /* bytes that are held before they are written */

struct writer {
    struct kf_writer base;
    struct kf_kms_export_options options;
    struct kf_file *document;  /* NULL before begin, after rollback and after finish */
    struct kf_file *signature; /* likewise */
    char *signature_path;
    struct kf_buf session; /* secret */
    struct kf_buf out;     /* public, not yet written */
    size_t count_offset;   /* of the root's users attribute in the document */
    uint64_t iv;           /* the last one used */
    uint64_t users;
    uint64_t keys;
    struct kf_uuid_set *guids;
    struct kf_kms_open_user user;
};

static enum kf_status check_thumbprint(const struct kf_kms_export_options *options,
                                       struct kf_error *error)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    uint8_t sha1[KF_SHA1_SIZE];
    uint8_t given[THUMBPRINT / 2];
    const char *text = options->thumbprint;
    enum kf_status status = kf_x509_encode(options->identity->certificate, &der, error);

    if (status == KF_OK)
        status = kf_digest(options->crypto->sha1, kf_buf_slice(&der), sha1, error);
    kf_buf_reset(&der);
    if (status != KF_OK)
        return KF_FATAL;
    if (text == NULL || !kf_hex_decode(text, strlen(text), given, sizeof(given)))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "the export-signing certificate is confirmed by the first %d hex digits of "
                       "its thumbprint",
                       THUMBPRINT);
    if (memcmp(given, sha1, sizeof(given)) != 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "the thumbprint of the export-signing certificate does not begin with %s",
                       text);
    return KF_OK;
}

static enum kf_status check_options(const struct kf_kms_export_options *options,
                                    struct kf_error *error)
{
    const struct kf_identity *identity = options->identity;

    if (identity == NULL || identity->key == NULL || identity->certificate == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "a KMS export needs an export-signing key and its certificate");
    if (!EVP_PKEY_is_a(identity->key, "RSA"))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "the export-signing key is not RSA, and its lock box would not open");
    return check_thumbprint(options, error);
}

static void close_writer(struct kf_writer *base);

enum kf_status kf_kms_export_open(const struct kf_kms_export_options *options,
                                  struct kf_writer **out, struct kf_error *error)
{
    size_t size = strlen(options->path) + sizeof(".p7s");
    struct writer *writer;

    *out = NULL;
    if (check_options(options, error) != KF_OK)
        return KF_FATAL;
    writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return kf_fail_memory(error);
    writer->base.ops = &kf_writer_kms;
    writer->options = *options;
    writer->out = KF_PUBLIC_BUF;
    kf_kms_user_init(&writer->user);
    writer->signature_path = malloc(size);
    if (writer->signature_path == NULL) {
        close_writer(&writer->base);
        return kf_fail_memory(error);
    }
    (void)snprintf(writer->signature_path, size, "%s.p7s", options->path);
    *out = &writer->base;
    return KF_OK;
}

/* What is held goes to the file. */
static enum kf_status write_out(struct writer *writer, struct kf_error *error)
{
    if (kf_file_append(writer->document, kf_buf_slice(&writer->out), error) != KF_OK)
        return KF_FATAL;
    kf_buf_clear(&writer->out);
    return KF_OK;
}

static enum kf_status begin(struct kf_writer *base, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;
    const struct kf_kms_export_options *options = &writer->options;
    uint64_t seed[2];

    if (kf_file_begin(&writer->document, options->path, options->overwrite, error) != KF_OK ||
        kf_file_begin(&writer->signature, writer->signature_path, options->overwrite, error) !=
            KF_OK ||
        kf_random(options->crypto, (uint8_t *)seed, sizeof(seed), false, error) != KF_OK ||
        kf_uuid_set_new(&writer->guids, seed, error) != KF_OK ||
        kf_buf_reserve(&writer->session, SESSION_SIZE, error) != KF_OK ||
        kf_random(options->crypto, writer->session.data, SESSION_SIZE, true, error) != KF_OK)
        return KF_FATAL;
    writer->session.len = SESSION_SIZE;
    if (kf_kms_put_head(&writer->out, options, kf_buf_slice(&writer->session),
                        &writer->count_offset, error) != KF_OK)
        return KF_FATAL;
    return write_out(writer, error);
}

static enum kf_status end_user(struct writer *writer, struct kf_error *error)
{
    if (kf_kms_user_end(&writer->user, &writer->out, error) != KF_OK)
        return KF_FATAL;
    return writer->out.len >= WRITE_AT ? write_out(writer, error) : KF_OK;
}

/* KF_SKIP: the owner of this record cannot have a user of its own. */
static enum kf_status begin_user(struct writer *writer, const struct kf_record *record,
                                 const struct kf_cert_facts *facts, struct kf_error *error)
{
    char guid[KF_UUID_SIZE];
    bool added = false;

    if (writer->users == KF_MAX_KMS_USERS)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a KMS export holds at most %u users",
                       KF_MAX_KMS_USERS);
    if (end_user(writer, error) != KF_OK)
        return KF_FATAL;
    if (!kf_uuid_parse(record->mailbox_guid, guid) &&
        kf_kms_random_uuid(writer->options.crypto, guid, error) != KF_OK)
        return KF_FATAL;
    if (kf_uuid_set_add(writer->guids, guid, &added, error) != KF_OK)
        return KF_FATAL;
    if (!added)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "kms-export, Document",
                       "mailbox %s comes back after another one; a KMS export has each once", guid);
    writer->users++;
    return kf_kms_user_begin(&writer->user, writer->users, guid, record, facts, error);
}

static enum kf_status add_key(struct writer *writer, const struct kf_record *record,
                              const struct kf_cert_facts *facts, struct kf_error *error)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;
    uint8_t iv[IV_SIZE] = {0};
    enum kf_status status;

    writer->iv++;
    for (unsigned i = 0; i < 8; i++)
        iv[IV_SIZE - 1 - i] = (uint8_t)(writer->iv >> (8 * i));
    status =
        kf_bulk_encrypt(writer->options.crypto, KF_BULK_AES256_GCM, kf_buf_slice(&writer->session),
                        iv, kf_buf_slice(&record->pkcs8), &sealed, error);
    if (status == KF_OK)
        status = kf_kms_user_add(&writer->user, record, facts, kf_buf_slice(&sealed), error);
    kf_buf_reset(&sealed);
    if (status == KF_OK)
        writer->keys++;
    return status;
}

static enum kf_status decide(struct kf_record *record, enum kf_outcome outcome, enum kf_cause cause,
                             const char *why)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    (void)!kf_fail(&error, KF_SKIP, cause, NULL, "%s", why);
    kf_error_line(&error, record->line);
    kf_error_place(&error, "%s", record->place);
    kf_record_decide(record, outcome, &error);
    return KF_OK;
}

/* A record whose certificate is known and may encrypt. */
static enum kf_status put_encryption_key(struct writer *writer, struct kf_record *record,
                                         const struct kf_cert_facts *facts, struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status = KF_OK;

    if (!kf_kms_user_is(&writer->user, record, facts))
        status = begin_user(writer, record, facts, &why);
    else if (kf_kms_user_has(&writer->user, facts->sha256))
        return decide(record, KF_KNOWN, KF_CAUSE_POLICY,
                      "this user has a key of this certificate in the export already");
    if (status == KF_OK)
        status = add_key(writer, record, facts, &why);
    if (status == KF_OK) {
        kf_record_decide(record, KF_ARCHIVED, &why);
        return KF_OK;
    }
    if (status == KF_SKIP)
        return decide(record, KF_FAILED, why.cause, why.text);
    if (error != NULL)
        *error = why;
    return KF_FATAL;
}

static enum kf_status put(struct kf_writer *base, const char *input, struct kf_record *record,
                          struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;
    struct kf_cert_facts parsed = {.version = 0};
    const struct kf_cert_facts *facts = record->has_facts ? &record->facts : &parsed;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    (void)input;
    if (writer->document == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "the export is not open");
    if (record->outcome != KF_PENDING)
        return KF_OK;
    if (record->key_mismatch) {
        why = record->error;
        kf_record_decide(record, KF_FAILED, &why);
        return KF_OK;
    }
    if (record->cert.len == 0)
        return decide(record, KF_REFUSED, KF_CAUSE_UNSUPPORTED,
                      "a key without a certificate has no place in a KMS export");
    if (record->pkcs8.len == 0)
        return decide(record, KF_FAILED, KF_CAUSE_INTERNAL, "there is no private key to export");
    if (!record->has_facts &&
        kf_cert_parse(writer->options.crypto, kf_buf_slice(&record->cert), &parsed, &why) != KF_OK)
        return decide(record, KF_FAILED, why.cause, why.text);
    if (kf_cert_may_encrypt(facts))
        status = put_encryption_key(writer, record, facts, error);
    else
        status = decide(record, KF_SKIPPED, KF_CAUSE_POLICY,
                        "a signing key, and a KMS export has encryption keys only");
    kf_cert_facts_reset(&parsed);
    return status;
}

/* An export is whole or not there, so nothing of it is kept for good; but memory is given back. */
static enum kf_status commit(struct kf_writer *base, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)position;
    (void)totals;
    return writer->document != NULL ? write_out(writer, error) : KF_OK;
}

static void rollback(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    kf_file_discard(writer->document);
    kf_file_discard(writer->signature);
    writer->document = NULL;
    writer->signature = NULL;
    kf_kms_user_reset(&writer->user);
    kf_buf_reset(&writer->session);
}

/* The number of users, into the room that was left for it. */
static enum kf_status write_count(struct writer *writer, struct kf_error *error)
{
    char attribute[KF_KMS_COUNT_ROOM + 1];
    int len = snprintf(attribute, sizeof(attribute), "users=\"%" PRIu64 "\"", writer->users);

    return kf_file_patch(writer->document, writer->count_offset,
                         (struct kf_slice){(const uint8_t *)attribute, (size_t)len}, error);
}

static enum kf_status sign(struct writer *writer, struct kf_error *error)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_input *input = NULL;
    const char *path = NULL;
    enum kf_status status = kf_file_flush(writer->document, &path, error);

    if (status == KF_OK)
        status = kf_input_open(&input, path, error);
    if (status == KF_OK)
        status = kf_detached_sign(writer->options.crypto, writer->options.identity, input,
                                  &signature, error);
    if (status == KF_OK)
        status = kf_file_append(writer->signature, kf_buf_slice(&signature), error);
    kf_input_close(input);
    kf_buf_reset(&signature);
    return status == KF_OK ? KF_OK : KF_FATAL;
}

/* The signature first: a document without one could be taken for an unsigned export. */
static enum kf_status publish(struct writer *writer, struct kf_error *error)
{
    struct kf_file *signature = writer->signature;
    struct kf_file *document = writer->document;

    writer->signature = NULL; /* commit frees them in any case */
    if (kf_file_commit(signature, error) != KF_OK)
        return KF_FATAL;
    writer->document = NULL;
    if (kf_file_commit(document, error) == KF_OK)
        return KF_OK;
    if (!writer->options.overwrite)
        (void)remove(writer->signature_path);
    return KF_FATAL;
}

static enum kf_status finish(struct kf_writer *base, const struct kf_totals *totals,
                             struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)totals;
    if (writer->document == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "the export is not open");
    if (end_user(writer, error) != KF_OK ||
        kf_xml_put(&writer->out, error,
                   "  <End users=\"%" PRIu64 "\" certificates=\"%" PRIu64 "\" keys=\"%" PRIu64
                   "\"/>\n</KMSExport>\n",
                   writer->users, writer->keys, writer->keys) != KF_OK ||
        write_out(writer, error) != KF_OK || write_count(writer, error) != KF_OK ||
        sign(writer, error) != KF_OK)
        return KF_FATAL;
    return publish(writer, error);
}

static void close_writer(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    if (writer == NULL)
        return;
    rollback(base);
    kf_uuid_set_free(writer->guids);
    kf_buf_reset(&writer->out);
    free(writer->signature_path);
    free(writer);
}

const struct kf_writer_ops kf_writer_kms = {
    .name = "kms",
    .summary = "a KMS export (XML), signed and encrypted to its export-signing certificate",
    .needs = KF_NEEDS_CLEAR,
    .begin = begin,
    .put = put,
    .commit = commit,
    .rollback = rollback,
    .finish = finish,
    .close = close_writer,
};

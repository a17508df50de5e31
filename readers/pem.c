/*
 * The reader of PEM and DER private keys with their certificates: docs/formats/pem.md.
 *
 * RFC 7468 blocks of PKCS #8 (RFC 5958), encrypted PKCS #8, PKCS #1 (RFC 8017), SEC 1 (RFC 5915)
 * and OpenSSL's traditional encryption, or one such value in DER. A key's certificate is in the
 * same file, or in x.crt, x.cer, x.pem or x.der beside x.key; the public key decides which it is. A
 * file of certificates only has no records: there is no key in it to account for.
 *
 * Refuses on purpose: keys of other kinds (OpenSSH's, say), and keys that no certificate belongs
 * to.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files.h"
#include "crypto/cert.h"
#include "crypto/privkey.h"
#include "readers/formats.h"
#include "readers/pem_key.h"

#define BATCH_RECORDS 64
#define MAX_FILES     9 /* the input and those beside it */

struct pem_reader {
    struct kf_reader base;
    struct kf_reader_options options;
    struct kf_pem_file files[MAX_FILES]; /* the input first */
    char *paths[MAX_FILES];              /* of those beside it */
    size_t file_count;
    struct kf_cert_facts *certs;             /* of all files; slices point into their blocks */
    uint8_t (*fingerprints)[KF_SHA256_SIZE]; /* of the public keys; zero where there is none */
    size_t cert_count;
    size_t bytes;
    bool was_given; /* the one item */
};

struct pem_item {
    struct kf_item base;
    size_t next; /* block of the input */
};

static bool has_key(const struct kf_pem_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        if (kf_pem_is_key(&file->blocks[i]))
            return true;
    }
    return false;
}

/* A file beside the input. What cannot be read as PEM or DER is not its certificate. */
static enum kf_status add_sibling(struct pem_reader *reader, const char *path,
                                  struct kf_error *error)
{
    struct kf_pem_file *file = &reader->files[reader->file_count];
    struct kf_buf bytes = KF_SECRET_BUF; /* there may be a key in it as well */
    enum kf_status status = KF_SKIP;

    if (access(path, R_OK) != 0 || reader->file_count == MAX_FILES)
        return KF_OK;
    status = kf_file_read(path, KF_MAX_KEY_FILE, &bytes, NULL);
    if (status == KF_OK)
        status = kf_pem_parse(kf_buf_slice(&bytes), &reader->options.limits, file, NULL);
    kf_buf_reset(&bytes);
    if (status != KF_OK) {
        kf_pem_reset(file);
        return status == KF_FATAL ? kf_fail_memory(error) : KF_OK;
    }
    reader->paths[reader->file_count] = kf_strndup(path, strlen(path));
    if (reader->paths[reader->file_count] == NULL)
        return kf_fail_memory(error);
    reader->file_count++;
    return KF_OK;
}

/* x.crt and the like for x.key, and for x.key.pem */
static enum kf_status add_siblings(struct pem_reader *reader, const char *path,
                                   struct kf_error *error)
{
    static const char *const endings[] = {".crt", ".cer", ".pem", ".der",
                                          ".CRT", ".CER", ".PEM", ".DER"};
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(path, '.');
    size_t stem =
        dot != NULL && (slash == NULL || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);
    size_t size = strlen(path) + 8;
    char *other = malloc(size);
    enum kf_status status = KF_OK;

    if (other == NULL)
        return kf_fail_memory(error);
    if (stem > 4 && strncmp(path + stem - 4, ".key", 4) == 0)
        stem -= 4;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && status == KF_OK; i++) {
        (void)snprintf(other, size, "%.*s%s", (int)stem, path, endings[i]);
        if (strcmp(other, path) != 0)
            status = add_sibling(reader, other, error);
    }
    free(other);
    return status;
}

/* Facts of every certificate that can be read. */
static enum kf_status list_certificates(struct pem_reader *reader, struct kf_error *error)
{
    const struct kf_crypto *crypto = reader->options.crypto;
    size_t total = 0;

    for (size_t i = 0; i < reader->file_count; i++)
        total += reader->files[i].count;
    reader->certs = calloc(total + 1, sizeof(*reader->certs));
    reader->fingerprints = calloc(total + 1, sizeof(*reader->fingerprints));
    if (reader->certs == NULL || reader->fingerprints == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < reader->file_count; i++) {
        for (size_t j = 0; j < reader->files[i].count; j++) {
            struct kf_pem_block *block = &reader->files[i].blocks[j];
            struct kf_cert_facts *facts = &reader->certs[reader->cert_count];

            if (block->kind != KF_PEM_CERTIFICATE || block->error.cause != KF_CAUSE_NONE)
                continue;
            if (kf_cert_parse(crypto, kf_buf_slice(&block->bytes), facts, &block->error) != KF_OK)
                continue;
            if (kf_spki_fingerprint(crypto, facts->spki_der,
                                    reader->fingerprints[reader->cert_count], NULL) == KF_FATAL)
                return kf_fail_memory(error);
            reader->cert_count++;
        }
    }
    return KF_OK;
}

static enum kf_status load(struct pem_reader *reader, struct kf_input *input,
                           struct kf_error *error)
{
    struct kf_buf bytes = KF_SECRET_BUF;
    enum kf_status status = kf_input_read_all(input, &bytes, KF_MAX_KEY_FILE, error);

    reader->bytes = bytes.len;
    reader->file_count = 1;
    if (status == KF_OK)
        status =
            kf_pem_parse(kf_buf_slice(&bytes), &reader->options.limits, &reader->files[0], error);
    if (status == KF_OK && kf_input_path(input) != NULL && has_key(&reader->files[0]))
        status = add_siblings(reader, kf_input_path(input), error);
    if (status == KF_OK)
        status = list_certificates(reader, error);
    kf_buf_reset(&bytes);
    return status;
}

static void free_reader(struct pem_reader *reader)
{
    for (size_t i = 0; i < reader->cert_count; i++)
        kf_cert_facts_reset(&reader->certs[i]);
    for (size_t i = 0; i < MAX_FILES; i++) {
        kf_pem_reset(&reader->files[i]);
        free(reader->paths[i]);
    }
    free(reader->certs);
    free(reader->fingerprints);
    free(reader);
}

static enum kf_status pem_open(struct kf_reader **out, struct kf_input *input,
                               const struct kf_reader_options *options, struct kf_error *error)
{
    struct pem_reader *reader = calloc(1, sizeof(*reader));
    enum kf_status status;

    *out = NULL;
    if (reader == NULL)
        return kf_fail_memory(error);
    reader->options = *options;
    status = load(reader, input, error);
    if (status != KF_OK) {
        free_reader(reader);
        return status;
    }
    reader->base = (struct kf_reader){.ops = &kf_reader_pem, .input = input};
    *out = &reader->base;
    return KF_OK;
}

static void pem_close(struct kf_reader *base)
{
    if (base == NULL)
        return;
    kf_input_close(base->input);
    free_reader((struct pem_reader *)base);
}

static enum kf_status pem_next(struct kf_reader *base, struct kf_item **out, struct kf_error *error)
{
    struct pem_reader *reader = (struct pem_reader *)base;
    struct pem_item *item;

    *out = NULL;
    if (reader->was_given)
        return KF_END;
    item = calloc(1, sizeof(*item));
    if (item == NULL)
        return kf_fail_memory(error);
    reader->was_given = true;
    item->base = (struct kf_item){.ordinal = 1, .cost = reader->bytes};
    *out = &item->base;
    return KF_OK;
}

static void pem_free_item(struct kf_item *item)
{
    free(item);
}

static enum kf_status add_chain(const struct pem_reader *reader, struct kf_record *record,
                                struct kf_error *error)
{
    size_t *picked = calloc(reader->cert_count + 1, sizeof(*picked));
    size_t count;
    enum kf_status status = KF_OK;

    if (picked == NULL)
        return kf_fail_memory(error);
    count = kf_chain_pick(reader->options.crypto, &record->facts, reader->certs, reader->cert_count,
                          picked);
    record->chain = calloc(count + 1, sizeof(*record->chain));
    if (record->chain == NULL)
        status = kf_fail_memory(error);
    for (size_t i = 0; i < count && status == KF_OK; i++) {
        record->chain[i] = KF_PUBLIC_BUF;
        record->chain_count = i + 1;
        status = kf_buf_set(&record->chain[i], reader->certs[picked[i]].der, error);
    }
    free(picked);
    return status;
}

static enum kf_status take_certificate(const struct pem_reader *reader,
                                       const struct kf_cert_facts *facts, struct kf_record *record,
                                       struct kf_error *error)
{
    enum kf_status status = kf_buf_set(&record->cert, facts->der, error);

    if (status == KF_OK)
        status = kf_cert_parse(reader->options.crypto, kf_buf_slice(&record->cert), &record->facts,
                               error);
    record->has_facts = status == KF_OK;
    return status == KF_OK ? add_chain(reader, record, error) : status;
}

/* The newest certificate of the key, from the input or from beside it. */
static enum kf_status find_certificate(const struct pem_reader *reader, struct kf_record *record,
                                       struct kf_error *error)
{
    const struct kf_crypto *crypto = reader->options.crypto;
    const struct kf_cert_facts *best = NULL;
    struct kf_privkey key;
    uint8_t fingerprint[KF_SHA256_SIZE];
    bool belongs = false;
    enum kf_status status = kf_privkey_parse(kf_buf_slice(&record->pkcs8), &key, error);

    if (status == KF_OK)
        status = kf_privkey_fingerprint(crypto, &key, fingerprint, error);
    if (status != KF_OK)
        return status;
    for (size_t i = 0; i < reader->cert_count; i++) {
        if (memcmp(reader->fingerprints[i], fingerprint, sizeof(fingerprint)) == 0 &&
            (best == NULL || reader->certs[i].not_before > best->not_before))
            best = &reader->certs[i];
    }
    if (best == NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "no certificate for this key in the file, nor beside it");
    status = kf_privkey_match(crypto, &key, best->spki_der, &belongs, error);
    if (status != KF_OK)
        return status;
    if (!belongs)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "the key is not its certificate's");
    return take_certificate(reader, best, record, error);
}

static enum kf_status add_key(const struct pem_reader *reader, const struct kf_pem_block *block,
                              struct kf_batch *batch, struct kf_error *error)
{
    struct kf_record *record = kf_batch_add(batch, error);
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (record == NULL)
        return KF_FATAL;
    record->line = block->line;
    (void)snprintf(record->place, sizeof(record->place), "%s", block->label);
    status = kf_pem_open_key(&reader->options, block, record, &why);
    if (status == KF_OK)
        status = find_certificate(reader, record, &why);
    if (status == KF_FATAL)
        *error = why;
    if (status != KF_SKIP)
        return status;
    kf_buf_reset(&record->pkcs8);
    kf_error_line(&why, block->line);
    kf_record_decide(record, KF_FAILED, &why);
    return KF_OK;
}

static enum kf_status pem_decode(const struct kf_reader *base, struct kf_item *base_item,
                                 struct kf_batch *batch, struct kf_error *error)
{
    const struct pem_reader *reader = (const struct pem_reader *)base;
    struct pem_item *item = (struct pem_item *)base_item;
    const struct kf_pem_file *file = &reader->files[0];

    while (item->next < file->count && batch->count < BATCH_RECORDS) {
        const struct kf_pem_block *block = &file->blocks[item->next++];

        if (kf_pem_is_key(block) && add_key(reader, block, batch, error) != KF_OK)
            return KF_FATAL;
    }
    return item->next < file->count ? KF_OK : KF_END;
}

static void tell_block(const struct kf_outline *outline, const struct kf_pem_block *block)
{
    const struct kf_outline_ops *ops = outline->ops;
    char text[sizeof(block->error)];

    ops->begin(outline->context, "blocks", block->label);
    ops->text(outline->context, "label", block->label);
    if (block->line != 0)
        ops->number(outline->context, "line", block->line);
    ops->number(outline->context, "bytes", block->bytes.len);
    if (block->kind == KF_PEM_ENCRYPTED || block->cipher[0] != '\0')
        ops->flag(outline->context, "encrypted", true);
    if (block->cipher[0] != '\0')
        ops->text(outline->context, "algorithm", block->cipher);
    if (block->error.cause != KF_CAUSE_NONE) {
        kf_error_format(&block->error, NULL, text, sizeof(text));
        ops->text(outline->context, "problem", text);
    }
    ops->end(outline->context);
}

static enum kf_status pem_describe(struct kf_reader *base, bool before, struct kf_outline *outline,
                                   struct kf_error *error)
{
    const struct pem_reader *reader = (const struct pem_reader *)base;

    (void)before;
    (void)error;
    for (size_t i = 1; i < reader->file_count; i++) {
        outline->ops->begin(outline->context, "beside", reader->paths[i]);
        outline->ops->number(outline->context, "blocks", reader->files[i].count);
        outline->ops->end(outline->context);
    }
    for (size_t i = 0; i < reader->files[0].count; i++)
        tell_block(outline, &reader->files[0].blocks[i]);
    return KF_OK;
}

/* x.key or x.key.pem beside x.crt: whose key the input's certificate is, that file will tell */
static bool has_key_beside(const char *path)
{
    static const char *const endings[] = {".key", ".KEY", ".key.pem"};
    const char *dot = path != NULL ? strrchr(path, '.') : NULL;
    char other[PATH_MAX];

    for (size_t i = 0; dot != NULL && i < sizeof(endings) / sizeof(endings[0]); i++) {
        int len = snprintf(other, sizeof(other), "%.*s%s", (int)(dot - path), path, endings[i]);

        if (len > 0 && (size_t)len < sizeof(other) && access(other, R_OK) == 0)
            return true;
    }
    return false;
}

/* Certificates that nobody will miss are many; those that no key was ever seen of, are told. */
static void pem_remark(const struct kf_reader *base, struct kf_remarks *out)
{
    const struct pem_reader *reader = (const struct pem_reader *)base;
    const struct kf_pem_file *file = &reader->files[0];
    size_t good = 0;
    size_t bad = 0;

    for (size_t i = 0; i < file->count; i++) {
        if (file->blocks[i].kind != KF_PEM_CERTIFICATE)
            continue;
        good += file->blocks[i].error.cause == KF_CAUSE_NONE;
        bad += file->blocks[i].error.cause != KF_CAUSE_NONE && !file->blocks[i].is_open;
    }
    if (bad != 0)
        (void)snprintf(out->items[out->count++].text, sizeof(out->items[0].text),
                       "holds %zu certificate%s that cannot be read", bad, bad == 1 ? "" : "s");
    if (has_key(file) || has_key_beside(kf_input_path(base->input)))
        return;
    out->certificates = good;
    (void)snprintf(out->items[out->count++].text, sizeof(out->items[0].text),
                   "holds no private key, only %zu certificate%s", good, good == 1 ? "" : "s");
}

const struct kf_reader_ops kf_reader_pem = {
    .name = "pem",
    .summary = "private keys in PEM or DER (PKCS #8, PKCS #1, SEC 1) with certificates",
    .takes_password = true,
    .bid = kf_pem_bid,
    .open = pem_open,
    .next = pem_next,
    .decode = pem_decode,
    .free_item = pem_free_item,
    .describe = pem_describe,
    .remark = pem_remark,
    .close = pem_close,
};

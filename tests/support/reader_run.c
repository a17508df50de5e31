/*
 * Any reader, run from memory or a file: see reader_run.h.
 */
#include "tests/support/reader_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/material.h"

static void die(const char *what)
{
    (void)fprintf(stderr, "reader_run: %s\n", what);
    exit(1);
}

struct lines {
    struct kf_buf text;
    int depth;
};

static void line(struct lines *lines, const char *name, const char *value)
{
    char text[2048];
    int len = snprintf(text, sizeof(text), "%*s%s: %s\n", 2 * lines->depth, "", name,
                       value != NULL ? value : "-");

    if (len < 0 || kf_buf_append(&lines->text, text, strlen(text), NULL) != KF_OK)
        die("memory");
}

static void tell_begin(void *context, const char *list, const char *title)
{
    struct lines *lines = context;

    line(lines, list, title);
    lines->depth++;
}

static void tell_text(void *context, const char *name, const char *value)
{
    if (value != NULL)
        line(context, name, value);
}

static void tell_number(void *context, const char *name, uint64_t value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    line(context, name, text);
}

static void tell_flag(void *context, const char *name, bool value)
{
    line(context, name, value ? "true" : "false");
}

static void tell_end(void *context)
{
    ((struct lines *)context)->depth--;
}

static char *describe(struct kf_reader *reader, bool before)
{
    static const struct kf_outline_ops ops = {tell_begin, tell_text, tell_number, tell_flag,
                                              tell_end};
    struct lines lines = {.text = KF_PUBLIC_BUF};
    struct kf_outline outline = {&ops, &lines};
    char *text = NULL;

    if (reader->ops->describe(reader, before, &outline, NULL) == KF_OK && lines.depth == 0)
        text = kf_strndup(lines.text.len > 0 ? (const char *)lines.text.data : "", lines.text.len);
    kf_buf_reset(&lines.text);
    return text;
}

static void keep(struct reader_run *run, struct kf_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = kf_batch_add(&run->records, NULL);

        if (record == NULL)
            die("memory");
        *record = batch->records[i];
        kf_record_init(&batch->records[i]);
        if (record->outcome == KF_FAILED)
            run->failed++;
        else if (record->pkcs8.len != 0 && record->cert.len != 0 && !record->key_mismatch)
            run->proven++;
    }
    kf_batch_reset(batch);
}

static void decode_all(struct reader_run *run, struct kf_reader *reader)
{
    struct kf_item *item = NULL;

    while ((run->status = reader->ops->next(reader, &item, &run->error)) == KF_OK) {
        enum kf_status status = KF_OK;

        while (status == KF_OK) {
            struct kf_batch batch = {.records = NULL};

            status = reader->ops->decode(reader, item, &batch, &run->error);
            keep(run, &batch);
        }
        reader->ops->free_item(item);
        if (status != KF_END) {
            run->status = status;
            return;
        }
    }
}

void reader_run(struct reader_run *run, const struct kf_reader_ops *ops, struct kf_input *input,
                const struct kf_reader_options *options)
{
    struct kf_reader_options own = *options;
    struct kf_reader *reader = NULL;

    *run = (struct reader_run){.status = KF_OK};
    own.crypto = material_crypto();
    if (own.limits.file_entries == 0)
        own.limits = KF_LIMITS_DEFAULT;
    run->status = ops->open(&reader, input, &own, &run->error);
    if (run->status != KF_OK) {
        kf_input_close(input);
        return;
    }
    decode_all(run, reader);
    run->outline = describe(reader, false);
    reader->ops->close(reader);
}

static struct kf_input *from_memory(struct kf_slice bytes)
{
    struct kf_input *input = NULL;

    if (kf_input_from_memory(&input, "memory", bytes, NULL) != KF_OK)
        die("memory");
    return input;
}

void reader_run_bytes(struct reader_run *run, const struct kf_reader_ops *ops,
                      struct kf_slice bytes, struct kf_secrets *secrets)
{
    const struct kf_reader_options options = {.secrets = secrets};

    reader_run(run, ops, from_memory(bytes), &options);
}

void reader_run_file(struct reader_run *run, const struct kf_reader_ops *ops, const char *path,
                     struct kf_secrets *secrets)
{
    const struct kf_reader_options options = {.secrets = secrets};
    struct kf_input *input = NULL;

    if (kf_input_open(&input, path, NULL) != KF_OK)
        die(path);
    reader_run(run, ops, input, &options);
}

char *reader_run_before(const struct kf_reader_ops *ops, struct kf_slice bytes,
                        struct kf_secrets *secrets)
{
    const struct kf_reader_options options = {
        .crypto = material_crypto(), .secrets = secrets, .limits = KF_LIMITS_DEFAULT};
    struct kf_input *input = from_memory(bytes);
    struct kf_reader *reader = NULL;
    char *text = NULL;

    if (ops->open(&reader, input, &options, NULL) != KF_OK) {
        kf_input_close(input);
        return NULL;
    }
    text = describe(reader, true);
    reader->ops->close(reader);
    return text;
}

void reader_run_reset(struct reader_run *run)
{
    kf_batch_reset(&run->records);
    free(run->outline);
    *run = (struct reader_run){.status = KF_OK};
}

const struct kf_error *reader_run_error(const struct reader_run *run)
{
    if (run->error.cause != KF_CAUSE_NONE)
        return &run->error;
    for (size_t i = 0; i < run->records.count; i++) {
        if (run->records.records[i].error.cause != KF_CAUSE_NONE)
            return &run->records.records[i].error;
    }
    return &run->error;
}

struct kf_secrets *secrets_with(const char *password, EVP_PKEY *key, X509 *certificate)
{
    struct kf_secrets *secrets = NULL;
    struct kf_identity identity = {.key = key, .certificate = certificate};
    struct kf_buf bytes = KF_SECRET_BUF;

    if (kf_secrets_new(&secrets, NULL) != KF_OK)
        die("memory");
    if (password != NULL &&
        (kf_buf_append(&bytes, password, strlen(password), NULL) != KF_OK ||
         kf_secrets_add_password(secrets, &bytes, false, "the password", NULL) != KF_OK))
        die("memory");
    if (key == NULL)
        return secrets;
    identity.label = kf_strndup("the agent", 9);
    if (EVP_PKEY_up_ref(key) != 1 || (certificate != NULL && X509_up_ref(certificate) != 1) ||
        kf_secrets_add_identity(secrets, &identity, NULL) != KF_OK)
        die("an identity");
    return secrets;
}

bool record_has_key(const struct kf_record *record, const EVP_PKEY *key)
{
    const uint8_t *at = record->pkcs8.data;
    PKCS8_PRIV_KEY_INFO *info = NULL;
    EVP_PKEY *own = NULL;
    bool same;

    if (record->pkcs8.len == 0)
        return false;
    info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)record->pkcs8.len);
    if (info != NULL)
        own = EVP_PKCS82PKEY_ex(info, material_crypto()->library, NULL);
    same = own != NULL && EVP_PKEY_eq(own, key) == 1;
    EVP_PKEY_free(own);
    PKCS8_PRIV_KEY_INFO_free(info);
    return same;
}

const struct kf_record *find_record(const struct reader_run *run, const EVP_PKEY *key)
{
    for (size_t i = 0; i < run->records.count; i++) {
        if (record_has_key(&run->records.records[i], key))
            return &run->records.records[i];
    }
    return NULL;
}

/*
 * The PKCS #12 reader, run from memory: see pfx_run.h.
 */
#include "tests/support/pfx_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secrets.h"
#include "readers/formats.h"
#include "tests/support/material.h"

static void die(const char *what)
{
    (void)fprintf(stderr, "pfx_run: %s\n", what);
    exit(1);
}

/* Lines of an outline */
struct lines {
    struct kf_buf text;
    int depth;
};

static void line(struct lines *lines, const char *name, const char *value)
{
    for (int i = 0; i < lines->depth; i++) {
        if (kf_buf_append(&lines->text, "  ", 2, NULL) != KF_OK)
            die("memory");
    }
    if (kf_buf_append(&lines->text, name, strlen(name), NULL) != KF_OK ||
        kf_buf_append(&lines->text, ": ", 2, NULL) != KF_OK ||
        kf_buf_append(&lines->text, value, strlen(value), NULL) != KF_OK ||
        kf_buf_append(&lines->text, "\n", 1, NULL) != KF_OK)
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
        text = kf_strndup(lines.text.data, lines.text.len);
    kf_buf_reset(&lines.text);
    return text;
}

static struct kf_secrets *secrets_of(const struct pfx_password *passwords)
{
    struct kf_secrets *secrets = NULL;

    if (kf_secrets_new(&secrets, NULL) != KF_OK)
        die("memory");
    for (size_t i = 0; passwords != NULL && passwords[i].len != SIZE_MAX; i++) {
        struct kf_buf bytes = KF_SECRET_BUF;
        const char *text = passwords[i].bytes != NULL ? passwords[i].bytes : "";
        size_t len = passwords[i].len != 0 ? passwords[i].len : strlen(text);
        char label[32];

        (void)snprintf(label, sizeof(label), "password %zu", i + 1);
        if (kf_buf_append(&bytes, text, len, NULL) != KF_OK ||
            kf_secrets_add_password(secrets, &bytes, passwords[i].bytes == NULL, label, NULL) !=
                KF_OK)
            die("memory");
    }
    return secrets;
}

static void keep(struct pfx_run *run, struct kf_batch *batch)
{
    if (batch->count > run->largest_batch)
        run->largest_batch = batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = kf_batch_add(&run->records, NULL);

        if (record == NULL)
            die("memory");
        *record = batch->records[i];
        kf_record_init(&batch->records[i]);
        if (record->outcome == KF_FAILED)
            run->failed++;
        else if (record->key_mismatch)
            run->mismatched++;
        else if (record->pkcs8.len != 0 && record->cert.len != 0)
            run->proven++;
    }
    kf_batch_reset(batch);
}

static void decode_all(struct pfx_run *run, struct kf_reader *reader)
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

void pfx_run(struct pfx_run *run, struct kf_slice bytes, const struct pfx_password *passwords,
             const struct kf_reader_options *options)
{
    struct kf_reader_options own = {.limits = KF_LIMITS_DEFAULT};
    struct kf_secrets *secrets = secrets_of(passwords);
    struct kf_input *input = NULL;
    struct kf_reader *reader = NULL;

    *run = (struct pfx_run){.status = KF_OK};
    if (options != NULL)
        own = *options;
    own.crypto = material_crypto();
    own.secrets = secrets;
    if (kf_input_from_memory(&input, "memory", bytes, NULL) != KF_OK)
        die("memory");
    run->status = kf_reader_pfx.open(&reader, input, &own, &run->error);
    if (run->status == KF_OK) {
        decode_all(run, reader);
        run->outline = describe(reader, false);
        reader->ops->remark(reader, &run->remarks);
        reader->ops->close(reader);
    } else {
        kf_input_close(input);
    }
    kf_secrets_free(secrets);
}

void pfx_run_with(struct pfx_run *run, struct kf_slice bytes, const char *password)
{
    const struct pfx_password passwords[] = {{password, 0}, PFX_END};

    pfx_run(run, bytes, passwords, NULL);
}

char *pfx_run_before(struct kf_slice bytes)
{
    const struct kf_reader_options options = {.crypto = material_crypto(),
                                              .limits = KF_LIMITS_DEFAULT};
    struct kf_input *input = NULL;
    struct kf_reader *reader = NULL;
    char *text = NULL;

    if (kf_input_from_memory(&input, "memory", bytes, NULL) != KF_OK)
        die("memory");
    if (kf_reader_pfx.open(&reader, input, &options, NULL) != KF_OK) {
        kf_input_close(input);
        return NULL;
    }
    text = describe(reader, true);
    reader->ops->close(reader);
    return text;
}

void pfx_run_reset(struct pfx_run *run)
{
    kf_batch_reset(&run->records);
    free(run->outline);
    *run = (struct pfx_run){.status = KF_OK};
}

const struct kf_error *pfx_run_error(const struct pfx_run *run)
{
    if (run->error.cause != KF_CAUSE_NONE)
        return &run->error;
    for (size_t i = 0; i < run->records.count; i++) {
        if (run->records.records[i].error.cause != KF_CAUSE_NONE)
            return &run->records.records[i].error;
    }
    return &run->error;
}

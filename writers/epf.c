/*
 * The writer "epf": see epf.h for the contract, docs/formats/epf.md for the dialect.
 *
 * Nobody but this project writes this dialect; it stays within what the reader can prove, and takes
 * the strongest value of each dimension. Each key has a salt of its own.
 *
 * Refuses on purpose: keys without a certificate, which no reader could prove.
 */
#include "writers/epf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "crypto/epf.h"
#include "writers/outfiles.h"
#include "writers/passlist.h"
#include "writers/userkeys.h"

#define MASTER_SIZE 32
#define SALT_SIZE   16
#define MAX_VALUE   (KF_MAX_EPF_LINE / 4 * 3 - 64) /* bytes that fit a line in base64 */

static const struct kf_epf_dialect dialect = {{
    [KF_EPF_DIGEST] = KF_EPF_SHA256,
    [KF_EPF_COUNT] = KF_EPF_TOTAL,
    [KF_EPF_SALT] = KF_EPF_TEXT,
    [KF_EPF_REST] = KF_EPF_FIRST,
    [KF_EPF_CIPHER] = KF_EPF_AES256,
    [KF_EPF_PLAINTEXT] = KF_EPF_PKCS8,
}};

struct writer {
    struct kf_writer base;
    struct kf_epf_export_options options;
    struct kf_outfiles *files;
    struct kf_passlist list;
    struct kf_buf master; /* secret; of the random passwords */
    struct kf_user_keys user;
};

static void close_writer(struct kf_writer *base);

enum kf_status kf_epf_export_open(const struct kf_epf_export_options *options,
                                  struct kf_writer **out, struct kf_error *error)
{
    const struct kf_outfiles_options where = {.path = options->path,
                                              .ending = ".epf",
                                              .overwrite = options->overwrite,
                                              .dry_run = options->dry_run};
    struct writer *writer = calloc(1, sizeof(*writer));

    *out = NULL;
    if (writer == NULL)
        return kf_fail_memory(error);
    writer->base.ops = &kf_writer_epf;
    writer->options = *options;
    if (kf_outfiles_new(&where, &writer->files, error) != KF_OK ||
        kf_buf_reserve(&writer->master, MASTER_SIZE, error) != KF_OK ||
        kf_random(options->crypto, writer->master.data, MASTER_SIZE, true, error) != KF_OK) {
        close_writer(&writer->base);
        return KF_FATAL;
    }
    writer->master.len = MASTER_SIZE;
    *out = &writer->base;
    return KF_OK;
}

static enum kf_status begin(struct kf_writer *base, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    if (kf_outfiles_begin(writer->files, error) != KF_OK)
        return KF_FATAL;
    if (writer->options.password != NULL)
        return KF_OK;
    return kf_passlist_begin(&writer->list, writer->files, writer->options.overwrite, error);
}

static enum kf_status add_text(struct kf_buf *out, const char *text, struct kf_error *error)
{
    return kf_buf_append(out, text, strlen(text), error);
}

/* "name=" and base64 */
static enum kf_status add_bytes(struct kf_buf *out, const char *name, struct kf_slice bytes,
                                struct kf_error *error)
{
    if (add_text(out, name, error) != KF_OK || add_text(out, "=", error) != KF_OK ||
        kf_base64_encode(out, bytes, error) != KF_OK)
        return KF_FATAL;
    return add_text(out, "\r\n", error);
}

/* "name=" and text, on one line whatever is in it */
static enum kf_status add_line(struct kf_buf *out, const char *name, const char *text,
                               struct kf_error *error)
{
    if (add_text(out, name, error) != KF_OK || add_text(out, "=", error) != KF_OK)
        return KF_FATAL;
    for (const char *at = text; *at != '\0'; at++) {
        char c = (uint8_t)*at < 0x20 || *at == 0x7f ? '?' : *at;

        if (kf_buf_append(out, &c, 1, error) != KF_OK)
            return KF_FATAL;
    }
    return add_text(out, "\r\n", error);
}

static enum kf_status add_sealed(const struct writer *writer, const struct kf_user_key *key,
                                 const struct kf_buf *password, struct kf_buf *out,
                                 struct kf_error *error)
{
    const struct kf_crypto *crypto = writer->options.crypto;
    struct kf_buf salt = KF_PUBLIC_BUF;
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_epf_key derived;
    uint8_t bytes[SALT_SIZE];
    char count[16];
    enum kf_status status = kf_random(crypto, bytes, sizeof(bytes), false, error);

    (void)snprintf(count, sizeof(count), "%d", KF_EPF_WRITTEN_COUNT);
    if (status == KF_OK)
        status = kf_base64_encode(&salt, (struct kf_slice){bytes, sizeof(bytes)}, error);
    if (status == KF_OK)
        status = kf_epf_derive(crypto, &dialect, kf_buf_slice(password), kf_buf_slice(&salt),
                               KF_EPF_WRITTEN_COUNT, &derived, error);
    if (status == KF_OK)
        status = kf_epf_encrypt(crypto, dialect.at[KF_EPF_CIPHER], &derived,
                                kf_buf_slice(&key->pkcs8), &sealed, error);
    if (status == KF_OK)
        status = add_bytes(out, "Salt", (struct kf_slice){bytes, sizeof(bytes)}, error);
    if (status == KF_OK)
        status = add_line(out, "Count", count, error);
    if (status == KF_OK)
        status = add_bytes(out, "Key", kf_buf_slice(&sealed), error);
    kf_wipe(&derived, sizeof(derived));
    kf_buf_reset(&salt);
    kf_buf_reset(&sealed);
    return status;
}

/* Whether an earlier key's chain has this certificate. */
static bool came_before(const struct kf_user_keys *user, size_t key, size_t link)
{
    struct kf_slice wanted = kf_buf_slice(&user->keys[key].chain[link]);

    for (size_t i = 0; i < key; i++) {
        for (size_t j = 0; j < user->keys[i].chain_count; j++) {
            if (kf_slice_equal(kf_buf_slice(&user->keys[i].chain[j]), wanted))
                return true;
        }
    }
    return false;
}

static enum kf_status add_chain(const struct kf_user_keys *user, struct kf_buf *out,
                                struct kf_error *error)
{
    size_t count = 0;

    for (size_t i = 0; i < user->count; i++) {
        for (size_t j = 0; j < user->keys[i].chain_count; j++) {
            char name[32];

            if (came_before(user, i, j) || user->keys[i].chain[j].len > MAX_VALUE)
                continue;
            if (count == 0 && add_text(out, "\r\n[Chain]\r\n", error) != KF_OK)
                return KF_FATAL;
            (void)snprintf(name, sizeof(name), "Certificate%zu", ++count);
            if (add_bytes(out, name, kf_buf_slice(&user->keys[i].chain[j]), error) != KF_OK)
                return KF_FATAL;
        }
    }
    return KF_OK;
}

static enum kf_status make_profile(const struct writer *writer, const struct kf_user_keys *user,
                                   struct kf_buf *out, struct kf_error *error)
{
    if (add_text(out, "; a synthetic profile by keyferry, of no other program's dialect\r\n",
                 error) != KF_OK ||
        add_text(out, "[Profile]\r\nDialect=" KF_EPF_WRITTEN_DIALECT "\r\n", error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < user->count; i++) {
        const struct kf_user_key *key = &user->keys[i];
        char name[32];

        (void)snprintf(name, sizeof(name), "\r\n[Key %zu]\r\n", i + 1);
        if (add_text(out, name, error) != KF_OK ||
            add_line(out, "Subject", key->subject != NULL ? key->subject : "", error) != KF_OK ||
            add_line(out, "State", kf_key_state_name(key->state), error) != KF_OK ||
            add_bytes(out, "Certificate", kf_buf_slice(&key->cert), error) != KF_OK ||
            add_sealed(writer, key, &user->password, out, error) != KF_OK)
            return KF_FATAL;
    }
    return add_chain(user, out, error);
}

/* Stages the open user's profile, where it has keys that are not written. */
static enum kf_status write_user(struct writer *writer, struct kf_error *error)
{
    struct kf_user_keys *user = &writer->user;
    struct kf_buf text = KF_PUBLIC_BUF;
    enum kf_status status;

    if (!user->is_open || !user->is_changed || user->is_refused)
        return KF_OK;
    status = make_profile(writer, user, &text, error);
    if (status == KF_OK)
        status = kf_outfiles_stage(writer->files, user->path, &text, user->is_written, error);
    if (status == KF_OK && !user->is_written && writer->options.password == NULL)
        status = kf_passlist_set(&writer->list, user->path, &user->password, error);
    kf_buf_reset(&text);
    user->is_changed = false;
    user->is_written = true;
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static enum kf_status open_user(struct writer *writer, const struct kf_record *record,
                                struct kf_error *error)
{
    const struct kf_epf_export_options *options = &writer->options;
    struct kf_user_keys *user = &writer->user;
    bool is_single = kf_outfiles_is_single(writer->files);
    enum kf_status status;

    user->is_open = true;
    user->identity = is_single ? NULL : kf_user_identity(record);
    if (!is_single && user->identity == NULL)
        return kf_fail_memory(error);
    status = kf_outfiles_name(writer->files, kf_user_title(record), &user->path, &user->why);
    user->is_refused = status == KF_SKIP;
    if (status == KF_FATAL) {
        *error = user->why;
        return KF_FATAL;
    }
    if (options->password != NULL)
        return kf_buf_set(&user->password, kf_buf_slice(options->password), error);
    return kf_password_derive(options->crypto, writer->master.data, record->facts.sha256,
                              &user->password, error);
}

/* The user that is open gets the record; another one is written first. */
static enum kf_status find_user(struct writer *writer, const struct kf_record *record,
                                struct kf_error *error)
{
    struct kf_user_keys *user = &writer->user;
    char *identity;
    bool is_same;

    if (user->is_open && user->identity == NULL)
        return KF_OK;
    identity = kf_user_identity(record);
    if (identity == NULL)
        return kf_fail_memory(error);
    is_same = user->is_open && !writer->options.per_key && strcmp(user->identity, identity) == 0;
    free(identity);
    if (is_same)
        return KF_OK;
    if (write_user(writer, error) != KF_OK)
        return KF_FATAL;
    kf_user_keys_reset(user);
    return open_user(writer, record, error);
}

/* Decides a record that a profile cannot take; true where it can. */
static bool fits(const struct writer *writer, struct kf_record *record)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    if (writer->user.is_refused) {
        kf_record_decide(record, KF_REFUSED, &writer->user.why);
        return false;
    }
    if (record->cert.len <= MAX_VALUE && record->pkcs8.len <= MAX_VALUE &&
        writer->user.count < KF_MAX_EPF_SECTIONS - 2)
        return true;
    (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                   "too large for a profile, or more than %u keys in one", KF_MAX_EPF_SECTIONS - 2);
    kf_record_decide(record, KF_FAILED, &why);
    return false;
}

static enum kf_status put(struct kf_writer *base, const char *input, struct kf_record *record,
                          struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)input;
    if (!kf_record_is_writable(record))
        return KF_OK;
    if (find_user(writer, record, error) != KF_OK)
        return KF_FATAL;
    if (!fits(writer, record))
        return KF_OK;
    if (kf_user_keys_add(&writer->user, record, error) != KF_OK)
        return KF_FATAL;
    record->outcome = KF_ARCHIVED;
    return KF_OK;
}

static enum kf_status write_all(struct writer *writer, struct kf_error *error)
{
    if (write_user(writer, error) != KF_OK ||
        kf_outfiles_make_folder(writer->files, error) != KF_OK ||
        kf_passlist_write(&writer->list, error) != KF_OK)
        return KF_FATAL;
    return kf_outfiles_commit(writer->files, error);
}

static enum kf_status commit(struct kf_writer *base, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)position;
    (void)totals;
    /* one file for everything is whole at the end */
    return kf_outfiles_is_single(writer->files) ? KF_OK : write_all(writer, error);
}

static void rollback(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    kf_outfiles_rollback(writer->files);
    kf_user_keys_reset(&writer->user);
}

static enum kf_status finish(struct kf_writer *base, const struct kf_totals *totals,
                             struct kf_error *error)
{
    (void)totals;
    return write_all((struct writer *)base, error);
}

static void close_writer(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    if (writer == NULL)
        return;
    kf_user_keys_reset(&writer->user);
    kf_passlist_reset(&writer->list);
    kf_buf_reset(&writer->master);
    kf_outfiles_free(writer->files);
    free(writer);
}

const struct kf_writer_ops kf_writer_epf = {
    .name = "epf",
    .summary = "profiles (.epf) of this project's own dialect, one a user or one a key",
    .needs = KF_NEEDS_CLEAR,
    .begin = begin,
    .put = put,
    .commit = commit,
    .rollback = rollback,
    .finish = finish,
    .close = close_writer,
};

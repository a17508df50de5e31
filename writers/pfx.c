/*
 * The writer "pfx": see pfx.h for the contract, docs/formats/pfx.md for the format.
 *
 * A user's file is open until another user comes: a commit writes what it has so far, and more keys
 * write it again. Random passwords come from one master secret and the certificate, so that the
 * threads of the stage and the writer agree without talking.
 *
 * Refuses on purpose: keys without a certificate, and to write over anything that it did not make.
 */
#include "writers/pfx.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "crypto/cert.h"
#include "writers/outfiles.h"
#include "writers/passlist.h"
#include "writers/userkeys.h"

#define MASTER_SIZE 32

struct writer {
    struct kf_writer base;
    struct kf_pfx_export_options options;
    struct kf_outfiles *files;
    struct kf_passlist list;
    struct kf_certutil_batch batch;
    struct kf_buf master; /* secret; of the random passwords */
    struct kf_user_keys user;
};

static void close_writer(struct kf_writer *base);

static enum kf_status check_options(const struct kf_pfx_export_options *options,
                                    struct kf_error *error)
{
    if (options->iterations > KF_PFX_MAX_ITERATIONS)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "more than %d iterations",
                       KF_PFX_MAX_ITERATIONS);
    if (options->certutil && options->password != NULL &&
        !kf_certutil_takes(kf_buf_slice(options->password)))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "a batch file cannot hold a password with a quotation mark or control "
                       "character");
    return KF_OK;
}

enum kf_status kf_pfx_export_open(const struct kf_pfx_export_options *options,
                                  struct kf_writer **out, struct kf_error *error)
{
    const struct kf_outfiles_options where = {.path = options->path,
                                              .ending = ".pfx",
                                              .other_ending = ".p12",
                                              .overwrite = options->overwrite,
                                              .dry_run = options->dry_run};
    struct writer *writer;

    *out = NULL;
    if (check_options(options, error) != KF_OK)
        return KF_FATAL;
    writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return kf_fail_memory(error);
    writer->base.ops = &kf_writer_pfx;
    writer->options = *options;
    if (kf_outfiles_new(&where, &writer->files, error) != KF_OK ||
        kf_buf_reserve(&writer->master, MASTER_SIZE, error) != KF_OK ||
        kf_random(options->crypto, writer->master.data, MASTER_SIZE, true, error) != KF_OK) {
        close_writer(&writer->base);
        return KF_FATAL;
    }
    writer->master.len = MASTER_SIZE;
    if (writer->options.iterations == 0)
        writer->options.iterations = options->password == NULL           ? KF_PFX_RANDOM_ITERATIONS
                                     : options->profile == KF_PFX_MODERN ? KF_PFX_BULK_ITERATIONS
                                                                         : KF_PFX_OLD_ITERATIONS;
    *out = &writer->base;
    return KF_OK;
}

static enum kf_status begin(struct kf_writer *base, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;
    const struct kf_pfx_export_options *options = &writer->options;

    if (kf_outfiles_begin(writer->files, error) != KF_OK)
        return KF_FATAL;
    if (options->password == NULL &&
        kf_passlist_begin(&writer->list, writer->files, options->overwrite, error) != KF_OK)
        return KF_FATAL;
    if (options->certutil &&
        kf_certutil_begin(&writer->batch, writer->files, options->overwrite, error) != KF_OK)
        return KF_FATAL;
    return KF_OK;
}

static bool is_one_a_key(const struct writer *writer)
{
    return !writer->options.per_user && !kf_outfiles_is_single(writer->files);
}

/* The password of a file, known by its first certificate. */
static enum kf_status find_password(const struct writer *writer,
                                    const uint8_t sha256[KF_SHA256_SIZE], struct kf_buf *out,
                                    struct kf_error *error)
{
    if (writer->options.password != NULL)
        return kf_buf_set(out, kf_buf_slice(writer->options.password), error);
    return kf_password_derive(writer->options.crypto, writer->master.data, sha256, out, error);
}

static enum kf_status make_chain(const struct kf_crypto *crypto, const struct kf_buf *ders,
                                 size_t count, STACK_OF(X509) * *out, struct kf_error *error)
{
    *out = sk_X509_new_null();
    if (*out == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        X509 *certificate = kf_x509_parse(crypto, kf_buf_slice(&ders[i]), error);

        if (certificate == NULL)
            return KF_SKIP;
        if (sk_X509_push(*out, certificate) <= 0) {
            X509_free(certificate);
            return kf_fail_memory(error);
        }
    }
    return KF_OK;
}

static void free_keys(struct kf_pfx_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        X509_free(keys[i].certificate);
        sk_X509_pop_free(keys[i].chain, X509_free);
    }
    free(keys);
}

/* Any number of keys as one file. KF_SKIP: a key or certificate is none that OpenSSL takes. */
static enum kf_status make_file(const struct writer *writer, const struct kf_user_key *from,
                                size_t count, const struct kf_buf *password, struct kf_buf *out,
                                struct kf_error *error)
{
    const struct kf_crypto *crypto = writer->options.crypto;
    struct kf_pfx_key *keys = calloc(count + 1, sizeof(*keys));
    struct kf_buf der = KF_SECRET_BUF;
    enum kf_status status = keys != NULL ? KF_OK : kf_fail_memory(error);

    for (size_t i = 0; i < count && status == KF_OK; i++) {
        keys[i].pkcs8 = kf_buf_slice(&from[i].pkcs8);
        keys[i].friendly_name = from[i].friendly_name;
        keys[i].certificate = kf_x509_parse(crypto, kf_buf_slice(&from[i].cert), error);
        status = keys[i].certificate != NULL
                     ? make_chain(crypto, from[i].chain, from[i].chain_count, &keys[i].chain, error)
                     : KF_SKIP;
    }
    if (status == KF_OK)
        status =
            kf_pfx_make_many(crypto,
                             &(struct kf_pfx_request){.keys = keys,
                                                      .count = count,
                                                      .password = password,
                                                      .profile = writer->options.profile,
                                                      .iterations = writer->options.iterations},
                             &der, error);
    if (status == KF_OK) /* encrypted: it needs no wiped memory any more */
        status = kf_buf_set(out, kf_buf_slice(&der), error);
    kf_buf_reset(&der);
    if (keys != NULL)
        free_keys(keys, count);
    return status;
}

/* One key: into record->sealed. A record that cannot be written is decided. */
static enum kf_status make_own_file(const struct writer *writer, struct kf_record *record,
                                    struct kf_error *error)
{
    struct kf_user_key key = {.pkcs8 = record->pkcs8, /* borrowed, all of it */
                              .cert = record->cert,
                              .chain = record->chain,
                              .chain_count = record->chain_count,
                              .friendly_name = record->friendly_name};
    struct kf_buf password = KF_SECRET_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status = find_password(writer, record->facts.sha256, &password, error);
    char *title = NULL;

    if (key.friendly_name == NULL && kf_user_title(record) != NULL) {
        title = kf_strndup(kf_user_title(record), strlen(kf_user_title(record)));
        key.friendly_name = title;
    }
    if (status == KF_OK) {
        status = make_file(writer, &key, 1, &password, &record->sealed, &why);
        if (status == KF_SKIP)
            kf_record_decide(record, KF_FAILED, &why);
        else if (status == KF_FATAL && error != NULL)
            *error = why;
    }
    kf_buf_reset(&record->pkcs8);
    kf_buf_reset(&password);
    free(title);
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

static enum kf_status apply(void *context, struct kf_record *record, struct kf_error *error)
{
    const struct writer *writer = context;

    if (!is_one_a_key(writer) || !kf_record_is_writable(record))
        return KF_OK;
    return make_own_file(writer, record, error);
}

struct kf_stage kf_pfx_export_stage(struct kf_writer *writer)
{
    return (struct kf_stage){.apply = apply, .context = writer};
}

static enum kf_status tell_password(struct writer *writer, const char *path,
                                    const struct kf_buf *password, struct kf_error *error)
{
    if (writer->options.password == NULL &&
        kf_passlist_set(&writer->list, path, password, error) != KF_OK)
        return KF_FATAL;
    return writer->options.certutil ? kf_certutil_add(&writer->batch, path, password, error)
                                    : KF_OK;
}

static enum kf_status put_own_file(struct writer *writer, struct kf_record *record,
                                   struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_buf password = KF_SECRET_BUF;
    char *path = NULL;
    enum kf_status status = kf_outfiles_name(writer->files, kf_user_title(record), &path, &why);

    if (status == KF_SKIP) {
        kf_record_decide(record, KF_REFUSED, &why);
        free(path);
        return KF_OK;
    }
    if (status == KF_OK && record->sealed.len == 0)
        status = make_own_file(writer, record, &why);
    if (status == KF_OK && record->outcome == KF_PENDING) {
        status = find_password(writer, record->facts.sha256, &password, &why);
        if (status == KF_OK)
            status = kf_outfiles_stage(writer->files, path, &record->sealed, false, &why);
        if (status == KF_OK)
            status = tell_password(writer, path, &password, &why);
        if (status == KF_OK)
            record->outcome = KF_ARCHIVED;
    }
    if (status != KF_OK && error != NULL)
        *error = why;
    kf_buf_reset(&password);
    free(path);
    return status;
}

/* Stages the open user's file, where it has keys that are not written. */
static enum kf_status write_user(struct writer *writer, struct kf_error *error)
{
    struct kf_user_keys *user = &writer->user;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    enum kf_status status;

    if (!user->is_open || !user->is_changed || user->is_refused)
        return KF_OK;
    status = make_file(writer, user->keys, user->count, &user->password, &bytes, error);
    if (status == KF_OK)
        status = kf_outfiles_stage(writer->files, user->path, &bytes, user->is_written, error);
    if (status == KF_OK && !user->is_written)
        status = tell_password(writer, user->path, &user->password, error);
    kf_buf_reset(&bytes);
    user->is_changed = false;
    user->is_written = true;
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static enum kf_status open_user(struct writer *writer, const struct kf_record *record,
                                struct kf_error *error)
{
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
    return find_password(writer, record->facts.sha256, &user->password, error);
}

static bool is_same_user(const struct writer *writer, const char *identity)
{
    const struct kf_user_keys *user = &writer->user;

    if (!user->is_open)
        return false;
    return user->identity == NULL || strcmp(user->identity, identity) == 0;
}

static enum kf_status put_with_user(struct writer *writer, struct kf_record *record,
                                    struct kf_error *error)
{
    struct kf_user_keys *user = &writer->user;
    char *identity = kf_user_identity(record);
    bool is_same = identity != NULL && is_same_user(writer, identity);

    if (identity == NULL)
        return kf_fail_memory(error);
    free(identity);
    if (!is_same) {
        if (write_user(writer, error) != KF_OK)
            return KF_FATAL;
        kf_user_keys_reset(user);
        if (open_user(writer, record, error) != KF_OK)
            return KF_FATAL;
    }
    if (user->is_refused) {
        kf_record_decide(record, KF_REFUSED, &user->why);
        return KF_OK;
    }
    if (user->count >= KF_LIMITS_DEFAULT.file_entries) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};

        (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_LIMIT, NULL, "one file holds at most %zu keys",
                       user->count);
        kf_record_decide(record, KF_FAILED, &why);
        return KF_OK;
    }
    if (kf_user_keys_add(user, record, error) != KF_OK)
        return KF_FATAL;
    record->outcome = KF_ARCHIVED;
    return KF_OK;
}

/* Whether OpenSSL takes it: in a file of many, one that it does not take would cost all. */
static bool is_taken(const struct writer *writer, struct kf_record *record)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    X509 *certificate = kf_x509_parse(writer->options.crypto, kf_buf_slice(&record->cert), &why);

    if (certificate == NULL)
        kf_record_decide(record, KF_FAILED, &why);
    X509_free(certificate);
    return record->outcome == KF_PENDING;
}

static enum kf_status put(struct kf_writer *base, const char *input, struct kf_record *record,
                          struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)input;
    if (!kf_record_is_writable(record))
        return KF_OK;
    if (is_one_a_key(writer))
        return put_own_file(writer, record, error);
    return is_taken(writer, record) ? put_with_user(writer, record, error) : KF_OK;
}

static enum kf_status write_all(struct writer *writer, struct kf_error *error)
{
    if (kf_outfiles_make_folder(writer->files, error) != KF_OK ||
        kf_passlist_write(&writer->list, error) != KF_OK ||
        kf_outfiles_commit(writer->files, error) != KF_OK)
        return KF_FATAL;
    return kf_certutil_write(&writer->batch, error);
}

static enum kf_status commit(struct kf_writer *base, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error)
{
    struct writer *writer = (struct writer *)base;

    (void)position;
    (void)totals;
    if (kf_outfiles_is_single(writer->files))
        return KF_OK; /* whole, at the end */
    return write_user(writer, error) == KF_OK ? write_all(writer, error) : KF_FATAL;
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
    struct writer *writer = (struct writer *)base;

    (void)totals;
    return write_user(writer, error) == KF_OK ? write_all(writer, error) : KF_FATAL;
}

static void close_writer(struct kf_writer *base)
{
    struct writer *writer = (struct writer *)base;

    if (writer == NULL)
        return;
    kf_user_keys_reset(&writer->user);
    kf_certutil_reset(&writer->batch);
    kf_passlist_reset(&writer->list);
    kf_buf_reset(&writer->master);
    kf_outfiles_free(writer->files);
    free(writer);
}

const struct kf_writer_ops kf_writer_pfx = {
    .name = "pfx",
    .summary = "PKCS #12 files (.pfx), one a key or one a user",
    .needs = KF_NEEDS_CLEAR,
    .begin = begin,
    .put = put,
    .commit = commit,
    .rollback = rollback,
    .finish = finish,
    .close = close_writer,
};

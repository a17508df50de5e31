/*
 * The archive, opened and closed, and its transactions: see store.h for the contract, backend.h for
 * what stands below.
 */
#include "store/store.h"

#include <stdlib.h>
#include <time.h>

#include "crypto/cert.h"
#include "store/audit.h"
#include "store/internal.h"
#include "store/known.h"
#include "store/runhash.h"
#include "store/search.h"

static const struct kf_backend_ops *const backends[] = {&kf_backend_sqlite};

/* The backend that a location asks for; *path is what is left of it. NULL: none. */
static const struct kf_backend_ops *find_backend(const char *location, const char **path,
                                                 struct kf_error *error)
{
    const struct kf_backend_ops *found = backends[0];

    static const char *const unbuilt[] = {"postgresql:", "postgres:"};

    for (size_t i = 0; i < sizeof(unbuilt) / sizeof(unbuilt[0]); i++) {
        if (strncmp(location, unbuilt[i], strlen(unbuilt[i])) == 0) {
            (void)!kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, NULL,
                           "a store in PostgreSQL is not built in: use a file, sqlite:PATH");
            return NULL;
        }
    }
    *path = location;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        size_t len = strlen(backends[i]->prefix);

        if (strncmp(location, backends[i]->prefix, len) == 0) {
            found = backends[i];
            *path = location + len;
        }
    }
    if ((*path)[0] != '\0')
        return found;
    (void)!kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "the store has no path");
    return NULL;
}

/* Takes the backend over in any case. NULL: out of memory. */
static struct kf_store *make_store(const struct kf_backend_ops *ops, struct kf_backend *backend,
                                   const char *path, const struct kf_store_options *options,
                                   struct kf_error *error)
{
    struct kf_store *store = calloc(1, sizeof(*store));
    const char *caller = options->caller != NULL ? options->caller : "";

    if (store == NULL) {
        ops->close(backend);
        (void)!kf_fail_memory(error);
        return NULL;
    }
    store->ops = ops;
    store->backend = backend;
    store->crypto = options->crypto;
    store->path = kf_strndup(path, strlen(path));
    store->caller = kf_strndup(caller, strlen(caller));
    if (store->path == NULL || store->caller == NULL) {
        kf_store_close(store);
        (void)!kf_fail_memory(error);
        return NULL;
    }
    return store;
}

static enum kf_status add_authorities(struct kf_store *store, const struct kf_slice *certificates,
                                      size_t count, bool is_own, int64_t *position,
                                      struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int64_t id = 0;

        if (kf_certificate_put(store, certificates[i], &id, error) != KF_OK ||
            kf_store_execute(
                store, KF_SQL_AUTHORITY_ADD,
                (struct kf_value[]){kf_integer((*position)++), kf_integer(is_own), kf_integer(id)},
                3, NULL, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* Notes who made the store for which CA. */
static enum kf_status note_init(struct kf_store *store, const char *name, const char *key_file,
                                const struct kf_cert_facts *facts, struct kf_error *error)
{
    char sha256[2 * KF_SHA256_SIZE + 1];
    char authorities[2 * KF_SHA256_SIZE + 1];

    kf_hex(sha256, facts->sha256, KF_SHA256_SIZE);
    if (kf_authorities_hash(store, authorities, error) != KF_OK)
        return KF_FATAL;
    return kf_audit_append(store, KF_AUDIT_INIT,
                           (struct kf_audit_field[]){{"caller", store->caller},
                                                     {"ca", name},
                                                     {"certificate", sha256},
                                                     {"subject", facts->subject},
                                                     {"authorities", authorities},
                                                     {"keyfile", key_file}},
                           6, error);
}

/* A certificate that cannot be read would end every later run. */
static enum kf_status check_certificates(const struct kf_store *store,
                                         const struct kf_slice *certificates, size_t count,
                                         const char *whose, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct kf_cert_facts facts = {.version = 0};
        enum kf_status status = kf_cert_parse(store->crypto, certificates[i], &facts, error);

        kf_cert_facts_reset(&facts);
        if (status != KF_OK) {
            kf_error_place(error, "certificate %zu of %s", i + 1, whose);
            return KF_FATAL;
        }
    }
    return KF_OK;
}

static enum kf_status fill_store(struct kf_store *store, const struct kf_store_ca *ca,
                                 struct kf_error *error)
{
    struct kf_cert_facts facts = {.version = 0};
    const char *name = ca->name;
    int64_t position = 0;
    enum kf_status status;

    if (check_certificates(store, ca->certificates, ca->certificate_count, "the CA", error) !=
            KF_OK ||
        check_certificates(store, ca->chain, ca->chain_count, "the CA's chain", error) != KF_OK ||
        kf_cert_parse(store->crypto, ca->certificates[0], &facts, error) != KF_OK)
        return KF_FATAL;
    if (name == NULL)
        name = facts.common_name != NULL ? facts.common_name : facts.subject;
    status = kf_store_begin(store, error);
    if (status == KF_OK)
        status = kf_settings_write(store, "CAName", name, error);
    if (status == KF_OK && ca->key_file != NULL)
        status = kf_settings_write(store, "CAKeyFile", ca->key_file, error);
    if (status == KF_OK)
        status =
            add_authorities(store, ca->certificates, ca->certificate_count, true, &position, error);
    if (status == KF_OK)
        status = add_authorities(store, ca->chain, ca->chain_count, false, &position, error);
    if (status == KF_OK)
        status = note_init(store, name, ca->key_file, &facts, error);
    if (status == KF_OK)
        status = kf_store_commit(store, error);
    else
        kf_store_rollback(store);
    kf_cert_facts_reset(&facts);
    return status;
}

enum kf_status kf_store_create(const char *location, const struct kf_store_options *options,
                               const struct kf_store_ca *ca, struct kf_store **out,
                               struct kf_error *error)
{
    const char *path = NULL;
    const struct kf_backend_ops *ops = find_backend(location, &path, error);
    struct kf_backend *backend = NULL;
    struct kf_store *store;

    if (ops == NULL)
        return KF_FATAL;
    if (ca->certificate_count == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "the CA has no certificate");
    if (ops->create(&backend, path, error) != KF_OK)
        return KF_FATAL;
    store = make_store(ops, backend, path, options, error);
    backend = NULL; /* the store owns it now */
    if (store == NULL || fill_store(store, ca, error) != KF_OK) {
        kf_store_close(store);
        ops->remove(path);
        return KF_FATAL;
    }
    *out = store;
    return KF_OK;
}

enum kf_status kf_store_open(const char *location, const struct kf_store_options *options,
                             struct kf_store **out, struct kf_error *error)
{
    const char *path = NULL;
    const struct kf_backend_ops *ops = find_backend(location, &path, error);
    struct kf_backend *backend = NULL;

    if (ops == NULL || ops->open(&backend, path, error) != KF_OK)
        return KF_FATAL;
    *out = make_store(ops, backend, path, options, error);
    return *out != NULL ? KF_OK : KF_FATAL;
}

enum kf_status kf_store_open_again(const struct kf_store *store, struct kf_store **out,
                                   struct kf_error *error)
{
    const struct kf_store_options options = {.crypto = store->crypto, .caller = store->caller};
    struct kf_backend *backend = NULL;

    if (store->ops->open(&backend, store->path, error) != KF_OK)
        return KF_FATAL;
    *out = make_store(store->ops, backend, store->path, &options, error);
    return *out != NULL ? KF_OK : KF_FATAL;
}

void kf_store_on_wait(struct kf_store *store, kf_store_wait *wait, void *context)
{
    store->ops->on_wait(store->backend, wait, context);
}

/* What was remembered about a transaction is not true after it was rolled back. */
static void forget(struct kf_store *store)
{
    store->token_count = 0;
    store->entry_run = 0;
    store->outcomes_changed = false;
    store->row_last = 0;
    store->audit_loaded = false;
    store->audit_changed = false;
    kf_chain_forget(&store->chain);
}

void kf_store_close(struct kf_store *store)
{
    if (store == NULL)
        return;
    kf_store_rollback(store);
    forget(store);
    free(store->tokens);
    kf_known_free(store->known);
    store->ops->close(store->backend);
    free(store->path);
    free(store->caller);
    free(store);
}

enum kf_status kf_store_begin(struct kf_store *store, struct kf_error *error)
{
    if (store->in_transaction)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "a transaction is open already");
    forget(store); /* another process may have written since */
    if (store->ops->begin(store->backend, error) != KF_OK)
        return KF_FATAL;
    store->in_transaction = true;
    return KF_OK;
}

enum kf_status kf_store_commit(struct kf_store *store, struct kf_error *error)
{
    if (!store->in_transaction)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "no transaction is open");
    if (kf_tokens_flush(store, error) != KF_OK || kf_outcomes_flush(store, error) != KF_OK ||
        kf_audit_flush(store, error) != KF_OK)
        return KF_FATAL; /* rolled back by the statement that failed */
    if (store->ops->commit(store->backend, error) != KF_OK) {
        kf_store_rollback(store);
        return KF_FATAL;
    }
    store->in_transaction = false;
    return KF_OK;
}

enum kf_status kf_store_begin_read(struct kf_store *store, struct kf_error *error)
{
    if (store->in_transaction)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "a transaction is open already");
    if (store->ops->begin_read(store->backend, error) != KF_OK)
        return KF_FATAL;
    store->in_transaction = true;
    return KF_OK;
}

void kf_store_rollback(struct kf_store *store)
{
    if (!store->in_transaction)
        return;
    store->ops->rollback(store->backend);
    store->in_transaction = false;
    kf_known_free(store->known); /* it may know rows that are gone, whose ids others will get */
    store->known = NULL;
    forget(store);
}

const char *kf_store_path(const struct kf_store *store)
{
    return store->path;
}

const char *kf_store_caller(const struct kf_store *store)
{
    return store->caller;
}

const struct kf_crypto *kf_store_crypto(const struct kf_store *store)
{
    return store->crypto;
}

enum kf_status kf_store_execute(struct kf_store *store, enum kf_statement statement,
                                const struct kf_value *parameters, size_t count, int64_t *last_id,
                                struct kf_error *error)
{
    enum kf_status status =
        store->ops->execute(store->backend, statement, parameters, count, last_id, error);

    if (status != KF_OK)
        kf_store_rollback(store);
    return status;
}

enum kf_status kf_store_query(struct kf_store *store, enum kf_statement statement,
                              const struct kf_value *parameters, size_t count,
                              struct kf_result **out, struct kf_error *error)
{
    return store->ops->query(store->backend, statement, parameters, count, out, error);
}

enum kf_status kf_store_next(struct kf_store *store, struct kf_result *result,
                             struct kf_error *error)
{
    return store->ops->next(result, error);
}

void kf_store_finish(struct kf_store *store, struct kf_result *result)
{
    store->ops->finish(result);
}

enum kf_status kf_store_each(struct kf_store *store, enum kf_statement statement,
                             const struct kf_value *parameters, size_t count, kf_take_row *take,
                             void *context, struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, statement, parameters, count, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK)
            status = take(context, result->columns, error);
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_store_number(struct kf_store *store, enum kf_statement statement,
                               const struct kf_value *parameters, size_t count, int64_t *number,
                               struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, statement, parameters, count, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        *number = result->columns[0].number;
    kf_store_finish(store, result);
    return status;
}

enum kf_status kf_change_begin(struct kf_store *store, bool *own, struct kf_error *error)
{
    *own = !store->in_transaction;
    return *own ? kf_store_begin(store, error) : KF_OK;
}

enum kf_status kf_change_end(struct kf_store *store, bool own, enum kf_status status,
                             struct kf_error *error)
{
    if (!own)
        return status;
    if (status == KF_OK)
        return kf_store_commit(store, error);
    kf_store_rollback(store);
    return status;
}

int64_t kf_now(void)
{
    return (int64_t)time(NULL);
}

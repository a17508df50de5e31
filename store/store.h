/*
 * The archive: opened, created, closed, and its transactions (docs/formats/archive.md).
 *
 * A location is a path, or "sqlite:PATH". "postgresql://..." is known, and refused while no such
 * backend is built in. A store is used by one thread at a time; other processes may use the same
 * file at the same time.
 *
 * Every function of store/ that changes something runs in a transaction of its own, unless the
 * caller has begun one: then it belongs to that. Errors of the database are KF_FATAL with
 * KF_CAUSE_SYSTEM, and the transaction is rolled back.
 */
#ifndef KF_STORE_STORE_H
#define KF_STORE_STORE_H

#include "core/bytes.h"
#include "crypto/crypto.h"

#define KF_STORE_SCHEMA 2 /* the schema version that this program knows */

struct kf_store; /* opaque; freed by kf_store_close */

/* Who uses it. All pointers are borrowed until the store is closed, caller is copied. */
struct kf_store_options {
    const struct kf_crypto *crypto;
    const char *caller; /* the invoking user, for CallerName and the audit trail */
};

/* The CA that the store belongs to. */
struct kf_store_ca {
    const char *name; /* NULL: the common name of the first certificate */
    const struct kf_slice
        *certificates; /* the CA's own, DER, the current one first; at least one */
    size_t certificate_count;
    const struct kf_slice *chain; /* what leads from them to a root, DER; may be empty */
    size_t chain_count;
    const char *key_file; /* where the CA's key is (a KEY as the command line takes it), or NULL */
};

/*
 * Makes a store, mode 0600 from the first byte whatever the umask, and notes it in the audit
 * trail. KF_FATAL: KF_CAUSE_SYSTEM where the file exists already or cannot be made,
 * KF_CAUSE_UNSUPPORTED for a backend that is not built in, KF_CAUSE_DATA for a certificate that
 * is none. A file that could not be finished is removed.
 */
enum kf_status kf_store_create(const char *location, const struct kf_store_options *options,
                               const struct kf_store_ca *ca, struct kf_store **out,
                               struct kf_error *error) KF_MUST_USE;

/*
 * Opens a store. KF_FATAL: KF_CAUSE_CONFIG where the file is not a keyferry store, or has another
 * schema version; KF_CAUSE_SYSTEM where it is not there or cannot be opened. A store in a folder
 * that is read-only is not opened: SQLite's log needs a place beside it.
 */
enum kf_status kf_store_open(const char *location, const struct kf_store_options *options,
                             struct kf_store **out, struct kf_error *error) KF_MUST_USE;

/*
 * Asks wait, while another process keeps the store locked, whether to go on waiting: every fraction
 * of a second, with the time that it has waited so far in ms. Without one it is 30 s.
 */
typedef bool kf_store_wait(void *context, unsigned waited);
void kf_store_on_wait(struct kf_store *store, kf_store_wait *wait, void *context);

/* Rolls back what is open; NULL-safe. */
void kf_store_close(struct kf_store *store);

/*
 * A transaction that writes. begin waits for another process's to end (kf_store_on_wait), and is
 * KF_FATAL where that takes too long. They do not nest.
 */
enum kf_status kf_store_begin(struct kf_store *store, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_store_commit(struct kf_store *store, struct kf_error *error) KF_MUST_USE;
void kf_store_rollback(struct kf_store *store); /* nothing open: does nothing */

/* A transaction that only reads: until it is ended by kf_store_rollback, all that is read is of one
 * moment. Others may write meanwhile. */
enum kf_status kf_store_begin_read(struct kf_store *store, struct kf_error *error) KF_MUST_USE;

/* What it was opened by, and who uses it; live as long as the store. */
const char *kf_store_path(const struct kf_store *store);
const char *kf_store_caller(const struct kf_store *store);
const struct kf_crypto *kf_store_crypto(const struct kf_store *store);

/* Certificates in DER, owned. Zero-initialize. */
struct kf_der_list {
    struct kf_buf *items; /* public buffers */
    size_t count;
};
void kf_der_list_reset(struct kf_der_list *list); /* NULL-safe */

/* Adds a copy, unless the same bytes are there already. KF_FATAL: memory. */
enum kf_status kf_der_list_add(struct kf_der_list *list, struct kf_slice der,
                               struct kf_error *error) KF_MUST_USE;

/* The CA: its name (owned by the caller, free()), its certificates (current first) and its chain.
 * Any of the three may be NULL. Lists are added to. */
enum kf_status kf_store_ca(struct kf_store *store, char **name, struct kf_der_list *certificates,
                           struct kf_der_list *chain, struct kf_error *error) KF_MUST_USE;

#endif

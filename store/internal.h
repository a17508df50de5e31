/*
 * What the files of store/ share: the store itself, its statements, and the certificates and chains
 * that are kept once each. Private to store/.
 */
#ifndef KF_STORE_INTERNAL_H
#define KF_STORE_INTERNAL_H

#include "core/input.h"
#include "core/record.h"
#include "crypto/merkle.h"
#include "store/backend.h"
#include "store/store.h"

struct kf_known; /* store/known.h */

/* The chain that was stored last: keys of one CA follow one another. */
struct kf_chain_memo {
    struct kf_der_list certificates;
    int64_t id; /* 0 for none */
};

/* Where the audit trail stands (store/audit_head.c). */
struct kf_audit_head {
    struct kf_merkle tree;
    uint8_t link[KF_SHA256_SIZE]; /* of the last entry; zeros for none */
};

struct kf_store {
    const struct kf_backend_ops *ops;
    struct kf_backend *backend;
    const struct kf_crypto *crypto;
    char *path;
    char *caller;
    bool in_transaction;

    /* What the open transaction holds back or remembers; forgotten when it ends. */
    int64_t *tokens; /* to be added at the commit, in order (search.h) */
    size_t token_count, token_capacity;
    uint64_t entry_run; /* whose last sequence is known; 0 for none */
    uint64_t entry_sequence;
    uint8_t outcomes[KF_SHA256_SIZE]; /* the hash of its entries (runhash.h); to be written where */
    bool outcomes_changed;            /* this is set */
    struct kf_chain_memo chain;
    struct kf_audit_head
        audit; /* where audit_loaded is set; to be written where audit_changed is */
    bool audit_loaded, audit_changed;

    uint64_t row_last; /* the greatest request id, 0: not asked yet */

    uint64_t certificate_searches;
    struct kf_known *known; /* certificates that may be there; NULL until it pays (known.h) */
};

/* A second connection to the same store, for another thread; closed by kf_store_close. */
enum kf_status kf_store_open_again(const struct kf_store *store, struct kf_store **out,
                                   struct kf_error *error) KF_MUST_USE;

/* A statement without rows. Where it fails, the transaction is rolled back. */
enum kf_status kf_store_execute(struct kf_store *store, enum kf_statement statement,
                                const struct kf_value *parameters, size_t count, int64_t *last_id,
                                struct kf_error *error) KF_MUST_USE;
enum kf_status kf_store_query(struct kf_store *store, enum kf_statement statement,
                              const struct kf_value *parameters, size_t count,
                              struct kf_result **out, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_store_next(struct kf_store *store, struct kf_result *result,
                             struct kf_error *error) KF_MUST_USE;
void kf_store_finish(struct kf_store *store, struct kf_result *result); /* NULL-safe */

/* Each row in turn goes to take, which says KF_OK to have the next. KF_OK: that was all of them. */
typedef enum kf_status kf_take_row(void *context, const struct kf_value *columns,
                                   struct kf_error *error);
enum kf_status kf_store_each(struct kf_store *store, enum kf_statement statement,
                             const struct kf_value *parameters, size_t count, kf_take_row *take,
                             void *context, struct kf_error *error) KF_MUST_USE;

/* The first row's first column as a number. KF_END: there is no row. */
enum kf_status kf_store_number(struct kf_store *store, enum kf_statement statement,
                               const struct kf_value *parameters, size_t count, int64_t *number,
                               struct kf_error *error) KF_MUST_USE;

/*
 * A change that may stand alone: begins a transaction unless one is open; end commits or rolls back
 * what begin began, and returns the status, or the commit's.
 */
enum kf_status kf_change_begin(struct kf_store *store, bool *own,
                               struct kf_error *error) KF_MUST_USE;
enum kf_status kf_change_end(struct kf_store *store, bool own, enum kf_status status,
                             struct kf_error *error) KF_MUST_USE;

/* Where the audit trail stands, as stored. KF_SKIP with KF_CAUSE_DATA: it makes no sense. */
enum kf_status kf_audit_head_read(struct kf_store *store, struct kf_audit_head *head,
                                  struct kf_error *error) KF_MUST_USE;
/* Adds an entry's leaf: head->link is the link of that entry afterwards. */
enum kf_status kf_audit_head_add(const struct kf_crypto *crypto, struct kf_audit_head *head,
                                 const uint8_t leaf[KF_SHA256_SIZE],
                                 struct kf_error *error) KF_MUST_USE;
/* The link that an entry has after the one with the link before. */
enum kf_status kf_audit_link(const struct kf_crypto *crypto, const uint8_t before[KF_SHA256_SIZE],
                             const uint8_t leaf[KF_SHA256_SIZE], uint8_t link[KF_SHA256_SIZE],
                             struct kf_error *error) KF_MUST_USE;
/* Writes it before a commit, where entries were added. */
enum kf_status kf_audit_flush(struct kf_store *store, struct kf_error *error) KF_MUST_USE;

/* What the CA's certificates and its chain are, hashed, as the entry of init has it. */
enum kf_status kf_authorities_hash(struct kf_store *store, char out[2 * KF_SHA256_SIZE + 1],
                                   struct kf_error *error) KF_MUST_USE;

/* A column as an owned string; null gives NULL. */
enum kf_status kf_column_text(const struct kf_value *column, char **out,
                              struct kf_error *error) KF_MUST_USE;
/* A blob of exactly len bytes; anything else is a damaged store. */
enum kf_status kf_column_bytes(const struct kf_value *column, uint8_t *out, size_t len,
                               struct kf_error *error) KF_MUST_USE;

/* What an input was, from its columns (size, SHA-256). */
enum kf_status kf_input_columns(const struct kf_value *columns, struct kf_input_facts *out,
                                struct kf_error *error) KF_MUST_USE;

/* Stores a certificate, unless it is there, and gives its id. */
enum kf_status kf_certificate_put(struct kf_store *store, struct kf_slice der, int64_t *id,
                                  struct kf_error *error) KF_MUST_USE;

/* Stores a record's chain, unless it is there, and gives its id; 0 for an empty one. */
enum kf_status kf_chain_put(struct kf_store *store, const struct kf_buf *certificates, size_t count,
                            int64_t *id, struct kf_error *error) KF_MUST_USE;
void kf_chain_forget(struct kf_chain_memo *memo);

/* The value of a setting, owned; NULL where it is not set. */
enum kf_status kf_settings_read(struct kf_store *store, const char *name, char **value,
                                struct kf_error *error) KF_MUST_USE;
enum kf_status kf_settings_write(struct kf_store *store, const char *name, const char *value,
                                 struct kf_error *error) KF_MUST_USE;

/* Makes a SHA-1 or SHA-256 of its hex; spaces and colons are passed over. 0: not one of them. */
size_t kf_hash_parse(const char *text, size_t len, uint8_t out[KF_SHA256_SIZE]);

/* Seconds since 1970, now. */
int64_t kf_now(void);

/* As kf_fail, with Microsoft's code, text and name of code before what it means here. */
enum kf_status kf_fail_code(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                            uint32_t code, const char *rule, const char *format, ...)
    KF_PRINTF(6, 7) KF_MUST_USE;

#endif

/*
 * Runs: what was imported when by whom, how far it came, and what became of every key of it.
 *
 * A run's position and totals commit in the transaction of what they count. A run without an end
 * was broken off, or goes on now; it can be resumed where its position stands.
 */
#ifndef KF_STORE_RUNS_H
#define KF_STORE_RUNS_H

#include "core/pipeline.h"
#include "store/store.h"

/* What a run is, as it begins. Strings are borrowed; inputs are the names as the user gave them. */
struct kf_run_request {
    const char *command; /* "import" */
    const char *options; /* those that matter for its outcome: "-f --unsigned"; no secrets; "" */
    const char *const *inputs;
    size_t input_count;
    uint64_t kra_start; /* where the round robin over the agents starts (kf_runs_kra_start) */
};

struct kf_run {
    uint64_t id;
    char *command;
    char *options;
    char *inputs; /* one a line, no newline at the end */
    char *caller;
    int64_t started;
    int64_t ended; /* 0: not ended */
    struct kf_position position;
    struct kf_totals totals;
    uint64_t kra_start;
};
void kf_run_reset(struct kf_run *run); /* NULL-safe */

/* Where the next run's round robin starts, as the last one left it. */
enum kf_status kf_runs_kra_start(struct kf_store *store, uint64_t *start,
                                 struct kf_error *error) KF_MUST_USE;

/* Begins one, and notes it in the audit trail. */
enum kf_status kf_runs_begin(struct kf_store *store, const struct kf_run_request *request,
                             uint64_t *id, struct kf_error *error) KF_MUST_USE;

/* Notes in the audit trail that a run goes on where it was broken off. */
enum kf_status kf_runs_resume(struct kf_store *store, uint64_t id,
                              struct kf_error *error) KF_MUST_USE;

/* Sets position and totals, and where the next run's round robin starts. */
enum kf_status kf_runs_advance(struct kf_store *store, uint64_t id,
                               const struct kf_position *position, const struct kf_totals *totals,
                               uint64_t kra_next, struct kf_error *error) KF_MUST_USE;

/* The orderly end, with the totals in the audit trail. */
enum kf_status kf_runs_finish(struct kf_store *store, uint64_t id, const struct kf_totals *totals,
                              struct kf_error *error) KF_MUST_USE;

/*
 * An input of a run by its place among them: its number, given to it the first time. Then its size
 * and digest are kept; later it must have the same name and be the same file, unless it can be read
 * only once. KF_FATAL with KF_CAUSE_DATA: it is another, or cannot be read any more.
 */
enum kf_status kf_runs_input(struct kf_store *store, uint64_t run, const struct kf_input_news *news,
                             uint64_t *id, struct kf_error *error) KF_MUST_USE;

/* Keeps what is remarkable of an input; id is from kf_runs_input. */
enum kf_status kf_runs_remark(struct kf_store *store, uint64_t id, const struct kf_remarks *remarks,
                              struct kf_error *error) KF_MUST_USE;

/* An input as the run read it. Zero-initialize. */
struct kf_run_input {
    uint64_t id;
    uint64_t index; /* among the inputs of the run, from 0 */
    char *name;
    struct kf_input_facts facts; /* a file that is no input of any format has no digest */
    uint64_t certificates;       /* as struct kf_remarks has them */
    char *remarks;               /* "has no MAC (RFC 7292 4)", one a line; NULL for none */
};
void kf_run_input_reset(struct kf_run_input *input); /* NULL-safe */

/* The inputs of a run in order; as kf_rows_all. */
struct kf_input_cursor;
enum kf_status kf_inputs_of(struct kf_store *store, uint64_t run, struct kf_input_cursor **out,
                            struct kf_error *error) KF_MUST_USE;
enum kf_status kf_inputs_next(struct kf_input_cursor *cursor, struct kf_run_input *input,
                              struct kf_error *error) KF_MUST_USE;
void kf_inputs_close(struct kf_input_cursor *cursor); /* NULL-safe */

/* The SHA-256 in hex of the inputs' lines "position|name|size|sha256", by which the audit trail
 * knows them (docs/formats/archive.md). */
enum kf_status kf_inputs_hash(struct kf_store *store, uint64_t run,
                              char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error) KF_MUST_USE;

/* Adds what became of one record. input is from kf_runs_input. */
enum kf_status kf_runs_add_entry(struct kf_store *store, uint64_t id, uint64_t input,
                                 const struct kf_record *record,
                                 struct kf_error *error) KF_MUST_USE;

/* By id. KF_SKIP with KF_CAUSE_USAGE: no such run. */
enum kf_status kf_runs_get(struct kf_store *store, uint64_t id, struct kf_run *run,
                           struct kf_error *error) KF_MUST_USE;

/*
 * The newest run of the same command, options and inputs that has no end. KF_END: none.
 */
enum kf_status kf_runs_find_resumable(struct kf_store *store, const struct kf_run_request *request,
                                      struct kf_run *run, struct kf_error *error) KF_MUST_USE;

/* All runs, oldest first; as kf_rows_all. */
struct kf_run_cursor;
enum kf_status kf_runs_all(struct kf_store *store, struct kf_run_cursor **out,
                           struct kf_error *error) KF_MUST_USE;
enum kf_status kf_runs_next(struct kf_run_cursor *cursor, struct kf_run *run,
                            struct kf_error *error) KF_MUST_USE;
void kf_runs_close(struct kf_run_cursor *cursor); /* NULL-safe */

/* What became of one key; the names of `import --json`. Zero-initialize. */
struct kf_run_entry {
    uint64_t sequence; /* in the run, from 1 */
    char *input;
    struct kf_input_facts input_facts; /* as the run read it */
    uint64_t ordinal;                  /* in the input, from 1 */
    char *place;
    enum kf_outcome outcome;
    bool replaced;
    uint64_t request_id;  /* 0 for none */
    bool has_certificate; /* the two hashes mean something */
    char sha1[2 * KF_SHA1_SIZE + 1];
    char sha256[2 * KF_SHA256_SIZE + 1];
    enum kf_key_state state;
    bool foreign;
    uint64_t line; /* of the input, or 0 */
    uint32_t code;
    char *rule;              /* NULL for none */
    char *message;           /* NULL for none */
    char *password;          /* which one opened it, as struct kf_record has them; NULL for none */
    char *password_encoding; /* likewise */

    /* Of an entry that has no row; the row knows the rest. */
    enum kf_cause cause; /* KF_CAUSE_NONE where there is a row */
    char *name;          /* the owner's, as far as the certificate or the source tells; or NULL */
    char *email;         /* likewise */
    char *issuer_name;   /* what the certificate says; NULL and 0 without one */
    char *serial_number;
    int64_t not_after;
    char *public_key_algorithm;
    unsigned public_key_length;
    char *signature_algorithm;
    bool has_roca; /* crypto/roca.h */
};
void kf_run_entry_reset(struct kf_run_entry *entry); /* NULL-safe */

/* The entries of a run in order; as kf_rows_all. */
struct kf_entry_cursor;
enum kf_status kf_entries_of(struct kf_store *store, uint64_t run, struct kf_entry_cursor **out,
                             struct kf_error *error) KF_MUST_USE;
enum kf_status kf_entries_next(struct kf_entry_cursor *cursor, struct kf_run_entry *entry,
                               struct kf_error *error) KF_MUST_USE;
void kf_entries_close(struct kf_entry_cursor *cursor); /* NULL-safe */

#endif

/*
 * What a database has to do for the archive, told as a table of functions.
 *
 * The archive speaks in the statements that are listed here, with their parameters and columns; a
 * backend knows their text. What the values mean, the import rules and the audit trail stand above
 * it, once. Private to store/.
 */
#ifndef KF_STORE_BACKEND_H
#define KF_STORE_BACKEND_H

#include <string.h>

#include "store/store.h"

/*
 * (parameters) -> (columns). Times are seconds since 1970, hashes are blobs. A name with LIST gives
 * any number of rows, GET and FIND at most one, the others none.
 */
enum kf_statement {
    KF_SQL_SETTING_GET,  /* (name) -> (value) */
    KF_SQL_SETTING_PUT,  /* (name, value) */
    KF_SQL_SETTING_LIST, /* () -> (name) */

    KF_SQL_CERTIFICATE_FIND,    /* (SHA-256) -> (id) */
    KF_SQL_CERTIFICATE_ADD,     /* (SHA-1, SHA-256, DER); its id is the last id */
    KF_SQL_CERTIFICATE_BY_SHA1, /* (SHA-1) -> (DER); LIST */
    KF_SQL_CERTIFICATE_LIST,    /* () -> (id, SHA-1, SHA-256, DER, is used), by id */
    KF_SQL_AUTHORITY_ADD,       /* (position, is the CA's own, certificate id) */
    KF_SQL_AUTHORITY_LIST,      /* () -> (is the CA's own, DER, position), by position */

    KF_SQL_AGENT_LIST,     /* () -> (DER, added, position), by position: those of KRACertHash */
    KF_SQL_AGENT_KNOWN,    /* () -> (certificate id, SHA-1, SHA-256, position or null); LIST: former
                              agents too */
    KF_SQL_AGENT_ALL_LIST, /* () -> (SHA-256, added): former agents too */
    KF_SQL_AGENT_CLEAR,    /* (): nobody has a position */
    KF_SQL_AGENT_PUT,      /* (certificate id, added, position): added is kept where it is known */

    KF_SQL_CHAIN_FIND,       /* (SHA-256 of its certificates' SHA-256) -> (id) */
    KF_SQL_CHAIN_ADD,        /* (that); its id is the last id */
    KF_SQL_CHAIN_MEMBER_ADD, /* (chain id, position, certificate id) */
    KF_SQL_CHAIN_ALL_LIST, /* () -> (id, SHA-256, position, DER; both null for an empty one), by id
                              and position */
    KF_SQL_CHAIN_STRAY_LIST, /* () -> (id of a chain that is not there but has members) */
    KF_SQL_CHAIN_LIST,       /* (request id) -> (DER), by position */

    KF_SQL_ROW_ADD,             /* (the 28 of add_row); its id is the last id */
    KF_SQL_ROW_SET_KEY,         /* (the 14 of set_key, request id last) */
    KF_SQL_MATERIAL_ADD,        /* (request id, certificate, sealed key or null) */
    KF_SQL_MATERIAL_SET,        /* (sealed key, request id) */
    KF_SQL_MATERIAL_GET,        /* (request id) -> (certificate, sealed key or null) */
    KF_SQL_MATERIAL_STRAY_LIST, /* () -> (request id that is not there) */
    KF_SQL_ROW_COUNT,           /* () -> (rows) */
    KF_SQL_ROW_LAST,            /* () -> (the greatest request id, 0 for none) */
    KF_SQL_ROW_LIST,            /* (after, how many) -> (the columns of kf_row), by request id */
    KF_SQL_ROW_GET,             /* (request id) -> (the columns of kf_row) */
    KF_SQL_ROW_RAW_GET,         /* (request id) -> (the KF_REQUEST_COLUMNS of rowhash.h) */
    KF_SQL_ROW_RAW_LIST,    /* (first request id) -> (the KF_REQUEST_ALL_COLUMNS), by request id */
    KF_SQL_TOKEN_ADD,       /* (token); one that is there already is no error */
    KF_SQL_TOKENS_ADD,      /* (16 tokens); likewise */
    KF_SQL_TOKEN_LIST,      /* (first, last) -> (token) */
    KF_SQL_CERT_TOKEN_ADD,  /* (token) */
    KF_SQL_CERT_TOKEN_LIST, /* (first, last) -> (token) */
    KF_SQL_ROW_KEY_GET,     /* (request id) -> (SHA-256 of the certificate, key blob) */

    KF_SQL_RUN_ADD,          /* (command, options, inputs, caller, started, KRA start) */
    KF_SQL_RUN_ADVANCE,      /* (input, entries, archived, known, refused, failed, skipped, users,
                                run) */
    KF_SQL_RUN_SET_OUTCOMES, /* (hash of its entries, run) */
    KF_SQL_RUN_RAW_GET,      /* (run) -> (all columns, in the order of the schema) */
    KF_SQL_RUN_END,          /* (ended, run) */
    KF_SQL_RUN_GET,          /* (run) -> (the columns of kf_run) */
    KF_SQL_RUN_LIST,         /* () -> (the columns of kf_run), by id */
    KF_SQL_RUN_RESUMABLE,  /* (command, options, inputs) -> (the columns of kf_run): newest first */
    KF_SQL_INPUT_FIND,     /* (run, position) -> (input id, position, name, size, SHA-256,
                               certificates, remarks) */
    KF_SQL_INPUT_LIST,     /* (run) -> (the same), by position */
    KF_SQL_INPUT_RAW_LIST, /* (run) -> (all columns), by position */
    KF_SQL_INPUT_ADD,      /* (run, position, name, size, SHA-256); its id is the last id */
    KF_SQL_INPUT_SET,      /* (size, SHA-256, input id) */
    KF_SQL_INPUT_REMARK,   /* (certificates, remarks, input id) */
    KF_SQL_ENTRY_LAST, /* (run) -> (the greatest sequence, 0 for none; the run's hash or null) */
    KF_SQL_ENTRY_ADD,  /* (the 19 of kf_runs_add_entry) */
    KF_SQL_ENTRY_RAW_LIST,   /* (run) -> (the 19 and, or nulls, the 12 of add_facts), by sequence */
    KF_SQL_ENTRY_STRAY_LIST, /* () -> (run that is not there, 0), and facts: (run, sequence) */
    KF_SQL_ENTRY_FACTS_ADD,  /* (the 12 of add_facts) */
    KF_SQL_ENTRY_LIST,       /* (run) -> (the columns of kf_run_entry), by sequence */

    KF_SQL_STRANGER_LIST,   /* () -> (what, name): tables, triggers and so on that no store has */
    KF_SQL_INTEGRITY_LIST,  /* () -> (what is wrong, or "ok") */
    KF_SQL_REFERENCES_LIST, /* () -> (table): a row of it refers to one that is not there */

    KF_SQL_AUDIT_ADD,      /* (line, leaf hash, link of the chain) */
    KF_SQL_AUDIT_LIST,     /* () -> (sequence, line, leaf hash, link), by sequence */
    KF_SQL_AUDIT_GET,      /* (sequence) -> (line) */
    KF_SQL_AUDIT_HEAD_GET, /* () -> (size, subtrees, link) */
    KF_SQL_AUDIT_HEAD_SET, /* (size, subtrees, link) */
    KF_SQL_COUNT
};

enum kf_value_type {
    KF_VALUE_NULL,
    KF_VALUE_INTEGER,
    KF_VALUE_TEXT,
    KF_VALUE_BLOB,
};

/* A parameter, which the caller keeps until the statement is done; or a column, which lives until
 * the result's next step. */
struct kf_value {
    enum kf_value_type type;
    int64_t number;
    struct kf_slice bytes; /* text is UTF-8 without a NUL */
};

static inline struct kf_value kf_integer(int64_t number)
{
    return (struct kf_value){.type = KF_VALUE_INTEGER, .number = number};
}

static inline struct kf_value kf_null(void)
{
    return (struct kf_value){.type = KF_VALUE_NULL};
}

/* NULL becomes null. */
static inline struct kf_value kf_text(const char *text)
{
    if (text == NULL)
        return kf_null();
    return (struct kf_value){.type = KF_VALUE_TEXT, .bytes = {(const uint8_t *)text, strlen(text)}};
}

static inline struct kf_value kf_blob(const void *data, size_t len)
{
    return (struct kf_value){.type = KF_VALUE_BLOB, .bytes = {data, len}};
}

struct kf_backend; /* one connection; a backend has its own after this */

/* A statement that is giving its rows. */
struct kf_result {
    const struct kf_value *columns;
    size_t column_count;
};

struct kf_backend_ops {
    const char *name;   /* "sqlite" */
    const char *prefix; /* of a location: "sqlite:" */

    /* Makes an empty archive; errors as kf_store_create. */
    enum kf_status (*create)(struct kf_backend **out, const char *location, struct kf_error *error);
    /* Errors as kf_store_open. */
    enum kf_status (*open)(struct kf_backend **out, const char *location, struct kf_error *error);
    void (*close)(struct kf_backend *backend); /* NULL-safe */
    void (*remove)(const char *location);      /* what create has made */

    void (*on_wait)(struct kf_backend *backend, kf_store_wait *wait, void *context);
    enum kf_status (*begin)(struct kf_backend *backend, struct kf_error *error);
    enum kf_status (*commit)(struct kf_backend *backend, struct kf_error *error);
    void (*rollback)(struct kf_backend *backend);
    /* A transaction that only reads, and sees the store as it is at its first query; ended by
     * rollback. */
    enum kf_status (*begin_read)(struct kf_backend *backend, struct kf_error *error);

    /* One that gives no rows. last_id may be NULL. */
    enum kf_status (*execute)(struct kf_backend *backend, enum kf_statement statement,
                              const struct kf_value *parameters, size_t count, int64_t *last_id,
                              struct kf_error *error);
    /* One that does. The same statement cannot be open twice (KF_CAUSE_INTERNAL). */
    enum kf_status (*query)(struct kf_backend *backend, enum kf_statement statement,
                            const struct kf_value *parameters, size_t count, struct kf_result **out,
                            struct kf_error *error);
    /* KF_END: no more rows. */
    enum kf_status (*next)(struct kf_result *result, struct kf_error *error);
    void (*finish)(struct kf_result *result); /* NULL-safe */
};

extern const struct kf_backend_ops kf_backend_sqlite;

#endif

/*
 * The parts of kf_verify: one row, looked at by any thread, what it is held against, and what the
 * database says of itself. Private to store/.
 */
#ifndef KF_STORE_VERIFY_ROW_H
#define KF_STORE_VERIFY_ROW_H

#include <openssl/x509.h>

#include "crypto/keyblob.h"
#include "crypto/seal.h"
#include "store/rowhash.h"
#include "store/verify.h"

#define KF_VERIFY_AGENT_SETS 4096 /* different KeyRecoveryHashes that are kept */

/* The agents that a KeyRecoveryHashes names. */
struct kf_verify_agents {
    char *hashes;
    X509 **certificates;
    struct kf_buf *names; /* by which they are recipients (crypto/envelope.h) */
    size_t count;
    size_t named; /* more than count: the store does not know them all */
};

struct kf_verify_agent_sets {
    struct kf_verify_agents *items[KF_VERIFY_AGENT_SETS];
    size_t count;
};

/* The agents of a KeyRecoveryHashes, which live until the sets are reset. Reads the store. */
enum kf_status kf_verify_agents_find(struct kf_store *store, struct kf_verify_agent_sets *sets,
                                     struct kf_slice hashes, const struct kf_verify_agents **out,
                                     struct kf_error *error) KF_MUST_USE;
void kf_verify_agents_reset(struct kf_verify_agent_sets *sets);

struct kf_verify_row {
    struct kf_value columns[KF_REQUEST_ALL_COLUMNS]; /* point into bytes */
    struct kf_buf bytes;
    const struct kf_verify_agents *agents; /* NULL: no key */
    /* what came out */
    bool opened, not_for_agent;
    size_t defects;
    char texts[KF_VERIFY_TEXTS][200];
    enum kf_status status; /* KF_FATAL: error says why */
    struct kf_error error;
};

/* What a thread has of its own. */
struct kf_verify_tools {
    const struct kf_crypto *crypto;
    struct kf_unsealer *unsealer; /* NULL: keys are not opened */
    struct kf_buf space;          /* secret, for kf_keyblob_proves */
};

void kf_verify_row(struct kf_verify_tools *tools, struct kf_verify_row *row);

/* Lets the database check itself, and tells what it says, one line each. */
enum kf_status kf_verify_database(struct kf_store *store,
                                  void (*tell)(void *context, const char *text), void *context,
                                  struct kf_error *error) KF_MUST_USE;

#endif

/*
 * One row of kf_verify, looked at by any thread. Private to store/.
 */
#ifndef KF_STORE_VERIFY_ROW_H
#define KF_STORE_VERIFY_ROW_H

#include <openssl/x509.h>

#include "crypto/keyfile.h"
#include "store/rowhash.h"

#define KF_VERIFY_TEXTS 4 /* defects of one row that are told */

/* The agents that a KeyRecoveryHashes names. */
struct kf_verify_agents {
    char *hashes;
    X509 **certificates;
    size_t count;
    size_t named; /* more than count: the store does not know them all */
};

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

/* agent may be NULL. */
void kf_verify_row(const struct kf_crypto *crypto, const struct kf_identity *agent,
                   struct kf_verify_row *row);

#endif

/*
 * Key recovery agents: the KRA certificates of the archive, and which of them a key is sealed to
 * ([MS-WCCE] 3.2.2.6.2.1.3; docs/formats/archive.md).
 */
#ifndef KF_STORE_AGENTS_H
#define KF_STORE_AGENTS_H

#include "crypto/seal.h"
#include "store/store.h"

#define KF_KRA_MIN_BITS 2048u
#define KF_KRA_OLD_BITS 1024u /* accepted for an old archive, where the user says so */

struct kf_agent {
    struct kf_kra kra; /* certificate, facts and public key */
    int64_t added;     /* seconds since 1970, UTC */
};

/* The agents of KRACertHash, in its order. Zero-initialize. */
struct kf_agents {
    struct kf_agent *items;
    size_t count;
};
enum kf_status kf_agents_load(struct kf_store *store, struct kf_agents *out,
                              struct kf_error *error) KF_MUST_USE;
void kf_agents_reset(struct kf_agents *agents); /* NULL-safe */

/*
 * Adds a KRA certificate (DER) at the end of the list; noted in the audit trail, also that less
 * than KF_KRA_MIN_BITS was accepted. now is seconds since 1970. KF_SKIP: KF_CAUSE_DATA where it is
 * no certificate, KF_CAUSE_POLICY where it is not one of a KRA by kf_kra_parse with min_bits, or
 * not valid at now; KF_CAUSE_USAGE where it is in the list already.
 */
enum kf_status kf_agents_add(struct kf_store *store, struct kf_slice der, unsigned min_bits,
                             int64_t now, struct kf_error *error) KF_MUST_USE;

/*
 * Takes the agent with this SHA-1 or SHA-256 (hex of either case; spaces and colons are passed
 * over) off the list; its certificate stays in the store, for what is sealed to it. KF_SKIP with
 * KF_CAUSE_USAGE: none has it.
 */
enum kf_status kf_agents_remove(struct kf_store *store, const char *hash,
                                struct kf_error *error) KF_MUST_USE;

/*
 * The certificates, of agents and former ones, that a row's KeyRecoveryHashes name; those that the
 * store does not know are left out. Added to out.
 */
enum kf_status kf_agents_certificates(struct kf_store *store, const char *key_recovery_hashes,
                                      struct kf_der_list *out, struct kf_error *error) KF_MUST_USE;

/*
 * Which agents take part: those valid at now, and how many of them each key gets. valid points into
 * agents and is freed by free(). KF_FATAL with KF_CAUSE_CONFIG: KF_E_ARCHIVAL_NOT_SET_UP where
 * there are no agents, KF_E_NO_VALID_KRA where fewer are valid than asked for (0: all; then at
 * least one has to be).
 */
struct kf_selection {
    const struct kf_kra **valid;
    size_t valid_count;
    size_t per_key; /* 1 to valid_count */
};
enum kf_status kf_agents_select(const struct kf_agents *agents, uint64_t asked, int64_t now,
                                struct kf_selection *out, struct kf_error *error) KF_MUST_USE;

/* The index in valid that the turn-th key (from 0) of a run that started at start begins with; the
 * per_key from there, around the end, are its agents. */
size_t kf_selection_start(const struct kf_selection *selection, uint64_t start, uint64_t turn);

#endif

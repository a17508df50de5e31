/*
 * The import rules ([MS-CSRA] 3.1.4.1.26 ImportCertificate, 3.1.4.2.16 ImportKey), once for every
 * reader and every backend (docs/formats/archive.md).
 *
 * Part one decides what needs no database and seals the key: kf_policy_apply, by any thread. Part
 * two decides what the rows say, inside the writer's transaction and in input order:
 * kf_rules_place.
 */
#ifndef KF_STORE_RULES_H
#define KF_STORE_RULES_H

#include "core/record.h"
#include "core/uuidset.h"
#include "crypto/seal.h"
#include "store/store.h"

/* What the run allows; the rest comes from the store's settings. */
struct kf_policy_options {
    bool foreign;   /* -f or --foreign: certificates of other CAs, if KRAFlags has ENABLEFOREIGN */
    bool overwrite; /* -f or --overwrite: replace keys that are archived already */
    enum kf_seal_profile profile;
    int64_t now;        /* seconds since 1970: which agents are valid */
    uint64_t kra_start; /* where the round robin starts: kf_runs_kra_start, or a resumed run's */
};

/*
 * Reads the settings, agents and CA certificates, and does not use the store afterwards.
 * KF_FATAL with KF_CAUSE_CONFIG: KF_E_ARCHIVAL_NOT_SET_UP, KF_E_NO_VALID_KRA.
 */
struct kf_policy;
enum kf_status kf_policy_new(struct kf_store *store, const struct kf_policy_options *options,
                             struct kf_policy **out, struct kf_error *error) KF_MUST_USE;
void kf_policy_free(struct kf_policy *policy); /* NULL-safe */

const struct kf_policy_options *kf_policy_options(const struct kf_policy *policy);

/* Where the round robin stands after turns keys: what the next run starts with. */
uint64_t kf_policy_kra_next(const struct kf_policy *policy, uint64_t turns);

/*
 * Part one; the apply of a struct kf_stage whose context is the policy. Any thread, at the same
 * time. A record that is decided already stays as it is. Otherwise it gets its outcome, or its
 * sealed key, blob_type and key_recovery_hashes, and stays KF_PENDING; record->foreign is set.
 * record->turn picks its agents. In any case pkcs8 is wiped. KF_FATAL: OpenSSL, memory.
 */
enum kf_status kf_policy_apply(void *policy, struct kf_record *record,
                               struct kf_error *error) KF_MUST_USE;

/* What part two has to know about where a record comes from. */
struct kf_placing {
    uint64_t run;
    uint64_t input; /* of kf_runs_input */
    bool overwrite;
    int64_t now;
};

/*
 * Part two, in a transaction that the caller has begun: a pending record becomes a row, a key added
 * to a row, or a key replaced (KF_ARCHIVED), or is KF_KNOWN. Notes the run's entry and the audit
 * entry of every record, also of those that were decided before.
 */
enum kf_status kf_rules_place(struct kf_store *store, const struct kf_placing *placing,
                              struct kf_record *record, struct kf_error *error) KF_MUST_USE;

/*
 * What kf_rules_place would decide, where nothing is to be written: a record that would become a
 * row gets no request_id. seen has the certificates whose keys this run would have archived so far
 * (core/uuidset.h). The store is only read.
 */
enum kf_status kf_rules_foresee(struct kf_store *store, bool overwrite, struct kf_uuid_set *seen,
                                struct kf_record *record, struct kf_error *error) KF_MUST_USE;

/*
 * Adds a certificate without its key as a row (ImportCertificate alone): disposition by foreign.
 * record->request_id is set. KF_SKIP with KF_E_INVALIDARG where its row is there already.
 */
enum kf_status kf_rules_add_certificate(struct kf_store *store, const struct kf_placing *placing,
                                        struct kf_record *record,
                                        struct kf_error *error) KF_MUST_USE;

/*
 * Microsoft's published text and name for a code of core/error.h ([MS-ERREF]): "The parameter is
 * incorrect.", "E_INVALIDARG"; NULL for others.
 */
const char *kf_code_text(uint32_t code);
const char *kf_code_name(uint32_t code);

/*
 * A message for people who are told the code beside it: without Microsoft's text and the code,
 * which kf_fail_code puts before the cause, wherever they stand. NUL-terminated; cut at size bytes.
 */
void kf_code_brief(uint32_t code, const char *message, char *out, size_t size);

#endif

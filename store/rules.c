/*
 * The import rules, part one: what a record and the store's settings decide by themselves, in the
 * order of docs/formats/archive.md, and sealing. Part two is place.c.
 *
 * Threads share the policy, which does not change; each takes a worker from its pool for one record
 * (the CA's keys, a sealer for each set of agents, and the key blob's buffer) and puts it back. Not
 * even public keys are shared: OpenSSL locks a key for each operation.
 */
#include "store/rules.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto/keyblob.h"
#include "store/agents.h"
#include "store/internal.h"
#include "store/settings.h"

#define IMPORT_CERTIFICATE "[MS-CSRA] 3.1.4.1.26"
#define IMPORT_KEY         "[MS-CSRA] 3.1.4.2.16"

struct worker {
    struct worker *next;
    struct kf_issuers *issuers;
    struct kf_sealer **sealers; /* by the agent that a set starts with; made when needed */
    struct kf_buf blob;         /* secret */
};

struct kf_policy {
    struct kf_policy_options options;
    const struct kf_crypto *crypto;
    uint64_t flags; /* KRAF_* */
    char *ca_name;
    struct kf_agents agents;
    struct kf_selection selection; /* of agents */
    struct kf_der_list own;        /* the CA's certificates */
    pthread_mutex_t lock;
    struct worker *idle;
};

static void free_worker(const struct kf_policy *policy, struct worker *worker)
{
    for (size_t i = 0; i < policy->selection.valid_count && worker->sealers != NULL; i++)
        kf_sealer_free(worker->sealers[i]);
    free(worker->sealers);
    kf_issuers_free(worker->issuers);
    kf_buf_reset(&worker->blob);
    free(worker);
}

void kf_policy_free(struct kf_policy *policy)
{
    if (policy == NULL)
        return;
    while (policy->idle != NULL) {
        struct worker *worker = policy->idle;

        policy->idle = worker->next;
        free_worker(policy, worker);
    }
    (void)pthread_mutex_destroy(&policy->lock);
    kf_der_list_reset(&policy->own);
    free(policy->selection.valid);
    kf_agents_reset(&policy->agents);
    free(policy->ca_name);
    free(policy);
}

static enum kf_status load_number(struct kf_store *store, const char *name, uint64_t *out,
                                  struct kf_error *error)
{
    struct kf_setting setting = {.info = NULL};
    enum kf_status status = kf_setting_get(store, name, &setting, error);

    *out = setting.number;
    kf_setting_reset(&setting);
    return status;
}

static enum kf_status load_issuers(const struct kf_policy *policy, struct kf_issuers **out,
                                   struct kf_error *error)
{
    const struct kf_der_list *own = &policy->own;
    struct kf_slice *slices = calloc(own->count + 1, sizeof(*slices));
    enum kf_status status;

    if (slices == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < own->count; i++)
        slices[i] = kf_buf_slice(&own->items[i]);
    status = kf_issuers_new(policy->crypto, slices, own->count, out, error);
    free(slices);
    return status;
}

static struct worker *new_worker(const struct kf_policy *policy, struct kf_error *error)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL) {
        (void)!kf_fail_memory(error);
        return NULL;
    }
    worker->sealers = calloc(policy->selection.valid_count, sizeof(struct kf_sealer *));
    if ((worker->sealers != NULL ? load_issuers(policy, &worker->issuers, error)
                                 : kf_fail_memory(error)) != KF_OK) {
        free_worker(policy, worker);
        return NULL;
    }
    return worker;
}

enum kf_status kf_policy_new(struct kf_store *store, const struct kf_policy_options *options,
                             struct kf_policy **out, struct kf_error *error)
{
    struct kf_policy *policy = calloc(1, sizeof(*policy));
    uint64_t count = 0;
    enum kf_status status;

    if (policy == NULL)
        return kf_fail_memory(error);
    policy->options = *options;
    policy->crypto = store->crypto;
    if (pthread_mutex_init(&policy->lock, NULL) != 0) {
        free(policy);
        return kf_fail_memory(error);
    }
    status = load_number(store, "KRAFlags", &policy->flags, error);
    if (status == KF_OK)
        status = load_number(store, "KRACertCount", &count, error);
    if (status == KF_OK)
        status = kf_agents_load(store, &policy->agents, error);
    if (status == KF_OK)
        status = kf_agents_select(&policy->agents, count, options->now, &policy->selection, error);
    if (status == KF_OK)
        status = kf_store_ca(store, &policy->ca_name, &policy->own, NULL, error);
    if (status == KF_OK) {
        policy->idle = new_worker(policy, error); /* so that a broken CA certificate shows now */
        status = policy->idle != NULL ? KF_OK : KF_FATAL;
    }
    if (status != KF_OK) {
        kf_policy_free(policy);
        return KF_FATAL;
    }
    *out = policy;
    return KF_OK;
}

const struct kf_policy_options *kf_policy_options(const struct kf_policy *policy)
{
    return &policy->options;
}

uint64_t kf_policy_kra_next(const struct kf_policy *policy, uint64_t turns)
{
    return kf_selection_start(&policy->selection, policy->options.kra_start, turns);
}

static struct worker *take_worker(struct kf_policy *policy, struct kf_error *error)
{
    struct worker *worker;

    (void)pthread_mutex_lock(&policy->lock);
    worker = policy->idle;
    if (worker != NULL)
        policy->idle = worker->next;
    (void)pthread_mutex_unlock(&policy->lock);
    return worker != NULL ? worker : new_worker(policy, error);
}

static void return_worker(struct kf_policy *policy, struct worker *worker)
{
    kf_buf_clear(&worker->blob);
    (void)pthread_mutex_lock(&policy->lock);
    worker->next = policy->idle;
    policy->idle = worker;
    (void)pthread_mutex_unlock(&policy->lock);
}

static enum kf_status check_certificate(const struct kf_policy *policy, struct kf_record *record,
                                        struct kf_error *why)
{
    struct kf_error reason = {.cause = KF_CAUSE_NONE};
    enum kf_status status = KF_OK;

    if (record->cert.len == 0)
        return kf_fail_code(why, KF_SKIP, KF_CAUSE_DATA, KF_E_INVALID_DATA, IMPORT_CERTIFICATE,
                            "there is no certificate for this key");
    if (record->has_facts)
        return KF_OK;
    status = kf_cert_parse(policy->crypto, kf_buf_slice(&record->cert), &record->facts, &reason);
    record->has_facts = status == KF_OK;
    if (status == KF_SKIP)
        return kf_fail_code(why, KF_SKIP, KF_CAUSE_DATA, KF_E_INVALID_DATA, IMPORT_CERTIFICATE,
                            "not a DER X.509 certificate: %.160s", reason.text);
    if (status == KF_FATAL)
        *why = reason;
    return status;
}

static enum kf_status check_key(const struct kf_policy *policy, const struct kf_record *record,
                                struct kf_error *why)
{
    const struct kf_error *reason = &record->error;

    if (record->pkcs8.len == 0)
        return kf_fail_code(why, KF_SKIP, KF_CAUSE_DATA, KF_E_INVALID_DATA, IMPORT_KEY,
                            "there is no private key for this certificate");
    if (!record->key_mismatch || (policy->flags & KF_KRAF_SAVEBADREQUESTKEY) != 0)
        return KF_OK;
    return kf_fail_code(
        why, KF_SKIP, KF_CAUSE_DATA, KF_E_INVALIDARG,
        reason->rule[0] != '\0' ? reason->rule : IMPORT_KEY, "%.200s, and KRAFlags lacks %s",
        reason->text[0] != '\0' ? reason->text : "the key does not belong to the certificate",
        "KRAF_SAVEBADREQUESTKEY");
}

static enum kf_status check_usage(const struct kf_policy *policy, const struct kf_record *record,
                                  struct kf_error *why)
{
    if (kf_cert_may_encrypt(&record->facts) || (policy->flags & KF_KRAF_ENABLEARCHIVEALL) != 0)
        return KF_OK;
    return kf_fail(why, KF_SKIP, KF_CAUSE_POLICY, IMPORT_KEY,
                   "a signing key, which is not for archival: the certificate's key usage has none "
                   "of keyEncipherment, dataEncipherment and keyAgreement, and KRAFlags lacks "
                   "KRAF_ENABLEARCHIVEALL");
}

static enum kf_status check_issuer(const struct kf_policy *policy, struct worker *worker,
                                   struct kf_record *record, struct kf_error *why)
{
    bool has_flag = (policy->flags & KF_KRAF_ENABLEFOREIGN) != 0;
    bool issued = false;
    enum kf_status status = kf_issuers_issued(worker->issuers, kf_buf_slice(&record->cert),
                                              &record->facts, &issued, why);

    if (status != KF_OK)
        return KF_FATAL;
    record->foreign = !issued;
    if (issued || (has_flag && policy->options.foreign))
        return KF_OK;
    return kf_fail_code(why, KF_SKIP, KF_CAUSE_POLICY, KF_E_ISSUERCHAINING, IMPORT_CERTIFICATE,
                        "not issued by %.80s: %s%s%s",
                        policy->ca_name != NULL ? policy->ca_name : "this CA",
                        has_flag ? "" : "KRAFlags lacks KRAF_ENABLEFOREIGN",
                        has_flag || policy->options.foreign ? "" : ", and ",
                        policy->options.foreign ? "" : "the run lacks -f (or --foreign)");
}

/* The sealer for the agents whose turn it is. */
static enum kf_status find_sealer(const struct kf_policy *policy, struct worker *worker,
                                  uint64_t turn, struct kf_sealer **out, struct kf_error *error)
{
    const struct kf_selection *selection = &policy->selection;
    bool everybody = selection->per_key == selection->valid_count;
    size_t start = everybody ? 0 : kf_selection_start(selection, policy->options.kra_start, turn);
    const struct kf_kra **agents;
    enum kf_status status = KF_OK;

    if (worker->sealers[start] == NULL) {
        agents = calloc(selection->per_key, sizeof(struct kf_kra *));
        if (agents == NULL)
            return kf_fail_memory(error);
        for (size_t i = 0; i < selection->per_key; i++)
            agents[i] = selection->valid[(start + i) % selection->valid_count];
        status = kf_sealer_new(policy->crypto, agents, selection->per_key, policy->options.profile,
                               &worker->sealers[start], error);
        free(agents);
    }
    *out = worker->sealers[start];
    return status;
}

static enum kf_status seal(const struct kf_policy *policy, struct worker *worker,
                           struct kf_record *record, struct kf_error *why)
{
    struct kf_sealer *sealer = NULL;
    struct kf_privkey key;
    const char *hashes;
    enum kf_status status = kf_privkey_parse(kf_buf_slice(&record->pkcs8), &key, why);

    if (status == KF_OK)
        status = kf_keyblob_write(policy->crypto, &key, &worker->blob, why);
    if (status == KF_SKIP)
        kf_error_code(why, KF_E_INVALID_DATA);
    if (status != KF_OK)
        return status;
    record->blob_type = kf_keyblob_type(&key);
    if (find_sealer(policy, worker, record->turn, &sealer, why) != KF_OK)
        return KF_FATAL;
    kf_buf_clear(&record->sealed);
    if (kf_seal(sealer, kf_buf_slice(&worker->blob), &record->sealed, why) != KF_OK)
        return KF_FATAL;
    hashes = kf_sealer_hashes(sealer);
    free(record->key_recovery_hashes);
    record->key_recovery_hashes = kf_strndup(hashes, strlen(hashes));
    return record->key_recovery_hashes != NULL ? KF_OK : kf_fail_memory(why);
}

/* KF_SKIP: decided against, with *outcome. */
static enum kf_status judge(const struct kf_policy *policy, struct worker *worker,
                            struct kf_record *record, enum kf_outcome *outcome,
                            struct kf_error *why)
{
    enum kf_status status;

    *outcome = KF_FAILED;
    status = check_certificate(policy, record, why);
    if (status == KF_OK)
        status = check_key(policy, record, why);
    if (status != KF_OK)
        return status;
    *outcome = KF_SKIPPED;
    status = check_usage(policy, record, why);
    if (status != KF_OK)
        return status;
    *outcome = KF_REFUSED;
    status = check_issuer(policy, worker, record, why);
    if (status != KF_OK)
        return status;
    *outcome = KF_FAILED;
    return seal(policy, worker, record, why);
}

static enum kf_status apply(struct kf_policy *policy, struct kf_record *record,
                            struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct worker *worker = take_worker(policy, error);
    enum kf_outcome outcome;
    enum kf_status status;

    if (worker == NULL)
        return KF_FATAL;
    status = judge(policy, worker, record, &outcome, &why);
    return_worker(policy, worker);
    if (status == KF_OK)
        return KF_OK;
    kf_error_line(&why, record->line);
    kf_error_place(&why, "%s", record->place);
    if (status == KF_SKIP) {
        kf_record_decide(record, outcome, &why);
        return KF_OK;
    }
    if (error != NULL && error->cause == KF_CAUSE_NONE)
        *error = why;
    return KF_FATAL;
}

enum kf_status kf_policy_apply(void *policy, struct kf_record *record, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    if (record->outcome == KF_PENDING)
        status = apply(policy, record, error);
    kf_buf_reset(&record->pkcs8);
    return status;
}

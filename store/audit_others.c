/*
 * What the other parts of the proof leave: the names of settings, where the round robin of agents
 * goes on, all certificates that are kept, the chains of certificates that came with keys, and
 * agents that were removed, against the audit trail or against themselves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"
#include "store/rowhash.h"

#define KRA_NEXT "kra-next"

static bool is_setting(struct kf_slice name)
{
    for (size_t i = 0; i < KF_AUDITED_SETTINGS; i++) {
        if (kf_slice_equal(name, kf_slice_of(kf_audited_settings[i])))
            return true;
    }
    return kf_slice_equal(name, kf_slice_of(KRA_NEXT));
}

static enum kf_status check_setting_names(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(check->store, KF_SQL_SETTING_LIST, NULL, 0, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status == KF_OK && !is_setting(result->columns[0].bytes))
            kf_audit_defect(
                check, "setting %.*s was inserted",
                (int)(result->columns[0].bytes.len < 80 ? result->columns[0].bytes.len : 80),
                (const char *)result->columns[0].bytes.data);
    }
    kf_store_finish(check->store, result);
    return status == KF_END ? KF_OK : status;
}

/* Whoever moves it says so in an entry. */
static enum kf_status check_turn(struct kf_audit_check *check, struct kf_error *error)
{
    char *value = NULL;
    const char *next = "";

    if (kf_settings_read(check->store, KRA_NEXT, &value, error) != KF_OK)
        return KF_FATAL;
    if (value != NULL)
        next = value;
    if (strcmp(next, check->kra_next) != 0)
        kf_audit_defect(check,
                        "setting " KRA_NEXT " was changed: it is \"%.30s\", the audit trail "
                        "says \"%s\"",
                        next, check->kra_next);
    free(value);
    return KF_OK;
}

static bool has_hash(const EVP_MD *digest, struct kf_slice der, struct kf_slice said)
{
    uint8_t hash[EVP_MAX_MD_SIZE];

    return kf_digest(digest, der, hash, NULL) == KF_OK &&
           said.len == (size_t)EVP_MD_get_size(digest) && memcmp(hash, said.data, said.len) == 0;
}

/* (id, SHA-1, SHA-256, DER, is used) */
static enum kf_status check_certificate(void *context, const struct kf_value *columns,
                                        struct kf_error *error)
{
    struct kf_audit_check *check = context;
    const struct kf_crypto *crypto = check->store->crypto;
    const struct kf_slice der = columns[3].bytes;
    long long id = columns[0].number;

    (void)error;
    if (!has_hash(crypto->sha1, der, columns[1].bytes) ||
        !has_hash(crypto->sha256, der, columns[2].bytes))
        kf_audit_defect(check, "certificate %lld was changed: it does not have its hashes", id);
    else if (columns[4].number == 0)
        kf_audit_defect(check, "certificate %lld was inserted: it is nobody's", id);
    return KF_OK;
}

static enum kf_status check_certificates(struct kf_audit_check *check, struct kf_error *error)
{
    return kf_store_each(check->store, KF_SQL_CERTIFICATE_LIST, NULL, 0, check_certificate, check,
                         error);
}

/* (SHA-256, when it was added) */
static enum kf_status see_agent(void *context, const struct kf_value *columns,
                                struct kf_error *error)
{
    struct kf_audit_check *check = context;
    struct kf_agent_known *agent = check->known_agents;
    struct kf_agent_known *end = agent + check->known_agent_count;

    (void)error;
    while (agent < end &&
           !kf_slice_equal(columns[0].bytes, (struct kf_slice){agent->hash, KF_SHA256_SIZE}))
        agent++;
    if (agent == end) {
        kf_audit_defect(check, "a key recovery agent was inserted: the audit trail does not "
                               "know it");
        return KF_OK;
    }
    agent->is_seen = true;
    if (agent->added != (uint64_t)columns[1].number)
        kf_audit_defect(check, "a key recovery agent was changed: when it was added is not what "
                               "the audit trail says");
    return KF_OK;
}

static enum kf_status check_known_agents(struct kf_audit_check *check, struct kf_error *error)
{
    enum kf_status status =
        kf_store_each(check->store, KF_SQL_AGENT_ALL_LIST, NULL, 0, see_agent, check, error);

    for (size_t i = 0; status == KF_OK && i < check->known_agent_count; i++) {
        if (!check->known_agents[i].is_seen)
            kf_audit_defect(check, "a key recovery agent was removed that the audit trail knows");
    }
    return status;
}

/* A chain as its members go by. */
struct chain {
    struct kf_audit_check *check;
    int64_t id; /* 0: none yet */
    uint8_t name[KF_SHA256_SIZE];
    struct kf_buf hashes; /* of its members */
    int64_t members;
    bool in_order;
};

/* The members make the name of the chain, and the trail has it. */
static enum kf_status end_chain(const struct chain *chain, struct kf_error *error)
{
    struct kf_audit_check *check = chain->check;
    const struct kf_crypto *crypto = check->store->crypto;
    const struct kf_slice name = {chain->name, KF_SHA256_SIZE};
    uint64_t sequence;
    char hex[2 * KF_SHA256_SIZE + 1];
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_audit_parts entry;
    bool found = false;

    if (chain->id == 0)
        return KF_OK;
    sequence = chain->id > 0 ? kf_idmap_see(&check->chains, (uint64_t)chain->id) : 0;
    kf_hex(hex, chain->name, KF_SHA256_SIZE);
    if (sequence != 0 && kf_audit_fetch(check, sequence, &line, &entry, &found, error) != KF_OK) {
        kf_buf_reset(&line);
        return KF_FATAL;
    }
    if (sequence == 0)
        kf_audit_defect(check, "chain %lld was inserted: the audit trail does not know it",
                        (long long)chain->id);
    else if (!chain->in_order || !has_hash(crypto->sha256, kf_buf_slice(&chain->hashes), name) ||
             (found && !kf_audit_says(&entry, "certificates", hex)))
        kf_audit_defect(check,
                        "chain %lld was changed: its certificates are not those of entry "
                        "%llu",
                        (long long)chain->id, (unsigned long long)sequence);
    kf_buf_reset(&line);
    return KF_OK;
}

/* (id, SHA-256, position, DER; both null for an empty one) */
static enum kf_status see_member(void *context, const struct kf_value *columns,
                                 struct kf_error *error)
{
    struct chain *chain = context;
    uint8_t hash[KF_SHA256_SIZE];

    if (columns[0].number != chain->id) {
        if (end_chain(chain, error) != KF_OK)
            return KF_FATAL;
        kf_buf_clear(&chain->hashes);
        chain->id = columns[0].number;
        chain->members = 0;
        chain->in_order = columns[1].bytes.len == KF_SHA256_SIZE;
        memset(chain->name, 0, KF_SHA256_SIZE);
        if (chain->in_order)
            memcpy(chain->name, columns[1].bytes.data, KF_SHA256_SIZE);
    }
    if (columns[2].type == KF_VALUE_NULL)
        return KF_OK;
    chain->in_order &= columns[2].number == chain->members++;
    if (kf_digest(chain->check->store->crypto->sha256, columns[3].bytes, hash, error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(&chain->hashes, hash, sizeof(hash), error);
}

static enum kf_status check_chains(struct kf_audit_check *check, struct kf_error *error)
{
    struct chain chain = {.check = check, .id = 0, .hashes = KF_PUBLIC_BUF};
    uint64_t sequence = 0;
    enum kf_status status =
        kf_store_each(check->store, KF_SQL_CHAIN_ALL_LIST, NULL, 0, see_member, &chain, error);

    if (status == KF_OK)
        status = end_chain(&chain, error);
    kf_buf_reset(&chain.hashes);
    for (uint64_t id = 0; status == KF_OK && kf_idmap_unseen(&check->chains, &id, &sequence); id++)
        kf_audit_defect(check, "chain %llu was removed: entry %llu is about it",
                        (unsigned long long)id, (unsigned long long)sequence);
    return status;
}

/* Members of a chain that is not there. */
static enum kf_status tell_stray(void *context, const struct kf_value *columns,
                                 struct kf_error *error)
{
    (void)error;
    kf_audit_defect(context, "members of chain %lld were inserted: there is no such chain",
                    (long long)columns[0].number);
    return KF_OK;
}

/* A trigger could change rows as they are written, with all that the trail has to say of them. */
static enum kf_status tell_stranger(void *context, const struct kf_value *columns,
                                    struct kf_error *error)
{
    char *what = NULL;
    char *name = NULL;
    enum kf_status status = kf_column_text(&columns[0], &what, error);

    if (status == KF_OK)
        status = kf_column_text(&columns[1], &name, error);
    if (status == KF_OK)
        kf_audit_defect(context, "the %s %.80s was inserted: a store has none of this kind", what,
                        name);
    free(what);
    free(name);
    return status;
}

enum kf_status kf_audit_check_others(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_store *store = check->store;

    if (check_setting_names(check, error) != KF_OK || check_turn(check, error) != KF_OK ||
        check_certificates(check, error) != KF_OK || check_known_agents(check, error) != KF_OK ||
        check_chains(check, error) != KF_OK ||
        kf_store_each(store, KF_SQL_CHAIN_STRAY_LIST, NULL, 0, tell_stray, check, error) != KF_OK)
        return KF_FATAL;
    return kf_store_each(store, KF_SQL_STRANGER_LIST, NULL, 0, tell_stranger, check, error);
}

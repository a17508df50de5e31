/*
 * Key recovery agents: see agents.h.
 *
 * An agent that was taken off the list stays known, with its certificate: keys are sealed to it,
 * and their recovery blobs carry it.
 */
#include "store/agents.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/agentlist.h"
#include "store/audit.h"
#include "store/internal.h"

#define WCCE_SELECTION "[MS-WCCE] 3.2.2.6.2.1.3"

/* Certificates that are agents or were, with their place in the list. */
struct known_agent {
    int64_t id;
    uint8_t sha1[KF_SHA1_SIZE];
    uint8_t sha256[KF_SHA256_SIZE];
    bool is_listed;
};

struct known_agents {
    struct known_agent *items; /* the listed ones first, in order */
    size_t count;
    size_t listed;
};

static enum kf_status add_known(void *context, const struct kf_value *columns,
                                struct kf_error *error)
{
    struct known_agents *known = context;
    struct known_agent *items = realloc(known->items, (known->count + 1) * sizeof(*items));
    struct known_agent *agent;

    if (items == NULL)
        return kf_fail_memory(error);
    known->items = items;
    agent = &items[known->count];
    agent->id = columns[0].number;
    agent->is_listed = columns[3].type != KF_VALUE_NULL;
    if (kf_column_bytes(&columns[1], agent->sha1, KF_SHA1_SIZE, error) != KF_OK ||
        kf_column_bytes(&columns[2], agent->sha256, KF_SHA256_SIZE, error) != KF_OK)
        return KF_FATAL;
    known->count++;
    known->listed += agent->is_listed;
    return KF_OK;
}

/* known->items is freed by the caller, also where it fails. */
static enum kf_status load_known(struct kf_store *store, struct known_agents *known,
                                 struct kf_error *error)
{
    return kf_store_each(store, KF_SQL_AGENT_KNOWN, NULL, 0, add_known, known, error);
}

static const struct known_agent *find_known(const struct known_agents *known, const char *hash,
                                            size_t len)
{
    uint8_t bytes[KF_SHA256_SIZE];
    size_t size = kf_hash_parse(hash, len, bytes);

    for (size_t i = 0; i < known->count && size != 0; i++) {
        const struct known_agent *agent = &known->items[i];

        if (memcmp(size == KF_SHA1_SIZE ? agent->sha1 : agent->sha256, bytes, size) == 0)
            return agent;
    }
    return NULL;
}

static enum kf_status put_agent(struct kf_store *store, int64_t id, size_t position, int64_t when,
                                struct kf_error *error)
{
    return kf_store_execute(
        store, KF_SQL_AGENT_PUT,
        (struct kf_value[]){kf_integer(id), kf_integer(when), kf_integer((int64_t)position)}, 3,
        NULL, error);
}

/* Makes the list these agents, in this order. */
static enum kf_status put_list(struct kf_store *store, const int64_t *ids, size_t count,
                               struct kf_error *error)
{
    enum kf_status status = kf_store_execute(store, KF_SQL_AGENT_CLEAR, NULL, 0, NULL, error);

    for (size_t i = 0; i < count && status == KF_OK; i++)
        status = put_agent(store, ids[i], i, kf_now(), error);
    return status;
}

#define HASH_LINE ((size_t)2 * KF_SHA1_SIZE + 1)

/* The lines of kf_agents_hashes. NULL: out of memory. */
static char *join_hashes(const struct known_agents *known)
{
    char *text = calloc(known->listed * HASH_LINE + 1, 1);

    for (size_t i = 0; i < known->listed && text != NULL; i++) {
        kf_hex(text + i * HASH_LINE, known->items[i].sha1, KF_SHA1_SIZE);
        if (i + 1 < known->listed)
            text[(i + 1) * HASH_LINE - 1] = '\n';
    }
    return text;
}

enum kf_status kf_agents_hashes(struct kf_store *store, char **out, struct kf_error *error)
{
    struct known_agents known = {.items = NULL};
    enum kf_status status = load_known(store, &known, error);

    *out = NULL;
    if (status == KF_OK) {
        *out = join_hashes(&known);
        if (*out == NULL)
            status = kf_fail_memory(error);
    }
    free(known.items);
    return status;
}

/* The length of the next hash in a list, with *text moved to it; 0 at the end. A line may be one
 * hash with spaces in it, as the registry has them, or several. */
static size_t next_hash(const char **text)
{
    uint8_t bytes[KF_SHA256_SIZE];
    const char *at = *text;
    size_t len;

    for (;;) {
        at += strspn(at, " \t\r\n,");
        if (at[0] != '\\' || at[1] != 'n')
            break;
        at += 2;
    }
    *text = at;
    len = strcspn(at, "\t\r\n,\\");
    return kf_hash_parse(at, len, bytes) != 0 ? len : strcspn(at, " \t\r\n,\\");
}

static enum kf_status parse_list(const struct known_agents *known, const char *value, int64_t *ids,
                                 size_t *count, struct kf_error *error)
{
    size_t len;

    while ((len = next_hash(&value)) != 0) {
        const struct known_agent *agent = find_known(known, value, len);

        if (agent == NULL)
            return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL,
                           "KRACertHash: no certificate of an agent with the hash %.*s is in the "
                           "store (kra add adds one)",
                           len > 64 ? 64 : (int)len, value);
        for (size_t i = 0; i < *count; i++) {
            if (ids[i] == agent->id)
                return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL,
                               "KRACertHash: the agent %.*s is named twice", (int)len, value);
        }
        if (*count == known->count)
            return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL, "KRACertHash: too many hashes");
        ids[(*count)++] = agent->id;
        value += len;
    }
    return KF_OK;
}

/* What the list becomes: "+HASH", "-HASH", or a list. ids has room for all that are known. */
static enum kf_status change_list(const struct known_agents *known, const char *value, int64_t *ids,
                                  size_t *count, struct kf_error *error)
{
    const struct known_agent *agent;
    const char *hash = value + 1;

    if (value[0] != '+' && value[0] != '-')
        return parse_list(known, value, ids, count, error);
    agent = find_known(known, hash, strlen(hash));
    if (agent == NULL || (value[0] == '-' && !agent->is_listed))
        return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL,
                       "KRACertHash: there is no agent with the hash %.80s", hash);
    for (size_t i = 0; i < known->listed; i++) {
        if (known->items[i].id != agent->id)
            ids[(*count)++] = known->items[i].id;
    }
    if (value[0] == '+')
        ids[(*count)++] = agent->id;
    return KF_OK;
}

enum kf_status kf_agents_set_hashes(struct kf_store *store, const char *value,
                                    struct kf_error *error)
{
    struct known_agents known = {.items = NULL};
    int64_t *ids = NULL;
    size_t count = 0;
    enum kf_status status = load_known(store, &known, error);

    if (status == KF_OK) {
        ids = calloc(known.count + 1, sizeof(*ids));
        status =
            ids != NULL ? change_list(&known, value, ids, &count, error) : kf_fail_memory(error);
    }
    if (status == KF_OK)
        status = put_list(store, ids, count, error);
    free(ids);
    free(known.items);
    return status;
}

void kf_agents_reset(struct kf_agents *agents)
{
    if (agents == NULL)
        return;
    for (size_t i = 0; i < agents->count; i++)
        kf_kra_reset(&agents->items[i].kra);
    free(agents->items);
    *agents = (struct kf_agents){.items = NULL};
}

static enum kf_status load_agent(struct kf_store *store, struct kf_agents *agents,
                                 const struct kf_value *columns, struct kf_error *error)
{
    struct kf_agent *items = realloc(agents->items, (agents->count + 1) * sizeof(*items));
    struct kf_agent *agent;

    if (items == NULL)
        return kf_fail_memory(error);
    agents->items = items;
    agent = &items[agents->count];
    *agent = (struct kf_agent){.added = columns[1].number};
    /* how strong it has to be was decided when it was added */
    if (kf_kra_parse(store->crypto, columns[0].bytes, KF_KRA_OLD_BITS, &agent->kra, error) !=
        KF_OK) {
        kf_error_place(error, "agent %zu", agents->count + 1);
        return KF_FATAL;
    }
    agents->count++;
    return KF_OK;
}

enum kf_status kf_agents_load(struct kf_store *store, struct kf_agents *out, struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_AGENT_LIST, NULL, 0, &result, error);

    kf_agents_reset(out);
    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK)
            status = load_agent(store, out, result->columns, error);
    }
    kf_store_finish(store, result);
    if (status == KF_END)
        return KF_OK;
    kf_agents_reset(out);
    return status;
}

static enum kf_status note_agent(struct kf_store *store, enum kf_audit_event event,
                                 const uint8_t sha256[KF_SHA256_SIZE],
                                 const struct kf_cert_facts *facts, int64_t when,
                                 struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];
    char bits[48] = "";
    char added[24];

    kf_hex(hash, sha256, KF_SHA256_SIZE);
    if (facts != NULL)
        (void)snprintf(bits, sizeof(bits), "%u%s", facts->key_bits,
                       facts->key_bits < KF_KRA_MIN_BITS ? " (accepted for an old archive)" : "");
    (void)snprintf(added, sizeof(added), "%lld", (long long)when);
    return kf_audit_append(
        store, event,
        (struct kf_audit_field[]){{"caller", store->caller},
                                  {"certificate", hash},
                                  {"subject", facts != NULL ? facts->subject : ""},
                                  {"bits", bits},
                                  {"added", added}},
        facts != NULL ? 5 : 2, error);
}

/* In a transaction. */
static enum kf_status append_agent(struct kf_store *store, const struct kf_kra *kra, int64_t when,
                                   struct kf_error *error)
{
    struct known_agents known = {.items = NULL};
    int64_t id = 0;
    enum kf_status status = kf_certificate_put(store, kf_buf_slice(&kra->der), &id, error);

    if (status == KF_OK)
        status = load_known(store, &known, error);
    for (size_t i = 0; i < known.listed && status == KF_OK; i++) {
        if (known.items[i].id == id)
            status = kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL,
                             "%s is a key recovery agent already", kra->facts.subject);
    }
    if (status == KF_OK)
        status = put_agent(store, id, known.listed, when, error);
    free(known.items);
    return status;
}

enum kf_status kf_agents_add(struct kf_store *store, struct kf_slice der, unsigned min_bits,
                             int64_t now, struct kf_error *error)
{
    struct kf_kra kra = {.public_key = NULL};
    bool own = false;
    enum kf_status status = kf_kra_parse(store->crypto, der, min_bits, &kra, error);

    if (status == KF_OK && !kf_kra_valid_at(&kra, now))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, WCCE_SELECTION,
                         "the certificate of %s %s", kra.facts.subject,
                         now < kra.facts.not_before ? "is not valid yet" : "has expired");
    if (status == KF_OK)
        status = kf_change_begin(store, &own, error);
    if (status == KF_OK) {
        const int64_t when = kf_now();

        status = append_agent(store, &kra, when, error);
        if (status == KF_OK)
            status =
                note_agent(store, KF_AUDIT_AGENT_ADDED, kra.facts.sha256, &kra.facts, when, error);
        status = kf_change_end(store, own, status, error);
    }
    kf_kra_reset(&kra);
    return status;
}

/* The list without one of its agents. */
static enum kf_status put_without(struct kf_store *store, const struct known_agents *known,
                                  const struct known_agent *removed, struct kf_error *error)
{
    int64_t *ids = calloc(known->count + 1, sizeof(*ids));
    size_t count = 0;
    enum kf_status status;

    if (ids == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < known->listed; i++) {
        if (&known->items[i] != removed)
            ids[count++] = known->items[i].id;
    }
    status = put_list(store, ids, count, error);
    free(ids);
    return status;
}

/* In a transaction. */
static enum kf_status remove_agent(struct kf_store *store, const char *hash, struct kf_error *error)
{
    struct known_agents known = {.items = NULL};
    const struct known_agent *agent = NULL;
    enum kf_status status = load_known(store, &known, error);

    if (status == KF_OK)
        agent = find_known(&known, hash, strlen(hash));
    if (status == KF_OK && (agent == NULL || !agent->is_listed))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL,
                         "there is no key recovery agent with the hash %.80s", hash);
    if (status == KF_OK)
        status = put_without(store, &known, agent, error);
    if (status == KF_OK)
        status = note_agent(store, KF_AUDIT_AGENT_REMOVED, agent->sha256, NULL, 0, error);
    free(known.items);
    return status;
}

enum kf_status kf_agents_remove(struct kf_store *store, const char *hash, struct kf_error *error)
{
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    return kf_change_end(store, own, remove_agent(store, hash, error), error);
}

static enum kf_status add_certificate(void *list, const struct kf_value *columns,
                                      struct kf_error *error)
{
    return kf_der_list_add(list, columns[0].bytes, error);
}

static enum kf_status add_by_sha1(struct kf_store *store, const uint8_t sha1[KF_SHA1_SIZE],
                                  struct kf_der_list *out, struct kf_error *error)
{
    struct kf_value value = kf_blob(sha1, KF_SHA1_SIZE);

    return kf_store_each(store, KF_SQL_CERTIFICATE_BY_SHA1, &value, 1, add_certificate, out, error);
}

enum kf_status kf_agents_certificates(struct kf_store *store, const char *key_recovery_hashes,
                                      struct kf_der_list *out, struct kf_error *error)
{
    const char *line = key_recovery_hashes != NULL ? key_recovery_hashes : "";

    while (*line != '\0') {
        uint8_t sha1[KF_SHA256_SIZE];
        size_t len = strcspn(line, "\n");

        if (kf_hash_parse(line, len, sha1) == KF_SHA1_SIZE &&
            add_by_sha1(store, sha1, out, error) != KF_OK)
            return KF_FATAL;
        line += len + (line[len] == '\n');
    }
    return KF_OK;
}

enum kf_status kf_agents_select(const struct kf_agents *agents, uint64_t asked, int64_t now,
                                struct kf_selection *out, struct kf_error *error)
{
    *out = (struct kf_selection){.valid = NULL};
    if (agents->count == 0)
        return kf_fail_code(error, KF_FATAL, KF_CAUSE_CONFIG, KF_E_ARCHIVAL_NOT_SET_UP,
                            WCCE_SELECTION,
                            "the store has no key recovery agent (kra add adds one)");
    out->valid = calloc(agents->count, sizeof(struct kf_kra *));
    if (out->valid == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < agents->count; i++) {
        if (kf_kra_valid_at(&agents->items[i].kra, now))
            out->valid[out->valid_count++] = &agents->items[i].kra;
    }
    if (out->valid_count == 0 || asked > out->valid_count) {
        (void)!kf_fail_code(error, KF_FATAL, KF_CAUSE_CONFIG, KF_E_NO_VALID_KRA, WCCE_SELECTION,
                            "of %zu key recovery agents %zu are valid now, and KRACertCount asks "
                            "for %llu",
                            agents->count, out->valid_count,
                            (unsigned long long)(asked != 0 ? asked : 1));
        free(out->valid);
        *out = (struct kf_selection){.valid = NULL};
        return KF_FATAL;
    }
    out->per_key = asked != 0 ? (size_t)asked : out->valid_count;
    return KF_OK;
}

size_t kf_selection_start(const struct kf_selection *selection, uint64_t start, uint64_t turn)
{
    /* sums and products of remainders, which cannot overflow */
    uint64_t count = selection->valid_count;

    return (size_t)((start % count + turn % count * (selection->per_key % count)) % count);
}

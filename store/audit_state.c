/*
 * Settings, agents and the CA's certificates against the audit trail: what the entries lead to, one
 * after the other, is what the store must have now.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"
#include "store/settings.h"

const char *const kf_audited_settings[KF_AUDITED_SETTINGS] = {"CAName", "CAKeyFile", "KRACertCount",
                                                              "KRAFlags"};

enum { CA_NAME, CA_KEY_FILE, KRA_CERT_COUNT, KRA_FLAGS };

/* Sets one to the value of a field; a broken one becomes empty, and does not fit then. */
static enum kf_status set_value(struct kf_audit_check *check, size_t index,
                                const struct kf_audit_parts *parts, const char *name,
                                struct kf_error *error)
{
    struct kf_slice value = {.data = NULL};
    enum kf_status status;

    if (!kf_audit_find(parts, name, &value))
        value.len = 0;
    status = kf_audit_unescape(value, &check->settings[index], NULL);
    return status == KF_FATAL ? kf_fail_memory(error) : KF_OK;
}

static enum kf_status see_init(struct kf_audit_check *check, uint64_t sequence,
                               const struct kf_audit_parts *parts, struct kf_error *error)
{
    struct kf_slice authorities;

    if (sequence != 1)
        kf_audit_defect(check, "entry %llu was inserted: a store begins once",
                        (unsigned long long)sequence);
    if (check->has_init)
        return KF_OK;
    check->has_init = true;
    if (kf_audit_find(parts, "authorities", &authorities) &&
        authorities.len == sizeof(check->authorities) - 1)
        memcpy(check->authorities, authorities.data, authorities.len);
    if (kf_buf_set(&check->settings[KRA_CERT_COUNT], kf_slice_of("0"), error) != KF_OK ||
        kf_buf_set(&check->settings[KRA_FLAGS], kf_slice_of("0"), error) != KF_OK ||
        set_value(check, CA_NAME, parts, "ca", error) != KF_OK)
        return KF_FATAL;
    return set_value(check, CA_KEY_FILE, parts, "keyfile", error);
}

/* Of an agent that was added before, what is known stays. */
static enum kf_status know_agent(struct kf_audit_check *check, const uint8_t hash[KF_SHA256_SIZE],
                                 const struct kf_audit_parts *parts, struct kf_error *error)
{
    const size_t count = check->known_agent_count;
    struct kf_agent_known *grown;

    for (size_t i = 0; i < count; i++) {
        if (memcmp(check->known_agents[i].hash, hash, KF_SHA256_SIZE) == 0)
            return KF_OK;
    }
    grown = realloc(check->known_agents, (count + 1) * sizeof(*grown));
    if (grown == NULL)
        return kf_fail_memory(error);
    check->known_agents = grown;
    grown[count] = (struct kf_agent_known){.added = 0};
    memcpy(grown[count].hash, hash, KF_SHA256_SIZE);
    if (!kf_audit_number(parts, "added", &grown[count].added))
        grown[count].added = 0;
    check->known_agent_count++;
    return KF_OK;
}

static enum kf_status add_agent(struct kf_audit_check *check, const uint8_t *hash, size_t len,
                                struct kf_error *error)
{
    struct kf_agent_mark *grown = realloc(check->agents, (check->agent_count + 1) * sizeof(*grown));

    if (grown == NULL)
        return kf_fail_memory(error);
    check->agents = grown;
    grown[check->agent_count] = (struct kf_agent_mark){.len = len};
    memcpy(grown[check->agent_count++].hash, hash, len);
    return KF_OK;
}

/* The SHA-256 in a field. */
static bool certificate_of(const struct kf_audit_parts *parts, uint8_t sha256[KF_SHA256_SIZE])
{
    struct kf_slice value;

    return kf_audit_find(parts, "certificate", &value) &&
           kf_hex_decode((const char *)value.data, value.len, sha256, KF_SHA256_SIZE);
}

/* Of a certificate that is known by its SHA-1 alone, the SHA-1; KF_END where the store has none. */
static enum kf_status sha1_of(struct kf_audit_check *check, const uint8_t sha256[KF_SHA256_SIZE],
                              uint8_t sha1[KF_SHA1_SIZE], struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(check->store, KF_SQL_AGENT_KNOWN, NULL, 0, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status == KF_OK && result->columns[2].bytes.len == KF_SHA256_SIZE &&
            result->columns[1].bytes.len == KF_SHA1_SIZE &&
            memcmp(result->columns[2].bytes.data, sha256, KF_SHA256_SIZE) == 0) {
            memcpy(sha1, result->columns[1].bytes.data, KF_SHA1_SIZE);
            break;
        }
    }
    kf_store_finish(check->store, result);
    return status;
}

static enum kf_status remove_agent(struct kf_audit_check *check,
                                   const uint8_t sha256[KF_SHA256_SIZE], struct kf_error *error)
{
    uint8_t sha1[KF_SHA1_SIZE] = {0};
    size_t kept = 0;

    if (sha1_of(check, sha256, sha1, error) == KF_FATAL)
        return KF_FATAL;
    for (size_t i = 0; i < check->agent_count; i++) {
        const struct kf_agent_mark *agent = &check->agents[i];

        if (memcmp(agent->hash, agent->len == KF_SHA1_SIZE ? sha1 : sha256, agent->len) != 0)
            check->agents[kept++] = *agent;
    }
    check->agent_count = kept;
    return KF_OK;
}

/* The whole list, as setreg has set it: one SHA-1 a line. */
static enum kf_status set_agents(struct kf_audit_check *check, const struct kf_audit_parts *parts,
                                 struct kf_error *error)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    struct kf_slice value = {.data = NULL};
    enum kf_status status = KF_OK;

    check->agent_count = 0;
    check->agents_unknown = !kf_audit_find(parts, "new", &value);
    if (!check->agents_unknown)
        status = kf_audit_unescape(value, &text, NULL);
    check->agents_unknown |= status != KF_OK || text.len >= KF_AUDIT_VALUE_MAX;
    for (size_t at = 0; status == KF_OK && at < text.len;) {
        const char *line = (const char *)text.data + at;
        size_t len = strcspn(line, "\n");
        uint8_t hash[KF_SHA256_SIZE];
        size_t size = kf_hash_parse(line, len, hash);

        if (size != 0)
            status = add_agent(check, hash, size, error);
        at += len + 1;
    }
    kf_buf_reset(&text);
    return status == KF_FATAL ? kf_fail_memory(error) : KF_OK;
}

static enum kf_status see_setting(struct kf_audit_check *check, const struct kf_audit_parts *parts,
                                  struct kf_error *error)
{
    for (size_t i = 0; i < KF_AUDITED_SETTINGS; i++) {
        if (kf_audit_says(parts, "name", kf_audited_settings[i]))
            return set_value(check, i, parts, "new", error);
    }
    if (kf_audit_says(parts, "name", "KRACertHash"))
        return set_agents(check, parts, error);
    return KF_OK;
}

static enum kf_status see_run(struct kf_audit_check *check, struct kf_idmap *map, uint64_t sequence,
                              const struct kf_audit_parts *parts, struct kf_error *error)
{
    uint64_t run = 0;

    if (!kf_audit_number(parts, "run", &run) || run == 0 || run > KF_IDMAP_MAX) {
        kf_audit_defect(check, "entry %llu is about no run", (unsigned long long)sequence);
        return KF_OK;
    }
    return kf_idmap_set(map, run, sequence, error);
}

static void see_turn(struct kf_audit_check *check, const struct kf_audit_parts *parts)
{
    struct kf_slice value;

    check->kra_next[0] = '\0';
    if (kf_audit_find(parts, "kra-next", &value) && value.len < sizeof(check->kra_next)) {
        memcpy(check->kra_next, value.data, value.len);
        check->kra_next[value.len] = '\0';
    }
}

static enum kf_status see_chain(struct kf_audit_check *check, uint64_t sequence,
                                const struct kf_audit_parts *parts, struct kf_error *error)
{
    uint64_t chain = 0;

    if (!kf_audit_number(parts, "chain", &chain) || chain == 0 || chain > KF_IDMAP_MAX) {
        kf_audit_defect(check, "entry %llu is about no chain", (unsigned long long)sequence);
        return KF_OK;
    }
    return kf_idmap_set(&check->chains, chain, sequence, error);
}

enum kf_status kf_audit_see_state(struct kf_audit_check *check, uint64_t sequence,
                                  enum kf_audit_event event, const struct kf_audit_parts *parts,
                                  struct kf_error *error)
{
    uint8_t sha256[KF_SHA256_SIZE];

    if (event == KF_AUDIT_INIT)
        return see_init(check, sequence, parts, error);
    if (event == KF_AUDIT_SETTING)
        return see_setting(check, parts, error);
    if (event == KF_AUDIT_RUN_BEGIN)
        return see_run(check, &check->runs_begun, sequence, parts, error);
    if (event == KF_AUDIT_CHAIN_ADDED)
        return see_chain(check, sequence, parts, error);
    if (event == KF_AUDIT_RUN_ADVANCED || event == KF_AUDIT_RUN_END) {
        see_turn(check, parts);
        return see_run(check,
                       event == KF_AUDIT_RUN_END ? &check->runs_ended : &check->runs_advanced,
                       sequence, parts, error);
    }
    if (!certificate_of(parts, sha256)) {
        kf_audit_defect(check, "entry %llu is about no certificate", (unsigned long long)sequence);
        return KF_OK;
    }
    if (event == KF_AUDIT_AGENT_REMOVED)
        return remove_agent(check, sha256, error);
    if (know_agent(check, sha256, parts, error) != KF_OK)
        return KF_FATAL;
    return add_agent(check, sha256, KF_SHA256_SIZE, error);
}

static enum kf_status check_setting(struct kf_audit_check *check, size_t index,
                                    struct kf_error *error)
{
    const struct kf_buf *said = &check->settings[index];
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_setting setting = {.info = NULL};
    char digits[24];
    const char *value = digits;
    size_t len;

    if (kf_setting_get(check->store, kf_audited_settings[index], &setting, &why) != KF_OK) {
        if (why.cause != KF_CAUSE_CONFIG) {
            *error = why;
            return KF_FATAL;
        }
        kf_audit_defect(check, "setting %s was changed: %s", kf_audited_settings[index], why.text);
        return KF_OK;
    }
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)setting.number);
    if (setting.text != NULL)
        value = setting.text;
    len = strlen(value);
    if (len > KF_AUDIT_VALUE_MAX)
        len = KF_AUDIT_VALUE_MAX;
    if (len != said->len || (len != 0 && memcmp(value, said->data, len) != 0))
        kf_audit_defect(check,
                        "setting %s was changed: it is \"%.80s\", the audit trail says \"%.*s\"",
                        kf_audited_settings[index], value, (int)(said->len < 80 ? said->len : 80),
                        said->len != 0 ? (const char *)said->data : "");
    kf_setting_reset(&setting);
    return KF_OK;
}

static bool is_agent(const struct kf_crypto *crypto, const struct kf_agent_mark *mark,
                     struct kf_slice der)
{
    uint8_t hash[KF_SHA256_SIZE];
    const EVP_MD *digest = mark->len == KF_SHA1_SIZE ? crypto->sha1 : crypto->sha256;

    return kf_digest(digest, der, hash, NULL) == KF_OK && memcmp(hash, mark->hash, mark->len) == 0;
}

/* The agents that keys are sealed to, in order: one more would read every key from now on. */
static enum kf_status check_agents(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_result *result = NULL;
    size_t count = 0;
    bool fit = true;
    enum kf_status status;

    if (check->agents_unknown)
        return KF_OK;
    status = kf_store_query(check->store, KF_SQL_AGENT_LIST, NULL, 0, &result, error);
    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status != KF_OK)
            break;
        fit = fit && count < check->agent_count && result->columns[2].number == (int64_t)count &&
              is_agent(check->store->crypto, &check->agents[count], result->columns[0].bytes);
        count++;
    }
    kf_store_finish(check->store, result);
    if (status == KF_END && (!fit || count != check->agent_count))
        kf_audit_defect(check,
                        "the key recovery agents were changed: the store has %zu, and they "
                        "are not the %zu of the audit trail",
                        count, check->agent_count);
    return status == KF_END ? KF_OK : status;
}

static enum kf_status check_authorities(struct kf_audit_check *check, struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];

    if (kf_authorities_hash(check->store, hash, error) != KF_OK)
        return KF_FATAL;
    if (strcmp(hash, check->authorities) != 0)
        kf_audit_defect(check, "the certificates of the CA were changed: they are not those of "
                               "entry 1");
    return KF_OK;
}

enum kf_status kf_audit_check_state(struct kf_audit_check *check, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    if (!check->has_init) {
        kf_audit_defect(check, "the entry that began the trail is missing");
        return KF_OK;
    }
    for (size_t i = 0; i < KF_AUDITED_SETTINGS && status == KF_OK; i++)
        status = check_setting(check, i, error);
    if (status == KF_OK)
        status = check_agents(check, error);
    if (status == KF_OK)
        status = check_authorities(check, error);
    if (status == KF_OK)
        status = kf_audit_check_runs(check, error);
    return status == KF_OK ? kf_audit_check_others(check, error) : status;
}

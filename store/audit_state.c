/*
 * Settings, agents, the CA's certificates and runs against the audit trail: what the entries lead
 * to, one after the other, is what the store must have now.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"
#include "store/runs.h"
#include "store/settings.h"

static const char *const settings[KF_AUDITED_SETTINGS] = {"CAName", "CAKeyFile", "KRACertCount",
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
        if (kf_audit_says(parts, "name", settings[i]))
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
    if (event == KF_AUDIT_RUN_END)
        return see_run(check, &check->runs_ended, sequence, parts, error);
    if (!certificate_of(parts, sha256)) {
        kf_audit_defect(check, "entry %llu is about no certificate", (unsigned long long)sequence);
        return KF_OK;
    }
    return event == KF_AUDIT_AGENT_ADDED ? add_agent(check, sha256, KF_SHA256_SIZE, error)
                                         : remove_agent(check, sha256, error);
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

    if (kf_setting_get(check->store, settings[index], &setting, &why) != KF_OK) {
        if (why.cause != KF_CAUSE_CONFIG) {
            *error = why;
            return KF_FATAL;
        }
        kf_audit_defect(check, "setting %s was changed: %s", settings[index], why.text);
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
                        settings[index], value, (int)(said->len < 80 ? said->len : 80),
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
        fit = fit && count < check->agent_count &&
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

/* A text of a run, cut as entries are. */
static bool said_text(const struct kf_audit_parts *entry, const char *name, const char *text)
{
    struct kf_buf escaped = KF_PUBLIC_BUF;
    struct kf_slice said;
    bool same = kf_audit_escape(&escaped, text, NULL) == KF_OK &&
                kf_audit_find(entry, name, &said) && said.len == escaped.len &&
                (said.len == 0 || memcmp(said.data, escaped.data, said.len) == 0);

    kf_buf_reset(&escaped);
    return same;
}

static bool said_totals(const struct kf_audit_parts *entry, const struct kf_totals *totals)
{
    for (int i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++) {
        uint64_t said = 0;

        if (!kf_audit_number(entry, kf_outcome_name((enum kf_outcome)i), &said) ||
            said != totals->by_outcome[i])
            return false;
    }
    return true;
}

/* Of a run that ended: its inputs with their digests are those that its end tells. */
static enum kf_status check_inputs(struct kf_audit_check *check, uint64_t run,
                                   const struct kf_audit_parts *entry, uint64_t sequence,
                                   struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];

    if (kf_inputs_hash(check->store, run, hash, error) != KF_OK)
        return KF_FATAL;
    if (!kf_audit_says(entry, "inputs", hash))
        kf_audit_defect(check, "run %llu was changed: its inputs are not those of entry %llu",
                        (unsigned long long)run, (unsigned long long)sequence);
    return KF_OK;
}

static enum kf_status check_run(struct kf_audit_check *check, const struct kf_run *run,
                                struct kf_error *error)
{
    uint64_t begun = kf_idmap_see(&check->runs_begun, run->id);
    uint64_t ended = kf_idmap_see(&check->runs_ended, run->id);
    unsigned long long id = (unsigned long long)run->id;
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_audit_parts entry;
    bool found = false;
    enum kf_status status = KF_OK;

    if (begun == 0)
        kf_audit_defect(check, "run %llu was inserted: the audit trail does not know it", id);
    else
        status = kf_audit_fetch(check, begun, &line, &entry, &found, error);
    if (status == KF_OK && found &&
        (!said_text(&entry, "command", run->command) ||
         !said_text(&entry, "options", run->options) || !said_text(&entry, "inputs", run->inputs) ||
         !said_text(&entry, "caller", run->caller)))
        kf_audit_defect(check, "run %llu was changed: it is not that of entry %llu", id,
                        (unsigned long long)begun);
    if (status == KF_OK && (ended != 0) != (run->ended != 0))
        kf_audit_defect(check, "run %llu was changed: %s", id,
                        ended != 0 ? "its end was removed" : "its end is not in the audit trail");
    found = false;
    if (status == KF_OK && ended != 0)
        status = kf_audit_fetch(check, ended, &line, &entry, &found, error);
    if (status == KF_OK && found && !said_totals(&entry, &run->totals))
        kf_audit_defect(check, "run %llu was changed: its totals are not those of entry %llu", id,
                        (unsigned long long)ended);
    if (status == KF_OK && found)
        status = check_inputs(check, run->id, &entry, ended, error);
    kf_buf_reset(&line);
    return status;
}

static enum kf_status check_runs(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_run_cursor *cursor = NULL;
    struct kf_run run = {.id = 0};
    uint64_t sequence = 0;
    enum kf_status status = kf_runs_all(check->store, &cursor, error);

    while (status == KF_OK) {
        status = kf_runs_next(cursor, &run, error);
        if (status == KF_OK)
            status = check_run(check, &run, error);
    }
    kf_run_reset(&run);
    kf_runs_close(cursor);
    if (status != KF_END)
        return status;
    for (uint64_t id = 0; kf_idmap_unseen(&check->runs_begun, &id, &sequence); id++)
        kf_audit_defect(check, "run %llu was removed: entry %llu began it", (unsigned long long)id,
                        (unsigned long long)sequence);
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
    return status == KF_OK ? check_runs(check, error) : status;
}

/*
 * The facts of a report: see report_facts.h for the contract. Groups stand in report_groups.c.
 */
#include "cli/report_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kf_status kf_report_facts_new(struct kf_report_facts **out, struct kf_error *error)
{
    struct kf_report_facts *facts = calloc(1, sizeof(*facts));

    if (facts != NULL)
        facts->groups = calloc(KF_GROUP_MOST, sizeof(*facts->groups));
    if (facts == NULL || facts->groups == NULL) {
        free(facts);
        return kf_fail_memory(error);
    }
    facts->inputs.limit = KF_INPUTS_MOST;
    facts->folders.limit = KF_FOLDERS_MOST;
    facts->issuers.limit = KF_NAMES_MOST;
    facts->algorithms.limit = KF_NAMES_MOST;
    facts->signatures.limit = KF_NAMES_MOST;
    facts->years.limit = KF_NAMES_MOST;
    facts->agents.limit = KF_NAMES_MOST;
    facts->passwords.limit = KF_NAMES_MOST;
    *out = facts;
    return KF_OK;
}

void kf_report_facts_free(struct kf_report_facts *facts)
{
    if (facts == NULL)
        return;
    kf_groups_free(facts);
    kf_tally_reset(&facts->inputs);
    kf_tally_reset(&facts->folders);
    kf_tally_reset(&facts->issuers);
    kf_tally_reset(&facts->algorithms);
    kf_tally_reset(&facts->signatures);
    kf_tally_reset(&facts->years);
    kf_tally_reset(&facts->agents);
    kf_tally_reset(&facts->passwords);
    free(facts);
}

/* Remembers the input of a folder for as long as it is the only one. */
static enum kf_status note_input(struct kf_tally_item *folder, const char *input,
                                 struct kf_error *error)
{
    if (folder->keys == 1) {
        folder->note = kf_strndup(input, strlen(input));
        return folder->note != NULL ? KF_OK : kf_fail_memory(error);
    }
    if (folder->note != NULL && strcmp(folder->note, input) != 0) {
        free(folder->note);
        folder->note = NULL;
    }
    return KF_OK;
}

/* The folder of a path with its slash, "" where it has none. */
static enum kf_status count_folder(struct kf_report_facts *facts,
                                   const struct kf_report_entry *entry, struct kf_error *error)
{
    const char *slash = strrchr(entry->input, '/');
    size_t len = slash != NULL ? (size_t)(slash - entry->input) + 1 : 0;
    char *folder = kf_strndup(entry->input, len);
    struct kf_tally_item *item = NULL;
    enum kf_status status;

    if (folder == NULL)
        return kf_fail_memory(error);
    status = kf_tally_add(&facts->folders, folder, entry->outcome, &item, error);
    if (status == KF_OK && item->name != NULL)
        status = note_input(item, entry->input, error);
    free(folder);
    return status;
}

enum kf_status kf_report_facts_input(struct kf_report_facts *facts,
                                     const struct kf_report_input *input, struct kf_error *error)
{
    size_t before = facts->inputs.count;
    struct kf_tally_item *item = NULL;

    facts->input_count++;
    facts->input = NULL;
    if (kf_tally_touch(&facts->inputs, input->name, &item, error) != KF_OK)
        return KF_FATAL;
    if (item->name == NULL)
        return KF_OK;
    facts->input = &facts->input_facts[item - facts->inputs.items];
    if (facts->inputs.count == before)
        return KF_OK; /* the same file once more */
    facts->input->has_digest = input->has_digest;
    facts->input->size = input->size;
    memcpy(facts->input->sha256, input->sha256, sizeof(facts->input->sha256));
    return KF_OK;
}

static enum kf_status count_year(struct kf_report_facts *facts, const struct kf_report_entry *entry,
                                 struct kf_error *error)
{
    time_t when = (time_t)entry->not_after;
    struct tm parts;
    int year = KF_REPORT_YEARS_TO;
    char name[32];

    if (gmtime_r(&when, &parts) != NULL && parts.tm_year + 1900 < year)
        year = parts.tm_year + 1900;
    (void)snprintf(name, sizeof(name), "%04d", year);
    return kf_tally_add(&facts->years, name, entry->outcome, NULL, error);
}

static bool is_in_archive(const struct kf_report_entry *entry)
{
    return entry->outcome == KF_ARCHIVED || entry->outcome == KF_KNOWN;
}

static void count_weakness(struct kf_report_facts *facts, const struct kf_report_entry *entry)
{
    for (unsigned i = 0; i < KF_WEAK_KINDS; i++) {
        if ((entry->weak & 1u << i) == 0)
            continue;
        facts->weak[i]++;
        facts->weak_archived[i] += is_in_archive(entry);
    }
    facts->weak_keys += entry->weak != 0;
}

static enum kf_status count_certificate(struct kf_report_facts *facts,
                                        const struct kf_report_entry *entry, struct kf_error *error)
{
    const char *signature =
        entry->signature_algorithm != NULL ? entry->signature_algorithm : "unknown";
    struct kf_tally_item *algorithm = NULL;
    struct kf_tally_item *signed_by = NULL;
    char name[128];

    facts->with_certificate++;
    count_weakness(facts, entry);
    kf_key_kind(entry->key_algorithm, entry->key_bits, name, sizeof(name));
    if (kf_tally_add(&facts->algorithms, name, entry->outcome, &algorithm, error) != KF_OK ||
        kf_tally_add(&facts->signatures, signature, entry->outcome, &signed_by, error) != KF_OK ||
        kf_tally_add(&facts->issuers, entry->issuer != NULL ? entry->issuer : "", entry->outcome,
                     NULL, error) != KF_OK)
        return KF_FATAL;
    algorithm->is_weak = algorithm->is_weak || (entry->weak & KF_WEAK_SHORT) != 0;
    signed_by->is_weak = signed_by->is_weak || (entry->weak & KF_WEAK_SIGNATURE) != 0;
    return count_year(facts, entry, error);
}

/* Each agent by its line of KeyRecoveryHashes, without the spaces. */
static enum kf_status count_agents(struct kf_report_facts *facts,
                                   const struct kf_report_entry *entry, struct kf_error *error)
{
    const char *at = entry->key_recovery_hashes;
    char hash[2 * KF_SHA1_SIZE + 1];
    size_t used = 0;

    for (; at != NULL && used < sizeof(hash); at++) {
        if (*at != '\n' && *at != '\0') {
            if (*at != ' ')
                hash[used++] = *at;
            continue;
        }
        hash[used] = '\0';
        if (used != 0 && kf_tally_add(&facts->agents, hash, entry->outcome, NULL, error) != KF_OK)
            return KF_FATAL;
        used = 0;
        if (*at == '\0')
            break;
    }
    return KF_OK;
}

enum kf_status kf_report_facts_add(struct kf_report_facts *facts,
                                   const struct kf_report_entry *entry, struct kf_error *error)
{
    facts->counted.by_outcome[entry->outcome]++;
    facts->replaced += entry->replaced;
    if (is_in_archive(entry)) {
        facts->in_archive[entry->foreign][entry->state == KF_STATE_PREVIOUS]++;
        if (count_agents(facts, entry, error) != KF_OK)
            return KF_FATAL;
    }
    if (kf_tally_add(&facts->inputs, entry->input, entry->outcome, NULL, error) != KF_OK ||
        count_folder(facts, entry, error) != KF_OK)
        return KF_FATAL;
    if (entry->password != NULL &&
        kf_tally_add(&facts->passwords, entry->password, entry->outcome, NULL, error) != KF_OK)
        return KF_FATAL;
    if (entry->has_certificate && count_certificate(facts, entry, error) != KF_OK)
        return KF_FATAL;
    return kf_group_wants(entry) ? kf_group_add(facts, entry, error) : KF_OK;
}

void kf_report_facts_sort(struct kf_report_facts *facts)
{
    /* inputs stay in their order, and so does what stands beside them */
    kf_tally_sort(&facts->folders);
    kf_tally_sort(&facts->issuers);
    kf_tally_sort(&facts->algorithms);
    kf_tally_sort(&facts->signatures);
    kf_tally_sort(&facts->agents);
    kf_tally_sort(&facts->passwords);
    kf_tally_sort_names(&facts->years);
    kf_groups_sort(facts);
}

/*
 * Keys that ask for attention, grouped by cause: see report_facts.h.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/report_facts.h"
#include "store/rules.h"

#define MESSAGE_SIZE 2048u /* more than a place and a text of struct kf_error take */

/* What is in the archive, but no secret: worse than any weakness that takes work. */
static bool is_roca(const struct kf_report_entry *entry)
{
    return (entry->outcome == KF_ARCHIVED || entry->outcome == KF_KNOWN) &&
           (entry->weak & KF_WEAK_ROCA) != 0;
}

bool kf_group_wants(const struct kf_report_entry *entry)
{
    switch (entry->outcome) {
    case KF_REFUSED:
    case KF_FAILED:
    case KF_SKIPPED:
        return true;
    case KF_ARCHIVED:
        return entry->message != NULL || is_roca(entry); /* or not its certificate's key */
    case KF_KNOWN:
        return is_roca(entry);
    case KF_PENDING:
        break;
    }
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *copy_of(const char *text)
{
    return text != NULL ? kf_strndup(text, strlen(text)) : NULL;
}

static bool is_held_back(const struct kf_report_entry *entry)
{
    return entry->message != NULL &&
           strncmp(entry->message, KF_HELD_BACK, strlen(KF_HELD_BACK)) == 0;
}

static bool fits(const struct kf_group *group, const struct kf_report_entry *entry)
{
    bool held_back = is_held_back(entry);

    if (group->is_rest || (held_back && group->is_held_back && group->outcome == entry->outcome))
        return true;
    return group->outcome == entry->outcome && group->cause == entry->cause &&
           group->is_held_back == held_back && group->is_roca == is_roca(entry) &&
           group->code == entry->code && same_text(group->rule, entry->rule);
}

static enum kf_status find_group(struct kf_report_facts *facts, const struct kf_report_entry *entry,
                                 struct kf_group **out, struct kf_error *error)
{
    bool held_back = is_held_back(entry); /* by rules of their own, told with each */
    struct kf_group *group;

    for (size_t i = 0; i < facts->group_count; i++) {
        *out = &facts->groups[i];
        if (fits(*out, entry))
            return KF_OK;
    }
    group = &facts->groups[facts->group_count];
    *group = (struct kf_group){.outcome = entry->outcome,
                               .cause = entry->cause,
                               .code = held_back ? 0 : entry->code,
                               .rule = held_back ? NULL : copy_of(entry->rule),
                               .message = copy_of(entry->message),
                               .input = copy_of(entry->input),
                               .same_text = true,
                               .same_input = true,
                               .is_held_back = held_back,
                               .is_roca = is_roca(entry),
                               .is_rest = facts->group_count + 1 == KF_GROUP_MOST};
    group->last = &group->first;
    facts->group_count++;
    *out = group;
    if ((group->rule == NULL) != (held_back || entry->rule == NULL) ||
        (group->message == NULL) != (entry->message == NULL) || group->input == NULL)
        return kf_fail_memory(error);
    return KF_OK;
}

/* Puts a copy of text at *at, which moves past it; NULL stays NULL. */
static const char *put(char **at, const char *text)
{
    const char *begin = *at;
    size_t size;

    if (text == NULL)
        return NULL;
    size = strlen(text) + 1;
    memcpy(*at, text, size);
    *at += size;
    return begin;
}

static size_t size_of(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static enum kf_status keep(struct kf_group *group, const struct kf_report_entry *entry,
                           struct kf_error *error)
{
    struct kf_kept *kept = malloc(sizeof(*kept) + size_of(entry->name) + size_of(entry->input) +
                                  size_of(entry->place) + size_of(entry->message) + 1);
    char *at;

    if (kept == NULL)
        return kf_fail_memory(error);
    at = kept->text;
    kept->next = NULL;
    kept->line = entry->line;
    kept->name = put(&at, entry->name);
    kept->input = put(&at, entry->input);
    kept->place = put(&at, entry->place != NULL ? entry->place : "");
    kept->message = put(&at, entry->message);
    *group->last = kept;
    group->last = &kept->next;
    group->kept++;
    return KF_OK;
}

static enum kf_status add_brief(struct kf_report_facts *facts, const struct kf_report_entry *entry,
                                struct kf_error *error)
{
    struct kf_group *group = NULL;

    if (find_group(facts, entry, &group, error) != KF_OK)
        return KF_FATAL;
    group->keys++;
    group->same_text = group->same_text && same_text(group->message, entry->message);
    group->same_input = group->same_input && same_text(group->input, entry->input);
    if (group->kept == KF_GROUP_KEPT || facts->kept == KF_GROUPS_KEPT)
        return KF_OK;
    facts->kept++;
    return keep(group, entry, error);
}

enum kf_status kf_group_add(struct kf_report_facts *facts, const struct kf_report_entry *entry,
                            struct kf_error *error)
{
    struct kf_report_entry brief = *entry;
    char message[MESSAGE_SIZE];

    if (entry->message != NULL) {
        kf_code_brief(entry->code, entry->message, message, sizeof(message));
        brief.message = message;
    }
    return add_brief(facts, &brief, error);
}

/* What asks for more attention first: refused and failed, then reserves, then skipped. */
static int rank_of(const struct kf_group *group)
{
    if (group->is_roca)
        return 0;
    switch (group->outcome) {
    case KF_REFUSED:
    case KF_FAILED:
        return 0;
    case KF_ARCHIVED:
    case KF_KNOWN:
    case KF_PENDING:
        return 1;
    case KF_SKIPPED:
        break;
    }
    return 2;
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare(const void *left, const void *right)
{
    const struct kf_group *a = left;
    const struct kf_group *b = right;

    if (rank_of(a) != rank_of(b))
        return rank_of(a) - rank_of(b);
    if (a->keys != b->keys)
        return a->keys > b->keys ? -1 : 1;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    if (a->cause != b->cause)
        return a->cause < b->cause ? -1 : 1;
    return compare_text(a->rule, b->rule);
}

void kf_groups_sort(struct kf_report_facts *facts)
{
    if (facts->group_count != 0)
        qsort(facts->groups, facts->group_count, sizeof(*facts->groups), compare);
}

void kf_groups_free(struct kf_report_facts *facts)
{
    for (size_t i = 0; i < facts->group_count; i++) {
        struct kf_group *group = &facts->groups[i];

        while (group->first != NULL) {
            struct kf_kept *kept = group->first;

            group->first = kept->next;
            free(kept);
        }
        free(group->rule);
        free(group->message);
        free(group->input);
    }
    free(facts->groups);
}

/*
 * Reports: see report.h for the contract. The forms stand in report_rows.c and report_html.c.
 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/files.h"
#include "crypto/cert.h"
#include "store/agents.h"

/* One file, or standard output, and its form. */
struct destination {
    const struct kf_report_form *form;
    struct kf_out out;
};

struct kf_report {
    const struct kf_crypto *crypto;
    struct kf_store *store;
    const struct kf_report_run *run;
    struct destination *destinations;
    size_t count;
    struct kf_report_facts *facts;
    struct kf_report_input input; /* the current one; its name is ours */
    char *input_name;
    struct kf_report_agent *agents;
    size_t agent_count;
    enum kf_status status; /* the first failure that is none of a destination's */
    struct kf_error error;
};

static const struct kf_report_form *find_form(const char *path)
{
    static const struct kf_report_form *const forms[] = {&kf_report_jsonl, &kf_report_csv,
                                                         &kf_report_html};
    size_t len = strlen(path);

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t ending = strlen(forms[i]->ending);

        if (len > ending && strcasecmp(path + len - ending, forms[i]->ending) == 0)
            return forms[i];
    }
    return len > 4 && strcasecmp(path + len - 4, ".htm") == 0 ? &kf_report_html : NULL;
}

static enum kf_status fail_ending(const char *path, struct kf_error *error)
{
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                   "%s: what a report is, its ending says: .html, .csv or .jsonl", path);
}

enum kf_status kf_report_check(const struct kf_arguments *arguments, enum kf_option option,
                               struct kf_error *error)
{
    for (size_t i = 0; i < arguments->use_count; i++) {
        const char *path = arguments->uses[i].value;
        struct kf_out out;

        if (arguments->uses[i].option != option)
            continue;
        if (find_form(path) == NULL)
            return fail_ending(path, error);
        if (kf_out_open(&out, path, error) != KF_OK)
            return KF_FATAL;
        kf_out_discard(&out);
    }
    return KF_OK;
}

static enum kf_status add_destination(struct kf_report *report, const char *path,
                                      struct kf_error *error)
{
    struct destination *grown = realloc(report->destinations, (report->count + 1) * sizeof(*grown));
    struct destination *added;

    if (grown == NULL)
        return kf_fail_memory(error);
    report->destinations = grown;
    added = &grown[report->count];
    added->form = path != NULL ? find_form(path) : &kf_report_jsonl;
    if (added->form == NULL)
        return fail_ending(path, error);
    if (kf_out_open(&added->out, path, error) != KF_OK)
        return KF_FATAL;
    report->count++;
    return KF_OK;
}

static enum kf_status add_destinations(struct kf_report *report,
                                       const struct kf_arguments *arguments, enum kf_option option,
                                       struct kf_error *error)
{
    for (size_t i = 0; i < arguments->use_count; i++) {
        if (arguments->uses[i].option == option &&
            add_destination(report, arguments->uses[i].value, error) != KF_OK)
            return KF_FATAL;
    }
    return report->count != 0 ? KF_OK : add_destination(report, NULL, error);
}

enum kf_status kf_report_open(const struct kf_session *session,
                              const struct kf_arguments *arguments, enum kf_option option,
                              struct kf_store *store, const struct kf_report_run *run,
                              struct kf_report **out, struct kf_error *error)
{
    struct kf_report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        return kf_fail_memory(error);
    report->crypto = session->crypto;
    report->store = store;
    report->run = run;
    if (add_destinations(report, arguments, option, error) != KF_OK ||
        kf_report_facts_new(&report->facts, error) != KF_OK) {
        kf_report_discard(report);
        return KF_FATAL;
    }
    for (size_t i = 0; i < report->count; i++)
        report->destinations[i].form->begin(&report->destinations[i].out, run);
    *out = report;
    return KF_OK;
}

/* Takes what is known of an input; where no store has it, what the file is now. */
static enum kf_status change_input(struct kf_report *report, const char *name,
                                   const struct kf_input_facts *known)
{
    struct kf_input_facts facts = {.has_size = false};
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};

    free(report->input_name);
    report->input_name = kf_strndup(name, strlen(name));
    if (report->input_name == NULL)
        return kf_fail_memory(&report->error);
    if (known != NULL)
        facts = *known;
    else
        (void)!kf_file_facts(name, report->crypto->sha256, &facts, &ignored);
    report->input = (struct kf_report_input){
        .name = report->input_name, .has_digest = facts.has_digest, .size = facts.size};
    if (facts.has_digest)
        kf_hex(report->input.sha256, facts.sha256, KF_SHA256_SIZE);
    for (size_t i = 0; i < report->count; i++)
        report->destinations[i].form->input(&report->destinations[i].out, &report->input);
    return kf_report_facts_input(report->facts, &report->input, &report->error);
}

bool kf_report_is_at(const struct kf_report *report, const char *input)
{
    return report->input_name != NULL && strcmp(report->input_name, input) == 0;
}

void kf_report_input(struct kf_report *report, const char *name, const struct kf_input_facts *facts)
{
    if (report->status == KF_OK)
        report->status = change_input(report, name, facts);
}

void kf_report_certificates(struct kf_report *report, uint64_t certificates)
{
    if (report->status == KF_OK && report->facts->input != NULL)
        report->facts->input->certificates += certificates;
}

void kf_report_add(struct kf_report *report, const struct kf_report_entry *entry)
{
    if (!kf_report_is_at(report, entry->input))
        kf_report_input(report, entry->input, entry->input_facts);
    if (report->status == KF_OK)
        report->status = kf_report_facts_add(report->facts, entry, &report->error);
    for (size_t i = 0; i < report->count && report->status == KF_OK; i++)
        report->destinations[i].form->key(&report->destinations[i].out, &report->input, entry);
}

/* The subject and the time of an agent's certificate, where the store has it. */
static enum kf_status describe_agent(const struct kf_report *report, struct kf_report_agent *agent,
                                     struct kf_error *error)
{
    struct kf_der_list certificates = {.items = NULL};
    struct kf_cert_facts facts = {.version = 0};
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};
    enum kf_status status =
        kf_agents_certificates(report->store, agent->sha1, &certificates, error);

    if (status == KF_OK && certificates.count != 0 &&
        kf_cert_parse(report->crypto, kf_buf_slice(&certificates.items[0]), &facts, &ignored) ==
            KF_OK) {
        agent->subject = facts.subject; /* the agent's now */
        facts.subject = NULL;
        agent->not_after = facts.not_after;
    }
    kf_cert_facts_reset(&facts);
    kf_der_list_reset(&certificates);
    return status;
}

static enum kf_status describe_agents(struct kf_report *report, struct kf_error *error)
{
    const struct kf_tally *tally = &report->facts->agents;

    report->agents = calloc(tally->count + 1, sizeof(*report->agents));
    if (report->agents == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < tally->count; i++) {
        struct kf_report_agent *agent = &report->agents[report->agent_count++];

        memcpy(agent->sha1, tally->items[i].name, strlen(tally->items[i].name) + 1);
        agent->keys = tally->items[i].keys;
        if (report->store != NULL && describe_agent(report, agent, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

static enum kf_status finish(struct kf_report *report, const struct kf_report_end *end,
                             struct kf_error *error)
{
    struct kf_report_whole whole = {.crypto = report->crypto, .run = report->run, .end = end};
    enum kf_status status = KF_OK;

    if (report->status != KF_OK) {
        *error = report->error;
        return KF_FATAL;
    }
    kf_report_facts_sort(report->facts);
    if (describe_agents(report, error) != KF_OK)
        return KF_FATAL;
    whole.facts = report->facts;
    whole.agents = report->agents;
    whole.agent_count = report->agent_count;
    for (size_t i = 0; i < report->count; i++) {
        struct destination *destination = &report->destinations[i];

        destination->form->end(&destination->out, &whole);
        if (kf_out_close(&destination->out, error) != KF_OK)
            status = KF_FATAL;
    }
    return status;
}

enum kf_status kf_report_end(struct kf_report *report, const struct kf_report_end *end,
                             struct kf_error *error)
{
    enum kf_status status = finish(report, end, error);

    kf_report_discard(report);
    return status;
}

void kf_report_discard(struct kf_report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->count; i++)
        kf_out_discard(&report->destinations[i].out);
    for (size_t i = 0; i < report->agent_count; i++)
        free(report->agents[i].subject);
    free(report->agents);
    free(report->destinations);
    kf_report_facts_free(report->facts);
    free(report->input_name);
    free(report);
}

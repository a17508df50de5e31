/*
 * keyferry kra: the key recovery agents, whose certificates keys are sealed to.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/agents.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/place.h"
#include "store/agents.h"

enum kf_status kf_add_agent(const struct kf_session *session, const struct kf_arguments *arguments,
                            struct kf_store *store, const char *path, struct kf_error *error)
{
    struct kf_der_list certificates = {.items = NULL};
    unsigned min_bits = kf_has(arguments, KF_OPT_ACCEPT_1024) ? KF_KRA_OLD_BITS : KF_KRA_MIN_BITS;
    enum kf_status status = kf_load_certificate_file(session, path, &certificates, error);

    if (status == KF_OK) {
        status = kf_agents_add(store, kf_buf_slice(&certificates.items[0]), min_bits,
                               (int64_t)time(NULL), error);
        if (status != KF_OK)
            kf_error_place(error, "%s", path);
    }
    kf_der_list_reset(&certificates);
    return status;
}

/* All of them or none. */
static enum kf_status add(const struct kf_session *session, const struct kf_arguments *arguments,
                          struct kf_store *store, struct kf_error *error)
{
    enum kf_status status = kf_store_begin(store, error);

    for (size_t i = 1; i < arguments->operand_count && status == KF_OK; i++)
        status = kf_add_agent(session, arguments, store, arguments->operands[i], error);
    if (status == KF_OK)
        status = kf_store_commit(store, error);
    if (status != KF_OK)
        kf_store_rollback(store);
    return status;
}

static enum kf_status list(struct kf_store *store, struct kf_error *error)
{
    static const struct kf_column columns[] = {
        {.title = "SHA-1", .width = 40}, {.title = "VALID UNTIL", .width = 11},
        {.title = "KEY", .width = 8},    {.title = "", .width = 7},
        {.title = "AGENT", .width = 20},
    };
    struct kf_agents agents = {.items = NULL};
    struct kf_table table;
    int64_t now = (int64_t)time(NULL);
    enum kf_status status = kf_agents_load(store, &agents, error);

    if (status == KF_OK && agents.count == 0)
        kf_note("there are no key recovery agents (add one: keyferry kra add CERT)");
    if (status == KF_OK && agents.count != 0)
        kf_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < agents.count && status == KF_OK; i++) {
        const struct kf_kra *kra = &agents.items[i].kra;
        char hash[2 * KF_SHA1_SIZE + 1];
        char date[KF_TIME_SIZE];
        char key[64];

        kf_hex(hash, kra->facts.sha1, sizeof(kra->facts.sha1));
        kf_date_text(kra->facts.not_after, date);
        (void)snprintf(key, sizeof(key), "%s %u", kra->facts.key_algorithm, kra->facts.key_bits);
        bool valid = kf_kra_valid_at(kra, now);

        kf_table_row(
            &table,
            (const char *const[]){hash, date, key, valid ? "valid" : "EXPIRED", kra->facts.subject},
            (const enum kf_style[]){KF_STYLE_PLAIN, KF_STYLE_PLAIN, KF_STYLE_PLAIN,
                                    valid ? KF_STYLE_GOOD : KF_STYLE_BAD, KF_STYLE_PLAIN});
    }
    kf_agents_reset(&agents);
    return status;
}

static enum kf_status act(const struct kf_session *session, const struct kf_arguments *arguments,
                          struct kf_store *store, struct kf_error *error)
{
    const char *verb = arguments->operands[0];

    if (strcmp(verb, "add") == 0)
        return add(session, arguments, store, error);
    if (strcmp(verb, "list") == 0)
        return list(store, error);
    return kf_agents_remove(store, arguments->operands[1], error);
}

static bool is_usage(const struct kf_arguments *arguments)
{
    size_t count = arguments->operand_count;
    const char *verb = count != 0 ? arguments->operands[0] : "";

    return (strcmp(verb, "add") == 0 && count >= 2) || (strcmp(verb, "list") == 0 && count == 1) ||
           (strcmp(verb, "remove") == 0 && count == 2);
}

static enum kf_exit run_kra(struct kf_session *session, struct kf_arguments *arguments)
{
    struct kf_store *store = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code = KF_EXIT_OK;

    if (!is_usage(arguments))
        return kf_usage_error(&kf_cmd_kra, "kra: add CERT..., list, or remove HASH");
    if (kf_open_store(session, arguments, &store, &error) != KF_OK ||
        act(session, arguments, store, &error) != KF_OK)
        code = kf_report_error(&error);
    kf_store_close(store);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_ACCEPT_1024, "add: take RSA keys of 1024 bits, for an old archive; the audit "
                         "trail says so"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_kra = {
    .name = "kra",
    .summary = "add, list or remove key recovery agents",
    .synopsis = "kra [-s STORE] add CERT...\n"
                "kra [-s STORE] list\n"
                "kra [-s STORE] remove HASH\n",
    .about = "Key recovery agents are the people who can open archived keys. Each has a\n"
             "certificate, which the store needs, and its private key, which it never sees.\n"
             "\n"
             "A certificate must be valid, allow key encipherment, have the extended key\n"
             "usage 1.3.6.1.4.1.311.21.6 and an RSA key of at least 2048 bits. How many of\n"
             "the agents each key is sealed to is KRACertCount (0: all of them). HASH is\n"
             "the SHA-1 or SHA-256 of a certificate. An agent that was removed can still\n"
             "open what was sealed to it.\n",
    .options = options,
    .needs_crypto = true,
    .run = run_kra,
};

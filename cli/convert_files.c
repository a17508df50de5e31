/*
 * Opening files of keys as a destination: see convert.h for the contract.
 *
 * A password for what is written has to be named: by --outpass, by --random-passwords, or on the
 * terminal. That is the word that has to be given before private keys leave for files.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/convert.h"
#include "cli/keys.h"
#include "cli/passwords.h"
#include "writers/epf.h"
#include "writers/pfx.h"
#include "writers/rec.h"

#define MIN_AGENT_BITS 2048
#define OLD_AGENT_BITS 1024

struct kf_file_names {
    struct kf_buf password;
    struct kf_identity signer;
    struct kf_der_list list; /* of the agents' certificates */
    struct kf_kra *agents;
    const struct kf_kra **agent_pointers;
    size_t agent_count;
};

struct opening {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    struct kf_file_names *names;
    struct kf_file_destination *out;
};

struct profile_name {
    const char *name;
    int profile;
};

static const struct profile_name pfx_profiles[] = {
    {"modern", KF_PFX_MODERN}, {"windows", KF_PFX_WINDOWS}, {"legacy", KF_PFX_LEGACY}};
static const struct profile_name seal_profiles[] = {{"windows", KF_SEAL_WINDOWS},
                                                    {"windows-3des", KF_SEAL_WINDOWS_3DES},
                                                    {"modern", KF_SEAL_MODERN}};

bool kf_is_file_destination(const struct kf_writer_ops *ops)
{
    return ops == &kf_writer_pfx || ops == &kf_writer_epf || ops == &kf_writer_rec;
}

static enum kf_status find_profile(const struct kf_arguments *arguments,
                                   const struct profile_name *names, size_t count, int *out,
                                   struct kf_error *error)
{
    const char *wanted = kf_value(arguments, KF_OPT_PROFILE);

    *out = names[0].profile;
    for (size_t i = 0; wanted != NULL && i < count; i++) {
        if (strcmp(names[i].name, wanted) == 0) {
            *out = names[i].profile;
            return KF_OK;
        }
    }
    if (wanted == NULL)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "there is no profile %s: %s, %s or %s",
                   wanted, names[0].name, names[1].name, names[2].name);
}

/* What an option has no meaning for is refused, not passed over. */
static enum kf_status refuse(const struct kf_arguments *arguments, const char *to,
                             const enum kf_option *options, size_t count, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (kf_has(arguments, options[i]))
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "--%s has no meaning with --to %s", kf_option_spec(options[i])->name,
                           to);
    }
    return KF_OK;
}

/* *is_per_user stays as it is where --per is not given. */
static enum kf_status find_per(const struct kf_arguments *arguments, bool *is_per_user,
                               struct kf_error *error)
{
    const char *per = kf_value(arguments, KF_OPT_PER);

    if (per != NULL && strcmp(per, "user") != 0 && strcmp(per, "key") != 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--per takes user or key");
    if (per != NULL)
        *is_per_user = strcmp(per, "user") == 0;
    return KF_OK;
}

static enum kf_status find_iterations(const struct kf_arguments *arguments, unsigned *out,
                                      struct kf_error *error)
{
    const char *text = kf_value(arguments, KF_OPT_ITERATIONS);
    uint64_t number = 0;

    if (text != NULL && (!kf_parse_u64(text, KF_PFX_MAX_ITERATIONS, &number) || number == 0))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "--iterations takes a number from 1 to %d", KF_PFX_MAX_ITERATIONS);
    *out = (unsigned)number;
    return KF_OK;
}

/* *out stays NULL for random passwords. */
static enum kf_status find_password(struct opening *opening, const struct kf_buf **out,
                                    struct kf_error *error)
{
    const struct kf_arguments *arguments = opening->arguments;
    char *source = kf_value(arguments, KF_OPT_OUTPASS);

    *out = NULL;
    if (kf_has(arguments, KF_OPT_RANDOM_PASSWORDS) && source != NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "--outpass and --random-passwords contradict each other");
    if (kf_has(arguments, KF_OPT_RANDOM_PASSWORDS))
        return KF_OK;
    if (source == NULL && !kf_can_ask(opening->session))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "private keys are written under a password: give --outpass or "
                       "--random-passwords");
    *out = &opening->names->password;
    return kf_password_get(opening->session, source, "password for the new files (--outpass)", true,
                           &opening->names->password, error);
}

static enum kf_status open_pfx(struct opening *opening, struct kf_error *error)
{
    static const enum kf_option others[] = {KF_OPT_KRA, KF_OPT_CAKEY, KF_OPT_CAPASS,
                                            KF_OPT_ACCEPT_1024};
    const struct kf_arguments *arguments = opening->arguments;
    struct kf_pfx_export_options options = {
        .crypto = opening->session->crypto,
        .path = kf_value(arguments, KF_OPT_OUTPUT),
        .overwrite = kf_has(arguments, KF_OPT_FORCE),
        .dry_run = kf_has(arguments, KF_OPT_DRY_RUN),
        .certutil = kf_has(arguments, KF_OPT_CERTUTIL),
    };
    int profile = KF_PFX_MODERN;

    if (refuse(arguments, "pfx", others, sizeof(others) / sizeof(others[0]), error) != KF_OK ||
        find_profile(arguments, pfx_profiles, 3, &profile, error) != KF_OK ||
        find_per(arguments, &options.per_user, error) != KF_OK ||
        find_iterations(arguments, &options.iterations, error) != KF_OK ||
        find_password(opening, &options.password, error) != KF_OK)
        return KF_FATAL;
    options.profile = (enum kf_pfx_profile)profile;
    if (kf_pfx_export_open(&options, &opening->out->writer, error) != KF_OK)
        return KF_FATAL;
    opening->out->stage = kf_pfx_export_stage(opening->out->writer);
    return KF_OK;
}

static enum kf_status open_epf(struct opening *opening, struct kf_error *error)
{
    static const enum kf_option others[] = {KF_OPT_KRA,         KF_OPT_CAKEY,   KF_OPT_CAPASS,
                                            KF_OPT_ACCEPT_1024, KF_OPT_PROFILE, KF_OPT_CERTUTIL,
                                            KF_OPT_ITERATIONS};
    const struct kf_arguments *arguments = opening->arguments;
    struct kf_epf_export_options options = {
        .crypto = opening->session->crypto,
        .path = kf_value(arguments, KF_OPT_OUTPUT),
        .overwrite = kf_has(arguments, KF_OPT_FORCE),
        .dry_run = kf_has(arguments, KF_OPT_DRY_RUN),
    };
    bool is_per_user = true;

    if (refuse(arguments, "epf", others, sizeof(others) / sizeof(others[0]), error) != KF_OK ||
        find_per(arguments, &is_per_user, error) != KF_OK ||
        find_password(opening, &options.password, error) != KF_OK)
        return KF_FATAL;
    options.per_key = !is_per_user;
    return kf_epf_export_open(&options, &opening->out->writer, error);
}

/* The recovery agents that --kra names, each checked and valid now. */
static enum kf_status load_agents(struct opening *opening, struct kf_error *error)
{
    const struct kf_arguments *arguments = opening->arguments;
    struct kf_file_names *names = opening->names;
    unsigned bits = kf_has(arguments, KF_OPT_ACCEPT_1024) ? OLD_AGENT_BITS : MIN_AGENT_BITS;

    if (kf_load_certificates(opening->session, arguments, KF_OPT_KRA, &names->list, error) != KF_OK)
        return KF_FATAL;
    names->agents = calloc(names->list.count + 1, sizeof(*names->agents));
    names->agent_pointers = calloc(names->list.count + 1, sizeof(struct kf_kra *));
    if (names->agents == NULL || names->agent_pointers == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < names->list.count; i++) {
        struct kf_kra *agent = &names->agents[i];

        if (kf_kra_parse(opening->session->crypto, kf_buf_slice(&names->list.items[i]), bits, agent,
                         error) != KF_OK)
            return KF_FATAL;
        names->agent_pointers[i] = agent;
        names->agent_count++;
        if (!kf_kra_valid_at(agent, (int64_t)time(NULL)))
            return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                           "the agent %s is not valid at this time", agent->facts.subject);
    }
    return KF_OK;
}

static enum kf_status load_signer(struct opening *opening, const struct kf_identity **out,
                                  struct kf_error *error)
{
    const struct kf_arguments *arguments = opening->arguments;
    const char *key = kf_value(arguments, KF_OPT_CAKEY);
    char *source = kf_value(arguments, KF_OPT_CAPASS);

    if (key == NULL && source != NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--capass without --cakey");
    if (key == NULL)
        return KF_OK;
    *out = &opening->names->signer;
    return kf_load_key(opening->session, key, source, "the CA's key", &opening->names->signer,
                       error);
}

static enum kf_status open_rec(struct opening *opening, struct kf_error *error)
{
    static const enum kf_option others[] = {KF_OPT_OUTPASS, KF_OPT_RANDOM_PASSWORDS,
                                            KF_OPT_CERTUTIL, KF_OPT_ITERATIONS, KF_OPT_PER};
    const struct kf_arguments *arguments = opening->arguments;
    struct kf_rec_export_options options = {
        .crypto = opening->session->crypto,
        .path = kf_value(arguments, KF_OPT_OUTPUT),
        .overwrite = kf_has(arguments, KF_OPT_FORCE),
        .dry_run = kf_has(arguments, KF_OPT_DRY_RUN),
    };
    int profile = KF_SEAL_WINDOWS;

    if (refuse(arguments, "rec", others, sizeof(others) / sizeof(others[0]), error) != KF_OK ||
        find_profile(arguments, seal_profiles, 3, &profile, error) != KF_OK)
        return KF_FATAL;
    if (!kf_has(arguments, KF_OPT_KRA))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "recovery blobs are sealed to recovery agents: give --kra CERT");
    if (load_agents(opening, error) != KF_OK ||
        load_signer(opening, &options.signer, error) != KF_OK)
        return KF_FATAL;
    options.profile = (enum kf_seal_profile)profile;
    options.agents = opening->names->agent_pointers;
    options.agent_count = opening->names->agent_count;
    if (kf_rec_export_open(&options, &opening->out->writer, error) != KF_OK)
        return KF_FATAL;
    opening->out->stage = kf_rec_export_stage(opening->out->writer);
    return KF_OK;
}

enum kf_status kf_file_destination_open(struct kf_session *session,
                                        const struct kf_arguments *arguments,
                                        const struct kf_writer_ops *ops,
                                        struct kf_file_destination *out, struct kf_error *error)
{
    static const enum kf_option kms_only[] = {KF_OPT_EXPORT_KEY, KF_OPT_EXPORT_KEYPASS,
                                              KF_OPT_THUMBPRINT, KF_OPT_ORGANIZATION,
                                              KF_OPT_GROUP,      KF_OPT_OAEP_SHA256};
    struct opening opening = {.session = session, .arguments = arguments, .out = out};

    out->names = calloc(1, sizeof(*out->names));
    if (out->names == NULL)
        return kf_fail_memory(error);
    opening.names = out->names;
    if (refuse(arguments, ops->name, kms_only, sizeof(kms_only) / sizeof(kms_only[0]), error) !=
        KF_OK)
        return KF_FATAL;
    if (ops == &kf_writer_pfx)
        return open_pfx(&opening, error);
    return ops == &kf_writer_epf ? open_epf(&opening, error) : open_rec(&opening, error);
}

void kf_file_destination_close(struct kf_file_destination *destination)
{
    struct kf_file_names *names;

    if (destination == NULL || destination->names == NULL)
        return;
    names = destination->names;
    if (destination->writer != NULL)
        destination->writer->ops->close(destination->writer);
    for (size_t i = 0; i < names->agent_count; i++)
        kf_kra_reset(&names->agents[i]);
    free(names->agents);
    free(names->agent_pointers);
    kf_der_list_reset(&names->list);
    kf_identity_reset(&names->signer);
    kf_buf_reset(&names->password);
    free(names);
    *destination = (struct kf_file_destination){.writer = NULL};
}

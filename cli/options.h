/*
 * Options: one table of all of them, and a parser that fills a list of uses.
 *
 * Long options take their value as --name VALUE or --name=VALUE and must be spelled in full, short
 * ones as -o VALUE or -oVALUE; short flags may be put together (-rf). "--" ends the options, "-" is
 * an operand. Options and operands may come in any order.
 */
#ifndef KF_CLI_OPTIONS_H
#define KF_CLI_OPTIONS_H

#include "core/bytes.h"

struct kf_command;

enum kf_option {
    KF_OPT_END, /* ends a list */
    KF_OPT_ACCEPT_1024,
    KF_OPT_ALL,
    KF_OPT_CA,
    KF_OPT_CAKEY,
    KF_OPT_CAPASS,
    KF_OPT_CERT,
    KF_OPT_CERTUTIL,
    KF_OPT_CHECKPOINT,
    KF_OPT_CSV,
    KF_OPT_DRY_RUN,
    KF_OPT_EPF_DIALECT,
    KF_OPT_EXPORT_KEY,
    KF_OPT_EXPORT_KEYPASS,
    KF_OPT_FORCE,
    KF_OPT_FOREIGN,
    KF_OPT_FORMAT,
    KF_OPT_FROM,
    KF_OPT_GROUP,
    KF_OPT_HELP,
    KF_OPT_ITERATIONS,
    KF_OPT_JOBS,
    KF_OPT_JSON,
    KF_OPT_KEY,
    KF_OPT_KEYPASS,
    KF_OPT_KRA,
    KF_OPT_MANIFEST,
    KF_OPT_NEW_CA,
    KF_OPT_NO_INPUT,
    KF_OPT_OAEP_SHA256,
    KF_OPT_ORGANIZATION,
    KF_OPT_OUTPASS,
    KF_OPT_OUTPUT,
    KF_OPT_OVERWRITE,
    KF_OPT_PASSWORD,
    KF_OPT_PASSWORDS,
    KF_OPT_PER,
    KF_OPT_PROFILE,
    KF_OPT_RANDOM_PASSWORDS,
    KF_OPT_RECURSIVE,
    KF_OPT_REPORT,
    KF_OPT_RESUME,
    KF_OPT_SIGNATURE,
    KF_OPT_STORE,
    KF_OPT_TABLE,
    KF_OPT_THUMBPRINT,
    KF_OPT_TO,
    KF_OPT_TRUST,
    KF_OPT_UNSIGNED,
    KF_OPT_VERBOSE,
    KF_OPT_COUNT
};

/* An option that a command takes. */
struct kf_option_entry {
    enum kf_option option;
    const char *help; /* wrapped where it is shown; NULL with KF_OPT_END */
};

/* What an option is, whatever the command. */
struct kf_option_spec {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what help calls its value; NULL: a flag */
    bool repeat;       /* may be given several times */
};
const struct kf_option_spec *kf_option_spec(enum kf_option option);

struct kf_option_use {
    enum kf_option option;
    char *value; /* in argv; NULL for a flag */
};

/* Zero-initialize. */
struct kf_arguments {
    const struct kf_command *command;
    struct kf_option_use *uses; /* in the order of the command line */
    size_t use_count;
    char **operands;
    size_t operand_count;
};

/* argv are the words after the command's name. KF_FATAL with KF_CAUSE_USAGE. */
enum kf_status kf_arguments_parse(const struct kf_command *command, size_t count, char **words,
                                  struct kf_arguments *out, struct kf_error *error) KF_MUST_USE;
void kf_arguments_reset(struct kf_arguments *arguments);

bool kf_has(const struct kf_arguments *arguments, enum kf_option option);

/* The value of its only use, or NULL. */
char *kf_value(const struct kf_arguments *arguments, enum kf_option option);

/* "--force --profile modern": those of told that were given, NUL-terminated, into an empty out. */
enum kf_status kf_describe_options(const struct kf_arguments *arguments, const enum kf_option *told,
                                   size_t count, struct kf_buf *out,
                                   struct kf_error *error) KF_MUST_USE;

#endif

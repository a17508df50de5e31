/*
 * What the command line shares: exit codes, commands, and the session that a command runs in.
 *
 * Only this folder prints, exits, reads the environment or asks for a password. Results go to
 * stdout and nothing else does; whatever is told to people goes to stderr.
 */
#ifndef KF_CLI_CLI_H
#define KF_CLI_CLI_H

#include "cli/options.h"
#include "core/error.h"

/* Documented in keyferry(1); scripts rely on them. */
enum kf_exit {
    KF_EXIT_OK = 0,      /* all archived, known or skipped */
    KF_EXIT_FATAL = 1,   /* the run could not go on */
    KF_EXIT_SOME = 2,    /* finished, with some refused or failed */
    KF_EXIT_USAGE = 64,  /* sysexits' EX_USAGE */
    KF_EXIT_SECRET = 77, /* wrong password or key for the whole input */
    KF_EXIT_CONFIG = 78, /* the store's configuration: no KRA, say */
};

struct kf_crypto;
struct kf_password_sources; /* cli/passwords.h */

/* Lives as long as the program; opened before a command runs. */
struct kf_session {
    struct kf_crypto *crypto;
    struct kf_password_sources *sources;
    bool no_input; /* never ask */
    bool verbose;
};

struct kf_command {
    const char *name;
    const char *summary;  /* one line for the list of commands */
    const char *synopsis; /* what follows "keyferry ", one line a form, each ended by a newline */
    const char *about;    /* paragraphs, wrapped by hand */
    const struct kf_option_entry *options; /* ended by KF_OPT_END */
    const char *notes;                     /* examples and the like, may be NULL */
    bool dash_operands;                    /* "-KRAF_…" after the first operand is no option */
    bool needs_crypto;
    enum kf_exit (*run)(struct kf_session *session, struct kf_arguments *arguments);
};

/* All commands, ended by NULL, in the order that help shows them. */
const struct kf_command *const *kf_commands(void);
const struct kf_command *kf_command_find(const char *name);

/* The exit code that fits the cause of what ended the run. */
enum kf_exit kf_exit_for(const struct kf_error *error);

/* Prints "keyferry: error" to stderr, and gives that exit code. */
enum kf_exit kf_report_error(const struct kf_error *error);

/* Prints "input:line: place: text (rule) [0x80070057 E_INVALIDARG]" to stderr, and does not end the
 * line; input may be NULL. */
void kf_print_error(const char *input, const struct kf_error *error);

/* A usage error of a command, with where to read on; always KF_EXIT_USAGE. */
enum kf_exit kf_usage_error(const struct kf_command *command, const char *format, ...)
    KF_PRINTF(2, 3);

/* A line for people on stderr: "keyferry: …". */
void kf_note(const char *format, ...) KF_PRINTF(1, 2);

/* Help for everything, or for one command. */
void kf_print_overview(void);
void kf_print_help(const struct kf_command *command);

extern const struct kf_command kf_cmd_init;
extern const struct kf_command kf_cmd_kra;
extern const struct kf_command kf_cmd_getreg;
extern const struct kf_command kf_cmd_setreg;
extern const struct kf_command kf_cmd_import;
extern const struct kf_command kf_cmd_list;
extern const struct kf_command kf_cmd_show;
extern const struct kf_command kf_cmd_getkey;
extern const struct kf_command kf_cmd_recoverkey;
extern const struct kf_command kf_cmd_inspect;
extern const struct kf_command kf_cmd_audit;
extern const struct kf_command kf_cmd_verify;
extern const struct kf_command kf_cmd_convert;
extern const struct kf_command kf_cmd_report;
extern const struct kf_command kf_cmd_formats;
extern const struct kf_command kf_cmd_version;
extern const struct kf_command kf_cmd_help;

#endif

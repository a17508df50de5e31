/*
 * keyferry: a table of commands, and certutil's spellings of some of them.
 *
 * `keyferry [-f] -importKMS FILE` and its like are rewritten word by word into this program's own
 * commands (certutil.c) before anything else looks at them.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/certutil.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/passwords.h"
#include "cli/progress.h"
#include "core/bytes.h"
#include "crypto/crypto.h"
#include "store/rules.h"

static const struct kf_command *const commands[] = {
    &kf_cmd_init,    &kf_cmd_kra,    &kf_cmd_getreg, &kf_cmd_setreg,     &kf_cmd_import,
    &kf_cmd_list,    &kf_cmd_show,   &kf_cmd_getkey, &kf_cmd_recoverkey, &kf_cmd_inspect,
    &kf_cmd_convert, &kf_cmd_report, &kf_cmd_verify, &kf_cmd_audit,      &kf_cmd_formats,
    &kf_cmd_version, &kf_cmd_help,   NULL,
};

const struct kf_command *const *kf_commands(void)
{
    return commands;
}

const struct kf_command *kf_command_find(const char *name)
{
    for (const struct kf_command *const *command = commands; *command != NULL; command++) {
        if (strcmp((*command)->name, name) == 0)
            return *command;
    }
    return NULL;
}

enum kf_exit kf_exit_for(const struct kf_error *error)
{
    switch (error->cause) {
    case KF_CAUSE_SECRET:
        return KF_EXIT_SECRET;
    case KF_CAUSE_CONFIG:
        return KF_EXIT_CONFIG;
    case KF_CAUSE_USAGE:
        return KF_EXIT_USAGE;
    case KF_CAUSE_NONE:
    case KF_CAUSE_DATA:
    case KF_CAUSE_LIMIT:
    case KF_CAUSE_UNSUPPORTED:
    case KF_CAUSE_POLICY:
    case KF_CAUSE_SYSTEM:
    case KF_CAUSE_MEMORY:
    case KF_CAUSE_INTERNAL:
        return KF_EXIT_FATAL;
    }
    return KF_EXIT_FATAL;
}

void kf_print_error(const char *input, const struct kf_error *error)
{
    struct kf_error brief = *error;
    const char *name = kf_code_name(error->code);
    char line[4096 + sizeof(*error)];

    kf_code_brief(error->code, error->text, brief.text, sizeof(brief.text));
    kf_error_format(&brief, input, line, sizeof(line));
    kf_print_visible(stderr, line);
    if (error->code != 0)
        (void)fprintf(stderr, " [0x%08x%s%s]", (unsigned)error->code, name != NULL ? " " : "",
                      name != NULL ? name : "");
}

enum kf_exit kf_report_error(const struct kf_error *error)
{
    kf_progress_hide();
    (void)fputs("keyferry: ", stderr);
    kf_print_error(NULL, error);
    (void)fputc('\n', stderr);
    return kf_exit_for(error);
}

static void print_line(const char *format, va_list arguments) KF_PRINTF(1, 0);

static void print_line(const char *format, va_list arguments)
{
    char line[1024];

    kf_progress_hide();
    (void)vsnprintf(line, sizeof(line), format, arguments);
    (void)fputs("keyferry: ", stderr);
    kf_print_visible(stderr, line);
}

enum kf_exit kf_usage_error(const struct kf_command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, " (see: keyferry help %s)\n", command->name);
    return KF_EXIT_USAGE;
}

void kf_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

static enum kf_exit run_in_session(const struct kf_command *command, struct kf_arguments *arguments)
{
    struct kf_session session = {.no_input = kf_has(arguments, KF_OPT_NO_INPUT),
                                 .verbose = kf_has(arguments, KF_OPT_VERBOSE)};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    if (kf_password_sources_new(&session.sources, &error) != KF_OK ||
        (command->needs_crypto && kf_crypto_open(&session.crypto, &error) != KF_OK))
        code = kf_report_error(&error);
    else
        code = command->run(&session, arguments);
    kf_password_sources_free(session.sources);
    kf_crypto_close(session.crypto);
    return code;
}

static enum kf_exit run_command(const struct kf_command *command, size_t count, char **words)
{
    struct kf_arguments arguments = {.command = NULL};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code = KF_EXIT_OK;

    if (kf_arguments_parse(command, count, words, &arguments, &error) != KF_OK) {
        code = error.cause == KF_CAUSE_USAGE
                   ? kf_usage_error(command, "%s: %s", command->name, error.text)
                   : kf_report_error(&error);
    } else if (kf_has(&arguments, KF_OPT_HELP)) {
        kf_print_help(command);
    } else {
        code = run_in_session(command, &arguments);
    }
    kf_arguments_reset(&arguments);
    return code;
}

static enum kf_exit dispatch(const struct kf_words *line)
{
    const struct kf_command *command = NULL;

    if (line->command == NULL) {
        (void)fputs("usage: keyferry COMMAND [OPTION]... [INPUT]...\n"
                    "       keyferry help            what it is for, and all commands\n"
                    "       keyferry help COMMAND    one of them\n",
                    stderr);
        return KF_EXIT_USAGE;
    }
    if (strcmp(line->command, "--help") == 0 || strcmp(line->command, "-h") == 0)
        command = &kf_cmd_help;
    else if (strcmp(line->command, "--version") == 0)
        command = &kf_cmd_version;
    else
        command = kf_command_find(line->command);
    if (command == NULL) {
        kf_note("unknown command %s (see: keyferry help)", line->command);
        return KF_EXIT_USAGE;
    }
    return run_command(command, line->count, line->words);
}

/* What cannot be written to stdout is a failure of the run, however well the rest went. */
static enum kf_exit finish_output(enum kf_exit code)
{
    bool failed = ferror(stdout) != 0;

    if (fflush(stdout) == 0 && !failed)
        return code;
    kf_note("cannot write to standard output: %s", strerror(errno));
    return code == KF_EXIT_OK || code == KF_EXIT_SOME ? KF_EXIT_FATAL : code;
}

int main(int argc, char **argv)
{
    struct kf_words words = {.words = NULL};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    kf_secure_memory_init();
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write, not a crash */
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    if (kf_certutil_rewrite(argc > 0 ? (size_t)argc - 1 : 0, argv + 1, &words, &error) != KF_OK)
        code = kf_report_error(&error);
    else
        code = dispatch(&words);
    kf_words_reset(&words);
    return (int)finish_output(code);
}

/*
 * keyferry help [COMMAND]: what the program is for, and how each command is used.
 *
 * The texts of a command stand next to its code; what all of them share stands here.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define OPTION_COLUMN 26
#define LINE_WIDTH    79

static const char overview_before[] =
    "keyferry moves private keys out of old archives into one that can be trusted.\n"
    "\n"
    "It reads what a Key Management Service exported, and .pfx files; checks that\n"
    "each key belongs to its certificate; seals it to the certificates of key\n"
    "recovery agents (KRAs), so that nobody but they can read it; and keeps it in a\n"
    "store, one row a certificate, by the rules of a Windows CA's key archival.\n"
    "Later, one person fetches a sealed key from the store, and an agent, perhaps on\n"
    "another machine, opens it. Every key that was seen is accounted for.\n"
    "\n"
    "First steps:\n"
    "\n"
    "  keyferry init --new-ca 'Key archive' --kra agent.pem   make a store\n"
    "  keyferry import --password stdin jo.pfx                put a key into it\n"
    "  keyferry list                                          see what it holds\n"
    "  keyferry getkey jo@example.com -o jo.rec               fetch a key, sealed\n"
    "  keyferry recoverkey jo.rec -o jo.pfx --key agent.key   open it, as the agent\n"
    "\n"
    "Keys that another CA certified are foreign: they are refused until the store\n"
    "allows them (keyferry setreg KRAFlags +KRAF_ENABLEFOREIGN) and the run does too\n"
    "(import -f).\n"
    "\n"
    "Commands:\n"
    "\n";

static const char overview_after[] =
    "\n"
    "What the words in the usage lines stand for:\n"
    "\n"
    "  STORE    a path, or sqlite:PATH; where -s is left out, $KEYFERRY_STORE, else\n"
    "           keyferry.db in the current folder\n"
    "  SRC      where a password comes from: pass:TEXT, env:NAME, file:PATH (its\n"
    "           first line), fd:N or stdin; else you are asked on the terminal\n"
    "  KEY      a private key: a PKCS #12 or PEM file, or a URI that OpenSSL opens\n"
    "  CERT     a file with a certificate, PEM or DER\n"
    "  TOKEN    whose key: a name, DOMAIN\\user, e-mail, serial number, hash ...\n"
    "  INPUT    a file; - is standard input, @LIST a file with one path a line; with\n"
    "           -r a folder stands for all files below it\n"
    "\n"
    "Exit codes: 0 all archived, known or skipped; 1 could not go on; 2 done, but\n"
    "some keys were refused or failed; 64 wrong usage; 77 wrong password or key for\n"
    "all of the input; 78 the store's configuration (no recovery agent, say).\n"
    "\n"
    "certutil's spellings work too: keyferry -f -importKMS FILE, -getkey,\n"
    "-recoverkey, -setreg ca\\KRAFlags +KRAF_ENABLEFOREIGN, -getreg.\n"
    "\n"
    "keyferry help COMMAND tells more; keyferry(1) tells everything.\n";

static const struct kf_option_entry common_entries[] = {
    {KF_OPT_NO_INPUT, "never ask, fail instead"},
    {KF_OPT_VERBOSE, "tell more on stderr"},
    {KF_OPT_HELP, "this text"},
    {KF_OPT_END, NULL},
};

void kf_print_overview(void)
{
    (void)fputs(overview_before, stdout);
    for (const struct kf_command *const *command = kf_commands(); *command != NULL; command++)
        (void)printf("  %-12s %s\n", (*command)->name, (*command)->summary);
    (void)fputs(overview_after, stdout);
}

/* The words of the text in lines that begin at indent, where the first one begins already. */
static void print_wrapped(const char *text, size_t indent)
{
    size_t column = indent;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column != indent && column + 1 + len > LINE_WIDTH) {
            (void)printf("\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)printf("%s%.*s", column != indent ? " " : "", (int)len, text);
        text += len + (text[len] == ' ' ? 1 : 0);
    }
    (void)putchar('\n');
}

static void print_option(const struct kf_option_entry *entry)
{
    const struct kf_option_spec *spec = kf_option_spec(entry->option);
    char left[64];
    int length = spec->letter != '\0'
                     ? snprintf(left, sizeof(left), "  -%c, --%s", spec->letter, spec->name)
                     : snprintf(left, sizeof(left), "      --%s", spec->name);

    if (spec->value != NULL)
        length += snprintf(left + length, sizeof(left) - (size_t)length, " %s", spec->value);
    if (length < OPTION_COLUMN)
        (void)printf("%-*s", OPTION_COLUMN, left);
    else
        (void)printf("%s\n%*s", left, OPTION_COLUMN, "");
    print_wrapped(entry->help, OPTION_COLUMN);
}

static void print_synopsis(const char *synopsis)
{
    const char *before = "usage: ";

    while (*synopsis != '\0') {
        size_t len = strcspn(synopsis, "\n");

        /* a line that begins with a space goes on with the form above it */
        (void)printf("%s%s%.*s\n", before, *synopsis == ' ' ? "         " : "keyferry ", (int)len,
                     synopsis);
        before = "       ";
        synopsis += len + (synopsis[len] == '\n' ? 1 : 0);
    }
}

void kf_print_help(const struct kf_command *command)
{
    print_synopsis(command->synopsis);
    (void)printf("\n%s\nOptions:\n\n", command->about);
    for (const struct kf_option_entry *entry = command->options; entry->option != KF_OPT_END;
         entry++)
        print_option(entry);
    for (const struct kf_option_entry *entry = common_entries; entry->option != KF_OPT_END; entry++)
        print_option(entry);
    if (command->notes != NULL)
        (void)printf("\n%s", command->notes);
}

static enum kf_exit run_help(struct kf_session *session, struct kf_arguments *arguments)
{
    const struct kf_command *command = NULL;

    (void)session;
    if (arguments->operand_count == 0) {
        kf_print_overview();
        return KF_EXIT_OK;
    }
    if (arguments->operand_count > 1)
        return kf_usage_error(&kf_cmd_help, "help: one command at a time");
    command = kf_command_find(arguments->operands[0]);
    if (command == NULL)
        return kf_usage_error(&kf_cmd_help, "help: there is no command %s", arguments->operands[0]);
    kf_print_help(command);
    return KF_EXIT_OK;
}

static const struct kf_option_entry options[] = {{KF_OPT_END, NULL}};

const struct kf_command kf_cmd_help = {
    .name = "help",
    .summary = "tell what a command does",
    .synopsis = "help [COMMAND]\n",
    .about = "Tells what keyferry is for and which commands it has, or how one is used.\n",
    .options = options,
    .run = run_help,
};

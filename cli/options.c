/*
 * Options: see options.h for the contract.
 */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct kf_option_spec specs[KF_OPT_COUNT] = {
    [KF_OPT_ACCEPT_1024] = {.name = "accept-1024"},
    [KF_OPT_ALL] = {.name = "all", .value = "DIR"},
    [KF_OPT_CA] = {.name = "ca", .value = "CERT|P12"},
    [KF_OPT_CAKEY] = {.name = "cakey", .value = "KEY"},
    [KF_OPT_CAPASS] = {.name = "capass", .value = "SRC"},
    [KF_OPT_CERT] = {.name = "cert", .value = "CERT", .repeat = true},
    [KF_OPT_CERTUTIL] = {.name = "certutil"},
    [KF_OPT_CHECKPOINT] = {.name = "checkpoint", .value = "FILE"},
    [KF_OPT_CSV] = {.name = "csv"},
    [KF_OPT_DRY_RUN] = {.name = "dry-run", .letter = 'n'},
    [KF_OPT_EPF_DIALECT] = {.name = "epf-dialect", .value = "NAME"},
    [KF_OPT_EXPORT_KEY] = {.name = "export-key", .value = "KEY"},
    [KF_OPT_EXPORT_KEYPASS] = {.name = "export-keypass", .value = "SRC"},
    [KF_OPT_FORCE] = {.name = "force", .letter = 'f'},
    [KF_OPT_FOREIGN] = {.name = "foreign"},
    [KF_OPT_FORMAT] = {.name = "format", .value = "NAME"},
    [KF_OPT_FROM] = {.name = "from", .value = "ID"},
    [KF_OPT_GROUP] = {.name = "group", .value = "NAME"},
    [KF_OPT_HELP] = {.name = "help", .letter = 'h'},
    [KF_OPT_ITERATIONS] = {.name = "iterations", .value = "N"},
    [KF_OPT_JOBS] = {.name = "jobs", .letter = 'j', .value = "N"},
    [KF_OPT_JSON] = {.name = "json"},
    [KF_OPT_KEY] = {.name = "key", .value = "KEY", .repeat = true},
    [KF_OPT_KEYPASS] = {.name = "keypass", .value = "SRC", .repeat = true},
    [KF_OPT_KRA] = {.name = "kra", .value = "CERT", .repeat = true},
    [KF_OPT_MANIFEST] = {.name = "manifest", .value = "CSV"},
    [KF_OPT_NEW_CA] = {.name = "new-ca", .value = "NAME"},
    [KF_OPT_NO_INPUT] = {.name = "no-input"},
    [KF_OPT_OAEP_SHA256] = {.name = "oaep-sha256"},
    [KF_OPT_ORGANIZATION] = {.name = "organization", .value = "NAME"},
    [KF_OPT_OUTPASS] = {.name = "outpass", .value = "SRC"},
    [KF_OPT_OUTPUT] = {.name = "output", .letter = 'o', .value = "PATH"},
    [KF_OPT_OVERWRITE] = {.name = "overwrite"},
    [KF_OPT_PASSWORD] = {.name = "password", .value = "SRC", .repeat = true},
    [KF_OPT_PASSWORDS] = {.name = "passwords", .value = "FILE", .repeat = true},
    [KF_OPT_PER] = {.name = "per", .value = "user|key"},
    [KF_OPT_PROFILE] = {.name = "profile", .value = "NAME"},
    [KF_OPT_RANDOM_PASSWORDS] = {.name = "random-passwords"},
    [KF_OPT_RECURSIVE] = {.name = "recursive", .letter = 'r'},
    [KF_OPT_REPORT] = {.name = "report", .value = "FILE", .repeat = true},
    [KF_OPT_RESUME] = {.name = "resume"},
    [KF_OPT_SIGNATURE] = {.name = "signature", .value = "FILE"},
    [KF_OPT_STORE] = {.name = "store", .letter = 's', .value = "STORE"},
    [KF_OPT_TABLE] = {.name = "table"},
    [KF_OPT_THUMBPRINT] = {.name = "thumbprint", .value = "8HEX"},
    [KF_OPT_TO] = {.name = "to", .value = "NAME"},
    [KF_OPT_TRUST] = {.name = "trust", .value = "CERT", .repeat = true},
    [KF_OPT_UNSIGNED] = {.name = "unsigned"},
    [KF_OPT_VERBOSE] = {.name = "verbose", .letter = 'v'},
};

/* Taken by every command. */
static const enum kf_option common[] = {KF_OPT_HELP, KF_OPT_NO_INPUT, KF_OPT_VERBOSE};

struct parser {
    struct kf_arguments *out;
    char **words;
    size_t count;
    size_t at;
    struct kf_error *error;
};

const struct kf_option_spec *kf_option_spec(enum kf_option option)
{
    return &specs[option];
}

static bool takes(const struct kf_command *command, enum kf_option option)
{
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (common[i] == option)
            return true;
    }
    for (const struct kf_option_entry *entry = command->options; entry->option != KF_OPT_END;
         entry++) {
        if (entry->option == option)
            return true;
    }
    return false;
}

static enum kf_option find_long(const struct kf_command *command, const char *name, size_t len)
{
    for (int i = KF_OPT_END + 1; i < KF_OPT_COUNT; i++) {
        if (strncmp(specs[i].name, name, len) == 0 && specs[i].name[len] == '\0' &&
            takes(command, (enum kf_option)i))
            return (enum kf_option)i;
    }
    return KF_OPT_END;
}

static enum kf_option find_short(const struct kf_command *command, char letter)
{
    for (int i = KF_OPT_END + 1; i < KF_OPT_COUNT; i++) {
        if (specs[i].letter == letter && takes(command, (enum kf_option)i))
            return (enum kf_option)i;
    }
    return KF_OPT_END;
}

static enum kf_status add_use(struct parser *parser, enum kf_option option, char *value)
{
    struct kf_arguments *out = parser->out;

    if (!specs[option].repeat && specs[option].value != NULL && kf_has(out, option))
        return kf_fail(parser->error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--%s is given twice",
                       specs[option].name);
    out->uses[out->use_count++] = (struct kf_option_use){.option = option, .value = value};
    return KF_OK;
}

static enum kf_status missing_value(struct parser *parser, enum kf_option option)
{
    return kf_fail(parser->error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--%s needs a value: %s",
                   specs[option].name, specs[option].value);
}

static enum kf_status parse_long(struct parser *parser, char *word)
{
    char *name = word + 2;
    char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    enum kf_option option = find_long(parser->out->command, name, len);

    if (option == KF_OPT_END)
        return kf_fail(parser->error, KF_FATAL, KF_CAUSE_USAGE, NULL, "unknown option --%.*s",
                       (int)len, name);
    if (specs[option].value == NULL) {
        if (equals != NULL)
            return kf_fail(parser->error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--%s takes no value",
                           specs[option].name);
        return add_use(parser, option, NULL);
    }
    if (equals != NULL)
        return add_use(parser, option, equals + 1);
    if (parser->at == parser->count)
        return missing_value(parser, option);
    return add_use(parser, option, parser->words[parser->at++]);
}

static enum kf_status parse_short(struct parser *parser, char *word)
{
    enum kf_status status = KF_OK;

    for (char *letter = word + 1; *letter != '\0' && status == KF_OK; letter++) {
        enum kf_option option = find_short(parser->out->command, *letter);

        if (option == KF_OPT_END)
            return kf_fail(parser->error, KF_FATAL, KF_CAUSE_USAGE, NULL, "unknown option -%c",
                           *letter);
        if (specs[option].value == NULL) {
            status = add_use(parser, option, NULL);
            continue;
        }
        if (letter[1] != '\0')
            return add_use(parser, option, letter + 1);
        if (parser->at == parser->count)
            return missing_value(parser, option);
        return add_use(parser, option, parser->words[parser->at++]);
    }
    return status;
}

static bool is_operand(const struct parser *parser, const char *word)
{
    const struct kf_arguments *out = parser->out;

    if (word[0] != '-' || word[1] == '\0')
        return true;
    return out->command->dash_operands && out->operand_count != 0 && word[1] != '-' &&
           strlen(word) > 2;
}

enum kf_status kf_arguments_parse(const struct kf_command *command, size_t count, char **words,
                                  struct kf_arguments *out, struct kf_error *error)
{
    struct parser parser = {.out = out, .words = words, .count = count, .error = error};
    enum kf_status status = KF_OK;
    size_t letters = 0;
    bool only_operands = false;

    for (size_t i = 0; i < count; i++)
        letters += strlen(words[i]); /* no word holds more options than it has letters */
    out->command = command;
    out->uses = calloc(letters + 1, sizeof(*out->uses));
    out->operands = calloc(count + 1, sizeof(*out->operands));
    if (out->uses == NULL || out->operands == NULL)
        return kf_fail_memory(error);
    while (status == KF_OK && parser.at < count) {
        char *word = words[parser.at++];

        if (only_operands || is_operand(&parser, word))
            out->operands[out->operand_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else
            status = word[1] == '-' ? parse_long(&parser, word) : parse_short(&parser, word);
    }
    return status;
}

void kf_arguments_reset(struct kf_arguments *arguments)
{
    free(arguments->uses);
    free(arguments->operands);
    *arguments = (struct kf_arguments){.command = NULL};
}

bool kf_has(const struct kf_arguments *arguments, enum kf_option option)
{
    for (size_t i = 0; i < arguments->use_count; i++) {
        if (arguments->uses[i].option == option)
            return true;
    }
    return false;
}

char *kf_value(const struct kf_arguments *arguments, enum kf_option option)
{
    for (size_t i = 0; i < arguments->use_count; i++) {
        if (arguments->uses[i].option == option)
            return arguments->uses[i].value;
    }
    return NULL;
}

enum kf_status kf_describe_options(const struct kf_arguments *arguments, const enum kf_option *told,
                                   size_t count, struct kf_buf *out, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *parts[] = {out->len != 0 ? " --" : "--", kf_option_spec(told[i])->name, " ",
                               kf_value(arguments, told[i])};
        size_t part_count = parts[3] != NULL ? 4 : 2;

        if (!kf_has(arguments, told[i]))
            continue;
        for (size_t part = 0; part < part_count; part++) {
            if (kf_buf_append(out, parts[part], strlen(parts[part]), error) != KF_OK)
                return KF_FATAL;
        }
    }
    return kf_buf_append(out, "", 1, error);
}

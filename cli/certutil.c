/*
 * certutil's spellings: see certutil.h for the contract.
 */
#include "cli/certutil.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct spelling {
    const char *certutil;
    const char *command;
    size_t output_operand; /* this operand, from 1, is -o's value; 0: none */
};

static const struct spelling spellings[] = {
    {.certutil = "importKMS", .command = "import"},
    {.certutil = "getkey", .command = "getkey", .output_operand = 2},
    {.certutil = "recoverkey", .command = "recoverkey", .output_operand = 2},
    {.certutil = "setreg", .command = "setreg"},
    {.certutil = "getreg", .command = "getreg"},
};

void kf_words_reset(struct kf_words *words)
{
    free(words->words);
    *words = (struct kf_words){.words = NULL};
}

static const struct spelling *find_spelling(const char *word)
{
    if (word[0] != '-')
        return NULL;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        if (strcasecmp(word + 1, spellings[i].certutil) == 0)
            return &spellings[i];
    }
    return NULL;
}

/* The words after the verb. certutil has its operands right behind the verb, without options. */
static void rewrite_operands(const struct spelling *spelling, size_t count, char **argv,
                             struct kf_words *out)
{
    static char output[] = "-o";
    size_t operands = 0;

    for (size_t i = 0; i < count; i++) {
        if (argv[i][0] == '-')
            operands = SIZE_MAX / 2; /* from the first option on, it is our own syntax */
        if (++operands == spelling->output_operand)
            out->words[out->count++] = output;
        out->words[out->count++] = argv[i];
    }
}

enum kf_status kf_certutil_rewrite(size_t count, char **argv, struct kf_words *out,
                                   struct kf_error *error)
{
    const struct spelling *spelling = NULL;
    size_t flags = 0;

    *out = (struct kf_words){.words = calloc(count + 2, sizeof(*out->words))};
    if (out->words == NULL)
        return kf_fail_memory(error);
    if (count == 0)
        return KF_OK;
    while (flags < count && strcasecmp(argv[flags], "-f") == 0)
        flags++;
    if (flags < count)
        spelling = find_spelling(argv[flags]);
    if (spelling == NULL) {
        out->command = argv[0];
        out->count = count - 1;
        memcpy(out->words, argv + 1, out->count * sizeof(*argv));
        return KF_OK;
    }
    out->command = spelling->command;
    for (size_t i = 0; i < flags; i++) {
        argv[i][1] = 'f'; /* -F is certutil's -f too */
        out->words[out->count++] = argv[i];
    }
    rewrite_operands(spelling, count - flags - 1, argv + flags + 1, out);
    return KF_OK;
}

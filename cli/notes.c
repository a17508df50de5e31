/*
 * Notes about the inputs of a run: see notes.h for the contract.
 */
#include "cli/notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kf_notes_reset(struct kf_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->items[i]);
    *notes = (struct kf_notes){.count = 0};
}

enum kf_status kf_notes_add(struct kf_notes *notes, const char *before, const char *after,
                            struct kf_error *error)
{
    size_t size = strlen(before) + strlen(after) + 2;
    char *note;

    if (notes->count >= KF_NOTES_MOST) {
        notes->more++;
        return KF_OK;
    }
    note = malloc(size);
    if (note == NULL)
        return kf_fail_memory(error);
    (void)snprintf(note, size, "%s %s", before, after);
    notes->items[notes->count++] = note;
    return KF_OK;
}

enum kf_status kf_notes_end(struct kf_notes *notes, struct kf_error *error)
{
    char text[64];

    if (notes->more == 0)
        return KF_OK;
    (void)snprintf(text, sizeof(text), "and %" PRIu64 " more notes", notes->more);
    notes->items[notes->count] = kf_strndup(text, strlen(text));
    if (notes->items[notes->count] == NULL)
        return kf_fail_memory(error);
    notes->count++;
    notes->more = 0;
    return KF_OK;
}

void kf_remark_text(const struct kf_remark *remark, char out[KF_REMARK_SIZE])
{
    const char *rule = remark->rule;

    (void)snprintf(out, KF_REMARK_SIZE, "%s%s%s%s", remark->text, rule != NULL ? " (" : "",
                   rule != NULL ? rule : "", rule != NULL ? ")" : "");
}

void kf_input_names_reset(struct kf_input_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct kf_input_names){.items = NULL};
}

enum kf_status kf_input_names_add(void *context, const char *input, struct kf_error *error)
{
    struct kf_input_names *names = context;
    char **grown = realloc(names->items, (names->count + 1) * sizeof(*grown));

    if (grown == NULL)
        return kf_fail_memory(error);
    names->items = grown;
    grown[names->count] = kf_strndup(input, strlen(input));
    return grown[names->count++] != NULL ? KF_OK : kf_fail_memory(error);
}

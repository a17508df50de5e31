/*
 * Which passwords opened how much: see opened.h for the contract.
 */
#include "cli/opened.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

void kf_opened_reset(struct kf_opened *opened)
{
    for (size_t i = 0; i < opened->count; i++)
        free(opened->items[i].password);
    free(opened->items);
    free(opened->input);
    *opened = (struct kf_opened){.items = NULL};
}

static void change_input(struct kf_opened *opened, const char *input)
{
    if (opened->input != NULL && strcmp(opened->input, input) == 0)
        return;
    free(opened->input);
    opened->input = kf_strndup(input, strlen(input));
    opened->input_number++;
}

static struct kf_opened_by *find(struct kf_opened *opened, const char *password)
{
    if (opened->count != 0 && strcmp(opened->items[opened->recent].password, password) == 0)
        return &opened->items[opened->recent];
    for (size_t i = 0; i < opened->count; i++) {
        if (strcmp(opened->items[i].password, password) == 0)
            return &opened->items[i];
    }
    return NULL;
}

/* NULL: no room, or no memory. */
static struct kf_opened_by *add(struct kf_opened *opened, const char *password)
{
    char *copy;

    if (opened->items == NULL)
        opened->items = calloc(KF_OPENED_MOST, sizeof(*opened->items));
    if (opened->items == NULL || opened->count == KF_OPENED_MOST)
        return NULL;
    copy = kf_strndup(password, strlen(password));
    if (copy == NULL)
        return NULL;
    opened->items[opened->count].password = copy;
    return &opened->items[opened->count++];
}

void kf_opened_add(struct kf_opened *opened, const char *input, const char *password)
{
    struct kf_opened_by *by = find(opened, password);

    change_input(opened, input);
    if (by == NULL)
        by = add(opened, password);
    if (by == NULL) {
        opened->others++;
        return;
    }
    opened->recent = (size_t)(by - opened->items);
    by->keys++;
    if (by->last_input != opened->input_number)
        by->inputs++;
    by->last_input = opened->input_number;
}

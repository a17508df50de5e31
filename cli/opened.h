/*
 * Which passwords opened how much: counted by their labels, in bounded memory. The passwords
 * themselves are not known here.
 */
#ifndef KF_CLI_OPENED_H
#define KF_CLI_OPENED_H

#include <stddef.h>
#include <stdint.h>

#define KF_OPENED_MOST 1000u /* passwords that are counted each */

struct kf_opened_by {
    char *password;      /* "password 3 of list.txt" */
    uint64_t inputs;     /* of which it opened a key */
    uint64_t keys;       /* that it opened */
    uint64_t last_input; /* number of the input that was counted last */
};

/* Zero-initialize. */
struct kf_opened {
    struct kf_opened_by *items; /* in the order of their first success */
    size_t count;
    size_t recent;   /* the one that was counted last: mostly it is the next one too */
    uint64_t others; /* keys that no item counts */
    char *input;     /* the current one */
    uint64_t input_number;
};
void kf_opened_reset(struct kf_opened *opened);

/* Counts a key. The keys of an input come together. Without memory, it is one of the others. */
void kf_opened_add(struct kf_opened *opened, const char *input, const char *password);

#endif

/*
 * Counts of keys by a name that comes from input, in bounded memory: the first names are counted
 * each, all that come after them together.
 */
#ifndef KF_CLI_TALLY_H
#define KF_CLI_TALLY_H

#include "core/record.h"

struct kf_tally_item {
    char *name;
    uint64_t keys;
    uint64_t by_outcome[KF_OUTCOME_COUNT];
    bool is_weak;
    char *note; /* what else is to be told of it, or NULL; freed with the tally */
};

/* Zero-initialize, with a limit that is not 0. */
struct kf_tally {
    size_t limit; /* names that are counted each */
    struct kf_tally_item *items;
    size_t count;
    struct kf_tally_item others; /* its name is NULL; its keys are 0 where there are none */
    size_t *slots;               /* indexes of items, plus one, by hash */
    size_t slot_count;
};
void kf_tally_reset(struct kf_tally *tally);

/* Gives what a name is counted in, which is there from now on. KF_FATAL: memory. */
enum kf_status kf_tally_touch(struct kf_tally *tally, const char *name, struct kf_tally_item **item,
                              struct kf_error *error) KF_MUST_USE;

/* Counts a key; item may be NULL, and gets what it was counted in. KF_FATAL: memory. */
enum kf_status kf_tally_add(struct kf_tally *tally, const char *name, enum kf_outcome outcome,
                            struct kf_tally_item **item, struct kf_error *error) KF_MUST_USE;

/* Most keys first, then by name; by name alone. Nothing is added afterwards. */
void kf_tally_sort(struct kf_tally *tally);
void kf_tally_sort_names(struct kf_tally *tally);

/* The most keys of one item, that of the others among them. */
uint64_t kf_tally_most(const struct kf_tally *tally);

#endif

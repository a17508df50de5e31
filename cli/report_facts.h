/*
 * The facts of a report: what is counted over all keys of a run, and the keys that ask for
 * attention, grouped by cause. They come one key at a time and take bounded memory.
 */
#ifndef KF_CLI_REPORT_FACTS_H
#define KF_CLI_REPORT_FACTS_H

#include "cli/report_entry.h"
#include "cli/tally.h"

#define KF_GROUP_KEPT      10000u  /* entries of a group that are kept, the first ones */
#define KF_GROUPS_KEPT     100000u /* of all groups together */
#define KF_GROUP_MOST      64u     /* causes that are told apart; the last takes all others */
#define KF_INPUTS_MOST     1000u   /* inputs that are told one by one */
#define KF_FOLDERS_MOST    200u
#define KF_NAMES_MOST      1000u /* issuers, and the like */
#define KF_REPORT_YEARS_TO 2200  /* what is valid for longer counts as this year */

/* An entry of a group, to be told later; the strings are its own. */
struct kf_kept {
    struct kf_kept *next;
    uint64_t line;
    const char *name; /* NULL where unknown */
    const char *input;
    const char *place;   /* "" for none */
    const char *message; /* without the code's text; NULL for none */
    char text[];
};

/* Keys that were not archived, or were with a reserve, for the same cause by the same rule. */
struct kf_group {
    enum kf_outcome outcome;
    enum kf_cause cause;
    uint32_t code;
    char *rule;     /* NULL for none */
    char *message;  /* of the first, without the code's text; NULL for none */
    char *input;    /* of the first */
    bool same_text; /* all have that message */
    bool same_input;
    bool is_held_back; /* good by themselves, but a key of the same user failed, whatever its cause
                        */
    bool is_roca;      /* in the archive, but anybody can compute them */
    bool is_rest;      /* what would be more groups than are told apart */
    uint64_t keys;
    struct kf_kept *first, **last;
    size_t kept;
};

/* An input with its digest; the strings are borrowed. */
struct kf_report_input {
    const char *name;
    bool has_digest; /* size and sha256 mean something */
    uint64_t size;
    char sha256[2 * KF_SHA256_SIZE + 1];
};

struct kf_input_fact {
    uint64_t certificates; /* without keys */
    bool has_digest;
    uint64_t size;
    char sha256[2 * KF_SHA256_SIZE + 1];
};

struct kf_report_facts {
    struct kf_totals counted;
    uint64_t replaced;
    uint64_t with_certificate;
    uint64_t weak[KF_WEAK_KINDS]; /* by the number of the bit */
    uint64_t weak_archived[KF_WEAK_KINDS];
    uint64_t weak_keys;        /* in any way */
    uint64_t in_archive[2][2]; /* archived or known: own, foreign; current, previous */

    struct kf_tally inputs; /* in their order; digests beside */
    struct kf_input_fact input_facts[KF_INPUTS_MOST];
    struct kf_input_fact *input; /* of the present input; NULL where it is not told by itself */
    uint64_t input_count;        /* all of them */
    struct kf_tally folders;     /* the note of one with a single input is that input */
    struct kf_tally issuers, algorithms, signatures, years;
    struct kf_tally agents;    /* SHA-1 of each: archived keys that it can open */
    struct kf_tally passwords; /* their labels: keys that each opened */

    struct kf_group *groups; /* KF_GROUP_MOST of them */
    size_t group_count;
    size_t kept;
};

/* KF_FATAL: memory. */
enum kf_status kf_report_facts_new(struct kf_report_facts **out,
                                   struct kf_error *error) KF_MUST_USE;
void kf_report_facts_free(struct kf_report_facts *facts); /* NULL-safe */

/* Begins an input, with keys or without. KF_FATAL: memory. */
enum kf_status kf_report_facts_input(struct kf_report_facts *facts,
                                     const struct kf_report_input *input,
                                     struct kf_error *error) KF_MUST_USE;

/* Counts an entry of that input. KF_FATAL: memory. */
enum kf_status kf_report_facts_add(struct kf_report_facts *facts,
                                   const struct kf_report_entry *entry,
                                   struct kf_error *error) KF_MUST_USE;

/* Puts everything in the order in which it is told: after the last entry. */
void kf_report_facts_sort(struct kf_report_facts *facts);

/* report_groups.c: whether a key asks for attention, and its place in a group then. */
bool kf_group_wants(const struct kf_report_entry *entry);
enum kf_status kf_group_add(struct kf_report_facts *facts, const struct kf_report_entry *entry,
                            struct kf_error *error) KF_MUST_USE;
void kf_groups_sort(struct kf_report_facts *facts);
void kf_groups_free(struct kf_report_facts *facts);

/* report_advice.c: what a group is called, and what to do about it. */
struct kf_advice {
    const char *title;
    const char *advice; /* with what is to be typed between backticks */
};
struct kf_advice kf_group_advice(const struct kf_group *group);

#endif

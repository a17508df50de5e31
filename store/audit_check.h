/*
 * What the parts of the proof share: audit_verify.c reads the trail, audit_rows.c holds rows
 * against it, audit_state.c runs, settings and agents. Private to store/.
 */
#ifndef KF_STORE_AUDIT_CHECK_H
#define KF_STORE_AUDIT_CHECK_H

#include "store/audit.h"
#include "store/audit_verify.h"
#include "store/idmap.h"
#include "store/internal.h"

/* An agent as entries name it: by its SHA-256, or its SHA-1 alone. */
struct kf_agent_mark {
    uint8_t hash[KF_SHA256_SIZE];
    size_t len;
};

#define KF_AUDITED_SETTINGS 4

struct kf_audit_check {
    struct kf_store *store;
    const struct kf_audit_options *options;
    struct kf_audit_report *report;

    /* which entry is the last about each */
    struct kf_idmap requests;
    struct kf_idmap runs_begun;
    struct kf_idmap runs_ended;

    /* what the trail says, as it goes */
    bool has_init;
    struct kf_buf settings[KF_AUDITED_SETTINGS]; /* values as they were set last */
    struct kf_agent_mark *agents;
    size_t agent_count;
    bool agents_unknown; /* the list was too long for an entry */
    char authorities[2 * KF_SHA256_SIZE + 1];
};

/* Tells of a defect. */
void kf_audit_defect(struct kf_audit_check *check, const char *format, ...) KF_PRINTF(2, 3);

/* An entry of the trail; false where there is none of this number, or it is not one. line keeps
 * what parts point into. */
enum kf_status kf_audit_fetch(struct kf_audit_check *check, uint64_t sequence, struct kf_buf *line,
                              struct kf_audit_parts *parts, bool *found,
                              struct kf_error *error) KF_MUST_USE;

/* Whether a field has exactly this value (as it is escaped). */
bool kf_audit_says(const struct kf_audit_parts *parts, const char *name, const char *value);

/* A number in a field. */
bool kf_audit_number(const struct kf_audit_parts *parts, const char *name, uint64_t *out);

/* Takes note of an entry for the state that it leads to. */
enum kf_status kf_audit_see_state(struct kf_audit_check *check, uint64_t sequence,
                                  enum kf_audit_event event, const struct kf_audit_parts *parts,
                                  struct kf_error *error) KF_MUST_USE;

/* Holds runs, settings, agents and the CA's certificates against what was seen. */
enum kf_status kf_audit_check_state(struct kf_audit_check *check,
                                    struct kf_error *error) KF_MUST_USE;

/* Holds every row against the last entry about it. */
enum kf_status kf_audit_check_rows(struct kf_audit_check *check,
                                   struct kf_error *error) KF_MUST_USE;

#endif

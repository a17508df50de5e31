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

/* An agent that was ever added, by its SHA-256. */
struct kf_agent_known {
    uint8_t hash[KF_SHA256_SIZE];
    uint64_t added; /* when, the first time */
    bool is_seen;
};

#define KF_AUDITED_SETTINGS 4
extern const char *const kf_audited_settings[KF_AUDITED_SETTINGS];

struct kf_audit_check {
    struct kf_store *store;
    const struct kf_audit_options *options;
    struct kf_audit_report *report;

    /* which entry is the last about each */
    struct kf_idmap requests;
    struct kf_idmap runs_begun;
    struct kf_idmap runs_advanced;
    struct kf_idmap runs_ended;
    struct kf_idmap chains;

    /* what the trail says, as it goes */
    bool has_init;
    struct kf_buf settings[KF_AUDITED_SETTINGS]; /* values as they were set last */
    struct kf_agent_mark *agents;
    size_t agent_count;
    bool agents_unknown; /* the list was too long for an entry */
    char authorities[2 * KF_SHA256_SIZE + 1];
    struct kf_agent_known *known_agents;
    size_t known_agent_count;
    char kra_next[24];  /* as the last commit of a run has left it, "" for none */
    bool has_strangers; /* rows that the trail does not know were told */
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

/* Every run, its inputs, and what became of each of its keys. */
enum kf_status kf_audit_check_runs(struct kf_audit_check *check,
                                   struct kf_error *error) KF_MUST_USE;

/* The names of all settings, certificates, chains, and agents, former ones too: that there are none
 * but those of the trail, and that they are what they are called. After the runs. */
enum kf_status kf_audit_check_others(struct kf_audit_check *check,
                                     struct kf_error *error) KF_MUST_USE;

/* That a row, which is as the trail says, is found by its names and its certificate. */
enum kf_status kf_audit_check_tokens(struct kf_audit_check *check, const struct kf_value *columns,
                                     struct kf_error *error) KF_MUST_USE;

/* That no tokens lead elsewhere. After the rows. */
enum kf_status kf_audit_check_strays(struct kf_audit_check *check,
                                     struct kf_error *error) KF_MUST_USE;

/* Holds every row against the last entry about it. */
enum kf_status kf_audit_check_rows(struct kf_audit_check *check,
                                   struct kf_error *error) KF_MUST_USE;

#endif

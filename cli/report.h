/*
 * Reports of a run: JSON lines for programs, CSV for spreadsheets, one HTML page for people; which,
 * the file's ending says. All of them are told the same facts, one key at a time, in one pass and
 * in bounded memory, either as the run goes (a dry run, or one without a store) or from the store.
 */
#ifndef KF_CLI_REPORT_H
#define KF_CLI_REPORT_H

#include "cli/cli.h"
#include "cli/notes.h"
#include "cli/out.h"
#include "cli/report_facts.h"
#include "core/pipeline.h"

/* What ran; all borrowed, NULL where there is nothing to tell. */
struct kf_report_run {
    uint64_t id; /* 0: not in a store */
    const char *command;
    const char *options;
    const char *inputs; /* as the user gave them, one a line */
    const char *caller;
    int64_t started;
    bool dry_run;
    const char *store; /* its path */
    const char *ca;
    const char *settings; /* "KRAFlags KRAF_ENABLEFOREIGN", one a line, as the run found them */
};

/* How it ended. */
struct kf_report_end {
    struct kf_totals totals;  /* as the run counted them */
    int64_t ended;            /* 0: broken off, or going on */
    const char *const *notes; /* "old.xml was read without a signature" */
    size_t note_count;
    uint64_t certificates; /* of the inputs whose key none of them has */
};

struct kf_report;

/*
 * Checks the endings of all values of an option, .jsonl, .csv, .html or .htm, and that each file
 * can be made. KF_FATAL: KF_CAUSE_USAGE, or KF_CAUSE_SYSTEM.
 */
enum kf_status kf_report_check(const struct kf_arguments *arguments, enum kf_option option,
                               struct kf_error *error) KF_MUST_USE;

/*
 * Begins the report into all values of an option; without any, as JSON lines to standard output.
 * run is borrowed until the end; store may be NULL.
 */
enum kf_status kf_report_open(const struct kf_session *session,
                              const struct kf_arguments *arguments, enum kf_option option,
                              struct kf_store *store, const struct kf_report_run *run,
                              struct kf_report **out, struct kf_error *error) KF_MUST_USE;

/*
 * Begins an input, in order; a key does it for its own where that was not done. facts: as the run
 * read it; NULL: the file is looked at now. What fails is told by the end.
 */
void kf_report_input(struct kf_report *report, const char *name,
                     const struct kf_input_facts *facts);
bool kf_report_is_at(const struct kf_report *report, const char *input);

/* So many certificates of the present input are without their keys. */
void kf_report_certificates(struct kf_report *report, uint64_t certificates);

/* One key, in order. What fails is told by the end. */
void kf_report_add(struct kf_report *report, const struct kf_report_entry *entry);

/* The end: the files get their names. KF_FATAL: one could not be written. Frees in any case. */
enum kf_status kf_report_end(struct kf_report *report, const struct kf_report_end *end,
                             struct kf_error *error) KF_MUST_USE;

/* Leaves no files; NULL-safe. */
void kf_report_discard(struct kf_report *report);

/*
 * report_live.c: a report that is told each key as the run tells it, beside another sink: of a dry
 * run, or of a run without a store. Zero-initialize.
 */
struct kf_report_live {
    struct kf_report *report; /* NULL: nobody asked for one */
    struct kf_store *store;
    struct kf_sink inner;
    struct kf_report_run run;
    char *inputs, *caller, *ca, *settings; /* what run borrows */
    struct kf_row row;
    struct kf_notes notes; /* remarks about inputs */
    uint64_t certificates;
    enum kf_status noted; /* KF_FATAL: no memory for a note */
    struct kf_error error;
};

/* Begins it where --report is given; options and store may be NULL. */
enum kf_status kf_report_live_begin(struct kf_report_live *live, const struct kf_session *session,
                                    const struct kf_arguments *arguments, const char *options,
                                    struct kf_store *store, struct kf_error *error) KF_MUST_USE;

/* A sink that tells the report and then inner; inner itself where there is no report. */
struct kf_sink kf_report_live_sink(struct kf_report_live *live, struct kf_sink inner);

/*
 * Its end, after the pipeline returned status and totals; with a note for each input that was read
 * without its signature. KF_FATAL: a report could not be written.
 */
enum kf_status kf_report_live_end(struct kf_report_live *live, enum kf_status status,
                                  const struct kf_totals *totals,
                                  const struct kf_input_names *unsigned_inputs,
                                  struct kf_error *error) KF_MUST_USE;
void kf_report_live_reset(struct kf_report_live *live);

/* report_run.c: the whole report of a run from the store. KF_SKIP with KF_CAUSE_USAGE: no such run.
 */
enum kf_status kf_report_stored(const struct kf_session *session,
                                const struct kf_arguments *arguments, enum kf_option option,
                                struct kf_store *store, uint64_t run,
                                struct kf_error *error) KF_MUST_USE;

/* report_run.c: the settings of a store as struct kf_report_run has them; freed by free(). */
enum kf_status kf_report_settings(struct kf_store *store, char **out,
                                  struct kf_error *error) KF_MUST_USE;

/*
 * A form of report, private to report*.c. begin comes first, input before the first key of each
 * stretch of one input, end last; facts are complete then.
 */
struct kf_report_agent { /* who can open keys, found out at the end */
    char sha1[2 * KF_SHA1_SIZE + 1];
    char *subject; /* NULL: its certificate is not known */
    int64_t not_after;
    uint64_t keys;
};
struct kf_report_whole {
    const struct kf_crypto *crypto;
    const struct kf_report_run *run;
    const struct kf_report_end *end;
    const struct kf_report_facts *facts;
    const struct kf_report_agent *agents;
    size_t agent_count;
};
struct kf_report_form {
    const char *ending;
    void (*begin)(struct kf_out *out, const struct kf_report_run *run);
    void (*input)(struct kf_out *out, const struct kf_report_input *input);
    void (*key)(struct kf_out *out, const struct kf_report_input *input,
                const struct kf_report_entry *entry);
    void (*end)(struct kf_out *out, const struct kf_report_whole *whole);
};
extern const struct kf_report_form kf_report_jsonl;
extern const struct kf_report_form kf_report_csv;
extern const struct kf_report_form kf_report_html;

#endif

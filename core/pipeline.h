/*
 * The pipeline: inputs, through a reader, a stage (import rules and sealing) and a writer, with
 * every key accounted for.
 *
 * Results are committed in input order, whatever the number of threads. What the sink is told was
 * committed before it is told. inputs are asked by one thread, the writer and the sink are called
 * by the thread that runs the pipeline; decode and the stage by the workers.
 */
#ifndef KF_CORE_PIPELINE_H
#define KF_CORE_PIPELINE_H

#include <stdatomic.h>

#include "core/reader.h"
#include "core/writer.h"

/* The rule that breaks where a resumed run does not find the inputs that it began with. */
#define KF_RULE_RESUME "--resume goes on with the same inputs"

/* Where inputs come from. */
struct kf_inputs {
    /* The next input's name, borrowed until the next call. KF_END: no more. */
    enum kf_status (*next)(void *context, const char **name, struct kf_error *error);
    /* Opens that input with the reader that fits. KF_SKIP: it costs its own entry. */
    enum kf_status (*open)(void *context, struct kf_reader **reader, struct kf_error *error);
    /* Closes a reader that open gave, and what was kept for it; by any thread, at the same time as
     * next and open. NULL: by the reader's own close. */
    void (*close)(void *context, struct kf_reader *reader);
    /* What the input that next named last is, as far as it was read; where it was not opened, since
     * an earlier part of the run has done it, it is read for its digest. KF_SKIP: it cannot be read
     * any more. NULL: nothing is known of inputs. */
    enum kf_status (*look)(void *context, struct kf_input_facts *facts, struct kf_error *error);
    void *context;
};

/* What is done to each record between decode and the writer: the import rules and the sealing. */
struct kf_stage {
    /* Makes what one thread needs; called once by each thread that will call apply. May be NULL. */
    enum kf_status (*start)(void *context, void **worker, struct kf_error *error);
    /* Decides the record, or seals its key and leaves it pending. KF_FATAL ends the run. */
    enum kf_status (*apply)(void *worker, struct kf_record *record, struct kf_error *error);
    void (*end)(void *worker); /* NULL where start is NULL */
    void *context;             /* is the worker where start is NULL */
};

/* How far a run has come, with what waits for its commit. */
struct kf_tick {
    const struct kf_totals *totals;
    uint64_t input; /* inputs that were read to their end */
    double share;   /* of the next one, from 0 to 1, where its size is known */
};

/* Who is told, in input order, after the commit. */
struct kf_sink {
    void (*entry)(void *context, const char *input, const struct kf_record *record);
    /* What is remarkable of an input, after its entries. May be NULL. */
    void (*remark)(void *context, const char *input, const struct kf_remarks *remarks);
    /* After all of these, what the input was as far as it was read. May be NULL. */
    void (*input_done)(void *context, const char *input, const struct kf_input_facts *facts);
    /* This input ended the run: the error that kf_pipeline_run returns is about it. May be NULL. */
    void (*input_failed)(void *context, const char *input, const struct kf_error *error);
    /* Told every few records, before the commit: for people who wait. May be NULL. */
    void (*tick)(void *context, const struct kf_tick *tick);
    void *context;
};

struct kf_pipeline {
    struct kf_inputs inputs;
    struct kf_stage stage; /* apply may be NULL */
    struct kf_writer *writer;
    struct kf_sink sink;
    struct kf_position start;       /* skip what was done before: all zero at first */
    struct kf_totals totals_before; /* what had been counted by then */
    bool dry_run;                   /* everything but commit */
    size_t commit_every;            /* records; 0 = the default of 1000 */
    unsigned jobs;           /* threads that decode and seal; 0 and 1: everything in this thread */
    const atomic_bool *stop; /* set by a signal: the run ends after a commit; may be NULL */
};

/*
 * Runs to the end. *totals is right also when it returns KF_FATAL: it counts what was committed.
 * KF_OK: every input was read to its end, whatever the outcomes. KF_FATAL: *error says why.
 * KF_SKIP: stopped by the flag; what was committed stands, and the run can be resumed.
 */
enum kf_status kf_pipeline_run(const struct kf_pipeline *pipeline, struct kf_totals *totals,
                               struct kf_error *error) KF_MUST_USE;

#endif

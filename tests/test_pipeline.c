/*
 * The pipeline over a reader and a writer made for it: every record is accounted for, a unit goes
 * in whole, what was committed before a failure stands, and a resumed run does the rest and no
 * more.
 */
#include "core/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

/* A script of one input: a letter a record, '|' ends an item, '!' is a truncation.
 * k = a good key, f = failed by the reader, m = a mismatch that the stage fails. */
struct script {
    const char *inputs[4];
    const char *current;
    size_t next_input;
    bool all_or_nothing;
    bool unreadable; /* every input is */
    atomic_uint opened, closed;
};

/* CUnit counts in one thread only; these callbacks run in others. */
static void assert_not_null(const void *pointer)
{
    if (pointer == NULL)
        abort();
}

struct script_reader {
    struct kf_reader base;
    const char *at;
    bool unit;
    uint64_t items;
};

struct script_item {
    struct kf_item base;
    const char *begin, *end;
};

static enum kf_status script_next(struct kf_reader *reader, struct kf_item **out,
                                  struct kf_error *error)
{
    struct script_reader *script = (struct script_reader *)reader;
    struct script_item *item;
    const char *end;

    if (*script->at == '\0')
        return KF_END;
    if (*script->at == '!')
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "truncated");
    item = calloc(1, sizeof(*item));
    assert_not_null(item);
    end = script->at + strcspn(script->at, "|");
    item->base.ordinal = ++script->items;
    item->begin = script->at;
    item->end = end;
    script->at = *end == '|' ? end + 1 : end;
    *out = &item->base;
    return KF_OK;
}

/* Two records a batch where the item is not a unit, so that items come in several batches. */
static enum kf_status script_decode(const struct kf_reader *reader, struct kf_item *base,
                                    struct kf_batch *batch, struct kf_error *error)
{
    const bool unit = ((const struct script_reader *)reader)->unit;
    struct script_item *item = (struct script_item *)base;
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_DATA, "test", "is bad");
    while (item->begin < item->end && (unit || batch->count < 2)) {
        struct kf_record *record = kf_batch_add(batch, error);

        assert_not_null(record);
        record->key_mismatch = *item->begin == 'm';
        (void)snprintf(record->place, sizeof(record->place), "letter %c", *item->begin);
        if (*item->begin == 'f')
            kf_record_decide(record, KF_FAILED, &why);
        item->begin++;
    }
    batch->all_or_nothing = unit;
    batch->ends_user = item->begin == item->end;
    return item->begin == item->end ? KF_END : KF_OK;
}

static void script_free_item(struct kf_item *item)
{
    free(item);
}

static void script_close(struct kf_reader *reader)
{
    free(reader);
}

static const struct kf_reader_ops script_ops = {
    .name = "script",
    .next = script_next,
    .decode = script_decode,
    .free_item = script_free_item,
    .close = script_close,
};

static enum kf_status inputs_next(void *context, const char **name, struct kf_error *error)
{
    struct script *script = context;

    (void)error;
    script->current = script->inputs[script->next_input];
    if (script->current == NULL)
        return KF_END;
    script->next_input++;
    *name = script->current;
    return KF_OK;
}

static enum kf_status inputs_open(void *context, struct kf_reader **reader, struct kf_error *error)
{
    struct script *script = context;
    struct script_reader *made;

    if (script->unreadable)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SYSTEM, NULL, "cannot be opened");
    made = calloc(1, sizeof(*made));
    assert_not_null(made);
    *made = (struct script_reader){
        .base = {.ops = &script_ops}, .at = script->current, .unit = script->all_or_nothing};
    *reader = &made->base;
    (void)atomic_fetch_add(&script->opened, 1);
    return KF_OK;
}

static void inputs_close(void *context, struct kf_reader *reader)
{
    (void)atomic_fetch_add(&((struct script *)context)->closed, 1);
    reader->ops->close(reader);
}

static enum kf_status stage_apply(void *context, struct kf_record *record, struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    (void)context;
    (void)error;
    if (record->key_mismatch) {
        (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_DATA, "test", "does not belong");
        kf_record_decide(record, KF_FAILED, &why);
    }
    return KF_OK;
}

/* What the writer and the sink saw, as text. */
struct log {
    struct kf_writer writer;
    char put[4096];
    char committed[4096];
    char told[4096];
    struct kf_position position;
    struct kf_totals totals;
    unsigned commits, rollbacks, finishes;
    unsigned fail_put_at; /* the n-th put fails, from 1 */
    unsigned puts;
    uint64_t turns; /* sum over records of put number times turn: tells any other order */
};

static struct log *log_of(struct kf_writer *writer)
{
    return (struct log *)(void *)writer;
}

static enum kf_status log_begin(struct kf_writer *writer, struct kf_error *error)
{
    (void)writer;
    (void)error;
    return KF_OK;
}

static enum kf_status log_put(struct kf_writer *writer, const char *input, struct kf_record *record,
                              struct kf_error *error)
{
    struct log *log = log_of(writer);
    const char letter = record->outcome == KF_PENDING ? 'A' : 'F';

    (void)input;
    if (++log->puts == log->fail_put_at)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "disk full");
    log->put[log->puts - 1] = letter;
    log->turns += log->puts * (record->turn + 1);
    if (record->outcome == KF_PENDING)
        record->outcome = KF_ARCHIVED;
    return KF_OK;
}

static enum kf_status log_commit(struct kf_writer *writer, const struct kf_position *position,
                                 const struct kf_totals *totals, struct kf_error *error)
{
    struct log *log = log_of(writer);

    (void)error;
    memcpy(log->committed, log->put, sizeof(log->committed));
    log->position = *position;
    log->totals = *totals;
    log->commits++;
    return KF_OK;
}

static void log_rollback(struct kf_writer *writer)
{
    log_of(writer)->rollbacks++;
}

static enum kf_status log_finish(struct kf_writer *writer, const struct kf_totals *totals,
                                 struct kf_error *error)
{
    (void)totals;
    (void)error;
    log_of(writer)->finishes++;
    return KF_OK;
}

static const struct kf_writer_ops log_ops = {
    .name = "log",
    .begin = log_begin,
    .put = log_put,
    .commit = log_commit,
    .rollback = log_rollback,
    .finish = log_finish,
};

static void sink_entry(void *context, const char *input, const struct kf_record *record)
{
    struct log *log = context;

    (void)input;
    log->told[strlen(log->told)] = kf_outcome_name(record->outcome)[0];
}

static void sink_done(void *context, const char *input, const struct kf_input_facts *facts)
{
    struct log *log = context;

    (void)input;
    (void)facts;
    log->told[strlen(log->told)] = '.';
}

static unsigned jobs = 1; /* every test runs with one thread, and again with several */

static struct kf_pipeline make(struct script *script, struct log *log)
{
    *log = (struct log){.writer = {.ops = &log_ops}};
    script->next_input = 0;
    return (struct kf_pipeline){
        .inputs = {.next = inputs_next, .open = inputs_open, .context = script},
        .stage = {.apply = stage_apply},
        .writer = &log->writer,
        .sink = {.entry = sink_entry, .context = log},
        .commit_every = 4,
        .jobs = jobs,
    };
}

/* The end of an input is told after its last key, however late that is committed. */
static void test_ends_of_inputs(void)
{
    for (size_t every = 1; every < 16; every += 7) {
        struct script script = {.inputs = {"kk|k|fmk", "", "k"}};
        struct log log;
        struct kf_pipeline pipeline = make(&script, &log);
        struct kf_totals totals;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        pipeline.sink.input_done = sink_done;
        pipeline.commit_every = every;
        CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
        CU_ASSERT_STRING_EQUAL(log.told, "aaaffa..a.");
    }
}

static void test_all_accounted_for(void)
{
    struct script script = {.inputs = {"kk|k|fmk", "k"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
    CU_ASSERT_STRING_EQUAL(log.put, "AAAFFAA");
    CU_ASSERT_STRING_EQUAL(log.committed, "AAAFFAA");
    CU_ASSERT_STRING_EQUAL(log.told, "aaaffaa");
    CU_ASSERT_EQUAL(kf_totals_seen(&totals), 7);
    CU_ASSERT_EQUAL(totals.by_outcome[KF_ARCHIVED], 5);
    CU_ASSERT_EQUAL(totals.by_outcome[KF_FAILED], 2);
    CU_ASSERT_EQUAL(totals.users, 4);
    CU_ASSERT_EQUAL(log.position.input, 2);
    CU_ASSERT_EQUAL(log.position.entries, 0);
    CU_ASSERT_EQUAL(log.finishes, 1);
    CU_ASSERT_EQUAL(log.rollbacks, 0);
}

static void test_inputs_close_what_they_opened(void)
{
    struct script script = {.inputs = {"k|k", "kk|!", "k"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    pipeline.inputs.close = inputs_close;
    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_FATAL);
    CU_ASSERT(atomic_load(&script.opened) >= 2);
    CU_ASSERT_EQUAL(atomic_load(&script.opened), atomic_load(&script.closed));
}

static void test_a_unit_goes_in_whole_or_not_at_all(void)
{
    struct script script = {.inputs = {"kkk|kfk|kmk"}, .all_or_nothing = true};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
    CU_ASSERT_STRING_EQUAL(log.put, "AAAFFFFFF");
    CU_ASSERT_EQUAL(totals.by_outcome[KF_FAILED], 6);
}

static void test_truncation_keeps_what_came_whole(void)
{
    struct script script = {.inputs = {"kk|kk|k|!", "kkk"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_FATAL);
    CU_ASSERT_STRING_EQUAL(error.text, "truncated");
    CU_ASSERT_STRING_EQUAL(log.committed, "AAAAA");
    CU_ASSERT_STRING_EQUAL(log.told, "aaaaa");
    CU_ASSERT_EQUAL(kf_totals_seen(&totals), 5);
    CU_ASSERT_EQUAL(log.position.input, 0);
    CU_ASSERT_EQUAL(log.position.entries, 5);
    CU_ASSERT_EQUAL(log.finishes, 0);
}

static void test_a_failing_writer_commits_nothing_more(void)
{
    struct script script = {.inputs = {"kk|kk|kk|kk"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    log.fail_put_at = 6;
    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_FATAL);
    CU_ASSERT_STRING_EQUAL(error.text, "disk full");
    CU_ASSERT_STRING_EQUAL(log.committed, "AAAA");
    CU_ASSERT_STRING_EQUAL(log.told, "aaaa");
    CU_ASSERT_EQUAL(kf_totals_seen(&totals), 4);
    CU_ASSERT_EQUAL(log.rollbacks, 1);
}

static void test_an_unreadable_input_is_one_entry(void)
{
    struct script script = {.inputs = {"kk", "k"}, .unreadable = true};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
    CU_ASSERT_EQUAL(totals.by_outcome[KF_FAILED], 2);
    CU_ASSERT_EQUAL(kf_totals_seen(&totals), 2);
}

/* Resumed at every place at which a run may have been cut off, the rest is done once. */
static void test_resume_does_the_rest_and_no_more(void)
{
    for (uint64_t input = 0; input < 2; input++) {
        for (uint64_t entries = 0; entries <= 3; entries++) {
            struct script script = {.inputs = {"kk|k", "kkk"}};
            struct log log;
            struct kf_pipeline pipeline = make(&script, &log);
            struct kf_totals totals;
            struct kf_error error = {.cause = KF_CAUSE_NONE};

            pipeline.start = (struct kf_position){.input = input, .entries = entries};
            pipeline.totals_before.by_outcome[KF_ARCHIVED] = input * 3 + entries;
            CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
            CU_ASSERT_EQUAL(strlen(log.put), 6 - input * 3 - entries);
            CU_ASSERT_EQUAL(totals.by_outcome[KF_ARCHIVED], 6);
            CU_ASSERT_EQUAL(log.position.input, 2);
        }
    }
}

/* Whatever ends a resumed run on its way back to where it stood, the next one begins there. */
static void test_a_resumed_run_never_goes_back(void)
{
    static const struct kf_position starts[] = {
        {.entries = 4, .users = 2}, {.input = 1}, {.input = 1, .entries = 2}, {.users = 1}};

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (int stopped = 0; stopped < 2; stopped++) {
            struct script script = {.inputs = {stopped != 0 ? "kk|kk|kk" : "!", "!"}};
            struct log log;
            struct kf_pipeline pipeline = make(&script, &log);
            struct kf_totals totals;
            struct kf_error error = {.cause = KF_CAUSE_NONE};
            atomic_bool stop = stopped != 0;

            pipeline.start = starts[i];
            pipeline.stop = &stop;
            CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error),
                            stopped != 0 ? KF_SKIP : KF_FATAL);
            CU_ASSERT_EQUAL(log.commits, 1);
            CU_ASSERT_EQUAL(log.position.input, starts[i].input);
            CU_ASSERT_EQUAL(log.position.entries, starts[i].entries);
            CU_ASSERT_EQUAL(log.position.users, starts[i].users);
        }
    }
}

/* A user without keys leaves no record, and is counted once all the same. */
static void test_users_are_counted_once(void)
{
    struct script script = {.inputs = {"||kk||k|"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
    CU_ASSERT_EQUAL(totals.users, 5);
    for (uint64_t users = 0; users <= 5; users++) {
        pipeline = make(&script, &log);
        pipeline.start = (struct kf_position){.entries = users < 3   ? 0
                                                         : users < 5 ? 2
                                                                     : 3,
                                              .users = users};
        pipeline.totals_before.users = users;
        CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
        CU_ASSERT_EQUAL(totals.users, 5);
    }
}

/* Long inputs, whatever the number of threads: the same records in the same order. */
static void test_order_does_not_depend_on_threads(void)
{
    static char text[2][1500];
    char expected[4096];
    uint64_t turns = 0;
    unsigned random = 12345;

    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j + 1 < sizeof(text[i]); j++) {
            random = random * 1103515245 + 12345;
            text[i][j] = "kkkkmf|||"[(random >> 16) % 9];
        }
    }
    for (unsigned threads = 1; threads <= 5; threads++) {
        struct script script = {.inputs = {text[0], text[1]}, .all_or_nothing = true};
        struct log log;
        struct kf_pipeline pipeline = make(&script, &log);
        struct kf_totals totals;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        pipeline.jobs = threads;
        CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
        CU_ASSERT(strlen(log.put) > 1000);
        if (threads == 1) {
            memcpy(expected, log.put, sizeof(expected));
            turns = log.turns;
        }
        CU_ASSERT_STRING_EQUAL(log.put, expected);
        CU_ASSERT_EQUAL(log.turns, turns);
    }
}

static enum kf_status refuse_start(void *context, void **worker, struct kf_error *error)
{
    (void)context;
    (void)worker;
    return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL, "no agents");
}

static void end_nothing(void *worker)
{
    (void)worker;
}

static void test_a_stage_that_cannot_start_ends_the_run(void)
{
    struct script script = {.inputs = {"kk|kk", "kk"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    pipeline.stage.start = refuse_start;
    pipeline.stage.end = end_nothing;
    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_CONFIG);
    CU_ASSERT_EQUAL(kf_totals_seen(&totals), 0);
}

static void test_dry_run_never_commits(void)
{
    struct script script = {.inputs = {"kkkkkkkkkk"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    pipeline.dry_run = true;
    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_OK);
    CU_ASSERT_EQUAL(log.commits, 0);
    CU_ASSERT_EQUAL(log.rollbacks, 1);
    CU_ASSERT_EQUAL(totals.by_outcome[KF_ARCHIVED], 10);
    CU_ASSERT_STRING_EQUAL(log.told, "aaaaaaaaaa");
}

static void test_stop_ends_after_a_commit(void)
{
    struct script script = {.inputs = {"kk|kk", "kk"}};
    struct log log;
    struct kf_pipeline pipeline = make(&script, &log);
    struct kf_totals totals;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    atomic_bool stop = true;

    pipeline.stop = &stop;
    CU_ASSERT_EQUAL(kf_pipeline_run(&pipeline, &totals, &error), KF_SKIP);
    CU_ASSERT_EQUAL(log.finishes, 0);
    CU_ASSERT_EQUAL(log.position.input, 0);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"all accounted for", test_all_accounted_for},
        {"ends of inputs", test_ends_of_inputs},
        {"inputs close what they opened", test_inputs_close_what_they_opened},
        {"a unit goes in whole or not at all", test_a_unit_goes_in_whole_or_not_at_all},
        {"truncation keeps what came whole", test_truncation_keeps_what_came_whole},
        {"a failing writer commits nothing more", test_a_failing_writer_commits_nothing_more},
        {"an unreadable input is one entry", test_an_unreadable_input_is_one_entry},
        {"resume does the rest and no more", test_resume_does_the_rest_and_no_more},
        {"a resumed run never goes back", test_a_resumed_run_never_goes_back},
        {"users are counted once", test_users_are_counted_once},
        {"order does not depend on threads", test_order_does_not_depend_on_threads},
        {"a stage that cannot start ends the run", test_a_stage_that_cannot_start_ends_the_run},
        {"a dry run never commits", test_dry_run_never_commits},
        {"stop ends after a commit", test_stop_ends_after_a_commit},
        {NULL, NULL},
    };

    int code = suite_run("pipeline, one thread", tests);

    jobs = 4;
    return code | suite_run("pipeline, four workers", tests);
}

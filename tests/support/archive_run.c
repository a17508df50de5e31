/*
 * Whole runs into an archive: see archive_run.h.
 */
#include "tests/support/archive_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void need(bool done, const char *what, const struct kf_error *error)
{
    if (done)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, error != NULL ? error->text : "failed");
    exit(EXIT_FAILURE);
}

void archive_keys_make(const struct archive *archive, size_t count, struct archive_keys *out)
{
    *out = (struct archive_keys){.pkcs8 = calloc(count, sizeof(struct kf_buf)),
                                 .certificates = calloc(count, sizeof(struct kf_buf)),
                                 .count = count};
    need(out->pkcs8 != NULL && out->certificates != NULL, "calloc", NULL);
    for (size_t i = 0; i < count; i++) {
        char name[40];
        char subject[60];
        struct material_cert what = {.subject = subject, .key_usage = KF_KU_KEY_AGREEMENT};

        (void)snprintf(name, sizeof(name), "ec:P-256#%zu", i + 1);
        (void)snprintf(subject, sizeof(subject), "/O=Contoso/CN=User %zu", i + 1);
        what.key = material_key(name);
        out->certificates[i] = KF_PUBLIC_BUF;
        material_pkcs8(what.key, &out->pkcs8[i]);
        archive_issue(archive, &what, &out->certificates[i]);
    }
}

void archive_keys_reset(struct archive_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        kf_buf_reset(&keys->pkcs8[i]);
        kf_buf_reset(&keys->certificates[i]);
    }
    free(keys->pkcs8);
    free(keys->certificates);
}

/* A reader whose items are the keys, one record each. */
struct memory_reader {
    struct kf_reader base; /* first */
    const struct archive_run *run;
    size_t at;
};

struct memory_item {
    struct kf_item base; /* first */
    size_t index;
};

static enum kf_status memory_next(struct kf_reader *reader, struct kf_item **out,
                                  struct kf_error *error)
{
    struct memory_reader *memory = (struct memory_reader *)reader;
    struct memory_item *item;

    if (memory->at == memory->run->keys->count)
        return KF_END;
    if (memory->run->fail_after != 0 && memory->at == memory->run->fail_after)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "the input is truncated");
    item = calloc(1, sizeof(*item));
    need(item != NULL, "calloc", NULL);
    item->index = memory->at++;
    item->base.ordinal = memory->at;
    *out = &item->base;
    return KF_OK;
}

static enum kf_status memory_decode(const struct kf_reader *reader, struct kf_item *base,
                                    struct kf_batch *batch, struct kf_error *error)
{
    const struct archive_run *run = ((const struct memory_reader *)reader)->run;
    size_t index = ((struct memory_item *)base)->index;
    struct kf_record *record = kf_batch_add(batch, error);

    need(record != NULL, "kf_batch_add", error);
    (void)snprintf(record->place, sizeof(record->place), "key %zu", index + 1);
    need(kf_buf_set(&record->cert, kf_buf_slice(&run->keys->certificates[index]), error) == KF_OK &&
             kf_buf_set(&record->pkcs8, kf_buf_slice(&run->keys->pkcs8[index]), error) == KF_OK,
         "kf_buf_set", error);
    record->chain = calloc(run->chain_count + 1, sizeof(*record->chain));
    need(record->chain != NULL, "calloc", NULL);
    for (size_t i = 0; i < run->chain_count; i++) {
        record->chain[i] = KF_PUBLIC_BUF;
        need(kf_buf_set(&record->chain[i], kf_buf_slice(&run->chain[i]), error) == KF_OK,
             "kf_buf_set", error);
        record->chain_count++;
    }
    return KF_END;
}

static void memory_free_item(struct kf_item *item)
{
    free(item);
}

static void memory_close(struct kf_reader *reader)
{
    free(reader);
}

static const struct kf_reader_ops memory_ops = {
    .name = "memory",
    .next = memory_next,
    .decode = memory_decode,
    .free_item = memory_free_item,
    .close = memory_close,
};

static enum kf_status inputs_next(void *context, const char **name, struct kf_error *error)
{
    (void)error;
    *name = "keys";
    return ((struct archive_run *)context)->next_input++ == 0 ? KF_OK : KF_END;
}

static enum kf_status inputs_open(void *context, struct kf_reader **reader, struct kf_error *error)
{
    struct memory_reader *memory = calloc(1, sizeof(*memory));

    need(memory != NULL, "calloc", error);
    memory->base.ops = &memory_ops;
    memory->run = context;
    *reader = &memory->base;
    return KF_OK;
}

static void hear_entry(void *context, const char *input, const struct kf_record *record)
{
    struct archive_run *run = context;

    need(strcmp(input, "keys") == 0 && record->outcome != KF_PENDING, "the sink", NULL);
    run->told++;
    run->request_ids += record->request_id;
}

static void find_start(struct archive *archive, const struct kf_run_request *request,
                       struct archive_run *run, struct kf_policy_options *options,
                       struct kf_run *before)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (!run->resume) {
        need(kf_runs_kra_start(archive->store, &options->kra_start, &error) == KF_OK,
             "kf_runs_kra_start", &error);
        return;
    }
    need(kf_runs_find_resumable(archive->store, request, before, &error) == KF_OK,
         "kf_runs_find_resumable", &error);
    options->kra_start = before->kra_start;
}

void archive_run(struct archive *archive, struct archive_run *run)
{
    static const char *const inputs[] = {"keys"};
    struct kf_archive_options target = {
        .store = archive->store,
        .run = {.command = "import", .options = "", .inputs = inputs, .input_count = 1},
        .dry_run = run->dry_run};
    struct kf_policy_options options = {.foreign = run->foreign,
                                        .overwrite = run->overwrite,
                                        .profile = KF_SEAL_WINDOWS,
                                        .now = (int64_t)time(NULL)};
    struct kf_run before = {.command = NULL};
    struct kf_policy *policy = NULL;
    struct kf_writer *writer = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    find_start(archive, &target.run, run, &options, &before);
    need(kf_policy_new(archive->store, &options, &policy, &error) == KF_OK, "kf_policy_new",
         &error);
    target.policy = policy;
    target.resume = before.id;
    target.start = before.position;
    need(kf_archive_open(&target, &writer, &error) == KF_OK, "kf_archive_open", &error);
    run->status = kf_pipeline_run(
        &(struct kf_pipeline){.inputs = {.next = inputs_next, .open = inputs_open, .context = run},
                              .stage = {.apply = kf_policy_apply, .context = policy},
                              .writer = writer,
                              .sink = {.entry = hear_entry, .context = run},
                              .start = before.position,
                              .totals_before = before.totals,
                              .dry_run = run->dry_run,
                              .commit_every = run->commit_every != 0 ? run->commit_every : 2,
                              .jobs = run->jobs},
        &run->totals, &run->error);
    run->id = kf_archive_run(writer);
    writer->ops->close(writer);
    kf_policy_free(policy);
    kf_run_reset(&before);
}

/*
 * The inputs of a run: their names in order, and what each was when the run read it, by which a
 * resumed run knows that it goes on with the same (runs.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/audit.h"
#include "store/internal.h"
#include "store/runs.h"

void kf_run_input_reset(struct kf_run_input *input)
{
    if (input == NULL)
        return;
    free(input->name);
    free(input->remarks);
    *input = (struct kf_run_input){.name = NULL};
}

enum kf_status kf_input_columns(const struct kf_value *columns, struct kf_input_facts *out,
                                struct kf_error *error)
{
    *out = (struct kf_input_facts){
        .has_size = columns[0].type != KF_VALUE_NULL,
        .has_digest = columns[1].type != KF_VALUE_NULL,
        .size = (uint64_t)columns[0].number,
    };
    return out->has_digest ? kf_column_bytes(&columns[1], out->sha256, KF_SHA256_SIZE, error)
                           : KF_OK;
}

/* (id, position, name, size, SHA-256, certificates, remarks) */
static enum kf_status read_input(const struct kf_value *columns, struct kf_run_input *input,
                                 struct kf_error *error)
{
    kf_run_input_reset(input);
    input->id = (uint64_t)columns[0].number;
    input->index = (uint64_t)columns[1].number;
    input->certificates = (uint64_t)columns[5].number;
    if (kf_input_columns(&columns[3], &input->facts, error) != KF_OK ||
        kf_column_text(&columns[6], &input->remarks, error) != KF_OK)
        return KF_FATAL;
    return kf_column_text(&columns[2], &input->name, error);
}

static enum kf_status find_input(struct kf_store *store, uint64_t run, uint64_t index,
                                 struct kf_run_input *out, struct kf_error *error)
{
    struct kf_value values[2] = {kf_integer((int64_t)run), kf_integer((int64_t)index)};
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_INPUT_FIND, values, 2, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        status = read_input(result->columns, out, error);
    kf_store_finish(store, result);
    return status;
}

static struct kf_value size_value(const struct kf_input_facts *facts)
{
    return facts->has_size ? kf_integer((int64_t)facts->size) : kf_null();
}

static struct kf_value digest_value(const struct kf_input_facts *facts)
{
    return facts->has_digest ? kf_blob(facts->sha256, KF_SHA256_SIZE) : kf_null();
}

static bool has_other_size(const struct kf_input_facts *was, const struct kf_input_facts *now)
{
    return was->has_size && now->has_size && was->size != now->size;
}

static bool has_other_digest(const struct kf_input_facts *was, const struct kf_input_facts *now)
{
    return was->has_digest &&
           (!now->has_digest || memcmp(was->sha256, now->sha256, KF_SHA256_SIZE) != 0);
}

/* That it is still what it was: a run that goes on reads nothing of another. */
static enum kf_status compare(uint64_t run, const struct kf_run_input *was,
                              const struct kf_input_news *news, struct kf_error *error)
{
    const struct kf_input_facts *now = &news->facts;
    unsigned long long id = (unsigned long long)run;

    if (strcmp(was->name, news->name) != 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, KF_RULE_RESUME,
                       "is input %llu now, where run %llu read %s: a file came or went",
                       (unsigned long long)news->index + 1, id, was->name);
    if (now->is_once || (!was->facts.has_size && !was->facts.has_digest))
        return KF_OK; /* what is gone cannot be compared */
    if (news->unreadable != NULL && !now->has_size)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, KF_RULE_RESUME,
                       "was read by run %llu, and now it %s", id, news->unreadable->text);
    if (has_other_size(&was->facts, now))
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, KF_RULE_RESUME,
                       "has changed since run %llu read it: it had %" PRIu64
                       " bytes, and has %" PRIu64 " now",
                       id, was->facts.size, now->size);
    if (has_other_digest(&was->facts, now))
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, KF_RULE_RESUME,
                       "has changed since run %llu read it: its SHA-256 is another now", id);
    return KF_OK;
}

static enum kf_status add_input(struct kf_store *store, uint64_t run,
                                const struct kf_input_news *news, uint64_t *id,
                                struct kf_error *error)
{
    struct kf_value values[] = {kf_integer((int64_t)run), kf_integer((int64_t)news->index),
                                kf_text(news->name), size_value(&news->facts),
                                digest_value(&news->facts)};
    int64_t added = 0;
    enum kf_status status = kf_store_execute(store, KF_SQL_INPUT_ADD, values,
                                             sizeof(values) / sizeof(values[0]), &added, error);

    *id = (uint64_t)added;
    return status;
}

/* What was not known before, that of a pipe. */
static enum kf_status complete(struct kf_store *store, const struct kf_run_input *was,
                               const struct kf_input_facts *now, struct kf_error *error)
{
    struct kf_value values[] = {size_value(now), digest_value(now), kf_integer((int64_t)was->id)};

    if (was->facts.has_digest || !now->has_digest)
        return KF_OK;
    return kf_store_execute(store, KF_SQL_INPUT_SET, values, 3, NULL, error);
}

enum kf_status kf_runs_input(struct kf_store *store, uint64_t run, const struct kf_input_news *news,
                             uint64_t *id, struct kf_error *error)
{
    struct kf_run_input was = {.name = NULL};
    bool own = false;
    enum kf_status status = find_input(store, run, news->index, &was, error);

    *id = was.id;
    if (status == KF_OK)
        status = compare(run, &was, news, error);
    else if (status == KF_END)
        status = KF_OK;
    if (status == KF_OK && (was.id == 0 || (!was.facts.has_digest && news->facts.has_digest))) {
        status = kf_change_begin(store, &own, error);
        if (status == KF_OK) {
            status = was.id == 0 ? add_input(store, run, news, id, error)
                                 : complete(store, &was, &news->facts, error);
            status = kf_change_end(store, own, status, error);
        }
    }
    kf_run_input_reset(&was);
    return status;
}

enum kf_status kf_runs_remark(struct kf_store *store, uint64_t id, const struct kf_remarks *remarks,
                              struct kf_error *error)
{
    char lines[KF_REMARKS_MOST * (sizeof(remarks->items[0].text) + 64)] = "";
    struct kf_value values[] = {kf_integer((int64_t)remarks->certificates), kf_null(),
                                kf_integer((int64_t)id)};
    size_t used = 0;

    for (size_t i = 0; i < remarks->count; i++) {
        const struct kf_remark *remark = &remarks->items[i];
        const char *rule = remark->rule;

        used += (size_t)snprintf(lines + used, sizeof(lines) - used, "%s%s%s%s%s",
                                 i != 0 ? "\n" : "", remark->text, rule != NULL ? " (" : "",
                                 rule != NULL ? rule : "", rule != NULL ? ")" : "");
    }
    if (remarks->count != 0)
        values[1] = kf_text(lines);
    return kf_store_execute(store, KF_SQL_INPUT_REMARK, values, 3, NULL, error);
}

struct kf_input_cursor {
    struct kf_store *store;
    struct kf_result *result;
};

enum kf_status kf_inputs_of(struct kf_store *store, uint64_t run, struct kf_input_cursor **out,
                            struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)run);
    struct kf_input_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL)
        return kf_fail_memory(error);
    cursor->store = store;
    if (kf_store_query(store, KF_SQL_INPUT_LIST, &value, 1, &cursor->result, error) != KF_OK) {
        free(cursor);
        return KF_FATAL;
    }
    *out = cursor;
    return KF_OK;
}

enum kf_status kf_inputs_next(struct kf_input_cursor *cursor, struct kf_run_input *input,
                              struct kf_error *error)
{
    enum kf_status status = kf_store_next(cursor->store, cursor->result, error);

    if (status == KF_OK)
        return read_input(cursor->result->columns, input, error);
    kf_run_input_reset(input);
    return status;
}

void kf_inputs_close(struct kf_input_cursor *cursor)
{
    if (cursor == NULL)
        return;
    kf_store_finish(cursor->store, cursor->result);
    free(cursor);
}

/* "position|name|size|sha256\n", the name escaped as audit entries have it. */
static enum kf_status make_line(const struct kf_run_input *input, struct kf_buf *line,
                                struct kf_error *error)
{
    const struct kf_input_facts *facts = &input->facts;
    char numbers[64];
    char digest[2 * KF_SHA256_SIZE + 1] = "";

    if (facts->has_digest)
        kf_hex(digest, facts->sha256, KF_SHA256_SIZE);
    kf_buf_clear(line);
    (void)snprintf(numbers, sizeof(numbers), "%" PRIu64 "|", input->index);
    if (kf_buf_append(line, numbers, strlen(numbers), error) != KF_OK ||
        kf_audit_escape(line, input->name, error) != KF_OK)
        return KF_FATAL;
    numbers[0] = '\0';
    if (facts->has_size)
        (void)snprintf(numbers, sizeof(numbers), "%" PRIu64, facts->size);
    if (kf_buf_append(line, "|", 1, error) != KF_OK ||
        kf_buf_append(line, numbers, strlen(numbers), error) != KF_OK ||
        kf_buf_append(line, "|", 1, error) != KF_OK ||
        kf_buf_append(line, digest, strlen(digest), error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(line, "\n", 1, error);
}

static enum kf_status hash_lines(struct kf_store *store, uint64_t run, EVP_MD_CTX *context,
                                 struct kf_error *error)
{
    struct kf_input_cursor *cursor = NULL;
    struct kf_run_input input = {.name = NULL};
    struct kf_buf line = KF_PUBLIC_BUF;
    enum kf_status status = kf_inputs_of(store, run, &cursor, error);

    while (status == KF_OK) {
        status = kf_inputs_next(cursor, &input, error);
        if (status == KF_OK)
            status = make_line(&input, &line, error);
        if (status == KF_OK && EVP_DigestUpdate(context, line.data, line.len) != 1)
            status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    }
    kf_buf_reset(&line);
    kf_run_input_reset(&input);
    kf_inputs_close(cursor);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_inputs_hash(struct kf_store *store, uint64_t run,
                              char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t hash[KF_SHA256_SIZE];
    enum kf_status status = KF_FATAL;

    if (context == NULL || EVP_DigestInit_ex2(context, store->crypto->sha256, NULL) != 1)
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_MEMORY, NULL, "out of memory");
    else
        status = hash_lines(store, run, context, error);
    if (status == KF_OK && EVP_DigestFinal_ex(context, hash, NULL) != 1)
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    if (status == KF_OK)
        kf_hex(out, hash, sizeof(hash));
    EVP_MD_CTX_free(context);
    return status;
}

/*
 * The reader of .epf profiles: docs/formats/epf.md.
 *
 * No specification of the format was ever published, and no name in it is trusted: the structure is
 * inferred (epf_text.c, epf_profile.c), the protection searched (epf_search.c), and a key accepted
 * only with proof (epf_prove.c). A profile is one item, so that several are searched side by side.
 * What does not open is one failed record that says what was recognized; never a guess, never part
 * of a key.
 */
#include "readers/epf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/secrets.h"
#include "readers/epf_order.h"

#define RSA_KEY                                                                                    \
    320 /* bytes: shorter is no RSA key that anybody uses, but may be one of another kind */

struct epf_item {
    struct kf_item base;
};

static enum kf_status load(struct kf_epf_reader *reader, struct kf_input *input,
                           struct kf_error *error)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_epf_profile *profile = &reader->profile;
    const struct kf_limits *limits = &reader->options.limits;
    enum kf_status status = kf_input_read_all(input, &bytes, KF_MAX_EPF, error);

    if (status == KF_OK)
        status = kf_epf_tokenize(kf_buf_slice(&bytes), limits, profile, error);
    if (status == KF_OK)
        status = kf_epf_classify(reader->options.crypto, limits, profile, error);
    if (status == KF_OK &&
        kf_epf_count_kind(profile, KF_EPF_IS_CERTIFICATE | KF_EPF_IS_ENCRYPTED) == 0)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                         "not a profile: neither a certificate nor an encrypted key is in it");
    kf_buf_reset(&bytes);
    return status;
}

static enum kf_status epf_open(struct kf_reader **out, struct kf_input *input,
                               const struct kf_reader_options *options, struct kf_error *error)
{
    struct kf_epf_reader *reader = calloc(1, sizeof(*reader));
    enum kf_status status;

    *out = NULL;
    if (reader == NULL)
        return kf_fail_memory(error);
    reader->options = *options;
    status = kf_epf_space_parse(options->epf_dialect, &reader->space, error);
    if (status == KF_OK)
        status = load(reader, input, error);
    if (status == KF_OK) {
        reader->outcomes = calloc(reader->profile.value_count + 1, sizeof(*reader->outcomes));
        status = reader->outcomes != NULL ? KF_OK : kf_fail_memory(error);
    }
    if (status != KF_OK) {
        kf_epf_profile_reset(&reader->profile);
        free(reader->outcomes);
        free(reader);
        return status;
    }
    reader->base = (struct kf_reader){.ops = &kf_reader_epf, .input = input};
    *out = &reader->base;
    return KF_OK;
}

static void epf_close(struct kf_reader *base)
{
    struct kf_epf_reader *reader = (struct kf_epf_reader *)base;

    if (reader == NULL)
        return;
    kf_epf_profile_reset(&reader->profile);
    free(reader->outcomes);
    kf_input_close(reader->base.input);
    free(reader);
}

static enum kf_status epf_next(struct kf_reader *base, struct kf_item **out, struct kf_error *error)
{
    struct kf_epf_reader *reader = (struct kf_epf_reader *)base;
    struct epf_item *item;

    *out = NULL;
    if (reader->was_given)
        return KF_END;
    item = calloc(1, sizeof(*item));
    if (item == NULL)
        return kf_fail_memory(error);
    reader->was_given = true;
    item->base = (struct kf_item){.ordinal = 1, .cost = 3 * reader->profile.joined.cap};
    *out = &item->base;
    return KF_OK;
}

static void epf_free_item(struct kf_item *item)
{
    free(item);
}

static size_t say(char *out, size_t size, size_t count, const char *one, const char *many)
{
    int len = snprintf(out, size, "%zu %s", count, count == 1 ? one : many);

    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* "2 certificates, 1 encrypted value ([A] b), 1 salt, count 1000" */
static void say_recognized(const struct kf_epf_profile *profile, char *out, size_t size)
{
    size_t certificates = kf_epf_count_kind(profile, KF_EPF_IS_CERTIFICATE);
    size_t encrypted = kf_epf_count_kind(profile, KF_EPF_IS_ENCRYPTED);
    size_t salts = kf_epf_count_kind(profile, KF_EPF_IS_SALT);
    uint64_t counts[KF_EPF_MAX_COUNTS];
    size_t count = kf_epf_order_counts(profile, counts);
    char where[64];
    size_t len = say(out, size, certificates, "certificate, ", "certificates, ");

    len += say(out + len, size - len, encrypted, "encrypted value", "encrypted values");
    for (size_t i = 0; i < profile->value_count && encrypted > 0; i++) {
        if ((profile->values[i].kinds & KF_EPF_IS_ENCRYPTED) == 0)
            continue;
        kf_epf_where(profile, &profile->values[i], where, sizeof(where));
        len +=
            (size_t)snprintf(out + len, size - len, encrypted == 1 ? " (%s)" : " (%s, ...)", where);
        break;
    }
    len += (size_t)snprintf(out + len, size - len, ", ");
    len += say(out + len, size - len, salts, "salt", "salts");
    for (size_t i = 0; i < count && i < 4; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%llu",
                                i == 0 ? (count > 1 ? ", counts " : ", count ") : ", ",
                                (unsigned long long)counts[i]);
}

/* Nothing opened: why, in one line. */
static void explain(const struct kf_epf_reader *reader, const struct kf_epf_search *search,
                    struct kf_error *why)
{
    const struct kf_epf_profile *profile = &reader->profile;
    size_t beyond = kf_epf_find_beyond(profile);
    size_t passwords = kf_secrets_password_count(reader->options.secrets);
    char recognized[288];
    char where[64];
    enum kf_cause cause = KF_CAUSE_SECRET;
    const char *text = "wrong password, or a variant that is not supported";

    say_recognized(profile, recognized, sizeof(recognized));
    if (beyond != SIZE_MAX) {
        kf_epf_where(profile, &profile->values[beyond], where, sizeof(where));
        (void)!kf_fail(why, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "%s: an iteration count of %llu is above the limit of %llu", where,
                       (unsigned long long)profile->values[beyond].number,
                       (unsigned long long)reader->options.limits.profile_count);
        kf_error_line(why, profile->values[beyond].line);
        return;
    }
    if (kf_epf_count_kind(profile, KF_EPF_IS_ENCRYPTED) == 0) {
        cause = KF_CAUSE_DATA;
        text = "no encrypted key was recognized";
    } else if (kf_epf_count_kind(profile, KF_EPF_IS_SALT) == 0) {
        cause = KF_CAUSE_UNSUPPORTED;
        text = "no salt was recognized: a variant that is not supported";
    } else if (passwords == 0) {
        text = "a password is needed";
    } else if (search->unproven > 0) {
        cause = KF_CAUSE_DATA;
        text = "a key decrypts, but belongs to no certificate of the profile";
    } else if (search->untried > 0) {
        text = "wrong password, or a variant that is not supported or too costly to search with so "
               "high a count";
    }
    (void)!kf_fail(why, KF_SKIP, cause, NULL, "%s; recognized: %s", text, recognized);
}

/* Tries the passwords in their order; *index is the one that opened something. */
static enum kf_status search_all(const struct kf_epf_reader *reader, struct kf_epf_search *search,
                                 size_t *index, struct kf_error *error)
{
    struct kf_secrets *secrets = reader->options.secrets;
    bool is_known = reader->options.epf_dialect != NULL;
    bool can_open = kf_epf_count_kind(&reader->profile, KF_EPF_IS_ENCRYPTED) > 0 &&
                    kf_epf_count_kind(&reader->profile, KF_EPF_IS_SALT) > 0;
    size_t last = kf_secrets_last(secrets);
    uint64_t before = 0;
    enum kf_status status = KF_END;

    for (size_t i = 0; i < kf_secrets_password_count(secrets) && can_open && status == KF_END;
         i++) {
        *index = kf_secrets_try(last, i);
        search->password = kf_buf_slice(&kf_secrets_password(secrets, *index)->bytes);
        before = search->cost;
        search->budget = before + (is_known ? KF_EPF_BUDGET_KNOWN : KF_EPF_BUDGET);
        status = kf_epf_search(search, &reader->space, kf_secrets_hint(secrets), error);
    }
    if (status == KF_OK) {
        kf_secrets_worked(secrets, *index);
        kf_secrets_set_hint(secrets, kf_epf_pack(&search->dialect));
    }
    return status;
}

static enum kf_status add_failed(const struct kf_epf_reader *reader,
                                 const struct kf_epf_value *value, const struct kf_error *why,
                                 struct kf_batch *batch, struct kf_error *error)
{
    struct kf_record *record = kf_batch_add(batch, error);

    if (record == NULL)
        return KF_FATAL;
    if (value != NULL) {
        kf_epf_where(&reader->profile, value, record->place, sizeof(record->place));
        record->line = value->line;
    }
    kf_record_decide(record, KF_FAILED, why);
    return KF_OK;
}

/* Whether a value that stayed closed may be a key: then it must be accounted for. */
static bool may_be_key(const struct kf_epf_reader *reader, const struct kf_epf_search *search,
                       const struct kf_epf_value *value)
{
    const struct kf_epf_profile *profile = &reader->profile;

    if (value->bytes.len >= RSA_KEY)
        return true;
    /* a short one may be the key of a certificate that is not RSA and that nothing has opened */
    for (size_t i = 0; i < profile->value_count; i++) {
        const struct kf_epf_value *other = &profile->values[i];
        bool is_taken = false;

        if ((other->kinds & KF_EPF_IS_CERTIFICATE) == 0 || other->facts.is_ca ||
            strncmp(other->facts.key_algorithm, "RSA", 3) == 0)
            continue;
        for (size_t j = 0; j < search->opened_count; j++)
            is_taken = is_taken || search->opened[j].certificate == i;
        if (!is_taken)
            return true;
    }
    return false;
}

static enum kf_status add_closed(const struct kf_epf_reader *reader,
                                 const struct kf_epf_search *search,
                                 const struct kf_epf_value *value, struct kf_batch *batch,
                                 struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    char name[KF_EPF_NAME_SIZE];

    if (!may_be_key(reader, search, value))
        return KF_OK;
    kf_epf_name(&search->dialect, name);
    (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_SECRET, NULL,
                   "an encrypted value of %zu bytes does not open as the other keys do (%s)",
                   value->bytes.len, name);
    kf_error_line(&why, value->line);
    return add_failed(reader, value, &why, batch, error);
}

/* Every encrypted value in the order of the file: opened, or told */
static enum kf_status make_records(const struct kf_epf_reader *reader, struct kf_epf_search *search,
                                   size_t secret, struct kf_batch *batch, struct kf_error *error)
{
    const struct kf_epf_profile *profile = &reader->profile;
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < profile->value_count && status == KF_OK; i++) {
        size_t at = 0;

        if ((profile->values[i].kinds & KF_EPF_IS_ENCRYPTED) == 0)
            continue;
        while (at < search->opened_count && search->opened[at].value != i)
            at++;
        if (at < search->opened_count)
            status = kf_epf_add_record(reader, search, &search->opened[at], secret, batch, error);
        else
            status = add_closed(reader, search, &profile->values[i], batch, error);
    }
    return status;
}

static void note_outcomes(const struct kf_epf_reader *reader, const struct kf_epf_search *search)
{
    /* the one thread that decodes the one item; describe reads it afterwards */
    struct kf_epf_outcome *outcomes = reader->outcomes;

    outcomes[reader->profile.value_count].is_opened = search->has_dialect;
    outcomes[reader->profile.value_count].dialect = search->dialect;
    for (size_t i = 0; i < search->opened_count; i++) {
        outcomes[search->opened[i].value].is_opened = true;
        outcomes[search->opened[i].value].certificate = search->opened[i].certificate;
    }
}

static enum kf_status epf_decode(const struct kf_reader *base, struct kf_item *item,
                                 struct kf_batch *batch, struct kf_error *error)
{
    const struct kf_epf_reader *reader = (const struct kf_epf_reader *)base;
    struct kf_epf_search search = {.crypto = reader->options.crypto, .profile = &reader->profile};
    size_t secret = 0;
    enum kf_status status;

    (void)item;
    status = search_all(reader, &search, &secret, error);
    note_outcomes(reader, &search);
    if (status == KF_OK) {
        status = make_records(reader, &search, secret, batch, error);
    } else if (status == KF_END) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};

        explain(reader, &search, &why);
        status = add_failed(reader, NULL, &why, batch, error);
    }
    kf_epf_search_reset(&search);
    return status == KF_OK ? KF_END : status;
}

static int epf_bid(struct kf_slice prefix)
{
    return kf_epf_bid(prefix);
}

const struct kf_reader_ops kf_reader_epf = {
    .name = "epf",
    .summary = "Entrust profiles and Outlook exports (.epf), variants found by trial and proof",
    .takes_password = true,
    .bid = epf_bid,
    .open = epf_open,
    .next = epf_next,
    .decode = epf_decode,
    .free_item = epf_free_item,
    .describe = kf_epf_describe,
    .close = epf_close,
};

/*
 * Passwords, encodings and budget: see pfx_password.h for the contract.
 */
#include "readers/pfx_password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT              32                   /* derived keys that are remembered */
#define EMPTY_PASSWORD    "the empty password" /* where the run gave none that is empty */
#define ITERATIONS_A_BYTE 16                   /* that a file may ask for beyond its budget */

struct kept_key {
    bool used;
    struct kf_pbe pbe; /* its slices live as long as the file */
    uint32_t candidate;
    enum kf_encoding encoding;
    struct kf_pbe_key key;
};

struct pfx_passwords {
    const struct kf_reader_options *options;
    uint64_t budget;
    uint64_t spent;
    size_t given;      /* candidates of the run */
    size_t candidates; /* with the empty one, which is added where the run has none */
    size_t first;      /* which of the given ones this search tries first */
    struct pfx_match last;
    enum kf_encoding last_encoding[2]; /* for derivations that want bytes, and that want BMP */
    bool has_last_encoding[2];
    struct kf_buf encoded; /* the password that is being tried */
    struct kf_buf kept;    /* struct kept_key[KEPT], secret */
    size_t next_kept;
};

static struct kept_key *kept_keys(const struct pfx_passwords *passwords)
{
    return (struct kept_key *)(void *)passwords->kept.data;
}

enum kf_status pfx_passwords_new(const struct kf_reader_options *options, size_t file_size,
                                 struct pfx_passwords **out, struct kf_error *error)
{
    struct pfx_passwords *passwords = calloc(1, sizeof(*passwords));
    uint64_t by_size = (uint64_t)file_size * ITERATIONS_A_BYTE;

    *out = passwords;
    if (passwords == NULL ||
        kf_buf_reserve(&passwords->kept, KEPT * sizeof(struct kept_key), error))
        return kf_fail_memory(error);
    memset(passwords->kept.data, 0, KEPT * sizeof(struct kept_key));
    passwords->kept.len = KEPT * sizeof(struct kept_key);
    passwords->options = options;
    passwords->budget = options->limits.file_iterations;
    if (by_size > passwords->budget)
        passwords->budget = by_size;
    if (options->secrets != NULL)
        passwords->given = kf_secrets_password_count(options->secrets);
    passwords->candidates = passwords->given + 1;
    for (size_t i = 0; i < passwords->given; i++) {
        if (kf_secrets_password(options->secrets, i)->bytes.len == 0)
            passwords->candidates = passwords->given;
    }
    return KF_OK;
}

void pfx_passwords_free(struct pfx_passwords *passwords)
{
    if (passwords == NULL)
        return;
    kf_buf_reset(&passwords->encoded);
    kf_buf_reset(&passwords->kept);
    free(passwords);
}

enum kf_status pfx_charge(struct pfx_passwords *passwords, uint64_t iterations,
                          struct kf_error *error)
{
    if (iterations > passwords->options->limits.derivation_iterations)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a key derivation of %llu iterations, more than the %llu that are allowed",
                       (unsigned long long)iterations,
                       (unsigned long long)passwords->options->limits.derivation_iterations);
    if (iterations > passwords->budget - passwords->spent)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "the file's key derivations need more than the %llu iterations that are "
                       "allowed in all",
                       (unsigned long long)passwords->budget);
    passwords->spent += iterations;
    return KF_OK;
}

static struct kf_slice candidate_bytes(const struct pfx_passwords *passwords, size_t candidate,
                                       bool *is_null)
{
    const struct kf_password *password;

    *is_null = false;
    if (candidate >= passwords->given)
        return (struct kf_slice){NULL, 0};
    password = kf_secrets_password(passwords->options->secrets, candidate);
    *is_null = password->is_null;
    return kf_buf_slice(&password->bytes);
}

/* The n-th attempt: what opened the last part first, in all encodings; then all candidates in the
 * likely encodings; then all in the others. KF_END: there are no more. */
static enum kf_status attempt_at(const struct pfx_passwords *passwords, bool bmp, size_t n,
                                 struct pfx_match *out)
{
    size_t likely;
    size_t count;
    const enum kf_encoding *order = kf_encoding_order(bmp, &likely, &count);
    size_t candidates = passwords->candidates;
    size_t place;

    *out = (struct pfx_match){.found = false};
    if (passwords->last.found) {
        if (n == 0 && !passwords->has_last_encoding[bmp])
            return KF_SKIP;
        out->candidate = passwords->last.candidate;
        if (n <= count) {
            out->encoding = n == 0 ? passwords->last_encoding[bmp] : order[n - 1];
            return n != 0 && passwords->has_last_encoding[bmp] &&
                           out->encoding == passwords->last_encoding[bmp]
                       ? KF_SKIP
                       : KF_OK;
        }
        n -= count + 1;
    }
    if (n < candidates * likely) {
        place = n / likely;
        out->encoding = order[n % likely];
    } else {
        n -= candidates * likely;
        if (n >= candidates * (count - likely))
            return KF_END;
        place = n / (count - likely);
        out->encoding = order[likely + n % (count - likely)];
    }
    if (place < passwords->given)
        place = kf_secrets_try(passwords->first, place);
    out->candidate = (uint32_t)place;
    return passwords->last.found && out->candidate == passwords->last.candidate ? KF_SKIP : KF_OK;
}

static void remember(struct pfx_passwords *passwords, bool bmp, const struct pfx_match *match)
{
    passwords->last = *match;
    passwords->last_encoding[bmp] = match->encoding;
    passwords->has_last_encoding[bmp] = true;
    if (match->candidate < passwords->given)
        kf_secrets_worked(passwords->options->secrets, match->candidate);
}

static enum kf_status none_fits(const struct pfx_passwords *passwords, size_t tried, bool exhausted,
                                struct kf_error *error)
{
    if (exhausted)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL,
                       "wrong password: none of the %zu attempts fits that the file's budget of "
                       "%llu iterations allows",
                       tried, (unsigned long long)passwords->budget);
    if (passwords->given == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "a password is needed");
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "wrong password: none of %zu fits",
                   passwords->given);
}

enum kf_status pfx_search(struct pfx_passwords *passwords, bool bmp, pfx_attempt *attempt,
                          void *context, struct pfx_match *match, struct kf_error *error)
{
    size_t tried = 0;
    bool exhausted = false;
    bool fits = false;
    enum kf_status status = KF_OK;

    *match = (struct pfx_match){.found = false};
    if (passwords->given != 0)
        passwords->first = kf_secrets_last(passwords->options->secrets);
    for (size_t n = 0; !fits && !exhausted; n++) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};
        struct kf_slice bytes;
        bool is_null;

        status = attempt_at(passwords, bmp, n, match);
        if (status == KF_END)
            break;
        if (status == KF_SKIP)
            continue;
        bytes = candidate_bytes(passwords, match->candidate, &is_null);
        status =
            kf_encoding_apply(match->encoding, bmp, bytes, is_null, &passwords->encoded, error);
        if (status == KF_END)
            continue;
        if (status == KF_OK)
            status = attempt(context, match, kf_buf_slice(&passwords->encoded), &fits, &why);
        if (status == KF_SKIP && why.cause == KF_CAUSE_LIMIT && tried != 0) {
            exhausted = true;
        } else if (status != KF_OK) {
            if (error != NULL && error->cause == KF_CAUSE_NONE)
                *error = why;
            break;
        } else {
            tried++;
        }
    }
    kf_buf_clear(&passwords->encoded);
    match->found = fits;
    if (fits)
        remember(passwords, bmp, match);
    else if (status == KF_OK || status == KF_END || exhausted)
        status = none_fits(passwords, tried, exhausted, error);
    return fits ? KF_OK : status;
}

enum kf_status pfx_derive(struct pfx_passwords *passwords, const struct kf_pbe *pbe,
                          const struct pfx_match *match, struct kf_slice bytes,
                          struct kf_pbe_key *key, struct kf_error *error)
{
    struct kept_key *kept = kept_keys(passwords);
    enum kf_status status;

    for (size_t i = 0; i < KEPT; i++) {
        if (kept[i].used && kept[i].candidate == match->candidate &&
            kept[i].encoding == match->encoding && kf_pbe_same_key(&kept[i].pbe, pbe)) {
            *key = kept[i].key;
            return KF_OK;
        }
    }
    status = kf_pbe_within(pbe, &passwords->options->limits, error);
    if (status == KF_OK)
        status = pfx_charge(passwords, kf_pbe_cost(pbe), error);
    if (status == KF_OK)
        status = kf_pbe_derive(passwords->options->crypto, pbe, bytes, &passwords->options->limits,
                               key, error);
    if (status != KF_OK)
        return status;
    kept[passwords->next_kept] =
        (struct kept_key){true, *pbe, match->candidate, match->encoding, *key};
    passwords->next_kept = (passwords->next_kept + 1) % KEPT;
    return KF_OK;
}

void pfx_match_text(const struct pfx_passwords *passwords, const struct pfx_match *match, char *out,
                    size_t size)
{
    const char *label = EMPTY_PASSWORD;

    (void)snprintf(out, size, "%s", "");
    if (passwords == NULL || !match->found)
        return;
    if (match->candidate < passwords->given)
        label = kf_secrets_password(passwords->options->secrets, match->candidate)->label;
    (void)snprintf(out, size, "%s, %s", label, kf_encoding_name(match->encoding));
}

enum kf_status pfx_match_tell(const struct pfx_passwords *passwords, const struct pfx_match *match,
                              struct kf_record *record, struct kf_error *error)
{
    if (!match->found)
        return KF_OK;
    record->password_encoding = kf_encoding_name(match->encoding);
    if (match->candidate < passwords->given)
        return kf_secrets_tell(passwords->options->secrets, match->candidate, record, error);
    free(record->password);
    record->password = kf_strndup(EMPTY_PASSWORD, strlen(EMPTY_PASSWORD));
    return record->password != NULL ? KF_OK : kf_fail_memory(error);
}

size_t pfx_password_count(const struct pfx_passwords *passwords)
{
    return passwords->given;
}

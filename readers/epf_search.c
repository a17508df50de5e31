/*
 * The walk over the dialects of a profile: see epf_search.h.
 *
 * What costs is the derivation, and it does not depend on the encrypted value, the cipher or the
 * encoding. So for each salt and way to derive there is one walk that passes through all counts in
 * rising order, and at each count every cipher is tried on every value. The second digest is walked
 * only where a key is longer than the first, or where a key seems right and wants its IV.
 */
#include "readers/epf_search.h"

#include <stdlib.h>
#include <string.h>

#include "readers/epf_order.h"
#include "readers/epf_parallel.h"

#define GROUP_SALTS 4
#define AT_ONCE     2 /* pairs that are walked side by side: up to four threads */
#define HINT_SALTS  2 /* that a dialect of another file is tried with first */
#define WAYS        4 /* TOTAL, REPEAT, BEFORE, AFTER: what a walk can be */

/* A salt in one of its forms, under one digest and one way to apply the count. */
struct pair {
    struct kf_epf_walk first;
    struct kf_epf_walk second;
    uint8_t form;
    bool needs_second; /* for the key of a cipher that will be tried */
    bool is_dead;      /* would have cost too much */
};

/* Salts that are tried together: of one section. */
struct group {
    size_t salts[GROUP_SALTS]; /* indexes of values */
    size_t salt_count;
    size_t section;
    bool has_encrypted;                  /* the section holds encrypted values as well */
    struct kf_buf bases[GROUP_SALTS][2]; /* password, salt in its form, 1 */
    struct kf_buf memory;                /* of the pairs */
    struct pair *pairs;
    size_t pair_count;
};

struct scan {
    struct kf_epf_search *search;
    const struct kf_epf_space *space;
    struct kf_epf_attempt attempt;
    const uint64_t *counts; /* rising */
    size_t count_count;
    bool stop_at_first;
};

static const size_t ways[WAYS] = {KF_EPF_TOTAL, KF_EPF_REPEAT, KF_EPF_BEFORE, KF_EPF_AFTER};

/* REPEAT has no such neighbour in the table */
static bool has_extra(size_t way)
{
    return way != KF_EPF_REPEAT;
}

bool kf_epf_is_opened(const struct kf_epf_search *search, size_t value)
{
    for (size_t i = 0; i < search->opened_count; i++) {
        if (search->opened[i].value == value)
            return true;
    }
    return false;
}

void kf_epf_search_reset(struct kf_epf_search *search)
{
    if (search == NULL)
        return;
    for (size_t i = 0; i < search->opened_count; i++)
        kf_buf_reset(&search->opened[i].pkcs8);
    free(search->opened);
    search->opened = NULL;
    search->opened_count = 0;
}

/* Whether the section, or the whole profile, has an encrypted value that is still closed. */
static bool has_closed(const struct kf_epf_search *search, const size_t *section)
{
    const struct kf_epf_profile *profile = search->profile;

    for (size_t i = 0; i < profile->value_count; i++) {
        if ((profile->values[i].kinds & KF_EPF_IS_ENCRYPTED) != 0 &&
            (section == NULL || profile->values[i].section == *section) &&
            !kf_epf_is_opened(search, i))
            return true;
    }
    return false;
}

static void cut(const struct pair *pair, const struct kf_epf_dialect *dialect, bool with_second,
                struct kf_epf_key *key, enum kf_status *status, struct kf_error *error)
{
    uint8_t first[KF_HASH_MAX_SIZE];
    uint8_t second[KF_HASH_MAX_SIZE];

    *status = kf_epf_walk_value(&pair->first, first, error);
    if (*status == KF_OK && with_second)
        *status = kf_epf_walk_value(&pair->second, second, error);
    if (*status == KF_OK)
        kf_epf_cut(dialect, first, with_second ? second : NULL, key);
    kf_wipe(first, sizeof(first));
    kf_wipe(second, sizeof(second));
}

/* Walks the second digest to where the first stands. */
static enum kf_status catch_up(struct kf_epf_search *search, struct pair *pair,
                               struct kf_error *error)
{
    if (pair->second.done >= pair->first.done)
        return KF_OK;
    search->cost += kf_epf_walk_cost(&pair->second, pair->first.done);
    return kf_epf_walk_to(&pair->second, pair->first.done, error);
}

/* One value under one cipher and one end of the second digest. KF_END: it stays closed. */
static enum kf_status try_key(struct scan *scan, struct pair *pair, size_t value,
                              struct kf_epf_dialect *dialect, struct kf_error *error)
{
    struct kf_epf_search *search = scan->search;
    size_t digest = dialect->at[KF_EPF_DIGEST];
    size_t cipher = dialect->at[KF_EPF_CIPHER];
    bool for_key = kf_epf_key_needs_second(digest, cipher);
    bool for_iv = kf_epf_iv_needs_second(digest, cipher);
    struct kf_epf_key key;
    bool fits = false;
    enum kf_status status = KF_OK;

    if (for_key)
        status = catch_up(search, pair, error);
    if (status == KF_OK)
        cut(pair, dialect, for_key, &key, &status, error);
    if (status == KF_OK)
        status = kf_epf_probe(search, &scan->attempt, value, cipher, &key, &fits, error);
    if (status == KF_OK && fits && for_iv) {
        status = catch_up(search, pair, error);
        if (status == KF_OK)
            cut(pair, dialect, true, &key, &status, error);
    }
    if (status == KF_OK)
        status =
            fits ? kf_epf_prove(search, &scan->attempt, value, scan->space, dialect, &key, error)
                 : KF_END;
    kf_wipe(&key, sizeof(key));
    return status;
}

/* One value under every cipher. */
static enum kf_status try_value(struct scan *scan, struct pair *pair, size_t value,
                                struct kf_epf_dialect *dialect, struct kf_error *error)
{
    size_t digest = dialect->at[KF_EPF_DIGEST];

    for (size_t cipher = 0; cipher < kf_epf_values(KF_EPF_CIPHER); cipher++) {
        if (!kf_epf_space_has(scan->space, KF_EPF_CIPHER, cipher) ||
            !kf_epf_is_possible(digest, cipher))
            continue;
        dialect->at[KF_EPF_CIPHER] = (uint8_t)cipher;
        for (size_t rest = 0; rest < kf_epf_values(KF_EPF_REST); rest++) {
            enum kf_status status;

            /* where the second digest is not used, its ends are the same */
            if (rest > 0 && !kf_epf_iv_needs_second(digest, cipher))
                break;
            if (!kf_epf_space_has(scan->space, KF_EPF_REST, rest) &&
                kf_epf_iv_needs_second(digest, cipher))
                continue;
            dialect->at[KF_EPF_REST] = (uint8_t)rest;
            status = try_key(scan, pair, value, dialect, error);
            if (status != KF_END)
                return status;
        }
    }
    return KF_END;
}

/* All that is closed, with a pair where it stands. */
static enum kf_status try_pair(struct scan *scan, struct pair *pair, size_t count_value,
                               struct kf_error *error)
{
    struct kf_epf_search *search = scan->search;
    const struct kf_epf_profile *profile = search->profile;

    if (!kf_epf_space_has(scan->space, KF_EPF_COUNT, count_value))
        return KF_OK;
    for (size_t i = 0; i < profile->value_count && search->cost < search->budget; i++) {
        struct kf_epf_dialect dialect = {{0}};
        enum kf_status status;

        if ((profile->values[i].kinds & KF_EPF_IS_ENCRYPTED) == 0 || kf_epf_is_opened(search, i))
            continue;
        dialect.at[KF_EPF_DIGEST] = (uint8_t)pair->first.digest;
        dialect.at[KF_EPF_COUNT] = (uint8_t)count_value;
        dialect.at[KF_EPF_SALT] = pair->form;
        status = try_value(scan, pair, i, &dialect, error);
        if (status == KF_FATAL)
            return KF_FATAL;
        if (status == KF_OK && !search->has_dialect) {
            search->has_dialect = true;
            search->dialect = dialect;
        }
    }
    return KF_OK;
}

/*
 * Walks the next pairs of one way to a count, as far as the work that is left allows: few at a
 * time, so that the first dialects do not wait for the last. *at moves on to the pair after them.
 */
static enum kf_status advance(struct scan *scan, struct group *group, size_t way, uint64_t to,
                              size_t *at, struct kf_error *error)
{
    struct kf_epf_walk *walks[2 * AT_ONCE];
    struct kf_epf_search *search = scan->search;
    uint64_t total = 0;
    size_t count = 0;
    size_t pairs = 0;

    for (; *at < group->pair_count && pairs < AT_ONCE; ++*at) {
        struct pair *pair = &group->pairs[*at];
        uint64_t cost;

        if (pair->first.count != way || pair->is_dead)
            continue;
        cost = kf_epf_walk_cost(&pair->first, to);
        cost += pair->needs_second ? kf_epf_walk_cost(&pair->second, to) : 0;
        pair->is_dead = search->cost + cost > search->budget;
        if (pair->is_dead) {
            search->untried++;
            continue;
        }
        search->cost += cost;
        total += cost;
        pairs++;
        walks[count++] = &pair->first;
        if (pair->needs_second)
            walks[count++] = &pair->second;
    }
    return kf_epf_walk_all(walks, count, to, total, error);
}

static bool is_over(const struct scan *scan, const struct group *group)
{
    const struct kf_epf_search *search = scan->search;

    return search->cost >= search->budget || (scan->stop_at_first && search->opened_count > 0) ||
           !has_closed(search, NULL) ||
           (group->has_encrypted && !has_closed(search, &group->section));
}

/* One way to apply a count. value is what the table calls it. */
static enum kf_status try_step(struct scan *scan, struct group *group, size_t way, size_t value,
                               uint64_t count, struct kf_error *error)
{
    for (size_t from = 0, to = 0; from < group->pair_count && !is_over(scan, group); from = to) {
        if (advance(scan, group, way, count, &to, error) != KF_OK)
            return KF_FATAL;
        for (size_t i = from; i < to && !is_over(scan, group); i++) {
            struct pair *pair = &group->pairs[i];

            if (pair->first.count == way && !pair->is_dead &&
                try_pair(scan, pair, value, error) != KF_OK)
                return KF_FATAL;
        }
    }
    return KF_OK;
}

/* The same, and its neighbour with one step more */
static enum kf_status try_way(struct scan *scan, struct group *group, size_t way, uint64_t count,
                              struct kf_error *error)
{
    for (size_t step = 0; step <= (has_extra(way) ? 1u : 0u); step++) {
        if (kf_epf_space_has(scan->space, KF_EPF_COUNT, way + step) &&
            try_step(scan, group, way, way + step, count + step, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* Whether any cipher of the space has a key that the first digest is too short for. */
static bool needs_second(const struct kf_epf_space *space, size_t digest)
{
    for (size_t cipher = 0; cipher < kf_epf_values(KF_EPF_CIPHER); cipher++) {
        if (kf_epf_space_has(space, KF_EPF_CIPHER, cipher) && kf_epf_is_possible(digest, cipher) &&
            kf_epf_key_needs_second(digest, cipher))
            return true;
    }
    return false;
}

/* The password, the salt in one form, and the 1 of the second digest */
static enum kf_status make_base(const struct scan *scan, const struct kf_epf_value *salt,
                                size_t form, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice password = scan->search->password;
    struct kf_slice bytes = form == KF_EPF_TEXT ? salt->text : kf_buf_slice(&salt->bytes);

    if (kf_buf_reserve(out, password.len + bytes.len + 1, error) != KF_OK ||
        kf_buf_append(out, password.data, password.len, error) != KF_OK ||
        kf_buf_append(out, bytes.data, bytes.len, error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(out, "\1", 1, error);
}

static void add_pair(struct scan *scan, struct group *group, const struct kf_buf *base, size_t form,
                     size_t digest, size_t way)
{
    const struct kf_crypto *crypto = scan->search->crypto;
    struct pair *pair = &group->pairs[group->pair_count++];

    pair->form = (uint8_t)form;
    pair->is_dead = false;
    pair->needs_second = needs_second(scan->space, digest);
    kf_epf_walk_begin(&pair->first, crypto, digest, way,
                      (struct kf_slice){base->data, base->len - 1});
    kf_epf_walk_begin(&pair->second, crypto, digest, way, kf_buf_slice(base));
}

static void end_group(struct group *group)
{
    for (size_t i = 0; i < group->pair_count; i++) {
        kf_epf_walk_end(&group->pairs[i].first);
        kf_epf_walk_end(&group->pairs[i].second);
    }
    kf_buf_reset(&group->memory);
    for (size_t i = 0; i < GROUP_SALTS; i++) {
        kf_buf_reset(&group->bases[i][KF_EPF_TEXT]);
        kf_buf_reset(&group->bases[i][KF_EPF_RAW]);
    }
}

static enum kf_status begin_group(struct scan *scan, struct group *group, struct kf_error *error)
{
    const struct kf_epf_value *values = scan->search->profile->values;
    size_t digests = kf_epf_values(KF_EPF_DIGEST);

    /* what leads to keys lives in wiped memory */
    if (kf_buf_reserve(&group->memory, group->salt_count * 2 * digests * WAYS * sizeof(struct pair),
                       error) != KF_OK)
        return KF_FATAL;
    group->pairs = (struct pair *)(void *)group->memory.data;
    for (size_t form = 0; form < 2; form++) {
        if (!kf_epf_space_has(scan->space, KF_EPF_SALT, form))
            continue;
        for (size_t i = 0; i < group->salt_count; i++) {
            struct kf_buf *base = &group->bases[i][form];

            if (make_base(scan, &values[group->salts[i]], form, base, error) != KF_OK)
                return KF_FATAL;
            for (size_t j = 0; j < digests * WAYS; j++) {
                if (kf_epf_space_has(scan->space, KF_EPF_DIGEST, j / WAYS))
                    add_pair(scan, group, base, form, j / WAYS, ways[j % WAYS]);
            }
        }
    }
    return KF_OK;
}

static enum kf_status try_group(struct scan *scan, struct group *group, struct kf_error *error)
{
    enum kf_status status = begin_group(scan, group, error);

    for (size_t i = 0; i < scan->count_count && status == KF_OK; i++) {
        for (size_t j = 0; j < WAYS && status == KF_OK && !is_over(scan, group); j++)
            status = try_way(scan, group, ways[j], scan->counts[i], error);
    }
    end_group(group);
    return status;
}

/* Salts in their order, some of one section at a time. */
static enum kf_status scan_salts(struct scan *scan, const size_t *salts, size_t count,
                                 struct kf_error *error)
{
    const struct kf_epf_profile *profile = scan->search->profile;

    for (size_t i = 0; i < count;) {
        struct group group = {.section = profile->values[salts[i]].section};

        for (size_t j = 0; j < profile->value_count; j++) {
            if ((profile->values[j].kinds & KF_EPF_IS_ENCRYPTED) != 0 &&
                profile->values[j].section == group.section)
                group.has_encrypted = true;
        }
        while (i < count && group.salt_count < GROUP_SALTS &&
               profile->values[salts[i]].section == group.section)
            group.salts[group.salt_count++] = salts[i++];
        if (is_over(scan, &group))
            continue;
        if (try_group(scan, &group, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* As the first key was derived, under any cipher */
static struct kf_epf_space like_the_first(const struct kf_epf_search *search,
                                          const struct kf_epf_space *space)
{
    static const enum kf_epf_dimension same[] = {KF_EPF_DIGEST, KF_EPF_COUNT, KF_EPF_SALT};
    struct kf_epf_space narrow = *space;

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        narrow.allowed[same[i]] = UINT32_C(1) << search->dialect.at[same[i]];
    return narrow;
}

/* The hint alone, as far as the space has it; false where it has not. */
static bool only_hint(uint32_t hint, const struct kf_epf_space *space, struct kf_epf_space *out)
{
    struct kf_epf_dialect dialect;

    if (!kf_epf_unpack(hint, &dialect))
        return false;
    for (size_t i = 0; i < KF_EPF_DIMENSIONS; i++) {
        out->allowed[i] = space->allowed[i] & UINT32_C(1) << dialect.at[i];
        if (out->allowed[i] == 0)
            return false;
    }
    return true;
}

static enum kf_status scan_all(struct scan *scan, const struct kf_epf_space *space, uint32_t hint,
                               const size_t *salts, size_t salt_count, struct kf_error *error)
{
    struct kf_epf_space narrow;
    enum kf_status status = KF_OK;

    scan->stop_at_first = true;
    if (only_hint(hint, space, &narrow)) {
        scan->space = &narrow;
        status = scan_salts(scan, salts, salt_count < HINT_SALTS ? salt_count : HINT_SALTS, error);
    }
    if (status == KF_OK && scan->search->opened_count == 0) {
        scan->space = space;
        status = scan_salts(scan, salts, salt_count, error);
    }
    scan->space = space;
    if (status != KF_OK || scan->search->opened_count == 0)
        return status == KF_OK ? KF_END : status;
    scan->stop_at_first = false;
    scan->search->budget += KF_EPF_BUDGET_KNOWN;
    scan->search->untried = 0;
    narrow = like_the_first(scan->search, space);
    scan->space = &narrow;
    status = scan_salts(scan, salts, salt_count, error);
    scan->space = space; /* narrow ends here */
    return status;
}

enum kf_status kf_epf_search(struct kf_epf_search *search, const struct kf_epf_space *space,
                             uint32_t hint, struct kf_error *error)
{
    const struct kf_epf_profile *profile = search->profile;
    struct scan scan = {.search = search};
    uint64_t counts[KF_EPF_MAX_COUNTS];
    size_t *salts = calloc(profile->value_count + 1, sizeof(*salts));
    size_t largest = 0;
    enum kf_status status = KF_FATAL;

    scan.attempt.context = EVP_CIPHER_CTX_new();
    if (salts == NULL || scan.attempt.context == NULL) {
        status = kf_fail_memory(error);
        goto out;
    }
    for (size_t i = 0; i < profile->value_count; i++) {
        if ((profile->values[i].kinds & KF_EPF_IS_ENCRYPTED) != 0 &&
            profile->values[i].bytes.len > largest)
            largest = profile->values[i].bytes.len;
    }
    if (kf_buf_reserve(&scan.attempt.plain, largest + 1, error) != KF_OK ||
        kf_buf_reserve(&scan.attempt.pkcs8, largest + 64, error) != KF_OK)
        goto out;
    scan.counts = counts;
    scan.count_count = kf_epf_order_counts(profile, counts);
    status = scan_all(&scan, space, hint, salts, kf_epf_order_salts(profile, salts), error);
out:
    kf_buf_reset(&scan.attempt.pkcs8);
    kf_buf_reset(&scan.attempt.plain);
    EVP_CIPHER_CTX_free(scan.attempt.context);
    free(salts);
    return status;
}

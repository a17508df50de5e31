/*
 * The order of salts and counts: see epf_order.h.
 */
#include "readers/epf_order.h"

#include <stdlib.h>
#include <string.h>

/* Whether a section has a value of one of these kinds. */
static bool section_has(const struct kf_epf_profile *profile, size_t section, unsigned kinds)
{
    for (size_t i = 0; i < profile->value_count; i++) {
        if (profile->values[i].section == section && (profile->values[i].kinds & kinds) != 0)
            return true;
    }
    return false;
}

/* Less is more like a salt: an even number of bytes, and neither a word nor hex digits. */
static unsigned strangeness(const struct kf_epf_value *value)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    size_t len = value->bytes.len;
    unsigned strange = len == 8 || len == 16 || len == 20 || len == 32 ? 0 : 2;
    bool is_word = true;
    bool is_hex = true;

    for (size_t i = 0; i < value->text.len; i++) {
        uint8_t c = value->text.data[i];

        is_word = is_word && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z' && i == 0));
        is_hex = is_hex && memchr(hex, c, sizeof(hex) - 1) != NULL;
    }
    return strange + (is_word || is_hex ? 4 : 0);
}

struct ranked {
    size_t index;
    size_t section;
    bool is_apart; /* from every encrypted value */
    unsigned strange;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *one = a;
    const struct ranked *two = b;

    if (one->is_apart != two->is_apart)
        return one->is_apart ? 1 : -1;
    if (one->section != two->section)
        return one->section < two->section ? -1 : 1;
    if (one->strange != two->strange)
        return one->strange < two->strange ? -1 : 1;
    return one->index < two->index ? -1 : 1;
}

size_t kf_epf_order_salts(const struct kf_epf_profile *profile, size_t *out)
{
    struct ranked *ranked = calloc(profile->value_count + 1, sizeof(*ranked));
    size_t count = 0;

    for (size_t i = 0; i < profile->value_count; i++) {
        const struct kf_epf_value *value = &profile->values[i];

        if ((value->kinds & KF_EPF_IS_SALT) == 0)
            continue;
        out[count] = i;
        if (ranked != NULL)
            ranked[count] = (struct ranked){
                .index = i,
                .section = value->section,
                .is_apart = !section_has(profile, value->section, KF_EPF_IS_ENCRYPTED),
                .strange = strangeness(value),
            };
        count++;
    }
    if (ranked == NULL)
        return count; /* out of memory: in file order */
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    for (size_t i = 0; i < count; i++)
        out[i] = ranked[i].index;
    free(ranked);
    return count;
}

static bool has_number(const uint64_t *numbers, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t two = *(const uint64_t *)b;

    return one < two ? -1 : one > two ? 1 : 0;
}

size_t kf_epf_order_counts(const struct kf_epf_profile *profile, uint64_t out[KF_EPF_MAX_COUNTS])
{
    size_t count = 1;

    out[0] = 1;
    for (int near = 1; near >= 0; near--) {
        for (size_t i = 0; i < profile->value_count && count < KF_EPF_MAX_COUNTS; i++) {
            const struct kf_epf_value *value = &profile->values[i];

            if ((value->kinds & KF_EPF_IS_COUNT) == 0 || has_number(out, count, value->number))
                continue;
            if (near == 0 ||
                section_has(profile, value->section, KF_EPF_IS_SALT | KF_EPF_IS_ENCRYPTED))
                out[count++] = value->number;
        }
    }
    qsort(out, count, sizeof(*out), compare_numbers);
    return count;
}

size_t kf_epf_find_beyond(const struct kf_epf_profile *profile)
{
    for (size_t i = 0; i < profile->value_count; i++) {
        const struct kf_epf_value *value = &profile->values[i];

        if ((value->kinds & KF_EPF_IS_BEYOND) != 0 &&
            section_has(profile, value->section, KF_EPF_IS_SALT | KF_EPF_IS_ENCRYPTED) &&
            !section_has(profile, value->section, KF_EPF_IS_COUNT))
            return i;
    }
    return SIZE_MAX;
}

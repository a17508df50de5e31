/*
 * What the values of a profile are: see epf_profile.h.
 *
 * A value can be continued under a name of its own ("_continue_" is what some software writes). No
 * name is believed: it is such a name where a certificate is whole only with the values that bear
 * it.
 */
#include "readers/epf_profile.h"

#include <stdio.h>
#include <string.h>

#include "core/der.h"
#include "crypto/cert.h"

#define MIN_ENCRYPTED 48 /* bytes: an Ed25519 key as PKCS #8 */
#define MIN_SALT      8
#define MAX_SALT      32

/* The bytes of base64; false where it is none. KF_FATAL does not occur but for memory. */
static enum kf_status decode(struct kf_slice text, struct kf_buf *out, bool *is_base64,
                             struct kf_error *error)
{
    enum kf_status status;

    kf_buf_clear(out);
    *is_base64 = false;
    if (text.len < 4 || text.len % 4 != 0)
        return KF_OK;
    status = kf_base64_decode(out, text, NULL);
    if (status == KF_FATAL)
        return kf_fail_memory(error);
    *is_base64 = status == KF_OK;
    return KF_OK;
}

/* Bytes of the DER SEQUENCE that begins here, by its header; 0 where none does. */
static size_t sequence_size(struct kf_slice bytes)
{
    size_t digits;
    size_t len = 0;

    if (bytes.len < 5 || bytes.data[0] != KF_DER_SEQUENCE)
        return 0;
    if (bytes.data[1] < 0x80)
        return bytes.data[1] + 2u;
    digits = bytes.data[1] & 0x7fu;
    if (digits < 1 || digits > 3)
        return 0;
    for (size_t i = 0; i < digits; i++)
        len = len << 8 | bytes.data[2 + i];
    return len + 2 + digits;
}

static bool same_name(const struct kf_epf_value *a, const struct kf_epf_value *b)
{
    return a->section == b->section && a->name.len == b->name.len &&
           (a->name.len == 0 || memcmp(a->name.data, b->name.data, a->name.len) == 0);
}

/*
 * Whether the value at index is a certificate only together with those after it that share a name.
 * Then *with is the first of these.
 */
static enum kf_status find_continued(const struct kf_crypto *crypto,
                                     const struct kf_epf_profile *profile, size_t index,
                                     const struct kf_epf_value **with, struct kf_error *error)
{
    const struct kf_epf_value *values = profile->values;
    struct kf_slice text = values[index].text;
    struct kf_slice head = {text.data, text.len < 8 ? 0 : 8};
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_cert_facts facts = {.sha1 = {0}};
    bool is_base64 = false;
    size_t want = 0;
    enum kf_status status = decode(head, &bytes, &is_base64, error);

    *with = NULL;
    if (status == KF_OK && is_base64)
        want = sequence_size(kf_buf_slice(&bytes));
    if (want > KF_MAX_CERTIFICATE || want <= text.len / 4 * 3)
        goto out; /* none, or not continued */
    for (size_t i = index + 1; i < profile->value_count && text.len < (want + 2) / 3 * 4; i++) {
        if (!same_name(&values[i], &values[index + 1]))
            break;
        text.len += values[i].text.len; /* they stand side by side in joined */
    }
    status = decode(text, &bytes, &is_base64, error);
    if (status != KF_OK || !is_base64 || bytes.len != want)
        goto out;
    status = kf_cert_parse(crypto, kf_buf_slice(&bytes), &facts, NULL);
    if (status == KF_OK)
        *with = &values[index + 1];
    status = status == KF_FATAL ? kf_fail_memory(error) : KF_OK;
out:
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&bytes);
    return status;
}

/* Joins each value of that name to the one before it. */
static void join_all(struct kf_epf_profile *profile, struct kf_slice name)
{
    size_t kept = 0;

    for (size_t i = 0; i < profile->value_count; i++) {
        struct kf_epf_value *value = &profile->values[i];
        bool is_named = value->name.len == name.len &&
                        (name.len == 0 || memcmp(value->name.data, name.data, name.len) == 0);

        if (is_named && kept > 0 && profile->values[kept - 1].section == value->section) {
            profile->values[kept - 1].text.len += value->text.len;
            continue;
        }
        if (kept != i)
            profile->values[kept] = *value;
        kept++;
    }
    profile->value_count = kept;
}

static enum kf_status join_continued(const struct kf_crypto *crypto, struct kf_epf_profile *profile,
                                     struct kf_error *error)
{
    const struct kf_epf_value *with = NULL;

    for (size_t i = 0; i + 1 < profile->value_count && with == NULL; i++) {
        if (find_continued(crypto, profile, i, &with, error) != KF_OK)
            return KF_FATAL;
    }
    if (with != NULL)
        join_all(profile, with->name);
    return KF_OK;
}

static void classify_number(struct kf_epf_value *value, const struct kf_limits *limits)
{
    char digits[24];
    size_t len = value->text.len;

    for (size_t i = 0; i < len; i++) {
        if (value->text.data[i] < '0' || value->text.data[i] > '9')
            return;
    }
    if (len == 0)
        return;
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)(len < 20 ? len : 20),
                   (const char *)value->text.data);
    if (len >= 20 || !kf_parse_u64(digits, UINT64_MAX, &value->number))
        value->number = UINT64_MAX;
    if (value->number > limits->profile_count)
        value->kinds |= KF_EPF_IS_BEYOND;
    else if (value->number > 0)
        value->kinds |= KF_EPF_IS_COUNT;
}

static enum kf_status classify(const struct kf_crypto *crypto, const struct kf_limits *limits,
                               struct kf_epf_value *value, struct kf_error *error)
{
    bool is_base64 = false;
    size_t len;

    classify_number(value, limits);
    if (decode(value->text, &value->bytes, &is_base64, error) != KF_OK)
        return KF_FATAL;
    len = is_base64 ? value->bytes.len : 0;
    if (len >= MIN_SALT && len <= MAX_SALT)
        value->kinds |= KF_EPF_IS_SALT;
    if (len >= MIN_ENCRYPTED && len <= KF_MAX_CERTIFICATE &&
        kf_der_is_single(kf_buf_slice(&value->bytes), KF_DER_SEQUENCE)) {
        enum kf_status status =
            kf_cert_parse(crypto, kf_buf_slice(&value->bytes), &value->facts, NULL);

        if (status == KF_FATAL)
            return kf_fail_memory(error);
        if (status == KF_OK)
            value->kinds |= KF_EPF_IS_CERTIFICATE;
    } else if (len >= MIN_ENCRYPTED && len <= KF_MAX_PKCS8 && len % 8 == 0) {
        value->kinds |= KF_EPF_IS_ENCRYPTED;
    }
    if ((value->kinds & (KF_EPF_IS_CERTIFICATE | KF_EPF_IS_ENCRYPTED | KF_EPF_IS_SALT)) == 0)
        kf_buf_reset(&value->bytes);
    return KF_OK;
}

enum kf_status kf_epf_classify(const struct kf_crypto *crypto, const struct kf_limits *limits,
                               struct kf_epf_profile *profile, struct kf_error *error)
{
    if (join_continued(crypto, profile, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < profile->value_count; i++) {
        if (classify(crypto, limits, &profile->values[i], error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

size_t kf_epf_count_kind(const struct kf_epf_profile *profile, unsigned kind)
{
    size_t count = 0;

    for (size_t i = 0; i < profile->value_count; i++)
        count += (profile->values[i].kinds & kind) != 0 ? 1 : 0;
    return count;
}

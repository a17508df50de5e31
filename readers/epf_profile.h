/*
 * A profile (.epf) taken apart: text into sections and values, and each value by what it is.
 *
 * Names mean nothing here. A value is what its bytes show, and may be several things at once: what
 * it turns out to be is proven by a key that opens (readers/epf_search.h).
 */
#ifndef KF_READERS_EPF_PROFILE_H
#define KF_READERS_EPF_PROFILE_H

#include "core/reader.h"
#include "crypto/crypto.h"

/* What a value can be. */
enum {
    KF_EPF_IS_CERTIFICATE = 1 << 0, /* base64 of an X.509 certificate, nothing left over */
    KF_EPF_IS_ENCRYPTED = 1 << 1,   /* base64 of whole cipher blocks, enough for a key, not DER */
    KF_EPF_IS_SALT = 1 << 2,        /* base64 of 8 to 32 bytes */
    KF_EPF_IS_COUNT = 1 << 3,       /* a decimal from 1 to the limit */
    KF_EPF_IS_BEYOND = 1 << 4,      /* a decimal above the limit */
};

struct kf_epf_value {
    size_t section; /* index; 0 is what comes before the first header */
    struct kf_slice name;
    struct kf_slice text; /* as it stands there; continued lines joined */
    uint64_t line;
    unsigned kinds;
    uint64_t number;            /* count */
    struct kf_buf bytes;        /* certificate, encrypted, salt: decoded, public */
    struct kf_cert_facts facts; /* certificate */
};

/* Slices point into text and joined. Zero-initialize. */
struct kf_epf_profile {
    const char *encoding; /* "UTF-8", "Latin-1", "UTF-16LE" */
    char *text;
    struct kf_buf joined;
    struct kf_slice *sections; /* their names */
    size_t section_count;
    struct kf_epf_value *values;
    size_t value_count;
    size_t value_capacity;
};

/*
 * Reads text: UTF-8 with or without a byte order mark, UTF-16LE, else Latin-1. KF_SKIP: zero bytes,
 * or a limit (KF_CAUSE_LIMIT).
 */
enum kf_status kf_epf_tokenize(struct kf_slice bytes, const struct kf_limits *limits,
                               struct kf_epf_profile *out, struct kf_error *error) KF_MUST_USE;

/*
 * Joins what is continued under a name of its own, where a certificate proves that it is, and says
 * what each value is.
 */
enum kf_status kf_epf_classify(const struct kf_crypto *crypto, const struct kf_limits *limits,
                               struct kf_epf_profile *profile, struct kf_error *error) KF_MUST_USE;
void kf_epf_profile_reset(struct kf_epf_profile *profile); /* NULL-safe */

/* Whether the first bytes of an input look like a profile: as bid of core/reader.h. */
int kf_epf_bid(struct kf_slice prefix);

/* How many values are of a kind. */
size_t kf_epf_count_kind(const struct kf_epf_profile *profile, unsigned kind);

/* "[section] name" of a value, with control characters as '?', cut to size. */
void kf_epf_where(const struct kf_epf_profile *profile, const struct kf_epf_value *value, char *out,
                  size_t size);

#endif

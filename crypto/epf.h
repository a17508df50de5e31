/*
 * How a profile (.epf) protects its keys: dialects, and what one of them derives and encrypts.
 *
 * The format is text that no published specification describes (docs/formats/epf.md). What is
 * public leaves open how exactly a key comes from the password, so that a reader has to try. A
 * dialect is one value for each dimension of the table in epf.c; this file says what each value
 * does, and knows nothing of the search.
 */
#ifndef KF_CRYPTO_EPF_H
#define KF_CRYPTO_EPF_H

#include "crypto/algorithms.h"
#include "crypto/crypto.h"

enum kf_epf_dimension {
    KF_EPF_DIGEST,
    KF_EPF_COUNT,     /* how the count is applied */
    KF_EPF_SALT,      /* its base64 text, or the bytes */
    KF_EPF_REST,      /* which bytes of the second digest finish the key and IV */
    KF_EPF_CIPHER,    /* in CBC mode, with the padding of RFC 8018 6.1.1 */
    KF_EPF_PLAINTEXT, /* what the key is encoded as */
    KF_EPF_DIMENSIONS,
};

/* Values, in the order of the table: the published one first. */
enum { KF_EPF_SHA1, KF_EPF_MD5, KF_EPF_SHA256 };
enum {
    KF_EPF_TOTAL,        /* d = H(b), then d = H(d): count digests in all */
    KF_EPF_EXTRA,        /* the same with count more after the first */
    KF_EPF_REPEAT,       /* one digest over b, count times */
    KF_EPF_BEFORE,       /* d = H(b), then d = H(d || b): count digests in all */
    KF_EPF_BEFORE_EXTRA, /* the same with count more */
    KF_EPF_AFTER,        /* d = H(b), then d = H(b || d): count digests in all */
    KF_EPF_AFTER_EXTRA,  /* the same with count more */
};
enum { KF_EPF_TEXT, KF_EPF_RAW };
enum { KF_EPF_FIRST, KF_EPF_LAST };
enum {
    KF_EPF_CAST5_128,
    KF_EPF_CAST5_80,
    KF_EPF_CAST5_64,
    KF_EPF_CAST5_40,
    KF_EPF_DES3,
    KF_EPF_AES128,
    KF_EPF_AES256,
};
enum { KF_EPF_PKCS8, KF_EPF_PKCS1, KF_EPF_SEC1 };

struct kf_epf_dialect {
    uint8_t at[KF_EPF_DIMENSIONS];
};

/* Some values of each dimension: bit i for value i. */
struct kf_epf_space {
    uint32_t allowed[KF_EPF_DIMENSIONS];
};

/* How many values a dimension has. */
size_t kf_epf_values(enum kf_epf_dimension dimension);

/* "sha1/total/text/first/cast5-128/pkcs8" */
#define KF_EPF_NAME_SIZE 64
void kf_epf_name(const struct kf_epf_dialect *dialect, char out[KF_EPF_NAME_SIZE]);

/*
 * The values that text names, separated by slashes, in any order; a dimension that it does not name
 * has all of its values. NULL and "": everything. KF_FATAL with KF_CAUSE_USAGE: no such value.
 */
enum kf_status kf_epf_space_parse(const char *text, struct kf_epf_space *out,
                                  struct kf_error *error) KF_MUST_USE;
bool kf_epf_space_has(const struct kf_epf_space *space, enum kf_epf_dimension dimension,
                      size_t value);

/* A dialect as a number that is not 0, and back; false for a number that is none. */
uint32_t kf_epf_pack(const struct kf_epf_dialect *dialect);
bool kf_epf_unpack(uint32_t number, struct kf_epf_dialect *out) KF_MUST_USE;

size_t kf_epf_digest_size(size_t digest);
size_t kf_epf_key_size(size_t cipher);
size_t kf_epf_block_size(size_t cipher);

/*
 * The digest of b under a count that only grows: all counts of a file cost as much as the largest.
 * EXTRA and the like are the same walk, one step further. Holds what leads to keys: the caller
 * keeps it in wiped memory.
 */
struct kf_epf_walk {
    const struct kf_crypto *crypto;
    size_t digest;
    size_t count;         /* KF_EPF_TOTAL, _REPEAT, _BEFORE or _AFTER */
    struct kf_slice base; /* b: password and salt, and a byte 1 for the second digest; borrowed */
    uint64_t done;        /* the count that it stands at */
    EVP_MD_CTX *context;  /* NULL before the first step */
    uint8_t value[KF_HASH_MAX_SIZE]; /* but for REPEAT, whose state is in context */
};
void kf_epf_walk_begin(struct kf_epf_walk *walk, const struct kf_crypto *crypto, size_t digest,
                       size_t count, struct kf_slice base);
void kf_epf_walk_end(struct kf_epf_walk *walk); /* wipes; NULL-safe */

/* What going on to this count costs, in nanoseconds of a common machine. */
uint64_t kf_epf_walk_cost(const struct kf_epf_walk *walk, uint64_t to);

/* Goes on to a count that is at least done, and at least 1. KF_FATAL: OpenSSL, memory. */
enum kf_status kf_epf_walk_to(struct kf_epf_walk *walk, uint64_t to,
                              struct kf_error *error) KF_MUST_USE;
enum kf_status kf_epf_walk_value(const struct kf_epf_walk *walk, uint8_t out[KF_HASH_MAX_SIZE],
                                 struct kf_error *error) KF_MUST_USE;

/* The two digests, cut into key and IV. */
#define KF_EPF_MAX_KEY   32u
#define KF_EPF_MAX_BLOCK 16u
struct kf_epf_key {
    uint8_t key[KF_EPF_MAX_KEY];
    uint8_t iv[KF_EPF_MAX_BLOCK];
};

/* Whether the key, or the key and the IV, ask for the second digest; whether two are enough. */
bool kf_epf_key_needs_second(size_t digest, size_t cipher);
bool kf_epf_iv_needs_second(size_t digest, size_t cipher);
bool kf_epf_is_possible(size_t digest, size_t cipher);

/*
 * The stream of first and second gives the key, then the IV. second may be NULL where it is not
 * needed; where only the IV needs it, the IV is zero then.
 */
void kf_epf_cut(const struct kf_epf_dialect *dialect, const uint8_t *first, const uint8_t *second,
                struct kf_epf_key *out);

/* Both digests from the password, salt (in the form that the dialect takes) and count, cut. */
enum kf_status kf_epf_derive(const struct kf_crypto *crypto, const struct kf_epf_dialect *dialect,
                             struct kf_slice password, struct kf_slice salt, uint64_t count,
                             struct kf_epf_key *out, struct kf_error *error) KF_MUST_USE;

/*
 * Whole blocks, no padding; out has room for in.len bytes and may be in.data. context is a cipher
 * context of the caller's, for any use of this function. KF_FATAL: OpenSSL.
 */
enum kf_status kf_epf_decrypt(const struct kf_crypto *crypto, EVP_CIPHER_CTX *context,
                              size_t cipher, const uint8_t *key, const uint8_t *iv,
                              struct kf_slice in, uint8_t *out, struct kf_error *error) KF_MUST_USE;

/* With padding; appends to out. */
enum kf_status kf_epf_encrypt(const struct kf_crypto *crypto, size_t cipher,
                              const struct kf_epf_key *key, struct kf_slice plaintext,
                              struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif

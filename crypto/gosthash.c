/*
 * HMAC and PBKDF2 over the digests of GOST R 34.11: see gosthash.h for the contract. The key of an
 * HMAC is taken in once, and its two states are copied for each message.
 */
#include "crypto/gosthash.h"

#include <string.h>

#include "crypto/gost94.h"
#include "crypto/streebog.h"

union state {
    struct kf_gost94 gost94;
    struct kf_streebog streebog;
};

/* All that a computation holds, in one secret buffer. */
struct work {
    struct kf_streebog_tables tables;
    union state inner; /* after the key */
    union state outer;
    union state state;
    enum kf_hash hash;
};

bool kf_hash_is_gost(enum kf_hash hash)
{
    return hash == KF_HASH_GOST94 || hash == KF_HASH_STREEBOG256 || hash == KF_HASH_STREEBOG512;
}

static struct work *make_work(struct kf_buf *buf, enum kf_hash hash, struct kf_error *error)
{
    struct work *work;

    if (kf_buf_reserve(buf, sizeof(*work), error) != KF_OK)
        return NULL;
    work = (struct work *)(void *)buf->data;
    buf->len = sizeof(*work); /* so that all of it is wiped */
    work->hash = hash;
    if (hash != KF_HASH_GOST94)
        kf_streebog_tables_make(&work->tables);
    return work;
}

static void begin(const struct work *work, union state *state)
{
    if (work->hash == KF_HASH_GOST94)
        kf_gost94_init(&state->gost94);
    else
        kf_streebog_init(&state->streebog, &work->tables, kf_hash_size(work->hash));
}

static void update(const struct work *work, union state *state, struct kf_slice bytes)
{
    if (work->hash == KF_HASH_GOST94)
        kf_gost94_update(&state->gost94, bytes);
    else
        kf_streebog_update(&state->streebog, bytes);
}

static void finish(const struct work *work, union state *state, uint8_t *out)
{
    if (work->hash == KF_HASH_GOST94)
        kf_gost94_final(&state->gost94, out);
    else
        kf_streebog_final(&state->streebog, out);
}

static void set_key(struct work *work, struct kf_slice key)
{
    size_t block = kf_hash_block(work->hash);
    uint8_t pad[KF_HASH_MAX_BLOCK] = {0};

    if (key.len > block) {
        begin(work, &work->state);
        update(work, &work->state, key);
        finish(work, &work->state, pad);
    } else if (key.len != 0) {
        memcpy(pad, key.data, key.len);
    }
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    begin(work, &work->inner);
    update(work, &work->inner, (struct kf_slice){pad, block});
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    begin(work, &work->outer);
    update(work, &work->outer, (struct kf_slice){pad, block});
    kf_wipe(pad, sizeof(pad));
}

static void hmac(struct work *work, const struct kf_slice *parts, size_t count, uint8_t *out)
{
    struct kf_slice digest = {out, kf_hash_size(work->hash)};

    work->state = work->inner;
    for (size_t i = 0; i < count; i++)
        update(work, &work->state, parts[i]);
    finish(work, &work->state, out);
    work->state = work->outer;
    update(work, &work->state, digest);
    finish(work, &work->state, out);
}

enum kf_status kf_gost_digest(enum kf_hash hash, const struct kf_slice *parts, size_t count,
                              uint8_t *out, struct kf_error *error)
{
    struct kf_buf buf = KF_SECRET_BUF;
    struct work *work = make_work(&buf, hash, error);

    if (work == NULL)
        return KF_FATAL;
    begin(work, &work->state);
    for (size_t i = 0; i < count; i++)
        update(work, &work->state, parts[i]);
    finish(work, &work->state, out);
    kf_buf_reset(&buf);
    return KF_OK;
}

enum kf_status kf_gost_hmac(enum kf_hash hash, struct kf_slice key, struct kf_slice data,
                            uint8_t *out, struct kf_error *error)
{
    struct kf_buf buf = KF_SECRET_BUF;
    struct work *work = make_work(&buf, hash, error);

    if (work == NULL)
        return KF_FATAL;
    set_key(work, key);
    hmac(work, &data, 1, out);
    kf_buf_reset(&buf);
    return KF_OK;
}

enum kf_status kf_gost_pbkdf2(const struct kf_kdf_input *input, uint8_t *out, size_t len,
                              struct kf_error *error)
{
    struct kf_buf buf = KF_SECRET_BUF;
    struct work *work = make_work(&buf, input->hash, error);
    size_t size = kf_hash_size(input->hash);
    uint8_t u[KF_HASH_MAX_SIZE];
    uint8_t t[KF_HASH_MAX_SIZE];

    if (work == NULL)
        return KF_FATAL;
    set_key(work, input->password);
    for (uint32_t number = 1; len != 0; number++) {
        const uint8_t index[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                                  (uint8_t)(number >> 8), (uint8_t)number};
        const struct kf_slice first[] = {input->salt, {index, sizeof(index)}};
        const struct kf_slice later = {u, size};
        size_t taken = len < size ? len : size;

        hmac(work, first, 2, u);
        memcpy(t, u, size);
        for (uint64_t i = 1; i < input->iterations; i++) {
            hmac(work, &later, 1, u);
            for (size_t at = 0; at < size; at++)
                t[at] ^= u[at];
        }
        memcpy(out, t, taken);
        out += taken;
        len -= taken;
    }
    kf_wipe(u, sizeof(u));
    kf_wipe(t, sizeof(t));
    kf_buf_reset(&buf);
    return KF_OK;
}

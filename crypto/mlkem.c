/*
 * ML-KEM key pairs: see mlkem.h for the contract. Names and algorithm numbers are those of FIPS
 * 203.
 *
 * Nothing here is done with other people's ciphertexts, and so only wiping is owed to the secrets,
 * not constant time.
 */
#include "crypto/mlkem.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/algorithms.h"

#define N         256
#define Q         3329u
#define MAX_K     4
#define RULE      "FIPS 203 7.3"
#define XOF_BYTES 1344u /* eight blocks of SHAKE128: enough but once in a very long time */

/* A polynomial, in either domain; coefficients are below Q */
struct poly {
    uint16_t c[N];
};

struct work {
    struct poly a, s[MAX_K], t, e;
    uint16_t zetas[128]; /* 17^BitRev7(i) */
    uint8_t rho[32];
    uint8_t sigma[32];
};

static unsigned reverse7(unsigned i)
{
    unsigned out = 0;

    for (unsigned bit = 0; bit < 7; bit++)
        out |= (i >> bit & 1) << (6 - bit);
    return out;
}

static void fill_zetas(struct work *work)
{
    uint32_t power = 1;

    for (unsigned i = 0; i < 128; i++) {
        work->zetas[reverse7(i)] = (uint16_t)power;
        power = power * 17 % Q;
    }
}

/* Algorithm 9 */
static void ntt(const struct work *work, struct poly *f)
{
    unsigned i = 1;

    for (unsigned len = 128; len >= 2; len /= 2) {
        for (unsigned start = 0; start < N; start += 2 * len) {
            uint32_t zeta = work->zetas[i++];

            for (unsigned j = start; j < start + len; j++) {
                uint32_t t = zeta * f->c[j + len] % Q;

                f->c[j + len] = (uint16_t)((f->c[j] + Q - t) % Q);
                f->c[j] = (uint16_t)((f->c[j] + t) % Q);
            }
        }
    }
}

/* Algorithm 10 */
static void inverse_ntt(const struct work *work, struct poly *f)
{
    unsigned i = 127;

    for (unsigned len = 2; len <= 128; len *= 2) {
        for (unsigned start = 0; start < N; start += 2 * len) {
            uint32_t zeta = work->zetas[i--];

            for (unsigned j = start; j < start + len; j++) {
                uint32_t t = f->c[j];

                f->c[j] = (uint16_t)((t + f->c[j + len]) % Q);
                f->c[j + len] = (uint16_t)(zeta * (f->c[j + len] + Q - t) % Q);
            }
        }
    }
    for (unsigned j = 0; j < N; j++)
        f->c[j] = (uint16_t)(f->c[j] * 3303u % Q); /* 128^-1 */
}

/* Algorithms 11 and 12: sum += f·g in the NTT domain */
static void multiply_add(const struct work *work, const struct poly *f, const struct poly *g,
                         struct poly *sum)
{
    for (unsigned i = 0; i < 128; i++) {
        /* 17^(2 BitRev7(i) + 1), by halves of the table with opposite signs */
        size_t even = (size_t)2 * i;
        size_t odd = even + 1;
        uint32_t zeta = work->zetas[64 + i / 2];
        uint32_t gamma = (i & 1) == 0 ? zeta : Q - zeta;
        uint32_t a0 = f->c[even], a1 = f->c[odd];
        uint32_t b0 = g->c[even], b1 = g->c[odd];

        sum->c[even] = (uint16_t)((sum->c[even] + a0 * b0 + a1 * b1 % Q * gamma) % Q);
        sum->c[odd] = (uint16_t)((sum->c[odd] + a0 * b1 + a1 * b0) % Q);
    }
}

static enum kf_status failed(struct kf_error *error)
{
    return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHAKE failed");
}

static bool shake(const EVP_MD *md, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && md != NULL && EVP_DigestInit_ex2(context, md, NULL) == 1 &&
                EVP_DigestUpdate(context, in, in_len) == 1 &&
                EVP_DigestFinalXOF(context, out, out_len) == 1;

    EVP_MD_CTX_free(context);
    return done;
}

/* Algorithm 7, for the entry of the matrix in row i and column j */
static enum kf_status sample_ntt(const struct kf_crypto *crypto, const uint8_t rho[32], unsigned i,
                                 unsigned j, struct poly *out, struct kf_error *error)
{
    uint8_t seed[34];
    uint8_t stream[XOF_BYTES];
    unsigned count = 0;

    memcpy(seed, rho, 32);
    seed[32] = (uint8_t)j;
    seed[33] = (uint8_t)i;
    if (!shake(kf_shake_md(crypto->algorithms, 128), seed, sizeof(seed), stream, sizeof(stream)))
        return failed(error);
    for (size_t at = 0; at < sizeof(stream) && count < N; at += 3) {
        unsigned d1 = stream[at] + 256u * (stream[at + 1] & 15);
        unsigned d2 = (unsigned)stream[at + 1] / 16 + 16u * stream[at + 2];

        if (d1 < Q)
            out->c[count++] = (uint16_t)d1;
        if (d2 < Q && count < N)
            out->c[count++] = (uint16_t)d2;
    }
    return count == N ? KF_OK : failed(error);
}

static unsigned eta_of(unsigned k)
{
    return k == 2 ? 3 : 2;
}

/* Algorithm 8 over PRF(sigma, number) */
static enum kf_status sample_noise(const struct kf_crypto *crypto, const uint8_t sigma[32],
                                   unsigned number, unsigned eta, struct poly *out,
                                   struct kf_error *error)
{
    uint8_t seed[33];
    uint8_t bytes[64 * 3];
    bool done;

    memcpy(seed, sigma, 32);
    seed[32] = (uint8_t)number;
    done = shake(kf_shake_md(crypto->algorithms, 256), seed, sizeof(seed), bytes, (size_t)64 * eta);
    for (unsigned i = 0; i < N && done; i++) {
        unsigned x = 0;
        unsigned y = 0;

        for (unsigned j = 0; j < eta; j++) {
            unsigned first = 2 * i * eta + j;
            unsigned second = first + eta;

            x += bytes[first / 8] >> first % 8 & 1;
            y += bytes[second / 8] >> second % 8 & 1;
        }
        out->c[i] = (uint16_t)((x + Q - y) % Q);
    }
    kf_wipe(seed, sizeof(seed));
    kf_wipe(bytes, sizeof(bytes));
    return done ? KF_OK : failed(error);
}

/* Algorithms 5 and 6 for d = 12 */
static void encode12(const struct poly *f, uint8_t *out)
{
    for (size_t i = 0; i < N; i += 2) {
        unsigned a = f->c[i];
        unsigned b = f->c[i + 1];

        *out++ = (uint8_t)a;
        *out++ = (uint8_t)(a >> 8 | b << 4);
        *out++ = (uint8_t)(b >> 4);
    }
}

/* false where a coefficient is not below Q */
static bool decode12(const uint8_t *in, struct poly *f)
{
    bool fits = true;

    for (size_t i = 0; i < N; i += 2, in += 3) {
        unsigned a = in[0] | (in[1] & 15u) << 8;
        unsigned b = (unsigned)in[1] >> 4 | (unsigned)in[2] << 4;

        fits = fits && a < Q && b < Q;
        f->c[i] = (uint16_t)a;
        f->c[i + 1] = (uint16_t)b;
    }
    return fits;
}

/* t = row i of A times s, in the NTT domain */
static enum kf_status row_times_secret(const struct kf_crypto *crypto, struct work *work,
                                       unsigned k, unsigned i, struct kf_error *error)
{
    memset(&work->t, 0, sizeof(work->t));
    for (unsigned j = 0; j < k; j++) {
        enum kf_status status = sample_ntt(crypto, work->rho, i, j, &work->a, error);

        if (status != KF_OK)
            return status;
        multiply_add(work, &work->a, &work->s[j], &work->t);
    }
    return KF_OK;
}

/* Algorithm 13, K-PKE.KeyGen */
static enum kf_status generate(const struct kf_crypto *crypto, struct work *work, unsigned k,
                               uint8_t *secret, struct kf_error *error)
{
    uint8_t *public = secret + KF_MLKEM_AT(k);
    enum kf_status status = KF_OK;

    for (unsigned i = 0; i < k && status == KF_OK; i++) {
        status = sample_noise(crypto, work->sigma, i, eta_of(k), &work->s[i], error);
        ntt(work, &work->s[i]);
        encode12(&work->s[i], secret + KF_MLKEM_AT(i));
    }
    for (unsigned i = 0; i < k && status == KF_OK; i++) {
        status = sample_noise(crypto, work->sigma, k + i, eta_of(k), &work->e, error);
        if (status == KF_OK)
            status = row_times_secret(crypto, work, k, i, error);
        ntt(work, &work->e);
        for (unsigned j = 0; j < N; j++)
            work->t.c[j] = (uint16_t)((work->t.c[j] + work->e.c[j]) % Q);
        encode12(&work->t, public + KF_MLKEM_AT(i));
    }
    memcpy(public + KF_MLKEM_AT(k), work->rho, 32);
    return status;
}

static struct work *new_work(struct kf_buf *space, struct kf_error *error)
{
    struct work *work;

    if (kf_buf_reserve(space, sizeof(*work), error) != KF_OK)
        return NULL;
    space->len = sizeof(*work);
    work = (struct work *)(void *)space->data;
    memset(work, 0, sizeof(*work));
    fill_zetas(work);
    return work;
}

static enum kf_status hash_public(const struct kf_crypto *crypto, unsigned k, const uint8_t *secret,
                                  uint8_t out[32], struct kf_error *error)
{
    const struct kf_slice part = {secret + KF_MLKEM_AT(k), KF_MLKEM_PUBLIC(k)};

    return kf_hash_digest(crypto->algorithms, KF_HASH_SHA3_256, &part, 1, out, error);
}

enum kf_status kf_mlkem_generate(const struct kf_crypto *crypto, unsigned k,
                                 const uint8_t seed[KF_MLKEM_SEED], uint8_t *secret,
                                 struct kf_error *error)
{
    struct kf_buf space = KF_SECRET_BUF;
    struct work *work = new_work(&space, error);
    uint8_t dk[33];
    uint8_t both[64];
    const struct kf_slice part = {dk, sizeof(dk)};
    enum kf_status status = work != NULL ? KF_OK : KF_FATAL;

    memcpy(dk, seed, 32);
    dk[32] = (uint8_t)k;
    if (status == KF_OK)
        status = kf_hash_digest(crypto->algorithms, KF_HASH_SHA3_512, &part, 1, both, error);
    if (status == KF_OK) {
        memcpy(work->rho, both, 32);
        memcpy(work->sigma, both + 32, 32);
        status = generate(crypto, work, k, secret, error);
    }
    if (status == KF_OK)
        status = hash_public(crypto, k, secret, secret + KF_MLKEM_SECRET(k) - 64, error);
    if (status == KF_OK)
        memcpy(secret + KF_MLKEM_SECRET(k) - 32, seed + 32, 32);
    kf_wipe(dk, sizeof(dk));
    kf_wipe(both, sizeof(both));
    kf_buf_reset(&space);
    return status;
}

static enum kf_status inconsistent(struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "the ML-KEM key is inconsistent");
}

/* t - A·s in one row: as small as noise is, or not */
static bool is_noise(struct work *work, unsigned eta)
{
    bool small = true;

    inverse_ntt(work, &work->e);
    for (unsigned j = 0; j < N; j++)
        small = small && (work->e.c[j] <= eta || work->e.c[j] >= Q - eta);
    return small;
}

static enum kf_status check_rows(const struct kf_crypto *crypto, struct work *work, unsigned k,
                                 struct kf_slice secret, struct kf_error *error)
{
    const uint8_t *public = secret.data + KF_MLKEM_AT(k);

    memcpy(work->rho, public + KF_MLKEM_AT(k), 32);
    for (unsigned i = 0; i < k; i++) {
        if (!decode12(secret.data + KF_MLKEM_AT(i), &work->s[i]))
            return inconsistent(error);
    }
    for (unsigned i = 0; i < k; i++) {
        enum kf_status status = row_times_secret(crypto, work, k, i, error);

        if (status != KF_OK)
            return status;
        if (!decode12(public + KF_MLKEM_AT(i), &work->e))
            return inconsistent(error);
        for (unsigned j = 0; j < N; j++)
            work->e.c[j] = (uint16_t)((work->e.c[j] + Q - work->t.c[j]) % Q);
        if (!is_noise(work, eta_of(k)))
            return inconsistent(error);
    }
    return KF_OK;
}

enum kf_status kf_mlkem_check(const struct kf_crypto *crypto, unsigned k, struct kf_slice secret,
                              struct kf_error *error)
{
    struct kf_buf space = KF_SECRET_BUF;
    struct work *work;
    uint8_t hash[32];
    enum kf_status status;

    if (secret.len != KF_MLKEM_SECRET(k))
        return inconsistent(error);
    status = hash_public(crypto, k, secret.data, hash, error);
    if (status == KF_OK && memcmp(hash, secret.data + secret.len - 64, sizeof(hash)) != 0)
        status = inconsistent(error);
    if (status != KF_OK)
        return status;
    work = new_work(&space, error);
    status = work != NULL ? check_rows(crypto, work, k, secret, error) : KF_FATAL;
    kf_buf_reset(&space);
    return status;
}

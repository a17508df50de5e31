/*
 * Password-based encryption: see pbe.h for the contract. The parameters are parsed in pbe_parse.c.
 *
 * Only ciphers in CBC mode, RC4 and GOST in CFB mode occur. A wrong password shows as wrong
 * padding, or as a plaintext that is nothing; the last two have no padding, so that only the caller
 * can tell.
 */
#include "crypto/pbe.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "core/der.h"
#include "crypto/gosthash.h"

bool kf_pbe_wants_bmp(const struct kf_pbe *pbe)
{
    return pbe->scheme == KF_PBE_PKCS12;
}

uint64_t kf_pbe_cost(const struct kf_pbe *pbe)
{
    if (pbe->scheme != KF_PBE_SCRYPT)
        return kf_hash_is_gost(pbe->hash) ? pbe->iterations * KF_GOST_COST : pbe->iterations;
    if (pbe->r != 0 && pbe->p != 0 && pbe->n > UINT64_MAX / 2 / pbe->r / pbe->p)
        return UINT64_MAX;
    return 2 * pbe->n * pbe->r * pbe->p;
}

enum kf_status kf_pbe_within(const struct kf_pbe *pbe, const struct kf_limits *limits,
                             struct kf_error *error)
{
    uint64_t cost = kf_pbe_cost(pbe);
    uint64_t blocks = limits->scrypt_memory / 128;

    if (pbe->scheme == KF_PBE_SCRYPT && (pbe->n > blocks / pbe->r || pbe->p > blocks / pbe->r))
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "scrypt with N=%llu, r=%llu, p=%llu wants more memory than the %llu MiB "
                       "that are allowed",
                       (unsigned long long)pbe->n, (unsigned long long)pbe->r,
                       (unsigned long long)pbe->p,
                       (unsigned long long)(limits->scrypt_memory >> 20));
    if (cost > limits->derivation_iterations)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a key derivation of %llu iterations, more than the %llu that are allowed",
                       (unsigned long long)cost, (unsigned long long)limits->derivation_iterations);
    return KF_OK;
}

bool kf_pbe_same_key(const struct kf_pbe *a, const struct kf_pbe *b)
{
    return a->scheme == b->scheme && a->hash == b->hash && a->cipher == b->cipher &&
           a->key_size == b->key_size && a->iterations == b->iterations && a->n == b->n &&
           a->r == b->r && a->p == b->p && kf_slice_equal(a->salt, b->salt);
}

void kf_pbe_name(const struct kf_pbe *pbe, char *out, size_t size)
{
    char cipher[48];

    if (pbe->cipher == KF_CIPHER_RC2)
        (void)snprintf(cipher, sizeof(cipher), "RC2-%u-CBC", pbe->rc2_bits);
    else if (pbe->cipher == KF_CIPHER_RC4)
        (void)snprintf(cipher, sizeof(cipher), "RC4-%zu", pbe->key_size * 8);
    else
        (void)snprintf(cipher, sizeof(cipher), "%s", kf_cipher_name(pbe->cipher));
    switch (pbe->scheme) {
    case KF_PBE_PKCS12:
        (void)snprintf(out, size, "PKCS #12, %s, %s", kf_hash_name(pbe->hash), cipher);
        break;
    case KF_PBE_PBES1:
        (void)snprintf(out, size, "PBES1, %s, %s", kf_hash_name(pbe->hash), cipher);
        break;
    case KF_PBE_PBKDF2:
        (void)snprintf(out, size, "PBES2, PBKDF2, HMAC-%s, %s", kf_hash_name(pbe->hash), cipher);
        break;
    case KF_PBE_SCRYPT:
        (void)snprintf(out, size, "PBES2, scrypt N=%llu r=%llu p=%llu, %s",
                       (unsigned long long)pbe->n, (unsigned long long)pbe->r,
                       (unsigned long long)pbe->p, cipher);
        break;
    }
}

static enum kf_status derive_pbes1(const struct kf_algorithms *algorithms,
                                   const struct kf_kdf_input *input, struct kf_pbe_key *key,
                                   struct kf_error *error)
{
    uint8_t both[16]; /* RFC 8018 6.1.1: key, then IV */
    enum kf_status status = kf_kdf_pbkdf1(algorithms, input, both, sizeof(both), error);

    if (status == KF_OK) {
        memcpy(key->key, both, 8);
        memcpy(key->iv, both + 8, 8);
    }
    kf_wipe(both, sizeof(both));
    return status;
}

enum kf_status kf_pbe_derive(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                             struct kf_slice password, const struct kf_limits *limits,
                             struct kf_pbe_key *key, struct kf_error *error)
{
    const struct kf_algorithms *algorithms = crypto->algorithms;
    const struct kf_kdf_input input = {pbe->hash, password, pbe->salt, pbe->iterations};
    /* OpenSSL counts all of its areas together; each was held against the limit before */
    const struct kf_scrypt_input scrypt = {
        password, pbe->salt, pbe->n, pbe->r, pbe->p, 2 * limits->scrypt_memory + (1u << 20)};
    size_t iv = kf_cipher_iv_size(pbe->cipher);
    enum kf_status status = KF_OK;

    memset(key, 0, sizeof(*key));
    switch (pbe->scheme) {
    case KF_PBE_PKCS12:
        status = kf_kdf_pkcs12(algorithms, &input, KF_KDF_KEY, key->key, pbe->key_size, error);
        if (status == KF_OK && iv != 0)
            status = kf_kdf_pkcs12(algorithms, &input, KF_KDF_IV, key->iv, iv, error);
        return status;
    case KF_PBE_PBES1:
        return derive_pbes1(algorithms, &input, key, error);
    case KF_PBE_PBKDF2:
        status = kf_kdf_pbkdf2(algorithms, &input, key->key, pbe->key_size, error);
        break;
    case KF_PBE_SCRYPT:
        status = kf_kdf_scrypt(algorithms, &scrypt, key->key, pbe->key_size, error);
        break;
    }
    return status;
}

/* A context ready to decrypt; NULL with *error filled */
static EVP_CIPHER_CTX *begin(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                             const struct kf_pbe_key *key, const uint8_t *iv,
                             struct kf_error *error)
{
    const EVP_CIPHER *cipher = kf_cipher_evp(crypto->algorithms, pbe->cipher);
    EVP_CIPHER_CTX *context;
    size_t bits = pbe->rc2_bits;
    const OSSL_PARAM rc2[] = {OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_RC2_KEYBITS, &bits),
                              OSSL_PARAM_END};
    int done;

    if (cipher == NULL) {
        (void)!kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "this OpenSSL has no %s",
                       kf_cipher_name(pbe->cipher));
        return NULL;
    }
    context = EVP_CIPHER_CTX_new();
    done = context != NULL && EVP_DecryptInit_ex2(context, cipher, NULL, NULL, NULL) == 1;
    if (done && pbe->key_size != kf_cipher_key_size(pbe->cipher))
        done = EVP_CIPHER_CTX_set_key_length(context, (int)pbe->key_size) == 1;
    if (done && pbe->cipher == KF_CIPHER_RC2) /* the key schedule depends on it */
        done = EVP_CIPHER_CTX_set_params(context, rc2) == 1;
    done = done && EVP_DecryptInit_ex2(context, NULL, key->key, iv, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    if (done)
        return context;
    EVP_CIPHER_CTX_free(context);
    (void)!kf_fail_openssl(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "%s failed",
                           kf_cipher_name(pbe->cipher));
    return NULL;
}

/* Bytes of a block in CBC mode, where plaintext is padded to them; 0 for RC4, and GOST's CFB */
static size_t block_of(const struct kf_pbe *pbe)
{
    return pbe->cipher == KF_CIPHER_GOST28147 ? 0 : kf_cipher_iv_size(pbe->cipher);
}

static const uint8_t *iv_of(const struct kf_pbe *pbe, const struct kf_pbe_key *key)
{
    return pbe->iv.len != 0 ? pbe->iv.data : key->iv;
}

/* Decrypts whole blocks, and leaves the padding where it is */
static enum kf_status decrypt_blocks(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                                     const struct kf_pbe_key *key, const uint8_t *iv,
                                     struct kf_slice in, uint8_t *out, struct kf_error *error)
{
    EVP_CIPHER_CTX *context;
    int len = 0;
    int done;

    if (pbe->cipher == KF_CIPHER_GOST28147) {
        kf_gost28147_cfb_decrypt(pbe->gost_boxes, key->key, iv, in, out);
        return KF_OK;
    }
    context = begin(crypto, pbe, key, iv, error);
    if (context == NULL)
        return KF_SKIP;
    done = in.len <= KF_MAX_PFX &&
           EVP_DecryptUpdate(context, out, &len, in.data, (int)in.len) == 1 &&
           (size_t)len == in.len;
    EVP_CIPHER_CTX_free(context);
    return done ? KF_OK
                : kf_fail_openssl(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "%s failed",
                                  kf_cipher_name(pbe->cipher));
}

/* Bytes of padding at the end of the last block; 0 where they are not padding (RFC 8018 6.1.1) */
static size_t padding(const uint8_t *end, size_t block)
{
    size_t count = end[-1];

    if (count == 0 || count > block)
        return 0;
    for (size_t i = 1; i <= count; i++) {
        if (end[-(ptrdiff_t)i] != count)
            return 0;
    }
    return count;
}

static enum kf_status wrong(struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, "RFC 8018 6.1.2",
                   "what was decrypted makes no sense: the password is wrong, or the data");
}

static bool whole_blocks(size_t len, size_t block)
{
    return block == 0 || (len != 0 && len % block == 0);
}

enum kf_status kf_pbe_decrypt(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                              const struct kf_pbe_key *key, struct kf_slice in, uint8_t *out,
                              size_t *len, struct kf_error *error)
{
    size_t block = block_of(pbe);
    size_t pad = 0;
    enum kf_status status;

    *len = 0;
    if (!whole_blocks(in.len, block))
        return wrong(error);
    status = decrypt_blocks(crypto, pbe, key, iv_of(pbe, key), in, out, error);
    if (status == KF_OK && block != 0) {
        pad = padding(out + in.len, block);
        if (pad == 0)
            status = wrong(error);
    }
    if (status != KF_OK)
        kf_wipe(out, in.len);
    else
        *len = in.len - pad;
    return status;
}

/* Reads a tag and length at the beginning of head, of a value within len bytes that go beyond it */
static bool plausible(const uint8_t *head, size_t head_len, size_t len, size_t *header,
                      size_t *content)
{
    size_t octets;

    if (head_len < 2 || len < 2)
        return false;
    octets = head[1] > 0x80 ? head[1] & 0x7f : 0;
    if (octets > 4 || head_len < 2 + octets)
        return false;
    *header = 2 + octets;
    *content = head[1] < 0x80 ? head[1] : 0;
    for (size_t i = 0; i < octets; i++)
        *content = *content << 8 | head[2 + i];
    if (head[1] == 0x80)
        *content = len - *header; /* indefinite: up to wherever */
    return *header <= len && *content <= len - *header;
}

/* A SEQUENCE (or SET) that is empty, or begins with an INTEGER or another SEQUENCE */
static bool looks_right(const uint8_t *head, size_t head_len, size_t len)
{
    size_t header;
    size_t content;
    size_t inner_header;
    size_t inner;

    if (!plausible(head, head_len, len, &header, &content) ||
        (head[0] != KF_DER_SEQUENCE && head[0] != KF_DER_SET))
        return false;
    if (content == 0)
        return true;
    if (head_len <= header || (head[header] != KF_DER_SEQUENCE && head[header] != KF_DER_INTEGER))
        return false;
    return plausible(head + header, head_len - header, content, &inner_header, &inner);
}

enum kf_status kf_pbe_probe(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                            const struct kf_pbe_key *key, struct kf_slice in, bool *right,
                            struct kf_error *error)
{
    size_t block = block_of(pbe);
    size_t head = in.len < KF_PBE_HEAD ? in.len : KF_PBE_HEAD;
    size_t len = in.len;
    uint8_t plain[KF_PBE_HEAD];
    const uint8_t *iv = iv_of(pbe, key);
    enum kf_status status = KF_OK;

    *right = false;
    if (!whole_blocks(in.len, block) || in.len == 0)
        return KF_OK;
    if (block != 0) {
        const uint8_t *last = in.data + in.len - block;

        status = decrypt_blocks(crypto, pbe, key, in.len == block ? iv : last - block,
                                (struct kf_slice){last, block}, plain, error);
        if (status == KF_OK && padding(plain + block, block) == 0)
            status = KF_END;
        if (status == KF_OK)
            len -= padding(plain + block, block);
    }
    if (status == KF_OK)
        status =
            decrypt_blocks(crypto, pbe, key, iv, (struct kf_slice){in.data, head}, plain, error);
    if (status == KF_OK)
        *right = looks_right(plain, head < len ? head : len, len);
    kf_wipe(plain, sizeof(plain));
    return status == KF_END ? KF_OK : status;
}

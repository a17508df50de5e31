/*
 * Opening the private keys of PEM files: see pem_key.h. Encrypted PKCS #8 (RFC 5958 3) is read with
 * every algorithm of crypto/pbe.h; traditional encryption is what "DEK-Info" tells: a key by MD5
 * over password and IV, once, as OpenSSL's EVP_BytesToKey makes it.
 */
#include "readers/pem_key.h"

#include <string.h>

#include "core/der.h"
#include "crypto/keyforms.h"
#include "crypto/pbe.h"
#include "crypto/privkey.h"
#include "crypto/secrets.h"
#include "crypto/text.h"

#define DEK_SALT 8 /* bytes of the IV that go into the key */

/* An encrypted key, by either scheme. */
struct locked {
    const struct kf_reader_options *options;
    enum kf_pem_kind kind; /* of the plaintext */
    struct kf_pbe pbe;
    bool is_dek;
    uint8_t iv[KF_PBE_MAX_IV];
    struct kf_slice sealed;
    uint64_t spent; /* iterations */
};

struct dek_cipher {
    const char *name;
    enum kf_cipher cipher;
};

static const struct dek_cipher dek_ciphers[] = {
    {"DES-CBC", KF_CIPHER_DES},
    {"DES-EDE3-CBC", KF_CIPHER_DES3},
    {"AES-128-CBC", KF_CIPHER_AES128},
    {"AES-192-CBC", KF_CIPHER_AES192},
    {"AES-256-CBC", KF_CIPHER_AES256},
    {"CAMELLIA-128-CBC", KF_CIPHER_CAMELLIA128},
    {"CAMELLIA-192-CBC", KF_CIPHER_CAMELLIA192},
    {"CAMELLIA-256-CBC", KF_CIPHER_CAMELLIA256},
    {"CAST5-CBC", KF_CIPHER_CAST5},
    {"BF-CBC", KF_CIPHER_BLOWFISH},
    {"SEED-CBC", KF_CIPHER_SEED},
};

/* The plaintext as PKCS #8. */
static enum kf_status convert(enum kf_pem_kind kind, struct kf_slice plain, struct kf_buf *out,
                              struct kf_error *error)
{
    struct kf_privkey key;

    switch (kind) {
    case KF_PEM_PKCS1:
        return kf_pkcs8_from_pkcs1(plain, out, error);
    case KF_PEM_SEC1:
        return kf_pkcs8_from_sec1(plain, out, error);
    case KF_PEM_DSA:
        return kf_pkcs8_from_dsa(plain, out, error);
    case KF_PEM_PKCS8:
    case KF_PEM_ENCRYPTED:
    case KF_PEM_CERTIFICATE:
    case KF_PEM_OTHER_KEY:
    case KF_PEM_OTHER:
        break;
    }
    if (kf_privkey_parse(plain, &key, error) != KF_OK)
        return KF_SKIP;
    return kf_buf_append(out, plain.data, plain.len, error);
}

static enum kf_status parse_dek(const struct kf_pem_block *block, struct locked *locked,
                                struct kf_error *error)
{
    size_t size = 0;

    locked->is_dek = true;
    locked->sealed = kf_buf_slice(&block->bytes);
    for (size_t i = 0; i < sizeof(dek_ciphers) / sizeof(dek_ciphers[0]); i++) {
        if (strcmp(dek_ciphers[i].name, block->cipher) != 0)
            continue;
        locked->pbe = (struct kf_pbe){.scheme = KF_PBE_PBES1, .cipher = dek_ciphers[i].cipher};
        locked->pbe.key_size = kf_cipher_key_size(locked->pbe.cipher);
        size = kf_cipher_iv_size(locked->pbe.cipher);
    }
    if (size == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 1421 4.6.1.3",
                       "a key encrypted with %s", block->cipher);
    if (!kf_hex_decode(block->iv, strlen(block->iv), locked->iv, size))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 1421 4.6.1.3",
                       "a DEK-Info whose IV is not %zu bytes in hex", size);
    return KF_OK;
}

static enum kf_status parse_pkcs8(const struct kf_pem_block *block, struct locked *locked,
                                  struct kf_error *error)
{
    struct kf_slice cursor = kf_buf_slice(&block->bytes);
    struct kf_slice content;

    if (!kf_der_get(&cursor, KF_DER_SEQUENCE, &content) || !kf_der_end(&cursor))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 3",
                       "not an EncryptedPrivateKeyInfo");
    if (kf_pbe_parse(&content, &locked->pbe, error) != KF_OK)
        return KF_SKIP;
    if (!kf_der_get(&content, KF_DER_OCTET_STRING, &locked->sealed) || !kf_der_end(&content))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 3",
                       "an EncryptedPrivateKeyInfo without its data, or with more");
    return kf_pbe_within(&locked->pbe, &locked->options->limits, error);
}

/* EVP_BytesToKey with MD5 and one iteration: D(i) = MD5(D(i-1), password, salt) */
static enum kf_status derive_dek(const struct locked *locked, struct kf_slice password,
                                 struct kf_pbe_key *key, struct kf_error *error)
{
    const struct kf_algorithms *algorithms = locked->options->crypto->algorithms;
    uint8_t digest[KF_HASH_MAX_SIZE];
    struct kf_slice parts[] = {{digest, 0}, password, {locked->iv, DEK_SALT}};
    size_t made = 0;

    memcpy(key->iv, locked->iv, sizeof(key->iv));
    while (made < locked->pbe.key_size) {
        size_t left = locked->pbe.key_size - made;

        if (kf_hash_digest(algorithms, KF_HASH_MD5, parts, 3, digest, error) != KF_OK)
            return KF_FATAL;
        parts[0].len = kf_hash_size(KF_HASH_MD5);
        memcpy(key->key + made, digest, left < parts[0].len ? left : parts[0].len);
        made += left < parts[0].len ? left : parts[0].len;
    }
    kf_wipe(digest, sizeof(digest));
    return KF_OK;
}

/* One password in one encoding. KF_SKIP with KF_CAUSE_SECRET: it does not fit. */
static enum kf_status try_bytes(struct locked *locked, struct kf_slice password, struct kf_buf *out,
                                struct kf_error *error)
{
    const struct kf_limits *limits = &locked->options->limits;
    const struct kf_crypto *crypto = locked->options->crypto;
    struct kf_buf plain = KF_SECRET_BUF;
    struct kf_pbe_key key;
    size_t len = 0;
    enum kf_status status;

    if (!locked->is_dek) {
        locked->spent += kf_pbe_cost(&locked->pbe);
        if (locked->spent > limits->file_iterations)
            return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                           "the passwords ask for more than %llu iterations",
                           (unsigned long long)limits->file_iterations);
        status = kf_pbe_derive(crypto, &locked->pbe, password, limits, &key, error);
    } else {
        status = derive_dek(locked, password, &key, error);
    }
    if (status == KF_OK)
        status = kf_buf_reserve(&plain, locked->sealed.len + 1, error);
    if (status == KF_OK)
        status =
            kf_pbe_decrypt(crypto, &locked->pbe, &key, locked->sealed, plain.data, &len, error);
    plain.len = len;
    /* by chance the padding of a wrong key is right now and then; its plaintext is no key */
    if (status == KF_OK && convert(locked->kind, kf_buf_slice(&plain), out, NULL) != KF_OK) {
        kf_buf_clear(out);
        status = kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "does not decrypt to a key");
    }
    kf_wipe(&key, sizeof(key));
    kf_buf_reset(&plain);
    return status;
}

/* One password in all the encodings that software used. KF_END: it does not fit. */
static enum kf_status try_password(struct locked *locked, const struct kf_password *password,
                                   struct kf_record *record, struct kf_error *error)
{
    bool bmp = !locked->is_dek && kf_pbe_wants_bmp(&locked->pbe);
    size_t likely = 0;
    size_t count = 0;
    const enum kf_encoding *order = kf_encoding_order(bmp, &likely, &count);
    struct kf_buf bytes = KF_SECRET_BUF;
    enum kf_status status = KF_END;

    for (size_t i = 0; i < count && status == KF_END; i++) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};

        status = kf_encoding_apply(order[i], bmp, kf_buf_slice(&password->bytes), password->is_null,
                                   &bytes, error);
        if (status == KF_OK)
            status = try_bytes(locked, kf_buf_slice(&bytes), &record->pkcs8, &why);
        if (status == KF_OK)
            record->password_encoding = kf_encoding_name(order[i]);
        if (status == KF_SKIP && why.cause == KF_CAUSE_SECRET)
            status = KF_END;
        else if (why.cause != KF_CAUSE_NONE)
            *error = why;
    }
    kf_buf_reset(&bytes);
    return status;
}

static enum kf_status unlock(struct locked *locked, struct kf_record *record,
                             struct kf_error *error)
{
    struct kf_secrets *secrets = locked->options->secrets;
    size_t count = kf_secrets_password_count(secrets);
    size_t last = kf_secrets_last(secrets);

    for (size_t i = 0; i < count; i++) {
        size_t index = kf_secrets_try(last, i);
        enum kf_status status =
            try_password(locked, kf_secrets_password(secrets, index), record, error);

        if (status == KF_OK) {
            kf_secrets_worked(secrets, index);
            status = kf_secrets_tell(secrets, index, record, error);
        }
        if (status != KF_END)
            return status;
    }
    if (count == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "a password is needed");
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "wrong password: none of %zu fits",
                   count);
}

enum kf_status kf_pem_open_key(const struct kf_reader_options *options,
                               const struct kf_pem_block *block, struct kf_record *record,
                               struct kf_error *error)
{
    struct locked locked = {.options = options, .kind = block->kind};
    enum kf_status status;

    if (block->error.cause != KF_CAUSE_NONE) {
        *error = block->error;
        return KF_SKIP;
    }
    if (block->kind == KF_PEM_OTHER_KEY)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                       "%s is not a kind of key that is read here", block->label);
    if (block->cipher[0] == '\0' && block->kind != KF_PEM_ENCRYPTED)
        return convert(block->kind, kf_buf_slice(&block->bytes), &record->pkcs8, error);
    status = block->kind == KF_PEM_ENCRYPTED ? parse_pkcs8(block, &locked, error)
                                             : parse_dek(block, &locked, error);
    return status == KF_OK ? unlock(&locked, record, error) : status;
}

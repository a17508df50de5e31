/*
 * Lock boxes and bulk ciphers of a KMS export: see lockbox.h for the contract.
 *
 * Sources: XML Encryption 1.1 5.2 (bulk ciphers and their layout), 5.5 (key transport); RFC 8017 7.
 * Refused on purpose: PKCS #1 v1.5 for writing, keys that are not RSA, session keys of a length
 * that no bulk cipher has, GCM without its whole tag, padding longer than a block.
 */
#include "crypto/lockbox.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#define GCM_IV_SIZE  12
#define GCM_TAG_SIZE 16
#define MAX_BLOCK    16
#define MAX_BULK     (16u << 20) /* bytes of one bulk-encrypted value */

struct bulk_cipher {
    const char *uri;
    size_t key_size;
    size_t block; /* 0: GCM */
};

static const struct bulk_cipher bulk_ciphers[] = {
    [KF_BULK_AES128_GCM] = {"http://www.w3.org/2009/xmlenc11#aes128-gcm", 16, 0},
    [KF_BULK_AES256_GCM] = {"http://www.w3.org/2009/xmlenc11#aes256-gcm", 32, 0},
    [KF_BULK_AES128_CBC] = {"http://www.w3.org/2001/04/xmlenc#aes128-cbc", 16, 16},
    [KF_BULK_AES256_CBC] = {"http://www.w3.org/2001/04/xmlenc#aes256-cbc", 32, 16},
    [KF_BULK_3DES_CBC] = {"http://www.w3.org/2001/04/xmlenc#tripledes-cbc", 24, 8},
};

#define BULK_COUNT (sizeof(bulk_ciphers) / sizeof(bulk_ciphers[0]))

size_t kf_bulk_key_size(enum kf_bulk bulk)
{
    return bulk_ciphers[bulk].key_size;
}

const char *kf_bulk_uri(enum kf_bulk bulk)
{
    return bulk_ciphers[bulk].uri;
}

bool kf_bulk_find(const char *uri, enum kf_bulk *out)
{
    for (size_t i = 0; uri != NULL && i < BULK_COUNT; i++) {
        if (strcmp(uri, bulk_ciphers[i].uri) == 0) {
            *out = (enum kf_bulk)i;
            return true;
        }
    }
    return false;
}

static const EVP_CIPHER *cipher_of(const struct kf_crypto *crypto, enum kf_bulk bulk)
{
    switch (bulk) {
    case KF_BULK_AES128_GCM:
        return crypto->aes128_gcm;
    case KF_BULK_AES256_GCM:
        return crypto->aes256_gcm;
    case KF_BULK_AES128_CBC:
        return crypto->aes128_cbc;
    case KF_BULK_AES256_CBC:
        return crypto->aes256_cbc;
    case KF_BULK_3DES_CBC:
        return crypto->des3_cbc;
    }
    return NULL;
}

static bool set_transport(EVP_PKEY_CTX *context, const struct kf_crypto *crypto,
                          enum kf_transport transport)
{
    const EVP_MD *md = transport == KF_TRANSPORT_OAEP_SHA256 ? crypto->sha256 : crypto->sha1;

    if (transport == KF_TRANSPORT_RSA_1_5)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1;
}

static bool is_session_key_size(size_t len)
{
    return len == 16 || len == 24 || len == 32;
}

static enum kf_status not_this_key(struct kf_error *error)
{
    if (kf_openssl_no_memory())
        return kf_fail_memory(error);
    /* else why it did not open is nobody's business (RFC 8017 7.1.2) */
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, "XML Encryption 1.1 5.5",
                   "the lock box does not open with this key");
}

enum kf_status kf_lockbox_open(const struct kf_crypto *crypto, EVP_PKEY *key,
                               enum kf_transport transport, struct kf_slice wrapped,
                               struct kf_buf *session, struct kf_error *error)
{
    EVP_PKEY_CTX *context = NULL;
    size_t size = (size_t)EVP_PKEY_get_size(key);
    struct kf_buf opened = KF_SECRET_BUF;
    enum kf_status status = KF_FATAL;

    if (EVP_PKEY_is_a(key, "RSA") != 1 || wrapped.len != size)
        return not_this_key(error);
    if (kf_buf_reserve(&opened, size, error) != KF_OK)
        return KF_FATAL;
    context = EVP_PKEY_CTX_new_from_pkey(crypto->library, key, NULL);
    if (context == NULL || EVP_PKEY_decrypt_init(context) != 1 ||
        !set_transport(context, crypto, transport)) {
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                                 "cannot set up the key transport");
        goto out;
    }
    opened.len = size;
    if (EVP_PKEY_decrypt(context, opened.data, &opened.len, wrapped.data, wrapped.len) != 1 ||
        !is_session_key_size(opened.len)) {
        opened.len = size; /* for the wipe */
        status = not_this_key(error);
        goto out;
    }
    kf_buf_move(session, &opened); /* the caller owns the session key now */
    status = KF_OK;
out:
    kf_buf_reset(&opened);
    EVP_PKEY_CTX_free(context);
    return status;
}

enum kf_status kf_lockbox_seal(const struct kf_crypto *crypto, EVP_PKEY *key,
                               enum kf_transport transport, struct kf_slice session,
                               struct kf_buf *out, struct kf_error *error)
{
    EVP_PKEY_CTX *context = NULL;
    size_t size = (size_t)EVP_PKEY_get_size(key);
    enum kf_status status = KF_FATAL;

    if (transport == KF_TRANSPORT_RSA_1_5 || !is_session_key_size(session.len))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "a lock box is written by OAEP, for 16, 24 or 32 bytes");
    if (EVP_PKEY_is_a(key, "RSA") != 1)
        return kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, NULL, "a lock box is for an RSA key");
    if (kf_buf_reserve(out, size, error) != KF_OK)
        return KF_FATAL;
    context = EVP_PKEY_CTX_new_from_pkey(crypto->library, key, NULL);
    if (context == NULL || EVP_PKEY_encrypt_init(context) != 1 ||
        !set_transport(context, crypto, transport) ||
        EVP_PKEY_encrypt(context, out->data + out->len, &size, session.data, session.len) != 1) {
        status =
            kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot seal a lock box");
        goto out;
    }
    out->len += size;
    status = KF_OK;
out:
    EVP_PKEY_CTX_free(context);
    return status;
}

static enum kf_status bulk_refused(struct kf_error *error, const char *why)
{
    if (kf_openssl_no_memory())
        return kf_fail_memory(error);
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "XML Encryption 1.1 5.2", "%s", why);
}

static enum kf_status check_key(enum kf_bulk bulk, struct kf_slice key, struct kf_error *error)
{
    if (key.len == kf_bulk_key_size(bulk))
        return KF_OK;
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "XML Encryption 1.1 5.2",
                   "a key of %zu bytes for a cipher that takes %zu", key.len,
                   kf_bulk_key_size(bulk));
}

/* Decrypts to out, which has room; the padding of CBC is still there afterwards. */
static bool decrypt_to(EVP_CIPHER_CTX *context, struct kf_slice text, uint8_t *out, size_t *len)
{
    int first = 0;
    int last = 0;

    if (EVP_DecryptUpdate(context, out, &first, text.data, (int)text.len) != 1 ||
        EVP_DecryptFinal_ex(context, out + first, &last) != 1)
        return false;
    *len = (size_t)first + (size_t)last;
    return true;
}

static enum kf_status decrypt_gcm(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher,
                                  struct kf_slice key, struct kf_slice sealed, uint8_t *out,
                                  size_t *len, struct kf_error *error)
{
    uint8_t tag[GCM_TAG_SIZE];
    struct kf_slice text = {sealed.data + GCM_IV_SIZE, sealed.len - GCM_IV_SIZE - GCM_TAG_SIZE};

    memcpy(tag, text.data + text.len, sizeof(tag));
    if (EVP_DecryptInit_ex2(context, cipher, key.data, sealed.data, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot set up AES-GCM");
    if (!decrypt_to(context, text, out, len))
        return bulk_refused(error, "does not decrypt: the tag does not fit");
    return KF_OK;
}

/* The last byte says how long the padding is; what the rest of it holds is open (5.2.2). */
static enum kf_status decrypt_cbc(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, size_t block,
                                  struct kf_slice key, struct kf_slice sealed, uint8_t *out,
                                  size_t *len, struct kf_error *error)
{
    struct kf_slice text = {sealed.data + block, sealed.len - block};

    if (EVP_DecryptInit_ex2(context, cipher, key.data, sealed.data, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(context, 0) != 1 || !decrypt_to(context, text, out, len) ||
        *len != text.len)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "CBC decryption failed");
    if (out[*len - 1] == 0 || out[*len - 1] > block)
        return bulk_refused(error, "does not decrypt: the padding does not fit");
    *len -= out[*len - 1];
    return KF_OK;
}

/* Held against the layout before anything is allocated. */
static enum kf_status check_layout(const struct bulk_cipher *facts, size_t len,
                                   struct kf_error *error)
{
    if (len > MAX_BULK)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "an encrypted value of %zu bytes, more than %u", len, MAX_BULK);
    if (facts->block == 0 && len < GCM_IV_SIZE + GCM_TAG_SIZE)
        return bulk_refused(error, "shorter than IV and tag");
    if (facts->block != 0 && (len < 2 * facts->block || len % facts->block != 0))
        return bulk_refused(error, "not an IV and whole blocks");
    return KF_OK;
}

enum kf_status kf_bulk_decrypt(const struct kf_crypto *crypto, enum kf_bulk bulk,
                               struct kf_slice key, struct kf_slice sealed, struct kf_buf *out,
                               struct kf_error *error)
{
    const struct bulk_cipher *facts = &bulk_ciphers[bulk];
    EVP_CIPHER_CTX *context;
    uint8_t *to;
    size_t len = 0;
    enum kf_status status = check_key(bulk, key, error);

    if (status == KF_OK)
        status = check_layout(facts, sealed.len, error);
    if (status != KF_OK)
        return status;
    if (kf_buf_reserve(out, sealed.len, error) != KF_OK)
        return KF_FATAL;
    to = out->data + out->len;
    context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return kf_fail_memory(error);
    if (facts->block == 0)
        status = decrypt_gcm(context, cipher_of(crypto, bulk), key, sealed, to, &len, error);
    else
        status = decrypt_cbc(context, cipher_of(crypto, bulk), facts->block, key, sealed, to, &len,
                             error);
    EVP_CIPHER_CTX_free(context);
    kf_wipe(to + (status == KF_OK ? len : 0), sealed.len - (status == KF_OK ? len : 0));
    if (status == KF_OK)
        out->len += len;
    return status;
}

/* Ciphertext, padding and tag; to has room for plaintext.len + MAX_BLOCK + GCM_TAG_SIZE. */
static bool encrypt_to(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, bool gcm,
                       struct kf_slice key, const uint8_t *iv, struct kf_slice plaintext,
                       uint8_t *to, size_t *len)
{
    int first = 0;
    int last = 0;

    if (EVP_EncryptInit_ex2(context, cipher, key.data, iv, NULL) != 1 ||
        EVP_EncryptUpdate(context, to, &first, plaintext.data, (int)plaintext.len) != 1 ||
        EVP_EncryptFinal_ex(context, to + first, &last) != 1)
        return false;
    *len = (size_t)first + (size_t)last;
    if (gcm && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, to + *len) != 1)
        return false;
    *len += gcm ? GCM_TAG_SIZE : 0;
    return true;
}

enum kf_status kf_bulk_encrypt(const struct kf_crypto *crypto, enum kf_bulk bulk,
                               struct kf_slice key, const uint8_t *iv, struct kf_slice plaintext,
                               struct kf_buf *out, struct kf_error *error)
{
    bool gcm = bulk_ciphers[bulk].block == 0;
    size_t iv_size = gcm ? GCM_IV_SIZE : bulk_ciphers[bulk].block;
    EVP_CIPHER_CTX *context;
    size_t len = 0;
    enum kf_status status = check_key(bulk, key, error);

    if (status != KF_OK)
        return status;
    if (plaintext.len > MAX_BULK - 64)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "too long to encrypt");
    if (kf_buf_reserve(out, iv_size + plaintext.len + MAX_BLOCK + GCM_TAG_SIZE, error) != KF_OK)
        return KF_FATAL;
    context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return kf_fail_memory(error);
    memcpy(out->data + out->len, iv, iv_size);
    if (encrypt_to(context, cipher_of(crypto, bulk), gcm, key, iv, plaintext,
                   out->data + out->len + iv_size, &len))
        out->len += iv_size + len;
    else
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "encryption failed");
    EVP_CIPHER_CTX_free(context);
    return status;
}

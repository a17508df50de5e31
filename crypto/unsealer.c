/*
 * Opening many sealed keys with one recipient's key: see seal.h for the contract.
 *
 * What the shape of crypto/envelope.h has is opened directly, with contexts that are set up once,
 * so that a key costs little more than its RSA private operation. That way only ever succeeds:
 * whatever it does not know, and whatever does not open, goes to kf_unseal, which alone decides
 * what is said about it. Hence both ways have one outcome, and the error tells nothing about how
 * far this one came. OpenSSL's blinding is on, as it is by default; the copy of the key spares
 * threads from sharing it.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>

#include "core/limits.h"
#include "crypto/envelope.h"
#include "crypto/oid.h"
#include "crypto/seal.h"

#define NAMES     8     /* of other recipients that are remembered */
#define KEY_SPACE 2048u /* bytes of the largest RSA modulus */

struct kf_unsealer {
    const struct kf_crypto *crypto;
    struct kf_identity identity; /* key: a copy of our own; certificate: borrowed */
    bool is_direct;              /* an RSA key */
    struct kf_buf name;          /* by which the certificate is a recipient; empty without one */
    struct kf_buf learnt;        /* the last name that the key opened all the same */
    EVP_PKEY_CTX *transports[KF_ENVELOPE_TRANSPORTS]; /* NULL until the first use */
    EVP_CIPHER_CTX *cipher;
    struct kf_buf content_key;   /* secret */
    struct kf_buf others[NAMES]; /* names that OpenSSL could read */
    size_t next_other;
};

static enum kf_status fill(struct kf_unsealer *unsealer, const struct kf_identity *identity,
                           struct kf_error *error)
{
    unsealer->identity.certificate = identity->certificate;
    unsealer->identity.key = EVP_PKEY_dup(identity->key);
    if (unsealer->identity.key == NULL) { /* a key that stays in its device */
        ERR_clear_error();
        if (EVP_PKEY_up_ref(identity->key) != 1)
            return kf_fail_memory(error);
        unsealer->identity.key = identity->key;
    }
    unsealer->cipher = EVP_CIPHER_CTX_new();
    if (unsealer->cipher == NULL)
        return kf_fail_memory(error);
    unsealer->is_direct = EVP_PKEY_is_a(identity->key, "RSA") == 1 &&
                          EVP_PKEY_get_size(identity->key) <= (int)KEY_SPACE;
    if (!unsealer->is_direct)
        return KF_OK;
    if (kf_buf_reserve(&unsealer->content_key, (size_t)EVP_PKEY_get_size(identity->key), error) !=
        KF_OK)
        return KF_FATAL;
    return identity->certificate != NULL
               ? kf_envelope_name(identity->certificate, &unsealer->name, error)
               : KF_OK;
}

enum kf_status kf_unsealer_new(const struct kf_crypto *crypto, const struct kf_identity *identity,
                               struct kf_unsealer **out, struct kf_error *error)
{
    struct kf_unsealer *unsealer = calloc(1, sizeof(*unsealer));
    enum kf_status status;

    *out = NULL;
    if (unsealer == NULL)
        return kf_fail_memory(error);
    unsealer->crypto = crypto;
    unsealer->name = KF_PUBLIC_BUF;
    unsealer->learnt = KF_PUBLIC_BUF;
    for (size_t i = 0; i < NAMES; i++)
        unsealer->others[i] = KF_PUBLIC_BUF;
    status = fill(unsealer, identity, error);
    if (status != KF_OK) {
        kf_unsealer_free(unsealer);
        return status;
    }
    *out = unsealer;
    return KF_OK;
}

void kf_unsealer_free(struct kf_unsealer *unsealer)
{
    if (unsealer == NULL)
        return;
    for (size_t i = 0; i < KF_ENVELOPE_TRANSPORTS; i++)
        EVP_PKEY_CTX_free(unsealer->transports[i]);
    for (size_t i = 0; i < NAMES; i++)
        kf_buf_reset(&unsealer->others[i]);
    EVP_CIPHER_CTX_free(unsealer->cipher);
    EVP_PKEY_free(unsealer->identity.key);
    kf_buf_reset(&unsealer->content_key);
    kf_buf_reset(&unsealer->name);
    kf_buf_reset(&unsealer->learnt);
    free(unsealer);
}

/* NULL where it cannot be had. */
static EVP_PKEY_CTX *transport_of(struct kf_unsealer *unsealer, enum kf_envelope_transport which)
{
    const struct kf_crypto *crypto = unsealer->crypto;
    EVP_PKEY_CTX *context = unsealer->transports[which];
    bool done;

    if (context != NULL)
        return context;
    context = EVP_PKEY_CTX_new_from_pkey(crypto->library, unsealer->identity.key, NULL);
    done = context != NULL && EVP_PKEY_decrypt_init(context) == 1;
    switch (which) {
    case KF_ENVELOPE_RSA_1_5:
        done = done && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
        /* newer versions give a random key for a broken one unless they are told, as CMS does */
        if (done)
            (void)EVP_PKEY_CTX_ctrl_str(context, "rsa_pkcs1_implicit_rejection", "0");
        break;
    case KF_ENVELOPE_OAEP_SHA256:
        done = done && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_oaep_md(context, crypto->sha256) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, crypto->sha256) == 1;
        break;
    }
    if (!done) {
        EVP_PKEY_CTX_free(context);
        context = NULL;
    }
    unsealer->transports[which] = context;
    return context;
}

static const EVP_CIPHER *cipher_of(const struct kf_crypto *crypto, enum kf_envelope_cipher cipher)
{
    switch (cipher) {
    case KF_ENVELOPE_AES128_CBC:
        return crypto->aes128_cbc;
    case KF_ENVELOPE_AES192_CBC:
        return crypto->aes192_cbc;
    case KF_ENVELOPE_AES256_CBC:
        return crypto->aes256_cbc;
    case KF_ENVELOPE_3DES_CBC:
        return crypto->des3_cbc;
    case KF_ENVELOPE_AES128_GCM:
        return crypto->aes128_gcm;
    case KF_ENVELOPE_AES256_GCM:
        return crypto->aes256_gcm;
    }
    return NULL;
}

/* Whether kf_unseal could read the name of another recipient: a few names come again and again. */
static bool is_readable(struct kf_unsealer *unsealer, struct kf_slice name)
{
    PKCS7_ISSUER_AND_SERIAL *read;
    const unsigned char *at = name.data;
    struct kf_buf *kept = &unsealer->others[unsealer->next_other];

    for (size_t i = 0; i < NAMES; i++) {
        if (kf_bytes_equal(kf_buf_slice(&unsealer->others[i]), name))
            return true;
    }
    read = name.len > LONG_MAX ? NULL : d2i_PKCS7_ISSUER_AND_SERIAL(NULL, &at, (long)name.len);
    if (read == NULL || at != name.data + name.len) {
        PKCS7_ISSUER_AND_SERIAL_free(read);
        return false;
    }
    PKCS7_ISSUER_AND_SERIAL_free(read);
    unsealer->next_other = (unsealer->next_other + 1) % NAMES;
    return kf_buf_set(kept, name, NULL) == KF_OK;
}

static bool open_key(struct kf_unsealer *unsealer, const struct kf_envelope_recipient *recipient)
{
    EVP_PKEY_CTX *context = transport_of(unsealer, recipient->transport);
    size_t len = unsealer->content_key.cap;

    if (context == NULL || EVP_PKEY_decrypt(context, unsealer->content_key.data, &len,
                                            recipient->key.data, recipient->key.len) != 1)
        return false;
    unsealer->content_key.len = len;
    return true;
}

static bool open_content(struct kf_unsealer *unsealer, const struct kf_envelope *envelope,
                         struct kf_buf *out)
{
    const EVP_CIPHER *cipher = cipher_of(unsealer->crypto, envelope->cipher);
    EVP_CIPHER_CTX *context = unsealer->cipher;
    uint8_t *to = out->data + out->len;
    uint8_t tag[16];
    int first = 0;
    int last = 0;

    if (unsealer->content_key.len != (size_t)EVP_CIPHER_get_key_length(cipher) ||
        EVP_DecryptInit_ex2(context, cipher, unsealer->content_key.data, envelope->iv.data, NULL) !=
            1)
        return false;
    if (envelope->tag.len != 0) {
        memcpy(tag, envelope->tag.data, sizeof(tag)); /* of that size, and OpenSSL wants no const */
        if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
            return false;
    }
    if (EVP_DecryptUpdate(context, to, &first, envelope->text.data, (int)envelope->text.len) != 1 ||
        EVP_DecryptFinal_ex(context, to + first, &last) != 1) {
        kf_wipe(to, envelope->text.len);
        return false;
    }
    out->len += (size_t)first + (size_t)last;
    return true;
}

static bool open_recipient(struct kf_unsealer *unsealer, const struct kf_envelope *envelope,
                           const struct kf_envelope_recipient *recipient, struct kf_buf *out)
{
    bool opened = open_key(unsealer, recipient) && open_content(unsealer, envelope, out);

    unsealer->content_key.len = unsealer->content_key.cap; /* also what failed may have written */
    kf_buf_clear(&unsealer->content_key);
    return opened;
}

/*
 * The recipient that the certificate names. Where there is none, as kf_unseal does: whichever
 * opens, which is the same one in row after row.
 */
static bool open_directly(struct kf_unsealer *unsealer, const struct kf_envelope *envelope,
                          struct kf_buf *out)
{
    const struct kf_envelope_recipient *ours =
        kf_envelope_find(envelope, kf_buf_slice(&unsealer->name));

    for (size_t i = 0; i < envelope->recipient_count; i++) {
        if (!is_readable(unsealer, envelope->recipients[i].name))
            return false;
    }
    if (ours == NULL)
        ours = kf_envelope_find(envelope, kf_buf_slice(&unsealer->learnt));
    if (ours != NULL || unsealer->learnt.len != 0)
        return ours != NULL && open_recipient(unsealer, envelope, ours, out);
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        if (!open_recipient(unsealer, envelope, &envelope->recipients[i], out))
            continue;
        if (kf_buf_set(&unsealer->learnt, envelope->recipients[i].name, NULL) != KF_OK)
            kf_buf_clear(&unsealer->learnt); /* then it is found again the next time */
        return true;
    }
    return false;
}

enum kf_status kf_unsealer_open(struct kf_unsealer *unsealer, struct kf_slice sealed,
                                struct kf_buf *out, struct kf_error *error)
{
    struct kf_envelope envelope;

    if (unsealer->is_direct && sealed.len <= KF_MAX_ENVELOPE &&
        kf_envelope_parse(sealed, &envelope)) {
        /* more than the text: a cipher may write a block before it knows better */
        if (kf_buf_reserve(out, envelope.text.len + EVP_MAX_BLOCK_LENGTH, error) != KF_OK)
            return KF_FATAL;
        if (open_directly(unsealer, &envelope, out))
            return KF_OK;
    }
    ERR_clear_error();
    return kf_unseal(unsealer->crypto, sealed, &unsealer->identity, out, error);
}

/*
 * Opening what was sealed: see seal.h for the contract.
 *
 * Read by OpenSSL's CMS, so BER, any content cipher that OpenSSL has and any RSA key transport will
 * do. A recipient is opened by itself and told from the content, and without CMS's cover for
 * servers that answer strangers (a random key where the right one fails), so that the caller hears
 * whether it is sealed to this key at all: who may ask here has the key file at hand. Refused: more
 * than one value, and recipients by key agreement, password or shared key, which no archive has.
 */
#include <openssl/cms.h>
#include <openssl/err.h>

#include "core/limits.h"
#include "crypto/cms.h"
#include "crypto/seal.h"

#define MAX_TRIES 256 /* recipients that one key is tried on */

struct opening {
    CMS_ContentInfo *cms;
    const struct kf_identity *identity;
    size_t size; /* of the whole, which the plaintext never reaches */
    struct kf_buf *out;
};

/* One text whatever part of it is wrong, the padding of the content key or the content. */
static enum kf_status does_not_decrypt(struct kf_error *error)
{
    ERR_clear_error();
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 6.3",
                   "what is sealed to this key does not decrypt");
}

/* The content, with the content key that the recipient gave. KF_SKIP: does not decrypt. */
static enum kf_status read_content(const struct opening *opening, struct kf_error *error)
{
    size_t start = opening->out->len;
    enum kf_status status = kf_buf_reserve(opening->out, opening->size, error);
    BIO *content;
    int count;

    if (status != KF_OK)
        return status;
    content = CMS_dataInit(opening->cms, NULL);
    if (content == NULL)
        return does_not_decrypt(error);
    do {
        count = BIO_read(content, opening->out->data + opening->out->len,
                         (int)(opening->size - (opening->out->len - start)));
        opening->out->len += count > 0 ? (size_t)count : 0;
    } while (count > 0 && opening->out->len - start < opening->size);
    if (count != 0 || BIO_get_cipher_status(content) != 1) {
        kf_wipe(opening->out->data + start, opening->out->len - start);
        opening->out->len = start;
        status = does_not_decrypt(error);
    }
    BIO_free_all(content);
    return status;
}

/* Gets the content key out of a recipient. */
static bool open_recipient(const struct opening *opening, CMS_RecipientInfo *recipient)
{
    EVP_PKEY *key = opening->identity->key;
    bool opened;

    if (EVP_PKEY_up_ref(key) != 1)
        return false;
    if (CMS_RecipientInfo_set0_pkey(recipient, key) != 1) {
        EVP_PKEY_free(key);
        return false;
    }
    opened = CMS_RecipientInfo_decrypt(opening->cms, recipient) == 1;
    (void)CMS_RecipientInfo_set0_pkey(recipient, NULL);
    kf_openssl_forget();
    return opened;
}

/* The recipient that the certificate names, or NULL. */
static CMS_RecipientInfo *find_recipient(const struct opening *opening)
{
    STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(opening->cms);

    for (int i = 0; opening->identity->certificate != NULL && i < sk_CMS_RecipientInfo_num(all);
         i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(all, i);

        if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS &&
            CMS_RecipientInfo_ktri_cert_cmp(recipient, opening->identity->certificate) == 0)
            return recipient;
    }
    return NULL;
}

static enum kf_status not_for_this_key(struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, "RFC 5652 6.2", "not sealed to this key");
}

/*
 * Tries the key on each, as a certificate may have been renewed for the same key. A foreign
 * recipient that seems to open by chance gives a content that does not decrypt: then the next.
 */
static enum kf_status try_all(const struct opening *opening, struct kf_error *error)
{
    STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(opening->cms);
    struct kf_error first = {.cause = KF_CAUSE_NONE};
    int count = sk_CMS_RecipientInfo_num(all);

    if (count > MAX_TRIES)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "sealed to %d recipients, more than %d, and none is by this certificate",
                       count, MAX_TRIES);
    for (int i = 0; i < count; i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(all, i);
        enum kf_status status;

        if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_TRANS ||
            !open_recipient(opening, recipient))
            continue;
        status = read_content(opening, &first);
        if (status == KF_OK)
            return KF_OK;
    }
    if (first.cause == KF_CAUSE_NONE)
        return not_for_this_key(error);
    return kf_fail(error, first.cause == KF_CAUSE_MEMORY ? KF_FATAL : KF_SKIP, first.cause,
                   first.rule, "%s", first.text);
}

static enum kf_status open_envelope(const struct opening *opening, struct kf_error *error)
{
    CMS_RecipientInfo *recipient;
    int type = OBJ_obj2nid(CMS_get0_type(opening->cms));

    if (type != NID_pkcs7_enveloped && type != NID_id_smime_ct_authEnvelopedData)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 6",
                       "neither EnvelopedData nor AuthEnvelopedData");
    if (EVP_PKEY_is_a(opening->identity->key, "RSA") != 1)
        return not_for_this_key(error);
    /* this call only sets the flag: no random content key in place of one that does not fit */
    if (CMS_decrypt(opening->cms, NULL, NULL, NULL, NULL, CMS_DEBUG_DECRYPT) != 1)
        return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 6",
                               "the envelope cannot be read");
    recipient = find_recipient(opening);
    if (recipient == NULL)
        return try_all(opening, error);
    if (!open_recipient(opening, recipient))
        return does_not_decrypt(error);
    return read_content(opening, error);
}

enum kf_status kf_unseal(const struct kf_crypto *crypto, struct kf_slice sealed,
                         const struct kf_identity *identity, struct kf_buf *out,
                         struct kf_error *error)
{
    struct opening opening = {.identity = identity, .size = sealed.len, .out = out};
    enum kf_status status;

    if (sealed.len > KF_MAX_ENVELOPE)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a sealed key of %zu bytes, more than %u", sealed.len, KF_MAX_ENVELOPE);
    status = kf_cms_parse(crypto, sealed, &opening.cms, error);
    if (status != KF_OK)
        return status;
    status = open_envelope(&opening, error);
    CMS_ContentInfo_free(opening.cms);
    ERR_clear_error();
    return status;
}

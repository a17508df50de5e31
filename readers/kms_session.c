/*
 * The session key of a KMS export, out of its lock boxes (docs/formats/kms-export.md, Document).
 *
 * OAEP says by itself whether a key fits. PKCS #1 v1.5 may give noise for a key that does not
 * (implicit rejection), which is then told by its length, or by the first keys that it should open.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "core/der.h"
#include "crypto/cert.h"
#include "crypto/secrets.h"
#include "readers/kms_open.h"

#define RULE        "kms-export, Document"
#define PROBED_KEYS 16 /* of the users that wait */

/* The next character of a name that counts: no spaces after a comma, which tools write or not. */
static char next_char(const char **text, const char *end, bool *after_comma)
{
    char c;

    while (*after_comma && *text < end && **text == ' ')
        (*text)++;
    c = *text < end ? *(*text)++ : '\0';
    *after_comma = c == ',';
    return c;
}

static bool same_name(struct kf_slice a, const char *b)
{
    const char *a_text = (const char *)a.data;
    const char *a_end = a_text + a.len;
    const char *b_end = b + strlen(b);
    bool a_comma = false;
    bool b_comma = false;

    for (;;) {
        char x = next_char(&a_text, a_end, &a_comma);
        char y = next_char(&b, b_end, &b_comma);

        if (strncasecmp(&x, &y, 1) != 0)
            return false;
        if (x == '\0')
            return true;
    }
}

static enum kf_status is_issuer(struct kf_slice text, const X509 *certificate, bool *is_same,
                                struct kf_error *error)
{
    uint8_t *der = NULL;
    int len = i2d_X509_NAME(X509_get_issuer_name(certificate), &der);
    char *name = len > 0 ? kf_name_text((struct kf_slice){der, (size_t)len}) : NULL;
    enum kf_status status = name != NULL ? KF_OK : kf_fail_memory(error);

    *is_same = name != NULL && same_name(text, name);
    free(name);
    OPENSSL_free(der);
    return status;
}

static enum kf_status is_serial(struct kf_slice text, const X509 *certificate, bool *is_same,
                                struct kf_error *error)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *digits = number != NULL ? BN_bn2dec(number) : NULL;
    enum kf_status status = digits != NULL ? KF_OK : kf_fail_memory(error);

    while (text.len > 1 && text.data[0] == '0') {
        text.data++;
        text.len--;
    }
    *is_same =
        digits != NULL && strlen(digits) == text.len && memcmp(digits, text.data, text.len) == 0;
    OPENSSL_free(digits);
    BN_free(number);
    return status;
}

/* KF_FATAL: memory. */
static enum kf_status is_recipient(const struct kf_kms_lock_box *box,
                                   const struct kf_identity *identity, bool *is_it,
                                   struct kf_error *error)
{
    enum kf_status status = KF_OK;

    *is_it = identity->certificate != NULL;
    if (*is_it)
        status = is_serial(kf_buf_slice(&box->serial), identity->certificate, is_it, error);
    if (*is_it)
        status = is_issuer(kf_buf_slice(&box->issuer), identity->certificate, is_it, error);
    return status;
}

enum kf_status kf_kms_key_open(const struct kf_crypto *crypto, const struct kf_kms_user *user,
                               const struct kf_kms_key *key, struct kf_slice session,
                               struct kf_buf *out, struct kf_error *error)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_slice method = kf_kms_text(user, key->method);
    enum kf_status status;

    if (!key->is_bulk_known)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, RULE,
                       "the cipher %.*s is not one that is read here",
                       (int)(method.len < KF_KMS_URI ? method.len : KF_KMS_URI),
                       (const char *)method.data);
    if (session.len != kf_bulk_key_size(key->bulk))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                       "%s wants a key of %zu bytes, but the lock boxes hold one of %zu",
                       kf_bulk_uri(key->bulk), kf_bulk_key_size(key->bulk), session.len);
    status = kf_base64_decode(&sealed, kf_kms_text(user, key->sealed), error);
    if (status == KF_OK)
        status = kf_bulk_decrypt(crypto, key->bulk, session, kf_buf_slice(&sealed), out, error);
    kf_buf_reset(&sealed);
    return status;
}

/* Whether a session key opens one of the keys at hand; true as well where there are none. */
static enum kf_status opens_something(const struct kf_crypto *crypto,
                                      const struct kf_kms_frame *frame, struct kf_slice session,
                                      bool *opens)
{
    struct kf_buf plain = KF_SECRET_BUF;
    enum kf_status status = KF_SKIP;
    unsigned tried = 0;
    bool opened = false;

    for (const struct kf_kms_user *user = frame->first; user != NULL; user = user->next) {
        for (size_t i = 0; i < user->key_count && !opened && tried < PROBED_KEYS; i++) {
            kf_buf_clear(&plain);
            tried++;
            status = kf_kms_key_open(crypto, user, &user->keys[i], session, &plain, NULL);
            if (status == KF_FATAL)
                tried = PROBED_KEYS;
            opened = status == KF_OK && kf_der_is_single(kf_buf_slice(&plain), KF_DER_SEQUENCE);
        }
    }
    kf_buf_reset(&plain);
    *opens = opened || tried == 0;
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

/* One box with one key. A length that no cipher has is noise too. KF_FATAL: memory. */
static enum kf_status try_box(const struct kf_reader_options *options, struct kf_kms_frame *frame,
                              struct kf_kms_lock_box *box, const struct kf_identity *identity,
                              bool is_for_it, struct kf_buf *session)
{
    bool is_noise;
    bool opens = true;
    enum kf_status status;

    kf_buf_clear(session);
    status = kf_lockbox_open(options->crypto, identity->key, box->transport,
                             kf_buf_slice(&box->wrapped), session, NULL);
    if (status != KF_OK)
        return status;
    is_noise = session->len != 16 && session->len != 24 && session->len != 32;
    if (!is_noise && box->transport == KF_TRANSPORT_RSA_1_5 && !is_for_it)
        status = opens_something(options->crypto, frame, kf_buf_slice(session), &opens);
    if (status != KF_OK)
        return status;
    if (is_noise || !opens)
        return KF_SKIP;
    box->is_opened = true;
    return KF_OK;
}

static enum kf_status none_opens(const struct kf_reader_options *options,
                                 const struct kf_kms_frame *frame, struct kf_error *error)
{
    size_t count = kf_secrets_identity_count(options->secrets);
    const char *label = kf_secrets_identity(options->secrets, 0)->label;
    size_t unknown = 0;

    for (size_t i = 0; i < frame->box_count; i++)
        unknown += !frame->boxes[i].is_known;
    if (unknown == frame->box_count)
        return kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, RULE,
                       "none of the %zu lock boxes has a key transport that is read here (%s)",
                       frame->box_count, frame->boxes[0].method);
    if (count > 1)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, RULE,
                       "none of the %zu lock boxes opens with any of the %zu keys given",
                       frame->box_count, count);
    return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, RULE,
                   "none of the %zu lock boxes opens with the key %.200s", frame->box_count,
                   label != NULL ? label : "given");
}

enum kf_status kf_kms_session_open(const struct kf_reader_options *options,
                                   struct kf_kms_frame *frame, struct kf_buf *session,
                                   struct kf_error *error)
{
    size_t identities = kf_secrets_identity_count(options->secrets);

    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < frame->box_count * identities; i++) {
            struct kf_kms_lock_box *box = &frame->boxes[i / identities];
            const struct kf_identity *identity =
                kf_secrets_identity(options->secrets, i % identities);
            enum kf_status status = KF_SKIP;
            bool is_for_it = false;

            if (box->is_known && is_recipient(box, identity, &is_for_it, error) != KF_OK)
                return KF_FATAL;
            /* first those that say they are for this key, then the others */
            if (box->is_known && is_for_it == (round == 0))
                status = try_box(options, frame, box, identity, is_for_it, session);
            if (status != KF_SKIP)
                return status == KF_OK ? KF_OK : kf_fail_memory(error);
        }
    }
    kf_buf_reset(session);
    return none_opens(options, frame, error);
}

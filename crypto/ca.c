/*
 * A CA of one's own: see ca.h for the contract.
 *
 * A serial number has 127 random bits (RFC 5280 4.1.2.2), and the subject is one UTF8String, so
 * that any name may be given; longer than 64 characters is refused (RFC 5280 A.1, ub-common-name).
 */
#include "crypto/ca.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define KEY_BITS      3072
#define SERIAL_SIZE   16
#define VALID_DAYS    3652          /* ten years with two leap days */
#define CLOCK_SKEW    (-(60 * 10L)) /* seconds: clocks of those who check it may be slow */
#define NAME_MAX_SIZE (64 * 4)      /* bytes, UTF-8 */

static bool set_serial(const struct kf_crypto *crypto, X509 *certificate, struct kf_error *error)
{
    uint8_t bytes[SERIAL_SIZE];
    BIGNUM *number;
    bool done;

    if (kf_random(crypto, bytes, sizeof(bytes), false, error) != KF_OK)
        return false;
    bytes[0] &= 0x7f;
    bytes[0] |= 0x40; /* so that the length is always the same */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_names(X509 *certificate, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
                                      (const unsigned char *)name, (int)strlen(name), -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static bool set_extensions(X509 *certificate)
{
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE"},
        {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
    };
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value);
        int added = extension != NULL && X509_add_ext(certificate, extension, -1);

        X509_EXTENSION_free(extension);
        if (!added)
            return false;
    }
    return true;
}

static bool fill(const struct kf_crypto *crypto, const char *name, const struct kf_identity *ca,
                 struct kf_error *error)
{
    X509 *certificate = ca->certificate;

    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           set_serial(crypto, certificate, error) && set_names(certificate, name) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), CLOCK_SKEW) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, CLOCK_SKEW, NULL) !=
               NULL &&
           X509_set_pubkey(certificate, ca->key) == 1 && set_extensions(certificate) &&
           X509_sign(certificate, ca->key, crypto->sha256) > 0;
}

/* Characters of UTF-8 text; 0 where it is empty or not UTF-8. */
static size_t count_characters(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    int left = (int)strnlen(text, NAME_MAX_SIZE + 1);
    size_t count = 0;

    for (; left > 0; count++) {
        unsigned long character;
        int size = UTF8_getc(at, left, &character);

        if (size <= 0)
            return 0;
        at += size;
        left -= size;
    }
    return count;
}

enum kf_status kf_ca_make(const struct kf_crypto *crypto, const char *name, struct kf_identity *out,
                          struct kf_error *error)
{
    size_t characters = count_characters(name);
    struct kf_identity ca = {.key = NULL};

    *out = (struct kf_identity){.key = NULL};
    if (characters == 0 || characters > ub_common_name)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, "RFC 5280 A.1",
                       "a CA's name has 1 to %d characters of UTF-8", ub_common_name);
    ca.key = EVP_PKEY_Q_keygen(crypto->library, NULL, "RSA", (size_t)KEY_BITS);
    ca.certificate = X509_new_ex(crypto->library, NULL);
    ca.others = sk_X509_new_null();
    ca.label = kf_strndup(name, strlen(name));
    if (ca.key == NULL || ca.certificate == NULL || ca.others == NULL || ca.label == NULL ||
        !fill(crypto, name, &ca, error)) {
        kf_identity_reset(&ca);
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "cannot make the CA's certificate");
    }
    *out = ca; /* the caller owns its parts now */
    return KF_OK;
}

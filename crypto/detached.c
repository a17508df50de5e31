/*
 * Detached signatures (RFC 5652 5) over an input of any size: see lockbox.h for the contract.
 *
 * The bytes are digested in one pass; nothing of them is kept. The usual signature states their
 * SHA-256, which an input knows of itself; any other has them go through CMS's digests as well.
 * Only the allowed certificates are looked at for a signer, so that what a signature carries cannot
 * stand in for them. Refused: signatures without a signer, with one that is not allowed or does not
 * verify, with content inside, with digests weaker than SHA-256, and bytes after the signature.
 */
#include "crypto/lockbox.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "core/limits.h"
#include "crypto/cert.h"
#include "crypto/cms.h"

#define CHUNK       (64u << 10) /* bytes read at a time */
#define MAX_SIGNERS 16
#define MAX_DIGESTS 16 /* that the content goes through */

static enum kf_status refused(struct kf_error *error, const char *why)
{
    return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_DATA, "RFC 5652 5", "the signature %s", why);
}

static enum kf_status parse(const struct kf_crypto *crypto, struct kf_slice signature,
                            CMS_ContentInfo **out, struct kf_error *error)
{
    struct kf_buf decoded = KF_PUBLIC_BUF;
    struct kf_slice body;
    enum kf_status status = KF_FATAL;

    *out = NULL;
    if (signature.len > KF_MAX_SIGNATURE)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "the signature has more than %u bytes", KF_MAX_SIGNATURE);
    if (kf_cms_unarmour(signature, &decoded, &body, error) == KF_OK &&
        kf_cms_parse(crypto, body, out, error) == KF_OK)
        status = KF_OK;
    kf_buf_reset(&decoded);
    return status;
}

/* Also of the signature's own algorithm, where that names one (ECDSA with SHA-1, say). */
static bool digests_are_good(CMS_SignerInfo *signer)
{
    static const int good[] = {NID_sha256,   NID_sha384,   NID_sha512,  NID_sha512_256,
                               NID_sha3_256, NID_sha3_384, NID_sha3_512};
    X509_ALGOR *digest = NULL;
    X509_ALGOR *signature = NULL;
    const ASN1_OBJECT *object = NULL;
    int nid;
    int named = NID_undef;

    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
    X509_ALGOR_get0(&object, NULL, NULL, digest);
    nid = OBJ_obj2nid(object);
    X509_ALGOR_get0(&object, NULL, NULL, signature);
    if (OBJ_find_sigid_algs(OBJ_obj2nid(object), &named, NULL) == 1 && named != NID_undef &&
        named != nid)
        return false;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (nid == good[i])
            return true;
    }
    return false;
}

static enum kf_status check_structure(CMS_ContentInfo *cms, struct kf_error *error)
{
    STACK_OF(CMS_SignerInfo) * signers;
    int count;

    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        return refused(error, "is no SignedData");
    if (CMS_is_detached(cms) != 1)
        return refused(error, "has content of its own");
    signers = CMS_get0_SignerInfos(cms);
    count = signers != NULL ? sk_CMS_SignerInfo_num(signers) : 0;
    if (count < 1)
        return refused(error, "has no signer");
    if (count > MAX_SIGNERS)
        return refused(error, "has too many signers");
    for (int i = 0; i < count; i++) {
        if (!digests_are_good(sk_CMS_SignerInfo_value(signers, i)))
            return refused(error, "has a digest weaker than SHA-256, or one that is unknown");
    }
    return KF_OK;
}

static enum kf_status signer_not_allowed(CMS_SignerInfo *signer, struct kf_error *error)
{
    X509_NAME *issuer = NULL;
    ASN1_INTEGER *number = NULL;
    ASN1_OCTET_STRING *key_identifier = NULL;
    uint8_t *name = NULL;
    char serial[80] = "?";
    char *text = NULL;
    int len = 0;
    enum kf_status status;

    (void)CMS_SignerInfo_get0_signer_id(signer, &key_identifier, &issuer, &number);
    if (issuer != NULL)
        len = i2d_X509_NAME(issuer, &name);
    if (len > 0)
        text = kf_name_text((struct kf_slice){name, (size_t)len});
    if (number != NULL && (size_t)ASN1_STRING_length(number) < sizeof(serial) / 2)
        kf_hex(serial, ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number));
    ERR_clear_error();
    if (text != NULL)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                         "signed by serial number %s of %s, who is not the export-signing "
                         "certificate nor trusted",
                         serial, text);
    else
        status = kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                         "signed by one who is not the export-signing certificate nor trusted");
    free(text);
    OPENSSL_free(name);
    return status;
}

/* Gives every signer its certificate, from the allowed ones alone. */
static enum kf_status assign_signers(CMS_ContentInfo *cms, STACK_OF(X509) * allowed,
                                     struct kf_error *error)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);
        X509 *certificate = NULL;

        for (int j = 0; certificate == NULL && j < sk_X509_num(allowed); j++) {
            if (CMS_SignerInfo_cert_cmp(signer, sk_X509_value(allowed, j)) == 0)
                certificate = sk_X509_value(allowed, j);
        }
        if (certificate == NULL)
            return signer_not_allowed(signer, error);
        CMS_SignerInfo_set1_signer_cert(signer, certificate);
    }
    return KF_OK;
}

static enum kf_status parse_allowed(const struct kf_crypto *crypto, const struct kf_slice *allowed,
                                    size_t count, STACK_OF(X509) * out, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        X509 *certificate = kf_x509_parse(crypto, allowed[i], error);

        if (certificate == NULL)
            return KF_FATAL;
        if (sk_X509_push(out, certificate) <= 0) {
            X509_free(certificate);
            return kf_fail_memory(error);
        }
    }
    return KF_OK;
}

/* Reads input to its end, into CMS's digests. */
static enum kf_status digest_input(struct kf_input *input, BIO *digests, struct kf_error *error)
{
    for (;;) {
        struct kf_slice bytes;
        enum kf_status status = kf_input_peek(input, CHUNK, &bytes, error);

        if (status != KF_OK)
            return KF_FATAL;
        if (bytes.len == 0)
            return KF_OK;
        bytes.len = bytes.len < CHUNK ? bytes.len : CHUNK;
        if (BIO_write(digests, bytes.data, (int)bytes.len) != (int)bytes.len)
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
        kf_input_consume(input, bytes.len);
    }
}

static bool too_many_digests(BIO *chain)
{
    unsigned count = 0;

    for (; chain != NULL; chain = BIO_next(chain))
        count += BIO_method_type(chain) == BIO_TYPE_MD;
    return count > MAX_DIGESTS;
}

/* Whether every signer states the content's SHA-256 in its signed attributes. */
static bool states_sha256(CMS_ContentInfo *cms)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);
        X509_ALGOR *digest = NULL;
        const ASN1_OBJECT *object = NULL;

        CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
        X509_ALGOR_get0(&object, NULL, NULL, digest);
        if (CMS_signed_get_attr_count(signer) < 0 || OBJ_obj2nid(object) != NID_sha256)
            return false;
    }
    return true;
}

/* messageDigest (RFC 5652 11.2): one attribute, with one value. */
static bool is_stated(const CMS_SignerInfo *signer, const uint8_t sha256[KF_INPUT_DIGEST_SIZE])
{
    const ASN1_OCTET_STRING *stated = CMS_signed_get0_data_by_OBJ(
        signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);

    return stated != NULL && ASN1_STRING_length(stated) == KF_INPUT_DIGEST_SIZE &&
           memcmp(ASN1_STRING_get0_data(stated), sha256, KF_INPUT_DIGEST_SIZE) == 0;
}

/* digests is NULL where every signer states the SHA-256. */
static enum kf_status verify_signers(CMS_ContentInfo *cms, BIO *digests,
                                     const uint8_t sha256[KF_INPUT_DIGEST_SIZE],
                                     struct kf_error *error)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);

        if (!kf_cms_type_fits(cms, signer))
            return refused(error, "is for content of another type");
        /* the signed attributes by the key; then their digest, or the signature, by the content */
        if (CMS_signed_get_attr_count(signer) >= 0 && CMS_SignerInfo_verify(signer) != 1)
            return refused(error, "does not verify with the signer's certificate");
        if (digests != NULL ? CMS_SignerInfo_verify_content(signer, digests) != 1
                            : !is_stated(signer, sha256))
            return refused(error, "does not belong to these bytes: they were altered");
    }
    return KF_OK;
}

/* The digest of the whole input, by the input itself. */
static enum kf_status read_sha256(const struct kf_crypto *crypto, struct kf_input *input,
                                  uint8_t sha256[KF_INPUT_DIGEST_SIZE], struct kf_error *error)
{
    struct kf_input_facts facts;

    if (kf_input_hash(input, crypto->sha256, error) != KF_OK ||
        kf_input_skip_rest(input, error) != KF_OK)
        return KF_FATAL;
    kf_input_facts(input, &facts);
    if (!facts.has_digest)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
    memcpy(sha256, facts.sha256, KF_INPUT_DIGEST_SIZE);
    return KF_OK;
}

static enum kf_status read_and_verify(const struct kf_crypto *crypto, CMS_ContentInfo *cms,
                                      struct kf_input *input, struct kf_error *error)
{
    BIO *chain = CMS_dataInit(cms, NULL);
    bool is_usual = states_sha256(cms);
    uint8_t sha256[KF_INPUT_DIGEST_SIZE];
    enum kf_status status;

    if (chain == NULL)
        status = refused(error, "cannot be checked");
    else if (too_many_digests(chain))
        status = refused(error, "has too many digests");
    else
        status = is_usual ? read_sha256(crypto, input, sha256, error)
                          : digest_input(input, chain, error);
    if (status == KF_OK)
        status = verify_signers(cms, is_usual ? NULL : chain, sha256, error);
    BIO_free_all(chain);
    return status;
}

/* The subject of the first signer. */
static enum kf_status name_signer(CMS_ContentInfo *cms, char **out, struct kf_error *error)
{
    X509 *certificate = NULL;
    uint8_t *name = NULL;
    int len;

    CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0), NULL,
                             &certificate, NULL, NULL);
    len = i2d_X509_NAME(X509_get_subject_name(certificate), &name);
    *out = len > 0 ? kf_name_text((struct kf_slice){name, (size_t)len}) : NULL;
    OPENSSL_free(name);
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

enum kf_status kf_detached_verify(const struct kf_crypto *crypto, struct kf_slice signature,
                                  struct kf_input *input, const struct kf_slice *allowed,
                                  size_t allowed_count, char **signer, struct kf_error *error)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    CMS_ContentInfo *cms = NULL;
    enum kf_status status = KF_FATAL;

    if (signer != NULL)
        *signer = NULL;
    if (certificates == NULL)
        return kf_fail_memory(error);
    if (parse(crypto, signature, &cms, error) == KF_OK && check_structure(cms, error) == KF_OK &&
        parse_allowed(crypto, allowed, allowed_count, certificates, error) == KF_OK &&
        assign_signers(cms, certificates, error) == KF_OK)
        status = read_and_verify(crypto, cms, input, error);
    if (status == KF_OK && signer != NULL)
        status = name_signer(cms, signer, error);
    CMS_ContentInfo_free(cms);
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return status;
}

enum kf_status kf_detached_sign(const struct kf_crypto *crypto, const struct kf_identity *signer,
                                struct kf_input *input, struct kf_buf *out, struct kf_error *error)
{
    const unsigned flags = CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP;
    CMS_ContentInfo *cms = NULL;
    BIO *chain = NULL;
    enum kf_status status = KF_FATAL;

    if (signer->certificate == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "%s has no certificate to sign with",
                       signer->label != NULL ? signer->label : "the key");
    cms = CMS_sign_ex(NULL, NULL, NULL, NULL, flags, crypto->library, NULL);
    if (cms == NULL ||
        CMS_add1_signer(cms, signer->certificate, signer->key, crypto->sha256, flags) == NULL)
        goto out;
    chain = CMS_dataInit(cms, NULL);
    if (chain == NULL)
        goto out;
    status = digest_input(input, chain, error);
    if (status != KF_OK)
        goto out;
    status = CMS_dataFinal(cms, chain) == 1 ? kf_cms_encode(cms, out, error) : KF_FATAL;
out:
    if (status != KF_OK)
        status = kf_fail_openssl(error, status, KF_CAUSE_INTERNAL, NULL, "cannot sign");
    BIO_free_all(chain);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return status;
}

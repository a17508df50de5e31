/*
 * PKCS #12 as a key file: see keyfile_pkcs12.h for the contract.
 *
 * The bags are walked here with OpenSSL's types, since PKCS12_parse of OpenSSL 3.0 gives one key,
 * refuses files without a MAC, and decrypts keys outside of the library context, where old ciphers
 * are missing. Passed over: CRLs, secrets, safe contents inside safe contents. Refused: PBMAC1 (RFC
 * 9579), integrity by signature, and passwords with a NUL inside.
 */
#include "crypto/keyfile_pkcs12.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

/* One file on its way: the password that opened the MAC, and what the bags gave. */
struct opening {
    const struct kf_crypto *crypto;
    const char *password; /* or NULL */
    int password_len;
    bool mac_good;
    STACK_OF(EVP_PKEY) * keys;
    STACK_OF(X509) * certificates;
};

bool kf_is_pkcs12(struct kf_slice bytes)
{
    static const uint8_t version[] = {0x02, 0x01, 0x03};
    size_t header;

    if (bytes.len < 2 || bytes.data[0] != 0x30)
        return false;
    header = bytes.data[1] <= 0x80 ? 2 : 2 + (bytes.data[1] & 0x7fu);
    return bytes.len >= header + sizeof(version) &&
           memcmp(bytes.data + header, version, sizeof(version)) == 0;
}

static bool has_pbmac1(const PKCS12 *pkcs12)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    char oid[32] = "";

    PKCS12_get0_mac(NULL, &algorithm, NULL, NULL, pkcs12);
    if (algorithm == NULL)
        return false;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    (void)OBJ_obj2txt(oid, sizeof(oid), object, 1);
    return strcmp(oid, "1.2.840.113549.1.5.14") == 0;
}

/* Finds what the MAC was made with; the empty password and none are two (RFC 7292 B.1). */
static bool check_mac(struct opening *opening, PKCS12 *pkcs12)
{
    if (!PKCS12_mac_present(pkcs12))
        return true;
    opening->mac_good = PKCS12_verify_mac(pkcs12, opening->password, opening->password_len) == 1;
    if (!opening->mac_good && opening->password_len == 0) {
        opening->password = opening->password == NULL ? "" : NULL;
        opening->mac_good = PKCS12_verify_mac(pkcs12, opening->password, 0) == 1;
    }
    ERR_clear_error();
    return opening->mac_good;
}

static bool take_key(struct opening *opening, const PKCS12_SAFEBAG *bag)
{
    OSSL_LIB_CTX *library = opening->crypto->library;
    const PKCS8_PRIV_KEY_INFO *plain = PKCS12_SAFEBAG_get0_p8inf(bag);
    PKCS8_PRIV_KEY_INFO *decrypted = NULL;
    EVP_PKEY *key;

    if (PKCS12_SAFEBAG_get_nid(bag) == NID_pkcs8ShroudedKeyBag) {
        decrypted =
            PKCS12_decrypt_skey_ex(bag, opening->password, opening->password_len, library, NULL);
        plain = decrypted;
    }
    key = plain != NULL ? EVP_PKCS82PKEY_ex(plain, library, NULL) : NULL;
    PKCS8_PRIV_KEY_INFO_free(decrypted);
    if (key == NULL || sk_EVP_PKEY_push(opening->keys, key) <= 0) {
        EVP_PKEY_free(key);
        return false;
    }
    return true;
}

static bool take_certificate(struct opening *opening, const PKCS12_SAFEBAG *bag)
{
    X509 *certificate;

    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
        return true; /* SDSI */
    certificate = PKCS12_SAFEBAG_get1_cert(bag);
    if (certificate == NULL || sk_X509_push(opening->certificates, certificate) <= 0) {
        X509_free(certificate);
        return false;
    }
    return true;
}

static bool take_bags(struct opening *opening, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
        int type = PKCS12_SAFEBAG_get_nid(bag);
        bool taken = true;

        if (type == NID_keyBag || type == NID_pkcs8ShroudedKeyBag)
            taken = take_key(opening, bag);
        else if (type == NID_certBag)
            taken = take_certificate(opening, bag);
        if (!taken)
            return false;
    }
    return true;
}

static bool take_safes(struct opening *opening, const PKCS12 *pkcs12)
{
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(pkcs12);
    bool taken = safes != NULL;

    for (int i = 0; taken && i < sk_PKCS7_num(safes); i++) {
        PKCS7 *safe = sk_PKCS7_value(safes, i);
        STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

        if (PKCS7_type_is_data(safe))
            bags = PKCS12_unpack_p7data(safe);
        else if (PKCS7_type_is_encrypted(safe))
            bags = PKCS12_unpack_p7encdata(safe, opening->password, opening->password_len);
        taken = bags != NULL && take_bags(opening, bags);
        sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return taken;
}

static enum kf_status open_safes(struct opening *opening, PKCS12 *pkcs12, bool *refused,
                                 struct kf_error *error)
{
    if (has_pbmac1(pkcs12))
        return kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, "RFC 9579",
                       "a PKCS #12 whose integrity is protected by PBMAC1");
    if (!check_mac(opening, pkcs12)) {
        *refused = true;
        return KF_OK;
    }
    if (take_safes(opening, pkcs12))
        return KF_OK;
    if (opening->mac_good)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_DATA, "RFC 7292 4",
                               "cannot read what is in this PKCS #12");
    *refused = true; /* without a MAC nothing tells a wrong password from damage */
    return KF_OK;
}

enum kf_status kf_pkcs12_load(const struct kf_crypto *crypto, struct kf_slice bytes,
                              const struct kf_buf *password, STACK_OF(EVP_PKEY) * keys,
                              STACK_OF(X509) * certificates, bool *refused, struct kf_error *error)
{
    struct opening opening = {.crypto = crypto, .keys = keys, .certificates = certificates};
    BIO *bio = BIO_new_mem_buf(bytes.data, (int)bytes.len);
    PKCS12 *pkcs12 = PKCS12_init_ex(NID_pkcs7_data, crypto->library, NULL);
    enum kf_status status;

    *refused = false;
    if (bio == NULL || pkcs12 == NULL) {
        status = kf_fail_memory(error);
    } else if (d2i_PKCS12_bio(bio, &pkcs12) == NULL) {
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_DATA, "RFC 7292 4", "a broken PKCS #12");
    } else if (password != NULL && password->len != 0 &&
               memchr(password->data, 0, password->len) != NULL) {
        *refused = true; /* no program makes such a password, and OpenSSL would cut it */
        status = KF_OK;
    } else {
        if (password != NULL) {
            opening.password = password->len != 0 ? (const char *)password->data : "";
            opening.password_len = (int)password->len;
        }
        status = open_safes(&opening, pkcs12, refused, error);
    }
    PKCS12_free(pkcs12);
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

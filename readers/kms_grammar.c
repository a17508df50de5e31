/*
 * The table of elements: see kms_grammar.h for the contract, docs/formats/kms-export.md for the
 * format. Namespaces are compared by URI; prefixes mean nothing.
 */
#include "readers/kms_grammar.h"

#include <string.h>

#include "core/limits.h"
#include "readers/kms_prolog.h"

#define K      KF_KMS_NAMESPACE
#define XENC   "http://www.w3.org/2001/04/xmlenc#"
#define XENC11 "http://www.w3.org/2009/xmlenc11#"
#define DS     "http://www.w3.org/2000/09/xmldsig#"

#define MAX_SERIAL   64u         /* digits; 20 octets (RFC 5280 4.1.2.2) are 49 */
#define MAX_WRAPPED  (16u << 10) /* base64 of an RSA block; RSA-16384 is 2.7 KiB */
#define MAX_CERT_B64 ((size_t)2 * KF_MAX_CERTIFICATE)
#define MAX_KEY_B64  ((size_t)2 * KF_MAX_PKCS8)

static const struct kf_kms_element elements[KF_KMS_NODE_COUNT] = {
    [KF_KMS_EXPORT] = {KF_KMS_DOCUMENT,
                       K,
                       "KMSExport",
                       1,
                       false,
                       true,
                       0,
                       {"version", "exportId", "created", "organization", "administrativeGroup",
                        "users"}},
    [KF_KMS_LOCK_BOX] = {KF_KMS_EXPORT, K, "LockBox", 1, true, true, 0, {NULL}},
    [KF_KMS_BOX_KEY] = {KF_KMS_LOCK_BOX, XENC, "EncryptedKey", 1, false, true, 0, {NULL}},
    [KF_KMS_BOX_METHOD] =
        {KF_KMS_BOX_KEY, XENC, "EncryptionMethod", 1, false, true, 0, {"Algorithm"}},
    [KF_KMS_BOX_DIGEST] =
        {KF_KMS_BOX_METHOD, DS, "DigestMethod", 1, false, false, 0, {"Algorithm"}},
    [KF_KMS_BOX_MGF] = {KF_KMS_BOX_METHOD, XENC11, "MGF", 2, false, false, 0, {"Algorithm"}},
    [KF_KMS_BOX_INFO] = {KF_KMS_BOX_KEY, DS, "KeyInfo", 2, false, true, 0, {NULL}},
    [KF_KMS_BOX_X509] = {KF_KMS_BOX_INFO, DS, "X509Data", 1, false, true, 0, {NULL}},
    [KF_KMS_BOX_ISSUER_SERIAL] =
        {KF_KMS_BOX_X509, DS, "X509IssuerSerial", 1, false, true, 0, {NULL}},
    [KF_KMS_BOX_ISSUER] =
        {KF_KMS_BOX_ISSUER_SERIAL, DS, "X509IssuerName", 1, false, true, KF_MAX_NAME, {NULL}},
    [KF_KMS_BOX_SERIAL] =
        {KF_KMS_BOX_ISSUER_SERIAL, DS, "X509SerialNumber", 2, false, true, MAX_SERIAL, {NULL}},
    [KF_KMS_BOX_CIPHER] = {KF_KMS_BOX_KEY, XENC, "CipherData", 3, false, true, 0, {NULL}},
    [KF_KMS_BOX_VALUE] =
        {KF_KMS_BOX_CIPHER, XENC, "CipherValue", 1, false, true, MAX_WRAPPED, {NULL}},
    [KF_KMS_USER] = {KF_KMS_EXPORT, K, "User", 2, true, false, 0, {"ordinal", "mailboxGuid"}},
    [KF_KMS_DISPLAY_NAME] = {KF_KMS_USER, K, "DisplayName", 1, false, false, KF_MAX_NAME, {NULL}},
    [KF_KMS_DISTINGUISHED_NAME] =
        {KF_KMS_USER, K, "DistinguishedName", 2, false, false, KF_MAX_NAME, {NULL}},
    [KF_KMS_MAIL] = {KF_KMS_USER, K, "Mail", 3, false, false, KF_MAX_NAME, {NULL}},
    /* of one rank: a key comes after its certificate, but not after every certificate */
    [KF_KMS_CERTIFICATE] =
        {KF_KMS_USER, K, "Certificate", 4, true, false, MAX_CERT_B64, {"id", "use"}},
    [KF_KMS_KEY] = {KF_KMS_USER, K, "Key", 4, true, false, 0, {"certificate", "state"}},
    [KF_KMS_KEY_DATA] = {KF_KMS_KEY, XENC, "EncryptedData", 1, false, true, 0, {NULL}},
    [KF_KMS_KEY_METHOD] =
        {KF_KMS_KEY_DATA, XENC, "EncryptionMethod", 1, false, true, 0, {"Algorithm"}},
    [KF_KMS_KEY_CIPHER] = {KF_KMS_KEY_DATA, XENC, "CipherData", 2, false, true, 0, {NULL}},
    [KF_KMS_KEY_VALUE] =
        {KF_KMS_KEY_CIPHER, XENC, "CipherValue", 1, false, true, MAX_KEY_B64, {NULL}},
    [KF_KMS_END] = {KF_KMS_EXPORT, K, "End", 3, false, true, 0, {"users", "certificates", "keys"}},
};

const struct kf_kms_element *kf_kms_element(enum kf_kms_node node)
{
    return &elements[node];
}

enum kf_kms_node kf_kms_child(enum kf_kms_node parent, const char *uri, const char *name)
{
    if (uri == NULL)
        return KF_KMS_DOCUMENT;
    for (unsigned i = KF_KMS_DOCUMENT + 1; i < KF_KMS_NODE_COUNT; i++) {
        const struct kf_kms_element *element = &elements[i];

        if (element->parent == parent && strcmp(element->name, name) == 0 &&
            strcmp(element->uri, uri) == 0)
            return (enum kf_kms_node)i;
    }
    return KF_KMS_DOCUMENT;
}

enum kf_kms_node kf_kms_missing(enum kf_kms_node parent, unsigned rank, unsigned seen)
{
    for (unsigned i = KF_KMS_DOCUMENT + 1; i < KF_KMS_NODE_COUNT; i++) {
        const struct kf_kms_element *element = &elements[i];

        if (element->parent == parent && element->required && element->rank < rank &&
            (seen >> i & 1u) == 0)
            return (enum kf_kms_node)i;
    }
    return KF_KMS_DOCUMENT;
}

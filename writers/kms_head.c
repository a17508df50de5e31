/*
 * What stands before the users of a KMS export: see kms_head.h for the contract,
 * docs/formats/kms-export.md for the format.
 */
#include "writers/kms_head.h"

#include <stdio.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "core/limits.h"
#include "crypto/lockbox.h"
#include "writers/kms_xml.h"

/* A version 4 UUID (RFC 9562 5.4). */
enum kf_status kf_kms_random_uuid(const struct kf_crypto *crypto, char out[KF_UUID_SIZE],
                                  struct kf_error *error)
{
    uint8_t bytes[16];
    char hex[33];

    if (kf_random(crypto, bytes, sizeof(bytes), false, error) != KF_OK)
        return KF_FATAL;
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    kf_hex(hex, bytes, sizeof(bytes));
    (void)snprintf(out, KF_UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
    return KF_OK;
}

static enum kf_status put_root(struct kf_buf *out, const struct kf_kms_export_options *options,
                               size_t *count_at, struct kf_error *error)
{
    char export_id[KF_UUID_SIZE];
    char created[sizeof("2003-11-02T10:00:00Z")] = "";
    time_t now = time(NULL);
    struct tm parts;

    if (kf_kms_random_uuid(options->crypto, export_id, error) != KF_OK)
        return KF_FATAL;
    if (gmtime_r(&now, &parts) == NULL ||
        strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "the clock shows no date");
    if (kf_xml_put(out, error,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<KMSExport xmlns=\"urn:keyferry:kms-export:1\"\n"
                   "           xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"\n"
                   "           xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\"\n"
                   "           xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"\n"
                   "           version=\"1\" exportId=\"%s\" created=\"%s\"\n"
                   "           organization=\"",
                   export_id, created) != KF_OK ||
        kf_xml_put_text(out, options->organization, KF_MAX_NAME, error) != KF_OK ||
        kf_xml_put(out, error, "\"\n           administrativeGroup=\"") != KF_OK ||
        kf_xml_put_text(out, options->administrative_group, KF_MAX_NAME, error) != KF_OK ||
        kf_xml_put(out, error, "\"\n           ") != KF_OK)
        return KF_FATAL;
    *count_at = out->len;
    return kf_xml_put(out, error, "%*s>\n", KF_KMS_COUNT_ROOM, "");
}

/* RFC 4514, as XML Signature 4.5.4.1 asks for; UTF-8 as it is. */
static enum kf_status put_issuer(struct kf_buf *out, const X509 *certificate,
                                 struct kf_error *error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum kf_status status = KF_FATAL;
    char *text = NULL;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_get_issuer_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0 &&
        BIO_write(bio, "", 1) == 1 && BIO_get_mem_data(bio, &text) > 0)
        status = kf_xml_put_text(out, text, KF_MAX_NAME, error);
    BIO_free(bio);
    if (status == KF_FATAL)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "the issuer of the export-signing certificate cannot be written");
    return KF_OK;
}

static enum kf_status put_serial(struct kf_buf *out, const X509 *certificate,
                                 struct kf_error *error)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *digits = number != NULL ? BN_bn2dec(number) : NULL;
    enum kf_status status =
        digits != NULL ? kf_xml_put(out, error, "%s", digits) : kf_fail_memory(error);

    OPENSSL_free(digits);
    BN_free(number);
    return status;
}

static enum kf_status put_wrapped(struct kf_buf *out, const struct kf_kms_export_options *options,
                                  struct kf_slice session, struct kf_error *error)
{
    struct kf_buf wrapped = KF_PUBLIC_BUF;
    enum kf_transport transport =
        options->oaep_sha256 ? KF_TRANSPORT_OAEP_SHA256 : KF_TRANSPORT_OAEP_SHA1;
    enum kf_status status = kf_lockbox_seal(options->crypto, options->identity->key, transport,
                                            session, &wrapped, error);

    if (status == KF_OK)
        status = kf_base64_encode(out, kf_buf_slice(&wrapped), error);
    kf_buf_reset(&wrapped);
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static enum kf_status put_lock_box(struct kf_buf *out, const struct kf_kms_export_options *options,
                                   struct kf_slice session, struct kf_error *error)
{
    static const char mgf1p[] = "      <xenc:EncryptionMethod "
                                "Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/>\n";
    static const char oaep[] =
        "      <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#rsa-oaep\">\n"
        "        <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\n"
        "        <xenc11:MGF Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>\n"
        "      </xenc:EncryptionMethod>\n";
    const X509 *certificate = options->identity->certificate;

    if (kf_xml_put(out, error,
                   "  <LockBox>\n    <xenc:EncryptedKey>\n%s      <ds:KeyInfo><ds:X509Data>"
                   "<ds:X509IssuerSerial>\n        <ds:X509IssuerName>",
                   options->oaep_sha256 ? oaep : mgf1p) != KF_OK ||
        put_issuer(out, certificate, error) != KF_OK ||
        kf_xml_put(out, error, "</ds:X509IssuerName>\n        <ds:X509SerialNumber>") != KF_OK ||
        put_serial(out, certificate, error) != KF_OK ||
        kf_xml_put(out, error,
                   "</ds:X509SerialNumber>\n      </ds:X509IssuerSerial></ds:X509Data>"
                   "</ds:KeyInfo>\n      <xenc:CipherData><xenc:CipherValue>") != KF_OK ||
        put_wrapped(out, options, session, error) != KF_OK)
        return KF_FATAL;
    return kf_xml_put(out, error,
                      "</xenc:CipherValue></xenc:CipherData>\n    </xenc:EncryptedKey>\n"
                      "  </LockBox>\n");
}

enum kf_status kf_kms_put_head(struct kf_buf *out, const struct kf_kms_export_options *options,
                               struct kf_slice session, size_t *count_at, struct kf_error *error)
{
    if (put_root(out, options, count_at, error) != KF_OK)
        return KF_FATAL;
    return put_lock_box(out, options, session, error);
}

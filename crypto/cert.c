/*
 * The certificate parser: see cert.h for the contract. RFC 5280 4.1 read in place.
 *
 * Deliberately lenient where nothing depends on it: a version 1 certificate may have extensions, a
 * serial number may be zero, negative or longer than 20 octets, names may be empty or in any string
 * type, times may be of the forms that RFC 5280 retired. Refused on purpose: BER, bytes after the
 * certificate or inside of it, times that are none, a key usage that cannot be read.
 */
#include "crypto/cert.h"

#include <stdlib.h>

#include "core/limits.h"
#include "crypto/cert_parts.h"
#include "crypto/name.h"
#include "crypto/oid.h"

#define RULE "RFC 5280 4.1"

/* The next value whole, if its tag is tag. */
static bool get_whole(struct kf_slice *cursor, uint8_t tag, struct kf_slice *whole)
{
    struct kf_tlv tlv;

    if (kf_der_peek(cursor) != tag || !kf_der_any(cursor, &tlv))
        return false;
    *whole = tlv.whole;
    return true;
}

static bool split_version(struct kf_slice *tbs, unsigned *version)
{
    struct kf_slice wrapped;
    uint64_t number = 0;

    if (!kf_der_optional(tbs, KF_DER_CONTEXT_CONSTRUCTED | 0, &wrapped))
        return false;
    if (wrapped.data != NULL && (!kf_der_uint(&wrapped, 2, &number) || !kf_der_end(&wrapped)))
        return false;
    *version = (unsigned)number + 1;
    return true;
}

static bool split_validity(struct kf_slice *tbs, struct kf_cert_parts *out)
{
    struct kf_slice validity;

    return kf_der_get(tbs, KF_DER_SEQUENCE, &validity) && kf_der_any(&validity, &out->not_before) &&
           kf_der_any(&validity, &out->not_after) && kf_der_end(&validity);
}

/* issuerUniqueID and subjectUniqueID are passed over: nobody uses them. */
static bool split_tail(struct kf_slice *tbs, struct kf_cert_parts *out)
{
    struct kf_slice wrapped;

    if (!kf_der_optional(tbs, KF_DER_CONTEXT | 1, NULL) ||
        !kf_der_optional(tbs, KF_DER_CONTEXT | 2, NULL) ||
        !kf_der_optional(tbs, KF_DER_CONTEXT_CONSTRUCTED | 3, &wrapped))
        return false;
    if (wrapped.data == NULL)
        return true;
    return kf_der_get(&wrapped, KF_DER_SEQUENCE, &out->extensions) && kf_der_end(&wrapped);
}

static const char *split_tbs(struct kf_slice tbs, struct kf_cert_parts *out)
{
    if (!split_version(&tbs, &out->version))
        return "version";
    if (!get_whole(&tbs, KF_DER_INTEGER, &out->serial) || out->serial.len < 3)
        return "serial number";
    if (!get_whole(&tbs, KF_DER_SEQUENCE, &out->inner_algorithm))
        return "signature algorithm";
    if (!get_whole(&tbs, KF_DER_SEQUENCE, &out->issuer))
        return "issuer";
    if (!split_validity(&tbs, out))
        return "validity";
    if (!get_whole(&tbs, KF_DER_SEQUENCE, &out->subject))
        return "subject";
    if (!get_whole(&tbs, KF_DER_SEQUENCE, &out->spki))
        return "public key";
    if (!split_tail(&tbs, out))
        return "extensions";
    return kf_der_end(&tbs) ? NULL : "end";
}

const char *kf_cert_split(struct kf_slice der, struct kf_cert_parts *out)
{
    struct kf_slice certificate;
    struct kf_slice tbs;

    *out = (struct kf_cert_parts){.version = 0};
    if (!kf_der_get(&der, KF_DER_SEQUENCE, &certificate))
        return "outer SEQUENCE";
    if (!kf_der_end(&der))
        return "end: there are bytes after it";
    tbs = certificate;
    if (!get_whole(&certificate, KF_DER_SEQUENCE, &out->tbs) ||
        !kf_der_get(&tbs, KF_DER_SEQUENCE, &tbs))
        return "TBSCertificate";
    if (!get_whole(&certificate, KF_DER_SEQUENCE, &out->algorithm) ||
        !kf_der_bytes(&certificate, &out->signature) || !kf_der_end(&certificate))
        return "signature";
    return split_tbs(tbs, out);
}

/* The serial number as it is written everywhere: without the octet that only makes it positive. */
static enum kf_status serial_text(struct kf_slice whole, char **out, struct kf_error *error)
{
    struct kf_slice digits;
    size_t size;

    if (!kf_der_get(&whole, KF_DER_INTEGER, &digits))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "not a certificate: serial number");
    while (digits.len > 1 && digits.data[0] == 0) {
        digits.data++;
        digits.len--;
    }
    if (!kf_size_mul(digits.len, 2, &size) || (*out = malloc(size + 1)) == NULL)
        return kf_fail_memory(error);
    kf_hex(*out, digits.data, digits.len);
    return KF_OK;
}

static enum kf_status name_text(struct kf_slice name, const char *whose, struct kf_buf *scratch,
                                char **out, struct kf_error *error)
{
    enum kf_status status;

    kf_buf_clear(scratch);
    status = kf_name_append(name, scratch, error);
    if (status == KF_SKIP)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.4",
                       "not a certificate: the %s is not a Name", whose);
    if (status != KF_OK)
        return status;
    *out = kf_strndup(scratch->data, scratch->len);
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

static enum kf_status fill_names(const struct kf_cert_parts *parts, struct kf_cert_facts *facts,
                                 struct kf_error *error)
{
    struct kf_buf scratch = KF_PUBLIC_BUF;
    enum kf_status status;

    status = name_text(parts->issuer, "issuer", &scratch, &facts->issuer, error);
    if (status == KF_OK)
        status = name_text(parts->subject, "subject", &scratch, &facts->subject, error);
    kf_buf_reset(&scratch);
    if (status == KF_OK)
        status =
            kf_name_find(parts->subject, KF_OID(KF_OID_COMMON_NAME), &facts->common_name, error);
    if (status == KF_OK && facts->email == NULL)
        status = kf_name_find(parts->subject, KF_OID(KF_OID_EMAIL_ADDRESS), &facts->email, error);
    return status;
}

static enum kf_status fill_hashes(const struct kf_crypto *crypto, struct kf_slice der,
                                  struct kf_cert_facts *facts, struct kf_error *error)
{
    if (kf_digest(crypto->sha1, der, facts->sha1, error) != KF_OK)
        return KF_FATAL;
    return kf_digest(crypto->sha256, der, facts->sha256, error);
}

static void fill_slices(const struct kf_cert_parts *parts, struct kf_slice der,
                        struct kf_cert_facts *facts)
{
    facts->version = parts->version;
    facts->der = der;
    facts->issuer_der = parts->issuer;
    facts->serial_der = parts->serial;
    facts->subject_der = parts->subject;
    facts->spki_der = parts->spki;
}

static enum kf_status fill_facts(const struct kf_crypto *crypto, const struct kf_cert_parts *parts,
                                 struct kf_cert_facts *facts, struct kf_error *error)
{
    enum kf_status status;

    if (!kf_cert_time(&parts->not_before, &facts->not_before) ||
        !kf_cert_time(&parts->not_after, &facts->not_after))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.5",
                       "not a certificate: its validity has something that is not a time");
    status = kf_cert_extensions(parts->extensions, facts, error);
    if (status == KF_OK)
        status = kf_cert_key(crypto, parts->spki, facts, error);
    if (status == KF_OK)
        status = serial_text(parts->serial, &facts->serial, error);
    if (status == KF_OK)
        status = kf_cert_signature_name(parts->algorithm, &facts->signature_algorithm, error);
    if (status == KF_OK)
        status = fill_names(parts, facts, error);
    /* an algorithm's name may be missing for that */
    if (status == KF_OK && kf_openssl_no_memory())
        status = kf_fail_memory(error);
    return status;
}

enum kf_status kf_cert_parse(const struct kf_crypto *crypto, struct kf_slice der,
                             struct kf_cert_facts *facts, struct kf_error *error)
{
    struct kf_cert_parts parts;
    const char *broken;
    enum kf_status status;

    *facts = (struct kf_cert_facts){.version = 0};
    if (der.len > KF_MAX_CERTIFICATE) {
        kf_error_code(error, KF_E_INVALID_DATA);
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a certificate of %zu bytes; at most %u are taken", der.len,
                       KF_MAX_CERTIFICATE);
    }
    broken = kf_cert_split(der, &parts);
    if (broken != NULL) {
        kf_error_code(error, KF_E_INVALID_DATA);
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                       "not a certificate: broken or missing %s", broken);
    }
    fill_slices(&parts, der, facts);
    status = fill_facts(crypto, &parts, facts, error);
    if (status == KF_OK)
        status = fill_hashes(crypto, der, facts, error);
    if (status == KF_SKIP)
        kf_error_code(error, KF_E_INVALID_DATA);
    if (status != KF_OK)
        kf_cert_facts_reset(facts);
    return status;
}

bool kf_cert_may_encrypt(const struct kf_cert_facts *facts)
{
    const unsigned encrypting =
        KF_KU_KEY_ENCIPHERMENT | KF_KU_DATA_ENCIPHERMENT | KF_KU_KEY_AGREEMENT;

    return !facts->has_key_usage || (facts->key_usage & encrypting) != 0;
}

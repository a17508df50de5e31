/*
 * What must hold for one row: its certificate is one, its columns are what the certificate says,
 * its archived key is sealed to the agents that it names, and opens to the key of the certificate.
 */
#include "store/verify_row.h"

#include <stdarg.h>
#include <stdio.h>

#include "crypto/cert.h"
#include "crypto/cms.h"
#include "crypto/envelope.h"

static void defect(struct kf_verify_row *row, const char *format, ...) KF_PRINTF(2, 3);

static void defect(struct kf_verify_row *row, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (row->defects < KF_VERIFY_TEXTS)
        (void)vsnprintf(row->texts[row->defects], sizeof(row->texts[0]), format, arguments);
    va_end(arguments);
    row->defects++;
}

/* What a function said: a defect of the row, or the end of everything. */
static void take_failure(struct kf_verify_row *row, enum kf_status status, const char *what,
                         const struct kf_error *why)
{
    if (status == KF_FATAL) {
        row->status = KF_FATAL;
        row->error = *why;
        return;
    }
    defect(row, "%s: %.140s", what, why->text);
}

static bool is_text(const struct kf_value *column, const char *text)
{
    if (text == NULL)
        return column->type == KF_VALUE_NULL;
    return column->type == KF_VALUE_TEXT && column->bytes.len == strlen(text) &&
           memcmp(column->bytes.data, text, column->bytes.len) == 0;
}

static bool is_blob(const struct kf_value *column, const uint8_t *bytes, size_t len)
{
    return column->type == KF_VALUE_BLOB && column->bytes.len == len &&
           memcmp(column->bytes.data, bytes, len) == 0;
}

static void check_facts(struct kf_verify_row *row, const struct kf_cert_facts *facts)
{
    const struct kf_value *columns = row->columns;
    const struct {
        const char *name;
        bool fits;
    } all[] = {
        {"CertificateHash", is_blob(&columns[KF_REQUEST_SHA1], facts->sha1, KF_SHA1_SIZE)},
        {"CertificateSHA256", is_blob(&columns[KF_REQUEST_SHA256], facts->sha256, KF_SHA256_SIZE)},
        {"SerialNumber", is_text(&columns[KF_REQUEST_SERIAL], facts->serial)},
        {"IssuerName", is_text(&columns[KF_REQUEST_ISSUER], facts->issuer)},
        {"DistinguishedName", is_text(&columns[KF_REQUEST_SUBJECT], facts->subject)},
        {"CommonName", is_text(&columns[KF_REQUEST_COMMON_NAME], facts->common_name)},
        {"UPN", is_text(&columns[KF_REQUEST_UPN], facts->upn)},
        /* the source's own where the certificate has none */
        {"EMail", facts->email == NULL || is_text(&columns[KF_REQUEST_EMAIL], facts->email)},
        {"SubjectKeyIdentifier", is_text(&columns[KF_REQUEST_SKI], facts->ski)},
        {"PublicKeyAlgorithm", is_text(&columns[KF_REQUEST_KEY_ALGORITHM], facts->key_algorithm)},
        {"PublicKeyLength", columns[KF_REQUEST_KEY_LENGTH].number == (int64_t)facts->key_bits},
        {"NotBefore", columns[KF_REQUEST_NOT_BEFORE].number == facts->not_before},
        {"NotAfter", columns[KF_REQUEST_NOT_AFTER].number == facts->not_after},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!all[i].fits)
            defect(row, "%s is not what its certificate says", all[i].name);
    }
}

static bool is_sealed_to(STACK_OF(CMS_RecipientInfo) * all, X509 *certificate)
{
    for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(all, i);

        if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS &&
            CMS_RecipientInfo_ktri_cert_cmp(recipient, certificate) == 0)
            return true;
    }
    return false;
}

/* true: it is sealed to exactly the agents that are named. What is not so plain is not told here.
 */
static bool has_plain_recipients(const struct kf_verify_row *row)
{
    const struct kf_verify_agents *agents = row->agents;
    struct kf_envelope envelope;

    if (agents->named != agents->count ||
        !kf_envelope_parse(row->columns[KF_REQUEST_KEY].bytes, &envelope) ||
        envelope.recipient_count != agents->count)
        return false;
    for (size_t i = 0; i < agents->count; i++) {
        if (kf_envelope_find(&envelope, kf_buf_slice(&agents->names[i])) == NULL)
            return false;
    }
    return true;
}

static void check_recipients(const struct kf_crypto *crypto, struct kf_verify_row *row)
{
    const struct kf_verify_agents *agents = row->agents;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    STACK_OF(CMS_RecipientInfo) * all;
    CMS_ContentInfo *cms = NULL;
    enum kf_status status;

    if (has_plain_recipients(row))
        return;
    status = kf_cms_parse(crypto, row->columns[KF_REQUEST_KEY].bytes, &cms, &why);
    if (status != KF_OK) {
        take_failure(row, status, "its archived key", &why);
        return;
    }
    all = CMS_get0_RecipientInfos(cms);
    if (all == NULL)
        defect(row, "its archived key is not EnvelopedData");
    else if (agents->named != agents->count)
        defect(row, "KeyRecoveryHashes names an agent that the store does not know");
    else if ((size_t)sk_CMS_RecipientInfo_num(all) != agents->count)
        defect(row, "its archived key is sealed to %d agents, KeyRecoveryHashes names %zu",
               sk_CMS_RecipientInfo_num(all), agents->count);
    for (size_t i = 0; all != NULL && i < agents->count; i++) {
        if (!is_sealed_to(all, agents->certificates[i]))
            defect(row, "its archived key is not sealed to agent %zu of KeyRecoveryHashes", i + 1);
    }
    CMS_ContentInfo_free(cms);
}

static void check_blob(struct kf_verify_tools *tools, struct kf_verify_row *row,
                       const struct kf_cert_facts *facts, struct kf_slice blob)
{
    const struct kf_crypto *crypto = tools->crypto;
    const bool mismatch = row->columns[KF_REQUEST_MISMATCH].number != 0;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_privkey key;
    bool belongs = false;
    enum kf_status status;

    if (row->columns[KF_REQUEST_KEY_BLOB].number == KF_BLOB_RSA &&
        kf_keyblob_proves(crypto, blob, facts->spki_der, &tools->space)) {
        row->opened = true;
        return;
    }
    status = kf_keyblob_read(crypto, blob, &pkcs8, &why);
    if (status == KF_OK)
        status = kf_privkey_parse(kf_buf_slice(&pkcs8), &key, &why);
    if (status == KF_OK && !mismatch)
        status = kf_privkey_match(crypto, &key, facts->spki_der, &belongs, &why);
    if (status != KF_OK)
        take_failure(row, status, "the key that is archived", &why);
    else if (!belongs && !mismatch)
        defect(row, "the key that is archived is not the certificate's");
    else if ((int64_t)kf_keyblob_bid(blob) != row->columns[KF_REQUEST_KEY_BLOB].number)
        defect(row, "KeyBlob is not the type of the key that is archived");
    else
        row->opened = true;
    kf_buf_reset(&pkcs8);
}

static void open_key(struct kf_verify_tools *tools, struct kf_verify_row *row,
                     const struct kf_cert_facts *facts)
{
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status =
        kf_unsealer_open(tools->unsealer, row->columns[KF_REQUEST_KEY].bytes, &blob, &why);

    if (status == KF_SKIP && why.cause == KF_CAUSE_SECRET)
        row->not_for_agent = true;
    else if (status != KF_OK)
        take_failure(row, status, "its archived key does not open", &why);
    else
        check_blob(tools, row, facts, kf_buf_slice(&blob));
    kf_buf_reset(&blob);
}

void kf_verify_row(struct kf_verify_tools *tools, struct kf_verify_row *row)
{
    const struct kf_crypto *crypto = tools->crypto;
    const struct kf_value *columns = row->columns;
    const bool has_key = columns[KF_REQUEST_KEY].type == KF_VALUE_BLOB;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_cert_facts facts = {.version = 0};
    enum kf_status status;

    if (columns[KF_REQUEST_CERTIFICATE].type != KF_VALUE_BLOB) {
        defect(row, "its certificate is missing");
        return;
    }
    status = kf_cert_parse(crypto, columns[KF_REQUEST_CERTIFICATE].bytes, &facts, &why);
    if (status != KF_OK) {
        take_failure(row, status, "its certificate", &why);
        return;
    }
    check_facts(row, &facts);
    if (has_key != (columns[KF_REQUEST_KEY_BLOB].number != KF_BLOB_NONE))
        defect(row, "%s",
               has_key ? "KeyBlob says that no key is archived, but one is"
                       : "KeyBlob says that a key is archived, but none is");
    if (has_key && row->agents != NULL)
        check_recipients(crypto, row);
    if (has_key && tools->unsealer != NULL && row->status == KF_OK)
        open_key(tools, row, &facts);
    kf_cert_facts_reset(&facts);
}

/*
 * The extensions of a certificate that say something to an archive (RFC 5280 4.2.1): key usage,
 * extended key usage, basic constraints, subject alternative name, subject key identifier.
 *
 * The first three steer import rules: where one of them is broken or there twice, the certificate
 * is refused. The other two are information only: what cannot be read is taken as absent. All
 * others are passed over.
 */
#include <stdlib.h>

#include "crypto/cert_parts.h"
#include "crypto/name.h"
#include "crypto/oid.h"

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
static bool next_extension(struct kf_slice *list, struct kf_slice *oid, struct kf_slice *value)
{
    struct kf_slice extension;

    return kf_der_get(list, KF_DER_SEQUENCE, &extension) &&
           kf_der_get(&extension, KF_DER_OID, oid) &&
           kf_der_optional(&extension, KF_DER_BOOLEAN, NULL) &&
           kf_der_get(&extension, KF_DER_OCTET_STRING, value) && kf_der_end(&extension);
}

/* 4.2.1.3 */
static bool read_key_usage(struct kf_slice value, struct kf_cert_facts *facts)
{
    struct kf_slice bits;

    if (!kf_der_get(&value, KF_DER_BIT_STRING, &bits) || !kf_der_end(&value) || bits.len == 0 ||
        bits.data[0] > 7 || (bits.len == 1 && bits.data[0] != 0))
        return false;
    for (unsigned i = 0; i < 9 && i / 8 + 1 < bits.len; i++) {
        if ((bits.data[1 + i / 8] & 0x80 >> i % 8) != 0)
            facts->key_usage |= 1u << i;
    }
    facts->has_key_usage = true;
    return true;
}

/* 4.2.1.12 */
static bool read_extended_usage(struct kf_slice value, struct kf_cert_facts *facts)
{
    struct kf_slice list;
    struct kf_slice oid;

    if (!kf_der_get(&value, KF_DER_SEQUENCE, &list) || !kf_der_end(&value))
        return false;
    while (!kf_der_end(&list)) {
        if (!kf_der_get(&list, KF_DER_OID, &oid))
            return false;
        if (KF_OID_IS(oid, KF_OID_KRA_EXTENDED_USAGE))
            facts->has_kra_usage = true;
    }
    return true;
}

/* 4.2.1.9; the path length says nothing here */
static bool read_basic_constraints(struct kf_slice value, struct kf_cert_facts *facts)
{
    struct kf_slice members;
    struct kf_slice ca;

    if (!kf_der_get(&value, KF_DER_SEQUENCE, &members) || !kf_der_end(&value) ||
        !kf_der_optional(&members, KF_DER_BOOLEAN, &ca) || ca.len > 1 ||
        !kf_der_optional(&members, KF_DER_INTEGER, NULL) || !kf_der_end(&members))
        return false;
    facts->is_ca = ca.len == 1 && ca.data[0] != 0;
    return true;
}

/* OtherName ::= SEQUENCE { type-id, value [0] EXPLICIT }, implicitly tagged */
static enum kf_status read_upn(struct kf_slice name, struct kf_cert_facts *facts,
                               struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_slice wrapped;
    struct kf_tlv text;

    if (facts->upn != NULL || !kf_der_get(&name, KF_DER_OID, &oid) || !KF_OID_IS(oid, KF_OID_UPN) ||
        !kf_der_get(&name, KF_DER_CONTEXT_CONSTRUCTED | 0, &wrapped) ||
        !kf_der_any(&wrapped, &text))
        return KF_OK;
    return kf_string_text(text.tag, text.value, &facts->upn, error);
}

/* 4.2.1.6; the first rfc822Name and the first UPN */
static enum kf_status read_alternative_name(struct kf_slice value, struct kf_cert_facts *facts,
                                            struct kf_error *error)
{
    struct kf_slice names;
    struct kf_tlv name;
    enum kf_status status = KF_OK;

    if (!kf_der_get(&value, KF_DER_SEQUENCE, &names))
        return KF_OK;
    while (status == KF_OK && kf_der_any(&names, &name)) {
        if (name.tag == (KF_DER_CONTEXT | 1) && facts->email == NULL)
            status = kf_string_text(KF_DER_IA5_STRING, name.value, &facts->email, error);
        else if (name.tag == (KF_DER_CONTEXT_CONSTRUCTED | 0))
            status = read_upn(name.value, facts, error);
    }
    return status;
}

/* 4.2.1.2 */
static enum kf_status read_key_identifier(struct kf_slice value, struct kf_cert_facts *facts,
                                          struct kf_error *error)
{
    struct kf_slice identifier;

    if (facts->ski != NULL || !kf_der_get(&value, KF_DER_OCTET_STRING, &identifier) ||
        !kf_der_end(&value) || identifier.len == 0)
        return KF_OK;
    facts->ski = malloc(2 * identifier.len + 1);
    if (facts->ski == NULL)
        return kf_fail_memory(error);
    kf_hex(facts->ski, identifier.data, identifier.len);
    return KF_OK;
}

static const struct steering {
    struct kf_slice oid;
    const char *name;
    bool (*read)(struct kf_slice value, struct kf_cert_facts *facts);
} steering[] = {
    {{(const uint8_t *)KF_OID_KEY_USAGE, 3}, "key usage", read_key_usage},
    {{(const uint8_t *)KF_OID_EXTENDED_USAGE, 3}, "extended key usage", read_extended_usage},
    {{(const uint8_t *)KF_OID_BASIC_CONSTRAINTS, 3}, "basic constraints", read_basic_constraints},
};

#define STEERING_COUNT (sizeof(steering) / sizeof(steering[0]))

/* seen has a bit for each of the steering ones that came before. */
static enum kf_status read_steering(struct kf_slice oid, struct kf_slice value, unsigned *seen,
                                    struct kf_cert_facts *facts, struct kf_error *error)
{
    for (unsigned i = 0; i < STEERING_COUNT; i++) {
        if (!kf_bytes_equal(oid, steering[i].oid))
            continue;
        if ((*seen >> i & 1) != 0)
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.2",
                           "the certificate has two extensions %s", steering[i].name);
        *seen |= 1u << i;
        if (!steering[i].read(value, facts))
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.2.1",
                           "the certificate's %s cannot be read", steering[i].name);
    }
    return KF_OK;
}

enum kf_status kf_cert_extensions(struct kf_slice extensions, struct kf_cert_facts *facts,
                                  struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_slice value;
    unsigned seen = 0;
    enum kf_status status = KF_OK;

    while (status == KF_OK && !kf_der_end(&extensions)) {
        if (!next_extension(&extensions, &oid, &value))
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.9",
                           "not a certificate: broken extensions");
        if (KF_OID_IS(oid, KF_OID_ALTERNATIVE_NAME))
            status = read_alternative_name(value, facts, error);
        else if (KF_OID_IS(oid, KF_OID_SUBJECT_KEY_ID))
            status = read_key_identifier(value, facts, error);
        else
            status = read_steering(oid, value, &seen, facts, error);
    }
    return status;
}

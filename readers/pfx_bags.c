/*
 * The bags of a PKCS #12 file (RFC 7292 4.2):
 *
 *     SafeContents ::= SEQUENCE OF SafeBag
 *     SafeBag      ::= SEQUENCE { bagId OID, bagValue [0] EXPLICIT ANY,
 *                                 bagAttributes SET OF PKCS12Attribute OPTIONAL }
 *     CertBag      ::= SEQUENCE { certId OID, certValue [0] EXPLICIT OCTET STRING }
 *     SecretBag    ::= SEQUENCE { secretTypeId OID, secretValue [0] EXPLICIT ANY }
 *
 * Safe contents nest; the walk holds one cursor a level and never recurses. Read on purpose: safe
 * contents that are a SET, bytes after them, and attributes of the wrong type, which are only
 * hints. A bag of a type that is not known is listed as such.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/oid.h"
#include "crypto/text.h"
#include "readers/pfx_file.h"

#define BAG_TYPES     "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01" /* 1.2.840.113549.1.12.10.1 */
#define PKCS9         "\x2a\x86\x48\x86\xf7\x0d\x01\x09"         /* 1.2.840.113549.1.9 */
#define OID_X509      PKCS9 "\x16\x01"
#define OID_NG_SECRET "\x2b\x06\x01\x04\x01\x82\x37\x11\x04" /* the password, under DPAPI-NG */
#define BAG_NESTED    6
#define RULE          "RFC 7292 4.2"

/* The number of a bag type, 0 for another OID */
static unsigned bag_number(struct kf_slice oid)
{
    const struct kf_slice prefix = KF_OID(BAG_TYPES);

    if (oid.len != prefix.len + 1 || memcmp(oid.data, prefix.data, prefix.len) != 0)
        return 0;
    return oid.data[prefix.len];
}

static struct pfx_bag *add_bag(struct pfx_file *file, struct kf_error *error)
{
    uint64_t most = pfx_most_entries(file);

    if (file->bag_count >= most || file->bag_count >= PFX_NONE - 1) {
        (void)!kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "more than %llu keys, certificates and other bags",
                       (unsigned long long)most);
        return NULL;
    }
    if (file->bag_count == file->bag_capacity) {
        size_t capacity = file->bag_capacity == 0 ? 16 : file->bag_capacity * 2;
        struct pfx_bag *bags = realloc(file->bags, capacity * sizeof(*bags));

        if (bags == NULL) {
            (void)!kf_fail_memory(error);
            return NULL;
        }
        file->bags = bags;
        file->bag_capacity = capacity;
    }
    return &file->bags[file->bag_count++];
}

/* SEQUENCE { OID, [0] EXPLICIT value }: certBag, crlBag and secretBag */
static bool typed_value(struct kf_slice value, struct kf_slice *type, struct kf_slice *content)
{
    struct kf_slice in;

    return kf_der_get(&value, KF_DER_SEQUENCE, &in) && kf_der_end(&value) &&
           kf_der_get(&in, KF_DER_OID, type) &&
           kf_der_get(&in, KF_DER_CONTEXT_CONSTRUCTED, content) && kf_der_end(&in);
}

static enum kf_status fill_typed(struct pfx_file *file, unsigned number, struct pfx_bag *bag,
                                 struct kf_error *error)
{
    struct kf_slice content;
    struct kf_tlv certificate;

    if (!typed_value(bag->value, &bag->type, &content))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "a bag's value is malformed");
    bag->value = content;
    if (number == 4) {
        bag->kind = PFX_BAG_CRL;
    } else if (number == 5) {
        bag->kind = PFX_BAG_SECRET;
        file->dpapi_ng = file->dpapi_ng || KF_OID_IS(bag->type, OID_NG_SECRET);
    } else if (KF_OID_IS(bag->type, OID_X509)) {
        bag->kind = PFX_BAG_CERT;
        if (!kf_der_get(&content, KF_DER_OCTET_STRING, &bag->value) || !kf_der_end(&content))
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 7292 4.2.3",
                           "a certificate is no OCTET STRING");
        content = bag->value; /* what pads it is none of it */
        if (kf_der_any(&content, &certificate))
            bag->value = certificate.whole;
    } else {
        bag->kind = PFX_BAG_SDSI;
    }
    return KF_OK;
}

struct bag_walk {
    struct pfx_file *file;
    uint32_t safe;
    struct kf_slice levels[KF_MAX_DEPTH];
    uint32_t depth; /* levels in use */
    size_t seen;
    struct kf_error problem; /* of the first bag that was passed over */
};

/* SafeContents opens: a SEQUENCE, or a SET */
static bool enter(struct bag_walk *walk, struct kf_slice *contents)
{
    struct pfx_safe *safe = &walk->file->safes[walk->safe];
    struct kf_slice in;

    if (kf_der_peek(contents) == KF_DER_SET)
        safe->is_set = true;
    if (walk->depth == KF_MAX_DEPTH ||
        (!kf_der_get(contents, KF_DER_SEQUENCE, &in) && !kf_der_get(contents, KF_DER_SET, &in)))
        return false;
    walk->levels[walk->depth++] = in;
    return true;
}

static enum kf_status enter_nested(struct bag_walk *walk, struct kf_slice contents,
                                   struct kf_error *error)
{
    if (walk->depth == KF_MAX_DEPTH)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, RULE,
                       "safe contents are nested more than %u deep", KF_MAX_DEPTH);
    if (enter(walk, &contents)) {
        if (kf_der_end(&contents))
            return KF_OK;
        walk->depth--;
    }
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "nested contents are malformed");
}

static enum kf_status read_bag(struct bag_walk *walk, struct kf_slice in, struct kf_error *error)
{
    struct pfx_bag bag = {.kind = PFX_BAG_UNKNOWN, .safe = walk->safe, .depth = walk->depth - 1};
    struct pfx_bag *added;
    unsigned number;

    if (!kf_der_get(&in, KF_DER_OID, &bag.type) ||
        !kf_der_get(&in, KF_DER_CONTEXT_CONSTRUCTED, &bag.value) ||
        !kf_der_optional(&in, KF_DER_SET, &bag.attributes) || !kf_der_end(&in))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "not a SafeBag");
    number = bag_number(bag.type);
    if (number == BAG_NESTED)
        return enter_nested(walk, bag.value, error);
    if (number == 1 || number == 2)
        bag.kind = number == 1 ? PFX_BAG_KEY : PFX_BAG_SHROUDED;
    if (number >= 3 && number <= 5 && fill_typed(walk->file, number, &bag, error) != KF_OK)
        return KF_SKIP;
    added = add_bag(walk->file, error);
    if (added == NULL)
        return error->cause == KF_CAUSE_LIMIT ? KF_SKIP : KF_FATAL;
    if (bag.kind == PFX_BAG_KEY || bag.kind == PFX_BAG_SHROUDED)
        bag.number = (uint32_t)walk->file->key_count++;
    else if (bag.kind == PFX_BAG_CERT)
        bag.number = (uint32_t)walk->file->cert_count++;
    *added = bag;
    return KF_OK;
}

/* The next bag. One that is malformed by itself costs no other: the first of them is told. */
static enum kf_status next_bag(struct bag_walk *walk, struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_slice in;
    enum kf_status status;

    walk->seen++;
    if (!kf_der_get(&walk->levels[walk->depth - 1], KF_DER_SEQUENCE, &in))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "not a SafeBag");
    status = read_bag(walk, in, &why);
    if (status == KF_OK)
        return KF_OK;
    if (status == KF_FATAL || why.cause != KF_CAUSE_DATA) {
        *error = why;
        return status;
    }
    if (walk->problem.cause == KF_CAUSE_NONE) {
        walk->problem = why;
        kf_error_place(&walk->problem, "bag %zu", walk->seen);
    }
    return KF_OK;
}

static enum kf_status walk_bags(struct bag_walk *walk, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (walk->depth != 0 && status == KF_OK) {
        if (kf_der_end(&walk->levels[walk->depth - 1]))
            walk->depth--;
        else
            status = next_bag(walk, error);
    }
    if (status == KF_SKIP)
        kf_error_place(error, "bag %zu", walk->seen);
    return status;
}

enum kf_status pfx_bags_list(struct pfx_file *file, uint32_t safe, struct kf_error *error)
{
    struct pfx_safe *at = &file->safes[safe];
    struct bag_walk walk = {.file = file, .safe = safe};
    struct kf_error problem = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    status = pfx_normalize(file, &at->bytes, &at->trailing, &problem);
    if (status == KF_OK) {
        struct kf_slice contents = at->bytes;

        if (!enter(&walk, &contents))
            status = kf_fail(&problem, KF_SKIP, KF_CAUSE_DATA, RULE,
                             "SafeContents is neither a SEQUENCE nor a SET");
    }
    at->first_bag = file->bag_count;
    if (status == KF_OK)
        status = walk_bags(&walk, &problem);
    at->bag_count = file->bag_count - at->first_bag;
    if (status == KF_FATAL) {
        *error = problem;
        return KF_FATAL;
    }
    at->problem = status == KF_OK ? walk.problem : problem;
    return KF_OK;
}

struct kf_tlv pfx_attribute(const struct pfx_bag *bag, uint8_t which)
{
    const struct kf_slice prefix = KF_OID(PKCS9);
    struct kf_slice attributes = bag->attributes;
    struct kf_slice in;
    struct kf_slice oid;
    struct kf_slice values;
    struct kf_tlv value;

    while (kf_der_get(&attributes, KF_DER_SEQUENCE, &in)) {
        if (!kf_der_get(&in, KF_DER_OID, &oid) || oid.len != prefix.len + 1 ||
            memcmp(oid.data, prefix.data, prefix.len) != 0 || oid.data[prefix.len] != which)
            continue;
        if (kf_der_get(&in, KF_DER_SET, &values) && kf_der_any(&values, &value))
            return value;
    }
    return (struct kf_tlv){.tag = 0};
}

char *pfx_friendly_name(const struct pfx_bag *bag)
{
    struct kf_tlv value = pfx_attribute(bag, PFX_FRIENDLY_NAME);
    char *name = NULL;

    if (value.value.len == 0 || value.value.len > (size_t)KF_MAX_NAME * 4)
        return NULL;
    if (value.tag == KF_DER_BMP_STRING)
        name = kf_text_from_bmp(value.value);
    else if ((value.tag & 0x20) == 0)
        name = kf_text_from_bytes(value.value);
    if (name != NULL && name[0] == '\0') {
        free(name);
        name = NULL;
    }
    return name;
}

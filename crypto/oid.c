/*
 * Object identifiers in dotted form (X.690 8.19). Arcs of up to 64 bits; what is longer, or not an
 * OID at all, is shown in hex rather than guessed at.
 */
#include "crypto/oid.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "core/der.h"
#include "crypto/crypto.h"

static enum kf_status append_arc(struct kf_buf *out, uint64_t arc, bool first,
                                 struct kf_error *error)
{
    char text[48];
    unsigned root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
    int len;

    if (first)
        len = snprintf(text, sizeof(text), "%u.%llu", root,
                       (unsigned long long)(arc - root * UINT64_C(40)));
    else
        len = snprintf(text, sizeof(text), ".%llu", (unsigned long long)arc);
    return kf_buf_append(out, text, (size_t)len, error);
}

/* Every arc ends, is minimal, and fits into 64 bits. */
static bool is_readable(struct kf_slice oid)
{
    uint64_t arc = 0;
    bool inside = false;

    for (size_t i = 0; i < oid.len; i++) {
        if ((!inside && oid.data[i] == 0x80) || arc > UINT64_MAX >> 7)
            return false;
        arc = arc << 7 | (oid.data[i] & 0x7f);
        inside = oid.data[i] >= 0x80;
        if (!inside)
            arc = 0;
    }
    return oid.len != 0 && !inside;
}

enum kf_status kf_oid_append(struct kf_slice oid, struct kf_buf *out, struct kf_error *error)
{
    uint64_t arc = 0;
    bool first = true;

    if (!is_readable(oid)) {
        if (kf_buf_append(out, "#", 1, error) != KF_OK)
            return KF_FATAL;
        return kf_hex_encode(out, oid, error);
    }
    for (size_t i = 0; i < oid.len; i++) {
        arc = arc << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] >= 0x80)
            continue;
        if (append_arc(out, arc, first, error) != KF_OK)
            return KF_FATAL;
        first = false;
        arc = 0;
    }
    return KF_OK;
}

#define USUAL_OID                                                                                  \
    64 /* bytes with tag and length; all that OpenSSL has a number for are shorter                 \
        */

int kf_oid_nid(struct kf_slice oid)
{
    uint8_t der[USUAL_OID] = {KF_DER_OID, (uint8_t)oid.len};
    const uint8_t *at = der;
    ASN1_OBJECT *object;
    int nid = 0;

    if (oid.len == 0 || oid.len > sizeof(der) - 2)
        return 0;
    memcpy(der + 2, oid.data, oid.len);
    object = d2i_ASN1_OBJECT(NULL, &at, (long)oid.len + 2);
    if (object != NULL)
        nid = OBJ_obj2nid(object);
    else
        kf_openssl_forget();
    ASN1_OBJECT_free(object);
    return nid;
}

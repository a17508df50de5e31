/*
 * What is to be told of a PKCS #12 file beside its keys: that it has no MAC (RFC 7292 4), that it
 * holds no key, or certificates and bags that become no record, and that more follows it.
 *
 * A certificate is one of no key where no key of the file has its public key and it leads from no
 * key's certificate: its key may have been lost, and somebody should know.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "readers/pfx_file.h"

#define RULE_MAC  "RFC 7292 4"
#define RULE_BAGS "RFC 7292 4.2"

static void remark(struct kf_remarks *out, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void remark(struct kf_remarks *out, const char *rule, const char *format, ...)
{
    struct kf_remark *added = &out->items[out->count++];
    va_list arguments;

    added->rule = rule;
    va_start(arguments, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.*): it is started on the line before
    (void)vsnprintf(added->text, sizeof(added->text), format, arguments);
    va_end(arguments);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Certificates whose public key is a key's of the file, but that are not the one it came with. */
static uint64_t count_further(const struct pfx_file *file)
{
    const struct pfx_index_entry *entries = file->by_key.entries;
    uint64_t further = 0;
    size_t end;

    for (size_t first = 0; first < file->by_key.count; first = end) {
        uint64_t without = 0;
        bool has_key = false;

        for (end = first; end < file->by_key.count && memcmp(entries[end].hash, entries[first].hash,
                                                             sizeof(entries[first].hash)) == 0;
             end++) {
            const struct pfx_cert *cert = &file->certs[entries[end].item];

            has_key = has_key || cert->key != PFX_NONE;
            without += cert->key == PFX_NONE && !cert->in_chain;
        }
        further += has_key ? without : 0;
    }
    return further;
}

/* What did not open may be the key of any certificate, and the failed records tell of it. */
static bool has_closed_parts(const struct pfx_file *file)
{
    for (size_t i = 0; i < file->safe_count; i++) {
        if (file->safes[i].problem.cause != KF_CAUSE_NONE)
            return true;
    }
    for (size_t i = 0; i < file->key_count; i++) {
        if (file->keys[i].pairing == PFX_PAIR_FAILED)
            return true;
    }
    return false;
}

static void remark_certificates(const struct pfx_file *file, struct kf_remarks *out)
{
    uint64_t further = count_further(file);
    uint64_t alone = 0;

    for (size_t i = 0; i < file->cert_count; i++)
        alone += file->certs[i].key == PFX_NONE && !file->certs[i].in_chain;
    alone -= further;
    out->certificates = alone;
    if (file->key_count == 0 && alone != 0)
        remark(out, NULL, "holds no private key, only %" PRIu64 " certificate%s", alone,
               plural(alone));
    else if (file->key_count == 0)
        remark(out, NULL, "holds no private key");
    else if (alone != 0)
        remark(out, NULL, "holds %" PRIu64 " certificate%s of which it has no key", alone,
               plural(alone));
    if (further != 0)
        remark(out, NULL,
               "holds %" PRIu64 " more certificate%s of keys that were read with another", further,
               plural(further));
}

static void remark_bags(const struct pfx_file *file, struct kf_remarks *out)
{
    static const char *const names[] = {
        [PFX_BAG_SDSI] = "SDSI certificate",
        [PFX_BAG_CRL] = "CRL",
        [PFX_BAG_SECRET] = "secret",
        [PFX_BAG_UNKNOWN] = "unknown bag",
    };
    uint64_t counts[PFX_BAG_UNKNOWN + 1] = {0};
    char list[120] = "";
    size_t used = 0;

    for (size_t i = 0; i < file->bag_count; i++)
        counts[file->bags[i].kind]++;
    for (size_t kind = PFX_BAG_SDSI; kind <= PFX_BAG_UNKNOWN; kind++) {
        if (counts[kind] != 0)
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%" PRIu64 " %s%s",
                                     used != 0 ? ", " : "", counts[kind], names[kind],
                                     plural(counts[kind]));
    }
    if (used != 0)
        remark(out, RULE_BAGS, "holds what is not for archival: %s", list);
}

void pfx_remarks(const struct pfx_file *file, struct kf_remarks *out)
{
    if (file->keys == NULL || file->problem.cause != KF_CAUSE_NONE)
        return; /* it did not open, and its one record tells why */
    if (file->mac.kind == PFX_MAC_NONE)
        remark(out, RULE_MAC, "has no MAC: nothing tells whether it was changed");
    if (!has_closed_parts(file))
        remark_certificates(file, out);
    remark_bags(file, out);
    if (file->followed != 0)
        remark(out, RULE_MAC, "goes on after its end, for %zu byte%s", file->followed,
               plural(file->followed));
}

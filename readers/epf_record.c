/*
 * What a profile yields: records for import, and the outline that inspect shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/secrets.h"
#include "readers/epf.h"

static enum kf_status copy_text(char **out, const char *text, struct kf_error *error)
{
    if (text == NULL)
        return KF_OK;
    *out = kf_strndup(text, strlen(text));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

/* Previous where a newer certificate of the same use has its key in this profile as well. */
static enum kf_key_state find_state(const struct kf_epf_search *search,
                                    const struct kf_cert_facts *facts)
{
    for (size_t i = 0; i < search->opened_count; i++) {
        const struct kf_cert_facts *other;

        if (search->opened[i].certificate == KF_EPF_NO_CERTIFICATE)
            continue;
        other = &search->profile->values[search->opened[i].certificate].facts;
        if (kf_cert_may_encrypt(other) == kf_cert_may_encrypt(facts) &&
            other->not_before > facts->not_before)
            return KF_STATE_PREVIOUS;
    }
    return KF_STATE_CURRENT;
}

static enum kf_status add_chain(const struct kf_epf_reader *reader, struct kf_record *record,
                                struct kf_error *error)
{
    const struct kf_epf_profile *profile = &reader->profile;
    size_t count = kf_epf_count_kind(profile, KF_EPF_IS_CERTIFICATE);
    struct kf_cert_facts *pool = calloc(count + 1, sizeof(*pool));
    size_t *picked = calloc(count + 1, sizeof(*picked));
    size_t filled = 0;
    size_t chain = 0;
    enum kf_status status = KF_FATAL;

    if (pool == NULL || picked == NULL) {
        status = kf_fail_memory(error);
        goto out;
    }
    for (size_t i = 0; i < profile->value_count; i++) {
        if ((profile->values[i].kinds & KF_EPF_IS_CERTIFICATE) != 0)
            pool[filled++] = profile->values[i].facts; /* borrowed */
    }
    chain = kf_chain_pick(reader->options.crypto, &record->facts, pool, filled, picked);
    record->chain = calloc(chain + 1, sizeof(*record->chain));
    if (record->chain == NULL) {
        status = kf_fail_memory(error);
        goto out;
    }
    for (; record->chain_count < chain; record->chain_count++) {
        struct kf_buf *link = &record->chain[record->chain_count];

        *link = KF_PUBLIC_BUF;
        if (kf_buf_set(link, pool[picked[record->chain_count]].der, error) != KF_OK)
            goto out;
    }
    status = KF_OK;
out:
    free(pool);
    free(picked);
    return status;
}

static enum kf_status take_certificate(const struct kf_epf_reader *reader,
                                       const struct kf_epf_search *search, size_t certificate,
                                       struct kf_record *record, struct kf_error *error)
{
    const struct kf_epf_value *value = &reader->profile.values[certificate];

    if (kf_buf_set(&record->cert, kf_buf_slice(&value->bytes), error) != KF_OK ||
        kf_cert_parse(reader->options.crypto, kf_buf_slice(&record->cert), &record->facts, error) !=
            KF_OK)
        return KF_FATAL;
    record->has_facts = true;
    record->state = find_state(search, &record->facts);
    if (copy_text(&record->display_name, record->facts.common_name, error) != KF_OK ||
        copy_text(&record->distinguished_name, record->facts.subject, error) != KF_OK ||
        copy_text(&record->mail, record->facts.email, error) != KF_OK)
        return KF_FATAL;
    return add_chain(reader, record, error);
}

enum kf_status kf_epf_add_record(const struct kf_epf_reader *reader,
                                 const struct kf_epf_search *search, struct kf_epf_opened *opened,
                                 size_t secret, struct kf_batch *batch, struct kf_error *error)
{
    const struct kf_epf_value *value = &reader->profile.values[opened->value];
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_record *record = kf_batch_add(batch, error);

    if (record == NULL)
        return KF_FATAL;
    kf_epf_where(&reader->profile, value, record->place, sizeof(record->place));
    record->line = value->line;
    if (kf_secrets_tell(reader->options.secrets, secret, record, error) != KF_OK)
        return KF_FATAL;
    if (opened->certificate != KF_EPF_NO_CERTIFICATE) {
        kf_buf_move(&record->pkcs8, &opened->pkcs8);
        return take_certificate(reader, search, opened->certificate, record, error);
    }
    record->state = KF_STATE_PREVIOUS;
    (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_DATA, NULL,
                   "an RSA key that opens and is sound, but whose certificate is not in the "
                   "profile");
    kf_error_line(&why, value->line);
    kf_record_decide(record, KF_FAILED, &why);
    return KF_OK;
}

static const char *kind_name(unsigned kinds)
{
    if ((kinds & KF_EPF_IS_CERTIFICATE) != 0)
        return "certificate";
    if ((kinds & KF_EPF_IS_ENCRYPTED) != 0)
        return "encrypted";
    if ((kinds & KF_EPF_IS_SALT) != 0)
        return "salt";
    if ((kinds & KF_EPF_IS_COUNT) != 0)
        return "count";
    return (kinds & KF_EPF_IS_BEYOND) != 0 ? "number above the limit" : "text";
}

static void tell_slice(const struct kf_outline *outline, const char *name, struct kf_slice text)
{
    char *copy = text.len > 0 ? kf_strndup(text.data, text.len) : NULL;

    outline->ops->text(outline->context, name, copy);
    free(copy);
}

static void tell_value(const struct kf_epf_reader *reader, size_t index,
                       const struct kf_outline *outline)
{
    const struct kf_outline_ops *ops = outline->ops;
    const struct kf_epf_value *value = &reader->profile.values[index];
    const struct kf_epf_outcome *outcome = &reader->outcomes[index];
    char where[128];

    kf_epf_where(&reader->profile, value, where, sizeof(where));
    ops->begin(outline->context, "values", where);
    tell_slice(outline, "section", reader->profile.sections[value->section]);
    tell_slice(outline, "name", value->name);
    ops->number(outline->context, "line", value->line);
    ops->text(outline->context, "kind", kind_name(value->kinds));
    if ((value->kinds & (KF_EPF_IS_COUNT | KF_EPF_IS_BEYOND)) != 0)
        ops->number(outline->context, "number", value->number);
    if (value->bytes.len > 0)
        ops->number(outline->context, "bytes", value->bytes.len);
    if ((value->kinds & KF_EPF_IS_CERTIFICATE) != 0)
        ops->text(outline->context, "subject", value->facts.subject);
    if ((value->kinds & KF_EPF_IS_ENCRYPTED) != 0)
        ops->flag(outline->context, "opened", outcome->is_opened);
    if (outcome->is_opened && outcome->certificate != KF_EPF_NO_CERTIFICATE) {
        kf_epf_where(&reader->profile, &reader->profile.values[outcome->certificate], where,
                     sizeof(where));
        ops->text(outline->context, "provenBy", where);
    }
    ops->end(outline->context);
}

enum kf_status kf_epf_describe(struct kf_reader *base, bool before, struct kf_outline *outline,
                               struct kf_error *error)
{
    const struct kf_epf_reader *reader = (const struct kf_epf_reader *)base;
    const struct kf_epf_outcome *last = &reader->outcomes[reader->profile.value_count];
    char name[KF_EPF_NAME_SIZE];

    (void)error;
    outline->ops->text(outline->context, "encoding", reader->profile.encoding);
    if (!before && last->is_opened) {
        kf_epf_name(&last->dialect, name);
        outline->ops->text(outline->context, "dialect", name);
    }
    outline->ops->number(outline->context, "sections", reader->profile.section_count - 1);
    for (size_t i = 0; i < reader->profile.value_count; i++)
        tell_value(reader, i, outline);
    return KF_OK;
}

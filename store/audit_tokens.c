/*
 * Search tokens against the rows: a row whose tokens were taken away is there, and nobody finds it.
 *
 * A token more for a row that is there is harmless, since the row itself decides (search.h), and
 * rows that were replaced have some; one that leads to no row is told.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"
#include "store/rowhash.h"
#include "store/search.h"

static enum kf_status has_token(struct kf_store *store, enum kf_statement list, int64_t token,
                                bool *has, struct kf_error *error)
{
    const struct kf_value range[2] = {kf_integer(token), kf_integer(token)};
    int64_t found = 0;
    enum kf_status status = kf_store_number(store, list, range, 2, &found, error);

    *has = status == KF_OK;
    return status == KF_END ? KF_OK : status;
}

/* The names of a row as strings, for as long as texts is kept. */
#define TEXTS 7
static enum kf_status read_names(const struct kf_value *columns, char *texts[TEXTS],
                                 struct kf_row_names *names, struct kf_error *error)
{
    static const enum kf_request_column which[TEXTS] = {
        KF_REQUEST_COMMON_NAME, KF_REQUEST_UPN,    KF_REQUEST_REQUESTER, KF_REQUEST_EMAIL,
        KF_REQUEST_MAILBOX,     KF_REQUEST_SERIAL, KF_REQUEST_SKI};

    for (size_t i = 0; i < TEXTS; i++) {
        if (kf_column_text(&columns[which[i]], &texts[i], error) != KF_OK)
            return KF_FATAL;
    }
    *names = (struct kf_row_names){.common_name = texts[0],
                                   .upn = texts[1],
                                   .requester_name = texts[2],
                                   .email = texts[3],
                                   .mailbox_guid = texts[4],
                                   .serial_number = texts[5],
                                   .subject_key_identifier = texts[6]};
    return KF_OK;
}

static enum kf_status check_names(struct kf_audit_check *check, uint64_t request,
                                  const struct kf_row_names *names, struct kf_error *error)
{
    uint32_t hashes[KF_ROW_HASHES_MAX];
    size_t count = kf_row_hashes(names, hashes);
    bool has = true;

    for (size_t i = 0; i < count && has; i++) {
        if (has_token(check->store, KF_SQL_TOKEN_LIST, kf_token(request, hashes[i]), &has, error) !=
            KF_OK)
            return KF_FATAL;
    }
    if (!has)
        kf_audit_defect(check, "request %llu: search tokens of its names were removed",
                        (unsigned long long)request);
    return KF_OK;
}

enum kf_status kf_audit_check_tokens(struct kf_audit_check *check, const struct kf_value *columns,
                                     struct kf_error *error)
{
    const uint64_t request = (uint64_t)columns[KF_REQUEST_ID].number;
    struct kf_row_names names;
    char *texts[TEXTS] = {NULL};
    uint8_t sha1[KF_SHA1_SIZE];
    uint8_t sha256[KF_SHA256_SIZE];
    char hex[2 * KF_SHA1_SIZE + 1];
    bool has = false;
    enum kf_status status = read_names(columns, texts, &names, error);

    if (status == KF_OK)
        status = kf_column_bytes(&columns[KF_REQUEST_SHA1], sha1, sizeof(sha1), error);
    if (status == KF_OK)
        status = kf_column_bytes(&columns[KF_REQUEST_SHA256], sha256, sizeof(sha256), error);
    if (status == KF_OK) {
        kf_hex(hex, sha1, sizeof(sha1));
        names.certificate_hash = hex;
        status = check_names(check, request, &names, error);
    }
    if (status == KF_OK)
        status = has_token(check->store, KF_SQL_CERT_TOKEN_LIST,
                           kf_token(request, kf_certificate_token_hash(sha256)), &has, error);
    if (status == KF_OK && !has)
        kf_audit_defect(check, "request %llu: the search token of its certificate was removed",
                        (unsigned long long)request);
    for (size_t i = 0; i < TEXTS; i++)
        free(texts[i]);
    return status;
}

static enum kf_status count_strays(struct kf_audit_check *check, enum kf_statement list,
                                   uint64_t *strays, uint64_t *all, struct kf_error *error)
{
    const struct kf_value range[2] = {kf_integer(INT64_MIN), kf_integer(INT64_MAX)};
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(check->store, list, range, 2, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status != KF_OK)
            break;
        (*all)++;
        *strays += kf_idmap_see(&check->requests, kf_token_request(result->columns[0].number)) == 0;
    }
    kf_store_finish(check->store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_audit_check_strays(struct kf_audit_check *check, struct kf_error *error)
{
    uint64_t strays = 0;
    uint64_t names = 0;
    uint64_t certificates = 0;

    if (count_strays(check, KF_SQL_TOKEN_LIST, &strays, &names, error) != KF_OK ||
        count_strays(check, KF_SQL_CERT_TOKEN_LIST, &strays, &certificates, error) != KF_OK)
        return KF_FATAL;
    if (strays != 0 && !check->has_strangers)
        kf_audit_defect(check, "%llu search tokens were inserted: they lead to no row",
                        (unsigned long long)strays);
    else if (check->report->defects == 0 && certificates != check->report->rows)
        kf_audit_defect(check, "search tokens were inserted: there are %llu for %llu certificates",
                        (unsigned long long)certificates, (unsigned long long)check->report->rows);
    return KF_OK;
}

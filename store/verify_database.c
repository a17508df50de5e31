/*
 * What the database says of itself: see verify_row.h.
 */
#include <stdio.h>

#include "store/verify_row.h"

/* A whole one says "ok", or nothing. */
static enum kf_status ask(struct kf_store *store, enum kf_statement which, const char *what,
                          void (*tell)(void *context, const char *text), void *context,
                          struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, which, NULL, 0, &result, error);

    while (status == KF_OK) {
        const struct kf_value *said;
        char text[300];

        status = kf_store_next(store, result, error);
        if (status != KF_OK)
            break;
        said = &result->columns[0];
        if (said->bytes.len == 2 && memcmp(said->bytes.data, "ok", 2) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%s: %.*s", what,
                       (int)(said->bytes.len < 200 ? said->bytes.len : 200),
                       said->bytes.len != 0 ? (const char *)said->bytes.data : "");
        tell(context, text);
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_verify_database(struct kf_store *store,
                                  void (*tell)(void *context, const char *text), void *context,
                                  struct kf_error *error)
{
    enum kf_status status = ask(store, KF_SQL_INTEGRITY_LIST, "the database", tell, context, error);

    if (status != KF_OK)
        return status;
    return ask(store, KF_SQL_REFERENCES_LIST,
               "the database: a row is missing that is referred to from", tell, context, error);
}

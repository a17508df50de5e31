/*
 * The store's place: see place.h for the contract.
 */
#include "cli/place.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STORE "keyferry.db"

const char *kf_store_location(const struct kf_arguments *arguments)
{
    const char *location = kf_value(arguments, KF_OPT_STORE);

    if (location == NULL)
        location = getenv("KEYFERRY_STORE");
    return location != NULL && location[0] != '\0' ? location : DEFAULT_STORE;
}

const char *kf_location_path(const char *location)
{
    const char *prefix = "sqlite:";

    return strncmp(location, prefix, strlen(prefix)) == 0 ? location + strlen(prefix) : location;
}

char *kf_caller_name(void)
{
    char number[32];
    char space[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(getuid(), &entry, space, sizeof(space), &found) == 0 && found != NULL)
        return kf_strndup(found->pw_name, strlen(found->pw_name));
    (void)snprintf(number, sizeof(number), "uid %lu", (unsigned long)getuid());
    return kf_strndup(number, strlen(number));
}

enum kf_status kf_open_store(const struct kf_session *session, const struct kf_arguments *arguments,
                             struct kf_store **out, struct kf_error *error)
{
    struct kf_store_options options = {.crypto = session->crypto};
    char *caller = kf_caller_name();
    enum kf_status status;

    if (caller == NULL)
        return kf_fail_memory(error);
    options.caller = caller;
    status = kf_store_open(kf_store_location(arguments), &options, out, error);
    free(caller);
    return status;
}

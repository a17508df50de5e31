/*
 * Password sources, as openssl-passphrase-options(1) has them: see passwords.h for the contract.
 */
#include "cli/passwords.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"

struct remembered {
    char *name;          /* "file:PATH" or "env:NAME" */
    int fd;              /* of a file, else -1 */
    struct kf_buf value; /* of a variable */
    struct remembered *next;
};

struct kf_password_sources {
    struct remembered *first;
};

static const char *const prefixes[] = {"pass:", "env:", "file:", "fd:"};

enum kf_status kf_password_sources_new(struct kf_password_sources **out, struct kf_error *error)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

void kf_password_sources_free(struct kf_password_sources *sources)
{
    while (sources != NULL && sources->first != NULL) {
        struct remembered *entry = sources->first;

        sources->first = entry->next;
        if (entry->fd >= 0)
            (void)close(entry->fd);
        kf_buf_reset(&entry->value);
        free(entry->name);
        free(entry);
    }
    free(sources);
}

bool kf_is_password_source(const char *text)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return strcmp(text, "stdin") == 0;
}

static struct remembered *find(const struct kf_password_sources *sources, const char *name)
{
    struct remembered *entry = sources->first;

    while (entry != NULL && strcmp(entry->name, name) != 0)
        entry = entry->next;
    return entry;
}

/* NULL: out of memory, with the error filled. */
static struct remembered *remember(struct kf_password_sources *sources, const char *name,
                                   struct kf_error *error)
{
    struct remembered *entry = calloc(1, sizeof(*entry));

    if (entry != NULL)
        entry->name = kf_strndup(name, strlen(name));
    if (entry == NULL || entry->name == NULL) {
        free(entry);
        (void)!kf_fail_memory(error);
        return NULL;
    }
    entry->fd = -1;
    entry->next = sources->first;
    sources->first = entry;
    return entry;
}

static enum kf_status too_long(struct kf_error *error)
{
    return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "the password is longer than %u bytes",
                   KF_MAX_PASSWORD);
}

/* One line by single bytes, so that what follows stays there for the next reader. */
static enum kf_status read_line(int fd, const char *name, struct kf_buf *out,
                                struct kf_error *error)
{
    bool any = false;

    kf_buf_clear(out);
    for (;;) {
        char byte = 0;
        ssize_t got = read(fd, &byte, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            const char *reason = strerror(errno);

            return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                           "cannot read a password from %s: %s", name, reason);
        }
        if (got == 0 && !any)
            return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "%s has no (further) password",
                           name);
        if (got == 0 || byte == '\n')
            break;
        any = true;
        if (out->len == KF_MAX_PASSWORD)
            return too_long(error);
        if (kf_buf_append(out, &byte, 1, error) != KF_OK)
            return KF_FATAL;
    }
    if (out->len != 0 && out->data[out->len - 1] == '\r')
        out->len--;
    return KF_OK;
}

static enum kf_status read_file(struct kf_password_sources *sources, const char *source,
                                struct kf_buf *out, struct kf_error *error)
{
    struct remembered *entry = find(sources, source);

    if (entry == NULL) {
        entry = remember(sources, source, error);
        if (entry == NULL)
            return KF_FATAL;
        entry->fd = open(source + strlen("file:"), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (entry->fd < 0) {
        const char *reason = strerror(errno);

        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                       "cannot open the password file %s: %s", source + strlen("file:"), reason);
    }
    return read_line(entry->fd, source, out, error);
}

static enum kf_status read_env(struct kf_password_sources *sources, const char *source,
                               struct kf_buf *out, struct kf_error *error)
{
    const char *name = source + strlen("env:");
    struct remembered *entry = find(sources, source);
    char *value = NULL;

    if (entry != NULL)
        return kf_buf_set(out, kf_buf_slice(&entry->value), error);
    value = getenv(name);
    if (value == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                       "the environment has no variable %s for a password", name);
    if (strlen(value) > KF_MAX_PASSWORD)
        return too_long(error);
    entry = remember(sources, source, error);
    if (entry == NULL || kf_buf_set(&entry->value, kf_slice_of(value), error) != KF_OK)
        return KF_FATAL;
    kf_wipe(value, strlen(value)); /* children and /proc shall not have it any longer */
    (void)unsetenv(name);
    return kf_buf_set(out, kf_buf_slice(&entry->value), error);
}

static enum kf_status read_pass(char *source, struct kf_buf *out, struct kf_error *error)
{
    char *text = source + strlen("pass:");
    enum kf_status status;

    if (strlen(text) > KF_MAX_PASSWORD)
        return too_long(error);
    status = kf_buf_set(out, kf_slice_of(text), error);
    kf_wipe(text, strlen(text)); /* other users see the argument list */
    return status;
}

static enum kf_status read_fd(const char *source, struct kf_buf *out, struct kf_error *error)
{
    uint64_t fd = 0;

    if (!kf_parse_u64(source + strlen("fd:"), 65535, &fd))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "not a file descriptor: %s", source);
    return read_line((int)fd, source, out, error);
}

enum kf_status kf_password_read(struct kf_session *session, char *source, struct kf_buf *out,
                                struct kf_error *error)
{
    kf_buf_clear(out);
    if (strncmp(source, "pass:", 5) == 0)
        return read_pass(source, out, error);
    if (strncmp(source, "env:", 4) == 0)
        return read_env(session->sources, source, out, error);
    if (strncmp(source, "file:", 5) == 0)
        return read_file(session->sources, source, out, error);
    if (strncmp(source, "fd:", 3) == 0)
        return read_fd(source, out, error);
    if (strcmp(source, "stdin") == 0)
        return read_line(STDIN_FILENO, source, out, error);
    /* it may well be the password itself, so it is not shown */
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                   "a password source is pass:TEXT, env:NAME, file:PATH, fd:N or stdin");
}

enum kf_status kf_password_get(struct kf_session *session, char *source, const char *what,
                               bool twice, struct kf_buf *out, struct kf_error *error)
{
    if (source != NULL)
        return kf_password_read(session, source, out, error);
    return kf_password_ask(session, what, twice, out, error);
}

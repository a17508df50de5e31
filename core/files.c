/*
 * Files with keys: see files.h for the contract.
 *
 * A file is made as ".NAME.XXXXXX" in its own folder by mkstemp, which gives mode 0600, and gets
 * its name by link (which never overwrites) or by rename. The folder is synced too, so that the
 * name survives a power loss.
 */
#include "core/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kf_file {
    int fd;
    bool overwrite;
    char *path;
    char *temporary;
    char *folder;
};

static void release(struct kf_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file->path);
    free(file->temporary);
    free(file->folder);
    free(file);
}

/* Sets path, folder and the template of the temporary name. */
static bool name_parts(struct kf_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t folder_len = (size_t)(base - path);
    size_t size = strlen(path) + sizeof("..XXXXXX");

    file->path = kf_strndup(path, strlen(path));
    file->folder = folder_len != 0 ? kf_strndup(path, folder_len) : kf_strndup(".", 1);
    file->temporary = malloc(size);
    if (file->path == NULL || file->folder == NULL || file->temporary == NULL)
        return false;
    (void)snprintf(file->temporary, size, "%.*s.%s.XXXXXX", (int)folder_len, path, base);
    return true;
}

enum kf_status kf_file_begin(struct kf_file **out, const char *path, bool overwrite,
                             struct kf_error *error)
{
    struct kf_file *file = calloc(1, sizeof(*file));
    struct stat facts;

    *out = NULL;
    if (file == NULL)
        return kf_fail_memory(error);
    file->fd = -1;
    file->overwrite = overwrite;
    if (!name_parts(file, path)) {
        release(file);
        return kf_fail_memory(error);
    }
    if (!overwrite && lstat(path, &facts) == 0) {
        release(file);
        return kf_fail(error, KF_SKIP, KF_CAUSE_SYSTEM, NULL,
                       "%s exists already (-f writes over it)", path);
    }
    file->fd = mkstemp(file->temporary);
    if (file->fd < 0) {
        enum kf_status status = kf_fail_errno(error, KF_SKIP, "cannot write %s", path);

        release(file);
        return status;
    }
    (void)fcntl(file->fd, F_SETFD, FD_CLOEXEC);
    *out = file;
    return KF_OK;
}

enum kf_status kf_file_append(struct kf_file *file, struct kf_slice bytes, struct kf_error *error)
{
    while (bytes.len != 0) {
        ssize_t count = write(file->fd, bytes.data, bytes.len);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kf_fail_errno(error, KF_FATAL, "cannot write %s", file->path);
        bytes.data += count;
        bytes.len -= (size_t)count;
    }
    return KF_OK;
}

enum kf_status kf_file_patch(struct kf_file *file, uint64_t offset, struct kf_slice bytes,
                             struct kf_error *error)
{
    while (bytes.len != 0) {
        ssize_t count = pwrite(file->fd, bytes.data, bytes.len, (off_t)offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kf_fail_errno(error, KF_FATAL, "cannot write %s", file->path);
        bytes.data += count;
        bytes.len -= (size_t)count;
        offset += (uint64_t)count;
    }
    return KF_OK;
}

static bool sync_file(int fd)
{
    int result;

    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

enum kf_status kf_file_flush(struct kf_file *file, const char **path, struct kf_error *error)
{
    if (!sync_file(file->fd))
        return kf_fail_errno(error, KF_FATAL, "cannot write %s", file->path);
    *path = file->temporary;
    return KF_OK;
}

static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* Gives the temporary file its name; link refuses where another process has made it meanwhile. */
static bool publish(const struct kf_file *file)
{
    int reason;

    if (file->overwrite)
        return rename(file->temporary, file->path) == 0;
    if (link(file->temporary, file->path) != 0)
        return false;
    if (unlink(file->temporary) == 0)
        return true;
    reason = errno;
    (void)unlink(file->path); /* failed means that there is no such file */
    errno = reason;
    return false;
}

enum kf_status kf_file_commit(struct kf_file *file, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    if (!sync_file(file->fd) || !publish(file)) {
        status = kf_fail_errno(error, KF_FATAL, "cannot write %s", file->path);
        kf_file_discard(file);
        return status;
    }
    sync_folder(file->folder);
    release(file);
    return status;
}

void kf_file_discard(struct kf_file *file)
{
    if (file == NULL)
        return;
    (void)unlink(file->temporary);
    release(file);
}

enum kf_status kf_file_write(const char *path, struct kf_slice bytes, bool overwrite,
                             struct kf_error *error)
{
    struct kf_file *file;
    enum kf_status status = kf_file_begin(&file, path, overwrite, error);

    if (status != KF_OK)
        return status;
    status = kf_file_append(file, bytes, error);
    if (status != KF_OK) {
        kf_file_discard(file);
        return status;
    }
    return kf_file_commit(file, error);
}

enum kf_status kf_file_read(const char *path, size_t limit, struct kf_buf *out,
                            struct kf_error *error)
{
    struct kf_input *input;
    enum kf_status status = kf_input_open(&input, path, error);

    if (status != KF_OK)
        return status;
    status = kf_input_read_all(input, out, limit, error);
    kf_input_close(input);
    return status;
}

enum kf_status kf_file_facts(const char *path, const struct evp_md_st *sha256,
                             struct kf_input_facts *out, struct kf_error *error)
{
    struct kf_input *input;
    struct stat facts;
    enum kf_status status;

    *out = (struct kf_input_facts){.is_once = true};
    if (strcmp(path, "-") == 0 || (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)))
        return KF_OK;
    status = kf_input_open(&input, path, error);
    if (status != KF_OK)
        return status;
    status = kf_input_hash(input, sha256, error);
    if (status == KF_OK && kf_input_skip_rest(input, error) != KF_OK)
        status = KF_SKIP;
    kf_input_facts(input, out);
    kf_input_close(input);
    return status;
}

/*
 * Passwords of files: see passlist.h for the contract.
 */
#include "writers/passlist.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/files.h"
#include "crypto/algorithms.h"

#define CHARACTERS 26
#define HEADER     "path,password\r\n"
#define MAX_LIST   (256u << 20) /* bytes of an older list */

enum kf_status kf_password_derive(const struct kf_crypto *crypto, const uint8_t *master,
                                  const uint8_t *id, struct kf_buf *out, struct kf_error *error)
{
    /* without those that look like others; 32, so that each has five bits */
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t mac[KF_HASH_MAX_SIZE];
    char text[CHARACTERS];
    enum kf_status status =
        kf_hmac(crypto->algorithms, KF_HASH_SHA256, (struct kf_slice){master, 32},
                (struct kf_slice){id, 32}, mac, error);

    for (size_t i = 0; i < CHARACTERS; i++)
        text[i] = alphabet[mac[i] & 31];
    if (status == KF_OK)
        status = kf_buf_set(out, (struct kf_slice){(const uint8_t *)text, sizeof(text)}, error);
    kf_wipe(mac, sizeof(mac));
    kf_wipe(text, sizeof(text));
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static enum kf_status add(struct kf_buf *out, const char *text, size_t len, struct kf_error *error)
{
    return kf_buf_append(out, text, len, error);
}

static enum kf_status add_text(struct kf_buf *out, const char *text, struct kf_error *error)
{
    return kf_buf_append(out, text, strlen(text), error);
}

/* RFC 4180 2: always in quotes, quotes doubled */
static enum kf_status add_field(struct kf_buf *out, struct kf_slice field, struct kf_error *error)
{
    enum kf_status status = add(out, "\"", 1, error);

    for (size_t i = 0; i < field.len && status == KF_OK; i++) {
        if (field.data[i] == '"')
            status = add(out, "\"", 1, error);
        if (status == KF_OK)
            status = kf_buf_append(out, &field.data[i], 1, error);
    }
    return status == KF_OK ? add(out, "\"", 1, error) : status;
}

static enum kf_status must_not_be_there(const char *path, bool overwrite, struct kf_error *error)
{
    struct stat facts;

    if (overwrite || lstat(path, &facts) != 0)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "%s exists already (-f writes over it)",
                   path);
}

enum kf_status kf_passlist_begin(struct kf_passlist *list, const struct kf_outfiles *files,
                                 bool overwrite, struct kf_error *error)
{
    struct stat facts;

    list->path = kf_outfiles_beside(files, "passwords.csv");
    if (list->path == NULL)
        return kf_fail_memory(error);
    if (must_not_be_there(list->path, overwrite, error) != KF_OK)
        return KF_FATAL;
    if (lstat(list->path, &facts) != 0)
        return add_text(&list->lines, HEADER, error);
    return kf_file_read(list->path, MAX_LIST, &list->lines, error) == KF_OK ? KF_OK : KF_FATAL;
}

void kf_passlist_reset(struct kf_passlist *list)
{
    if (list == NULL)
        return;
    free(list->path);
    list->path = NULL;
    kf_buf_reset(&list->lines);
}

/* Removes the line that begins with this field, where there is one. */
static void remove_line(struct kf_buf *lines, struct kf_slice field)
{
    size_t at = 0;

    while (at < lines->len) {
        const uint8_t *end = memchr(lines->data + at, '\n', lines->len - at);
        size_t next = end != NULL ? (size_t)(end - lines->data) + 1 : lines->len;

        if (next - at > field.len && memcmp(lines->data + at, field.data, field.len) == 0 &&
            lines->data[at + field.len] == ',') {
            memmove(lines->data + at, lines->data + next, lines->len - next);
            kf_wipe(lines->data + lines->len - (next - at), next - at);
            lines->len -= next - at;
            return;
        }
        at = next;
    }
}

enum kf_status kf_passlist_set(struct kf_passlist *list, const char *path,
                               const struct kf_buf *password, struct kf_error *error)
{
    struct kf_buf field = KF_PUBLIC_BUF;
    enum kf_status status = add_field(&field, kf_slice_of(path), error);

    if (status == KF_OK) {
        remove_line(&list->lines, kf_buf_slice(&field));
        status = kf_buf_append(&list->lines, field.data, field.len, error);
    }
    kf_buf_reset(&field);
    list->is_changed = true;
    if (status != KF_OK || add(&list->lines, ",", 1, error) != KF_OK ||
        add_field(&list->lines, kf_buf_slice(password), error) != KF_OK)
        return KF_FATAL;
    return add(&list->lines, "\r\n", 2, error);
}

enum kf_status kf_passlist_write(struct kf_passlist *list, struct kf_error *error)
{
    if (!list->is_changed)
        return KF_OK;
    list->is_changed = false;
    return kf_file_write(list->path, kf_buf_slice(&list->lines), true, error) == KF_OK ? KF_OK
                                                                                       : KF_FATAL;
}

enum kf_status kf_certutil_begin(struct kf_certutil_batch *batch, const struct kf_outfiles *files,
                                 bool overwrite, struct kf_error *error)
{
    static const char head[] =
        "@echo off\r\n"
        "rem Imports the keys of this folder into the archive of the CA on this machine.\r\n"
        "rem It holds passwords in the clear: delete it when the import is done.\r\n"
        "rem Certificates of other CAs are taken only after, once and as an administrator:\r\n"
        "rem   certutil -setreg ca\\KRAFlags +KRAF_ENABLEFOREIGN\r\n"
        "rem   net stop certsvc && net start certsvc\r\n"
        "setlocal DisableDelayedExpansion\r\n"
        "chcp 65001 >nul\r\n"
        "cd /d \"%~dp0\"\r\n"
        "set failed=0\r\n";

    batch->path = kf_outfiles_beside(files, "import.cmd");
    if (batch->path == NULL)
        return kf_fail_memory(error);
    if (must_not_be_there(batch->path, overwrite, error) != KF_OK)
        return KF_FATAL;
    return add_text(&batch->lines, head, error);
}

void kf_certutil_reset(struct kf_certutil_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->path);
    batch->path = NULL;
    kf_buf_reset(&batch->lines);
}

bool kf_certutil_takes(struct kf_slice password)
{
    for (size_t i = 0; i < password.len; i++) {
        if (password.data[i] == '"' || password.data[i] < 0x20 || password.data[i] == 0x7f)
            return false;
    }
    return true;
}

/*
 * In quotation marks nothing has a meaning to cmd.exe but '%', and to the program that reads its
 * command line nothing but backslashes before the closing one.
 */
static enum kf_status add_quoted(struct kf_buf *out, struct kf_slice text, struct kf_error *error)
{
    size_t slashes = 0;
    enum kf_status status = add(out, "\"", 1, error);

    for (size_t i = 0; i < text.len && status == KF_OK; i++) {
        slashes = text.data[i] == '\\' ? slashes + 1 : 0;
        status = text.data[i] == '%' ? add(out, "%%", 2, error)
                                     : kf_buf_append(out, &text.data[i], 1, error);
    }
    for (; slashes > 0 && status == KF_OK; slashes--)
        status = add(out, "\\", 1, error);
    return status == KF_OK ? add(out, "\"", 1, error) : status;
}

enum kf_status kf_certutil_add(struct kf_certutil_batch *batch, const char *path,
                               const struct kf_buf *password, struct kf_error *error)
{
    const char *slash = strrchr(path, '/');

    batch->is_changed = true;
    if (add_text(&batch->lines, "certutil -f -p ", error) != KF_OK ||
        add_quoted(&batch->lines, kf_buf_slice(password), error) != KF_OK ||
        add_text(&batch->lines, " -importKMS ", error) != KF_OK ||
        add_quoted(&batch->lines, kf_slice_of(slash != NULL ? slash + 1 : path), error) != KF_OK)
        return KF_FATAL;
    return add_text(&batch->lines, " || set failed=1\r\n", error);
}

enum kf_status kf_certutil_write(struct kf_certutil_batch *batch, struct kf_error *error)
{
    static const char tail[] = "if %failed%==1 (\r\n"
                               "    echo Some files were not imported: see above.\r\n"
                               "    exit /b 2\r\n"
                               ")\r\n"
                               "exit /b 0\r\n";
    size_t len = batch->lines.len;
    enum kf_status status;

    if (!batch->is_changed)
        return KF_OK;
    status = add_text(&batch->lines, tail, error);
    if (status == KF_OK)
        status = kf_file_write(batch->path, kf_buf_slice(&batch->lines), true, error);
    batch->lines.len = len; /* more may follow */
    batch->is_changed = false;
    return status == KF_OK ? KF_OK : KF_FATAL;
}

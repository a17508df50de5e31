/*
 * The passwords of the files that a run wrote, as a list and as a batch file: both hold passwords
 * in the clear, and are mode 0600.
 */
#ifndef KF_WRITERS_PASSLIST_H
#define KF_WRITERS_PASSLIST_H

#include "crypto/crypto.h"
#include "writers/outfiles.h"

/* A password that nobody chose: 26 characters, 130 bits, into out (secret). The same for the same
 * id (32 bytes) and master (32 bytes, secret). KF_FATAL: OpenSSL. */
enum kf_status kf_password_derive(const struct kf_crypto *crypto, const uint8_t *master,
                                  const uint8_t *id, struct kf_buf *out,
                                  struct kf_error *error) KF_MUST_USE;

/*
 * passwords.csv, with the columns of an import's manifest: path, password. An older list is read
 * when it is begun, so that files of an earlier run keep their line. Zero-initialize.
 */
struct kf_passlist {
    char *path;
    struct kf_buf lines; /* secret */
    bool is_changed;
};
/* KF_FATAL: a list is there and overwrite is not set, or it cannot be read. */
enum kf_status kf_passlist_begin(struct kf_passlist *list, const struct kf_outfiles *files,
                                 bool overwrite, struct kf_error *error) KF_MUST_USE;
void kf_passlist_reset(struct kf_passlist *list); /* wipes; NULL-safe */

/* The line of a file, in place of an older one. */
enum kf_status kf_passlist_set(struct kf_passlist *list, const char *path,
                               const struct kf_buf *password, struct kf_error *error) KF_MUST_USE;
/* Writes the list, where it changed: before the files, so that none is there without its password.
 */
enum kf_status kf_passlist_write(struct kf_passlist *list, struct kf_error *error) KF_MUST_USE;

/*
 * A batch file for the Windows CA: `certutil -f -p PASSWORD -importKMS FILE` for each file, which
 * is named relative to the batch file's own folder. Zero-initialize.
 */
struct kf_certutil_batch {
    char *path;
    struct kf_buf lines; /* secret */
    bool is_changed;
};
enum kf_status kf_certutil_begin(struct kf_certutil_batch *batch, const struct kf_outfiles *files,
                                 bool overwrite, struct kf_error *error) KF_MUST_USE;
void kf_certutil_reset(struct kf_certutil_batch *batch); /* wipes; NULL-safe */
enum kf_status kf_certutil_add(struct kf_certutil_batch *batch, const char *path,
                               const struct kf_buf *password, struct kf_error *error) KF_MUST_USE;
/* Writes it, where it changed: after the files. */
enum kf_status kf_certutil_write(struct kf_certutil_batch *batch,
                                 struct kf_error *error) KF_MUST_USE;

/* Whether cmd.exe and certutil can be given this password: no quotation mark, no control character.
 */
bool kf_certutil_takes(struct kf_slice password) KF_MUST_USE;

#endif

/*
 * Programs that are not ours, run in a folder of this test's own: what this project writes is
 * proven by them, and they make what it has to read.
 *
 * What cannot be done at all (no folder, no such file to read) ends the program with a message.
 */
#ifndef TESTS_SUPPORT_OUTSIDE_H
#define TESTS_SUPPORT_OUTSIDE_H

#include <openssl/x509.h>

#include "core/bytes.h"

/* The folder, made on first use under $TMPDIR or /tmp and removed at exit. */
const char *outside_folder(void);

/* The path of name in the folder; lives until the eighth call after this one. */
const char *outside_path(const char *name);

/*
 * Runs a shell command in the folder, without standard input: true where it ends with 0. What it
 * says goes to a file, and to stderr where the command was to succeed (outside_run) and did not.
 */
bool outside_run(const char *format, ...) KF_PRINTF(1, 2);
bool outside_fails(const char *format, ...) KF_PRINTF(1, 2);

/* true where there is such a program. */
bool outside_has(const char *program);

/* Files of the folder; read replaces what out holds. */
void outside_write(const char *name, struct kf_slice bytes);
void outside_read(const char *name, struct kf_buf *out);
bool outside_equals(const char *name, struct kf_slice bytes);

/* A certificate, or a private key (PKCS #8), as PEM. */
void outside_write_cert(const char *name, const X509 *certificate);
void outside_write_key(const char *name, const EVP_PKEY *key);

#endif

/*
 * Passwords from where the user says: OpenSSL's sources, or the terminal.
 *
 *   pass:TEXT   the text itself; wiped from the argument list once it was read
 *   env:NAME    an environment variable; wiped and removed once it was read
 *   file:PATH   the first line of a file; a second option that names the same file reads the second
 *   fd:N        the next line of an open file descriptor
 *   stdin       the next line of standard input; what follows the line can still be an input
 *
 * A line ends at LF or CR LF, which are not part of the password; nothing beyond it is read. The
 * order in which a command reads its sources is documented in keyferry(1).
 */
#ifndef KF_CLI_PASSWORDS_H
#define KF_CLI_PASSWORDS_H

#include "cli/cli.h"
#include "core/bytes.h"

/* Remembers open files and environment variables between reads. */
struct kf_password_sources;
enum kf_status kf_password_sources_new(struct kf_password_sources **out,
                                       struct kf_error *error) KF_MUST_USE;
void kf_password_sources_free(struct kf_password_sources *sources); /* wipes; NULL-safe */

/* true where the text begins like one of the sources above. */
bool kf_is_password_source(const char *text);

/*
 * Reads a password into out, a secret buffer. KF_FATAL: KF_CAUSE_USAGE for what is not a source,
 * KF_CAUSE_SECRET where the source has no password to give.
 */
enum kf_status kf_password_read(struct kf_session *session, char *source, struct kf_buf *out,
                                struct kf_error *error) KF_MUST_USE;

/* Whether people can be asked: there is a terminal, and --no-input was not given. */
bool kf_can_ask(const struct kf_session *session);

/*
 * Asks on the terminal, without echo; twice where a new password is made. what: "password of
 * agent.p12". KF_FATAL with KF_CAUSE_SECRET: cannot ask, interrupted, or the two differ.
 */
enum kf_status kf_password_ask(const struct kf_session *session, const char *what, bool twice,
                               struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/* Asks for a line that may be seen, such as a thumbprint. */
enum kf_status kf_line_ask(const struct kf_session *session, const char *what, struct kf_buf *out,
                           struct kf_error *error) KF_MUST_USE;

/* From the source where there is one, else from the terminal. what is for people. */
enum kf_status kf_password_get(struct kf_session *session, char *source, const char *what,
                               bool twice, struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif

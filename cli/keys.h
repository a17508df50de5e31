/*
 * Keys, certificates and passwords that options name.
 */
#ifndef KF_CLI_KEYS_H
#define KF_CLI_KEYS_H

#include "cli/cli.h"
#include "crypto/keyfile.h"
#include "crypto/secrets.h"
#include "store/store.h"

/*
 * A private key by option: with the password of source, or without one where source is NULL and the
 * key needs none; else the user is asked, up to three times. what is for people: "the CA's key".
 */
enum kf_status kf_load_key(struct kf_session *session, const char *key, char *source,
                           const char *what, struct kf_identity *out,
                           struct kf_error *error) KF_MUST_USE;

/*
 * The signer of recovery blobs: --cakey, else what the store remembers. KF_FATAL with
 * KF_CAUSE_CONFIG where it remembers none. With --unsigned there is none: out->key stays NULL.
 */
enum kf_status kf_load_ca_key(struct kf_session *session, const struct kf_arguments *arguments,
                              struct kf_store *store, struct kf_identity *out,
                              struct kf_error *error) KF_MUST_USE;

/* Certificates of all files that an option names, DER, added to out. */
enum kf_status kf_load_certificates(const struct kf_session *session,
                                    const struct kf_arguments *arguments, enum kf_option option,
                                    struct kf_der_list *out, struct kf_error *error) KF_MUST_USE;

/* The certificates of one file, DER, added to out. */
enum kf_status kf_load_certificate_file(const struct kf_session *session, const char *path,
                                        struct kf_der_list *out,
                                        struct kf_error *error) KF_MUST_USE;

/* Whether a KEY is a URI for OpenSSL's store, and no path. */
bool kf_is_uri(const char *key);

/*
 * Every --key with its --keypass, added to secrets. A --keypass belongs to the --key before it, or
 * to the first one where it comes before all of them.
 */
enum kf_status kf_load_keys(struct kf_session *session, const struct kf_arguments *arguments,
                            struct kf_secrets *secrets, struct kf_error *error) KF_MUST_USE;

/* Every --password, then every line of every --passwords; an empty line is the empty password. */
enum kf_status kf_load_passwords(struct kf_session *session, const struct kf_arguments *arguments,
                                 struct kf_secrets *secrets, struct kf_error *error) KF_MUST_USE;

#endif

/*
 * Reading inputs by the options that import, inspect and convert share: passwords, keys, trusted
 * certificates, formats; and the inputs themselves, opened one at a time when their turn comes.
 *
 * What cannot be opened costs its own entry. Where a file needs a password, none was given for it,
 * and there is a terminal, the user is asked for that file's.
 */
#ifndef KF_CLI_READING_H
#define KF_CLI_READING_H

#include "cli/cli.h"
#include "core/pipeline.h"

/* The entries of a struct kf_option_entry table that belong to it. */
#define KF_READING_OPTIONS                                                                         \
    {KF_OPT_KEY, "the key that the input is protected to: the export-signing key of "              \
                 "a KMS export; may be given several times"},                                      \
        {KF_OPT_KEYPASS, "password of the --key before it"},                                       \
        {KF_OPT_PASSWORD, "password of the input; may be given several times: each is "            \
                          "tried"},                                                                \
        {KF_OPT_PASSWORDS, "a file of passwords to try, one a line"},                              \
        {KF_OPT_MANIFEST, "a CSV file of inputs: path, format, password, key, keypass"},           \
        {KF_OPT_FORMAT, "do not find out the format, it is this one"},                             \
        {KF_OPT_EPF_DIALECT, "do not search for the dialect of .epf profiles, it is this one, "    \
                             "or these of its parts: sha1/cast5-128"},                             \
        {KF_OPT_UNSIGNED, "read a KMS export that has no signature"},                              \
        {KF_OPT_SIGNATURE, "the detached signature; else INPUT.p7s"},                              \
        {KF_OPT_TRUST, "a certificate that may have signed an export as well"},                    \
    {                                                                                              \
        KF_OPT_RECURSIVE, "take all files below a folder, but .p7s"                                \
    }

struct kf_reading;

/*
 * Reads keys and passwords, in this order: each --key with its --keypass, then --password, then
 * --passwords. KF_FATAL: one of them cannot be had. Where wants_keys is set, an input that opens
 * with a key alone ends the run if there is no --key (KF_CAUSE_SECRET).
 */
enum kf_status kf_reading_new(struct kf_session *session, const struct kf_arguments *arguments,
                              bool wants_keys, struct kf_reading **out,
                              struct kf_error *error) KF_MUST_USE;
void kf_reading_free(struct kf_reading *reading); /* NULL-safe */

/* Told of each input that was opened without the signature that its format asks for; by the thread
 * that opens inputs. */
typedef enum kf_status kf_unsigned_input(void *context, const char *input, struct kf_error *error);
void kf_reading_on_unsigned(struct kf_reading *reading, kf_unsigned_input *told, void *context);

/* For a pipeline; lives as long as the reading. */
struct kf_inputs kf_reading_inputs(struct kf_reading *reading);

/* Without a pipeline: the next input's name, and its reader (closed by kf_reading_close). */
enum kf_status kf_reading_next(struct kf_reading *reading, const char **name,
                               struct kf_error *error) KF_MUST_USE;
enum kf_status kf_reading_open(struct kf_reading *reading, struct kf_reader **out,
                               struct kf_error *error) KF_MUST_USE;
void kf_reading_close(struct kf_reading *reading, struct kf_reader *reader);

/* Whether more than one password was given by option. */
bool kf_reading_has_many_passwords(const struct kf_reading *reading);

/* The first --key (loaded), or NULL. */
const struct kf_identity *kf_reading_key(const struct kf_reading *reading);

#endif

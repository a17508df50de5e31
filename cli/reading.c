/*
 * Reading inputs: see reading.h for the contract.
 */
#include "cli/reading.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/own_secrets.h"
#include "cli/passwords.h"
#include "cli/walk.h"
#include "core/files.h"
#include "crypto/epf.h"
#include "readers/formats.h"

#define ATTEMPTS 3

/* The secrets of one input, for as long as its reader is open. */
struct own_secrets {
    struct own_secrets *next;
    const struct kf_reader *reader;
    struct kf_secrets *secrets;
};

struct kf_reading {
    struct kf_session *session;
    struct kf_walk *walk;
    struct kf_walk_entry entry; /* the present one */
    bool is_opened;             /* open was called for it */
    struct kf_input *input;     /* its reader's, or NULL */
    struct kf_input_facts facts;
    struct kf_secrets *secrets; /* for inputs without their own */
    bool has_password;          /* by option */
    struct kf_der_list trusted;
    struct kf_slice *trusted_slices;
    struct kf_reader_options options;
    const char *format;
    pthread_mutex_t lock; /* of own: readers are closed by any thread */
    struct own_secrets *own;
    struct kf_secrets *typed; /* passwords that the user was asked for, for all later inputs too */
    bool wants_keys;
    kf_unsigned_input *unsigned_input; /* may be NULL */
    void *unsigned_context;
};

static enum kf_status add_trusted(struct kf_reading *reading, const struct kf_arguments *arguments,
                                  struct kf_error *error)
{
    struct kf_der_list *list = &reading->trusted;
    enum kf_status status =
        kf_load_certificates(reading->session, arguments, KF_OPT_TRUST, list, error);

    if (status != KF_OK)
        return KF_FATAL;
    reading->trusted_slices = calloc(list->count + 1, sizeof(struct kf_slice));
    if (reading->trusted_slices == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < list->count; i++)
        reading->trusted_slices[i] = kf_buf_slice(&list->items[i]);
    return KF_OK;
}

static enum kf_status check_format(const char *name, struct kf_error *error)
{
    if (name == NULL || kf_reader_find(name) != NULL)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                   "there is no format %s (keyferry formats lists them)", name);
}

static enum kf_status prepare(struct kf_reading *reading, const struct kf_arguments *arguments,
                              struct kf_error *error)
{
    const struct kf_walk_options walk = {
        .operands = arguments->operands,
        .operand_count = arguments->operand_count,
        .manifest = kf_value(arguments, KF_OPT_MANIFEST),
        .recursive = kf_has(arguments, KF_OPT_RECURSIVE),
    };
    struct kf_epf_space dialects; /* parsed for its errors alone: the reader does so again */

    reading->format = kf_value(arguments, KF_OPT_FORMAT);
    reading->has_password =
        kf_has(arguments, KF_OPT_PASSWORD) || kf_has(arguments, KF_OPT_PASSWORDS);
    if (check_format(reading->format, error) != KF_OK ||
        kf_epf_space_parse(kf_value(arguments, KF_OPT_EPF_DIALECT), &dialects, error) != KF_OK ||
        kf_secrets_new(&reading->secrets, error) != KF_OK ||
        kf_load_keys(reading->session, arguments, reading->secrets, error) != KF_OK ||
        kf_load_passwords(reading->session, arguments, reading->secrets, error) != KF_OK ||
        add_trusted(reading, arguments, error) != KF_OK ||
        kf_walk_new(&walk, &reading->walk, error) != KF_OK)
        return KF_FATAL;
    reading->options = (struct kf_reader_options){
        .crypto = reading->session->crypto,
        .secrets = reading->secrets,
        .limits = KF_LIMITS_DEFAULT,
        .allow_unsigned = kf_has(arguments, KF_OPT_UNSIGNED),
        .trusted = reading->trusted_slices,
        .trusted_count = reading->trusted.count,
        .signature_path = kf_value(arguments, KF_OPT_SIGNATURE),
        .epf_dialect = kf_value(arguments, KF_OPT_EPF_DIALECT),
    };
    return KF_OK;
}

enum kf_status kf_reading_new(struct kf_session *session, const struct kf_arguments *arguments,
                              bool wants_keys, struct kf_reading **out, struct kf_error *error)
{
    struct kf_reading *reading = calloc(1, sizeof(*reading));

    if (reading == NULL)
        return kf_fail_memory(error);
    reading->session = session;
    reading->wants_keys = wants_keys;
    (void)pthread_mutex_init(&reading->lock, NULL);
    if (prepare(reading, arguments, error) != KF_OK) {
        kf_reading_free(reading);
        return KF_FATAL;
    }
    *out = reading;
    return KF_OK;
}

void kf_reading_free(struct kf_reading *reading)
{
    if (reading == NULL)
        return;
    kf_walk_free(reading->walk);
    kf_secrets_free(reading->secrets);
    kf_secrets_free(reading->typed);
    kf_der_list_reset(&reading->trusted);
    free(reading->trusted_slices);
    (void)pthread_mutex_destroy(&reading->lock);
    free(reading);
}

enum kf_status kf_reading_next(struct kf_reading *reading, const char **name,
                               struct kf_error *error)
{
    enum kf_status status = kf_walk_next(reading->walk, &reading->entry, error);

    if (status == KF_OK)
        *name = reading->entry.path;
    reading->is_opened = false;
    reading->input = NULL;
    reading->facts = (struct kf_input_facts){.has_size = false};
    return status;
}

static enum kf_status open_with(struct kf_reading *reading, struct kf_secrets *secrets,
                                struct kf_reader **out, struct kf_error *error)
{
    struct kf_reader_options options = reading->options;
    const char *format = reading->entry.format != NULL ? reading->entry.format : reading->format;
    struct kf_input *input = NULL;
    enum kf_status status;

    options.secrets = secrets;
    if (check_format(format, error) != KF_OK)
        return KF_SKIP;
    status = kf_input_open(&input, reading->entry.path, error);
    if (status != KF_OK)
        return status;
    status = kf_input_hash(input, options.crypto->sha256, error);
    if (status == KF_OK)
        status = kf_reader_open(out, input, format, &options, error);
    if (status != KF_OK) {
        kf_input_facts(input, &reading->facts);
        kf_input_close(input);
    }
    if (status == KF_FATAL && error->cause == KF_CAUSE_SYSTEM)
        return KF_SKIP; /* a file on a bad block, say, costs its own entry */
    return status;
}

/* Whether the first key of the input fails for the lack of a password. The reader is used up. */
static enum kf_status is_locked(struct kf_reader *reader, bool *locked, struct kf_error *error)
{
    struct kf_batch batch = {.records = NULL};
    struct kf_item *item = NULL;
    enum kf_status status = reader->ops->next(reader, &item, error);

    if (status == KF_OK)
        status = reader->ops->decode(reader, item, &batch, error);
    *locked = batch.count != 0 && batch.records[0].outcome == KF_FAILED &&
              batch.records[0].error.cause == KF_CAUSE_SECRET;
    kf_batch_reset(&batch);
    reader->ops->free_item(item);
    return status == KF_END ? KF_OK : status;
}

/* The passwords that were typed for earlier inputs, and the keys by option, and the new one. */
static enum kf_status gather_typed(struct kf_reading *reading, struct kf_buf *password,
                                   struct kf_secrets **out, struct kf_error *error)
{
    struct kf_buf copy = KF_SECRET_BUF;
    enum kf_status status = kf_secrets_new(out, error);

    if (status == KF_OK && reading->typed == NULL)
        status = kf_secrets_new(&reading->typed, error);
    if (status == KF_OK && password != NULL)
        status = kf_secrets_add_password(reading->typed, password, false, "as typed", error);
    for (size_t i = 0; status == KF_OK && i < kf_secrets_password_count(reading->typed); i++) {
        const struct kf_buf *typed = &kf_secrets_password(reading->typed, i)->bytes;

        status = kf_buf_set(&copy, kf_buf_slice(typed), error);
        if (status == KF_OK)
            status = kf_secrets_add_password(*out, &copy, false, "as typed", error);
    }
    kf_buf_reset(&copy);
    return status == KF_OK ? kf_share_keys(reading->secrets, *out, error) : status;
}

/* Opens the input with what was typed so far, to see whether that unlocks it. */
static enum kf_status try_typed(struct kf_reading *reading, struct kf_buf *password,
                                struct kf_secrets **secrets, bool *locked, struct kf_error *error)
{
    struct kf_reader *reader = NULL;
    enum kf_status status;

    kf_secrets_free(*secrets);
    *secrets = NULL;
    status = gather_typed(reading, password, secrets, error);
    if (status == KF_OK)
        status = open_with(reading, *secrets, &reader, error);
    if (status != KF_OK)
        return status;
    status = is_locked(reader, locked, error);
    reader->ops->close(reader);
    return status;
}

/*
 * For an input that opens with a password where none was given, and a user who can be asked: finds
 * out whether it needs one, and asks, a few times. *secrets gets what was typed. What goes wrong
 * with the input itself is left to the run, which will see it again.
 */
static enum kf_status ask_if_locked(struct kf_reading *reading, struct kf_secrets **secrets,
                                    struct kf_error *error)
{
    struct kf_buf password = KF_SECRET_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    bool locked = false;
    char prompt[320];
    enum kf_status status = try_typed(reading, NULL, secrets, &locked, &why);

    (void)snprintf(prompt, sizeof(prompt), "password of %s", reading->entry.path);
    for (int attempt = 0; attempt < ATTEMPTS && locked && status == KF_OK; attempt++) {
        if (attempt != 0)
            kf_note("%s does not open with this password", reading->entry.path);
        if (kf_password_ask(reading->session, prompt, false, &password, &why) != KF_OK)
            break;
        status = try_typed(reading, &password, secrets, &locked, &why);
    }
    kf_buf_reset(&password);
    if (why.cause != KF_CAUSE_MEMORY)
        return KF_OK;
    *error = why;
    return KF_FATAL;
}

/* Only a regular input can be opened twice. */
static bool may_ask(const struct kf_reading *reading)
{
    return reading->entry.password == NULL && !reading->has_password &&
           strcmp(reading->entry.path, "-") != 0 && kf_can_ask(reading->session);
}

static enum kf_status remember_own(struct kf_reading *reading, const struct kf_reader *reader,
                                   struct kf_secrets *secrets, struct kf_error *error)
{
    struct own_secrets *own = malloc(sizeof(*own));

    if (own == NULL)
        return kf_fail_memory(error);
    *own = (struct own_secrets){.reader = reader, .secrets = secrets};
    (void)pthread_mutex_lock(&reading->lock);
    own->next = reading->own;
    reading->own = own;
    (void)pthread_mutex_unlock(&reading->lock);
    return KF_OK;
}

/* What can be said of a reader that was just opened. */
static enum kf_status accept(struct kf_reading *reading, const struct kf_reader *reader,
                             struct kf_error *error)
{
    if (reader->ops->needs_identity && reading->wants_keys &&
        kf_secrets_identity_count(reading->secrets) == 0 && reading->entry.key == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                       "opens with the key that it is protected to and nothing else: give --key");
    if (reader->is_unsigned && reading->unsigned_input != NULL)
        return reading->unsigned_input(reading->unsigned_context, reading->entry.path, error);
    return KF_OK;
}

/* With the input's own secrets, where the manifest or the user gives some; *own gets them. */
static enum kf_status open_entry(struct kf_reading *reading, struct kf_secrets **own,
                                 struct kf_reader **out, struct kf_error *error)
{
    enum kf_status status =
        kf_own_secrets(reading->session, &reading->entry, reading->secrets, own, error);

    if (status == KF_OK)
        status = open_with(reading, *own != NULL ? *own : reading->secrets, out, error);
    if (status != KF_OK || !(*out)->ops->takes_password || !may_ask(reading))
        return status;
    (*out)->ops->close(*out); /* once more, with what is typed */
    *out = NULL;
    kf_secrets_free(*own);
    *own = NULL;
    status = ask_if_locked(reading, own, error);
    if (status == KF_OK)
        status = open_with(reading, *own != NULL ? *own : reading->secrets, out, error);
    return status;
}

enum kf_status kf_reading_open(struct kf_reading *reading, struct kf_reader **out,
                               struct kf_error *error)
{
    struct kf_secrets *own = NULL;
    enum kf_status status;

    *out = NULL;
    reading->is_opened = true;
    if (reading->entry.error.cause != KF_CAUSE_NONE) {
        *error = reading->entry.error;
        return KF_SKIP;
    }
    status = open_entry(reading, &own, out, error);
    if (status == KF_OK)
        status = accept(reading, *out, error);
    if (status == KF_OK && own != NULL)
        status = remember_own(reading, *out, own, error);
    if (status == KF_OK) { /* the list owns the secrets now */
        reading->input = (*out)->input;
        return KF_OK;
    }
    if (*out != NULL)
        (*out)->ops->close(*out);
    *out = NULL;
    kf_secrets_free(own);
    return status;
}

void kf_reading_close(struct kf_reading *reading, struct kf_reader *reader)
{
    struct own_secrets *own = NULL;

    if (reader == NULL)
        return;
    (void)pthread_mutex_lock(&reading->lock);
    for (struct own_secrets **link = &reading->own; *link != NULL; link = &(*link)->next) {
        if ((*link)->reader == reader) {
            own = *link;
            *link = own->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&reading->lock);
    reader->ops->close(reader);
    if (own != NULL)
        kf_secrets_free(own->secrets);
    free(own);
}

void kf_reading_on_unsigned(struct kf_reading *reading, kf_unsigned_input *told, void *context)
{
    reading->unsigned_input = told;
    reading->unsigned_context = context;
}

static enum kf_status inputs_next(void *context, const char **name, struct kf_error *error)
{
    return kf_reading_next(context, name, error);
}

static enum kf_status inputs_open(void *context, struct kf_reader **reader, struct kf_error *error)
{
    return kf_reading_open(context, reader, error);
}

static void inputs_close(void *context, struct kf_reader *reader)
{
    kf_reading_close(context, reader);
}

static enum kf_status inputs_look(void *context, struct kf_input_facts *facts,
                                  struct kf_error *error)
{
    struct kf_reading *reading = context;

    if (reading->input != NULL)
        kf_input_facts(reading->input, &reading->facts);
    *facts = reading->facts;
    if (reading->is_opened || reading->entry.error.cause != KF_CAUSE_NONE)
        return KF_OK;
    return kf_file_facts(reading->entry.path, reading->session->crypto->sha256, facts, error);
}

struct kf_inputs kf_reading_inputs(struct kf_reading *reading)
{
    return (struct kf_inputs){.next = inputs_next,
                              .open = inputs_open,
                              .close = inputs_close,
                              .look = inputs_look,
                              .context = reading};
}

bool kf_reading_has_many_passwords(const struct kf_reading *reading)
{
    return kf_secrets_password_count(reading->secrets) > 1;
}

const struct kf_identity *kf_reading_key(const struct kf_reading *reading)
{
    return kf_secrets_identity_count(reading->secrets) != 0
               ? kf_secrets_identity(reading->secrets, 0)
               : NULL;
}

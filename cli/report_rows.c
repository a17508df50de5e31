/*
 * Reports for programs: JSON lines, and CSV (RFC 4180). The shapes are documented in keyferry(1);
 * scripts rely on them. Text is exact, but for CSV: a field that a spreadsheet would take for a
 * formula gets an apostrophe before it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "cli/json.h"
#include "cli/out.h"
#include "cli/report.h"

static int put_bytes(const char *bytes, size_t len, void *out)
{
    kf_out_bytes(out, bytes, len);
    return 0;
}

/* One line; takes the object over. */
static void put_line(struct kf_out *out, json_t *object)
{
    size_t flags = JSON_COMPACT | (out->file == NULL ? kf_json_terminal_flags() : 0);

    if (object == NULL || json_dump_callback(object, put_bytes, out, flags) != 0)
        out->status = kf_fail_memory(&out->error);
    kf_out_text(out, "\n");
    json_decref(object);
}

static void set_lines(json_t *object, const char *name, const char *lines)
{
    json_t *list = json_array();

    while (lines != NULL && lines[0] != '\0') {
        size_t len = strcspn(lines, "\n");
        char *line = kf_strndup(lines, len);

        if (line != NULL)
            (void)json_array_append_new(list, kf_json_text(line));
        free(line);
        lines += len + (lines[len] == '\n');
    }
    kf_json_set(object, name, list);
}

/* "KRAFlags KRAF_ENABLEFOREIGN" becomes a member. */
static json_t *settings_object(const char *lines)
{
    json_t *object = json_object();

    while (lines != NULL && lines[0] != '\0') {
        size_t len = strcspn(lines, "\n");
        size_t name_len = strcspn(lines, " \n");
        char *name = kf_strndup(lines, name_len);
        char *value = name_len < len ? kf_strndup(lines + name_len + 1, len - name_len - 1) : NULL;

        if (name != NULL)
            kf_json_set_text(object, name, value != NULL ? value : "");
        free(name);
        free(value);
        lines += len + (lines[len] == '\n');
    }
    return object;
}

static void set_id(json_t *object, const char *name, uint64_t id)
{
    kf_json_set(object, name, id != 0 ? json_integer((json_int_t)id) : json_null());
}

static void begin_jsonl(struct kf_out *out, const struct kf_report_run *run)
{
    json_t *object = json_object();

    kf_json_set_text(object, "event", "run");
    kf_json_set_text(object, "program", "keyferry " KF_VERSION);
    set_id(object, "run", run->id);
    kf_json_set_text(object, "command", run->command);
    kf_json_set_text(object, "options", run->options);
    set_lines(object, "inputs", run->inputs);
    kf_json_set_text(object, "caller", run->caller);
    kf_json_set_time(object, "started", run->started);
    kf_json_set(object, "dryRun", json_boolean(run->dry_run));
    kf_json_set_text(object, "store", run->store);
    kf_json_set_text(object, "ca", run->ca);
    kf_json_set(object, "settings",
                run->settings != NULL ? settings_object(run->settings) : json_null());
    put_line(out, object);
}

static void input_jsonl(struct kf_out *out, const struct kf_report_input *input)
{
    json_t *object = json_object();

    kf_json_set_text(object, "event", "input");
    kf_json_set_text(object, "input", input->name);
    kf_json_set(object, "size",
                input->has_digest ? json_integer((json_int_t)input->size) : json_null());
    kf_json_set_text(object, "sha256", input->has_digest ? input->sha256 : NULL);
    put_line(out, object);
}

static void set_weak(json_t *object, unsigned weak)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < KF_WEAK_KINDS; i++) {
        if ((weak & 1u << i) != 0)
            (void)json_array_append_new(list, json_string(kf_weak_name(1u << i)));
    }
    kf_json_set(object, "weak", list);
}

/* The agents' SHA-1, without the spaces that KeyRecoveryHashes has. */
static void set_agents(json_t *object, const char *name, const char *hashes)
{
    json_t *list = json_array();
    char hash[2 * KF_SHA1_SIZE + 1];
    size_t used = 0;

    for (; hashes != NULL && used < sizeof(hash); hashes++) {
        if (*hashes != '\n' && *hashes != '\0') {
            if (*hashes != ' ')
                hash[used++] = *hashes;
            continue;
        }
        if (used != 0)
            (void)json_array_append_new(list, json_stringn(hash, used));
        used = 0;
        if (*hashes == '\0')
            break;
    }
    kf_json_set(object, name, list);
}

/* What import --json tells of a key, and then what more is known of it. */
static json_t *key_object(const struct kf_report_entry *entry)
{
    json_t *object = json_object();
    bool has = entry->has_certificate;

    kf_json_set_text(object, "event", "key");
    kf_json_set_text(object, "input", entry->input);
    kf_json_set_number(object, "ordinal", entry->ordinal);
    kf_json_set_text(object, "outcome", kf_outcome_name(entry->outcome));
    set_id(object, "requestId", entry->request_id);
    kf_json_set_text(object, "sha1", has ? entry->sha1 : NULL);
    kf_json_set_text(object, "sha256", has ? entry->sha256 : NULL);
    kf_json_set_text(object, "state", kf_key_state_name(entry->state));
    kf_json_set(object, "foreign", json_boolean(entry->foreign));
    kf_json_set_code(object, "code", entry->code);
    kf_json_set_text(object, "rule", entry->rule);
    kf_json_set_text(object, "message", entry->message);
    kf_json_set_text(object, "place", entry->place);
    set_id(object, "line", entry->line);
    kf_json_set(object, "replaced", json_boolean(entry->replaced));
    kf_json_set_text(object, "name", entry->name);
    kf_json_set_text(object, "eMail", entry->email);
    kf_json_set_text(object, "issuerName", entry->issuer);
    kf_json_set_text(object, "serialNumber", entry->serial_number);
    kf_json_set_time(object, "notAfter", has ? entry->not_after : 0);
    kf_json_set_text(object, "publicKeyAlgorithm", entry->key_algorithm);
    set_id(object, "publicKeyLength", entry->key_bits);
    kf_json_set_text(object, "signatureAlgorithm", entry->signature_algorithm);
    set_weak(object, entry->weak);
    set_agents(object, "keyRecoveryHashes", entry->key_recovery_hashes);
    kf_json_set_text(object, "password", entry->password);
    kf_json_set_text(object, "passwordEncoding", entry->password_encoding);
    return object;
}

static void key_jsonl(struct kf_out *out, const struct kf_report_input *input,
                      const struct kf_report_entry *entry)
{
    (void)input;
    put_line(out, key_object(entry));
}

static void put_agent(struct kf_out *out, const struct kf_report_agent *agent)
{
    json_t *object = json_object();

    kf_json_set_text(object, "event", "agent");
    kf_json_set_text(object, "sha1", agent->sha1);
    kf_json_set_text(object, "subject", agent->subject);
    kf_json_set_time(object, "notAfter", agent->not_after);
    kf_json_set_number(object, "keys", agent->keys);
    put_line(out, object);
}

static void end_jsonl(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_end *end = whole->end;
    const struct kf_totals *totals = &whole->facts->counted;
    json_t *object;

    for (size_t i = 0; i < whole->agent_count; i++)
        put_agent(out, &whole->agents[i]);
    for (size_t i = 0; i < end->note_count; i++) {
        object = json_object();
        kf_json_set_text(object, "event", "note");
        kf_json_set_text(object, "text", end->notes[i]);
        put_line(out, object);
    }
    object = json_object();
    kf_json_set_text(object, "event", "summary");
    kf_json_set_number(object, "seen", kf_totals_seen(totals));
    for (int i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++)
        kf_json_set_number(object, kf_outcome_name((enum kf_outcome)i), totals->by_outcome[i]);
    kf_json_set_number(object, "users", end->totals.users);
    kf_json_set_number(object, "certificatesWithoutKey", end->certificates);
    kf_json_set(object, "seconds",
                end->ended != 0 ? json_integer(end->ended - whole->run->started) : json_null());
    kf_json_set_time(object, "ended", end->ended);
    put_line(out, object);
}

const struct kf_report_form kf_report_jsonl = {
    .ending = ".jsonl",
    .begin = begin_jsonl,
    .input = input_jsonl,
    .key = key_jsonl,
    .end = end_jsonl,
};

static void put_field(struct kf_out *out, const char *text)
{
    const char *formula = kf_csv_guard(text);

    if (strpbrk(text, ",\"\r\n") == NULL) {
        kf_out_text(out, formula);
        kf_out_text(out, text);
        return;
    }
    kf_out_text(out, "\"");
    kf_out_text(out, formula);
    for (size_t len = strcspn(text, "\""); *text != '\0'; len = strcspn(text, "\"")) {
        kf_out_bytes(out, text, len);
        text += len;
        if (*text == '"') {
            kf_out_text(out, "\"\"");
            text++;
        }
    }
    kf_out_text(out, "\"");
}

/* Lists become words with spaces between. */
static void put_value(struct kf_out *out, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        kf_out_text(out, i != 0 ? " " : "");
        kf_out_text(out, json_string_value(json_array_get(value, i)));
    }
    if (json_is_string(value))
        put_field(out, json_string_value(value));
    else if (json_is_integer(value))
        kf_out_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        kf_out_text(out, json_is_true(value) ? "true" : "false");
}

/* The members of a key's object but "event", which all rows have. */
static void put_row(struct kf_out *out, json_t *object, bool names)
{
    const char *between = "";
    void *at = json_object_iter(object);

    for (; at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);

        if (strcmp(name, "event") == 0)
            continue;
        kf_out_text(out, between);
        if (names)
            kf_out_text(out, name);
        else
            put_value(out, json_object_iter_value(at));
        between = ",";
    }
    json_decref(object);
}

static void begin_csv(struct kf_out *out, const struct kf_report_run *run)
{
    const struct kf_report_entry none = {.outcome = KF_ARCHIVED};

    (void)run;
    put_row(out, key_object(&none), true);
    kf_out_text(out, ",inputSha256\r\n");
}

static void key_csv(struct kf_out *out, const struct kf_report_input *input,
                    const struct kf_report_entry *entry)
{
    put_row(out, key_object(entry), false);
    kf_out_format(out, ",%s\r\n", input->has_digest ? input->sha256 : "");
}

static void input_csv(struct kf_out *out, const struct kf_report_input *input)
{
    (void)out;
    (void)input; /* each row tells it */
}

static void end_csv(struct kf_out *out, const struct kf_report_whole *whole)
{
    (void)out;
    (void)whole; /* the rows are all */
}

const struct kf_report_form kf_report_csv = {
    .ending = ".csv",
    .begin = begin_csv,
    .input = input_csv,
    .key = key_csv,
    .end = end_csv,
};

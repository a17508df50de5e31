/*
 * The settings: see settings.h for names and values. KRACertHash is not kept as a value: it is the
 * list of agents, so that no hash can be in it without its certificate.
 */
#include "store/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "store/agentlist.h"
#include "store/audit.h"
#include "store/internal.h"

#define LIST_SETTING "KRACertHash"

static const struct kf_flag_name kra_flags[] = {
    {"KRAF_ENABLEFOREIGN", KF_KRAF_ENABLEFOREIGN,
     "archive keys of certificates that other CAs issued, where the run has -f too"},
    {"KRAF_SAVEBADREQUESTKEY", KF_KRAF_SAVEBADREQUESTKEY,
     "archive keys that do not belong to their certificate"},
    {"KRAF_ENABLEARCHIVEALL", KF_KRAF_ENABLEARCHIVEALL, "archive signing keys too"},
    {"KRAF_DISABLEUSEDEFAULTPROVIDER", KF_KRAF_DISABLEUSEDEFAULTPROVIDER,
     "kept for the Windows CA, means nothing here"},
    {NULL, 0, NULL},
};
#define KRA_FLAGS_ALL 15u

static const struct kf_setting_info settings[] = {
    {LIST_SETTING, KF_SETTING_LIST, "the key recovery agents, by the SHA-1 of their certificates"},
    {"KRACertCount", KF_SETTING_NUMBER, "how many of them each key is sealed to, 0 = all"},
    {"KRAFlags", KF_SETTING_FLAGS, "what may be archived"},
    {"CAName", KF_SETTING_TEXT, "the name of the CA"},
    {"CAKeyFile", KF_SETTING_TEXT, "where the CA's key is, which signs recovery blobs"},
    {NULL, KF_SETTING_TEXT, NULL},
};

const struct kf_flag_name *kf_kra_flag_names(void)
{
    return kra_flags;
}

const struct kf_setting_info *kf_setting_infos(void)
{
    return settings;
}

void kf_setting_reset(struct kf_setting *setting)
{
    if (setting == NULL)
        return;
    free(setting->text);
    *setting = (struct kf_setting){.info = NULL};
}

enum kf_status kf_settings_read(struct kf_store *store, const char *name, char **value,
                                struct kf_error *error)
{
    struct kf_value key = kf_text(name);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_SETTING_GET, &key, 1, &result, error);

    *value = NULL;
    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        status = kf_column_text(&result->columns[0], value, error);
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_settings_write(struct kf_store *store, const char *name, const char *value,
                                 struct kf_error *error)
{
    return kf_store_execute(store, KF_SQL_SETTING_PUT,
                            (struct kf_value[]){kf_text(name), kf_text(value)}, 2, NULL, error);
}

/* NULL: there is no such setting. */
static const struct kf_setting_info *find_info(const char *name, struct kf_error *error)
{
    const char *bare = strncasecmp(name, "ca\\", 3) == 0 ? name + 3 : name;

    for (const struct kf_setting_info *info = settings; info->name != NULL; info++) {
        if (strcasecmp(info->name, bare) == 0)
            return info;
    }
    (void)!kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL, "there is no setting \"%.80s\"", name);
    return NULL;
}

/* A number as getreg and setreg write it. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;

    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return kf_parse_u64(text, max, out);
    text += 2;
    if (*text == '\0' || strlen(text) > 8)
        return false;
    for (; *text != '\0'; text++) {
        const char *digit = strchr(digits, *text | 0x20);

        if (digit == NULL || (*text < '0'))
            return false;
        number = number << 4 | (uint64_t)(digit - digits);
    }
    *out = number;
    return number <= max;
}

enum kf_status kf_setting_get(struct kf_store *store, const char *name, struct kf_setting *out,
                              struct kf_error *error)
{
    const struct kf_setting_info *info = find_info(name, error);
    char *value = NULL;
    enum kf_status status;

    kf_setting_reset(out);
    if (info == NULL)
        return KF_SKIP;
    status = info->type == KF_SETTING_LIST ? kf_agents_hashes(store, &value, error)
                                           : kf_settings_read(store, info->name, &value, error);
    if (status != KF_OK)
        return status;
    out->info = info;
    switch (info->type) {
    case KF_SETTING_TEXT:
    case KF_SETTING_LIST:
        out->text = value != NULL ? value : kf_strndup("", 0);
        return out->text != NULL ? KF_OK : kf_fail_memory(error);
    case KF_SETTING_NUMBER:
    case KF_SETTING_FLAGS:
        if (value != NULL && !kf_parse_u64(value, UINT32_MAX, &out->number))
            status = kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                             "the store's %s is not a number: \"%.40s\"", info->name, value);
        free(value);
        return status;
    }
    return status;
}

/* One flag by its name, with or without KRAF_. */
static bool parse_flag(const char *text, size_t len, uint64_t *bits)
{
    for (const struct kf_flag_name *flag = kra_flags; flag->name != NULL; flag++) {
        const char *brief = flag->name + strlen("KRAF_");

        if ((strlen(flag->name) == len && strncasecmp(flag->name, text, len) == 0) ||
            (strlen(brief) == len && strncasecmp(brief, text, len) == 0)) {
            *bits |= flag->bit;
            return true;
        }
    }
    return false;
}

static bool parse_flags(const char *text, uint64_t *bits)
{
    *bits = 0;
    if (parse_number(text, KRA_FLAGS_ALL, bits))
        return true;
    for (;;) {
        size_t len = strcspn(text, "|");

        if (!parse_flag(text, len, bits))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

static enum kf_status new_number(const struct kf_setting *old, const char *value, uint64_t *out,
                                 struct kf_error *error)
{
    bool adds = value[0] == '+';
    bool removes = value[0] == '-';
    bool is_flags = old->info->type == KF_SETTING_FLAGS;
    bool is_good = is_flags ? parse_flags(value + (adds || removes), out)
                            : parse_number(value, UINT32_MAX, out);

    if (!is_good)
        return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL, "%s: \"%.80s\" is not %s",
                       old->info->name, value,
                       is_flags ? "a number up to 15 or names of KRAF_ flags" : "a number");
    if (is_flags && adds)
        *out |= old->number;
    if (is_flags && removes)
        *out = old->number & ~*out;
    return KF_OK;
}

/* The value as the audit trail shows it. */
static const char *show(const struct kf_setting *setting, char buffer[24])
{
    if (setting->text != NULL)
        return setting->text;
    (void)snprintf(buffer, 24, "%llu", (unsigned long long)setting->number);
    return buffer;
}

static enum kf_status note_change(struct kf_store *store, const struct kf_setting *old,
                                  const struct kf_setting *now, struct kf_error *error)
{
    char numbers[2][24];

    return kf_audit_append(store, KF_AUDIT_SETTING,
                           (struct kf_audit_field[]){{"caller", store->caller},
                                                     {"name", old->info->name},
                                                     {"old", show(old, numbers[0])},
                                                     {"new", show(now, numbers[1])}},
                           4, error);
}

static enum kf_status write_value(struct kf_store *store, const struct kf_setting *old,
                                  const char *value, struct kf_error *error)
{
    char digits[24];
    uint64_t number = 0;
    enum kf_status status;

    switch (old->info->type) {
    case KF_SETTING_TEXT:
        return kf_settings_write(store, old->info->name, value, error);
    case KF_SETTING_LIST:
        return kf_agents_set_hashes(store, value, error);
    case KF_SETTING_NUMBER:
    case KF_SETTING_FLAGS:
        break;
    }
    status = new_number(old, value, &number, error);
    if (status != KF_OK)
        return status;
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    return kf_settings_write(store, old->info->name, digits, error);
}

enum kf_status kf_setting_set(struct kf_store *store, const char *name, const char *value,
                              struct kf_setting *out, struct kf_error *error)
{
    struct kf_setting old = {.info = NULL};
    struct kf_setting now = {.info = NULL};
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    status = kf_setting_get(store, name, &old, error);
    if (status == KF_OK)
        status = write_value(store, &old, value, error);
    if (status == KF_OK)
        status = kf_setting_get(store, name, &now, error);
    if (status == KF_OK)
        status = note_change(store, &old, &now, error);
    status = kf_change_end(store, own, status, error);
    if (status == KF_OK && out != NULL) {
        kf_setting_reset(out);
        *out = now; /* out owns it now */
        now = (struct kf_setting){.info = NULL};
    }
    kf_setting_reset(&now);
    kf_setting_reset(&old);
    return status;
}

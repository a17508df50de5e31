/*
 * keyferry getreg and setreg: the store's settings, by the names that certutil has for them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/place.h"
#include "store/settings.h"

/* "0x5 (KRAF_ENABLEFOREIGN | KRAF_ENABLEARCHIVEALL)" */
static void print_flags(uint64_t value)
{
    const char *between = " (";

    (void)printf("0x%" PRIx64, value);
    for (const struct kf_flag_name *flag = kf_kra_flag_names(); flag->name != NULL; flag++) {
        if ((value & flag->bit) != 0) {
            (void)printf("%s%s", between, flag->name);
            between = " | ";
        }
    }
    if (between[1] == '|')
        (void)putchar(')');
    (void)putchar('\n');
}

/* A list has one line for each value; the name stands before each. */
static void print_lines(const char *name, const char *text)
{
    do {
        size_t len = strcspn(text, "\n");
        char line[512];

        (void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
        (void)printf("%-13s ", name);
        kf_print_visible(stdout, line);
        (void)putchar('\n');
        text += len + (text[len] == '\n' ? 1 : 0);
    } while (*text != '\0');
}

static void print_setting(const struct kf_setting *setting)
{
    const char *name = setting->info->name;

    switch (setting->info->type) {
    case KF_SETTING_FLAGS:
        (void)printf("%-13s ", name);
        print_flags(setting->number);
        return;
    case KF_SETTING_NUMBER:
        (void)printf("%-13s %" PRIu64 "\n", name, setting->number);
        return;
    case KF_SETTING_TEXT:
    case KF_SETTING_LIST:
        print_lines(name, setting->text);
        return;
    }
}

static enum kf_status print_named(struct kf_store *store, const char *name, struct kf_error *error)
{
    struct kf_setting setting = {.info = NULL};
    enum kf_status status = kf_setting_get(store, name, &setting, error);

    if (status == KF_OK)
        print_setting(&setting);
    kf_setting_reset(&setting);
    return status;
}

static enum kf_exit run_getreg(struct kf_session *session, struct kf_arguments *arguments)
{
    struct kf_store *store = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (arguments->operand_count > 1)
        return kf_usage_error(&kf_cmd_getreg, "getreg: one NAME, or none for all");
    status = kf_open_store(session, arguments, &store, &error);
    if (status == KF_OK && arguments->operand_count == 1) {
        status = print_named(store, arguments->operands[0], &error);
    } else {
        for (const struct kf_setting_info *info = kf_setting_infos();
             info->name != NULL && status == KF_OK; info++)
            status = print_named(store, info->name, &error);
    }
    kf_store_close(store);
    return status == KF_OK ? KF_EXIT_OK : kf_report_error(&error);
}

static enum kf_exit run_setreg(struct kf_session *session, struct kf_arguments *arguments)
{
    struct kf_setting setting = {.info = NULL};
    struct kf_store *store = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (arguments->operand_count != 2)
        return kf_usage_error(&kf_cmd_setreg, "setreg: give NAME and VALUE");
    status = kf_open_store(session, arguments, &store, &error);
    if (status == KF_OK)
        status =
            kf_setting_set(store, arguments->operands[0], arguments->operands[1], &setting, &error);
    if (status == KF_OK)
        print_setting(&setting);
    kf_setting_reset(&setting);
    kf_store_close(store);
    return status == KF_OK ? KF_EXIT_OK : kf_report_error(&error);
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_END, NULL},
};

#define SETTINGS                                                                                   \
    "  KRACertHash   the hash of each recovery agent's certificate, in the order in\n"             \
    "                which they take their turns (kra add and remove change it)\n"                 \
    "  KRACertCount  how many agents each key is sealed to; 0: all\n"                              \
    "  KRAFlags      KRAF_ENABLEFOREIGN (1): with import -f or --foreign, take keys\n"             \
    "                with certificates of other CAs\n"                                             \
    "                KRAF_SAVEBADREQUESTKEY (2): archive keys that do not belong to\n"             \
    "                their certificate all the same\n"                                             \
    "                KRAF_ENABLEARCHIVEALL (4): archive signing keys too\n"                        \
    "                KRAF_DISABLEUSEDEFAULTPROVIDER (8): kept, unused\n"                           \
    "  CAName        the CA's name\n"                                                              \
    "  CAKeyFile     where the CA's private key is; a relative path starts at\n"                   \
    "                the store's folder\n"

const struct kf_command kf_cmd_getreg = {
    .name = "getreg",
    .summary = "show the store's settings",
    .synopsis = "getreg [-s STORE] [NAME]\n",
    .about = "Shows one setting of the store, or all of them:\n\n" SETTINGS "\n"
             "Names are read without regard to case, and may begin with CA\\.\n",
    .options = options,
    .needs_crypto = true,
    .run = run_getreg,
};

const struct kf_command kf_cmd_setreg = {
    .name = "setreg",
    .summary = "change a setting of the store",
    .synopsis = "setreg [-s STORE] NAME VALUE\n"
                "setreg [-s STORE] NAME +FLAG\n"
                "setreg [-s STORE] NAME -FLAG\n",
    .about = "Sets one of the store's settings, or, with + and -, one of the bits of KRAFlags\n"
             "(one hash of KRACertHash), and shows what it is now:\n\n" SETTINGS "\n"
             "Numbers are decimal or 0x hex. Names of flags may be joined by |, and KRAF_\n"
             "may be left out. Options stand before NAME. The audit trail notes the change.\n",
    .options = options,
    .notes = "  keyferry setreg KRAFlags +KRAF_ENABLEFOREIGN\n"
             "  keyferry setreg KRACertCount 2\n",
    .dash_operands = true,
    .needs_crypto = true,
    .run = run_setreg,
};

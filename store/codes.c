/*
 * Microsoft's codes, their names, and the texts that [MS-ERREF] publishes for them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/internal.h"
#include "store/rules.h"

#define KF_CODE_LEAD 256 /* enough for the longest of them */

struct code {
    uint32_t code;
    const char *name;
    const char *text;
};

static const struct code codes[] = {
    {KF_E_INVALID_DATA, "ERROR_INVALID_DATA", "The data is invalid."},
    {KF_E_INVALIDARG, "E_INVALIDARG", "The parameter is incorrect."},
    {KF_E_DIRECTORY, "ERROR_DIRECTORY", "The directory name is invalid."},
    {KF_E_ISSUERCHAINING, "CERT_E_ISSUERCHAINING",
     "A parent of a given certificate in fact did not issue that child certificate."},
    {KF_E_ARCHIVAL_NOT_SET_UP, "CERTSRV_E_KEY_ARCHIVAL_NOT_CONFIGURED",
     "Cannot archive private key. The certification authority is not configured for key "
     "archival."},
    {KF_E_NO_VALID_KRA, "CERTSRV_E_NO_VALID_KRA",
     "Cannot archive private key. The certification authority could not verify one or more key "
     "recovery certificates."},
};

static const struct code *find(uint32_t code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code)
            return &codes[i];
    }
    return NULL;
}

const char *kf_code_text(uint32_t code)
{
    const struct code *found = find(code);

    return found != NULL ? found->text : NULL;
}

const char *kf_code_name(uint32_t code)
{
    const struct code *found = find(code);

    return found != NULL ? found->name : NULL;
}

/* What stands before the cause. */
static void lead_of(const struct code *code, char out[static KF_CODE_LEAD])
{
    (void)snprintf(out, KF_CODE_LEAD, "%s 0x%08x (%s): ", code->text, (unsigned)code->code,
                   code->name);
}

void kf_code_brief(uint32_t code, const char *message, char *out, size_t size)
{
    const struct code *found = find(code);
    char lead[KF_CODE_LEAD] = "";
    const char *at = NULL;

    if (found != NULL) {
        lead_of(found, lead);
        at = strstr(message, lead);
    }
    if (at == NULL)
        (void)snprintf(out, size, "%s", message);
    else
        (void)snprintf(out, size, "%.*s%s", (int)(at - message), message, at + strlen(lead));
}

enum kf_status kf_fail_code(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                            uint32_t code, const char *rule, const char *format, ...)
{
    const struct code *found = find(code);
    char meaning[sizeof(error->text)];
    char lead[KF_CODE_LEAD];
    va_list arguments;

    if (error == NULL || error->cause != KF_CAUSE_NONE)
        return status;
    va_start(arguments, format);
    (void)vsnprintf(meaning, sizeof(meaning), format, arguments);
    va_end(arguments);
    error->code = code;
    if (found == NULL)
        return kf_fail(error, status, cause, rule, "%s", meaning);
    lead_of(found, lead);
    return kf_fail(error, status, cause, rule, "%s%s", lead, meaning);
}

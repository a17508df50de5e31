/*
 * keyferry version: this program's version and that of the library that does its cryptography.
 */
#include <stdio.h>

#include <openssl/crypto.h>

#include "cli/cli.h"

static enum kf_exit run_version(struct kf_session *session, struct kf_arguments *arguments)
{
    (void)session;
    if (arguments->operand_count != 0)
        return kf_usage_error(&kf_cmd_version, "version: takes no operand");
    (void)printf("keyferry %s\n%s\n", KF_VERSION, OpenSSL_version(OPENSSL_VERSION));
    return KF_EXIT_OK;
}

static const struct kf_option_entry options[] = {{KF_OPT_END, NULL}};

const struct kf_command kf_cmd_version = {
    .name = "version",
    .summary = "print the version",
    .synopsis = "version\n",
    .about = "Prints the version of keyferry, and that of OpenSSL.\n",
    .options = options,
    .run = run_version,
};

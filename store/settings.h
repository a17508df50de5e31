/*
 * The archive's settings, by the names of the Windows CA's registry (docs/formats/archive.md).
 *
 *     KRACertHash   list    the SHA-1 of each KRA certificate, in the order they are selected in
 *     KRACertCount  number  KRAs used for each key, 0 = all
 *     KRAFlags      flags   KRAF_*
 *     CAName        text    the name of the CA
 *     CAKeyFile     text    where the CA's key is, for getkey; empty = it has to be given
 *
 * Names compare without case, and may have the prefix "ca\" (as certutil -setreg ca\KRAFlags).
 */
#ifndef KF_STORE_SETTINGS_H
#define KF_STORE_SETTINGS_H

#include "store/store.h"

enum {
    KF_KRAF_ENABLEFOREIGN = 1,
    KF_KRAF_SAVEBADREQUESTKEY = 2,
    KF_KRAF_ENABLEARCHIVEALL = 4,
    KF_KRAF_DISABLEUSEDEFAULTPROVIDER = 8,
};

/* The flags of KRAFlags by name ("KRAF_ENABLEFOREIGN"), ended by a NULL name. */
struct kf_flag_name {
    const char *name;
    uint32_t bit;
    const char *summary; /* one line for people */
};
const struct kf_flag_name *kf_kra_flag_names(void);

enum kf_setting_type {
    KF_SETTING_TEXT,
    KF_SETTING_NUMBER,
    KF_SETTING_FLAGS,
    KF_SETTING_LIST,
};

/* All settings, in the order that getreg shows them, ended by a NULL name. */
struct kf_setting_info {
    const char *name;
    enum kf_setting_type type;
    const char *summary;
};
const struct kf_setting_info *kf_setting_infos(void);

/* A setting's value. Zero-initialize. */
struct kf_setting {
    const struct kf_setting_info *info;
    uint64_t number; /* numbers and flags */
    char *text;      /* text ("" where not set), or the list, one a line without a newline at the
                        end ("" where empty) */
};
void kf_setting_reset(struct kf_setting *setting); /* NULL-safe */

/* KF_SKIP with KF_CAUSE_USAGE: no such setting. */
enum kf_status kf_setting_get(struct kf_store *store, const char *name, struct kf_setting *out,
                              struct kf_error *error) KF_MUST_USE;

/*
 * Sets one, and notes old and new in the audit trail; what is set to what it was is noted too.
 *   number   decimal or 0x hex
 *   flags    the same; or names joined by '|' ("KRAF_" may be left out); or "+NAME", "-NAME", which
 *            set and clear those bits only
 *   list     KRACertHash: hashes, separated by white space, commas or "\n" as certutil writes it,
 * which the list becomes, in that order (a line may be a hash with spaces in it); or "+HASH",
 * "-HASH". Hashes are SHA-1 or SHA-256 of certificates that `kra add` was given before. text     as
 * it is *out (may be NULL) gets the new value. KF_SKIP with KF_CAUSE_USAGE: no such setting, or not
 * a value of its type: nothing has changed.
 */
enum kf_status kf_setting_set(struct kf_store *store, const char *name, const char *value,
                              struct kf_setting *out, struct kf_error *error) KF_MUST_USE;

#endif

/*
 * Makes .epf profiles after the public description (docs/formats/epf.md), and shares no code with
 * the reader: the digests are one-shot, the ciphers where they can be are `openssl enc`.
 */
#ifndef TESTS_SUPPORT_PROFILE_H
#define TESTS_SUPPORT_PROFILE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/bytes.h"

enum profile_count { PROFILE_TOTAL, PROFILE_EXTRA, PROFILE_REPEAT, PROFILE_BEFORE, PROFILE_AFTER };
enum profile_plain { PROFILE_PKCS8, PROFILE_PKCS1, PROFILE_SEC1 };

struct profile_dialect {
    const char *name;   /* as the reader shows it */
    const char *digest; /* "SHA1" */
    enum profile_count count;
    bool raw_salt;
    bool last;          /* the last bytes of the second digest finish the stream */
    const char *cipher; /* "cast5-cbc", "des-ede3-cbc", "aes-128-cbc" */
    size_t key_size;
    enum profile_plain plain;
};

/* The profile's text is built up in out. Numbers and names come from a seeded generator. */
struct profile {
    struct kf_buf text;
    const struct profile_dialect *dialect;
    const char *password;
    unsigned count;
    size_t salt_size;
    size_t width;       /* of base64 before it is wrapped; 0: never */
    const char *wrap;   /* what begins a line that goes on: "", "\t", "_continue_=" */
    uint64_t random;    /* state of the generator */
    char salt_text[64]; /* the last salt */
    uint8_t salt[32];
};

void profile_begin(struct profile *profile, const struct profile_dialect *dialect,
                   const char *password, unsigned count, uint64_t seed);
uint64_t profile_random(struct profile *profile, uint64_t below);

/* "[name]" and "name=value", with a name made up where it is NULL. */
void profile_section(struct profile *profile, const char *name);
void profile_value(struct profile *profile, const char *name, const char *value);

/* Makes a new salt, and writes it and the count under names made up. */
void profile_salt(struct profile *profile);
void profile_salt_and_count(struct profile *profile);

void profile_cert(struct profile *profile, const X509 *certificate);
/* The key, encrypted under the last salt and the count. */
void profile_key(struct profile *profile, EVP_PKEY *key);
/* Bytes as base64, wrapped, under a name made up. */
void profile_bytes(struct profile *profile, struct kf_slice bytes);

/* Replaces the text by the same in another encoding: "utf-16le", "crlf", "bom". */
void profile_recode(struct profile *profile, const char *how);

#endif

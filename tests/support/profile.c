/*
 * Profiles for tests: see profile.h. Anything that cannot be done ends the program.
 */
#include "tests/support/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "tests/support/material.h"
#include "tests/support/outside.h"

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "profile: cannot %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static void add(struct profile *profile, const char *text)
{
    need(kf_buf_append(&profile->text, text, strlen(text), NULL) == KF_OK, "append");
}

/* splitmix64 */
uint64_t profile_random(struct profile *profile, uint64_t below)
{
    uint64_t z = (profile->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void make_name(struct profile *profile, char out[24])
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-";
    size_t len = 3 + (size_t)profile_random(profile, 14);

    for (size_t i = 0; i < len; i++)
        out[i] =
            letters[profile_random(profile, i == 0 || i + 1 == len ? 52 : sizeof(letters) - 1)];
    out[len] = '\0';
}

void profile_begin(struct profile *profile, const struct profile_dialect *dialect,
                   const char *password, unsigned count, uint64_t seed)
{
    *profile = (struct profile){.text = KF_PUBLIC_BUF,
                                .dialect = dialect,
                                .password = password,
                                .count = count,
                                .salt_size = 8,
                                .wrap = "",
                                .random = seed};
}

void profile_section(struct profile *profile, const char *name)
{
    char made[24];

    make_name(profile, made);
    add(profile, "[");
    add(profile, name != NULL ? name : made);
    add(profile, "]\n");
}

void profile_value(struct profile *profile, const char *name, const char *value)
{
    char made[24];

    make_name(profile, made);
    add(profile, name != NULL ? name : made);
    add(profile, "=");
    for (size_t len = strlen(value); profile->width != 0 && len > profile->width;
         len -= profile->width, value += profile->width) {
        need(kf_buf_append(&profile->text, value, profile->width, NULL) == KF_OK, "append");
        add(profile, "\n");
        add(profile, profile->wrap);
    }
    add(profile, value);
    add(profile, "\n");
}

void profile_bytes(struct profile *profile, struct kf_slice bytes)
{
    char *text = malloc(bytes.len / 3 * 4 + 8);

    need(text != NULL, "allocate");
    (void)EVP_EncodeBlock((unsigned char *)text, bytes.data, (int)bytes.len);
    profile_value(profile, NULL, text);
    free(text);
}

void profile_salt(struct profile *profile)
{
    for (size_t i = 0; i < profile->salt_size; i++)
        profile->salt[i] = (uint8_t)profile_random(profile, 256);
    (void)EVP_EncodeBlock((unsigned char *)profile->salt_text, profile->salt,
                          (int)profile->salt_size);
    profile_value(profile, NULL, profile->salt_text);
}

void profile_salt_and_count(struct profile *profile)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", profile->count);
    profile_salt(profile);
    profile_value(profile, NULL, text);
}

void profile_cert(struct profile *profile, const X509 *certificate)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    material_der(certificate, &der);
    profile_bytes(profile, kf_buf_slice(&der));
    kf_buf_reset(&der);
}

static size_t hash(const struct profile *profile, const uint8_t *data, size_t len, uint8_t *out)
{
    size_t size = 0;

    need(EVP_Q_digest(material_crypto()->library, profile->dialect->digest, NULL, data, len, out,
                      &size) == 1,
         "hash");
    return size;
}

/* The digest over b, count times as the dialect says. */
static size_t iterate(const struct profile *profile, const uint8_t *b, size_t len, uint8_t *out)
{
    uint8_t joined[4096];
    size_t size = hash(profile, b, len, out);
    unsigned times = profile->count - (profile->dialect->count == PROFILE_EXTRA ? 0 : 1);

    if (profile->dialect->count == PROFILE_REPEAT) {
        uint8_t *all = malloc(len * profile->count);

        need(all != NULL, "allocate");
        for (unsigned i = 0; i < profile->count; i++)
            memcpy(all + i * len, b, len);
        size = hash(profile, all, len * profile->count, out);
        free(all);
        return size;
    }
    for (unsigned i = 0; i < times; i++) {
        switch (profile->dialect->count) {
        case PROFILE_BEFORE:
            memcpy(joined, out, size);
            memcpy(joined + size, b, len);
            (void)hash(profile, joined, size + len, out);
            break;
        case PROFILE_AFTER:
            memcpy(joined, b, len);
            memcpy(joined + len, out, size);
            (void)hash(profile, joined, size + len, out);
            break;
        case PROFILE_TOTAL:
        case PROFILE_EXTRA:
        case PROFILE_REPEAT:
            (void)hash(profile, out, size, out);
            break;
        }
    }
    return size;
}

/* h1 and as much of h2 as is missing: its first or its last bytes */
static void derive(const struct profile *profile, size_t block, uint8_t *stream)
{
    uint8_t b[512];
    uint8_t second[64];
    size_t len = strlen(profile->password);
    size_t want = profile->dialect->key_size + block;
    size_t size;

    memcpy(b, profile->password, len);
    if (profile->dialect->raw_salt) {
        memcpy(b + len, profile->salt, profile->salt_size);
        len += profile->salt_size;
    } else {
        memcpy(b + len, profile->salt_text, strlen(profile->salt_text));
        len += strlen(profile->salt_text);
    }
    size = iterate(profile, b, len, stream);
    b[len] = 1;
    (void)iterate(profile, b, len + 1, second);
    if (want > size)
        memcpy(stream + size, second + (profile->dialect->last ? size - (want - size) : 0),
               want - size);
}

static void encode(EVP_PKEY *key, enum profile_plain plain, struct kf_buf *out)
{
    uint8_t *der = NULL;
    int len;

    if (plain == PROFILE_PKCS8) {
        material_pkcs8(key, out);
        return;
    }
    len = i2d_PrivateKey(key, &der); /* PKCS #1 for RSA, SEC 1 for EC */
    need(len > 0 && kf_buf_set(out, (struct kf_slice){der, (size_t)len}, NULL) == KF_OK, "encode");
    OPENSSL_clear_free(der, (size_t)len);
}

/* CAST5 with a short key, which the program cannot be told: by libcrypto, in this library context
 */
static void encrypt_short(const struct profile *profile, const uint8_t *stream, struct kf_slice in,
                          struct kf_buf *out)
{
    EVP_CIPHER *cast5 = EVP_CIPHER_fetch(material_crypto()->library, "CAST5-CBC", NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t key_size = profile->dialect->key_size;
    int len = 0;
    int last = 0;

    need(kf_buf_reserve(out, in.len + 16, NULL) == KF_OK, "allocate");
    need(EVP_EncryptInit_ex2(context, cast5, NULL, NULL, NULL) == 1 &&
             EVP_CIPHER_CTX_set_key_length(context, (int)key_size) == 1 &&
             EVP_EncryptInit_ex2(context, NULL, stream, stream + key_size, NULL) == 1 &&
             EVP_EncryptUpdate(context, out->data, &len, in.data, (int)in.len) == 1 &&
             EVP_EncryptFinal_ex(context, out->data + len, &last) == 1,
         "encrypt");
    out->len = (size_t)len + (size_t)last;
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cast5);
}

void profile_key(struct profile *profile, EVP_PKEY *key)
{
    const struct profile_dialect *dialect = profile->dialect;
    size_t block = strncmp(dialect->cipher, "aes", 3) == 0 ? 16 : 8;
    struct kf_buf plain = KF_SECRET_BUF;
    struct kf_buf sealed = KF_PUBLIC_BUF;
    uint8_t stream[128];
    char key_hex[65];
    char iv_hex[33];

    derive(profile, block, stream);
    encode(key, dialect->plain, &plain);
    if (strcmp(dialect->cipher, "cast5-cbc") == 0 && dialect->key_size < 16) {
        encrypt_short(profile, stream, kf_buf_slice(&plain), &sealed);
    } else {
        kf_hex(key_hex, stream, dialect->key_size);
        kf_hex(iv_hex, stream + dialect->key_size, block);
        outside_write("plain", kf_buf_slice(&plain));
        need(
            outside_run("openssl enc -%s -provider default -provider legacy -K %s -iv %s -in plain "
                        "-out sealed",
                        dialect->cipher, key_hex, iv_hex),
            "run openssl enc");
        outside_read("sealed", &sealed);
    }
    profile_bytes(profile, kf_buf_slice(&sealed));
    kf_buf_reset(&plain);
    kf_buf_reset(&sealed);
}

void profile_recode(struct profile *profile, const char *how)
{
    struct kf_buf out = KF_PUBLIC_BUF;
    bool wide = strcmp(how, "utf-16le") == 0;

    if (wide)
        need(kf_buf_append(&out, "\xff\xfe", 2, NULL) == KF_OK, "append");
    if (strcmp(how, "bom") == 0)
        need(kf_buf_append(&out, "\xef\xbb\xbf", 3, NULL) == KF_OK, "append");
    for (size_t i = 0; i < profile->text.len; i++) {
        const char pair[2] = {(char)profile->text.data[i], '\0'};

        if (pair[0] == '\n' && strcmp(how, "crlf") == 0)
            need(kf_buf_append(&out, "\r", 1, NULL) == KF_OK, "append");
        need(kf_buf_append(&out, pair, wide ? 2 : 1, NULL) == KF_OK, "append");
    }
    kf_buf_move(&profile->text, &out);
}

/*
 * The limit of opening: see limit_rsa.h. By the same EVP interface that the program uses, with
 * blinding on as it is by default; the key is copied for each thread, so that none waits for
 * another's blinding. As many different ciphertexts as a batch of rows has go round.
 */
#include "bench/limit_rsa.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include <openssl/rsa.h>

#include "bench/material.h"
#include "crypto/keyfile.h"

#define MAX_THREADS 64u
#define MAX_SIZE    1024u /* bytes of a modulus */
#define TEXTS       256u

struct texts {
    uint8_t bytes[TEXTS][MAX_SIZE];
    size_t len;
};

struct opener {
    EVP_PKEY *key;
    EVP_PKEY_CTX *context;
    const struct texts *texts;
    atomic_ullong *next;
    uint64_t count;
};

static EVP_PKEY_CTX *new_context(const struct kf_crypto *crypto, EVP_PKEY *key, bool encrypt)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(crypto->library, key, NULL);

    if (context == NULL ||
        (encrypt ? EVP_PKEY_encrypt_init(context) : EVP_PKEY_decrypt_init(context)) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1)
        bench_die("no RSA");
    return context;
}

static void make_texts(const struct kf_crypto *crypto, EVP_PKEY *key, struct texts *texts)
{
    static const uint8_t content_key[32] = {1};
    EVP_PKEY_CTX *context = new_context(crypto, key, true);

    for (size_t i = 0; i < TEXTS; i++) {
        texts->len = MAX_SIZE;
        if (EVP_PKEY_encrypt(context, texts->bytes[i], &texts->len, content_key,
                             sizeof(content_key)) != 1)
            bench_die("no encryption");
    }
    EVP_PKEY_CTX_free(context);
}

static void *open_texts(void *argument)
{
    struct opener *opener = argument;
    uint8_t out[MAX_SIZE];

    for (;;) {
        uint64_t at = atomic_fetch_add(opener->next, 1);
        size_t len = sizeof(out);

        if (at >= opener->count)
            return NULL;
        if (EVP_PKEY_decrypt(opener->context, out, &len, opener->texts->bytes[at % TEXTS],
                             opener->texts->len) != 1 ||
            len != 32)
            bench_die("does not decrypt");
    }
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double bench_rsa(const struct kf_crypto *crypto, const char *folder, uint64_t count, size_t threads)
{
    static struct texts texts;
    struct opener openers[MAX_THREADS];
    pthread_t handles[MAX_THREADS];
    struct kf_identity agent = {.key = NULL};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    atomic_ullong next = 0;
    char path[4096];
    double begun;

    (void)snprintf(path, sizeof(path), "%s/kra1.key", folder);
    if (kf_identity_load(crypto, path, NULL, &agent, &error) != KF_OK || threads > MAX_THREADS)
        bench_die(error.text);
    make_texts(crypto, agent.key, &texts);
    for (size_t i = 0; i < threads; i++) {
        openers[i] = (struct opener){
            .key = EVP_PKEY_dup(agent.key), .texts = &texts, .next = &next, .count = count};
        openers[i].context = new_context(crypto, openers[i].key, false);
    }
    begun = now();
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&handles[i], NULL, open_texts, &openers[i]) != 0)
            bench_die("no thread");
    }
    for (size_t i = 0; i < threads; i++)
        (void)pthread_join(handles[i], NULL);
    begun = now() - begun;
    for (size_t i = 0; i < threads; i++) {
        EVP_PKEY_CTX_free(openers[i].context);
        EVP_PKEY_free(openers[i].key);
    }
    kf_identity_reset(&agent);
    return begun;
}

/*
 * The limit of opening: private operations of an agent's key, and nothing else.
 */
#ifndef BENCH_LIMIT_RSA_H
#define BENCH_LIMIT_RSA_H

#include "crypto/crypto.h"

/*
 * Opens count content keys that are sealed by RSA PKCS #1 v1.5 to FOLDER/kra1.key, on so many
 * threads, each with a context of its own that is set up once. Returns the seconds that it took.
 */
double bench_rsa(const struct kf_crypto *crypto, const char *folder, uint64_t count,
                 size_t threads);

#endif

/*
 * The fingerprint of ROCA: see roca.h.
 */
#include "crypto/roca.h"

#include "crypto/spki.h"

/* The odd primes of the M that keys of 512 to 960 bits use; larger keys' M is a multiple of it. */
static const unsigned primes[] = {
    3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
    73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
};

static unsigned remainder_of(struct kf_slice modulus, unsigned prime)
{
    unsigned remainder = 0;

    for (size_t i = 0; i < modulus.len; i++)
        remainder = (remainder << 8 | modulus.data[i]) % prime;
    return remainder;
}

/* Whether value is 65537^a modulo prime for some a. */
static bool is_power_of_65537(unsigned value, unsigned prime)
{
    unsigned power = 1;

    do {
        if (power == value)
            return true;
        power = power * (65537u % prime) % prime;
    } while (power != 1);
    return false;
}

bool kf_roca_fingerprint(struct kf_slice modulus)
{
    if (modulus.len == 0)
        return false;
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        if (!is_power_of_65537(remainder_of(modulus, primes[i]), primes[i]))
            return false;
    }
    return true;
}

bool kf_roca_public_key(struct kf_slice spki)
{
    struct kf_spki parts;
    struct kf_slice n;
    struct kf_slice e;

    return kf_spki_split(spki, &parts) && parts.is_known &&
           (parts.type == KF_KEY_RSA || parts.type == KF_KEY_RSA_PSS) &&
           kf_rsa_public_split(parts.bits, &n, &e) && kf_roca_fingerprint(n);
}

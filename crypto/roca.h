/*
 * ROCA (CVE-2017-15361): RSA keys whose primes came from a broken generator, told by their modulus.
 *
 * Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017, section 2.3:
 * such primes are k·M + (65537^a mod M), so that the modulus is a power of 65537 modulo every small
 * prime of M. Of other moduli about one in 2^27 looks the same by chance.
 */
#ifndef KF_CRYPTO_ROCA_H
#define KF_CRYPTO_ROCA_H

#include "core/bytes.h"

/* true where the modulus (a magnitude, most significant byte first) has the fingerprint. */
bool kf_roca_fingerprint(struct kf_slice modulus) KF_MUST_USE;

/* true where this SubjectPublicKeyInfo (whole) is an RSA key whose modulus has it. */
bool kf_roca_public_key(struct kf_slice spki) KF_MUST_USE;

#endif

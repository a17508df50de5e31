/*
 * BER to DER, as far as framing goes (X.690 8 and 10).
 *
 * Old software wrote PKCS #12 with indefinite lengths, lengths that are not minimal, and strings in
 * pieces. This turns such input into definite, minimal lengths and strings in one piece, which
 * core/der.h reads; it does not sort sets or touch values. It works in a loop, never recurses, and
 * refuses nesting beyond KF_MAX_DEPTH, tags of more than one byte, and BIT STRINGs in pieces.
 */
#ifndef KF_CRYPTO_BER_H
#define KF_CRYPTO_BER_H

#include "core/bytes.h"

/*
 * Reads the one value that bytes begin with. *taken is how many bytes it has; what follows is the
 * caller's business. Where it is framed as DER already, *changed is false and out is left alone;
 * otherwise the value as DER is appended to out, which is a secret buffer wherever keys may be
 * inside. KF_SKIP: KF_CAUSE_DATA (truncated, malformed) or KF_CAUSE_LIMIT (nested too deeply).
 */
enum kf_status kf_ber_normalize(struct kf_slice bytes, size_t *taken, struct kf_buf *out,
                                bool *changed, struct kf_error *error) KF_MUST_USE;

/*
 * Joins in place the OCTET STRINGs that an IMPLICIT constructed string consists of: bytes is its
 * content in DER. *joined is the length of what then stands at its beginning. False where there is
 * anything else in it.
 */
bool kf_ber_join(uint8_t *bytes, size_t len, size_t *joined) KF_MUST_USE;

#endif

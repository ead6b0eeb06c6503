/*
 * uuid: 128-bit ids in their text form of 36 characters, and the same bits with
 * the prefix of their kind: cnt_ and 26 characters of Crockford's base32, which
 * is a ULID's form (CAP-12).
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/arena.h"

#define UUID_LEN 36

/* A new UUIDv7 (RFC 9562): milliseconds first, so that ids sort by age. */
struct sv uuid_new(struct arena *a);
/* 8-4-4-4-12 hex digits of either case. */
bool uuid_valid(struct sv s);
/* "cnt_01HX9ZK2P8N3QR5S7T9V1W3X5Y" of a valid uuid; empty of anything else. */
struct sv uuid_prefixed(struct arena *a, const char *prefix, struct sv uuid);
/* Back again; small letters count as capitals, I and L as 1, O as 0. SV_NONE
 * when it has another prefix or length or is beyond 128 bits. */
struct sv uuid_from_prefixed(struct arena *a, const char *prefix, struct sv id);

#endif

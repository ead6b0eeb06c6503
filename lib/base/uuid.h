/*
 * uuid: 128-bit ids in their text form of 36 characters.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/arena.h"

#define UUID_LEN 36

/* A new UUIDv7 (RFC 9562): milliseconds first, so that ids sort by age. */
struct sv uuid_new(struct arena *a);
/* 8-4-4-4-12 hex digits of either case. */
bool uuid_valid(struct sv s);

#endif

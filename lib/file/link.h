/*
 * link: an address under which a provider may fetch one stored file for a
 * while. Some take files by their address and no other way (WhatsApp Lite's
 * gateway). The address holds all that is needed, sealed under the master key:
 * nothing is stored, nobody else can make one, and it ends by itself.
 */
#ifndef FILE_LINK_H
#define FILE_LINK_H

#include "base/err.h"

struct file_link {
	struct sv organization_id, sha256, name, type;
};

/* The address, below base_url, good until that second since 1970. It ends with
 * the file's name, by whose ending some know what it is. */
struct sv file_link_make(struct arena *a, const struct file_link *l, int64_t until_s);
/* What the token of such an address says; false when it is none, or its time is over. */
bool file_link_open(struct arena *a, struct sv token, int64_t now_s, struct file_link *out);

#endif

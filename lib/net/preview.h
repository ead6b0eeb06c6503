/*
 * preview: what a page says about itself, for a link to it: og:title, og:description and
 * og:image, else its title and description. Nothing of the page runs or loads.
 */
#ifndef NET_PREVIEW_H
#define NET_PREVIEW_H

#include "base/arena.h"

struct net_preview {
	struct sv title, description, image; /* image: an absolute http(s) address; each may be empty */
};

/* html may be cut anywhere. `url`: where it came from. False: no title. */
bool net_preview_read(struct arena *a, struct sv html, struct sv url, struct net_preview *out);

#endif

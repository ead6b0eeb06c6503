/*
 * recent: what somebody had open lately, and searching with it.
 *
 * The browser keeps the last records that were open as letters and ids in the
 * cookie kontor_recent (templates/assets/shell.js); names are read when they
 * are shown, with the rights of whoever looks. So nothing has to be written
 * when a page is read, and no name of a customer stays in a browser.
 */
#ifndef APP_RECENT_H
#define APP_RECENT_H

#include "web/web.h"

#define RECENT_MAX 8

/* Two arrays of PostgreSQL of the same length. */
struct recent {
	struct sv kinds;
	struct sv ids;
};

void recent_read(struct http_request *rq, struct recent *r);
/*
 * The statement of app.search with them: `most` of each kind, or of the kind
 * `only` alone. Columns kind, id, name, detail, side, href, icon, is_recent;
 * is_a.KIND or is_a.recent, and begins where such a group does.
 */
int recent_search(struct http_request *rq, struct db_batch *b, struct sv term, int most,
		  struct sv only);

#endif

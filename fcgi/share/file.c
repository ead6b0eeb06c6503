/*
 * /s/f/:token/:name: a file of a message, for the provider that is to send it
 * (file/link.h). Whatever is in it, a browser only downloads it.
 */
#include "fcgi/share/routes.h"

#include "base/clock.h"
#include "file/file.h"
#include "file/link.h"

enum status share_file(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct file_link link;
	struct sv key;

	if (!file_link_open(rq->arena, http_param(rq, "token"), clock_now_ms() / 1000, &link) ||
	    file_size(link.organization_id, link.sha256, rq->arena) < 0)
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This file is not here any more"));
	key = file_key(link.organization_id, link.sha256, rq->arena);
	http_content_type(rs, link.type.n ? arena_dup(rq->arena, link.type) : "application/octet-stream");
	http_set_header(rs, "Content-Disposition", SV("attachment"));
	http_set_header(rs, "Cache-Control", SV("private, no-store"));
	http_set_header(rs, "X-Accel-Redirect",
			sv_from(arena_printf(rq->arena, "/-/files/%.*s", SV_ARG(key))));
	return ST_OK;
}

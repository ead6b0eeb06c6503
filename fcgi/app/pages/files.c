/*
 * /files/:id: a stored file, to those who may see its row.
 *
 * The bytes are sent by nginx (X-Accel-Redirect), under a policy that lets
 * nothing in them run. Only pictures and sounds of known types are shown in
 * place, and with ?view=1 a PDF, which the browser's own viewer needs less
 * strictness for; everything else, and all with ?download=1, is a download
 * under its name.
 */
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "file/file.h"

#include <unistd.h>

static const char *const shown_types[] = {
	"image/jpeg", "image/png", "image/gif", "image/webp", "audio/ogg",
	"audio/mpeg", "audio/mp4", "audio/aac", "audio/wav",  "audio/webm",
	"video/mp4",  "video/webm",
};

static bool is_shown(struct sv type)
{
	for (size_t i = 0; i < sizeof(shown_types) / sizeof(*shown_types); i++)
		if (sv_eq(type, sv_from(shown_types[i])))
			return true;
	return false;
}

/* What a sender calls a picture may be something else: the bytes decide. */
static bool is_true(struct http_request *rq, struct sv org, struct sv sha256, struct sv type)
{
	char head[FILE_HEAD];
	struct err e = { 0 };
	int fd = file_open(org, sha256, rq->arena, &e);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, head, sizeof(head));
	close(fd);
	return n > 0 && file_is_type(type, sv_make(head, (size_t)n));
}

enum status file_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_param(rq, "id"), type, key;
	bool shown, viewed;
	int s;

	if (!uuid_valid(id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This file does not exist");
	s = db_add(b, "select organization_id, sha256, name, content_type from files where id = $1",
		   DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, s))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This file does not exist");
	type = db_first(b, s, "content_type");
	viewed = sv_eq(type, SV("application/pdf")) && http_query(rq, "view").n;
	shown = (is_shown(type) || viewed) && !http_query(rq, "download").n &&
		is_true(rq, db_first(b, s, "organization_id"), db_first(b, s, "sha256"), type);
	key = file_key(db_first(b, s, "organization_id"), db_first(b, s, "sha256"), rq->arena);
	http_content_type(rs, shown ? arena_dup(rq->arena, type) : "application/octet-stream");
	http_set_header(rs, "Content-Disposition",
			http_disposition(rq->arena, shown, db_first(b, s, "name")));
	/* The content under an id never changes. */
	http_set_header(rs, "Cache-Control", SV("private, max-age=31536000, immutable"));
	http_set_header(rs, "X-Accel-Redirect",
			sv_from(arena_printf(rq->arena, viewed && shown ? "/-/documents/%.*s" : "/-/files/%.*s",
					     SV_ARG(key))));
	return ST_OK;
}

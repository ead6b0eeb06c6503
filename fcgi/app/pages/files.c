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

static const char *const shown_types[] = {
	"image/jpeg", "image/png", "image/gif", "image/webp", "audio/ogg",
	"audio/mpeg", "audio/mp4", "audio/aac", "audio/wav",  "audio/webm",
};

static bool is_shown(struct sv type)
{
	for (size_t i = 0; i < sizeof(shown_types) / sizeof(*shown_types); i++)
		if (sv_eq(type, sv_from(shown_types[i])))
			return true;
	return false;
}

/* RFC 6266: the name in UTF-8 beside one that every browser reads. */
static struct sv disposition(struct arena *a, bool shown, struct sv name)
{
	buf_auto struct buf out = BUF_INIT;

	buf_add(&out, shown ? SV("inline") : SV("attachment"));
	buf_lit(&out, "; filename=\"");
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		buf_addc(&out,
			 c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '%' ? '_' : (char)c);
	}
	buf_lit(&out, "\"; filename*=UTF-8''");
	buf_url(&out, name);
	return arena_sv(a, buf_sv(&out));
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
	shown = (is_shown(type) || viewed) && !http_query(rq, "download").n;
	key = file_key(db_first(b, s, "organization_id"), db_first(b, s, "sha256"), rq->arena);
	http_content_type(rs, shown ? arena_dup(rq->arena, type) : "application/octet-stream");
	http_set_header(rs, "Content-Disposition",
			disposition(rq->arena, shown, db_first(b, s, "name")));
	/* The content under an id never changes. */
	http_set_header(rs, "Cache-Control", SV("private, max-age=31536000, immutable"));
	http_set_header(rs, "X-Accel-Redirect",
			sv_from(arena_printf(rq->arena, viewed && shown ? "/-/documents/%.*s" : "/-/files/%.*s",
					     SV_ARG(key))));
	return ST_OK;
}

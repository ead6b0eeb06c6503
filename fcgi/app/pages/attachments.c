/*
 * Files attached to records: POST /attachments/:kind/:id takes them, and
 * /attachments/:id/delete lets them go; /files/:id (files.c) sends the bytes.
 */
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "file/file.h"

#define FILES_AT_ONCE 20
#define FILE_BYTES (25 * 1024 * 1024)

/* The last part of a path that some browsers send, at most 200 bytes of text. */
static struct sv clean_name(struct sv name)
{
	while (sv_chr(name, '/') >= 0)
		sv_cut(&name, '/');
	while (sv_chr(name, '\\') >= 0)
		sv_cut(&name, '\\');
	while (name.n > 200 || (name.n && !sv_is_text(name)))
		name.n--;
	return name.n ? name : SV("file");
}

/* "image/png; charset=x" without its parameter, in lower case; what is no type is bytes. */
static struct sv clean_type(struct arena *a, struct sv type)
{
	struct sv rest = type, first = sv_trim(sv_cut(&rest, ';'));
	char *out = arena_dup(a, first);

	if (!first.n || first.n > 100 || sv_chr(first, '/') < 1)
		return SV("application/octet-stream");
	for (size_t i = 0; i < first.n; i++) {
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] += 'a' - 'A';
		if (out[i] <= ' ' || out[i] > '~')
			return SV("application/octet-stream");
	}
	return sv_make(out, first.n);
}

/* Whose it is, and that the record is there, before anything is stored. */
static enum status tenant_of(struct http_request *rq, const struct detail_kind *kind, struct sv id, struct sv *org,
			     struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s;

	db_add(b, "select auth.enter($1)", DB_C(kind->area));
	must_exist(b, kind->table, id);
	s = db_add(b, "select auth.org() as id");
	if (db_run(b, e))
		return e->status;
	*org = db_first(b, s, "id");
	return ST_OK;
}

static enum status check(struct http_request *rq, const struct http_file *f, size_t n, struct err *e)
{
	struct sv name = clean_name(f->filename);

	if (n > FILES_AT_ONCE)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("At most 20 files at once"));
	if (!f->data.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, tr("The file %.*s is empty"), SV_ARG(name));
	if (f->data.n > FILE_BYTES)
		return err_set(e, rq->arena, ST_TOO_LARGE, tr("%.*s is larger than 25 MB"), SV_ARG(name));
	return ST_OK;
}

static enum status add_file(struct http_request *rq, struct db_batch *b, const struct detail_kind *kind, struct sv id,
			    struct sv org, const struct http_file *f, struct err *e)
{
	struct sv sha256, file = uuid_new(rq->arena);

	if (file_put(org, f->data, rq->arena, &sha256, e))
		return e->status;
	db_add(b, "insert into files (id, sha256, name, content_type, size) values ($1::uuid, $2, $3, $4, $5)",
	       DB_S(file), DB_S(sha256), DB_S(clean_name(f->filename)), DB_S(clean_type(rq->arena, f->content_type)),
	       DB_I((int64_t)f->data.n));
	db_add(b, kind->add_file, DB_S(id), DB_S(file));
	return ST_OK;
}

static enum status store(struct http_request *rq, struct db_batch *b, const struct detail_kind *kind, struct sv id,
			 size_t *n, struct err *e)
{
	struct sv org = SV_NONE;

	*n = 0;
	for (size_t i = 0; i < rq->nfiles; i++) {
		const struct http_file *f = &rq->files[i];

		if (!f->filename.n && !f->data.n) /* an input without a choice */
			continue;
		if (check(rq, f, ++*n, e))
			return e->status;
		if (!org.n && tenant_of(rq, kind, id, &org, e))
			return e->status;
		if (add_file(rq, b, kind, id, org, f, e))
			return e->status;
	}
	return ST_OK;
}

/* The panel again, or back to the page. */
static enum status answer(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  const struct detail_kind *kind, struct sv id, struct err *e)
{
	int files = record_files_add(b, kind, id);
	struct tmpl_value *page, *record;

	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return redirect_to(rq, rs, kind->path, id, "?done=saved");
	page = web_page(rq, b);
	web_set_rows(page, "files", b, files);
	record = tmpl_set_map(page, "record");
	tmpl_set_text(record, "kind", sv_from(kind->name));
	tmpl_set_text(record, "id", id);
	return web_render(rq, rs, "app/record_files_list", page, e);
}

enum status attachments_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct detail_kind *kind = detail_kind(http_param(rq, "kind"));
	struct sv id, again = http_form(rq, "file_id");
	struct db_batch *b;
	size_t n;

	if (!kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such record");
	if (path_id(rq, kind->name, &id, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "select auth.enter($1)", DB_C(kind->area));
	if (store(rq, b, kind, id, &n, e))
		return e->status;
	if (uuid_valid(again)) /* undo of a removal */
		db_add(b, kind->add_file, DB_S(id), DB_S(again));
	else if (!n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose a file first"));
	return answer(rq, rs, b, kind, id, e);
}

enum status attachment_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct detail_kind *kind = detail_kind(http_param(rq, "kind"));
	struct sv id, link = http_param(rq, "link");
	struct db_batch *b;

	if (!kind || !uuid_valid(link))
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such file");
	if (path_id(rq, kind->name, &id, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "select auth.enter($1)", DB_C(kind->area));
	must_exist(b, kind->table, id);
	db_add(b, "delete from record_files where id = $1::uuid", DB_S(link));
	return answer(rq, rs, b, kind, id, e);
}

#include "http/internal.h"

enum status http_parse_urlencoded(struct arena *a, struct sv text, struct http_pairs *out,
				  struct err *e)
{
	struct sv rest = text;
	size_t most = 1;

	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == '&';
	*out = (struct http_pairs){ 0 };
	if (most > HTTP_FIELDS_MAX)
		return err_set(e, a, ST_BAD_INPUT, "More than %d fields; send fewer at once",
			       HTTP_FIELDS_MAX);
	out->v = ARENA_ARRAY(a, most, struct http_pair);
	while (sv_present(rest)) {
		struct sv value = sv_cut(&rest, '&'), name;

		if (!value.n)
			continue;
		name = http_decode(a, sv_cut(&value, '='), true);
		/* "name" alone is a field that was sent, and is empty. */
		value = sv_present(value) ? http_decode(a, value, true) : SV("");
		if (!sv_is_text(name) || !sv_is_text(value))
			return err_set(e, a, ST_BAD_INPUT,
				       "A field is not valid UTF-8 text or contains a NUL");
		out->v[out->n++] = (struct http_pair){ name, value };
	}
	return ST_OK;
}

static bool media_type_is(struct sv content_type, struct sv want)
{
	return sv_ieq(sv_trim(sv_cut(&content_type, ';')), want);
}

enum status http_form_read(struct http_request *rq, struct err *e)
{
	enum status s = ST_OK;

	if (rq->form)
		return ST_OK;
	rq->form = ARENA_NEW(rq->arena, struct http_pairs);
	if (media_type_is(rq->content_type, SV("multipart/form-data")))
		s = http_parse_multipart(rq->arena, rq->content_type, rq->body, rq->form,
					 &rq->files, &rq->nfiles, e);
	else if (media_type_is(rq->content_type, SV("application/x-www-form-urlencoded")))
		s = http_parse_urlencoded(rq->arena, rq->body, rq->form, e);
	if (s) {
		*rq->form = (struct http_pairs){ 0 };
		rq->files = NULL;
		rq->nfiles = 0;
	}
	return s;
}

const struct http_pairs *http_form_all(struct http_request *rq)
{
	struct err ignored;

	if (http_form_read(rq, &ignored))
		return rq->form; /* empty */
	return rq->form;
}

struct sv http_form(struct http_request *rq, const char *name)
{
	return http_pairs_get(http_form_all(rq), sv_from(name));
}

const struct http_file *http_form_file(struct http_request *rq, const char *name)
{
	http_form_all(rq);
	for (size_t i = 0; i < rq->nfiles; i++)
		if (sv_eq(rq->files[i].field, sv_from(name)))
			return &rq->files[i];
	return NULL;
}

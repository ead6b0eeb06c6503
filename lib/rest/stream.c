#include "rest/stream.h"

#define KEPT (1024 * 1024) /* bytes of a body that is not begun */
#define PART (64 * 1024)   /* bytes that leave at once afterwards */
#define FEW 1000           /* rows that are simply read */

bool stream_wanted(const struct rest_plan *p, const struct http_response *rs, bool head)
{
	if (p->answer != REST_ROWS || p->versioned || p->media.explain || p->media.form == REST_RAW || p->single ||
	    (p->shape != REST_ARRAY && p->shape != REST_LIST))
		return false;
	/* A write may still fail when all its rows have been told. */
	if (p->method != HTTP_GET && !(p->call && p->read_only))
		return false;
	return (p->limit < 0 || p->limit > FEW) && (head || http_can_stream(rs));
}

static bool bare(const struct rest_plan *p)
{
	return p->shape == REST_LIST;
}

/* What stands before a row. */
static void separate(struct stream *s, const struct db_batch *b, int stmt, struct buf *out)
{
	if (s->plan->media.form == REST_JSON) {
		buf_addc(out, s->rows ? ',' : '[');
		return;
	}
	if (!s->rows && bare(s->plan))
		buf_lit(out, "pgrst_scalar");
	else if (!s->rows)
		rest_csv_names(out, b, stmt);
	buf_addc(out, '\n');
}

static void add_row(struct stream *s, const struct db_batch *b, int stmt, size_t row)
{
	struct buf *body = &s->rs->body, *out = s->plan->media.strip ? &s->row : body;

	separate(s, b, stmt, body);
	buf_clear(&s->row);
	if (s->plan->media.form == REST_CSV)
		rest_csv_row(out, b, stmt, row);
	else if (bare(s->plan))
		db_json_value(out, b, stmt, row, 0);
	else
		db_json_row(out, b, stmt, row);
	if (s->plan->media.strip)
		rest_strip_nulls(body, buf_sv(&s->row));
}

static void begin(struct stream *s, const struct db_batch *b)
{
	const struct rest_plan *p = s->plan;
	int64_t of = answer_total(p, b, s->asked), rows = -1;

	if (of >= 0)
		rows = p->limit >= 0 && p->limit < of - p->offset ? p->limit : of - p->offset;
	answer_headers(p, s->rs, db_arena(b), rows, of);
	http_set_header(s->rs, "Content-Type", p->media.type);
	if (s->asked->before >= 0)
		(void)!settings_apply(b, s->asked->before, s->rs, &s->e);
	if (!s->e.status)
		http_stream(s->rq, s->rs);
}

void stream_row(void *arg, const struct db_batch *b, int stmt, size_t row)
{
	struct stream *s = arg;

	if (s->head || s->e.status) {
		s->rows++;
		return;
	}
	add_row(s, b, stmt, row);
	s->rows++;
	if (http_is_streaming(s->rs) && s->rs->body.n > PART)
		http_stream(s->rq, s->rs);
	else if (s->rs->body.n > KEPT)
		begin(s, b);
}

enum status stream_end(struct stream *s, const struct db_batch *b, struct err *e)
{
	struct buf *body = &s->rs->body;

	buf_release(&s->row);
	if (s->e.status) {
		*e = s->e;
		return e->status;
	}
	if (s->plan->media.form == REST_JSON)
		buf_add(body, s->rows ? SV("]") : SV("[]"));
	else if (!s->rows)
		buf_addc(body, '\n');
	if (http_is_streaming(s->rs))
		return ST_OK;
	http_set_header(s->rs, "Content-Type", s->plan->media.type);
	return answer_counted(s->plan, b, s->asked, s->rows, s->rs, e);
}

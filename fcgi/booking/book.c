/*
 * POST /schedule/:username/:slug: take a time.
 *
 * The database decides (public_book): it looks whether the time is offered,
 * and an exclusion constraint ends every race with one booking.
 */
#include "fcgi/booking/booking.h"

#include "base/conf.h"
#include "base/uuid.h"

static const char book_sql[] = "select confirmation_token, is_new from public_book($1, $2, "
			       "$3::timestamptz, $4, $5, $6, $7, $8::jsonb, $9, $10::uuid)";

struct wish {
	struct sv start, name, email, phone, notes, zone, client_id;
	struct sv answers; /* JSON: a list, or by label */
};

/* Answers of the form by their place. */
static struct sv form_answers(struct http_request *rq)
{
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '[');
	for (size_t i = 0; i < 100; i++) {
		struct sv one = http_form(rq, arena_printf(rq->arena, "answer%zu", i));

		if (!sv_present(one))
			break;
		if (i)
			buf_addc(&json, ',');
		buf_json(&json, one);
	}
	buf_addc(&json, ']');
	return arena_sv(rq->arena, buf_sv(&json));
}

static enum status read_form(struct http_request *rq, struct wish *w, struct err *e)
{
	*w = (struct wish){
		.start = http_form(rq, "start"),
		.name = http_form(rq, "name"),
		.email = http_form(rq, "email"),
		.phone = http_form(rq, "phone"),
		.notes = http_form(rq, "notes"),
		.zone = http_form(rq, "tz"),
		.client_id = http_form(rq, "client_id"),
		.answers = form_answers(rq),
	};
	/* People do not see this field; programs that fill in everything do. */
	if (http_form(rq, "website").n) {
		err_set(e, rq->arena, ST_UNPROCESSABLE,
			"Your browser filled in a hidden field. Please send the form again.");
		return e->status;
	}
	return ST_OK;
}

static struct sv text(const json_t *body, const char *key)
{
	const json_t *v = json_object_get(body, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static struct sv json_answers(struct arena *a, const json_t *answers)
{
	buf_auto struct buf out = BUF_INIT;
	size_t n;

	if (!json_is_array(answers) && !json_is_object(answers))
		return SV("[]");
	n = json_dumpb(answers, NULL, 0, JSON_COMPACT);
	json_dumpb(answers, buf_room(&out, n + 1), n, JSON_COMPACT);
	out.n = n;
	return arena_sv(a, buf_sv(&out));
}

static enum status read_json(struct http_request *rq, struct wish *w, struct err *e)
{
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	*w = (struct wish){
		.start = text(body, "start"),
		.name = text(body, "name"),
		.email = text(body, "email"),
		.phone = text(body, "phone"),
		.notes = text(body, "notes"),
		.zone = text(body, "timezone"),
		.client_id = text(body, "client_id"),
		.answers = json_answers(rq->arena, json_object_get(body, "answers")),
	};
	return ST_OK;
}

/* "2026-03-02T09:00..." and a zone behind it: what is no time at all gets
 * our words, the rest the database's. */
static enum status check(struct http_request *rq, struct wish *w, struct err *e)
{
	if (w->start.n < 17 || w->start.p[4] != '-' || w->start.p[10] != 'T') {
		e->field = SV("start");
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "Please choose a time first.");
	}
	if (!uuid_valid(w->client_id))
		w->client_id = uuid_new(rq->arena);
	return ST_OK;
}

static enum status booked(struct http_request *rq, struct http_response *rs, const struct wish *w,
			  struct sv token, bool is_new)
{
	struct buf *out = &rs->body;

	if (!booking_json_out(rq))
		return http_redirect(rs, sv_from(arena_printf(rq->arena, "/schedule/booking/%.*s",
							      SV_ARG(token))));
	rs->status = is_new ? 201 : 200;
	buf_lit(out, "{\"token\":");
	buf_json(out, token);
	buf_addf(out, ",\"booking_url\":\"%s/schedule/booking/%.*s\",\"start\":",
		 conf_str(CONF_base_url), SV_ARG(token));
	buf_json(out, w->start);
	buf_addc(out, '}');
	http_content_type(rs, "application/json; charset=utf-8");
	return ST_OK;
}

static enum status take(struct http_request *rq, struct http_response *rs, const struct wish *w,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, book_sql, DB_S(http_param(rq, "username")), DB_S(http_param(rq, "slug")),
		       DB_S(w->start), DB_S(w->name), DB_S(w->email), DB_S(w->phone),
		       DB_S(w->notes), DB_S(w->answers), DB_S(w->zone), DB_S(w->client_id));

	if (db_run(b, e))
		return e->status;
	return booked(rq, rs, w, db_first(b, s, "confirmation_token"),
		      sv_eq(db_first(b, s, "is_new"), SV("t")));
}

enum status event_book(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool json = booking_json_in(rq);
	struct err failure = { 0 };
	struct wish w = { 0 };
	enum status st;

	if (!json && booking_csrf(rq, e))
		return e->status;
	st = json ? read_json(rq, &w, e) : read_form(rq, &w, e);
	if (!st)
		st = check(rq, &w, e);
	if (!st)
		st = take(rq, rs, &w, e);
	if (json || (st != ST_CONFLICT && st != ST_UNPROCESSABLE))
		return st;
	failure = *e;
	*e = (struct err){ 0 };
	return event_show(rq, rs, &failure, e);
}

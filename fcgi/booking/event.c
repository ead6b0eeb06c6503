/* /schedule/:username/:slug: choose a day, then a time, then say who you are. */
#include "fcgi/booking/booking.h"

#include "base/uuid.h"

static const struct {
	const char *name;
	bool required;
} fields[] = { { "name", true }, { "email", true }, { "phone", false }, { "notes", false } };

/* What was typed, and what is wrong with it. */
static void show_fields(struct http_request *rq, struct tmpl_value *page, const struct err *failure)
{
	bool bad = failure && failure->status == ST_UNPROCESSABLE;
	struct tmpl_value *form = tmpl_set_map(page, "form");

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct tmpl_value *f = tmpl_set_map(form, fields[i].name);

		if (rq->method == HTTP_POST)
			tmpl_set_text(f, "value", http_form(rq, fields[i].name));
		if (bad && sv_eq(failure->field, sv_from(fields[i].name)))
			tmpl_set_text(f, "error", err_message(failure));
	}
	if (bad)
		tmpl_set_text(page, "problem", err_message(failure));
}

static struct sv json_sv(struct arena *a, const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? arena_sv(a, sv_from(s)) : SV_NONE;
}

/* The event type's own questions (SCH-21): fields answer0, answer1 ... */
static void show_questions(struct http_request *rq, struct tmpl_value *page, struct sv questions,
			   const struct err *failure)
{
	json_t *list = json_loadb(questions.p, questions.n, 0, NULL), *q;
	struct tmpl_value *out = tmpl_set_list(page, "questions");
	size_t i;

	json_array_foreach(list, i, q)
	{
		struct tmpl_value *v = tmpl_push_map(out);
		char *name = arena_printf(rq->arena, "answer%zu", i);
		struct sv type = json_sv(rq->arena, q, "type");

		tmpl_set_text(v, "name", sv_from(name));
		tmpl_set_text(v, "label", json_sv(rq->arena, q, "label"));
		tmpl_set_bool(v, "required", json_is_true(json_object_get(q, "required")));
		tmpl_set_bool(v, "long", sv_eq(type, SV("textarea")));
		if (rq->method == HTTP_POST)
			tmpl_set_text(v, "value", http_form(rq, name));
		if (failure && sv_eq(failure->field, sv_from(name)))
			tmpl_set_text(v, "error", err_message(failure));
	}
	json_decref(list);
}

static enum status answer_json(struct http_response *rs, const struct calendar *c,
			       const struct db_batch *b)
{
	static const char *const shown[] = {
		"title", "slug",	  "description",      "duration_minutes",
		"name",	 "location_type", "location_details", "questions"
	};
	struct buf *out = &rs->body;
	bool first = true;

	buf_lit(out, "{\"event_type\":{");
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		buf_json_key(out, shown[i]);
		db_json_value(out, b, c->event, 0, db_col(b, c->event, sv_from(shown[i])));
	}
	buf_lit(out, "},\"timezone\":");
	buf_json(out, db_first(b, c->days, "zone_used"));
	buf_lit(out, ",\"next_free\":");
	db_json_value(out, b, c->days, 0, db_col(b, c->days, SV("next_free")));
	buf_lit(out, ",\"days\":[");
	for (size_t i = 0; i < db_rows(b, c->days); i++) {
		if (sv_eq(db_named(b, c->days, i, "free"), SV("0")))
			continue;
		buf_add(out, first ? SV("{\"date\":") : SV(",{\"date\":"));
		buf_json(out, db_named(b, c->days, i, "day"));
		buf_lit(out, ",\"free\":");
		buf_add(out, db_named(b, c->days, i, "free"));
		buf_lit(out, ",\"times\":");
		db_json_value(out, b, c->days, i, db_col(b, c->days, SV("times")));
		buf_addc(out, '}');
		first = false;
	}
	buf_lit(out, "]}");
	http_content_type(rs, "application/json; charset=utf-8");
	return ST_OK;
}

static struct sv base_path(struct arena *a, const struct calendar *c)
{
	buf_auto struct buf path = BUF_INIT;

	buf_lit(&path, "/schedule/");
	buf_url(&path, c->username);
	buf_addc(&path, '/');
	buf_url(&path, c->slug);
	return arena_sv(a, buf_sv(&path));
}

/* The number of a form: sending it twice is one booking. */
static struct sv form_id(struct http_request *rq)
{
	struct sv sent = rq->method == HTTP_POST ? http_form(rq, "client_id") : SV_NONE;

	return uuid_valid(sent) ? sent : uuid_new(rq->arena);
}

enum status event_show(struct http_request *rq, struct http_response *rs, const struct err *failure,
		       struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct calendar c = { .username = http_param(rq, "username"),
			      .slug = http_param(rq, "slug") };
	struct tmpl_value *page;

	calendar_read(&c, rq);
	c.base = base_path(rq->arena, &c);
	calendar_add(&c, b);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, c.event))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This booking page does not exist");
	if (booking_json_out(rq))
		return answer_json(rs, &c, b);
	page = web_page(rq, b);
	calendar_show(&c, page, b);
	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_text(page, "client_id", form_id(rq));
	tmpl_set_text(page, "username", c.username);
	show_fields(rq, page, failure);
	show_questions(rq, page, db_first(b, c.event, "questions"), failure);
	if (failure) {
		rs->status = status_http(failure->status);
		/* Somebody was faster: the form stays, with other times to choose from. */
		tmpl_set_bool(page, "show_form", c.time.n > 0);
		tmpl_set_bool(page, "taken", failure->status == ST_CONFLICT);
	} else if (c.time.n && !calendar_time_free(&c, b)) {
		rs->status = 409;
	}
	return web_render(rq, rs, "booking/event", page, e);
}

enum status event_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return event_show(rq, rs, NULL, e);
}

/*
 * /f/TOKEN: a web form that makes leads. As a page it works without a script
 * and in a frame of the sites that the form allows; as JSON it takes what a
 * site's own form sends. What became of each submission is in the tenant's log.
 *
 * Against robots: a field that people do not see, and the time that filling a
 * form takes, which the page carries signed. Whoever falls for one of them is
 * thanked like everybody else.
 */
#include "fcgi/share/routes.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

#include <string.h>

#define QUICKEST_S 2
#define STALE_S (7 * 86400)

static const struct {
	const char *key, *label, *input, *mode, *complete;
} known[] = {
	{ "name", N_("Your name"), "text", "", "name" },
	{ "email", N_("E-mail"), "email", "email", "email" },
	{ "phone", N_("Phone"), "tel", "tel", "tel" },
	{ "company_name", N_("Company"), "text", "", "organization" },
	{ "title", N_("Job title"), "text", "", "organization-title" },
	{ "company_size", N_("Number of employees"), "text", "numeric", "off" },
	{ "territory", N_("Region"), "text", "", "off" },
	{ "description", N_("How can we help?"), "area", "", "off" },
};

/* One request: the form's row, what was sent, what is wrong with it. */
struct visit {
	struct http_request *rq;
	const struct db_batch *b;
	int row;            /* the statement with the form */
	json_t *fields;     /* its fields */
	json_t *sent;       /* of a JSON request; else NULL */
	struct sv client;
	json_t *errors;     /* key to a word or a text; NULL: none */
	struct sv problem;  /* of the form as a whole */
};

static struct sv column(const struct visit *v, const char *name)
{
	return db_first(v->b, v->row, name);
}

static void free_json(void *json)
{
	json_decref(json);
}

static int add_form(struct http_request *rq, struct db_batch *b)
{
	return db_add(b,
		"select f.*, array_to_string(f.allowed_origins, ' ') as origins from public_lead_form($1) f",
		DB_S(http_param(rq, "token")));
}

/* Read the form; 404 when it is gone. */
static enum status open_form(struct visit *v, struct http_request *rq, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	*v = (struct visit){ .rq = rq, .b = b, .client = SV_NONE, .problem = SV_NONE };
	v->row = add_form(rq, b);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, v->row)) {
		err_set(e, rq->arena, ST_NOT_FOUND, "This form does not exist");
		e->hint = SV("It may have been taken down");
		return e->status;
	}
	v->fields = json_loadb(column(v, "fields").p, column(v, "fields").n, 0, NULL);
	arena_cleanup(rq->arena, free_json, v->fields);
	web_speak(rq, column(v, "language"));
	return ST_OK;
}

void lead_form_policy(struct http_request *rq, struct http_response *rs, struct sv origins,
		      struct sv redirect)
{
	http_set_header(rs, "Content-Security-Policy", sv_from(arena_printf(rq->arena,
		"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
		" form-action 'self' %.*s; frame-ancestors 'self' %.*s",
		SV_ARG(redirect), SV_ARG(origins))));
}

/* ---- the page ----------------------------------------------------------------- */

static struct sv stamp(struct http_request *rq, struct sv at)
{
	struct sv token = http_param(rq, "token");

	return http_csrf_token(rq->arena, sv_from(arena_printf(rq->arena, "lead form %.*s %.*s",
							       SV_ARG(token), SV_ARG(at))));
}

/* All values of a field, separated by commas: check boxes come one by one. */
static struct sv value_of(struct visit *v, const char *key)
{
	json_t *sent = json_object_get(v->sent, key);
	buf_auto struct buf all = BUF_INIT;
	const struct http_pairs *form;

	if (json_is_string(sent))
		return sv_make(json_string_value(sent), json_string_length(sent));
	if (json_is_integer(sent))
		return sv_from(arena_printf(v->rq->arena, "%lld", (long long)json_integer_value(sent)));
	if (json_is_boolean(sent))
		return json_is_true(sent) ? SV("yes") : SV("no");
	if (v->sent || v->rq->method != HTTP_POST)
		return SV("");
	form = http_form_all(v->rq);
	for (size_t i = 0; i < form->n; i++) {
		if (!sv_eq(form->v[i].name, sv_from(key)) || !form->v[i].value.n)
			continue;
		if (all.n)
			buf_lit(&all, ", ");
		buf_add(&all, sv_trim(form->v[i].value));
	}
	return arena_sv(v->rq->arena, buf_sv(&all));
}

/* The database says what is wrong by a word, or of a custom field in words. */
static const char *message_of(const char *word)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{ "needed", N_("Please fill this in") },
		{ "email", N_("Write an e-mail address, for example ann@example.com") },
		{ "phone", N_("Write the number with its country code, for example +49 30 1234567") },
		{ "number", N_("Write a whole number") },
		{ "long", N_("Please write less") },
		{ "consent", N_("Please agree to go on") },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i].word))
			return tr(words[i].text);
	return word;
}

static void show_options(struct tmpl_value *to, json_t *field, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(to, "options");
	size_t i;
	json_t *option;

	json_array_foreach(json_object_get(field, "options"), i, option) {
		struct tmpl_value *one = tmpl_push_map(list);
		struct sv text = sv_from(json_string_value(option));

		tmpl_set_text(one, "value", text);
		tmpl_set_bool(one, "selected", sv_eq(text, chosen));
	}
}

static void show_field(struct visit *v, struct tmpl_value *list, json_t *field)
{
	const char *key = json_string_value(json_object_get(field, "key"));
	const char *label = json_string_value(json_object_get(field, "label"));
	const char *type = json_string_value(json_object_get(field, "type"));
	const char *fault = json_string_value(json_object_get(v->errors, key));
	struct tmpl_value *one = tmpl_push_map(list);
	const char *input = "text", *mode = "", *complete = "off";
	struct sv value = value_of(v, key);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(key, known[i].key))
			continue;
		input = known[i].input;
		mode = known[i].mode;
		complete = known[i].complete;
		if (!label)
			label = tr(known[i].label);
	}
	if (!strcmp(type, "date"))
		input = "date";
	tmpl_set_text(one, "key", sv_from(key));
	tmpl_set_text(one, "label", sv_from(label ? label : key));
	tmpl_set_bool(one, "required", json_is_true(json_object_get(field, "required")));
	tmpl_set_text(one, "input", sv_from(input));
	tmpl_set_text(one, "mode", sv_from(mode));
	tmpl_set_text(one, "complete", sv_from(complete));
	tmpl_set_text(one, "value", value);
	tmpl_set_bool(one, "is_area", !strcmp(input, "area"));
	tmpl_set_bool(one, "is_select", !strcmp(type, "select"));
	tmpl_set_bool(one, "is_checks", !strcmp(type, "multi_select"));
	tmpl_set_bool(one, "is_tick", !strcmp(type, "checkbox"));
	tmpl_set_bool(one, "is_input", strcmp(input, "area") && strcmp(type, "select") &&
					      strcmp(type, "multi_select") && strcmp(type, "checkbox"));
	show_options(one, field, value);
	if (fault)
		tmpl_set_text(one, "error", sv_from(message_of(fault)));
}

static struct tmpl_value *page_of(struct visit *v, struct http_response *rs)
{
	struct tmpl_value *page = web_page(v->rq, NULL);
	struct sv at = sv_from(arena_printf(v->rq->arena, "%lld", (long long)(clock_now_ms() / 1000)));
	bool embed = http_query(v->rq, "embed").n > 0;

	web_set_row(page, "form", v->b, v->row, 0);
	tmpl_set_text(page, "token", http_param(v->rq, "token"));
	tmpl_set_bool(page, "embed", embed);
	tmpl_set_text(page, "page", http_query(v->rq, "page"));
	tmpl_set_text(page, "client", uuid_valid(v->client) ? v->client : uuid_new(v->rq->arena));
	tmpl_set_text(page, "at", at);
	tmpl_set_text(page, "stamp", stamp(v->rq, at));
	tmpl_set_text(page, "problem", v->problem);
	http_set_header(rs, "X-Robots-Tag", SV("noindex"));
	lead_form_policy(v->rq, rs, column(v, "origins"), column(v, "redirect_origin"));
	return page;
}

static enum status show(struct visit *v, struct http_response *rs, struct err *e)
{
	struct tmpl_value *page = page_of(v, rs), *list = tmpl_set_list(page, "fields");
	const char *consent = json_string_value(json_object_get(v->errors, "_consent"));
	json_t *field;
	size_t i;

	json_array_foreach(v->fields, i, field)
		show_field(v, list, field);
	tmpl_set_bool(page, "wrong", json_object_size(v->errors) > 0);
	if (consent)
		tmpl_set_text(page, "consent_error", sv_from(message_of(consent)));
	return web_render(v->rq, rs, "share/lead_form", page, e);
}

enum status lead_form_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct visit v;

	if (open_form(&v, rq, e))
		return e->status;
	return show(&v, rs, e);
}

/* ---- sending ------------------------------------------------------------------- */

/* The site that a browser says the request comes from, if the form allows it. */
static bool origin_allowed(const struct visit *v, struct sv origin)
{
	struct sv rest = column(v, "origins");

	if (!sv_present(origin) || sv_eq(origin, sv_from(conf_str(CONF_base_url))))
		return true;
	while (rest.n) {
		struct sv one = sv_cut(&rest, ' ');

		if (one.n && sv_ieq(one, origin))
			return true;
	}
	return false;
}

static void allow_origin(struct http_response *rs, struct sv origin)
{
	http_set_header(rs, "Access-Control-Allow-Origin", origin);
	http_set_header(rs, "Access-Control-Allow-Methods", SV("POST, OPTIONS"));
	http_set_header(rs, "Access-Control-Allow-Headers", SV("Content-Type"));
	http_set_header(rs, "Access-Control-Max-Age", SV("600"));
	http_add_header(rs, "Vary", SV("Origin"));
}

enum status lead_form_preflight(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv origin = http_header(rq, "Origin");
	struct visit v;

	if (open_form(&v, rq, e))
		return e->status;
	if (origin_allowed(&v, origin))
		allow_origin(rs, origin);
	rs->status = 204;
	return ST_OK;
}

/* What gives a robot away; NULL: nothing. */
static const char *robot(struct visit *v, bool *stale)
{
	struct sv at = value_of(v, "_at");
	int64_t then, now = clock_now_ms() / 1000;

	*stale = false;
	if (value_of(v, "website").n)
		return "honeypot";
	if (v->sent)
		return NULL; /* a site's own form: its origin and the rate are what there is */
	if (!sv_to_i64(at, &then) || !crypto_equal(value_of(v, "_stamp"), stamp(v->rq, at)))
		return "forged";
	*stale = now - then > STALE_S;
	return now - then < QUICKEST_S ? "too quick" : NULL;
}

static struct sv values_json(struct visit *v)
{
	buf_auto struct buf json = BUF_INIT;
	json_t *field;
	size_t i;

	json_array_foreach(v->fields, i, field) {
		const char *key = json_string_value(json_object_get(field, "key"));

		buf_addc(&json, json.n ? ',' : '{');
		buf_json(&json, sv_from(key));
		buf_addc(&json, ':');
		buf_json(&json, value_of(v, key));
	}
	buf_lit(&json, "}");
	return arena_sv(v->rq->arena, buf_sv(&json));
}

static enum status store(struct visit *v, const char *fault, const struct db_batch **done, int *row,
			 struct err *e)
{
	struct db_batch *b = web_batch(v->rq);
	struct sv page = value_of(v, "_page");

	*row = db_add(b, "select * from public_lead_submit($1, $2::uuid, $3::jsonb, $4, $5, $6, $7, $8)",
		      DB_S(http_param(v->rq, "token")), DB_S(v->client), DB_S(values_json(v)),
		      DB_OPT(http_header(v->rq, "Origin")),
		      DB_OPT(page.n ? page : http_header(v->rq, "Referer")),
		      DB_S(v->rq->remote_addr), DB_S(v->rq->user_agent),
		      fault ? DB_C(fault) : DB_S(SV_NONE));
	*done = b;
	return db_run(b, e) ? e->status : ST_OK;
}

static void add_error(struct visit *v, const char *key, const char *word)
{
	if (!v->errors) {
		v->errors = json_object();
		arena_cleanup(v->rq->arena, free_json, v->errors);
	}
	json_object_set_new(v->errors, key, json_string(word));
}

/* ---- answers -------------------------------------------------------------------- */

static enum status thank(struct visit *v, struct http_response *rs, struct sv key, struct err *e)
{
	struct sv redirect = column(v, "redirect_url");
	struct tmpl_value *page;

	if (redirect.n && !http_query(v->rq, "embed").n) {
		lead_form_policy(v->rq, rs, column(v, "origins"), column(v, "redirect_origin"));
		rs->status = 303;
		http_set_header(rs, "Location", redirect);
		return ST_OK;
	}
	page = page_of(v, rs);
	tmpl_set_bool(page, "thanks", true);
	tmpl_set_text(page, "key", key);
	return web_render(v->rq, rs, "share/lead_form", page, e);
}

static enum status answer_json(struct visit *v, struct http_response *rs, struct sv outcome,
			       struct sv key)
{
	const char *name;
	json_t *word;
	bool first = true;

	http_content_type(rs, "application/json");
	if (json_object_size(v->errors)) {
		rs->status = 422;
		buf_lit(&rs->body, "{\"error\":");
		buf_json(&rs->body, sv_from(tr("Some of this cannot be sent yet")));
		buf_lit(&rs->body, ",\"errors\":{");
		json_object_foreach(v->errors, name, word) {
			if (!first)
				buf_addc(&rs->body, ',');
			first = false;
			buf_json(&rs->body, sv_from(name));
			buf_addc(&rs->body, ':');
			buf_json(&rs->body, sv_from(message_of(json_string_value(word))));
		}
		buf_lit(&rs->body, "}}");
		return ST_OK;
	}
	rs->status = sv_eq(outcome, SV("limited")) ? 429 : 201;
	buf_lit(&rs->body, "{\"outcome\":");
	buf_json(&rs->body, sv_eq(outcome, SV("limited")) ? outcome : SV("received"));
	buf_lit(&rs->body, ",\"message\":");
	buf_json(&rs->body, column(v, "thank_you"));
	buf_lit(&rs->body, ",\"redirect\":");
	buf_json(&rs->body, column(v, "redirect_url"));
	buf_lit(&rs->body, ",\"key\":");
	buf_json(&rs->body, key);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

static enum status answer(struct visit *v, struct http_response *rs, struct sv outcome, struct sv key,
			  struct err *e)
{
	if (v->sent)
		return answer_json(v, rs, outcome, key);
	if (sv_eq(outcome, SV("limited"))) {
		rs->status = 429;
		v->problem = sv_from(tr("That was often. Please wait ten minutes and send it again."));
		return show(v, rs, e);
	}
	if (v->errors || v->problem.n) {
		rs->status = 422;
		return show(v, rs, e);
	}
	return thank(v, rs, key, e);
}

static enum status read_body(struct visit *v, struct http_response *rs, struct err *e)
{
	struct sv origin = http_header(v->rq, "Origin");

	if (sv_starts(v->rq->content_type, SV("application/json"))) {
		if (origin.n && !origin_allowed(v, origin)) {
			err_set(e, v->rq->arena, ST_FORBIDDEN, "This site may not send the form");
			e->hint = SV("Name it in the form's settings");
			return e->status;
		}
		if (origin.n)
			allow_origin(rs, origin);
		if (http_json(v->rq, &v->sent, e))
			return e->status;
	} else if (http_form_read(v->rq, e)) {
		return e->status;
	}
	v->client = value_of(v, "_id");
	if (!uuid_valid(v->client))
		v->client = uuid_new(v->rq->arena);
	return ST_OK;
}

enum status lead_form_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct db_batch *done;
	const char *fault;
	struct visit v;
	struct sv wrong;
	bool stale;
	int row;

	if (open_form(&v, rq, e) || read_body(&v, rs, e))
		return e->status;
	fault = robot(&v, &stale);
	if (stale)
		v.problem = sv_from(tr("This page was open for long. Please send it once more."));
	if (column(&v, "consent").n && !fault && !value_of(&v, "_consent").n)
		add_error(&v, "_consent", "consent");
	if (v.errors || v.problem.n)
		return answer(&v, rs, SV("refused"), SV_NONE, e);
	if (store(&v, fault, &done, &row, e))
		return e->status;
	wrong = db_first(done, row, "errors");
	if (wrong.n) {
		v.errors = json_loadb(wrong.p, wrong.n, 0, NULL);
		arena_cleanup(rq->arena, free_json, v.errors);
	}
	return answer(&v, rs, db_first(done, row, "outcome"), db_first(done, row, "track_key"), e);
}

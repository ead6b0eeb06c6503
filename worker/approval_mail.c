/*
 * The mail to whoever has to approve that a deal passes a gate (GAT-15), in
 * his language. The payload: {approval_id}. One that was answered in the
 * meantime is done without a word.
 */
#include "worker/worker.h"

#include "base/conf.h"
#include "base/tr.h"

#include <jansson.h>

struct letter {
	struct sv approval, payload;
};

static void add_letter(struct job *j, struct db_batch *b)
{
	const struct letter *l = j->state;
	char *key = arena_printf(j->arena, "approval:%.*s", SV_ARG(l->approval));

	db_add(b, "select job.enqueue($1, 'mail', $2, $3) where job.held($4, $1, $5)",
	       DB_S(j->organization_id), DB_C(key), DB_S(l->payload), DB_C(worker_of(j)->name),
	       DB_I(j->id));
}

static struct tmpl_value *page(struct job *j, const struct db_batch *b, int row,
			       const struct tr_language *language)
{
	static const char *const names[] = { "approver", "requested_by", "title", "stage" };
	struct tmpl_value *p = tmpl_map(j->arena);
	struct sv deal = db_first(b, row, "deal_id");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		tmpl_set_text(p, names[i], db_first(b, row, names[i]));
	tmpl_set_text(p, "lang", sv_from(language->code));
	tmpl_set_text(p, "dir", language->rtl ? SV("rtl") : SV("ltr"));
	tmpl_set_text(p, "url", sv_from(arena_printf(j->arena, "%s/deals/%.*s",
						     conf_str(CONF_base_url), SV_ARG(deal))));
	return p;
}

static void field(struct buf *out, const char *key, struct sv value)
{
	buf_json_key(out, key);
	buf_json(out, value);
}

static enum status write_letter(struct job *j, struct letter *l, const struct db_batch *b, int row,
				struct err *e)
{
	const struct tr_language *language = tr_language(db_first(b, row, "language"));
	buf_auto struct buf text = BUF_INIT;
	buf_auto struct buf html = BUF_INIT;
	buf_auto struct buf out = BUF_INIT;
	struct tmpl_set *set;
	struct tmpl_value *p;
	struct sv title = db_first(b, row, "title");

	language = language ? language : tr_languages;
	set = worker_words(worker_of(j), language);
	p = page(j, b, row, language);
	if (tmpl_render(set, SV("mail/approval.txt"), p, j->arena, &text, e) ||
	    tmpl_render(set, SV("mail/approval"), p, j->arena, &html, e))
		return e->status;
	buf_addc(&out, '{');
	field(&out, "to", db_first(b, row, "email"));
	field(&out, "subject",
	      sv_from(arena_printf(j->arena, "%s: %.*s", tr("Your approval is asked for"),
				   SV_ARG(title))));
	field(&out, "text", buf_sv(&text));
	field(&out, "html", buf_sv(&html));
	buf_addc(&out, '}');
	l->payload = arena_sv(j->arena, buf_sv(&out));
	return ST_OK;
}

static struct sv approval_id(struct job *j)
{
	json_t *payload = json_loadb(j->payload.p, j->payload.n, 0, NULL);
	struct sv id = arena_sv(j->arena, sv_from(json_string_value(
						  json_object_get(payload, "approval_id"))));

	json_decref(payload);
	return id;
}

void approval_mail_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct letter *l = ARENA_NEW(j->arena, struct letter);
	struct err e = { 0 };
	enum status st;
	int row;

	l->approval = approval_id(j);
	db_as_self(b);
	row = db_add(b,
		"select email, language, approver, requested_by, title, stage, deal_id"
		" from internal.approval_letter($1::uuid, $2::uuid)",
		DB_S(j->organization_id), DB_S(l->approval));
	st = db_run(b, &e);
	if (!st && db_rows(b, row)) {
		st = write_letter(j, l, b, row, &e);
		tr_use(tr_languages);
		j->state = l;
		j->write = st ? NULL : add_letter;
	}
	if (st)
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
	else
		job_done(j);
}

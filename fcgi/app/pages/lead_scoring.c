/* /settings/lead-scoring: what each signal of a lead counts, and from where a score is high. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

static const char *const numbers[] = {
	"form_submission_points", "form_submission_max", "email_open_points", "email_open_max",
	"page_visit_points", "page_visit_max", "outreach_points", "outreach_max",
};
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	/* The defaults where nothing was chosen yet: those of the columns. */
	row = db_add(b,
		"select coalesce(s.form_submission_points, 20) as form_submission_points, coalesce(s.form_submission_max, 40) as form_submission_max,"
		" coalesce(s.email_open_points, 5) as email_open_points, coalesce(s.email_open_max, 20) as email_open_max,"
		" coalesce(s.page_visit_points, 2) as page_visit_points, coalesce(s.page_visit_max, 20) as page_visit_max,"
		" coalesce(s.outreach_points, 10) as outreach_points, coalesce(s.outreach_max, 20) as outreach_max,"
		" coalesce(s.high_score_threshold, 70) as high_score_threshold, s.half_life_days, coalesce(s.tracking, true) as tracking"
		" from (select 1) one left join lead_scoring s on true");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "form", b, row, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/lead_scoring", page, e);
}

enum status lead_scoring_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* A whole number between two bounds; a message beside the field otherwise. */
static struct sv whole(struct form *f, const char *name, int64_t least, int64_t most, bool needed)
{
	struct sv text = form_text(f, name);
	int64_t n;

	if (!text.n && !needed)
		return SV_NONE;
	if (!sv_to_i64(text, &n) || n < least || n > most)
		form_error(f, name, sv_from(arena_printf(f->rq->arena, tr("Write a number from %lld to %lld"),
							 (long long)least, (long long)most)));
	return text;
}

enum status lead_scoring_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool tracking = http_form(rq, "tracking").n > 0;
	struct sv n[NUMBERS], high, half;
	struct form f;

	form_init(&f, rq);
	for (size_t i = 0; i < NUMBERS; i++)
		n[i] = whole(&f, numbers[i], 0, 100, true);
	high = whole(&f, "high_score_threshold", 1, 100, true);
	half = whole(&f, "half_life_days", 1, 3650, false);
	tmpl_set_bool(f.values, "tracking", tracking);
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b,
		"insert into lead_scoring as s (form_submission_points, form_submission_max, email_open_points, email_open_max,"
		" page_visit_points, page_visit_max, outreach_points, outreach_max, high_score_threshold, half_life_days, tracking)"
		" values ($1::integer, $2::integer, $3::integer, $4::integer, $5::integer, $6::integer, $7::integer, $8::integer,"
		" $9::integer, $10::integer, $11)"
		" on conflict (organization_id) do update set form_submission_points = excluded.form_submission_points,"
		" form_submission_max = excluded.form_submission_max, email_open_points = excluded.email_open_points,"
		" email_open_max = excluded.email_open_max, page_visit_points = excluded.page_visit_points,"
		" page_visit_max = excluded.page_visit_max, outreach_points = excluded.outreach_points,"
		" outreach_max = excluded.outreach_max, high_score_threshold = excluded.high_score_threshold,"
		" half_life_days = excluded.half_life_days, tracking = excluded.tracking",
		DB_S(n[0]), DB_S(n[1]), DB_S(n[2]), DB_S(n[3]), DB_S(n[4]), DB_S(n[5]), DB_S(n[6]), DB_S(n[7]),
		DB_S(high), DB_OPT(half), DB_B(tracking));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/settings/lead-scoring?done=saved"));
}

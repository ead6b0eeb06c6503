/*
 * /s/TOKEN/rate: the customer says how he was served, 1 to 5 and a comment. A
 * link that is only opened (by a scanner of mails) answers nothing.
 */
#include "fcgi/share/routes.h"

#include "base/tr.h"

static int add_survey(struct http_request *rq, struct db_batch *b)
{
	return db_add(b, "select * from public_csat($1)", DB_S(http_param(rq, "token")));
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct db_batch *b, int row,
			const char *problem, struct err *e)
{
	struct sv chosen = http_form(rq, "score").n ? http_form(rq, "score") : db_first(b, row, "score");
	struct tmpl_value *page, *stars;

	if (!db_rows(b, row)) {
		err_set(e, rq->arena, ST_NOT_FOUND, "This question is not open any more");
		e->hint = SV("Thank you all the same");
		return e->status;
	}
	web_speak(rq, sv_from(tr_accepted(http_header(rq, "Accept-Language"))->code));
	page = web_page(rq, NULL);
	web_set_row(page, "survey", b, row, 0);
	tmpl_set_text(page, "token", http_param(rq, "token"));
	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_bool(page, "thanks", http_query(rq, "thanks").n > 0);
	tmpl_set_text(page, "comment", http_form(rq, "comment").n ? http_form(rq, "comment") : db_first(b, row, "comment"));
	if (problem)
		tmpl_set_text(page, "problem", sv_from(tr(problem)));
	stars = tmpl_set_list(page, "stars");
	for (int i = 1; i <= 5; i++) {
		static const char *const words[] = { N_("Very bad"), N_("Bad"), N_("Fair"), N_("Good"), N_("Very good") };
		static const char *const faces[] = { "\xf0\x9f\x98\xa1", "\xf0\x9f\x99\x81", "\xf0\x9f\x98\x90", "\xf0\x9f\x99\x82", "\xf0\x9f\x98\x84" };
		struct tmpl_value *one = tmpl_push_map(stars);
		const char *n = arena_printf(rq->arena, "%d", i);

		tmpl_set_text(one, "n", sv_from(n));
		tmpl_set_text(one, "label", sv_from(tr(words[i - 1])));
		tmpl_set_text(one, "face", sv_from(faces[i - 1]));
		tmpl_set_bool(one, "chosen", sv_eq(chosen, sv_from(n)));
	}
	http_set_header(rs, "X-Robots-Tag", SV("noindex"));
	return web_render(rq, rs, "share/csat", page, e);
}

enum status csat_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int row = add_survey(rq, b);

	if (db_run(b, e))
		return e->status;
	return show(rq, rs, b, row, NULL, e);
}

enum status csat_answer(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv score = http_form(rq, "score"), token = http_param(rq, "token");
	struct db_batch *b = web_batch(rq);
	int64_t n = 0;
	int row;

	if (!sv_to_i64(score, &n) || n < 1 || n > 5) {
		row = add_survey(rq, b);
		if (db_run(b, e))
			return e->status;
		rs->status = 422;
		return show(rq, rs, b, row, N_("Choose from 1 to 5"), e);
	}
	row = db_add(b, "select public_csat_answer($1, $2, $3) as known", DB_S(token), DB_I(n),
		     DB_S(http_form(rq, "comment")));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, row, "known"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This question is not open any more");
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/s/%.*s/rate?thanks=1", SV_ARG(token))));
}

/*
 * POST /deals/:id/move: a deal goes to another stage. Undo is a move back, with
 * the probability that the deal had before. What a hard gate lacks is said as
 * JSON (details) to programs in the page, and on the deal's page to a form; soft
 * gates warn. POST /deals/:id/approvals answers who asked to pass one.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static const char move_sql[] =
	"with was as (select d.id, d.stage, d.probability from deals d where d.id = $1::uuid for update)"
	" update deals d set stage = $2, probability = coalesce($3::numeric, d.probability),"
	"	discard_reason = coalesce(nullif($4, ''), d.discard_reason)"
	" from was where d.id = was.id and was.stage <> $2"
	" returning d.id, d.title, d.stage, d.probability, was.stage as from_stage, was.probability as from_probability,"
	"	internal.stage_name(d.pipeline_id, d.stage) as stage_name, d.lost_at is not null as lost";

static bool wants_json(const struct http_request *rq)
{
	return sv_find(http_header(rq, "Accept"), SV("application/json")) >= 0;
}

static void answer(struct http_response *rs, const struct db_batch *b, int moved, int warnings)
{
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"moved\":");
	if (db_rows(b, moved))
		db_json_row(&rs->body, b, moved, 0);
	else
		buf_lit(&rs->body, "null");
	buf_lit(&rs->body, ",\"warnings\":[");
	for (size_t i = 0; i < db_rows(b, warnings); i++) {
		if (i)
			buf_addc(&rs->body, ',');
		buf_json(&rs->body, db_named(b, warnings, i, "message"));
	}
	buf_lit(&rs->body, "]}");
}

/* Where a refusal is explained: in the answer, or on the page of the deal. */
static enum status refused(struct http_request *rq, struct http_response *rs,
			   const struct db_batch *b, struct sv id, struct sv stage, struct err *e)
{
	buf_auto struct buf query = BUF_INIT;

	if (!sv_eq(db_constraint(b), SV("stage_gate")))
		return e->status;
	e->details_json = true;
	if (wants_json(rq))
		return e->status;
	buf_lit(&query, "?gate=");
	buf_url(&query, stage);
	return redirect_to(rq, rs, "/deals/", id, arena_dup(rq->arena, buf_sv(&query)));
}

enum status deal_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, stage, probability;
	int moved, warnings;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	stage = form_text(&f, "stage");
	probability = form_money(&f, "probability");
	if (!stage.n || f.wrong)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Name the stage to move to");
	warnings = db_add(b, "select g.message from deal_gate($1::uuid, $2) g where g.mode = 'soft'",
			  DB_S(id), DB_S(stage));
	moved = db_add(b, move_sql, DB_S(id), DB_S(stage), DB_OPT(probability),
		       DB_S(form_text(&f, "reason")));
	if (db_run(b, e))
		return refused(rq, rs, b, id, stage, e);
	if (!wants_json(rq))
		return redirect_to(rq, rs, "/deals/", id, "?done=moved");
	answer(rs, b, moved, warnings);
	return ST_OK;
}

enum status deal_approval(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, approval;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	approval = form_id(&f, "approval");
	db_add(b, "select answer_approval($1::uuid, $2, $3)", DB_S(approval),
	       DB_B(sv_eq(form_text(&f, "answer"), SV("yes"))), DB_OPT(form_text(&f, "comment")));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/deals/", id, "?done=saved");
}

/*
 * POST /deals/:id/move: a card goes to another column. The query carries the
 * board's filters, so that the answer has the totals that the board shows.
 * Undo is a move back, with the probability that the deal had before.
 */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/routes.h"

/* Won and lost times belong to the stage that the deal is in now; the trigger
 * sets them again where the new stage says so (DEA-20, DEA-66). */
static const char move_sql[] =
	"with was as (select d.id, d.stage, d.probability, d.discard_reason from deals d where d.id = $1::uuid for update)"
	" update deals d set stage = $2, probability = coalesce($3::numeric, d.probability), won_at = null, lost_at = null,"
	"	discard_reason = nullif($4, '')"
	" from was where d.id = was.id and was.stage <> $2 and exists (select from pipelines p,"
	"	jsonb_array_elements(p.stages) s where p.organization_id = d.organization_id and p.id = d.pipeline_id"
	"	and s ->> 'id' = $2)"
	" returning d.id, d.title, d.stage, d.probability, was.stage as from_stage, was.probability as from_probability,"
	"	internal.stage_name(d.pipeline_id, d.stage) as stage_name, d.lost_at is not null as lost";

static void answer(struct http_request *rq, struct http_response *rs, const struct db_batch *b,
		   int moved, int columns)
{
	(void)rq;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"moved\":");
	if (db_rows(b, moved))
		db_json_row(&rs->body, b, moved, 0);
	else
		buf_lit(&rs->body, "null");
	buf_lit(&rs->body, ",\"columns\":");
	db_json_rows(&rs->body, b, columns);
	buf_addc(&rs->body, '}');
}

enum status deal_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, stage, probability;
	int there, moved, columns;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	stage = form_text(&f, "stage");
	probability = form_money(&f, "probability");
	if (!stage.n || f.wrong)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Name the stage to move to");
	there = db_add(b,
		"select d.stage = $2 as same from deals d where d.id = $1::uuid", DB_S(id), DB_S(stage));
	moved = db_add(b, move_sql, DB_S(id), DB_S(stage), DB_OPT(probability),
		       DB_S(form_text(&f, "reason")));
	columns = deals_totals(rq, b);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, there))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist any more");
	if (!db_rows(b, moved) && !sv_eq(db_first(b, there, "same"), SV("t")))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "This pipeline has no such stage");
	if (sv_find(http_header(rq, "Accept"), SV("application/json")) < 0)
		return redirect_to(rq, rs, "/deals/", id, "?done=moved");
	answer(rq, rs, b, moved, columns);
	return ST_OK;
}

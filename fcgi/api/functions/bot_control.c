/* POST /functions/v1/bot-control: pause or resume the bot of a conversation (API-88). */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "base/uuid.h"

/* The texts are printed on the page (24471-24477). */
static enum status read_request(struct http_request *rq, struct sv *talk, bool *pause,
				struct err *e)
{
	struct fields f;
	struct sv action;

	if (function_body(rq, &f, e))
		return e->status;
	*talk = field_text(&f, "conversation_id", 0, FIELD_OPTIONAL);
	action = field_text(&f, "action", 0, FIELD_OPTIONAL);
	if (fields_check(&f, e))
		return e->status;
	if (!talk->n || !action.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Required: conversation_id, action");
	*pause = sv_eq(action, SV("pause"));
	if (!*pause && !sv_eq(action, SV("resume")))
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "action must be \"pause\" or \"resume\"");
	if (!uuid_valid(*talk))
		return err_set(e, rq->arena, ST_NOT_FOUND, "Conversation not found");
	return ST_OK;
}

enum status bot_control(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b;
	struct buf *out;
	struct sv talk;
	bool pause = false;

	if (read_request(rq, &talk, &pause, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "select internal.bot_control($1, $2)", DB_S(talk), DB_B(!pause));
	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	buf_json_key(out, "conversation_id");
	buf_json(out, talk);
	buf_addf(out, ",\"bot_active\":%s,\"action\":\"%s\"}", pause ? "false" : "true",
		 pause ? "pause" : "resume");
	return ST_OK;
}

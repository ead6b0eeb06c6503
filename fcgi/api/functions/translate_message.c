/*
 * POST /functions/v1/translate-message: a message in another language (MSG-99). Nobody
 * waits for the provider: the answer says whether the translation is here; when not, it
 * comes with the event message.updated, in messages.translation.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

enum status translate_message(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b;
	struct fields f;
	struct sv message, language, translation = SV_NONE;
	struct buf *out;
	int done, text;

	if (function_body(rq, &f, e))
		return e->status;
	message = field_uuid(&f, "messageId", FIELD_OPTIONAL);
	if (!message.n)
		message = field_uuid(&f, "message_id", FIELD_NEEDED);
	language = field_text(&f, "targetLanguage", 8, FIELD_OPTIONAL);
	if (!language.n)
		language = field_text(&f, "target_language", 8, FIELD_OPTIONAL);
	if (fields_check(&f, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "select internal.must('can_read_messages')");
	done = db_add(b,
		      "select internal.translate_message(m.id, coalesce($2, 'en')) as done from messages m where m.id = $1",
		      DB_S(message), DB_OPT(language));
	text = db_add(b, "select m.translation from messages m where m.id = $1", DB_S(message));
	if (function_run(rq, b, e))
		return e->status;
	if (!db_rows(b, done))
		return err_set(e, rq->arena, ST_NOT_FOUND, "Message not found");
	if (sv_eq(db_first(b, done, "done"), SV("t")))
		translation = db_first(b, text, "translation");
	out = function_success(rs);
	buf_json_key(out, "state");
	buf_json(out, translation.n ? SV("done") : SV("queued"));
	buf_json_key(out, "messageId");
	buf_json(out, message);
	if (translation.n) {
		buf_json_key(out, "translation");
		buf_add(out, translation);
	} else {
		rs->status = 202;
	}
	buf_addc(out, '}');
	return ST_OK;
}

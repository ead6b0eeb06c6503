/*
 * POST /functions/v1/mobile-api/call-recording: a recorded call from a phone,
 * as multipart/form-data (INB-126..130).
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "base/uuid.h"
#include "file/file.h"

#define RECORDING_MAX (50 * 1024 * 1024)

/* What may be sent: by the end of the name, else by the type. */
static const struct format {
	const char *ending, *type;
} formats[] = {
	{ ".mp3", "audio/mpeg" }, { ".m4a", "audio/mp4" },   { ".wav", "audio/wav" },
	{ ".ogg", "audio/ogg" },  { ".webm", "audio/webm" }, { ".aac", "audio/aac" },
	{ ".3gp", "audio/3gpp" }, { ".amr", "audio/amr" },   { ".mp3", "audio/mp3" },
	{ ".m4a", "audio/x-m4a" }, { ".wav", "audio/x-wav" }, { ".wav", "audio/wave" },
	{ ".webm", "video/webm" }, { ".3gp", "video/3gpp" },
};

static struct sv ending_of(struct sv name)
{
	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '.')
			return sv_skip(name, i - 1);
	return SV_NONE;
}

static const struct format *format_of(const struct http_file *file)
{
	struct sv ending = ending_of(file->filename), rest = file->content_type;
	struct sv type = sv_trim(sv_cut(&rest, ';'));

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (ending.n ? sv_ieq(ending, sv_from(formats[i].ending)) :
			       sv_ieq(type, sv_from(formats[i].type)))
			return &formats[i];
	return NULL;
}

static enum status check_file(struct http_request *rq, const struct http_file **file,
			      const struct format **format, struct err *e)
{
	if (http_form_read(rq, e))
		return e->status;
	*file = http_form_file(rq, "file");
	if (!*file || !(*file)->data.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Missing file: send the recording as "
							   "the form field \"file\"");
	*format = format_of(*file);
	if (!*format) {
		err_set(e, rq->arena, ST_BAD_INPUT, "Unsupported format");
		e->hint = SV("Send MP3, M4A, WAV, OGG, WebM, AAC, 3GP or AMR");
		return e->status;
	}
	if ((*file)->data.n > RECORDING_MAX)
		return err_set(e, rq->arena, ST_TOO_LARGE, "The recording is larger than 50 MB");
	return ST_OK;
}

/* ---- the other fields -------------------------------------------------------- */

static void put(struct buf *out, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(out, key);
	buf_json(out, value);
}

static enum status bad_field(struct http_request *rq, const char *field, const char *must,
			     struct err *e)
{
	err_set(e, rq->arena, ST_BAD_INPUT, "%s must be %s", field, must);
	e->field = sv_from(field);
	return e->status;
}

static enum status write_call(struct http_request *rq, struct buf *out, struct err *e)
{
	struct sv contact = sv_trim(http_form(rq, "contact_id"));
	struct sv seconds = sv_trim(http_form(rq, "duration_seconds"));
	struct sv direction = sv_trim(http_form(rq, "direction"));
	int64_t n = 0;

	if (contact.n && !uuid_valid(contact))
		return bad_field(rq, "contact_id", "a UUID", e);
	if (seconds.n && (!sv_to_i64(seconds, &n) || n < 0 || n > INT32_MAX))
		return bad_field(rq, "duration_seconds", "a whole number of seconds", e);
	if (sv_ieq(direction, SV("outbound")))
		direction = SV("outbound");
	else if (!direction.n || sv_ieq(direction, SV("inbound")))
		direction = SV("inbound");
	else
		return bad_field(rq, "direction", "inbound or outbound", e);
	buf_addc(out, '{');
	put(out, "contact_id", contact);
	put(out, "customer_phone", sv_trim(http_form(rq, "customer_phone")));
	put(out, "duration_seconds", seconds);
	put(out, "call_timestamp", sv_trim(http_form(rq, "call_timestamp")));
	put(out, "direction", direction);
	put(out, "notes", sv_trim(http_form(rq, "notes")));
	buf_addc(out, '}');
	return ST_OK;
}

/* ---- storing -------------------------------------------------------------------- */

/* Nothing is stored for somebody whom the database does not know, so who asks
 * is found out first. */
static enum status tenant_of(struct http_request *rq, struct sv *id, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, "select auth.org() as id");

	if (function_run(rq, b, e))
		return e->status;
	*id = db_first(b, s, "id");
	if (!id->n)
		return err_set(e, rq->arena, ST_UNAUTHENTICATED,
			       "Send the access_token of a user");
	return ST_OK;
}

static enum status store(struct http_request *rq, const struct http_file *file,
			 const struct format *format, struct buf *out, struct err *e)
{
	struct sv organization_id, sha256, name = file->filename;

	if (tenant_of(rq, &organization_id, e))
		return e->status;
	if (file_put(organization_id, file->data, rq->arena, &sha256, e)) {
		if (e->status == ST_UNAVAILABLE) /* INB-130: documented as 500 */
			e->status = ST_INTERNAL;
		return e->status;
	}
	if (!name.n || name.n > 200)
		name = sv_from(arena_printf(rq->arena, "call%s", format->ending));
	buf_addc(out, '{');
	put(out, "sha256", sha256);
	put(out, "name", name);
	put(out, "content_type", sv_from(format->type));
	buf_addf(out, ",\"size\":%zu}", file->data.n);
	return ST_OK;
}

enum status mobile_call_recording(struct http_request *rq, struct http_response *rs,
				  struct err *e)
{
	buf_auto struct buf call = BUF_INIT, recording = BUF_INIT;
	const struct http_file *file = NULL;
	const struct format *format = NULL;
	struct db_batch *b;
	struct buf *out;
	int row;

	if (check_file(rq, &file, &format, e) || write_call(rq, &call, e) ||
	    store(rq, file, format, &recording, e))
		return e->status;
	b = web_batch(rq);
	row = db_add(b, "select * from internal.call_recorded($1::jsonb, $2::jsonb)",
		     DB_S(buf_sv(&call)), DB_S(buf_sv(&recording)));
	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	put(out, "call_record_id", db_first(b, row, "id"));
	buf_addf(out, ",\"status\":\"received\",\"contact_matched\":%s,\"recording_stored\":true}",
		 sv_eq(db_first(b, row, "contact_matched"), SV("t")) ? "true" : "false");
	return ST_OK;
}

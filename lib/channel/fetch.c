/*
 * The job "fetch_media": a customer's file comes from the provider into our
 * own store (MSG-56), since the provider's address expires. So does the file
 * of a message to send that was named by its address; the message waits.
 */
#include "channel/internal.h"

#include "base/conf.h"
#include "file/file.h"

#define DOWNLOAD_MS 120000
#define FILE_NAME_BYTES 200

static const char load_sql[] =
	"select x.kind, x.provider_media_id, x.name, x.content_type,"
	" m.direction = 'OUTBOUND' as by_address,"
	CHANNEL_ACCOUNT_COLUMNS
	"from message_attachments x"
	" join messages m on m.organization_id = x.organization_id and m.id = x.message_id"
	" join channel_accounts a"
	"  on a.organization_id = m.organization_id and a.id = m.channel_account_id"
	" where x.id = $1 and x.state = 'waiting'";

static enum status load(struct channel_task *t, bool *waits, struct err *e)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b, load_sql, DB_S(t->id));
	if (db_run(b, e))
		return e->status;
	*waits = db_rows(b, row) == 1;
	if (*waits && !channel_task_account(t, b, row))
		return err_set(e, t->job.arena, ST_BAD_INPUT,
			       "There is no channel of that type here");
	if (*waits)
		t->fetch = sv_eq(db_first(b, row, "by_address"), SV("t")) ?
				   generic_fetch : t->account.channel->fetch;
	t->media_kind = db_first(b, row, "kind");
	t->media = (struct channel_media){ .arena = t->job.arena,
					   .account = &t->account,
					   .id = db_first(b, row, "provider_media_id"),
					   .name = db_first(b, row, "name"),
					   .type = db_first(b, row, "content_type") };
	return ST_OK;
}

/* The attachment has failed; its row and the channel's say why. */
static enum channel_next give_up(struct channel_task *t, const struct channel_failure *f,
				 struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	db_add(b,
	       "update message_attachments set state = 'failed', error = $2 where id = $1 and "
	       "state = 'waiting'",
	       DB_S(t->id), DB_S(f->text));
	if (f->disconnected)
		channel_account_error(b, t->account.id, f->text, true);
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	if (f->certainty == CHANNEL_PERMANENT || (t->job.last && !f->retry_after))
		return give_up(t, f, out);
	channel_later(out, f->retry_after, f->text);
	out->uncounted = f->retry_after > 0;
	return CHANNEL_RETRY;
}

/* ---- name and type ----------------------------------------------------------------- */

/* Endings for files that came without a name, by type. */
static const struct {
	const char *type, *ending;
} endings[] = {
	{ "image/jpeg", ".jpg" },      { "image/png", ".png" },	 { "image/webp", ".webp" },
	{ "image/gif", ".gif" },       { "video/mp4", ".mp4" },	 { "video/3gpp", ".3gp" },
	{ "video/webm", ".webm" },     { "audio/ogg", ".ogg" },	 { "audio/mpeg", ".mp3" },
	{ "audio/mp4", ".m4a" },       { "audio/aac", ".aac" },	 { "audio/amr", ".amr" },
	{ "application/pdf", ".pdf" }, { "text/plain", ".txt" },
};

static struct sv without_path(struct sv name)
{
	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '/' || name.p[i - 1] == '\\')
			return sv_skip(name, i);
	return name;
}

static struct sv file_name(struct channel_task *t, struct sv type)
{
	struct sv name = channel_clip(without_path(t->media.name), FILE_NAME_BYTES);
	const char *ending = "";

	if (name.n && sv_is_text(name))
		return name;
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (sv_starts(type, sv_from(endings[i].type)))
			ending = endings[i].ending;
	return sv_from(arena_printf(t->job.arena, "%.*s%s", SV_ARG(t->media_kind), ending));
}

static struct sv file_type(struct channel_task *t, const struct net_response *r)
{
	struct sv said = net_header(r, "Content-Type"), type = t->media.type;

	if (!type.n)
		type = said;
	if (!type.n || !sv_is_text(type) || type.n > 200)
		return SV("application/octet-stream");
	return arena_sv(t->job.arena, type);
}

static enum channel_next keep(struct channel_task *t, const struct net_response *r,
			      struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct sv hash, type = file_type(t, r);
	struct err e = { 0 };

	if (file_put(t->job.organization_id, t->media.data, a, &hash, &e))
		return channel_db_failed(t, &e, out);
	db_as_system(b, t->job.organization_id);
	db_add(b,
	       "with waits as (select x.organization_id, x.id from message_attachments x "
	       " where x.id = $1 and x.state = 'waiting' for update), "
	       "f as (insert into files (sha256, name, content_type, size) "
	       " select $2, $3, $4, $5 from waits returning id) "
	       "update message_attachments x set state = 'stored', file_id = f.id, error = null, "
	       "name = $3, content_type = $4 from f, waits "
	       "where x.organization_id = waits.organization_id and x.id = waits.id",
	       DB_S(t->id), DB_S(hash), DB_S(file_name(t, type)), DB_S(type),
	       DB_I((int64_t)t->media.data.n));
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

/* ---- steps ------------------------------------------------------------------------------ */

enum channel_next channel_fetch_step(struct channel_task *t, const struct net_response *r,
				     struct channel_step *out)
{
	struct channel_failure f = { 0 };
	enum channel_next next;
	struct err e = { 0 };
	bool waits = false;

	if (!r && load(t, &waits, &e))
		return channel_db_failed(t, &e, out);
	if (!r && !waits)
		return CHANNEL_DONE;
	next = t->fetch(&t->media, r, &out->request, &f);
	out->request.lane = t->account.id;
	out->request.total_ms = DOWNLOAD_MS;
	out->request.max_body = (size_t)conf_int(CONF_upload_max);
	if (next == CHANNEL_CALL)
		return next;
	return next == CHANNEL_DONE ? keep(t, r, out) : failed(t, &f, out);
}

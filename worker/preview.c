/*
 * What is behind a link in a message (public.link_previews): its page is fetched through
 * the guard, cut at half a megabyte, read for its title, description and picture. The
 * picture is stored only when its bytes are one. Payload: {preview_id, message_id}.
 */
#include "worker/worker.h"

#include "file/file.h"
#include "http/metrics.h"
#include "net/preview.h"

#define PAGE_BYTES (512 * 1024)
#define IMAGE_BYTES (1024 * 1024)
#define HOPS_MAX 4

struct look {
	struct sv url;
	int hops;
	struct net_preview found;
};

static void end(struct job *j, struct sv image, struct sv type, struct sv why)
{
	struct look *l = j->state;
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct buf *out = buf_in_arena(j->arena);
	struct sv sha256;
	struct err e = { 0 };

	buf_lit(out, "{\"title\":");
	buf_add(out, l->found.title.n ? SV("") : SV("null"));
	if (l->found.title.n)
		buf_json(out, l->found.title);
	buf_json_key(out, "description");
	buf_json(out, l->found.description);
	if (image.n && !file_put(j->organization_id, image, j->arena, &sha256, &e)) {
		buf_json_key(out, "sha256");
		buf_json(out, sha256);
		buf_json_key(out, "content_type");
		buf_json(out, type);
		buf_json_key(out, "size");
		buf_add_i64(out, (int64_t)image.n);
	}
	buf_addc(out, '}');
	e = (struct err){ 0 };
	db_as_system(b, j->organization_id);
	db_add(b,
	       "select internal.preview_fetched((p ->> 'preview_id')::uuid, (p ->> 'message_id')::uuid, $2::jsonb, $3)"
	       " from (select $1::jsonb as p) x", DB_S(j->payload), DB_S(buf_sv(out)), DB_OPT(why));
	if (db_run(b, &e))
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
	else
		job_done(j);
}

static void count(const struct net_response *r)
{
	metrics_add(r->error ? METRIC_CALLS_FAILED : r->status / 100 == 2 ? METRIC_CALLS_OK : METRIC_CALLS_REFUSED, 1);
}

static void got_image(const struct net_response *r, void *arg)
{
	static const char *const types[] = { "image/jpeg", "image/png", "image/webp", "image/gif" };
	struct job *j = arg;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return;
	}
	count(r);
	for (size_t i = 0; !r->error && r->status == 200 && i < sizeof(types) / sizeof(*types); i++)
		if (file_is_type(sv_from(types[i]), r->body)) {
			end(j, r->body, sv_from(types[i]), SV_NONE);
			return;
		}
	end(j, SV_NONE, SV_NONE, SV_NONE);
}

static void ask(struct job *j, struct sv url, size_t max, bool truncate, net_callback *then)
{
	static const struct net_header headers[] = {
		{ SV("Accept"), SV("text/html,application/xhtml+xml,image/*;q=0.5") },
		{ SV("User-Agent"), SV("Kontor link preview") },
	};

	net_start(worker_of(j)->net, &(struct net_request){
		.url = url,
		.headers = headers,
		.n_headers = 2,
		.connect_ms = 5000,
		.total_ms = 10000,
		.max_body = max,
		.truncate = truncate,
		.lane = SV("preview"),
		.lane_max = 4,
	}, then, j);
}

static void got_page(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct look *l = j->state;
	struct sv place = net_header(r, "Location"), type = net_header(r, "Content-Type");

	if (r->error == NET_ABORTED) {
		job_release(j);
		return;
	}
	count(r);
	if (!r->error && r->status / 100 == 3 && place.n && l->hops++ < HOPS_MAX &&
	    (sv_starts(place, SV("http://")) || sv_starts(place, SV("https://")))) {
		l->url = arena_sv(j->arena, place);
		ask(j, l->url, PAGE_BYTES, true, got_page);
		return;
	}
	if (r->error || r->status != 200 ||
	    !(sv_starts(type, SV("text/html")) || sv_starts(type, SV("application/xhtml"))) ||
	    !net_preview_read(j->arena, r->body, l->url, &l->found)) {
		end(j, SV_NONE, SV_NONE,
		    r->error ? r->text : sv_from(arena_printf(j->arena, "The page answered %d and has no title", r->status)));
		return;
	}
	if (l->found.image.n)
		ask(j, l->found.image, IMAGE_BYTES, false, got_image);
	else
		end(j, SV_NONE, SV_NONE, SV_NONE);
}

void preview_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct look *l = ARENA_NEW(j->arena, struct look);
	struct err e = { 0 };
	int row;

	j->state = l;
	db_as_system(b, j->organization_id);
	row = db_add(b, "select p.url from link_previews p where p.id = ($1::jsonb ->> 'preview_id')::uuid and p.state = 'waiting'",
		     DB_S(j->payload));
	if (db_run(b, &e)) {
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
		return;
	}
	if (!db_rows(b, row)) {
		job_done(j);
		return;
	}
	l->url = db_first(b, row, "url");
	ask(j, l->url, PAGE_BYTES, true, got_page);
}

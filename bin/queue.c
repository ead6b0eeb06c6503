/* Verbs of kontor-admin for what the worker does: endpoints and dead letters. */
#include "bin/admin.h"

#include "crypto/crypto.h"

/* a,b,c as an array of PostgreSQL; names of events need no quotes. */
static struct sv names_array(struct arena *a, struct sv list)
{
	return sv_from(arena_printf(a, "{%.*s}", SV_ARG(list)));
}

enum status admin_webhook_create(struct admin *ad, struct err *e)
{
	struct sv org, url, events, secret = admin_option(ad, "secret");
	struct db_batch *b = db_batch(ad->db, ad->arena);
	int made;

	if (admin_need(ad, "tenant", &org, e) || admin_need(ad, "url", &url, e) ||
	    admin_need(ad, "events", &events, e))
		return e->status;
	if (secret.n)
		secret = crypto_seal(ad->arena, SV("webhook_configurations.secret"), secret);
	db_as_self(b);
	made = db_add(b,
		"insert into webhook_configurations (organization_id, url, events, secret,"
		" custom_headers) values ($1, $2, $3, $4, coalesce($5, '{}')::jsonb) returning id",
		DB_S(org), DB_S(url), DB_S(names_array(ad->arena, events)), DB_OPT(secret),
		DB_OPT(admin_option(ad, "headers")));
	if (db_run(b, e))
		return e->status;
	json_object_set_new(ad->out, "webhook_id",
			    json_string(arena_dup(ad->arena, db_first(b, made, "id"))));
	return ST_OK;
}

enum status admin_job_dead(struct admin *ad, struct err *e)
{
	static const char *const names[] = { "organization_id", "id", "kind", "key", "payload",
					     "attempts", "last_error", "created_at" };
	struct db_batch *b = db_batch(ad->db, ad->arena);
	json_t *list = json_array();
	int jobs;

	json_object_set_new(ad->out, "dead", list);
	db_as_self(b);
	jobs = db_add(b, "select * from job.dead_letters($1::uuid, 1000)",
		      DB_OPT(admin_option(ad, "tenant")));
	if (db_run(b, e))
		return e->status;
	for (size_t i = 0; i < db_rows(b, jobs); i++) {
		json_t *row = json_object();

		json_array_append_new(list, row);
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
			struct sv v = db_named(b, jobs, i, names[k]);

			json_object_set_new(row, names[k], json_stringn(v.p ? v.p : "", v.n));
		}
	}
	return ST_OK;
}

enum status admin_job_rerun(struct admin *ad, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	struct sv org, id;
	int done;

	if (admin_need(ad, "tenant", &org, e) || admin_need(ad, "job", &id, e))
		return e->status;
	db_as_self(b);
	done = db_add(b, "select job.rerun($1, $2) as done", DB_S(org), DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, done, "done"), SV("t")))
		return err_set(e, ad->arena, ST_NOT_FOUND,
			       "There is no such dead job, or the same work is in the queue again");
	json_object_set_new(ad->out, "rerun", json_true());
	return ST_OK;
}

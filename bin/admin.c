/*
 * kontor-admin: the verbs of bin/kontor that need the key or the database.
 *
 * It logs in as the owner (KONTOR_DB_URL) and prints JSON on standard output.
 * An error goes to standard error in words, with exit code 1; wrong usage is 2.
 */
#include "base/conf.h"
#include "base/log.h"
#include "bin/admin.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct sv admin_option(const struct admin *ad, const char *name)
{
	for (int i = 0; i + 1 < ad->argc; i++)
		if (!strncmp(ad->argv[i], "--", 2) && !strcmp(ad->argv[i] + 2, name))
			return sv_from(ad->argv[i + 1]);
	return SV_NONE;
}

enum status admin_need(struct admin *ad, const char *name, struct sv *out, struct err *e)
{
	*out = admin_option(ad, name);
	if (out->n)
		return ST_OK;
	return err_set(e, ad->arena, ST_BAD_INPUT, "--%s is missing", name);
}

/* A slug out of a name: lower-case ASCII letters, digits and single dashes. */
static struct sv slug_of(struct arena *a, struct sv name)
{
	char *slug = arena_alloc(a, name.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < 60; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			slug[n++] = c;
		else if (n && slug[n - 1] != '-')
			slug[n++] = '-';
	}
	while (n && slug[n - 1] == '-')
		n--;
	return n ? sv_make(slug, n) : crypto_hex(a, SV("tenant"));
}

/* ---- making things ------------------------------------------------------ */

enum status admin_tenant(struct admin *ad, struct sv name, struct sv slug, struct sv zone,
			 struct sv currency, struct sv *id, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	int made;

	db_as_self(b);
	made = db_add(b, "select internal.create_organization($1, $2, $3, $4) as id", DB_S(name),
		      DB_S(slug.n ? slug : slug_of(ad->arena, name)),
		      DB_S(zone.n ? zone : SV("UTC")), DB_S(currency.n ? currency : SV("USD")));
	if (db_run(b, e))
		return e->status;
	*id = db_first(b, made, "id");
	return ST_OK;
}

enum status admin_user(struct admin *ad, const struct admin_person *p, struct sv *id,
		       struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	int made;

	db_as_self(b);
	made = db_add(b, "select internal.create_user($1, $2, $3, $4, $5, $6, $7) as id",
		      DB_S(p->organization_id), DB_S(p->email),
		      DB_S(crypto_password_hash(ad->arena, p->password)), DB_OPT(p->first_name),
		      DB_OPT(p->last_name), DB_S(p->role), DB_OPT(p->username));
	if (db_run(b, e))
		return e->status;
	*id = db_first(b, made, "id");
	return ST_OK;
}

enum status admin_key(struct admin *ad, struct sv organization_id, struct sv name,
		      const char *prefix, struct sv *key, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);

	*key = crypto_token_new(ad->arena, prefix);
	db_as_self(b);
	db_add(b, "select internal.create_api_key($1, $2, $3, $4)", DB_S(organization_id),
	       DB_S(name), DB_S(sv_make(key->p, strlen(prefix) + 6)),
	       DB_S(crypto_token_hash(ad->arena, *key)));
	return db_run(b, e);
}

/* ---- verbs ---------------------------------------------------------------- */

static enum status tenant_create(struct admin *ad, struct err *e)
{
	struct sv name, id = SV_NONE;

	if (admin_need(ad, "name", &name, e) ||
	    admin_tenant(ad, name, admin_option(ad, "slug"), admin_option(ad, "timezone"),
			 admin_option(ad, "currency"), &id, e))
		return e->status;
	json_object_set_new(ad->out, "organization_id", json_stringn(id.p, id.n));
	return ST_OK;
}

/* Which plan of internal.rate_plans holds for a tenant's calls (CAP-17). */
static enum status tenant_limit(struct admin *ad, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	struct sv org, plan;

	if (admin_need(ad, "tenant", &org, e) || admin_need(ad, "plan", &plan, e))
		return e->status;
	db_as_self(b);
	db_add(b, "select internal.limit_tenant($1, $2)", DB_S(org), DB_S(plan));
	if (db_run(b, e))
		return e->status;
	json_object_set_new(ad->out, "plan", json_stringn(plan.p, plan.n));
	return ST_OK;
}

static enum status user_create(struct admin *ad, struct err *e)
{
	struct admin_person p = { .first_name = admin_option(ad, "first-name"),
				  .last_name = admin_option(ad, "last-name"),
				  .username = admin_option(ad, "username"),
				  .password = admin_option(ad, "password"),
				  .role = admin_option(ad, "role") };
	bool made_up = !p.password.n;
	struct sv id;

	if (admin_need(ad, "tenant", &p.organization_id, e) ||
	    admin_need(ad, "email", &p.email, e))
		return e->status;
	if (!p.role.n)
		p.role = SV("AGENT");
	if (made_up)
		p.password = crypto_token_new(ad->arena, "");
	if (admin_user(ad, &p, &id, e))
		return e->status;
	json_object_set_new(ad->out, "user_id", json_stringn(id.p, id.n));
	if (made_up) /* shown this once */
		json_object_set_new(ad->out, "password", json_stringn(p.password.p, p.password.n));
	return ST_OK;
}

static enum status key_create(struct admin *ad, struct err *e)
{
	struct sv org, name = admin_option(ad, "name"), key;

	if (admin_need(ad, "tenant", &org, e) ||
	    admin_key(ad, org, name.n ? name : SV("kontor key create"), "cg_", &key, e))
		return e->status;
	json_object_set_new(ad->out, "api_key", json_stringn(key.p, key.n));
	return ST_OK;
}

/* The way back in for who shut himself out (ADM-30): no restriction any more. */
static enum status ip_reset(struct admin *ad, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	struct sv org;
	int64_t removed;
	int gone;

	if (admin_need(ad, "tenant", &org, e))
		return e->status;
	db_as_self(b);
	gone = db_add(b, "delete from ip_ranges where organization_id = $1::uuid", DB_S(org));
	db_add(b, "update organizations set restrict_keys_by_ip = false where id = $1::uuid", DB_S(org));
	if (db_run(b, e))
		return e->status;
	removed = db_affected(b, gone);
	json_object_set_new(ad->out, "ranges_removed", json_integer(removed));
	return ST_OK;
}

static struct sv signed_role(struct admin *ad, const char *role)
{
	/* Ten years, as the public and service keys of the seed product. */
	return crypto_jwt_sign(ad->arena,
			       sv_from(arena_printf(ad->arena,
						    "{\"role\":\"%s\",\"iss\":\"kontor\",\"iat\":%lld,\"exp\":%lld}",
						    role, (long long)time(NULL),
						    (long long)time(NULL) + 315360000)));
}

static enum status keys(struct admin *ad, struct err *e)
{
	struct sv anon = signed_role(ad, "anon"), service = signed_role(ad, "service_role");

	(void)e;
	json_object_set_new(ad->out, "anon_key", json_stringn(anon.p, anon.n));
	json_object_set_new(ad->out, "service_key", json_stringn(service.p, service.n));
	return ST_OK;
}

/* Age of the oldest job that could run, how many wait and how many are dead. */
static enum status status(struct admin *ad, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	static const char *const names[] = { "jobs_ready", "jobs_running", "jobs_dead",
					     "oldest_ready_seconds", "undispatched_events" };
	int s;

	db_as_self(b);
	s = db_add(b, "select count(*) filter (where state = 'ready') as jobs_ready,"
		      " count(*) filter (where state = 'running') as jobs_running,"
		      " count(*) filter (where state = 'dead') as jobs_dead,"
		      " coalesce(extract(epoch from now() - min(run_at)"
		      "   filter (where state = 'ready' and run_at <= now())), 0)::bigint as oldest_ready_seconds,"
		      " (select count(*) from events where seq is null) as undispatched_events"
		      " from job.jobs");
	if (db_run(b, e))
		return e->status;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t n = 0;

		sv_to_i64(db_first(b, s, names[i]), &n);
		json_object_set_new(ad->out, names[i], json_integer(n));
	}
	return ST_OK;
}

/* What only SQL can tell of the health: each finding is a line of words. */
static enum status doctor(struct admin *ad, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	json_t *findings = json_array();
	int first, last;

	json_object_set_new(ad->out, "findings", findings);
	db_as_self(b);
	first = db_add(b,
		"select format('row-level security is not forced on %I.%I', n.nspname, c.relname) as finding"
		" from pg_class c join pg_namespace n on n.oid = c.relnamespace"
		" where c.relkind in ('r', 'p') and n.nspname in ('public', 'auth', 'job', 'internal')"
		" and not (c.relrowsecurity and c.relforcerowsecurity) order by 1");
	db_add(b,
		"select format('%I owns %s, although the programs must own nothing', r.rolname, c.oid::regclass) as finding"
		" from pg_class c join pg_roles r on r.oid = c.relowner"
		" where r.rolname in ('kontor_app', 'kontor_worker', 'anon', 'authenticated')");
	last = db_add(b, "select format('%s dead jobs wait for somebody to look at them', count(*)) as finding"
		      " from job.jobs where state = 'dead' having count(*) > 0"
		      " union all select format('the oldest job waits since %s', min(run_at))"
		      " from job.jobs where state = 'ready' having min(run_at) < now() - interval '5 minutes'");
	if (db_run(b, e))
		return e->status;
	for (int stmt = first; stmt <= last; stmt++)
		for (size_t i = 0; i < db_rows(b, stmt); i++) {
			struct sv text = db_get(b, stmt, i, 0);

			json_array_append_new(findings, json_stringn(text.p, text.n));
		}
	return ST_OK;
}

static const struct {
	const char *verb, *noun;
	enum status (*run)(struct admin *ad, struct err *e);
	const char *usage;
} verbs[] = {
	{ "tenant", "create", tenant_create,
	  "tenant create --name NAME [--slug SLUG] [--timezone ZONE] [--currency CODE]" },
	{ "tenant", "limit", tenant_limit, "tenant limit --tenant ID --plan NAME" },
	{ "user", "create", user_create,
	  "user create --tenant ID --email ADDRESS [--password TEXT] [--role ROLE]"
	  " [--first-name TEXT] [--last-name TEXT] [--username NAME]" },
	{ "key", "create", key_create, "key create --tenant ID [--name TEXT]" },
	{ "ip", "reset", ip_reset, "ip reset --tenant ID" },
	{ "webhook", "create", admin_webhook_create,
	  "webhook create --tenant ID --url URL --events NAME,... [--secret TEXT] [--headers JSON]" },
	{ "job", "dead", admin_job_dead, "job dead [--tenant ID]" },
	{ "job", "rerun", admin_job_rerun, "job rerun --tenant ID --job ID" },
	{ "keys", NULL, keys, "keys" },
	{ "demo", NULL, admin_demo, "demo" },
	{ "status", NULL, status, "status" },
	{ "doctor", NULL, doctor, "doctor" },
};

static int usage(void)
{
	fputs("usage:\n", stderr);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(stderr, "  kontor-admin %s\n", verbs[i].usage);
	return 2;
}

static int complain(const struct err *e)
{
	struct sv text = err_message(e);

	fprintf(stderr, "kontor: %.*s\n", SV_ARG(text));
	if (e->hint.n)
		fprintf(stderr, "        %.*s\n", SV_ARG(e->hint));
	return 1;
}

static int run(struct admin *ad, enum status (*verb)(struct admin *ad, struct err *e))
{
	struct err e = { 0 };

	if (conf_load(NULL, ad->arena, &e) ||
	    crypto_key_load(conf_str(CONF_master_key_file), ad->arena, &e))
		return complain(&e);
	ad->db = db_from_conf("kontor-admin");
	if (verb(ad, &e))
		return complain(&e);
	json_dumpf(ad->out, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	struct admin ad = { .argc = argc, .argv = argv };
	int code = -1;

	log_setup("kontor-admin", "warn");
	ad.arena = arena_new();
	ad.out = json_object();
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && code < 0; i++)
		if (argc > 1 && !strcmp(argv[1], verbs[i].verb) &&
		    (!verbs[i].noun || (argc > 2 && !strcmp(argv[2], verbs[i].noun))))
			code = run(&ad, verbs[i].run);
	if (code < 0)
		code = usage();
	json_decref(ad.out);
	db_free(ad.db);
	arena_free(ad.arena);
	return code;
}

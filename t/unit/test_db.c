/*
 * db/ against a real PostgreSQL: once directly with prepared statements, once
 * through PgBouncer in transaction mode without them.
 */
#include "t/unit/tap.h"
#include "t/unit/pg.h"

#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "db/priv.h"

#include <poll.h>

static struct arena *a;
static struct db *db;    /* under test */
static struct db *admin; /* always direct */
static bool direct;
static const char *way;
static struct err e;

/* Names of points say which way they went. */
#define point(cond, name) tap_ok((cond), __LINE__, "%s: %s", way, (name))
#define point_sv(got, want, name) \
	tap_is_sv((got), (want), __LINE__, arena_printf(a, "%s: %s", way, (name)))

/* One statement as ourselves; sql is a literal. */
static struct db_batch *self(struct db *with, const char *sql, enum status *st)
{
	struct db_batch *b = db_batch(with, a);

	db_as_self(b);
	db_add(b, sql);
	e = (struct err){ ST_OK };
	*st = db_run(b, &e);
	return b;
}

static struct sv value(struct db *with, const char *sql)
{
	enum status st;
	struct db_batch *b = self(with, sql, &st);

	if (st) {
		struct sv said = err_message(&e);

		printf("# %s: %.*s\n", sql, SV_ARG(said));
	}
	return st ? SV_NONE : db_get(b, 0, 0, 0);
}

static const char *const schema[] = {
	"do $$ begin create role anon; exception when duplicate_object then null; end $$",
	"do $$ begin create role authenticated; exception when duplicate_object then null; end $$",
	"drop schema if exists auth, t cascade",
	"create schema auth", "create schema t",
	"grant usage on schema t to anon, authenticated",
	"create function auth.begin_session(token text) returns text language plpgsql as $$"
	" begin if token <> encode(sha256('good'), 'hex') then"
	" raise exception using errcode = '28000', message = 'This session has ended'; end if;"
	" perform set_config('request.jwt.claims', '{\"sub\":\"ann\"}', true);"
	" return 'authenticated'; end $$",
	"create function auth.begin_api_key(key text, addr text) returns text language plpgsql"
	" as $$ begin perform set_config('request.jwt.claims', addr, true);"
	" return case when key = encode(sha256('key'), 'hex') then 'authenticated' end; end $$",
	"create function auth.begin_claims(c text) returns text language plpgsql as $$"
	" begin perform set_config('request.jwt.claims', c, true); return 'authenticated'; end $$",
	"create function auth.begin_system(o uuid) returns text language plpgsql as $$"
	" begin perform set_config('request.jwt.claims', o::text, true);"
	" return 'authenticated'; end $$",
	"create table t.parent (id int primary key, name text not null,"
	" n int constraint small_n check (n < 10))",
	"create table t.child (id int primary key,"
	" parent_id int constraint child_parent_fkey references t.parent"
	" deferrable initially deferred)",
	"create table t.strict (parent_id int constraint strict_parent_fkey references t.parent)",
	"create table t.slot (during int4range, constraint slot_overlap"
	" exclude using gist (during with &&))",
	"create table t.widening (a int)", "insert into t.widening values (1)",
	"create table t.rows (id int, at timestamptz, name text)",
	"grant select, insert on t.parent to authenticated",
	"create function t.raise(state text) returns int language plpgsql as $$ begin"
	" raise exception using errcode = state, message = 'words', detail = 'more',"
	" hint = 'do this', column = 'stage'; end $$",
};

static bool make_schema(void)
{
	for (size_t i = 0; i < sizeof(schema) / sizeof(*schema); i++) {
		enum status st;

		self(admin, schema[i], &st);
		if (st) {
			struct sv said = err_message(&e);

			printf("# %s\n# %.*s\n", schema[i], SV_ARG(said));
			return false;
		}
	}
	return true;
}

/* ---- transactions and identity ---------------------------------------- */

static void test_transaction(void)
{
	struct db_batch *b = db_batch(db, a);
	int insert, select;

	db_as_self(b);
	insert = db_add(b, "insert into t.parent (id, name) values ($1, $2)", DB_I(1), DB_C("one"));
	select = db_add(b, "select id, name from t.parent where id = $1", DB_I(1));
	point(db_run(b, &e) == ST_OK, "two statements in one batch");
	point(db_affected(b, insert) == 1 && db_rows(b, select) == 1, "rows affected and found");
	point_sv(db_first(b, select, "name"), SV("one"), "the second sees the first");

	b = db_batch(db, a);
	db_as_self(b);
	insert = db_add(b, "insert into t.parent (id, name) values ($1, $2)", DB_I(2), DB_C("two"));
	db_add(b, "insert into t.parent (id, name) values ($1, $2)", DB_I(1), DB_C("again"));
	db_add(b, "select 1 as skipped");
	point(db_run(b, &e) == ST_CONFLICT, "the second statement fails");
	point_sv(db_sqlstate(b), SV("23505"), "its SQLSTATE");
	point_sv(db_constraint(b), SV("parent_pkey"), "its constraint");
	point(db_rows(b, insert) == 0 && db_affected(b, insert) == 0, "a failed batch reads empty");
	point_sv(value(db, "select count(*) from t.parent where id = 2"), SV("0"),
		 "the first was not committed");
	point_sv(value(db, "select 1 as skipped"), SV("1"),
		 "a statement whose prepare was skipped works later");
}

static void test_deferred(void)
{
	struct db_batch *b = db_batch(db, a);

	db_as_self(b);
	db_add(b, "insert into t.child values ($1, $2)", DB_I(1), DB_I(99));
	point(db_run(b, &e) == ST_CONFLICT, "a deferred constraint fails the batch at its commit");
	point_sv(db_constraint(b), SV("child_parent_fkey"), "and is named");
	point_sv(value(db, "select count(*) from t.child"), SV("0"), "nothing was stored");
}

static void test_identity(void)
{
	static const char who[] =
		"select current_user, current_setting('request.jwt.claims', true) as claims";
	struct db_batch *b = db_batch(db, a);

	db_as_session(b, SV("good"));
	db_add(b, who);
	point(db_run(b, &e) == ST_OK, "a session is accepted");
	point_sv(db_first(b, 0, "current_user"), SV("authenticated"), "and sets the role");
	point_sv(db_first(b, 0, "claims"), SV("{\"sub\":\"ann\"}"), "and the claims");

	b = db_batch(db, a);
	db_as_self(b);
	db_add(b, who);
	point(db_run(b, &e) == ST_OK, "the next batch");
	point_sv(db_first(b, 0, "current_user"), SV("postgres"), "has not that role");
	point(db_first(b, 0, "claims").n == 0, "nor those claims");

	b = db_batch(db, a);
	db_as_session(b, SV("bad"));
	db_add(b, "insert into t.parent (id, name) values (50, 'x')");
	point(db_run(b, &e) == ST_UNAUTHENTICATED, "a bad session is refused");
	point_sv(err_message(&e), SV("This session has ended"), "in the words of the database");
	point_sv(value(db, "select count(*) from t.parent where id = 50"), SV("0"),
		 "and the work was not done");

	b = db_batch(db, a);
	db_as_api_key(b, SV("key"), SV("10.0.0.9"));
	db_add(b, who);
	point(db_run(b, &e) == ST_OK && sv_eq(db_first(b, 0, "claims"), SV("10.0.0.9")), "API key");
	b = db_batch(db, a);
	db_as_claims(b, SV("{\"a\":1}"));
	db_add(b, who);
	point(db_run(b, &e) == ST_OK && sv_eq(db_first(b, 0, "claims"), SV("{\"a\":1}")), "claims");
	b = db_batch(db, a);
	db_as_system(b, SV("0190b6c4-0000-7000-8000-000000000001"));
	db_add(b, who);
	point(db_run(b, &e) == ST_OK && db_first(b, 0, "claims").n == 36, "system");
	b = db_batch(db, a);
	db_as_public(b);
	db_add(b, "select * from t.parent");
	point(db_run(b, &e) == ST_FORBIDDEN, "a visitor reads no table");
}

/* A row of the trace is "F" (from us) or "B" (from the server), a tab, ... */
static void test_round_trip(void)
{
	struct db_batch *b = db_batch(db, a);
	FILE *f = tmpfile();
	char line[512], last = 0;
	int turns = 0, syncs = 0;

	if (conn_ready(db, &e) || !f)
		return;
	PQtrace(db->conn, f);
	PQsetTraceFlags(db->conn, PQTRACE_SUPPRESS_TIMESTAMPS);
	db_as_session(b, SV("good"));
	db_add(b, "select count(*) from t.parent where id > $1", DB_I(3));
	db_add(b, "select count(*) from t.parent where id > $1", DB_I(4));
	point(db_run(b, &e) == ST_OK, "identity and two statements, new ones among them");
	PQuntrace(db->conn);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] != 'F' && line[0] != 'B')
			continue;
		turns += last && line[0] != last;
		last = line[0];
		syncs += strstr(line, "Sync") != NULL;
	}
	fclose(f);
	point(turns == 1 && syncs == 1, "P9 one round trip");
}

/* ---- statements and parameters ---------------------------------------- */

static void test_cache(void)
{
	static const char count[] = "select count(*) from pg_prepared_statements";
	static const char sql[] = "select $1::int + 1 as cached_once";
	int64_t n = -1;

	for (int i = 0; i < 3; i++) {
		struct db_batch *b = db_batch(db, a);

		db_as_self(b);
		db_add(b, sql, DB_I(i));
		db_add(b, sql, DB_I(i + 1));
		db_add_composed(b, SV("select $1::int + 1 as cached_once"), 1, &DB_I(7));
		point(db_run(b, &e) == ST_OK && sv_eq(db_get(b, 2, 0, 0), SV("8")),
		      "the same statement three times in a batch");
	}
	if (!direct)
		return;
	point_sv(value(db, "select count(*) from pg_prepared_statements"
			   " where statement like '%cached_once' and name like 'k%'"),
		 SV("1"), "is prepared once, by content");
	for (int i = 0; i < 300; i++) {
		struct db_batch *b = db_batch(db, a);

		db_as_self(b);
		db_add_composed(b, sv_from(arena_printf(a, "select %d as composed", i)), 0, NULL);
		if (db_run(b, &e))
			break;
	}
	(void)value(db, count);
	point(sv_to_i64(value(db, count), &n) && n > 200 && n < 300,
	      "composed statements are bounded on the server too");
}

static void test_changed_columns(void)
{
	static const char sql[] = "select * from t.widening";
	enum status st;
	struct db_batch *b = self(db, sql, &st);

	point(st == ST_OK && db_cols(b, 0) == 1, "select * before a migration");
	self(admin, direct ? "alter table t.widening add column b int" :
			     "alter table t.widening add column c int", &st);
	b = self(db, sql, &st);
	point(st == ST_OK && db_cols(b, 0) == 2, "and after it, without an error");
	self(admin, "drop table t.widening", &st);
	self(admin, "create table t.widening (a int)", &st);
}

static void test_parameters(void)
{
	struct db_batch *b = db_batch(db, a);
	struct db_value params[] = { DB_S(SV("")),   DB_OPT(SV("")), DB_C(NULL), DB_B(true),
				     DB_I(INT64_MIN), DB_BYTES(SV("a\0\xff")), DB_NULL };
	struct buf out buf_auto = BUF_INIT;

	db_as_self(b);
	db_addv(b, "select $1::text as empty, $2::text as opt, $3::text as none, $4::bool as yes,"
		   " $5::bigint as n, $6::bytea as raw, $7::int as nil", 7, params);
	point(db_run(b, &e) == ST_OK, "parameters of all kinds");
	db_json_rows(&out, b, 0);
	point_sv(buf_sv(&out),
		 SV("[{\"empty\":\"\",\"opt\":null,\"none\":null,\"yes\":true,"
		    "\"n\":-9223372036854775808,\"raw\":\"\\\\x6100ff\",\"nil\":null}]"),
		 "arrive as they are");

	b = db_batch(db, a);
	db_as_self(b);
	db_add(b, "select $1::text", DB_S(SV("a\0b")));
	point(db_run(b, &e) == ST_BAD_INPUT && sv_find(e.message, SV("not valid UTF-8")) > 0,
	      "text with NUL is refused");
	b = db_batch(db, a);
	db_as_self(b);
	db_add(b, "select $1::text", DB_S(SV("\xff")));
	point(db_run(b, &e) == ST_BAD_INPUT, "text that is not UTF-8 is refused");
}

/* The server wants to send 25 MB while it is sent 25 MB. Slow machines get
 * more time for it than the suite's statement_timeout. */
static void test_large(const char *url)
{
	struct db_options o = { .url = url, .prepared = direct, .statement_timeout = "60 s" };
	struct db *patient = db_new(&o);
	struct db_batch *b = db_batch(patient, a);
	size_t n = 25u << 20;
	char *mem_auto raw = mem_alloc(n);
	unsigned char sum[SHA256_SIZE];

	memset(raw, 0xab, n);
	crypto_sha256(sum, sv_make(raw, n));
	db_as_self(b);
	db_add(b, "select repeat('x', $1) as answer", DB_I((int64_t)n));
	db_add(b, "select sha256($1) = $2, current_setting('statement_timeout')",
	       DB_BYTES(sv_make(raw, n)), DB_BYTES(sv_make((const char *)sum, sizeof(sum))));
	if (!point(db_run(b, &e) == ST_OK, "25 MB both ways at once")) {
		struct sv state = db_sqlstate(b);
		struct sv said = err_message(&e);

		printf("# %.*s %.*s\n", SV_ARG(state), SV_ARG(said));
	}
	point(db_get(b, 0, 0, 0).n == n, "the answer is whole");
	point_sv(db_get(b, 1, 0, 0), SV("t"), "so is the parameter");
	point_sv(db_get(b, 1, 0, 1), SV("1min"), "under the time limit that was set");
	db_free(patient);
}

/* ---- results ------------------------------------------------------------ */

static const struct {
	const char *sql, *json;
} json_rows[] = {
	{ "select 1::int2, -2::int4, 9223372036854775807::int8",
	  "{\"int2\":1,\"?column?\":-2,\"int8\":9223372036854775807}" },
	{ "select 1.50::numeric as n, 'NaN'::numeric as x, 1e300::float8 as f,"
	  " 'infinity'::float8 as i, '-Infinity'::float4 as j",
	  "{\"n\":1.50,\"x\":\"NaN\",\"f\":1e+300,\"i\":\"Infinity\",\"j\":\"-Infinity\"}" },
	{ "select true as t, false as f, null::bool as n", "{\"t\":true,\"f\":false,\"n\":null}" },
	{ "select '{\"a\": [1, null]}'::jsonb as b, '[1,2]'::json as j",
	  "{\"b\":{\"a\": [1, null]},\"j\":[1,2]}" },
	{ "select '2025-01-15 13:34:56.789+01'::timestamptz as z, '2025-01-15 12:34:56'::timestamp"
	  " as t, '2025-01-15'::date as d, 'infinity'::timestamptz as i",
	  "{\"z\":\"2025-01-15T12:34:56.789+00:00\",\"t\":\"2025-01-15T12:34:56\","
	  "\"d\":\"2025-01-15\",\"i\":\"infinity\"}" },
	{ "select '0044-03-15 12:00:00+00 BC'::timestamptz as bc, time '10:20' as t",
	  "{\"bc\":\"0044-03-15T12:00:00+00:00 BC\",\"t\":\"10:20:00\"}" },
	{ "select e'a\"b\\\\c\\n\\u00e9' as \"say \"\"key\"\"\"",
	  "{\"say \\\"key\\\"\":\"a\\\"b\\\\c\\n\xc3\xa9\"}" },
	{ "select array['a','b c','d\"e','f\\g','NULL',null,'','{}'] as a",
	  "{\"a\":[\"a\",\"b c\",\"d\\\"e\",\"f\\\\g\",\"NULL\",null,\"\",\"{}\"]}" },
	{ "select array[[1,2],[3,null]] as n, '{}'::text[] as none, '[0:1]={5,6}'::int[] as b",
	  "{\"n\":[[1,2],[3,null]],\"none\":[],\"b\":[5,6]}" },
	{ "select array['0190b6c4-0000-7000-8000-000000000001'::uuid] as u,"
	  " array['{\"k\": \"v, \\\"w\\\"\"}'::jsonb] as j",
	  "{\"u\":[\"0190b6c4-0000-7000-8000-000000000001\"],"
	  "\"j\":[{\"k\": \"v, \\\"w\\\"\"}]}" },
	{ "select array[true,false] as b, array[1.5,'NaN'] ::numeric[] as n,"
	  " array['2025-01-15 12:00+00'::timestamptz] as t",
	  "{\"b\":[true,false],\"n\":[1.5,\"NaN\"],\"t\":[\"2025-01-15T12:00:00+00:00\"]}" },
};

static void test_json(void)
{
	for (size_t i = 0; i < sizeof(json_rows) / sizeof(*json_rows); i++) {
		struct buf out buf_auto = BUF_INIT;
		enum status st;
		struct db_batch *b = self(db, json_rows[i].sql, &st);

		if (!st)
			db_json_row(&out, b, 0, 0);
		point_sv(buf_sv(&out), sv_from(json_rows[i].json), json_rows[i].sql);
	}
}

static void test_results(void)
{
	struct buf out buf_auto = BUF_INIT;
	enum status st;
	struct db_batch *b =
		self(db, "select g as \"Id\", null as n from generate_series(1, 2) g", &st);

	point(db_rows(b, 0) == 2 && db_cols(b, 0) == 2, "rows and columns");
	point(db_col(b, 0, SV("Id")) == 0 && db_col(b, 0, SV("id")) == SIZE_MAX, "column by name");
	point_sv(db_named(b, 0, 1, "Id"), SV("2"), "value by name");
	point(!sv_present(db_get(b, 0, 0, 1)) && !sv_present(db_get(b, 0, 2, 0)) &&
	      !sv_present(db_first(b, 0, "no")), "null, no such row, no such column");
	point(db_col_type(b, 0, 0) == 23, "type of a column");
	db_json_rows(&out, b, 0);
	point_sv(buf_sv(&out), SV("[{\"Id\":1,\"n\":null},{\"Id\":2,\"n\":null}]"), "all as JSON");
	buf_clear(&out);
	db_json_value(&out, b, 0, 1, 0);
	point_sv(buf_sv(&out), SV("2"), "one as JSON");
}

/* ---- errors -------------------------------------------------------------- */

static const struct {
	const char *sql;
	enum status status;
	const char *state, *field, *message; /* message: a part of it */
} failures[] = {
	{ "insert into t.parent (id, name) values (1, 'x')", ST_CONFLICT, "23505", "",
	  "clashes with an existing record (constraint parent_pkey)" },
	{ "insert into t.strict values (77)", ST_CONFLICT, "23503", "",
	  "does not exist, or is still used by another (constraint strict_parent_fkey)" },
	{ "insert into t.slot values ('[1,5)'), ('[2,3)')", ST_CONFLICT, "23P01", "", "overlaps" },
	{ "insert into t.parent (id) values (2)", ST_BAD_INPUT, "23502", "name", "missing" },
	{ "insert into t.parent values (2, 'x', 10)", ST_BAD_INPUT, "23514", "",
	  "breaks a rule for this kind of record (constraint small_n)" },
	{ "select 'x'::uuid", ST_BAD_INPUT, "22P02", "", "uuid: \"x\"" },
	{ "select 1 / 0", ST_BAD_INPUT, "22012", "", "zero" },
	{ "select nothing from t.parent", ST_BAD_INPUT, "42703", "", "nothing" },
	{ "select 1 from t.nothing", ST_NOT_FOUND, "42P01", "", "t.nothing" },
	{ "select t.nothing()", ST_NOT_FOUND, "42883", "", "t.nothing()" },
	{ "select t.raise('P0001')", ST_BAD_INPUT, "P0001", "stage", "words" },
	{ "select t.raise('KT400')", ST_BAD_INPUT, "KT400", "stage", "words" },
	{ "select t.raise('KT403')", ST_FORBIDDEN, "KT403", "stage", "words" },
	{ "select t.raise('KT404')", ST_NOT_FOUND, "KT404", "stage", "words" },
	{ "select t.raise('KT409')", ST_CONFLICT, "KT409", "stage", "words" },
	{ "select t.raise('KT410')", ST_GONE, "KT410", "stage", "words" },
	{ "select t.raise('KT422')", ST_UNPROCESSABLE, "KT422", "stage", "words" },
	{ "select t.raise('KT429')", ST_RATE_LIMITED, "KT429", "stage", "words" },
	{ "select t.raise('42501')", ST_FORBIDDEN, "42501", "stage", "words" },
	{ "select t.raise('40001')", ST_CONFLICT, "40001", "stage", "words" },
	{ "select t.raise('55P03')", ST_CONFLICT, "55P03", "stage", "words" },
	{ "select t.raise('53300')", ST_UNAVAILABLE, "53300", "stage", "try again" },
	{ "select t.raise('54001')", ST_BAD_INPUT, "54001", "stage", "words" },
	{ "select t.raise('XX000')", ST_INTERNAL, "XX000", "stage", "Internal server error" },
	{ "selct 1", ST_INTERNAL, "42601", "", "Internal server error" },
	{ "select pg_sleep(5)", ST_TIMEOUT, "57014", "", "too long" },
};

static void test_errors(void)
{
	enum status st;
	struct db_batch *b;

	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		b = self(db, failures[i].sql, &st);
		struct sv state = db_sqlstate(b);
		struct sv said = err_message(&e);

		if (!point(st == failures[i].status && sv_eq(state, sv_from(failures[i].state)) &&
				   sv_eq(e.field, sv_from(failures[i].field)) &&
				   sv_find(said, sv_from(failures[i].message)) >= 0,
			   failures[i].sql))
			printf("# %d %.*s field %.*s: %.*s\n", st, SV_ARG(state), SV_ARG(e.field),
			       SV_ARG(said));
	}
	b = self(db, "select t.raise('KT409')", &st);
	point(sv_eq(e.details, SV("more")) && sv_eq(e.hint, SV("do this")) && e.code.n == 0,
	      "detail and hint of our own errors come through");
	point_sv(db_server_text(b, DB_HINT), SV("do this"), "the server's own words");
	self(db, "select t.raise('53300')", &st);
	point(e.retry_after == 1, "unavailable says when to come back");
	point_sv(value(db, "select 1"), SV("1"), "after all these the connection is whole");
}

/* ---- lost connections ----------------------------------------------------- */

static void wait_gone(const char *pid)
{
	for (int i = 0; i < 100; i++) {
		struct db_batch *b = db_batch(admin, a);

		db_as_self(b);
		db_add(b, "select from pg_stat_activity where pid = $1", DB_C(pid));
		if (!db_run(b, &e) && !db_rows(b, 0))
			break;
		usleep(20000);
	}
	usleep(50000);
}

static void terminate(struct db *victim)
{
	const char *pid = arena_dup(a, value(victim, "select pg_backend_pid()"));
	struct db_batch *b = db_batch(admin, a);

	db_as_self(b);
	db_add(b, "select pg_terminate_backend($1)", DB_C(pid));
	if (db_run(b, &e)) {
		struct sv said = err_message(&e);

		printf("# %.*s\n", SV_ARG(said));
	}
	wait_gone(pid);
}

static void test_lost(void)
{
	enum status st;
	struct db_batch *b;

	terminate(db);
	point_sv(value(db, "select 2"), SV("2"), "works after its backend was ended");
	b = self(db, "select pg_terminate_backend(pg_backend_pid())", &st);
	point(st == ST_UNAVAILABLE && e.retry_after == 1, "an end within the batch is told");
	point(sv_present(db_sqlstate(b)), "with a SQLSTATE");
	point_sv(value(db, "select 2"), SV("2"), "the next batch works");
	if (!pg_own)
		return;
	point(pg_restart(), "PostgreSQL restarts");
	point_sv(value(db, "select 3"), SV("3"), "the first batch afterwards works");
	if (!direct) {
		(void)value(admin, "select 1");
		return;
	}
	point_sv(value(admin, "select 1"), SV("1"), "on another connection too");
}

static void test_unreachable(void)
{
	struct db_options o = { .url = "host=/nonexistent port=1", .name = "test" };
	struct db *none = db_new(&o);
	enum status st;
	struct db_batch *b = self(none, "select 1", &st);

	point(st == ST_UNAVAILABLE && e.retry_after == 1, "no server: unavailable");
	point_sv(db_sqlstate(b), SV("08001"), "and its SQLSTATE");
	point(db_fd(none) == -1, "no socket");
	db_free(none);
}

/* ---- notifications and COPY ------------------------------------------------ */

static bool next_notice(struct db *with, struct sv *payload, bool *again)
{
	struct sv channel;

	for (int i = 0; i < 50; i++) {
		struct pollfd p = { .fd = db_fd(with), .events = POLLIN };

		if (db_notified(with, a, &channel, payload, again))
			return sv_eq(channel, SV("kontor Test"));
		if (p.fd < 0)
			return false;
		poll(&p, 1, 100);
	}
	return false;
}

static void test_notifications(void)
{
	static const char notify[] = "select pg_notify('kontor Test', 'hello')";
	struct sv payload = SV_NONE;
	bool again = false;

	point(db_listen(db, "kontor Test", a, &e) == ST_OK && db_fd(db) >= 0, "listen");
	point(!db_notified(db, a, &payload, &payload, &again), "nothing yet, without waiting");
	(void)value(admin, notify);
	point(next_notice(db, &payload, &again) && sv_eq(payload, SV("hello")), "notified");
	(void)value(admin, notify);
	point_sv(value(db, "select 4"), SV("4"), "a batch in between");
	point(next_notice(db, &payload, &again) && !again, "does not lose a notification");
	terminate(db);
	point(!next_notice(db, &payload, &again) && db_fd(db) == -1, "the end is seen");
	point(db_connect(db, a, &e) == ST_OK, "connected again");
	(void)value(admin, notify);
	point(next_notice(db, &payload, &again), "it still listens");
	point(again, "and says that something may have been missed");
}

static void test_copy(void)
{
	struct buf rows buf_auto = BUF_INIT;

	for (int i = 0; i < 20000; i++)
		buf_addf(&rows, "%d\t2025-01-15 12:00:00\tname \xc3\xa9 %d\n", i, i);
	point(db_copy(db, a, "copy t.rows from stdin", buf_sv(&rows), &e) == ST_OK, "COPY");
	point_sv(value(db, "select count(*) from t.rows where at = '2025-01-15 12:00:00+00'"),
		 SV("20000"), "all rows, times in UTC");
	buf_lit(&rows, "x\t\\N\tbad\n");
	point(db_copy(db, a, "copy t.rows from stdin", buf_sv(&rows), &e) == ST_BAD_INPUT,
	      "a bad row fails");
	point_sv(value(db, "select count(*) from t.rows"), SV("20000"), "all or nothing");
	point(db_copy(db, a, "copy t.rows from stdin", SV("\xff"), &e) == ST_BAD_INPUT,
	      "not UTF-8");
	point(db_copy(db, a, "select 1", SV(""), &e) == ST_INTERNAL, "not a COPY");
	point(db_copy(db, a, "copy t.rows to stdout", SV(""), &e) == ST_INTERNAL, "the wrong way");
	point_sv(value(db, "select 5"), SV("5"), "the connection goes on");
	(void)value(db, "truncate t.rows");
}

/* --------------------------------------------------------------------------- */

static void suite(const char *name, const char *url)
{
	struct db_options o = { .url = url, .name = "test_db", .statement_timeout = "1500ms" };

	way = name;
	direct = url == pg_url;
	o.prepared = direct;
	db = db_new(&o);
	point(make_schema(), "the stand-in schema");
	test_transaction();
	test_deferred();
	test_identity();
	test_round_trip();
	test_cache();
	test_changed_columns();
	test_parameters();
	test_large(url);
	test_json();
	test_results();
	test_errors();
	test_copy();
	test_lost();
	test_unreachable();
	if (direct)
		test_notifications();
	db_free(db);
	arena_reset(a);
}

int main(void)
{
	struct db_options o = { .url = pg_url, .name = "admin", .prepared = true };

	log_setup("test_db", "error");
	if (!pg_start())
		skip_all(pg_why);
	/* What the server refused on purpose is logged; keep the output TAP. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	a = arena_new();
	admin = db_new(&o);
	if (!pg_own && value(admin, "select 1 from pg_namespace where nspname in ('auth', 't')").n)
		skip_all("KONTOR_TEST_DB is not an empty database");
	suite("direct", pg_url);
	if (pg_bouncer_start())
		suite("PgBouncer", pg_bouncer_url);
	else
		printf("# no PgBouncer here: points behind it are left out\n");
	(void)value(admin, "drop schema auth, t cascade");
	db_free(admin);
	arena_free(a);
	return tap_done();
}

#include "db/priv.h"
#include "crypto/crypto.h"

#include <assert.h>
#include <string.h>

#define PARAMS_MAX 65535 /* the protocol counts them in 16 bits */

struct db_value db_text_or_null(const char *cstr)
{
	struct sv v = sv_from(cstr);

	return DB_S(v);
}

struct db_batch *db_batch(struct db *db, struct arena *a)
{
	struct db_batch *b = ARENA_NEW(a, struct db_batch);

	b->db = db;
	b->arena = a;
	return b;
}

struct arena *db_arena(const struct db_batch *b)
{
	return b->arena;
}

static struct statement *append(struct db_batch *b)
{
	b->statements = arena_more(b->arena, b->statements, b->n, &b->size, sizeof(*b->statements));
	return &b->statements[b->n++];
}

static void refuse(struct db_batch *b, const char *why)
{
	if (!b->bad.status)
		err_set(&b->bad, b->arena, ST_BAD_INPUT, "%s", why);
}

static const char *text_param(struct db_batch *b, struct sv text)
{
	/* PostgreSQL has no NUL in text, and libpq would end there unseen. */
	if (!sv_is_text(text)) {
		refuse(b, "A value that was sent is not valid UTF-8 text");
		return NULL;
	}
	return arena_dup(b->arena, text);
}

static void set_param(struct db_batch *b, struct statement *s, int i, const struct db_value *v)
{
	switch (v->kind) {
	case DB_NULL_:
		break;
	case DB_TEXT_:
		s->values[i] = text_param(b, v->text);
		break;
	case DB_BYTES_:
		s->values[i] = sv_present(v->text) ? v->text.p : NULL;
		s->lengths[i] = (int)v->text.n;
		s->formats[i] = 1;
		if (v->text.n > INT32_MAX / 2)
			refuse(b, "A value that was sent is too large");
		break;
	case DB_INT_:
		s->values[i] = arena_printf(b->arena, "%lld", (long long)v->number);
		break;
	case DB_BOOL_:
		s->values[i] = v->number ? "true" : "false";
		break;
	}
}

static void add(struct db_batch *b, const char *sql, bool composed, size_t n,
		const struct db_value *params)
{
	struct statement *s = append(b);

	if (n > PARAMS_MAX) {
		refuse(b, "Too many values in one request; send fewer at a time");
		n = 0;
	}
	*s = (struct statement){ .sql = sql, .composed = composed, .n = (int)n };
	if (!n)
		return;
	s->values = ARENA_ARRAY(b->arena, n, const char *);
	s->lengths = ARENA_ARRAY(b->arena, n, int);
	s->formats = ARENA_ARRAY(b->arena, n, int);
	for (size_t i = 0; i < n; i++)
		set_param(b, s, (int)i, &params[i]);
}

void batch_repeat(struct db_batch *b, const struct statement *from)
{
	struct statement *s = append(b);

	*s = *from;
	s->result = NULL;
	s->columns = NULL;
}

int db_addv(struct db_batch *b, const char *sql, size_t n, const struct db_value *params)
{
	assert(b->identified && !b->ran);
	add(b, sql, false, n, params);
	return (int)(b->n - b->first - 1);
}

int db_add_composed(struct db_batch *b, struct sv sql, size_t n, const struct db_value *params)
{
	assert(b->identified && !b->ran);
	if (!sv_is_text(sql))
		refuse(b, "The request is not valid UTF-8 text");
	add(b, arena_dup(b->arena, sql), true, n, params);
	return (int)(b->n - b->first - 1);
}

/* ---- who asks -------------------------------------------------------- */

static void identify(struct db_batch *b, const char *sql, size_t n, const struct db_value *params)
{
	assert(!b->identified);
	b->identified = true;
	/* Only the login role may take another identity. */
	if (b->db->held && !b->hold)
		add(b, "reset role", false, 0, NULL);
	if (!b->db->prepared && !b->db->own_settings) {
		struct db_value timeout = db_text_or_null(b->db->timeout);

		add(b, SETTINGS_LOCAL, false, 1, &timeout);
	}
	if (sql)
		add(b, sql, false, n, params);
	b->first = b->n;
}

void db_remote(struct db_batch *b, struct sv addr)
{
	assert(!b->identified);
	b->remote = addr;
}

/* The address first: what judges the credential may ask for it. */
#define AS(call)                                                 \
	"select set_config('kontor.addr', coalesce($1, ''), true)," \
	" set_config('role', " call ", true)"

void db_as_session(struct db_batch *b, struct sv session_token)
{
	struct db_value params[] = { DB_S(b->remote),
				     DB_S(crypto_token_hash(b->arena, session_token)) };

	identify(b, AS("auth.begin_session($2)"), 2, params);
}

void db_as_api_key(struct db_batch *b, struct sv api_key, struct sv remote_addr)
{
	struct db_value params[] = { DB_S(remote_addr),
				     DB_S(crypto_token_hash(b->arena, api_key)) };

	identify(b, AS("auth.begin_api_key($2, $1)"), 2, params);
}

void db_as_claims(struct db_batch *b, struct sv claims_json)
{
	struct db_value params[] = { DB_S(b->remote), DB_S(claims_json) };

	identify(b, AS("auth.begin_claims($2::text)"), 2, params);
}

void db_as_system(struct db_batch *b, struct sv organization_id)
{
	struct db_value params[] = { DB_S(b->remote), DB_S(organization_id) };

	identify(b, AS("auth.begin_system($2::uuid)"), 2, params);
}

void db_soon(struct db_batch *b)
{
	db_add(b, "select set_config('synchronous_commit', 'off', true)");
}

void db_as_public(struct db_batch *b)
{
	struct db_value params[] = { DB_S(b->remote) };

	identify(b, AS("'anon'"), 1, params);
}

void db_as(struct db_batch *b, const char *sql, size_t n, const struct db_value *params)
{
	identify(b, sql, n, params);
}

void db_as_self(struct db_batch *b)
{
	struct db_value params[] = { DB_S(b->remote) };

	identify(b, b->remote.n ? "select set_config('kontor.addr', $1, true)" : NULL, 1, params);
}

void db_stream(struct db_batch *b, int stmt, db_row_fn *row, void *arg)
{
	assert(!b->row && !b->ran);
	b->streamed = stmt;
	b->row = row;
	b->row_arg = arg;
}

/* ---- one transaction over several batches ------------------------------ */

void db_hold(struct db_batch *b)
{
	assert(!b->identified && !b->db->held);
	b->hold = true;
	add(b, "begin", false, 0, NULL);
}

void db_as_held(struct db_batch *b)
{
	assert(!b->identified && b->db->held);
	b->identified = true;
	b->first = b->n;
}

void db_commit(struct db_batch *b)
{
	db_add(b, "commit");
}

void db_rollback(struct db_batch *b)
{
	db_add(b, "rollback");
}

bool db_is_held(const struct db *db)
{
	return db->held;
}

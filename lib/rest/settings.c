#include "rest/answer.h"

static const char ask_sql[] = "select nullif(current_setting('response.headers', true), ''),"
			      " nullif(current_setting('response.status', true), '')";

int settings_ask(struct db_batch *b)
{
	return db_add(b, ask_sql);
}

static enum status bad_setting(struct err *e, const char *code, const char *message)
{
	*e = (struct err){ .status = ST_INTERNAL, .code = sv_from(code) };
	e->message = sv_from(message);
	return e->status;
}

static enum status bad_headers(struct err *e)
{
	return bad_setting(e, "PGRST111",
			   "response.headers guc must be a JSON array composed of objects with a "
			   "single key and a string value");
}

/* Ours of that name goes; what SQL says twice is there twice. */
static void add(struct arena *a, struct http_response *rs, json_t *before, size_t i,
		const char *name, const char *value)
{
	bool repeated = false;
	size_t j;
	json_t *one;

	json_array_foreach(before, j, one) if (j < i) repeated |= !!json_object_get(one, name);
	(repeated ? http_add_header : http_set_header)(rs, arena_dup(a, sv_from(name)),
						       sv_from(value));
}

static enum status apply_headers(struct arena *a, struct sv text, struct http_response *rs,
				 struct err *e)
{
	json_t *list = json_loadb(text.p, text.n, 0, NULL), *one, *value;
	enum status s = json_is_array(list) ? ST_OK : bad_headers(e);
	const char *name;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (json_object_size(one) != 1)
			s = bad_headers(e);
		json_object_foreach(one, name, value)
		{
			if (!json_is_string(value))
				s = bad_headers(e);
			else if (!s)
				add(a, rs, list, i, name, json_string_value(value));
		}
	}
	json_decref(list);
	return s;
}

enum status settings_apply(const struct db_batch *b, int stmt, struct http_response *rs,
			   struct err *e)
{
	struct sv headers = db_get(b, stmt, 0, 0), status = db_get(b, stmt, 0, 1);
	int64_t http;

	if (headers.n && apply_headers(db_arena(b), headers, rs, e))
		return e->status;
	if (!status.n)
		return ST_OK;
	if (!sv_to_i64(status, &http) || http < 100 || http > 999)
		return bad_setting(e, "PGRST112",
				   "response.status guc must be a valid status code");
	rs->status = (int)http;
	return ST_OK;
}

#include "http/internal.h"

/* Deeper nesting than anybody needs; jansson's own limit (2048) costs stack. */
#define DEPTH_MAX 100

static bool too_deep(struct sv text)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return false;
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static enum status explain(const struct http_request *rq, const json_error_t *je, struct err *e)
{
	switch (json_error_code(je)) {
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "Invalid JSON at line %d, column %d: text must not contain \\u0000",
			       je->line, je->column);
	case json_error_invalid_utf8:
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "Invalid JSON at line %d, column %d: not valid UTF-8", je->line,
			       je->column);
	default:
		break;
	}
	/* jansson quotes what stands near the mistake, which may be cut in the
	 * middle of a character. */
	return err_set(e, rq->arena, ST_BAD_INPUT, "Invalid JSON at line %d, column %d: %s",
		       je->line, je->column,
		       sv_is_text(sv_from(je->text)) ? je->text : "syntax error");
}

enum status http_json(struct http_request *rq, json_t **out, struct err *e)
{
	struct sv text = rq->body;
	json_error_t je;
	json_t *j;

	if (sv_starts(text, SV("\xef\xbb\xbf")))
		text = sv_skip(text, 3);
	if (!sv_trim(text).n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "The body is empty; send JSON");
	if (too_deep(text))
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "The JSON is nested more than %d levels deep", DEPTH_MAX);
	j = json_loadb(text.p, text.n, 0, &je);
	if (!j)
		return explain(rq, &je, e);
	arena_cleanup(rq->arena, free_json, j);
	*out = j;
	return ST_OK;
}

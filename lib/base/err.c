#include "base/err.h"

static const struct {
	int http;
	const char *code, *text;
} table[ST__MAX] = {
#define STATUS(name, http, code, text) [ST_##name] = { http, code, text },
#include "base/status.def"
#undef STATUS
};

int status_http(enum status s)
{
	return table[s].http;
}

const char *status_code(enum status s)
{
	return table[s].code;
}

const char *status_text(enum status s)
{
	return table[s].text;
}

enum status err_set(struct err *e, struct arena *a, enum status s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*e = (struct err){ .status = s, .message = sv_from(arena_vprintf(a, fmt, ap)) };
	va_end(ap);
	return s;
}

struct sv err_message(const struct err *e)
{
	return e->message.n ? e->message : sv_from(status_text(e->status));
}

struct sv err_code(const struct err *e)
{
	return e->code.n ? e->code : sv_from(status_code(e->status));
}

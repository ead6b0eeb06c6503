#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static struct {
	const char *program;
	enum log_level lowest;
	struct sv request_id, organization_id;
	struct buf line; /* reused; lines are written whole */
} ctx = { .program = "kontor", .lowest = LOG_INFO };

void log_setup(const char *program, const char *level)
{
	ctx.program = program;
	ctx.lowest = LOG_INFO;
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (level && !strcmp(level, level_names[i]))
			ctx.lowest = (enum log_level)i;
}

void log_begin(struct sv request_id)
{
	ctx.request_id = request_id;
	ctx.organization_id = SV_NONE;
}

void log_tenant(struct sv organization_id)
{
	ctx.organization_id = organization_id;
}

void log_end(void)
{
	ctx.request_id = SV_NONE;
	ctx.organization_id = SV_NONE;
}

static void add_text(const char *key, struct sv text)
{
	buf_json_key(&ctx.line, key);
	/* A line must stay one valid JSON text, whatever a client sent. */
	buf_json(&ctx.line, sv_is_text(text) ? text : SV("(not UTF-8)"));
}

static void add_number(const char *key, int64_t number)
{
	buf_json_key(&ctx.line, key);
	buf_add_i64(&ctx.line, number);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	char stamp[CLOCK_ISO_SIZE];

	if (level < ctx.lowest)
		return;
	buf_clear(&ctx.line);
	buf_addc(&ctx.line, '{');
	add_text("time", sv_make(stamp, clock_iso(stamp, clock_now_ms())));
	add_text("level", sv_from(level_names[level]));
	add_text("program", sv_from(ctx.program));
	add_number("pid", getpid());
	if (ctx.request_id.n)
		add_text("request_id", ctx.request_id);
	if (ctx.organization_id.n)
		add_text("organization_id", ctx.organization_id);
	add_text("message", sv_from(message));
	for (const struct log_field *f = fields; f->key; f++) {
		if (f->is_number)
			add_number(f->key, f->number);
		else
			add_text(f->key, f->text);
	}
	buf_lit(&ctx.line, "}\n");
	/* A log that cannot be written is no reason to fail the request. */
	if (write(STDERR_FILENO, ctx.line.p, ctx.line.n) < 0)
		return;
}

/*
 * log: one JSON object per line on standard error.
 *
 * Every line has time, level, program, pid and message; between log_begin
 * and log_end also the request or job id and the tenant. Values are escaped
 * here. Never pass a secret, a token, a password or a message's text.
 *
 *	log_info("sent", LOG_S("channel", type), LOG_I("ms", took));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/sv.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key; /* NULL ends the list */
	struct sv text;
	int64_t number;
	bool is_number;
};

#define LOG_S(k, v) { .key = (k), .text = (v) }
#define LOG_C(k, v) { .key = (k), .text = sv_from(v) }
#define LOG_I(k, v) { .key = (k), .number = (int64_t)(v), .is_number = true }

/* Name of the program in each line, and the lowest level that is written
 * ("debug", "info", "warn", "error"; anything else reads as info). */
void log_setup(const char *program, const char *level);
/* What the following lines belong to; the views must stay valid until log_end. */
void log_begin(struct sv request_id);
void log_tenant(struct sv organization_id);
void log_end(void);

void log_write(enum log_level level, const char *message, const struct log_field *fields);

#define LOG_AT(level, msg, ...) \
	log_write((level), (msg), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(,) { .key = NULL } })
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

#endif

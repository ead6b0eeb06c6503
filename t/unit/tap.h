/*
 * tap: the few calls that a C unit test needs to speak TAP.
 *
 *	int main(void)
 *	{
 *		ok(1 + 1 == 2, "one and one");
 *		is_sv(name, SV("Ann"), "CON-17 first name");
 *		return tap_done();
 *	}
 */
#ifndef T_TAP_H
#define T_TAP_H

#include "base/sv.h"

#include <stdarg.h>
#include <stdio.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 3, 4), unused))
static bool tap_ok(bool good, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("#   line %d\n", line);
	}
	fflush(stdout);
	return good;
}

#define ok(cond, ...) tap_ok((cond), __LINE__, __VA_ARGS__)

__attribute__((unused))
static bool tap_is_sv(struct sv got, struct sv want, int line, const char *name)
{
	bool good = tap_ok(sv_eq(got, want), line, "%s", name);

	if (!good)
		printf("#   got:  %.*s\n#   want: %.*s\n", SV_ARG(got), SV_ARG(want));
	return good;
}

#define is_sv(got, want, name) tap_is_sv((got), (want), __LINE__, (name))

#define is_int(got, want, name)                                                           \
	do {                                                                              \
		long long got_ = (got), want_ = (want);                                   \
		if (!tap_ok(got_ == want_, __LINE__, "%s", (name)))                       \
			printf("#   got:  %lld\n#   want: %lld\n", got_, want_);          \
	} while (0)

/* The whole file is left out, with the reason. Ends the program. */
#define skip_all(why)                           \
	do {                                    \
		printf("1..0 # SKIP %s\n", why); \
		return 0;                       \
	} while (0)

__attribute__((unused))
static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif

/*
 * sv: a view of text that somebody else owns.
 *
 * Input is read through views: pointer and length, not NUL-terminated, never
 * freed through the view. A view is valid as long as what it points into
 * (usually the request's arena). The empty view has n == 0; p may then be
 * NULL, which reads as "absent" where that matters (sv_present).
 */
#ifndef BASE_SV_H
#define BASE_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sv {
	const char *p;
	size_t n;
};

/* A view of a string literal, its length known at compile time. */
#define SV(lit) ((struct sv){ "" lit "", sizeof(lit) - 1 })
#define SV_NONE ((struct sv){ NULL, 0 })

/*
 * For printf: printf("%.*s", SV_ARG(name)). It names its argument more than
 * once, so the argument must be an lvalue: the call of a function, which
 * would run as often, does not compile. Give its result a name first.
 */
#define SV_ARG(s) (int)(&(s))->n, (&(s))->p ? (&(s))->p : ""

/* A view of a NUL-terminated string; NULL gives SV_NONE. */
struct sv sv_from(const char *cstr);

static inline struct sv sv_make(const char *p, size_t n)
{
	return (struct sv){ p, n };
}

/* Absent (a parameter that was not sent) is not the same as empty. */
static inline bool sv_present(struct sv s)
{
	return s.p != NULL;
}

bool sv_eq(struct sv a, struct sv b);
/* ASCII letters compare without case; for header names and keywords. */
bool sv_ieq(struct sv a, struct sv b);
bool sv_starts(struct sv s, struct sv prefix);
bool sv_ends(struct sv s, struct sv suffix);
/* Byte order, shorter first: for qsort and bsearch. */
int sv_cmp(struct sv a, struct sv b);

/* Offset of the first c (or needle) in s, or -1. */
ptrdiff_t sv_chr(struct sv s, char c);
ptrdiff_t sv_find(struct sv s, struct sv needle);

/* The part of s from byte `from` on (empty when past the end). */
struct sv sv_skip(struct sv s, size_t from);
/* Without ASCII white space at both ends. */
struct sv sv_trim(struct sv s);

/*
 * Cut *rest at the first sep: returns what stands before it and leaves what
 * stands after it in *rest. Without a sep the whole is returned and *rest
 * becomes SV_NONE, so `while (sv_present(rest))` walks all parts, empty ones
 * included.
 */
struct sv sv_cut(struct sv *rest, char sep);

/* Decimal integer filling the whole view; false leaves *out alone. */
bool sv_to_i64(struct sv s, int64_t *out);

/* Well-formed UTF-8 (no surrogates, no overlong forms) without NUL bytes. */
bool sv_is_text(struct sv s);

#endif

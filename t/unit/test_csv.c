#include "crm/csv.h"
#include "t/unit/tap.h"

static struct arena *a;

/* Rows as [a|b|c]. */
static struct sv shown(const char *text)
{
	static char out[4096];
	struct csv c;
	struct csv_row row;
	size_t n = 0;

	csv_begin(&c, a, sv_from(text));
	while (csv_next(&c, &row)) {
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%zu[", row.line);
		for (size_t i = 0; i < row.n; i++)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? "|" : "",
					      SV_ARG(row.v[i]));
		n += (size_t)snprintf(out + n, sizeof(out) - n, "]");
	}
	return sv_make(out, n);
}

int main(void)
{
	a = arena_new();
	is_sv(shown("a,b\n1,2\n"), SV("1[a|b]2[1|2]"), "plain rows");
	is_sv(shown("a,b\r\n1,2"), SV("1[a|b]2[1|2]"), "CRLF, and no end of the last line");
	is_sv(shown("\xef\xbb\xbf" "a;b;c\n1;2,5;3\n"), SV("1[a|b|c]2[1|2,5|3]"),
	      "a byte order mark, semicolons");
	is_sv(shown("a\tb\n1\t2\n"), SV("1[a|b]2[1|2]"), "tabs");
	is_sv(shown("\"x, y\",\"say \"\"hi\"\"\",z\n"), SV("1[x, y|say \"hi\"|z]"), "quotes");
	is_sv(shown("a,\"two\nlines\",c\nd,e,f\n"), SV("1[a|two\nlines|c]3[d|e|f]"),
	      "a line end inside a field; lines are counted on");
	is_sv(shown("a,b\n\n,,\n1,\n"), SV("1[a|b]4[1|]"), "empty lines are passed over");
	is_sv(shown("a,\"never ends\n1,2"), SV("1[a|never ends\n1,2]"), "a quote without end ends with the text");
	is_sv(shown("'=1+1,\"'-x\",'@y,'z,'\n"), SV("1[=1+1|-x|@y|'z|']"),
	      "the apostrophe before what looks like a formula goes, no other");
	is_sv(shown("''=1,\"'''+2\"\n"), SV("1['=1|''+2]"), "one of several goes");
	ok(csv_is_formula(SV("=1")) && csv_is_formula(SV("'=1")) && csv_is_formula(SV("\tx")) && !csv_is_formula(SV("'x")) &&
		   !csv_is_formula(SV("")) && !csv_is_formula(SV("'")), "what our files put one in front of");
	is_sv(shown(""), SV(""), "nothing");
	is_sv(shown("\""), SV(""), "a lonely quote");
	arena_free(a);
	return tap_done();
}

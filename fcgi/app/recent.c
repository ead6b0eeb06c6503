#include "fcgi/app/recent.h"

#include "base/uuid.h"

/* As shell.js writes them. */
static const struct {
	char letter;
	const char *kind;
} kinds[] = {
	{ 'c', "contact" }, { 'o', "company" }, { 'd', "deal" },	 { 'l', "lead" },
	{ 't', "task" },    { 'q', "quote" },	{ 'i', "conversation" }, { 'p', "product" },
};

static const char *kind_of(char letter)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].letter == letter)
			return kinds[i].kind;
	return NULL;
}

static struct sv with_hyphens(struct arena *a, struct sv hex)
{
	return sv_from(arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.p, hex.p + 8, hex.p + 12,
				    hex.p + 16, hex.p + 20));
}

void recent_read(struct http_request *rq, struct recent *r)
{
	struct sv rest = http_cookie(rq, "kontor_recent");
	buf_auto struct buf kind = BUF_INIT, id = BUF_INIT;
	size_t n = 0;

	while (sv_present(rest) && n < RECENT_MAX) {
		struct sv one = sv_cut(&rest, '.'), uuid;
		const char *of = one.n == 33 ? kind_of(one.p[0]) : NULL;

		if (!of || !uuid_valid(uuid = with_hyphens(rq->arena, sv_skip(one, 1))))
			continue;
		buf_addf(&kind, "%s%s", n ? "," : "{", of);
		buf_addf(&id, "%s%.*s", n++ ? "," : "{", SV_ARG(uuid));
	}
	r->kinds = n ? arena_sv(rq->arena, (buf_addc(&kind, '}'), buf_sv(&kind))) : SV("{}");
	r->ids = n ? arena_sv(rq->arena, (buf_addc(&id, '}'), buf_sv(&id))) : SV("{}");
}

int recent_search(struct http_request *rq, struct db_batch *b, struct sv term, int most,
		  struct sv only)
{
	struct recent r;

	recent_read(rq, &r);
	return db_add(b,
		"select s.*, jsonb_build_object(case when s.is_recent then 'recent' else s.kind end, true) as is_a,"
		" coalesce(lag(s.kind) over () is distinct from s.kind and not s.is_recent"
		"	or lag(s.is_recent) over () is distinct from s.is_recent, true) as begins"
		" from app.search($1, $2::integer, $3::text[], $4::uuid[], nullif($5, '')) s",
		DB_S(term), DB_I(most), DB_S(r.kinds), DB_S(r.ids), DB_S(only));
}

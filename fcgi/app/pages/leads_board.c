/*
 * /leads/board: leads by status, the highest score at the top of each column;
 * /leads/cards: more cards of one column.
 */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Cards that a column begins with, and that each "Show more" brings. */
#define CARDS 50
#define CARDS_SQL "50"
/* Counted up to here. */
#define COUNTED "10000"

static const char *const columns[] = { "New", "Contacted", "Qualified", "Converted", "Disqualified" };
#define N_COLUMNS (sizeof(columns) / sizeof(*columns))

static void filter(struct query *q, struct http_request *rq)
{
	struct sv owner = http_query(rq, "owner"), term = sv_trim(http_query(rq, "q"));
	struct sv source = http_query(rq, "source");

	if (sv_eq(owner, SV("none")))
		query_add(q, " and t.owner_id is null");
	else if (uuid_valid(owner)) {
		query_with(q, " and t.owner_id = ", DB_S(owner));
		query_add(q, "::uuid");
	}
	if (source.n)
		query_with(q, " and t.source = ", DB_S(source));
	if (term.n) {
		query_with(q, " and t.id = any (array(select internal.find_leads(", DB_S(term));
		query_add(q, ", null, 5000)))");
	}
}

#define CARD                                                                              \
	" t.id, t.name, t.company_name as company, t.title, t.score, t.score >= high.score as is_high," \
	" t.score || '_' || t.id as place, t.tags[1:3] as tags, t.status = 'Converted' as is_converted,"  \
	" a.id is not null as has_owner, internal.person(a.first_name, a.last_name, a.email) as owner,"    \
	" internal.initials(a.first_name, a.last_name, a.email) as owner_initials"
#define JOINS                                                                             \
	" cross join (select coalesce(max(s.high_score_threshold), 70) as score from lead_scoring s) high" \
	" left join profiles a on a.organization_id = t.organization_id and a.id = t.owner_id"
#define ORDER " order by t.score desc, t.id desc"

/* One column after the other, in one statement each: its count and its cards. */
static int add_cards(struct http_request *rq, struct db_batch *b, struct sv status, int64_t score, struct sv id)
{
	struct query q;

	query_init(&q, rq->arena);
	query_add(&q, "select" CARD " from (select t.* from leads t where true");
	query_with(&q, " and t.status = ", DB_S(status));
	if (id.n) {
		query_with(&q, " and (t.score, t.id) < (", DB_I(score));
		query_with(&q, "::integer, ", DB_S(id));
		query_add(&q, "::uuid)");
	}
	filter(&q, rq);
	query_add(&q, ORDER " limit " CARDS_SQL ") t" JOINS ORDER);
	return query_run(&q, b);
}

static int add_counts(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	query_add(&q, "select s.status, (select count(*) from (select from leads t where t.status = s.status");
	filter(&q, rq);
	query_add(&q, " limit " COUNTED ") n) as n from unnest(array['New', 'Contacted', 'Qualified', 'Converted',"
		      " 'Disqualified']) with ordinality s (status, place) order by s.place");
	return query_run(&q, b);
}

/* The filters as they stand, for "Show more". */
static struct sv kept(struct http_request *rq)
{
	static const char *const names[] = { "q", "owner", "source" };
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < 3; i++) {
		struct sv value = http_query(rq, names[i]);

		if (!value.n)
			continue;
		buf_addf(&out, "%s=", names[i]);
		buf_url(&out, value);
		buf_addc(&out, '&');
	}
	return arena_sv(rq->arena, buf_sv(&out));
}

static void show_column(struct http_request *rq, struct tmpl_value *column, const struct db_batch *b, int cards,
			const char *status)
{
	size_t n = db_rows(b, cards);

	tmpl_set_text(column, "id", sv_from(status));
	tmpl_set_text(column, "query", kept(rq));
	web_set_rows(column, "cards", b, cards);
	if (n == CARDS)
		tmpl_set_text(column, "more", db_named(b, cards, n - 1, "place"));
}

enum status leads_board(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int cards[N_COLUMNS], counts, team = -1;
	bool fragment = wants_fragment(rq);
	struct tmpl_value *page, *list;
	bool any = false;

	web_me(rq, b);
	for (size_t i = 0; i < N_COLUMNS; i++)
		cards[i] = add_cards(rq, b, sv_from(columns[i]), 0, SV_NONE);
	counts = add_counts(rq, b);
	if (!fragment)
		team = team_add(b, http_query(rq, "owner"));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list = tmpl_set_list(page, "columns");
	for (size_t i = 0; i < N_COLUMNS; i++) {
		struct tmpl_value *column = tmpl_push_map(list);

		show_column(rq, column, b, cards[i], columns[i]);
		tmpl_set_text(column, "name", sv_from(lead_status_label(sv_from(columns[i]))));
		tmpl_set_text(column, "count", db_named(b, counts, i, "n"));
		tmpl_set_bool(column, "is_converted", i == 3);
		any = any || db_rows(b, cards[i]);
	}
	tmpl_set_bool(page, "empty", !any);
	tmpl_set_bool(page, "filtered", kept(rq).n > 0);
	if (fragment)
		return web_render(rq, rs, "app/leads_columns", page, e);
	web_set_rows(page, "team", b, team);
	lead_sources_show(page, http_query(rq, "source"));
	tmpl_set_text(page, "q", http_query(rq, "q"));
	tmpl_set_bool(page, "nobody", sv_eq(http_query(rq, "owner"), SV("none")));
	return web_render(rq, rs, "app/leads_board", page, e);
}

/* "score_id" */
static bool read_place(struct sv text, int64_t *score, struct sv *id)
{
	ptrdiff_t cut = sv_chr(text, '_');

	*id = cut < 0 ? SV_NONE : sv_skip(text, (size_t)cut + 1);
	return cut > 0 && sv_to_i64(sv_make(text.p, (size_t)cut), score) && uuid_valid(*id);
}

enum status leads_cards(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv status = http_query(rq, "column"), id;
	struct tmpl_value *page;
	int64_t score;
	int cards;

	if (!*lead_status_label(status) || !read_place(http_query(rq, "after"), &score, &id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "There is no such place in a column");
	cards = add_cards(rq, b, status, score, id);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	show_column(rq, page, b, cards, arena_dup(rq->arena, status));
	return web_render(rq, rs, "app/leads_cards", page, e);
}

/*
 * /contacts: the list, as cards or as a table; and /contacts/options, what the
 * picker of a form offers while somebody types.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ "oldest", "Oldest first", "t.created_at", "::timestamptz", false },
	{ "az", "Name A to Z", "t.full_name_search", "::text", false },
	{ "za", "Name Z to A", "t.full_name_search", "::text", true },
	{ 0 },
};
static const char *const kept[] = { "q", "tag", "assignee", NULL };
static const struct list_kind contacts = { "/contacts", sorts, kept };

/* Name in either order, digits of a phone, e-mail, tag (one index), or the
 * company's name (CON-17..21, CON-24, CON-25). */
static void match(struct query *q, struct http_request *rq)
{
	struct sv term = sv_trim(http_query(rq, "q")), tag = http_query(rq, "tag");

	if (term.n) {
		query_with(q, " and (t.search_text like internal.search_pattern(", DB_S(term));
		query_with(q, ") or t.company_id = any (array(select internal.find_companies(",
			   DB_S(term));
		query_add(q, ", null, 200))))");
	}
	if (tag.n) {
		query_with(q, " and t.tags @> array[", DB_S(tag));
		query_add(q, "::text]");
	}
}

static void filter(struct query *q, struct http_request *rq)
{
	struct sv assignee = http_query(rq, "assignee");

	if (sv_eq(assignee, SV("none"))) {
		query_add(q, " and t.assignee_id is null");
	} else if (uuid_valid(assignee)) {
		query_with(q, " and t.assignee_id = ", DB_S(assignee));
		query_add(q, "::uuid");
	}
}

static const struct list_search search = { "contacts", "internal.find_contacts", match, filter };

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_search(l, &q, &search);
	query_add(&q,
		"select p.id, p.k::text as k, p.total, p.phones[1] as phone, p.emails[1] as"
		" email, p.tags[1:4] as tags,"
		" nullif(cardinality(p.tags) - 4, -4) > 0 as more_tags,"
		" internal.person(p.first_name, p.last_name, coalesce(p.phones[1], p.emails[1]))"
		" as name,"
		" internal.initials(p.first_name, p.last_name, p.emails[1]) as initials, p.source,"
		" co.name as company, co.id as company_id,"
		" internal.person(a.first_name, a.last_name, a.email) as assignee, a.id is not"
		" null as has_assignee,"
		" internal.initials(a.first_name, a.last_name, a.email) as assignee_initials,"
		" (select count(*) from (select from deals d where d.organization_id ="
		" p.organization_id and d.contact_id = p.id"
		" and d.won_at is null and d.lost_at is null limit 100) open) as deals,"
		" (select c.id from conversations c where c.organization_id = p.organization_id"
		" and c.contact_id = p.id"
		" order by c.last_message_at desc nulls last limit 1) as conversation_id,"
		" internal.shown_time(p.created_at, (select internal.my_zone())) as added"
		" from page p"
		" left join companies co on co.organization_id = p.organization_id and co.id ="
		" p.company_id"
		" left join profiles a on a.organization_id = p.organization_id and a.id ="
		" p.assignee_id"
		" where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

enum status contacts_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool fragment = wants_fragment(rq), table = wants_table(rq, rs, "kontor_contacts");
	struct list l;
	struct tmpl_value *page;
	int rows, count, team = -1, tags = -1;

	web_me(rq, b);
	list_init(&l, rq, &contacts);
	rows = add_rows(&l, b);
	count = list_search_count(rq, b, &search);
	if (!fragment) {
		team = team_add(b, http_query(rq, "assignee"));
		tags = db_add(b,
			"select x.tag, x.tag = $1 as selected from (select distinct"
			" unnest(r.tags) as tag from"
			" (select c.tags from contacts c order by c.created_at desc limit 2000) r"
			" union select nullif($1, '')) x where x.tag is not null order by"
			" lower(x.tag)",
			DB_S(http_query(rq, "tag")));
	}
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	tmpl_set_bool(page, "table", table);
	if (fragment)
		return web_render(rq, rs, "app/contacts_rows", page, e);
	tmpl_set_bool(page, "nobody", sv_eq(http_query(rq, "assignee"), SV("none")));
	web_set_rows(page, "team", b, team);
	web_set_rows(page, "tags", b, tags);
	return web_render(rq, rs, "app/contacts", page, e);
}

enum status contacts_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select t.id, internal.person(t.first_name, t.last_name, coalesce(t.phones[1],"
		" t.emails[1])) as name,"
		" concat_ws(' · ', co.name, coalesce(t.emails[1], t.phones[1])) as detail"
		" from contacts t left join companies co on co.organization_id ="
		" t.organization_id and co.id = t.company_id"
		" where t.id = any (array(select internal.find_contacts($1, null, 200))) order by"
		" t.full_name_search, t.id limit 8",
		DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}

/* Who is in the team, for every page that assigns something. */
int team_add(struct db_batch *b, struct sv chosen)
{
	return db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id::text = $1 as selected,"
		" p.id = auth.uid() as is_me"
		" from profiles p where p.is_active or p.id::text = $1 order by"
		" lower(p.first_name), p.id limit 500",
		DB_S(chosen));
}

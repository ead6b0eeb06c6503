/* Lists: sort orders, filters that stay, keyset paging. */
#include "fcgi/app/crm.h"

#include "base/uuid.h"

static const struct list_sort *sort_named(const struct list_kind *kind, struct sv name)
{
	for (const struct list_sort *s = kind->sorts; s->name; s++)
		if (sv_eq(name, sv_from(s->name)))
			return s;
	return kind->sorts;
}

/* A cursor is the sort key and the id: "2026-01-02 03:04:05+00|0190...". */
static bool read_cursor(struct list *l, struct sv cursor)
{
	if (cursor.n <= UUID_LEN + 1 || cursor.p[cursor.n - UUID_LEN - 1] != '|')
		return false;
	l->cursor_id = sv_skip(cursor, cursor.n - UUID_LEN);
	l->cursor_key = sv_make(cursor.p, cursor.n - UUID_LEN - 1);
	if (uuid_valid(l->cursor_id))
		return true;
	l->cursor_id = l->cursor_key = SV_NONE;
	return false;
}

void list_init(struct list *l, struct http_request *rq, const struct list_kind *kind)
{
	*l = (struct list){ .rq = rq, .kind = kind, .page = 1 };
	l->sort = sort_named(kind, http_query(rq, "sort"));
	if (!read_cursor(l, http_query(rq, "after")))
		l->backwards = read_cursor(l, http_query(rq, "before"));
	if (l->cursor_id.n && (!sv_to_i64(http_query(rq, "page"), &l->page) || l->page < 1))
		l->page = 1;
}

static bool reads_down(const struct list *l)
{
	return l->sort->descending != l->backwards;
}

/* Order and limit of the rows, from the cursor on. */
static void add_edge(const struct list *l, struct query *q)
{
	const char *way = reads_down(l) ? " desc" : "";

	if (l->cursor_id.n) {
		query_add(q, " and (");
		query_add(q, l->sort->key);
		query_add(q, reads_down(l) ? ", t.id) < (" : ", t.id) > (");
		query_with(q, "", DB_S(l->cursor_key));
		query_add(q, l->sort->type);
		query_with(q, ", ", DB_S(l->cursor_id));
		query_add(q, "::uuid)");
	}
	query_add(q, " order by ");
	query_add(q, l->sort->key);
	query_add(q, way);
	query_add(q, ", t.id");
	query_add(q, way);
	query_with(q, " limit ", DB_I(LIST_ROWS + 1));
	query_add(q, "::integer");
}

static void add_page(const struct list *l, struct query *q)
{
	const char *way = reads_down(l) ? " desc" : "";

	query_add(q, "), page as (select f.*, row_number() over (order by f.k");
	query_add(q, way);
	query_add(q, ", f.id");
	query_add(q, way);
	query_add(q, ") as rn, count(*) over () as total from found f) ");
}

void list_begin(const struct list *l, struct query *q)
{
	query_add(q, "with found as (select ");
	query_add(q, l->sort->key);
	query_add(q, " as k, ");
}

void list_end(const struct list *l, struct query *q)
{
	add_edge(l, q);
	add_page(l, q);
}

void list_order(const struct list *l, struct query *q)
{
	const char *way = l->sort->descending ? " desc" : "";

	query_add(q, " order by p.k");
	query_add(q, way);
	query_add(q, ", p.id");
	query_add(q, way);
}

void list_count_begin(struct query *q)
{
	query_add(q, "select count(*) as n from (");
}

void list_count_end(struct query *q)
{
	query_with(q, " limit ", DB_I(LIST_COUNTED + 1));
	query_add(q, "::integer) x");
}

/* ---- showing ------------------------------------------------------------ */

static void add_parameter(struct buf *out, const char *name, struct sv value)
{
	if (!value.n)
		return;
	buf_addf(out, "%s=", name);
	buf_url(out, value);
	buf_addc(out, '&');
}

/* What every link of the list begins with: the filters, ready for more. */
static void add_kept(const struct list *l, struct buf *out)
{
	for (const char *const *name = l->kind->kept; *name; name++)
		add_parameter(out, *name, http_query(l->rq, *name));
}

static struct sv page_link(const struct list *l, const char *way, const struct db_batch *b,
			   int rows, size_t row, int64_t page)
{
	struct arena *a = l->rq->arena;
	buf_auto struct buf link = BUF_INIT;

	buf_addf(&link, "%s?", l->kind->path);
	add_kept(l, &link);
	add_parameter(&link, "sort", sv_from(l->sort->name));
	struct sv key = db_named(b, rows, row, "k");
	struct sv id = db_named(b, rows, row, "id");
	add_parameter(&link, way, sv_from(arena_printf(a, "%.*s|%.*s", SV_ARG(key), SV_ARG(id))));
	buf_addf(&link, "page=%lld", (long long)page);
	return arena_sv(a, buf_sv(&link));
}

static void show_links(const struct list *l, struct tmpl_value *list, const struct db_batch *b,
		       int rows)
{
	size_t n = db_rows(b, rows);
	int64_t total = 0;
	bool beyond;

	if (!n)
		return;
	sv_to_i64(db_first(b, rows, "total"), &total);
	beyond = total > LIST_ROWS;
	if (l->backwards ? beyond : l->cursor_id.n > 0)
		tmpl_set_text(list, "previous", page_link(l, "before", b, rows, 0, l->page - 1));
	if (l->backwards || beyond)
		tmpl_set_text(list, "next", page_link(l, "after", b, rows, n - 1, l->page + 1));
}

/* 1,234: what a person reads. */
static struct sv grouped(struct arena *a, int64_t n)
{
	if (n < 1000)
		return sv_from(arena_printf(a, "%lld", (long long)n));
	return sv_from(arena_printf(a, "%lld,%03lld", (long long)n / 1000, (long long)n % 1000));
}

static struct sv total_text(struct arena *a, const struct db_batch *b, int count, int64_t total)
{
	if (total > LIST_COUNTED)
		return SV("10,000+");
	if (sv_eq(db_first(b, count, "many"), SV("t"))) {
		struct sv most = grouped(a, total - 1);

		return sv_from(arena_printf(a, "%.*s+", SV_ARG(most)));
	}
	return grouped(a, total);
}

static void show_numbers(const struct list *l, struct tmpl_value *list, const struct db_batch *b,
			 int rows, int count)
{
	struct arena *a = l->rq->arena;
	size_t shown = db_rows(b, rows);
	int64_t total = 0, from = (l->page - 1) * LIST_ROWS + 1;

	sv_to_i64(db_first(b, count, "n"), &total);
	tmpl_set_bool(list, "empty", shown == 0);
	tmpl_set_text(list, "total", total_text(a, b, count, total));
	tmpl_set_text(list, "from", grouped(a, from));
	tmpl_set_text(list, "to", grouped(a, from + (int64_t)shown - 1));
}

static void show_sorts(const struct list *l, struct tmpl_value *list)
{
	struct tmpl_value *sorts = tmpl_set_list(list, "sorts");

	for (const struct list_sort *s = l->kind->sorts; s->name; s++) {
		struct tmpl_value *one = tmpl_push_map(sorts);

		tmpl_set_text(one, "name", sv_from(s->name));
		tmpl_set_text(one, "label", sv_from(tr(s->label)));
		tmpl_set_bool(one, "selected", s == l->sort);
	}
}

void list_show(const struct list *l, struct tmpl_value *page, const struct db_batch *b, int rows,
	       int count)
{
	struct tmpl_value *list = tmpl_set_map(page, "list");
	struct tmpl_value *filter = tmpl_set_map(page, "filter");
	buf_auto struct buf query = BUF_INIT;
	bool filtered = false;

	web_set_rows(page, "rows", b, rows);
	show_numbers(l, list, b, rows, count);
	show_links(l, list, b, rows);
	show_sorts(l, list);
	for (const char *const *name = l->kind->kept; *name; name++) {
		struct sv value = http_query(l->rq, *name);

		tmpl_set_text(filter, *name, value);
		filtered |= value.n > 0;
	}
	tmpl_set_bool(list, "filtered", filtered);
	add_kept(l, &query);
	add_parameter(&query, "sort", http_query(l->rq, "sort"));
	tmpl_set_text(list, "query", arena_sv(l->rq->arena, buf_sv(&query)));
}

/* What the address of the list says: a view, filters, an order, a search. */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"
#include "base/uuid.h"

#include <string.h>

/* A view is some filters under a name; the first is the one that opens. */
static const struct talk_view views[] = {
	{ "open", N_("Open"), .filters = { [TALK_STATUS] = "OPEN,PENDING" } },
	{ "unread", N_("Unread"), .filters = { [TALK_UNREAD] = "1" } },
	{ "mine", N_("Mine"), .filters = { [TALK_STATUS] = "OPEN,PENDING", [TALK_ASSIGNEE] = "me" } },
	{ "unassigned", N_("Unassigned"),
	  .filters = { [TALK_STATUS] = "OPEN,PENDING", [TALK_ASSIGNEE] = "none" } },
	{ "starred", N_("Starred"), .filters = { [TALK_STARRED] = "1", [TALK_SNOOZED] = "any" }, .in_menu = true },
	{ "overdue", N_("Overdue"), .filters = { [TALK_OVERDUE] = "1" }, .in_menu = true },
	{ "snoozed", N_("Snoozed"), .filters = { [TALK_SNOOZED] = "only" }, .in_menu = true },
	{ "comments", N_("Comments"), .filters = { [TALK_STATUS] = "OPEN,PENDING", [TALK_TYPE] = "comment" }, .in_menu = true },
	{ "closed", N_("Closed"), .filters = { [TALK_STATUS] = "RESOLVED,CLOSED" }, .in_menu = true },
	{ "all", N_("All"), .filters = { [TALK_SNOOZED] = "any" }, .in_menu = true },
};
#define VIEWS (sizeof(views) / sizeof(*views))

/* Names in the address and what they are called on a chip. */
static const struct {
	const char *name, *label;
} params[TALK_PARAMS] = {
	[TALK_CHANNEL] = { "channel", N_("Channel") }, [TALK_STATUS] = { "status", N_("Status") },
	[TALK_ASSIGNEE] = { "assignee", N_("Responsible") }, [TALK_TAG] = { "tag", N_("Tag") },
	[TALK_TYPE] = { "type", N_("Message type") }, [TALK_UNREAD] = { "unread", N_("Unread") },
	[TALK_STARRED] = { "starred", N_("Starred") }, [TALK_SNOOZED] = { "snoozed", N_("Snoozed") },
	[TALK_OVERDUE] = { "overdue", N_("Overdue") }, [TALK_FROM] = { "from", N_("From") },
	[TALK_TO] = { "to", N_("Until") }, [TALK_Q] = { "q", N_("Search") }, [TALK_SORT] = { "sort", N_("Order") },
};

const struct talk_choice talk_statuses[] = {
	{ "OPEN,PENDING", N_("Open and pending") }, { "OPEN", N_("Open") }, { "PENDING", N_("Pending") },
	{ "RESOLVED", N_("Resolved") }, { "CLOSED", N_("Closed") }, { "RESOLVED,CLOSED", N_("Closed and resolved") }, { 0 },
};
const struct talk_choice talk_types[] = {
	{ "text", N_("Text only") }, { "image", N_("Image") }, { "video", N_("Video") }, { "audio", N_("Audio") },
	{ "document", N_("Document") }, { "dm", N_("Direct messages") }, { "comment", N_("Comments") }, { 0 },
};
/* INB-4 */
const struct talk_choice talk_sorts[] = {
	{ "recent", N_("Most recent first") }, { "unread", N_("Unread first") }, { "mine", N_("Assigned to me first") },
	{ "unassigned", N_("Unassigned first") }, { 0 },
};

const char *talk_choice_label(const struct talk_choice *c, struct sv value)
{
	for (; c->value; c++)
		if (sv_eq(value, sv_from(c->value)))
			return tr(c->label);
	return NULL;
}

/* ---- reading ------------------------------------------------------------------- */

enum status inbox_read_cursor(struct http_request *rq, const char *name, struct sv *at, struct sv *id,
			      struct err *e)
{
	struct sv rest = http_query(rq, name);

	*at = *id = SV_NONE;
	if (!rest.n)
		return ST_OK;
	*at = sv_cut(&rest, '_');
	*id = rest;
	if (!at->n || !uuid_valid(*id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "%s is no place in this thread", name);
	return ST_OK;
}

enum status inbox_read_ids(struct http_request *rq, struct sv *out, struct err *e)
{
	struct sv rest = http_query(rq, "ids");
	buf_auto struct buf list = BUF_INIT;

	buf_addc(&list, '{');
	for (int n = 0; rest.n; n++) {
		struct sv id = sv_cut(&rest, ',');

		if (!uuid_valid(id) || n == LIVE_IDS)
			return err_set(e, rq->arena, ST_BAD_INPUT,
				       "ids are up to %d ids with commas", LIVE_IDS);
		if (n)
			buf_addc(&list, ',');
		buf_add(&list, id);
	}
	buf_addc(&list, '}');
	*out = arena_sv(rq->arena, buf_sv(&list));
	return ST_OK;
}

/* ?before=<leg>_<time>_<id>, as the rows carry it. */
static enum status read_before(struct http_request *rq, struct talk_list *l, struct err *e)
{
	struct sv rest = http_query(rq, "before");

	if (!rest.n)
		return ST_OK;
	l->before_leg = sv_cut(&rest, '_');
	l->before_at = sv_cut(&rest, '_');
	l->before_id = rest;
	if (l->before_leg.n != 1 || l->before_leg.p[0] < '1' || l->before_leg.p[0] > '3' || !uuid_valid(rest))
		return err_set(e, rq->arena, ST_BAD_INPUT, "before is no place in this list");
	return ST_OK;
}

static enum status check(struct http_request *rq, const struct talk_list *l, struct err *e)
{
	struct sv who = l->given[TALK_ASSIGNEE], sort = l->given[TALK_SORT];

	if (who.n && !sv_eq(who, SV("me")) && !sv_eq(who, SV("none")) && !uuid_valid(who))
		return err_set(e, rq->arena, ST_BAD_INPUT, "assignee is me, none or the id of a member");
	if (sort.n && !talk_choice_label(talk_sorts, sort))
		return err_set(e, rq->arena, ST_BAD_INPUT, "sort is recent, unread, mine or unassigned");
	return ST_OK;
}

static void read_pairs(const struct http_pairs *from, struct talk_list *l)
{
	l->view = &views[0];
	for (size_t i = 0; i < from->n; i++) {
		struct sv name = from->v[i].name, value = sv_trim(from->v[i].value);

		if (sv_eq(name, SV("view")))
			for (size_t k = 0; k < VIEWS; k++)
				if (sv_eq(value, sv_from(views[k].name)))
					l->view = &views[k];
		if (sv_eq(name, SV("v")) && uuid_valid(value))
			l->saved = value;
		for (size_t k = 0; k < TALK_PARAMS; k++)
			if (sv_eq(name, sv_from(params[k].name)))
				l->given[k] = value;
	}
}

enum status inbox_read_list(struct http_request *rq, struct talk_list *l, struct err *e)
{
	*l = (struct talk_list){ 0 };
	read_pairs(http_query_all(rq), l);
	return check(rq, l, e) || read_before(rq, l, e) ? e->status : ST_OK;
}

enum status inbox_read_address(struct http_request *rq, struct sv address, struct talk_list *l,
			       struct err *e)
{
	struct http_pairs pairs = { 0 };

	*l = (struct talk_list){ 0 };
	if (address.n && address.p[0] == '?')
		address = (struct sv){ address.p + 1, address.n - 1 };
	if (http_parse_urlencoded(rq->arena, address, &pairs, e))
		return e->status;
	read_pairs(&pairs, l);
	return check(rq, l, e);
}

bool inbox_list_filtered(const struct talk_list *l)
{
	for (size_t i = 0; i < TALK_SORT; i++)
		if (l->given[i].n)
			return true;
	return l->view != &views[0];
}

/* ---- as the database is asked ------------------------------------------------------ */

/* A filter that the address names wins over the view's. A search goes over all
 * conversations of the contacts found (INB-25, INB-26). */
static struct sv value_of(const struct talk_list *l, enum talk_param p)
{
	if (l->given[p].n)
		return l->given[p];
	if (l->given[TALK_Q].n)
		return p == TALK_SNOOZED ? SV("any") : SV_NONE;
	return l->view->filters[p] ? sv_from(l->view->filters[p]) : SV_NONE;
}

static void key(struct buf *out, const char *name)
{
	if (out->n > 1)
		buf_addc(out, ',');
	buf_json(out, sv_from(name));
	buf_addc(out, ':');
}

static void add_text(struct buf *out, const char *name, struct sv value)
{
	if (!value.n)
		return;
	key(out, name);
	buf_json(out, value);
}

static void add_words(struct buf *out, const char *name, struct sv value)
{
	bool first = true;

	if (!value.n)
		return;
	key(out, name);
	buf_addc(out, '[');
	while (value.n) {
		if (!first)
			buf_addc(out, ',');
		buf_json(out, sv_trim(sv_cut(&value, ',')));
		first = false;
	}
	buf_addc(out, ']');
}

static void add_flag(struct buf *out, const char *name, struct sv value)
{
	if (!value.n)
		return;
	key(out, name);
	buf_add(out, sv_eq(value, SV("0")) ? SV("false") : SV("true"));
}

/* One WhatsApp for both ways to connect it (INB-19); MESSENGER is another name
 * of FB_MESSENGER; an id is one account. */
static void add_channel(struct buf *out, struct sv value)
{
	if (sv_eq(value, SV("WHATSAPP")))
		value = SV("WHATSAPP_CLOUD,WHATSAPP_LITE");
	else if (sv_eq(value, SV("MESSENGER")))
		value = SV("FB_MESSENGER");
	add_words(out, uuid_valid(value) ? "accounts" : "channels", value);
}

struct sv inbox_ask(struct arena *a, const struct talk_list *l, struct sv ids)
{
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '{');
	add_words(&out, "status", value_of(l, TALK_STATUS));
	add_channel(&out, value_of(l, TALK_CHANNEL));
	add_text(&out, "assignee", value_of(l, TALK_ASSIGNEE));
	add_words(&out, "tags", value_of(l, TALK_TAG));
	add_text(&out, "type", value_of(l, TALK_TYPE));
	add_flag(&out, "unread", value_of(l, TALK_UNREAD));
	add_flag(&out, "important", value_of(l, TALK_STARRED));
	add_text(&out, "snoozed", value_of(l, TALK_SNOOZED));
	add_flag(&out, "overdue", value_of(l, TALK_OVERDUE));
	add_text(&out, "from", value_of(l, TALK_FROM));
	add_text(&out, "to", value_of(l, TALK_TO));
	add_text(&out, "q", l->given[TALK_Q]);
	add_text(&out, "sort", l->given[TALK_SORT]);
	add_text(&out, "ids", ids);
	if (l->before_id.n) {
		key(&out, "after");
		buf_lit(&out, "{\"leg\":");
		buf_add(&out, l->before_leg);
		add_text(&out, "at", l->before_at);
		add_text(&out, "id", l->before_id);
		buf_addc(&out, '}');
	}
	buf_addc(&out, '}');
	return arena_sv(a, buf_sv(&out));
}

/* ---- addresses ------------------------------------------------------------------------ */

static void add_part(struct buf *q, const char *name, struct sv value)
{
	if (!value.n)
		return;
	buf_addc(q, q->n ? '&' : '?');
	buf_add(q, sv_from(name));
	buf_addc(q, '=');
	buf_url(q, value);
}

/* without: this filter is left out; TALK_PARAMS: none. */
static struct sv address(struct arena *a, const struct talk_list *l, const struct talk_view *view,
			 size_t without, bool saved)
{
	buf_auto struct buf q = BUF_INIT;

	if (view != &views[0])
		add_part(&q, "view", sv_from(view->name));
	for (size_t i = 0; i < TALK_PARAMS; i++)
		if (i != without)
			add_part(&q, params[i].name, l->given[i]);
	if (saved)
		add_part(&q, "v", l->saved);
	return arena_sv(a, buf_sv(&q));
}

struct sv inbox_list_query(struct arena *a, const struct talk_list *l)
{
	return address(a, l, l->view, TALK_PARAMS, true);
}

static struct sv words_of(const struct talk_list *l, enum talk_param p, const struct db_batch *b, int members, int kinds)
{
	struct sv value = l->given[p];
	const char *label = p == TALK_STATUS  ? talk_choice_label(talk_statuses, value)
			    : p == TALK_TYPE  ? talk_choice_label(talk_types, value)
			    : p == TALK_SNOOZED ? tr(N_("only these"))
			    : p == TALK_UNREAD	? (sv_eq(value, SV("0")) ? tr(N_("no")) : tr(N_("yes")))
			    : p == TALK_STARRED || p == TALK_OVERDUE ? tr(N_("yes")) : NULL;

	if (label)
		return sv_from(label);
	if (p == TALK_ASSIGNEE && sv_eq(value, SV("me")))
		return sv_from(tr(N_("me")));
	if (p == TALK_ASSIGNEE && sv_eq(value, SV("none")))
		return sv_from(tr(N_("nobody")));
	for (size_t i = 0; p == TALK_ASSIGNEE && i < db_rows(b, members); i++)
		if (sv_eq(db_named(b, members, i, "id"), value))
			return db_named(b, members, i, "name");
	for (size_t i = 0; p == TALK_CHANNEL && i < db_rows(b, kinds); i++)
		if (sv_eq(db_named(b, kinds, i, "value"), value))
			return db_named(b, kinds, i, "label");
	return value;
}

/* The filters in force, each with the address without it. */
void inbox_set_chips(struct arena *a, struct tmpl_value *page, const struct talk_list *l,
		     const struct db_batch *b, int members, int kinds)
{
	struct tmpl_value *list = tmpl_set_list(page, "chips");

	for (size_t i = 0; i < TALK_SORT; i++) {
		struct tmpl_value *one;

		if (!l->given[i].n || i == TALK_Q)
			continue;
		one = tmpl_push_map(list);
		tmpl_set_text(one, "label", sv_from(tr(params[i].label)));
		tmpl_set_text(one, "value", words_of(l, (enum talk_param)i, b, members, kinds));
		tmpl_set_text(one, "query", address(a, l, l->view, i, true));
	}
}

static void set_choices(struct tmpl_value *page, const char *name, const struct talk_choice *c, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, name);

	for (; c->value; c++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(c->value));
		tmpl_set_text(one, "label", sv_from(tr(c->label)));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(c->value)));
	}
}

void inbox_set_filter(struct arena *a, struct tmpl_value *page, const struct talk_list *l)
{
	struct tmpl_value *tabs = tmpl_set_list(page, "views"), *menu = tmpl_set_list(page, "more_views");
	struct tmpl_value *given = tmpl_set_map(page, "given");
	static const struct talk_list nothing;

	for (size_t i = 0; i < VIEWS; i++) {
		struct tmpl_value *v = tmpl_push_map(views[i].in_menu ? menu : tabs);
		struct talk_list other = nothing;

		other.given[TALK_CHANNEL] = l->given[TALK_CHANNEL];
		other.given[TALK_SORT] = l->given[TALK_SORT];
		tmpl_set_text(v, "name", sv_from(views[i].name));
		tmpl_set_text(v, "label", sv_from(tr(views[i].label)));
		tmpl_set_text(v, "query", address(a, &other, &views[i], TALK_PARAMS, false));
		tmpl_set_bool(v, "is_current", !l->given[TALK_Q].n && !l->saved.n && l->view == &views[i]);
	}
	for (size_t i = 0; i < TALK_PARAMS; i++)
		tmpl_set_text(given, params[i].name, l->given[i]);
	set_choices(page, "statuses", talk_statuses, l->given[TALK_STATUS]);
	set_choices(page, "types", talk_types, l->given[TALK_TYPE]);
	tmpl_set_text(page, "view", sv_from(l->view->name));
	tmpl_set_text(page, "view_label", sv_from(tr(l->view->label)));
	tmpl_set_text(page, "saved", l->saved);
	tmpl_set_text(page, "q", l->given[TALK_Q]);
	tmpl_set_text(page, "query", inbox_list_query(a, l));
	tmpl_set_text(page, "plain_query", address(a, &nothing, l->view, TALK_PARAMS, false));
	tmpl_set_bool(page, "is_filtered", inbox_list_filtered(l));
	tmpl_set_bool(page, "is_unread_no", sv_eq(l->given[TALK_UNREAD], SV("0")));
	tmpl_set_bool(page, "is_unread_yes", sv_eq(l->given[TALK_UNREAD], SV("1")));
	tmpl_set_bool(page, "is_snoozed_any", sv_eq(l->given[TALK_SNOOZED], SV("any")));
	tmpl_set_bool(page, "is_snoozed_only", sv_eq(l->given[TALK_SNOOZED], SV("only")));
	tmpl_set_bool(page, "is_mine", sv_eq(l->given[TALK_ASSIGNEE], SV("me")));
	tmpl_set_bool(page, "is_nobodys", sv_eq(l->given[TALK_ASSIGNEE], SV("none")));
}

void inbox_set_sorts(struct arena *a, struct tmpl_value *page, const struct talk_list *l, struct sv preferred)
{
	struct tmpl_value *list = tmpl_set_list(page, "sorts");
	struct sv now = l->given[TALK_SORT].n ? l->given[TALK_SORT] : preferred.n ? preferred : SV("recent");

	for (const struct talk_choice *c = talk_sorts; c->value; c++) {
		struct tmpl_value *one = tmpl_push_map(list);
		struct talk_list other = *l;

		other.given[TALK_SORT] = sv_from(c->value);
		tmpl_set_text(one, "value", sv_from(c->value));
		tmpl_set_text(one, "label", sv_from(tr(c->label)));
		tmpl_set_text(one, "query", inbox_list_query(a, &other));
		tmpl_set_bool(one, "is_current", sv_eq(now, sv_from(c->value)));
	}
}

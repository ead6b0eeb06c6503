/*
 * /inbox/:id/template: choose an approved template for a conversation, fill in
 * its variables, see it, send it (MSG-18, MSG-19, INB-102). What the composer
 * leads to when the 24 hours are over.
 */
#include "fcgi/app/pages/whatsapp_templates.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

int template_add(struct db_batch *b, struct sv id)
{
	return db_add(b,
		      "select t.id, t.name, t.language, t.category, array_to_string(t.variables, ',') as variables, b.body, b.header,"
		      " b.header_format, b.footer, b.buttons, t.status = 'APPROVED' as is_approved, t.channel_account_id"
		      " from whatsapp_templates t, lateral internal.template_parts(t.components) b where t.id = $1",
		      DB_S(id));
}

/* "body.2" is "Text, variable 2". */
static struct sv label_of(struct arena *a, struct sv variable)
{
	struct sv rest = variable, part = sv_cut(&rest, '.');

	if (sv_eq(variable, SV("header.media")))
		return sv_from(tr("Address of the file in the heading"));
	if (sv_eq(part, SV("header")))
		return sv_from(arena_printf(a, tr("Heading, %.*s"), SV_ARG(rest)));
	if (sv_eq(part, SV("button")))
		return sv_from(arena_printf(a, tr("Address of the button, %.*s"), SV_ARG(rest)));
	return sv_from(arena_printf(a, tr("Text, %.*s"), SV_ARG(rest)));
}

void template_set_variables(struct http_request *rq, struct tmpl_value *page, struct sv list,
			    const struct form *f)
{
	struct tmpl_value *inputs = tmpl_set_list(page, "inputs");

	while (list.n) {
		struct sv name = sv_cut(&list, ',');
		struct tmpl_value *v = tmpl_push_map(inputs);

		tmpl_set_text(v, "name", name);
		tmpl_set_text(v, "label", label_of(rq->arena, name));
		if (f)
			tmpl_set_text(v, "value", http_form(rq, arena_printf(rq->arena, "value.%.*s", SV_ARG(name))));
	}
}

struct sv template_values(struct http_request *rq, const char *prefix)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf b = BUF_INIT;
	size_t skip = strlen(prefix);

	buf_addc(&b, '{');
	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name;

		if (!sv_starts(name, sv_from(prefix)))
			continue;
		buf_json_key(&b, arena_printf(rq->arena, "%.*s", (int)(name.n - skip), name.p + skip));
		buf_json(&b, sv_trim(all->v[i].value));
	}
	buf_addc(&b, '}');
	return arena_sv(rq->arena, buf_sv(&b));
}

static const char talk_sql[] =
	"select c.id, app.person(k.first_name, k.last_name, k.phones, k.emails) as name, coalesce(a.id, o.id) as account,"
	" c.status in ('OPEN', 'PENDING') as is_open from conversations c"
	" join contacts k on k.organization_id = c.organization_id and k.id = c.contact_id"
	" left join channel_accounts a on a.organization_id = c.organization_id and a.id = c.response_channel_id and a.type = 'WHATSAPP_CLOUD'"
	" left join channel_accounts o on o.organization_id = c.organization_id and o.id = c.channel_account_id and o.type = 'WHATSAPP_CLOUD'"
	" where c.id = $1";

/* The first that is meant: by the query, or the only one. */
static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f, struct err *e)
{
	struct sv id, chosen = f ? http_form(rq, "template") : http_query(rq, "template");
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int talk, list, one;

	if (path_id(rq, "conversation", &id, e))
		return e->status;
	if (!uuid_valid(chosen))
		chosen = SV_NONE;
	web_me(rq, b);
	talk = db_add(b, talk_sql, DB_S(id));
	list = db_add(b,
		      "select t.*, t.id is not distinct from $2::uuid as is_chosen from conversations c, lateral approved_templates(coalesce("
		      "(select a.id from channel_accounts a where a.id = c.response_channel_id and a.type = 'WHATSAPP_CLOUD'),"
		      " c.channel_account_id)) t where c.id = $1 and ($3::text is null or t.name like '%' || lower($3) || '%')",
		      DB_S(id), DB_S(chosen), DB_OPT(sv_trim(http_query(rq, "q"))));
	one = template_add(b, chosen);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, talk))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This conversation does not exist");
	page = web_page(rq, b);
	web_set_row(page, "talk", b, talk, 0);
	web_set_rows(page, "templates", b, list);
	if (db_rows(b, one)) {
		web_set_row(page, "template", b, one, 0);
		template_set_variables(rq, page, db_first(b, one, "variables"), f);
	}
	tmpl_set_text(page, "q", http_query(rq, "q"));
	tmpl_set_text(page, "client", f ? http_form(rq, "client") : uuid_new(rq->arena));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/inbox/template", page, e);
}

enum status talk_template_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

enum status talk_template_send(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, template = http_form(rq, "template"), client = http_form(rq, "client");
	struct db_batch *b = web_batch(rq);
	struct form f;

	if (path_id(rq, "conversation", &id, e))
		return e->status;
	form_init(&f, rq);
	if (!uuid_valid(template)) {
		form_error(&f, "template", sv_from(tr("Choose a template")));
		return show(rq, rs, &f, e);
	}
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	db_add(b, "select app.template_to_talk($1, $2, $3::jsonb, $4)", DB_S(id), DB_S(template),
	       DB_S(template_values(rq, "value.")), DB_S(client));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, &f, e) : e->status;
	return redirect_to(rq, rs, "/inbox/", id, "");
}

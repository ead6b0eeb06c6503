/*
 * What cards and the page of a deal offer without its form: a new deal at the
 * top of a column, owner, tags, a task (DEA-36). Programs in the page ask for
 * JSON; a plain form is sent back to the deal.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static bool wants_json(const struct http_request *rq)
{
	return sv_find(http_header(rq, "Accept"), SV("application/json")) >= 0;
}

/* The first field that is wrong, as the answer. */
static enum status refuse(struct http_request *rq, const char *field, const char *message,
			  struct err *e)
{
	err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", message);
	e->field = sv_from(field);
	return e->status;
}

enum status deals_quick(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_form(rq, "id"), pipeline = http_form(rq, "pipeline");
	struct form f;

	form_init(&f, rq);
	struct sv title = form_text(&f, "title"), value = form_money(&f, "value");
	struct sv contact = form_id(&f, "contact_id"), name = form_text(&f, "contact");

	id = uuid_valid(id) ? id : uuid_new(rq->arena);
	if (!title.n)
		return refuse(rq, "title", tr("Write what it is about"), e);
	if (!contact.n && !name.n)
		return refuse(rq, "contact", tr("Say with whom"), e);
	if (f.wrong)
		return refuse(rq, "value", tr("Write a number such as 1250 or 1250.50"), e);
	db_add(b,
		"insert into deals (id, title, value, currency, pipeline_id, stage, contact_id, company_id, owner_id)"
		" select $1::uuid, $2, coalesce(nullif($3, '')::numeric, 0), o.currency, $4::uuid, $5, k.id, c.company_id,"
		"	auth.uid()"
		" from (select coalesce($6::uuid, internal.typed_contact($7)) as id) k"
		" left join contacts c on c.id = k.id join organizations o on o.id = auth.org()"
		" on conflict (organization_id, id) do nothing",
		DB_S(id), DB_S(title), DB_S(value), DB_S(uuid_valid(pipeline) ? pipeline : SV_NONE),
		DB_S(form_text(&f, "stage")), DB_S(contact), DB_S(name));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"id\":");
	buf_json(&rs->body, id);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* The end of what changes one deal. */
static enum status finish(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  struct sv id, const char *done, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (!wants_json(rq))
		return redirect_to(rq, rs, "/deals/", id, done);
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{}");
	return ST_OK;
}

enum status deal_owner(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	must_exist(b, "deals", id);
	db_add(b, "update deals d set owner_id = $2::uuid where d.id = $1::uuid and d.owner_id is distinct from $2::uuid",
	       DB_S(id), DB_S(form_id(&f, "owner_id")));
	return finish(rq, rs, b, id, "?done=saved", e);
}

enum status deal_tags(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, tags;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	tags = form_words(&f, "tags");
	if (f.wrong)
		return refuse(rq, "tags", tr("A tag has at most 50 characters"), e);
	must_exist(b, "deals", id);
	db_add(b,
		"update deals d set tags = x.tags from (select coalesce(array_agg(distinct t), '{}') as tags"
		"	from jsonb_array_elements_text($2::jsonb) t) x"
		" where d.id = $1::uuid and d.tags is distinct from x.tags",
		DB_S(id), DB_S(tags));
	return finish(rq, rs, b, id, "?done=saved", e);
}

enum status deal_task(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, task = http_form(rq, "id");
	struct form f;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	struct sv title = form_text(&f, "title"), due = form_date(&f, "due");

	if (!title.n)
		return refuse(rq, "title", tr("Write what is to be done"), e);
	if (f.wrong)
		return refuse(rq, "due", tr("Write a date such as 2027-03-31"), e);
	must_exist(b, "deals", id);
	/* Due at the end of the day where the reader is. */
	db_add(b,
		"insert into tasks (id, title, deal_id, contact_id, assignee_id, due_date)"
		" select $2::uuid, $3, d.id, d.contact_id, coalesce($4::uuid, auth.uid()),"
		"	(nullif($5, '')::date + time '23:59') at time zone internal.my_zone()"
		" from deals d where d.id = $1::uuid on conflict (organization_id, id) do nothing",
		DB_S(id), DB_S(uuid_valid(task) ? task : uuid_new(rq->arena)), DB_S(title),
		DB_S(form_id(&f, "assignee_id")), DB_S(due));
	return finish(rq, rs, b, id, "?done=saved", e);
}

/* /deals/new and /deals/:id/edit. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Stages of all pipelines as one choice, "pipeline:stage" (DEA-12, DEA-23). */
static int add_stages(struct db_batch *b, struct sv id, struct sv chosen)
{
	return db_add(b,
		"with deal as (select d.pipeline_id, d.stage from deals d where d.id = $1::uuid)"
		" select p.name, (select jsonb_agg(jsonb_build_object('value', p.id || ':' || (s ->> 'id'), 'name', s ->> 'name',"
		"	'selected', case when $2 <> '' then p.id || ':' || (s ->> 'id') = $2"
		"		when exists (select from deal) then exists (select from deal where deal.pipeline_id = p.id"
		"			and deal.stage = s ->> 'id')"
		"		else p.is_default and n = 1 end) order by n)"
		"	from jsonb_array_elements(p.stages) with ordinality e (s, n)) as stages"
		" from pipelines p order by p.is_default desc, lower(p.name), p.id", DB_OPT(id), DB_S(chosen));
}

static int add_record(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select d.id, d.title, d.description, trim_scale(d.value) as value, d.currency, trim_scale(d.probability) as probability,"
		" d.contact_id, d.company_id, d.expected_close_date, d.source, d.tags, d.discard_reason, co.name as company,"
		" internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as contact"
		" from deals d left join contacts c on c.organization_id = d.organization_id and c.id = d.contact_id"
		" left join companies co on co.organization_id = d.organization_id and co.id = d.company_id"
		" where d.id = $1::uuid", DB_S(id));
}

/* /deals/new?contact=ID or ?company=ID begins with these filled in (DEA-32). */
static int add_beginning(struct http_request *rq, struct db_batch *b)
{
	struct sv contact = http_query(rq, "contact"), company = http_query(rq, "company");

	return db_add(b,
		"select o.currency, c.id as contact_id, co.id as company_id, co.name as company,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) end"
		"	as contact"
		" from organizations o left join contacts c on c.organization_id = o.id and c.id = $1::uuid"
		" left join companies co on co.organization_id = o.id and co.id = coalesce($2::uuid, c.company_id)"
		" where o.id = auth.org()",
		DB_S(uuid_valid(contact) ? contact : SV_NONE), DB_S(uuid_valid(company) ? company : SV_NONE));
}

static int add_team(struct db_batch *b, struct sv id, const struct form *f)
{
	return db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id = case when $3 then $1::uuid when $2::uuid is null then auth.uid()"
		"	else (select d.owner_id from deals d where d.id = $2::uuid) end as selected"
		" from profiles p where p.is_active order by lower(p.first_name), p.id limit 500",
		DB_OPT(f ? http_form(f->rq, "owner_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv chosen = f ? http_form(rq, "stage") : http_query(rq, "stage");
	int row, stages, team, custom;

	web_me(rq, b);
	row = id.n ? add_record(b, id) : add_beginning(rq, b);
	stages = add_stages(b, id, chosen.n ? chosen : SV(""));
	team = add_team(b, id, f);
	custom = custom_add(b, "deal", CUSTOM_OF("deals"), id, f);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist");
	page = web_page(rq, b);
	web_set_rows(page, "pipelines", b, stages);
	web_set_rows(page, "team", b, team);
	web_set_row(page, "custom", b, custom, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n)
		web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/deal_form", page, e);
}

enum status deal_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status deal_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* $17 is the company as typed; a name that no company has makes one. */
#define COMPANY_SQL                                                                               \
	"with found as (select co.id from companies co where lower(co.name) = lower($17)"         \
	"	and $9::uuid is null order by co.created_at, co.id limit 1),"                     \
	" made as (insert into companies (name) select $17 where $17 <> '' and $9::uuid is null"  \
	"	and not exists (select from found) returning id),"                                \
	" company as (select coalesce($9::uuid, (select id from found), (select id from made)) as id)"

static const char insert_sql[] = COMPANY_SQL
	" insert into deals (id, title, description, value, currency, probability, pipeline_id, stage, company_id, contact_id,"
	"	owner_id, expected_close_date, source, tags, custom_fields, discard_reason)"
	" select $1::uuid, $2, nullif($3, ''), coalesce(nullif($4, '')::numeric, 0), $5, nullif($6, '')::numeric, $7::uuid, $8,"
	"	company.id, $10::uuid, $11::uuid, nullif($12, '')::date, nullif($13, ''),"
	"	array(select jsonb_array_elements_text($14::jsonb)), $15::jsonb, nullif($16, '') from company"
	" on conflict (organization_id, id) do nothing";

/* A probability that was left as it was follows the stage (DEA-19, DEA-35). */
static const char update_sql[] = COMPANY_SQL
	" update deals d set title = $2, description = nullif($3, ''), value = coalesce(nullif($4, '')::numeric, 0),"
	"	currency = $5, probability = coalesce(nullif($6, '')::numeric, d.probability), pipeline_id = $7::uuid, stage = $8,"
	"	company_id = company.id, contact_id = $10::uuid, owner_id = $11::uuid,"
	"	expected_close_date = nullif($12, '')::date, source = nullif($13, ''),"
	"	tags = array(select jsonb_array_elements_text($14::jsonb)), discard_reason = nullif($16, ''),"
	"	won_at = case when d.stage = $8 and d.pipeline_id = $7::uuid then d.won_at end,"
	"	lost_at = case when d.stage = $8 and d.pipeline_id = $7::uuid then d.lost_at end,"
	"	custom_fields = internal.custom_merged('deal', d.custom_fields, $15::jsonb)"
	" from company where d.id = $1::uuid";

struct input {
	struct sv title, text, value, currency, probability, pipeline, stage, company, contact, owner;
	struct sv close, source, tags, custom, reason, company_name;
};

/* What the form needs (DEA-24): title, contact, stage, value. */
static void read_input(struct form *f, struct input *in)
{
	struct sv stage = form_required(f, "stage", "Choose a stage");

	in->pipeline = sv_cut(&stage, ':');
	in->stage = stage;
	if (!uuid_valid(in->pipeline) || !in->stage.n)
		form_error(f, "stage", SV("Choose a stage"));
	in->title = form_required(f, "title", "Write what it is about");
	in->value = form_money(f, "value");
	in->currency = form_required(f, "currency", "Three capital letters, such as EUR");
	in->probability = form_money(f, "probability");
	in->text = form_text(f, "description");
	in->contact = form_id(f, "contact_id");
	form_text(f, "contact");
	if (!in->contact.n)
		form_error(f, "contact", SV("Choose a contact from the list"));
	in->company = form_id(f, "company_id");
	in->company_name = form_text(f, "company");
	in->owner = form_id(f, "owner_id");
	in->close = form_date(f, "expected_close_date");
	in->source = form_text(f, "source");
	in->tags = form_words(f, "tags");
	in->custom = form_custom(f);
	in->reason = form_text(f, "discard_reason");
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct input in;

	read_input(f, &in);
	return db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(in.title), DB_S(in.text),
		      DB_S(in.value), DB_S(in.currency), DB_S(in.probability), DB_S(in.pipeline),
		      DB_S(in.stage), DB_S(in.company), DB_S(in.contact), DB_S(in.owner),
		      DB_S(in.close), DB_S(in.source), DB_S(in.tags), DB_S(in.custom),
		      DB_S(in.reason), DB_S(in.company_name));
}

static const struct record_form form = { "deal", "/deals/", add_save, show };

enum status deal_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status deal_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}

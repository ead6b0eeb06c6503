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
		"	'selected', case when $2 like '%:%' then p.id || ':' || (s ->> 'id') = $2"
		"		when $2 <> '' then p.id::text = $2 and n = 1"
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
		" d.priority = 'HIGH' as high, d.priority = 'MEDIUM' as medium, d.priority = 'LOW' as low, d.updated_at, d.products,"
		" internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as contact"
		" from deals d left join contacts c on c.organization_id = d.organization_id and c.id = d.contact_id"
		" left join companies co on co.organization_id = d.organization_id and co.id = d.company_id"
		" where d.id = $1::uuid", DB_S(id));
}

/* /deals/new?contact=ID, ?company=ID or ?conversation=ID begins with these filled
 * in (DEA-32, DEA-33, UCF-24, UCF-25). */
static int add_beginning(struct http_request *rq, struct db_batch *b)
{
	struct sv contact = http_query(rq, "contact"), company = http_query(rq, "company");
	struct sv talk = http_query(rq, "conversation");

	return db_add(b,
		"select o.currency, c.id as contact_id, co.id as company_id, co.name as company, k.id as conversation_id,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) end"
		"	as contact,"
		" case when k.id is not null then $4 || internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) end"
		"	as title, case when k.id is not null then 'inbox' end as source"
		" from organizations o left join conversations k on k.organization_id = o.id and k.id = $3::uuid"
		" left join contacts c on c.organization_id = o.id and c.id = coalesce($1::uuid, k.contact_id)"
		" left join companies co on co.organization_id = o.id and co.id = coalesce($2::uuid, c.company_id)"
		" where o.id = auth.org()",
		DB_S(uuid_valid(contact) ? contact : SV_NONE), DB_S(uuid_valid(company) ? company : SV_NONE),
		DB_S(uuid_valid(talk) ? talk : SV_NONE), DB_C(tr("Deal from Conversation - ")));
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
	int row, stages, team, custom, reasons;

	if (!chosen.n && uuid_valid(http_query(rq, "pipeline")))
		chosen = http_query(rq, "pipeline");
	web_me(rq, b);
	row = id.n ? add_record(b, id) : add_beginning(rq, b);
	stages = add_stages(b, id, chosen.n ? chosen : SV(""));
	team = add_team(b, id, f);
	custom = custom_add(b, "deal", CUSTOM_OF("deals"), id, f);
	reasons = db_add(b,
		"select x.name, x.name = y.chosen as selected from (select coalesce($2, (select d.discard_reason from deals d"
		"	where d.id = $1::uuid)) as chosen) y cross join lateral (select r.name, r.position from discard_reasons r"
		"	where r.is_active union select y.chosen, 1000 where y.chosen <> '' and not exists ("
		"	select from discard_reasons r where r.is_active and r.name = y.chosen)) x order by x.position, x.name",
		DB_OPT(id), DB_S(f ? http_form(rq, "discard_reason") : SV_NONE));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist");
	page = web_page(rq, b);
	web_set_rows(page, "pipelines", b, stages);
	web_set_rows(page, "team", b, team);
	web_set_row(page, "custom", b, custom, 0);
	web_set_rows(page, "reasons", b, reasons);
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

/* $17 is the company as typed, $18 the contact; a name that nobody has makes one. */
#define NAMED_SQL                                                                                 \
	"with found as (select co.id from companies co where lower(co.name) = lower($17)"         \
	"	and $9::uuid is null order by co.created_at, co.id limit 1),"                     \
	" made as (insert into companies (name) select $17 where $17 <> '' and $9::uuid is null"  \
	"	and not exists (select from found) returning id),"                                \
	" company as (select coalesce($9::uuid, (select id from found), (select id from made)) as id)," \
	" contact as materialized (select coalesce($10::uuid, internal.typed_contact($18)) as id)"

static const char insert_sql[] = NAMED_SQL
	" insert into deals (id, title, description, value, currency, probability, pipeline_id, stage, company_id, contact_id,"
	"	owner_id, expected_close_date, source, tags, custom_fields, discard_reason, products, priority, conversation_id)"
	" select $1::uuid, $2, nullif($3, ''), $4::numeric, $5, nullif($6, '')::numeric, $7::uuid, $8,"
	"	coalesce(company.id, (select c.company_id from contacts c where c.id = contact.id)), contact.id, $11::uuid,"
	"	nullif($12, '')::date, nullif($13, ''), array(select jsonb_array_elements_text($14::jsonb)), $15::jsonb,"
	"	nullif($16, ''), $19::jsonb, nullif($20, ''), $21::uuid from company, contact"
	" on conflict (organization_id, id) do nothing";

/* A probability that was left as it was follows the stage (DEA-19, DEA-35). */
static const char update_sql[] = NAMED_SQL
	" update deals d set title = $2, description = nullif($3, ''), value = $4::numeric,"
	"	currency = $5, probability = coalesce(nullif($6, '')::numeric, d.probability), pipeline_id = $7::uuid, stage = $8,"
	"	company_id = company.id, contact_id = contact.id, owner_id = $11::uuid,"
	"	expected_close_date = nullif($12, '')::date, source = nullif($13, ''),"
	"	tags = array(select jsonb_array_elements_text($14::jsonb)), discard_reason = nullif($16, ''),"
	"	custom_fields = internal.custom_merged('deal', d.custom_fields, $15::jsonb), priority = nullif($20, ''),"
	"	products = (select coalesce(jsonb_agg(coalesce(o.p, '{}') || n.p order by n.i), '[]')"
	"		from jsonb_array_elements($19::jsonb) with ordinality n (p, i)"
	"		left join jsonb_array_elements(d.products) with ordinality o (p, i) on o.i = n.i"
	"			and o.p ->> 'name' = n.p ->> 'name'),"
	"	conversation_id = coalesce($21::uuid, d.conversation_id)"
	" from company, contact where d.id = $1::uuid";

struct input {
	struct sv title, text, value, currency, probability, pipeline, stage, company, contact, owner;
	struct sv close, source, tags, custom, reason, company_name, contact_name, products, priority, talk;
};

/* One product under construction: its fields follow each other as its row stands. */
struct product {
	struct sv name, quantity, price;
};

static void add_product(struct form *f, struct buf *json, struct tmpl_value *shown, const struct product *p)
{
	struct tmpl_value *row;

	if (!p->name.n && !p->quantity.n && !p->price.n)
		return;
	row = tmpl_push_map(shown);
	tmpl_set_text(row, "name", p->name);
	tmpl_set_text(row, "quantity", p->quantity);
	tmpl_set_text(row, "unit_price", p->price);
	if (!p->name.n || !form_is_money(p->quantity.n ? p->quantity : SV("1")) ||
	    !form_is_money(p->price.n ? p->price : SV("0"))) {
		form_error(f, "products", sv_from(tr("A product has a name, and numbers for quantity and price")));
		return;
	}
	buf_add(json, json->n ? SV(",{\"name\":") : SV("[{\"name\":"));
	buf_json(json, p->name);
	buf_addf(json, ",\"quantity\":%.*s", SV_ARG(p->quantity));
	if (!p->quantity.n)
		buf_addc(json, '1');
	buf_addf(json, ",\"unit_price\":%.*s", SV_ARG(p->price));
	if (!p->price.n)
		buf_addc(json, '0');
	buf_addc(json, '}');
}

static struct sv read_products(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct tmpl_value *shown = tmpl_set_list(f->values, "products");
	buf_auto struct buf json = BUF_INIT;
	struct product p = { 0 };

	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name, value = sv_trim(all->v[i].value);

		if (sv_eq(name, SV("product_name")))
			p = (struct product){ .name = value };
		else if (sv_eq(name, SV("product_quantity")))
			p.quantity = form_plain_number(f->rq->arena, value);
		else if (sv_eq(name, SV("product_price"))) {
			p.price = form_plain_number(f->rq->arena, value);
			add_product(f, &json, shown, &p);
		}
	}
	if (!json.n)
		return SV("[]");
	buf_addc(&json, ']');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

/* What the form needs (DEA-24): title, contact, stage, value. */
static void read_input(struct form *f, struct input *in)
{
	struct sv stage = form_required(f, "stage", tr("Choose a stage"));

	in->pipeline = sv_cut(&stage, ':');
	in->stage = stage;
	if (!uuid_valid(in->pipeline) || !in->stage.n)
		form_error(f, "stage", sv_from(tr("Choose a stage")));
	in->title = form_required(f, "title", tr("Write what it is about"));
	in->value = form_money(f, "value");
	if (!form_text(f, "value").n)
		form_error(f, "value", sv_from(tr("Write what it is worth; 0 when that is not known yet")));
	in->currency = form_required(f, "currency", tr("Three capital letters, such as EUR"));
	in->probability = form_money(f, "probability");
	in->text = form_text(f, "description");
	in->contact = form_id(f, "contact_id");
	in->contact_name = form_text(f, "contact");
	if (!in->contact.n && !in->contact_name.n)
		form_error(f, "contact", sv_from(tr("Choose a contact from the list, or write a new name")));
	in->company = form_id(f, "company_id");
	in->company_name = form_text(f, "company");
	in->owner = form_id(f, "owner_id");
	in->close = form_date(f, "expected_close_date");
	in->source = form_text(f, "source");
	in->tags = form_words(f, "tags");
	in->custom = form_custom(f);
	in->reason = form_text(f, "discard_reason");
	in->products = read_products(f);
	in->priority = form_text(f, "priority");
	in->talk = form_id(f, "conversation_id");
	tmpl_set_bool(f->values, "high", sv_eq(in->priority, SV("HIGH")));
	tmpl_set_bool(f->values, "medium", sv_eq(in->priority, SV("MEDIUM")));
	tmpl_set_bool(f->values, "low", sv_eq(in->priority, SV("LOW")));
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct input in;

	read_input(f, &in);
	return db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(in.title), DB_S(in.text),
		      DB_S(in.value), DB_S(in.currency), DB_S(in.probability), DB_S(in.pipeline),
		      DB_S(in.stage), DB_S(in.company), DB_S(in.contact), DB_S(in.owner),
		      DB_S(in.close), DB_S(in.source), DB_S(in.tags), DB_S(in.custom),
		      DB_S(in.reason), DB_S(in.company_name), DB_S(in.contact_name), DB_S(in.products),
		      DB_S(in.priority), DB_S(in.talk));
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

/*
 * Companies of a contact and people of a company (LEA-33), and who somebody in
 * a form may be: /contacts/lookalikes.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

/* do=add: one that was picked, or a new one of that name; first; remove. */
enum status contact_companies_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, what = http_form(rq, "do"), company = http_form(rq, "company_id");
	struct sv name = sv_trim(http_form(rq, "company"));
	struct db_batch *b = web_batch(rq);

	if (path_id(rq, "contact", &id, e))
		return e->status;
	must_exist(b, "contacts", id);
	if (sv_eq(what, SV("first")))
		db_add(b,
			"update contact_companies set is_primary = true where contact_id = $1::uuid and company_id = $2::uuid",
			DB_S(id), DB_OPT(company));
	else if (sv_eq(what, SV("remove")))
		db_add(b, "delete from contact_companies where contact_id = $1::uuid and company_id = $2::uuid",
		       DB_S(id), DB_OPT(company));
	else if (company.n || name.n)
		db_add(b,
			"with found as (select co.id from companies co where lower(co.name) = lower($3) and $2::uuid is null"
			"	order by co.created_at, co.id limit 1),"
			" made as (insert into companies (name) select $3 where $3 <> '' and $2::uuid is null"
			"	and not exists (select from found) returning id)"
			" insert into contact_companies (contact_id, company_id)"
			" select $1::uuid, x.id from (select coalesce($2::uuid, (select id from found), (select id from made)) as id) x"
			" on conflict on constraint contact_companies_pair_key do nothing",
			DB_S(id), DB_OPT(company), DB_S(name));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/contacts/", id, "?done=saved");
}

enum status company_people_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, contact = http_form(rq, "contact_id");
	struct db_batch *b = web_batch(rq);

	if (path_id(rq, "company", &id, e))
		return e->status;
	if (!contact.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose a person from the list"));
	must_exist(b, "companies", id);
	db_add(b,
		"insert into contact_companies (contact_id, company_id) values ($1::uuid, $2::uuid)"
		" on conflict on constraint contact_companies_pair_key do nothing", DB_S(contact), DB_S(id));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/companies/", id, "?done=saved");
}

enum status contacts_lookalikes(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_pairs *all = http_query_all(rq);
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf mails = BUF_INIT, numbers = BUF_INIT;
	struct tmpl_value *page;
	int found;

	for (size_t i = 0; i < all->n && i < 40; i++) {
		bool mail = sv_eq(all->v[i].name, SV("emails"));
		struct buf *out = mail ? &mails : &numbers;

		if ((!mail && !sv_eq(all->v[i].name, SV("phones"))) || !sv_trim(all->v[i].value).n)
			continue;
		buf_addc(out, out->n ? ',' : '[');
		buf_json(out, sv_trim(all->v[i].value));
	}
	buf_lit(&mails, "]");
	buf_lit(&numbers, "]");
	found = db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" concat_ws(' · ', c.emails[1], c.phones[1]) as detail"
		" from internal.lookalikes(array(select jsonb_array_elements_text($1::jsonb)),"
		"	array(select jsonb_array_elements_text($2::jsonb)), $3::uuid) l join contacts c on c.id = l",
		DB_S(mails.n > 1 ? arena_sv(rq->arena, buf_sv(&mails)) : SV("[]")),
		DB_S(numbers.n > 1 ? arena_sv(rq->arena, buf_sv(&numbers)) : SV("[]")), DB_OPT(http_query(rq, "besides")));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "lookalikes", b, found);
	return web_render(rq, rs, "app/lookalikes", page, e);
}

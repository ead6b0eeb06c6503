#include "fcgi/app/pages/deal_extra.h"

#include "base/uuid.h"

int deal_extra_add(struct db_batch *b, const struct form *f)
{
	return db_add(b,
		"select p.name, (select jsonb_agg(jsonb_build_object('value', p.id || ':' || (s ->> 'id'), 'name', s ->> 'name',"
		"	'selected', $1 = p.id || ':' || (s ->> 'id')) order by n)"
		"	from jsonb_array_elements(p.stages) with ordinality e (s, n) where s ->> 'type' = 'open') as stages"
		" from pipelines p order by p.is_default desc, p.created_at limit 50",
		DB_OPT(f ? http_form(f->rq, "deal_stage") : SV_NONE));
}

void deal_extra_save(struct form *f, struct db_batch *b, const char *sql, struct sv record)
{
	struct sv title = form_text(f, "deal_title"), value = form_money(f, "deal_value");
	struct sv stage = form_text(f, "deal_stage"), id = http_form(f->rq, "deal_id"), pipeline;

	if (!title.n && value.n)
		form_error(f, "deal_title", sv_from(tr("Give the deal a title")));
	if (!title.n)
		return;
	pipeline = sv_cut(&stage, ':');
	db_add(b, sql, DB_S(uuid_valid(id) ? id : uuid_new(f->rq->arena)), DB_S(title), DB_S(value.n ? value : SV("0")),
	       DB_OPT(uuid_valid(pipeline) ? pipeline : SV_NONE), DB_OPT(stage), DB_S(record));
}

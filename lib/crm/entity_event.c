#include "crm/entity.h"

#include "base/uuid.h"
#include "event/stable_json.h"

#include <ctype.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------ */

static const struct {
	const char *ours, *theirs;
} names[] = {
	{ "deal.stage.changed", "opportunity.stage_changed" },
	{ "deal.created", "opportunity.created" },
	{ "deal.updated", "opportunity.updated" },
	{ "deal.assigned", "opportunity.assigned" },
	{ "deal.deleted", "opportunity.deleted" },
};

struct sv crm_event_name(struct sv type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sv_eq(type, sv_from(names[i].ours)))
			return sv_from(names[i].theirs);
	return type;
}

/* "first_name" as firstName. */
static struct sv camel(struct arena *a, struct sv key)
{
	char *out = arena_alloc(a, key.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < key.n; i++) {
		bool up = key.p[i] == '_' && i + 1 < key.n && n;

		i += up;
		out[n++] = up ? (char)toupper((unsigned char)key.p[i]) : key.p[i];
	}
	return sv_make(out, n);
}

/* ---- the record ---------------------------------------------------------------- */

static const struct crm_entity *entity_of(struct sv record_type)
{
	struct sv wanted = sv_eq(record_type, SV("deal")) ? SV("opportunity") : record_type;

	for (const struct crm_entity *of = crm_entities; of->path; of++)
		if (sv_eq(wanted, sv_from(of->one)))
			return of;
	return NULL;
}

/* The column that a field reads: "t.emails[1]" is emails. */
static struct sv column_of(const struct crm_field *f)
{
	struct sv read = sv_skip(sv_from(f->read), 2);

	return sv_cut(&read, '[');
}

/* 2024-01-15T09:30:00Z of a time as PostgreSQL writes it in JSON, in UTC. */
static struct sv whole_seconds(struct arena *a, struct sv t)
{
	if (t.n < 19)
		return t;
	return sv_from(arena_printf(a, "%.10sT%.8sZ", t.p, t.p + 11));
}

static struct sj *value_of(struct arena *a, const struct crm_field *f, const struct sj *row)
{
	const struct sj *v = sj_get(row, column_of(f));
	struct sj *out = ARENA_NEW(a, struct sj);

	if (v && f->kind == CRM_FIRST)
		v = v->type == SJ_ARRAY ? v->first : NULL;
	if (!v || v->type == SJ_NULL)
		return out; /* zeroed: null */
	*out = *v;
	out->next = NULL;
	if (v->type != SJ_STRING)
		return out;
	if (f->kind == CRM_ID && f->prefix)
		out->text = uuid_prefixed(a, f->prefix, v->text);
	else if (f->kind == CRM_TIME)
		out->text = whole_seconds(a, v->text);
	return out;
}

static struct sj *record(struct arena *a, const struct crm_entity *of, const struct sj *row)
{
	struct sj *data = sj_object(a);

	for (const struct crm_field *f = of ? of->fields : NULL; f && f->name; f++)
		sj_set(a, data, sv_from(f->name), value_of(a, f, row));
	for (const struct sj *v = of ? NULL : row->first; v; v = v->next) {
		struct sj *c = ARENA_NEW(a, struct sj);

		*c = *v;
		if (!sv_eq(v->key, SV("organization_id")))
			sj_set(a, data, camel(a, v->key), c);
	}
	return data;
}

bool crm_event_body(const struct crm_event *ev, struct arena *a, struct buf *out)
{
	struct sj *row = sj_parse(a, ev->data), *body = sj_object(a);

	if (!row || row->type != SJ_OBJECT)
		return false;
	sj_set(a, body, SV("event"), sj_string(a, crm_event_name(ev->type)));
	sj_set(a, body, SV("tenantId"),
	       sj_string(a, uuid_prefixed(a, "ten_", ev->organization_id)));
	sj_set(a, body, SV("timestamp"), sj_string(a, whole_seconds(a, ev->at)));
	sj_set(a, body, SV("data"), record(a, entity_of(ev->record_type), row));
	sj_write(out, body);
	return true;
}

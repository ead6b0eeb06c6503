/*
 * A schema by hand, for the tests and the fuzzer of lib/rest: contacts of
 * companies, deals with two keys to people and tags by a junction, a card of
 * each contact, notes below notes, functions of a row.
 */
#ifndef T_REST_SCHEMA_H
#define T_REST_SCHEMA_H

#include "rest/rest.h"
#include "rest/schema.h"

struct sample_column {
	const char *table, *name, *type;
	unsigned oid;
	char category;
	const char *comment;
};

static const struct sample_column sample_columns[] = {
	{ "companies", "org", "uuid", 2950, 'U', "" },
	{ "companies", "id", "uuid", 2950, 'U', "" },
	{ "companies", "name", "text", 25, 'S', "" },
	{ "contacts", "org", "uuid", 2950, 'U', "" },
	{ "contacts", "id", "uuid", 2950, 'U', "" },
	{ "contacts", "first_name", "text", 25, 'S', "" },
	{ "contacts", "phones", "text[]", 1009, 'A', "" },
	{ "contacts", "status", "text", 25, 'S', "compared without regard to case" },
	{ "contacts", "custom_fields", "jsonb", 3802, 'U', "" },
	{ "contacts", "company_id", "uuid", 2950, 'U', "" },
	{ "contacts", "age", "integer", 23, 'N', "" },
	{ "contacts", "seen_at", "timestamptz", 1184, 'D', "" },
	{ "contacts", "written_at", "timestamptz", 1184, 'D', "" },
	{ "contacts", "secret", "text", 25, 'S', "Write-only: sealed at rest" },
	{ "people", "org", "uuid", 2950, 'U', "" },
	{ "people", "id", "uuid", 2950, 'U', "" },
	{ "people", "email", "text", 25, 'S', "" },
	{ "deals", "org", "uuid", 2950, 'U', "" },
	{ "deals", "id", "uuid", 2950, 'U', "" },
	{ "deals", "title", "text", 25, 'S', "" },
	{ "deals", "value", "numeric", 1700, 'N', "" },
	{ "deals", "contact_id", "uuid", 2950, 'U', "" },
	{ "deals", "owner_id", "uuid", 2950, 'U', "" },
	{ "deals", "maker_id", "uuid", 2950, 'U', "" },
	{ "tags", "org", "uuid", 2950, 'U', "" },
	{ "tags", "id", "uuid", 2950, 'U', "" },
	{ "tags", "name", "text", 25, 'S', "" },
	{ "deal_tags", "org", "uuid", 2950, 'U', "" },
	{ "deal_tags", "deal_id", "uuid", 2950, 'U', "" },
	{ "deal_tags", "tag_id", "uuid", 2950, 'U', "" },
	{ "cards", "org", "uuid", 2950, 'U', "" },
	{ "cards", "contact_id", "uuid", 2950, 'U', "" },
	{ "cards", "number", "text", 25, 'S', "" },
	{ "notes", "id", "integer", 23, 'N', "" },
	{ "notes", "parent_id", "integer", 23, 'N', "" },
	{ "notes", "body\"x", "text", 25, 'S', "" },
};

static const struct {
	const char *name, *from, *from_columns, *to, *to_columns;
	bool unique;
} sample_keys[] = {
	{ "contacts_company_id_fkey", "contacts", "org,company_id", "companies", "org,id" },
	{ "cards_contact_id_fkey", "cards", "org,contact_id", "contacts", "org,id", true },
	{ "deal_tags_deal_id_fkey", "deal_tags", "org,deal_id", "deals", "org,id" },
	{ "deal_tags_tag_id_fkey", "deal_tags", "org,tag_id", "tags", "org,id" },
	{ "deals_contact_id_fkey", "deals", "org,contact_id", "contacts", "org,id" },
	{ "deals_owner_id_fkey", "deals", "org,owner_id", "people", "org,id" },
	{ "deals_maker_id_fkey", "deals", "org,maker_id", "people", "org,id" },
	{ "notes_parent_id_fkey", "notes", "parent_id", "notes", "id" },
};

static const char *const sample_bare[] = { "status", NULL };

static struct sv sample_seal(struct arena *a, struct sv column, struct sv value)
{
	return sv_from(arena_printf(a, "sealed:%.*s:%zu", SV_ARG(column), value.n));
}

static const struct rest_options sample_options = {
	.schemas = "public",
	.role = "authenticated",
	.max_rows = 1000,
	.scope_column = "org",
	.bare = sample_bare,
	.seal = sample_seal,
};

static struct rest_table *sample_table(struct rest_schema *s, const char *name)
{
	for (size_t i = 0; i < s->ntables; i++)
		if (sv_eq(s->tables[i]->name, sv_from(name)))
			return s->tables[i];
	return rest_schema_table(s, SV("public"), sv_from(name));
}

static void sample_functions(struct rest_schema *s)
{
	struct rest_function *f = rest_schema_function(s, SV("public"), SV("total"), 2);

	f->arguments[0] = (struct rest_argument){ SV("of"), SV("\"of\""), SV("uuid"), false };
	f->arguments[1] = (struct rest_argument){ SV("since"), SV("\"since\""), SV("date"), true };
	f->narguments = 2;
	f->result_type = SV("numeric");
	f = rest_schema_function(s, SV("public"), SV("best"), 0);
	f->set = true;
	f->result = sample_table(s, "deals");
	f->result_type = SV("deals");
	f = rest_schema_function(s, SV("public"), SV("purge"), 0);
	f->changes = true;
	f->result_type = SV("void");
}

static struct rest_schema *sample_schema(void)
{
	struct rest_schema *s = rest_schema_new();

	for (size_t i = 0; i < sizeof(sample_columns) / sizeof(*sample_columns); i++) {
		const struct sample_column *c = &sample_columns[i];
		struct rest_table *t = sample_table(s, c->table);

		rest_column_comment(rest_schema_column(s, t, sv_from(c->name), sv_from(c->type),
						       c->oid, c->category),
				    sv_from(c->comment));
	}
	rest_schema_done(s);
	for (size_t i = 0; i < sizeof(sample_keys) / sizeof(*sample_keys); i++)
		rest_schema_key(s, sv_from(sample_keys[i].name),
				sample_table(s, sample_keys[i].from),
				sv_from(sample_keys[i].from_columns),
				sample_table(s, sample_keys[i].to),
				sv_from(sample_keys[i].to_columns), sample_keys[i].unique);
	rest_schema_primary(s, sample_table(s, "contacts"), SV("org,id"));
	rest_schema_primary(s, sample_table(s, "deals"), SV("org,id"));
	rest_schema_primary(s, sample_table(s, "notes"), SV("id"));
	rest_schema_primary(s, sample_table(s, "deal_tags"), SV("org,deal_id,tag_id"));
	rest_schema_extra(s, sample_table(s, "contacts"), SV("card_text"), SV("public.card_text"),
			  SV("text"), 25, 'S');
	rest_schema_computed(s, sample_table(s, "deals"), SV("rivals"), SV("public.rivals"),
			     sample_table(s, "deals"), false);
	rest_schema_computed(s, sample_table(s, "contacts"), SV("boss"), SV("public.boss"),
			     sample_table(s, "people"), true);
	sample_functions(s);
	rest_schema_done(s);
	return s;
}

#endif

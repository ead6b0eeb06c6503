/*
 * The description of the interface: OpenAPI 2.0, as PostgREST writes it, from
 * the catalogue and its comments. Nobody waits for it, so it is built as a
 * tree and only then written.
 */
#include "rest/openapi.h"

#include <jansson.h>

#include <stdlib.h>

/* So that names of types are whole. */
static const char path_sql[] = "select set_config('search_path', '', true)";

static const char title_sql[] = "select obj_description($1::regnamespace, 'pg_namespace')";

/* With $2, whatever the caller may do. */
static const char columns_sql[] =
	"select c.relname, obj_description(c.oid, 'pg_class'), a.attname, col_description(c.oid, a.attnum),"
	" format_type(b.id, null), a.attnotnull or t.typtype = 'd' and t.typnotnull,"
	" case when a.attidentity = '' and a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,"
	" case when b.id in (1042, 1043) and b.mod > 4 then b.mod - 4 end,"
	" (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = b.id)"
	" from pg_class c left join (pg_attribute a join pg_type t on t.oid = a.atttypid"
	"	join lateral (select case t.typtype when 'd' then t.typbasetype else t.oid end as id,"
	"		case t.typtype when 'd' then t.typtypmod else a.atttypmod end as mod) b on true)"
	"	on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
	" left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
	" where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition"
	" and ($2::bool or pg_has_role(c.relowner, 'usage')"
	"	or has_table_privilege(c.oid, 'select, insert, update, delete, truncate, references, trigger')"
	"	or has_any_column_privilege(c.oid, 'select, insert, update, references'))"
	" order by c.relname, a.attnum";

static const char functions_sql[] =
	"select p.proname, obj_description(p.oid, 'pg_proc'), p.provolatile = 'v', a.name, format_type(a.type, null),"
	" a.i <= p.pronargs - p.pronargdefaults, coalesce(a.mode = 'v', false), p.oid"
	" from pg_proc p left join lateral unnest(p.proargtypes::oid[], p.proargnames[1:p.pronargs],"
	"	p.proargmodes[1:p.pronargs]) with ordinality a (type, name, mode, i) on true"
	" where p.pronamespace = $1::regnamespace and p.prokind = 'f'"
	" and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)"
	" and ($2::bool or has_function_privilege(p.oid, 'execute'))"
	" and (p.pronargs = 0 or p.proargnames is not null and not '' = any(p.proargnames[1:p.pronargs]))"
	" and not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid"
	"	and x.deptype = 'e')"
	" order by p.proname, p.oid, a.i";

struct openapi openapi_ask(struct db_batch *b, struct sv schema, bool all)
{
	struct openapi o = { .schema = schema };
	struct sv quoted = rest_quoted(db_arena(b), schema);

	db_add(b, path_sql);
	o.title = db_add(b, title_sql, DB_S(quoted));
	o.columns = db_add(b, columns_sql, DB_S(quoted), DB_B(all));
	o.functions = db_add(b, functions_sql, DB_S(quoted), DB_B(all));
	return o;
}

/* ---- small things ------------------------------------------------------------------ */

static json_t *text(struct sv s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static void put(json_t *object, const char *name, struct sv value)
{
	if (sv_present(value))
		json_object_set_new(object, name, text(value));
}

static json_t *ref(const char *room, struct sv name, struct arena *a)
{
	return json_pack("{s:s}", "$ref", arena_printf(a, "#/%s/%.*s", room, SV_ARG(name)));
}

/* The first line is the summary, what follows the description. */
static void put_comment(json_t *o, const char *first, const char *second, struct sv comment)
{
	struct sv rest = comment;

	if (!sv_present(comment))
		return;
	put(o, first, sv_cut(&rest, '\n'));
	while (sv_starts(rest, SV("\n")))
		rest = sv_skip(rest, 1);
	if (rest.n)
		put(o, second, rest);
}

static const struct {
	struct sv type;
	const char *swagger, *format; /* NULL: any; its own name */
} types[] = {
	{ SV("character varying"), "string", NULL }, { SV("character"), "string", NULL },
	{ SV("text"), "string", NULL },		     { SV("boolean"), "boolean", NULL },
	{ SV("smallint"), "integer", "int32" },      { SV("integer"), "integer", "int32" },
	{ SV("bigint"), "integer", "int64" },	     { SV("numeric"), "number", NULL },
	{ SV("real"), "number", NULL },		     { SV("double precision"), "number", NULL },
	{ SV("json"), NULL, NULL },		     { SV("jsonb"), NULL, NULL },
};

static const char *swagger_type(struct sv type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (sv_eq(types[i].type, type))
			return types[i].swagger;
	return sv_ends(type, SV("[]")) ? "array" : "string";
}

static struct sv swagger_format(struct sv type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (sv_eq(types[i].type, type) && types[i].format)
			return sv_from(types[i].format);
	return type;
}

static void put_type(json_t *o, struct sv type)
{
	const char *name = swagger_type(type);

	put(o, "format", swagger_format(type));
	if (name)
		json_object_set_new(o, "type", json_string(name));
	if (sv_ends(type, SV("[]"))) {
		const char *of = swagger_type(sv_make(type.p, type.n - 2));

		json_object_set_new(o, "items",
				    of ? json_pack("{s:s}", "type", of) : json_object());
	}
}

/* ---- tables -------------------------------------------------------------------------- */

struct writer {
	struct arena *a;
	const struct db_batch *b;
	const struct rest_schema *schema;
	const struct openapi *o;
	json_t *paths, *definitions, *parameters;
};

static struct sv cell(const struct writer *w, int stmt, size_t row, size_t col)
{
	return db_get(w->b, stmt, row, col);
}

static bool is_primary(const struct rest_table *t, struct sv column)
{
	for (size_t i = 0; t && i < t->nprimary; i++)
		if (sv_eq(t->primary[i]->name, column))
			return true;
	return false;
}

/* The key that is that column alone; one to a table before one to a view. */
static const struct rest_key *key_of(const struct rest_table *t, struct sv column)
{
	const struct rest_key *found = NULL;

	for (size_t i = 0; t && i < t->nkeys; i++) {
		const struct rest_key *k = t->keys[i];

		if (k->from != t || k->n != 1 || !sv_eq(k->from_columns[0]->name, column))
			continue;
		if (!found || (found->to->view && !k->to->view))
			found = k;
	}
	return found;
}

static void put_description(struct writer *w, json_t *o, const struct rest_table *t,
			    struct sv column, struct sv comment)
{
	const struct rest_key *k = key_of(t, column);
	bool primary = is_primary(t, column);
	struct buf b buf_auto = BUF_INIT;

	if (!primary && !k) {
		put(o, "description", comment);
		return;
	}
	if (comment.n)
		buf_addf(&b, "%.*s\n\n", SV_ARG(comment));
	buf_lit(&b, "Note:");
	if (primary)
		buf_lit(&b, "\nThis is a Primary Key.<pk/>");
	if (k)
		buf_addf(&b,
			 "\nThis is a Foreign Key to `%.*s.%.*s`.<fk table='%.*s' column='%.*s'/>",
			 SV_ARG(k->to->name), SV_ARG(k->to_columns[0]->name), SV_ARG(k->to->name),
			 SV_ARG(k->to_columns[0]->name));
	put(o, "description", arena_sv(w->a, buf_sv(&b)));
}

/* A text's default without its cast and quotes; of others what is JSON. */
static void put_default(json_t *o, struct sv type, struct sv value, struct arena *a)
{
	struct sv cast = sv_from(arena_printf(a, "::%.*s", SV_ARG(type)));
	const char *name = swagger_type(type);
	json_t *json;

	if (!value.n)
		return;
	if (!name || sv_from(name).p[0] != 's') {
		json = json_loadb(value.p, value.n, JSON_DECODE_ANY, NULL);
		if (json)
			json_object_set_new(o, "default", json);
		return;
	}
	if (sv_ends(value, cast)) {
		value.n -= cast.n;
		if (value.n >= 2 && value.p[0] == '\'' && value.p[value.n - 1] == '\'')
			value = sv_make(value.p + 1, value.n - 2);
	}
	put(o, "default", value);
}

static json_t *property(struct writer *w, const struct rest_table *t, size_t row)
{
	int s = w->o->columns;
	struct sv type = cell(w, s, row, 4), labels = cell(w, s, row, 8);
	json_t *o = json_object();
	int64_t most;

	put_description(w, o, t, cell(w, s, row, 2), cell(w, s, row, 3));
	put_type(o, type);
	put_default(o, type, cell(w, s, row, 6), w->a);
	if (sv_to_i64(cell(w, s, row, 7), &most))
		json_object_set_new(o, "maxLength", json_integer(most));
	if (labels.n)
		json_object_set_new(o, "enum", json_loadb(labels.p, labels.n, 0, NULL));
	return o;
}

static void add_column(struct writer *w, const struct rest_table *t, size_t row, json_t *definition,
		       json_t *filters)
{
	int s = w->o->columns;
	struct sv table = cell(w, s, row, 0), column = cell(w, s, row, 2);
	char *name = arena_printf(w->a, "rowFilter.%.*s.%.*s", SV_ARG(table), SV_ARG(column));
	json_t *parameter = json_object();

	json_object_setn_new(json_object_get(definition, "properties"), column.p, column.n,
			     property(w, t, row));
	if (sv_eq(cell(w, s, row, 5), SV("t")))
		json_array_append_new(json_object_get(definition, "required"), text(column));
	put(parameter, "name", column);
	put(parameter, "description", cell(w, s, row, 3));
	json_object_set_new(parameter, "required", json_false());
	put(parameter, "in", SV("query"));
	put(parameter, "type", SV("string"));
	json_object_set_new(w->parameters, name, parameter);
	json_array_append_new(filters, ref("parameters", sv_from(name), w->a));
}

static json_t *operation(struct sv tag, struct sv comment, const char *status, const char *word)
{
	json_t *o = json_pack("{s:[o], s:{s:{s:s}}}", "tags", text(tag), "responses", status,
			      "description", word);

	put_comment(o, "summary", "description", comment);
	return o;
}

static void put_parameters(json_t *o, json_t *list, const char *const *names, struct arena *a)
{
	json_t *all = list ? json_copy(list) : json_array();

	for (; *names; names++)
		json_array_append_new(all, ref("parameters", sv_from(*names), a));
	json_object_set_new(o, "parameters", all);
}

/* 412: the row is another one by now. */
static void put_changed(const struct writer *w, json_t *o)
{
	if (w->o->versions)
		json_object_set_new(json_object_get(o, "responses"), "412",
				    json_pack("{s:s}", "description", "Changed since it was read"));
}

static void put_path(struct writer *w, struct sv name, struct sv comment, bool writable,
		     json_t *filters)
{
	const char *body = arena_printf(w->a, "body.%.*s", SV_ARG(name));
	const char *match = w->o->versions ? "ifMatch" : NULL;
	json_t *path = json_object(), *get = operation(name, comment, "206", "Partial Content"), *o;

	put_parameters(get, filters,
		       (const char *[]){ "select", "order", "range", "rangeUnit", "offset", "limit",
					 "preferCount", NULL },
		       w->a);
	json_object_set_new(json_object_get(get, "responses"), "200",
			    json_pack("{s:s, s:{s:s, s:o}}", "description", "OK", "schema", "type",
				      "array", "items", ref("definitions", name, w->a)));
	if (w->o->versions)
		json_object_set_new(json_object_get(json_object_get(get, "responses"), "200"), "headers",
				    json_pack("{s:{s:s, s:s}}", "ETag", "type", "string", "description",
					      "The version of the row, when it is asked for by its primary key"));
	json_object_set_new(path, "get", get);
	if (writable) {
		o = operation(name, comment, "201", "Created");
		put_parameters(o, NULL, (const char *[]){ body, "select", "preferPost", NULL },
			       w->a);
		json_object_set_new(path, "post", o);
		o = operation(name, comment, "204", "No Content");
		put_parameters(o, filters, (const char *[]){ body, "preferReturn", match, NULL }, w->a);
		put_changed(w, o);
		json_object_set_new(path, "patch", o);
		o = operation(name, comment, "204", "No Content");
		put_parameters(o, filters, (const char *[]){ "preferReturn", match, NULL }, w->a);
		put_changed(w, o);
		json_object_set_new(path, "delete", o);
	}
	json_object_set_new(w->parameters, body,
			    json_pack("{s:o, s:o, s:b, s:s, s:{s:o}}", "name", text(name),
				      "description", text(name), "required", false, "in", "body",
				      "schema", "$ref",
				      json_string(arena_printf(w->a, "#/definitions/%.*s",
							       SV_ARG(name)))));
	json_object_set_new(w->paths, arena_printf(w->a, "/%.*s", SV_ARG(name)), path);
}

/* The rows of one table, from `row` on; returns where the next begins. */
static size_t add_table(struct writer *w, size_t row)
{
	int s = w->o->columns;
	struct sv name = cell(w, s, row, 0), comment = cell(w, s, row, 1);
	const struct rest_table *t = rest_table_find(w->schema, w->o->schema, name);
	json_t *definition = json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties",
				       "required");
	json_t *filters = json_array();

	put(definition, "description", comment);
	for (; row < db_rows(w->b, s) && sv_eq(cell(w, s, row, 0), name); row++)
		if (sv_present(cell(w, s, row, 2)))
			add_column(w, t, row, definition, filters);
	if (!json_array_size(json_object_get(definition, "required")))
		json_object_del(definition, "required");
	json_object_setn_new(w->definitions, name.p, name.n, definition);
	put_path(w, name, comment, t && (t->insertable || t->updatable || t->deletable), filters);
	json_decref(filters);
	return row;
}

/* ---- functions -------------------------------------------------------------------------- */

static json_t *query_parameter(struct sv name, struct sv type, bool required, bool variadic)
{
	json_t *p = json_object();
	const char *kind = swagger_type(type);
	struct sv of = variadic ? sv_make(type.p, type.n - 2) : type;

	put(p, "name", name);
	json_object_set_new(p, "required", json_boolean(required));
	put(p, "in", SV("query"));
	if (!variadic) {
		bool plain = kind && sv_from(kind).p[0] != 'a';

		put(p, "format", swagger_format(type));
		put(p, "type", plain ? sv_from(kind) : SV("string"));
		return p;
	}
	kind = swagger_type(of);
	put(p, "type", SV("array"));
	put(p, "collectionFormat", SV("multi"));
	json_object_set_new(p, "items",
			    json_pack("{s:s, s:o}", "type", kind ? kind : "string", "format",
				      text(swagger_format(of))));
	return p;
}

static json_t *call(struct sv name, struct sv comment, json_t *parameters)
{
	json_t *o = operation(SV_NONE, comment, "200", "OK");

	json_object_set_new(o, "tags", json_pack("[s+%]", "(rpc) ", name.p, name.n));
	json_object_set_new(o, "produces",
			    json_pack("[sss]", "application/json",
				      "application/vnd.pgrst.object+json;nulls=stripped",
				      "application/vnd.pgrst.object+json"));
	json_object_set_new(o, "parameters", parameters);
	return o;
}

static size_t add_function(struct writer *w, size_t row)
{
	int s = w->o->functions;
	struct sv oid = cell(w, s, row, 7), name = cell(w, s, row, 0), comment = cell(w, s, row, 1);
	bool changes = sv_eq(cell(w, s, row, 2), SV("t"));
	json_t *schema = json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties", "required");
	json_t *query = json_array(), *path = json_object(), *body;

	put(schema, "description", comment);
	for (; row < db_rows(w->b, s) && sv_eq(cell(w, s, row, 7), oid); row++) {
		struct sv argument = cell(w, s, row, 3), type = cell(w, s, row, 4);
		bool required = sv_eq(cell(w, s, row, 5), SV("t"));
		json_t *p = json_object();

		if (!sv_present(argument)) {
			json_decref(p);
			continue;
		}
		put_type(p, type);
		json_object_setn_new(json_object_get(schema, "properties"), argument.p, argument.n,
				     p);
		if (required)
			json_array_append_new(json_object_get(schema, "required"), text(argument));
		json_array_append_new(query, query_parameter(argument, type, required,
							     sv_eq(cell(w, s, row, 6), SV("t"))));
	}
	if (!json_array_size(json_object_get(schema, "required")))
		json_object_del(schema, "required");
	body = json_pack("[{s:s, s:b, s:s, s:o}, o]", "name", "args", "required", true, "in",
			 "body", "schema", schema, ref("parameters", SV("preferParams"), w->a));
	json_object_set_new(path, "post", call(name, comment, body));
	if (changes)
		json_decref(query);
	else
		json_object_set_new(path, "get", call(name, comment, query));
	json_object_set_new(w->paths, arena_printf(w->a, "/rpc/%.*s", SV_ARG(name)), path);
	return row;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static const char common[] =
	"{\"preferParams\":{\"name\":\"Prefer\",\"description\":\"Preference\",\"required\":false,\"in\":\"header\",\"type\":\"string\"},"
	"\"preferReturn\":{\"name\":\"Prefer\",\"description\":\"Preference\",\"required\":false,\"in\":\"header\",\"type\":\"string\","
	"\"enum\":[\"return=representation\",\"return=minimal\",\"return=none\"]},"
	"\"preferCount\":{\"name\":\"Prefer\",\"description\":\"Preference\",\"required\":false,\"in\":\"header\",\"type\":\"string\","
	"\"enum\":[\"count=none\"]},"
	"\"preferPost\":{\"name\":\"Prefer\",\"description\":\"Preference\",\"required\":false,\"in\":\"header\",\"type\":\"string\","
	"\"enum\":[\"return=representation\",\"return=minimal\",\"return=none\",\"resolution=ignore-duplicates\","
	"\"resolution=merge-duplicates\"]},"
	"\"select\":{\"name\":\"select\",\"description\":\"Filtering Columns\",\"required\":false,\"in\":\"query\",\"type\":\"string\"},"
	"\"on_conflict\":{\"name\":\"on_conflict\",\"description\":\"On Conflict\",\"required\":false,\"in\":\"query\",\"type\":\"string\"},"
	"\"order\":{\"name\":\"order\",\"description\":\"Ordering\",\"required\":false,\"in\":\"query\",\"type\":\"string\"},"
	"\"range\":{\"name\":\"Range\",\"description\":\"Limiting and Pagination\",\"required\":false,\"in\":\"header\",\"type\":\"string\"},"
	"\"rangeUnit\":{\"name\":\"Range-Unit\",\"description\":\"Limiting and Pagination\",\"required\":false,\"in\":\"header\","
	"\"type\":\"string\",\"default\":\"items\"},"
	"\"offset\":{\"name\":\"offset\",\"description\":\"Limiting and Pagination\",\"required\":false,\"in\":\"query\",\"type\":\"string\"},"
	"\"limit\":{\"name\":\"limit\",\"description\":\"Limiting and Pagination\",\"required\":false,\"in\":\"query\",\"type\":\"string\"}}";

static json_t *media_list(void)
{
	return json_pack("[ssss]", "application/json",
			 "application/vnd.pgrst.object+json;nulls=stripped",
			 "application/vnd.pgrst.object+json", "text/csv");
}

static json_t *information(const struct writer *w)
{
	struct sv comment = cell(w, w->o->title, 0, 0);
	json_t *o = json_pack("{s:s, s:s}", "title", "REST API", "version", PACKAGE_VERSION);

	put(o, "description", SV("The tables, views and functions of a PostgreSQL schema"));
	put_comment(o, "title", "description", comment);
	return o;
}

static void put_security(json_t *root)
{
	json_object_set_new(root, "securityDefinitions",
			    json_pack("{s:{s:s, s:s, s:s, s:s}}", "JWT", "type", "apiKey", "name",
				      "Authorization", "in", "header", "description",
				      "Add the token prepending \"Bearer \" (without quotes) to it"));
	json_object_set_new(root, "security", json_pack("[{s:[]}]", "JWT"));
}

/* https://host:port/path, in its parts. */
static void put_place(json_t *root, struct sv url, struct arena *a)
{
	ptrdiff_t at = sv_find(url, SV("://"));
	struct sv scheme = at > 0 ? sv_make(url.p, (size_t)at) : SV("http");
	struct sv path = at > 0 ? sv_skip(url, (size_t)at + 3) : url, host = sv_cut(&path, '/');
	bool secure = sv_eq(scheme, SV("https")), port = sv_chr(host, ':') >= 0;

	json_object_set_new(root, "schemes", json_pack("[o]", text(scheme)));
	put(root, "host",
	    sv_from(arena_printf(a, "%.*s%s", SV_ARG(host), port ? "" : secure ? ":443" : ":80")));
	put(root, "basePath", sv_from(arena_printf(a, "/%.*s", SV_ARG(path))));
}

void openapi_write(const struct openapi *o, const struct db_batch *b,
		   const struct rest_schema *schema, struct sv url, bool security, struct buf *out)
{
	struct writer w = { .a = db_arena(b), .b = b, .schema = schema, .o = o };
	json_t *root = json_pack("{s:s}", "swagger", "2.0");
	char *dump;

	w.paths = json_pack("{s:{s:{s:[s], s:s, s:[ss], s:{s:{s:s}}}}}", "/", "get", "tags",
			    "Introspection", "summary", "OpenAPI description (this document)",
			    "produces", "application/openapi+json", "application/json", "responses",
			    "200", "description", "OK");
	w.definitions = json_object();
	w.parameters = json_loads(common, 0, NULL);
	if (o->versions)
		json_object_set_new(w.parameters, "ifMatch",
				    json_pack("{s:s, s:s, s:b, s:s, s:s}", "name", "If-Match", "description",
					      "Only this version of the row, by its ETag", "required", 0, "in",
					      "header", "type", "string"));
	for (size_t row = 0; row < db_rows(b, o->columns);)
		row = add_table(&w, row);
	for (size_t row = 0; row < db_rows(b, o->functions);)
		row = add_function(&w, row);
	json_object_set_new(root, "info", information(&w));
	put_place(root, url, w.a);
	json_object_set_new(root, "consumes", media_list());
	json_object_set_new(root, "produces", media_list());
	json_object_set_new(root, "paths", w.paths);
	json_object_set_new(root, "definitions", w.definitions);
	json_object_set_new(root, "parameters", w.parameters);
	json_object_set_new(root, "externalDocs",
			    json_pack("{s:s, s:s}", "description", "PostgREST Documentation", "url",
				      "https://postgrest.org/en/v12/references/api.html"));
	if (security)
		put_security(root);
	dump = json_dumps(root, JSON_COMPACT);
	buf_add(out, sv_from(dump));
	free(dump);
	json_decref(root);
}

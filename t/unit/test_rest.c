/*
 * Requests to SQL, without a database: the text, the parameters, the refusals.
 */
#include "t/unit/rest_schema.h"
#include "t/unit/tap.h"

static struct rest_schema *schema;

struct row {
	int line;
	enum http_method method;
	const char *target, *query, *body, *prefer;
	unsigned flags;
	const char *want;   /* SQL, or status and code of the refusal */
	const char *params; /* joined by | */
	const char *name;
};

#define ROW(...) { __LINE__, __VA_ARGS__ }

#define T0 "t0.\"org\",t0.\"id\",t0.\"title\",t0.\"value\",t0.\"contact_id\",t0.\"owner_id\",t0.\"maker_id\""

static const struct row reads[] = {
	ROW(HTTP_GET, "people", "", NULL, NULL, 0,
	    "select t0.\"org\",t0.\"id\",t0.\"email\" from \"public\".\"people\" as t0 limit 1000",
	    "", "API-36 API-43 no select is every column, at most 1000 rows"),
	ROW(HTTP_GET, "deals", "select=id,title&limit=5&offset=10", NULL, NULL, 0,
	    "select t0.\"id\",t0.\"title\" from \"public\".\"deals\" as t0 limit 5 offset $1", "10",
	    "API-42 limit is text, offset a parameter"),
	ROW(HTTP_GET, "deals", "select=name:title,v:value::text", NULL, NULL, 0,
	    "select t0.\"title\" as \"name\",(t0.\"value\")::text as \"v\" from \"public\".\"deals\" as t0 limit 1000",
	    "", "aliases and casts"),
	ROW(HTTP_GET, "deals", "select=%22a%22%22b:title", NULL, NULL, 0, "400 PGRST100", "",
	    "a quoted name has no quote in it unescaped"),
	ROW(HTTP_GET, "deals", "select=a%5C%22;drop%20table:title", NULL, NULL, 0,
	    "select t0.\"title\" as \"a\\\"\";drop table\" from \"public\".\"deals\" as t0 limit 1000", "",
	    "an alias stays within its quotes"),
	ROW(HTTP_GET, "contacts", "select=custom_fields->a->>b,k:custom_fields->0", NULL, NULL, 0,
	    "select t0.\"custom_fields\"->$1::text->>$2::text as \"b\",t0.\"custom_fields\"->$3::text::int as \"k\""
	    " from \"public\".\"contacts\" as t0 limit 1000", "a|b|0", "API-29 JSON paths"),
	ROW(HTTP_GET, "deals", "select=id&order=value.desc.nullslast,title", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 order by t0.\"value\" desc nulls last,t0.\"title\" limit 1000",
	    "", "API-41 order"),
	ROW(HTTP_GET, "deals", "select=id&id=eq.7&value=gte.10&title=neq.x", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where t0.\"id\" = $1 and t0.\"value\" >= $2"
	    " and t0.\"title\" <> $3 limit 1000", "7|10|x", "API-21 filters are ANDed"),
	ROW(HTTP_GET, "deals", "select=id&title=ilike.*Order*&value=like.1*", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where t0.\"title\" ilike $1 and t0.\"value\"::text like $2"
	    " limit 1000", "%Order%|1%", "API-23 CON-103 * is the wildcard"),
	ROW(HTTP_GET, "deals", "select=id&title=is.null&value=not.is.null", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where t0.\"title\" is null and not (t0.\"value\" is null)"
	    " limit 1000", "", "API-24 null and not null"),
	ROW(HTTP_GET, "deals", "select=id&title=in.(a,%22b,c%22,d%5C)", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where t0.\"title\" = any($1) limit 1000",
	    "{\"a\",\"b,c\",\"d\\\\\"}", "API-25 a list, with quotes"),
	ROW(HTTP_GET, "deals", "select=id&id=not.in.1,2", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where not (t0.\"id\" = any($1)) limit 1000",
	    "{\"1\",\"2\"}", "API-25 API-27 a list without parentheses, negated"),
	ROW(HTTP_GET, "contacts", "select=id&phones=cs.{%22%2B201017177777%22}", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"phones\" @> $1 limit 1000",
	    "{\"+201017177777\"}", "CON-99 CON-109 cs on an array"),
	ROW(HTTP_GET, "contacts", "select=id&phones=contains.[%22a%22,%20%22b%22]", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"phones\" @> $1 limit 1000",
	    "{\"a\",\"b\"}", "API-26 contains with a JSON list"),
	ROW(HTTP_GET, "contacts", "select=id&phones=cs.%22%2B2010%22", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"phones\" @> $1 limit 1000",
	    "{\"+2010\"}", "cs without braces is a list of one"),
	ROW(HTTP_GET, "contacts", "select=id&phones=ov.{a,b}&phones=containedBy.{a}", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"phones\" && $1 and t0.\"phones\" <@ $2"
	    " limit 1000", "{a,b}|{a}", "CON-100 CON-101 overlaps, contained by"),
	ROW(HTTP_GET, "contacts", "select=id&phones=cs.{+201017177777}", NULL, NULL, 0, "400 22P02", "",
	    "API-33 CON-110 a + that became a space"),
	ROW(HTTP_GET, "contacts", "select=id&custom_fields=cs.{%22is_gift%22:true}", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"custom_fields\"::jsonb @> $1::jsonb limit 1000",
	    "{\"is_gift\":true}", "CON-108 JSON containment"),
	ROW(HTTP_GET, "contacts", "select=id&custom_fields->>kind=eq.VIP", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"custom_fields\"->>$1::text = $2 limit 1000",
	    "kind|VIP", "CON-106 text in JSON"),
	ROW(HTTP_GET, "contacts", "select=id&custom_fields-%3E%3Ekind=eq.VIP", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"custom_fields\"->>$1::text = $2 limit 1000",
	    "kind|VIP", "the arrow percent-encoded"),
	ROW(HTTP_GET, "contacts", "select=id&custom_fields->>n=gt.1000", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where case when t0.\"custom_fields\"->>$1::text"
	    " ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' then (t0.\"custom_fields\"->>$1::text)::numeric"
	    " > $2::numeric else false end limit 1000", "n|1000", "CON-107 numbers in JSON"),
	ROW(HTTP_GET, "contacts", "select=id&status=eq.open", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"status\" = any($1) limit 1000",
	    "{\"open\",\"OPEN\",\"open\"}", "INB-17 a column without regard to case"),
	ROW(HTTP_GET, "contacts", "select=id&status=open", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"status\" = any($1) limit 1000",
	    "{\"open\",\"OPEN\",\"open\"}", "API-32 a bare reserved parameter"),
	ROW(HTTP_GET, "contacts", "age=7", NULL, NULL, 0, "400 PGRST100", "",
	    "a bare value of another column is refused"),
	ROW(HTTP_GET, "contacts", "select=id&age=7", NULL, NULL, REST_PROXY,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where t0.\"age\" = $1 limit 1000", "7",
	    "API-31 but not on the proxy"),
	ROW(HTTP_GET, "contacts", "first_name=eqq.x", NULL, NULL, REST_PROXY, "400 PGRST100", "",
	    "what reads like an operator is one, or refused"),
	ROW(HTTP_GET, "contacts", "select=id&or=(seen_at.is.null,seen_at.gte.written_at)", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where (t0.\"seen_at\" is null or t0.\"seen_at\" >= t0.\"written_at\")"
	    " limit 1000", "", "INB-14 API-28 two columns compared"),
	ROW(HTTP_GET, "deals", "select=id&not.and=(value.gt.1,or(title.eq.%22a,b%22,not.and(title.in.(x,y),id.eq.3)))", NULL,
	    NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where not (t0.\"value\" > $1 and (t0.\"title\" = $2 or"
	    " not (t0.\"title\" = any($3) and t0.\"id\" = $4))) limit 1000", "1|a,b|{\"x\",\"y\"}|3",
	    "API-28 nested logic"),
	ROW(HTTP_GET, "deals", "select=id&title=eq(any).{a,b}", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where t0.\"title\" = any($1) limit 1000", "{a,b}",
	    "any of several"),
	ROW(HTTP_GET, "deals", "select=id&title=fts(german).haus", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where to_tsvector($1::text::regconfig,t0.\"title\") @@"
	    " to_tsquery($2::text::regconfig,$3::text) limit 1000", "german|german|haus", "CON-102 full text"),
};

static const struct row embeds[] = {
	ROW(HTTP_GET, "deals", "select=id,contacts(id)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"id\" from \"public\".\"contacts\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"contact_id\") j) as \"contacts\" from \"public\".\"deals\" as t0 limit 1000",
	    "", "API-37 to one, by all pairs of the key"),
	ROW(HTTP_GET, "contacts", "select=id,deals(id)&deals.order=value.desc&deals.limit=2&deals.value=gt.1", NULL, NULL, 0,
	    "select t0.\"id\",(select coalesce(json_agg(j),'[]') from (select t1.\"id\" from \"public\".\"deals\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"contact_id\"=t0.\"id\" and t1.\"value\" > $1 order by t1.\"value\" desc limit 2) j)"
	    " as \"deals\" from \"public\".\"contacts\" as t0 limit 1000", "1", "to many, with filter, order and limit"),
	ROW(HTTP_GET, "deals", "select=id,boss:people!deals_owner_id_fkey(email)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"email\" from \"public\".\"people\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"owner_id\") j) as \"boss\" from \"public\".\"deals\" as t0 limit 1000", "",
	    "API-37 API-38 hint by constraint, alias"),
	ROW(HTTP_GET, "deals", "select=people!maker_id()", NULL, NULL, 0, "select  from \"public\".\"deals\" as t0 limit 1000", "",
	    "hint by column; an empty embed selects nothing"),
	ROW(HTTP_GET, "deals", "select=id,owner_id(email)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"email\" from \"public\".\"people\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"owner_id\") j) as \"owner_id\" from \"public\".\"deals\" as t0 limit 1000", "",
	    "embedding by column"),
	ROW(HTTP_GET, "deals", "select=id,people(email)", NULL, NULL, 0, "300 PGRST201", "", "two keys: say which"),
	ROW(HTTP_GET, "deals", "select=id,notes(id)", NULL, NULL, 0, "400 PGRST200", "", "no key between them"),
	ROW(HTTP_GET, "deals", "select=id,c:contacts!inner(id)&c.first_name=ilike.*jo*", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"id\" from \"public\".\"contacts\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"contact_id\" and t1.\"first_name\" ilike $1) j) as \"c\" from"
	    " \"public\".\"deals\" as t0 where exists (select from \"public\".\"contacts\" as t1 where t1.\"org\"=t0.\"org\" and"
	    " t1.\"id\"=t0.\"contact_id\" and t1.\"first_name\" ilike $1) limit 1000", "%jo%",
	    "API-39 API-40 inner: one parameter in both places"),
	ROW(HTTP_GET, "deals", "select=id,contacts()&contacts=is.null", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"deals\" as t0 where not exists (select from \"public\".\"contacts\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"contact_id\") limit 1000", "", "rows without a related one"),
	ROW(HTTP_GET, "notes", "select=id,parent_id(id)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"id\" from \"public\".\"notes\" as t1 where"
	    " t1.\"id\"=t0.\"parent_id\") j) as \"parent_id\" from \"public\".\"notes\" as t0 limit 1000", "", "itself, upwards"),
	ROW(HTTP_GET, "deals", "select=id&contacts.id=eq.1", NULL, NULL, 0, "400 PGRST108", "", "a filter on what is not embedded"),
	ROW(HTTP_GET, "contacts", "select=secret", NULL, NULL, 0, "403 INSUFFICIENT_PERMISSIONS", "", "a sealed column is not read"),
	ROW(HTTP_GET, "contacts", "secret=eq.x", NULL, NULL, 0, "403 INSUFFICIENT_PERMISSIONS", "", "nor compared"),
	ROW(HTTP_GET, "contcts", "", NULL, NULL, 0, "404 PGRST205", "", "unknown table"),
	ROW(HTTP_GET, "contacts", "frist_name=eq.x", NULL, NULL, 0, "400 42703", "", "unknown column"),
	ROW(HTTP_GET, "contacts", "select=id,", NULL, NULL, 0, "400 PGRST100", "", "a select that ends too early"),
	ROW(HTTP_GET, "contacts", "or=(id.eq.1", NULL, NULL, 0, "400 PGRST100", "", "logic that ends too early"),
	ROW(HTTP_GET, "contacts", "limit=-1", NULL, NULL, 0, "416 PGRST103", "", "a limit below 0"),
	ROW(HTTP_GET, "contacts", "select=age::money%20as%20x%22", NULL, NULL, 0, "400 PGRST100", "", "a cast that is no type"),
	ROW(HTTP_GET, "contacts", "age=is.seven", NULL, NULL, 0, "400 PGRST100", "", "is takes keywords"),
};

#define INSERTED "coalesce(nullif(current_setting('rest.inserted',true),'')::int,0)"
#define UP "set_config('rest.inserted',(" INSERTED "+1)::text,true)<>''"
#define DOWN "set_config('rest.inserted',(" INSERTED "-1)::text,true)<>''"

#define ON(a, x, b, y) a ".\"org\"=" b ".\"org\" and " a ".\"" x "\"=" b ".\"" y "\""

static const struct row relations[] = {
	ROW(HTTP_GET, "deals", "select=id,tags(name)", NULL, NULL, 0,
	    "select t0.\"id\",(select coalesce(json_agg(j),'[]') from (select t1.\"name\" from \"public\".\"tags\" as t1,"
	    "\"public\".\"deal_tags\" as j1 where " ON("t1", "id", "j1", "tag_id") " and " ON("j1", "deal_id", "t0", "id")
	    " limit 1000) j) as \"tags\" from \"public\".\"deals\" as t0 limit 1000", "", "many to many, by the junction's two keys"),
	ROW(HTTP_GET, "contacts", "select=id,cards(number)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"number\" from \"public\".\"cards\" as t1 where "
	    ON("t1", "contact_id", "t0", "id") ") j) as \"cards\" from \"public\".\"contacts\" as t0 limit 1000", "",
	    "one to one: a unique key, backwards"),
	ROW(HTTP_GET, "contacts", "select=id,card_text&card_text=eq.x&order=card_text", NULL, NULL, 0,
	    "select t0.\"id\",public.card_text(t0::\"public\".\"contacts\") as \"card_text\" from \"public\".\"contacts\" as t0"
	    " where public.card_text(t0::\"public\".\"contacts\") = $1 order by public.card_text(t0::\"public\".\"contacts\")"
	    " limit 1000", "x", "a function of the row as a column"),
	ROW(HTTP_GET, "contacts", "select=id,boss(email)", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"email\" from public.boss(t0::\"public\".\"contacts\") as t1"
	    " limit 1) j) as \"boss\" from \"public\".\"contacts\" as t0 limit 1000", "", "a function of the row as a relation"),
	ROW(HTTP_GET, "deals", "select=id,...contacts(who:first_name)", NULL, NULL, 0,
	    "select t0.\"id\",s1.\"who\" from \"public\".\"deals\" as t0 left join lateral (select t1.\"first_name\" as \"who\" from"
	    " \"public\".\"contacts\" as t1 where " ON("t1", "id", "t0", "contact_id") ") as s1 on true limit 1000", "",
	    "a spread of one"),
	ROW(HTTP_GET, "contacts", "select=id,...deals(title)&deals.order=title", NULL, NULL, 0,
	    "select t0.\"id\",s1.\"title\" from \"public\".\"contacts\" as t0 left join lateral (select"
	    " coalesce(json_agg(j.\"title\"),'[]')::jsonb as \"title\" from (select t1.\"title\" from \"public\".\"deals\" as t1"
	    " where " ON("t1", "contact_id", "t0", "id") " order by t1.\"title\" limit 1000) j) as s1 on true limit 1000", "",
	    "a spread of many"),
	ROW(HTTP_GET, "deals", "select=title,value.sum()::text,n:count()&order=title", NULL, NULL, 0,
	    "select t0.\"title\",(sum(t0.\"value\"))::text as \"sum\",count(*) as \"n\" from \"public\".\"deals\" as t0 group by 1"
	    " order by t0.\"title\" limit 1000", "", "aggregates group by the rest"),
	ROW(HTTP_GET, "deals", "select=count(),...contacts(status)&order=contacts(status)", NULL, NULL, 0,
	    "select count(*) as \"count\",s1.\"status\" from \"public\".\"deals\" as t0 left join lateral (select t1.\"status\" from"
	    " \"public\".\"contacts\" as t1 where " ON("t1", "id", "t0", "contact_id") ") as s1 on true group by 2"
	    " order by s1.\"status\" limit 1000", "", "and by what is spread"),
	ROW(HTTP_GET, "deals", "select=...contacts(age.avg(),status)", NULL, NULL, 0,
	    "select avg(s1.\"avg\") as \"avg\",s1.\"status\" from \"public\".\"deals\" as t0 left join lateral (select t1.\"age\" as"
	    " \"avg\",t1.\"status\" from \"public\".\"contacts\" as t1 where " ON("t1", "id", "t0", "contact_id") ") as s1 on true"
	    " group by 2 limit 1000", "", "the aggregate of a spread is the parent's"),
	ROW(HTTP_GET, "deals", "select=id,contacts(id)&order=contacts(age).desc", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"id\" from \"public\".\"contacts\" as t1 where "
	    ON("t1", "id", "t0", "contact_id") ") j) as \"contacts\" from \"public\".\"deals\" as t0 order by (select t1.\"age\" from"
	    " \"public\".\"contacts\" as t1 where " ON("t1", "id", "t0", "contact_id") ") desc limit 1000", "",
	    "order by a column of a relation"),
	ROW(HTTP_GET, "contacts", "select=custom_fields->%220%22,custom_fields->0,x:phones->0::money", NULL, NULL, 0,
	    "select t0.\"custom_fields\"->$1::text as \"0\",t0.\"custom_fields\"->$2::text::int as \"custom_fields\","
	    "to_json(cast(to_jsonb(t0.\"phones\")->$3::text::int as money)) as \"x\" from \"public\".\"contacts\" as t0 limit 1000",
	    "0|0|0", "a quoted number is a key; a type that is not known here"),
	ROW(HTTP_GET, "contacts", "select=id&custom_fields->a=eq.1&custom_fields->b->0=cs.{}", NULL, NULL, 0,
	    "select t0.\"id\" from \"public\".\"contacts\" as t0 where (t0.\"custom_fields\"->$1::text)::jsonb = $2::jsonb and"
	    " (t0.\"custom_fields\"->$3::text->$4::text::int)::jsonb @> $5::jsonb limit 1000", "a|1|b|0|{}",
	    "a path is one operand"),
	ROW(HTTP_GET, "tags", "select=...deals(value.sum())", NULL, NULL, 0, "400 PGRST127", "", "no aggregates of a spread of many"),
	ROW(HTTP_GET, "contacts", "select=id,deals(id)&order=deals(title)", NULL, NULL, 0, "400 PGRST118", "", "no order by one of many"),
	ROW(HTTP_GET, "contacts", "select=id&order=deals(title)", NULL, NULL, 0, "400 PGRST108", "", "nor by what is not embedded"),
	ROW(HTTP_GET, "contacts", "select=id&age=neq(any).{1}", NULL, NULL, 0, "400 PGRST100", "", "neq takes no any"),
	ROW(HTTP_GET, "contacts", "select=age.median()", NULL, NULL, 0, "400 PGRST100", "", "an aggregate that is none"),
	ROW(HTTP_GET, "contacts", "select=id&age=eq.1&or=(age.is.nothing)", NULL, NULL, 0, "400 PGRST100", "", "keywords within or"),
};

static const struct row writes[] = {
	ROW(HTTP_POST, "deals", "", "{\"title\":\"a\",\"value\":1}", NULL, 0,
	    "insert into \"public\".\"deals\" as t0(\"title\",\"value\") select r.\"title\",r.\"value\" from"
	    " json_to_record($1::json) as r(\"title\" text,\"value\" numeric)", "{\"title\":\"a\",\"value\":1}",
	    "API-45 insert, minimal"),
	ROW(HTTP_POST, "deals", "select=id", "[{\"title\":\"a\"},{\"title\":\"b\"}]", "return=representation", 0,
	    "insert into \"public\".\"deals\" as t0(\"title\") select r.\"title\" from"
	    " json_to_recordset($1::json) as r(\"title\" text) returning t0.\"id\"",
	    "[{\"title\":\"a\"},{\"title\":\"b\"}]", "insert of several, with what is selected"),
	ROW(HTTP_POST, "deals", "select=id,contacts(id)", "{\"title\":\"a\"}", "return=representation", 0,
	    "with w as (insert into \"public\".\"deals\" as t0(\"title\") select r.\"title\" from"
	    " json_to_record($1::json) as r(\"title\" text) returning t0.\"id\",t0.\"org\",t0.\"contact_id\") select t0.\"id\","
	    "(select row_to_json(j) from (select t1.\"id\" from \"public\".\"contacts\" as t1 where t1.\"org\"=t0.\"org\" and"
	    " t1.\"id\"=t0.\"contact_id\") j) as \"contacts\" from w as t0", "{\"title\":\"a\"}",
	    "the representation embeds"),
	ROW(HTTP_POST, "deals", "", "{\"title\":\"a\",\"org\":\"x\"}", NULL, REST_PROXY,
	    "insert into \"public\".\"deals\" as t0(\"title\") select r.\"title\" from"
	    " json_to_record($1::json) as r(\"title\" text) returning " T0,
	    "{\"title\":\"a\",\"org\":\"x\"}", "API-47 API-46 on the proxy the tenant is not taken from the body"),
	ROW(HTTP_POST, "contacts", "", "{\"secret\":\"s3\",\"age\":12345678901}", NULL, 0,
	    "insert into \"public\".\"contacts\" as t0(\"secret\",\"age\") select r.\"secret\",r.\"age\" from"
	    " json_to_record($1::json) as r(\"secret\" text,\"age\" integer)",
	    "{\"secret\":\"sealed:contacts.secret:2\",\"age\":12345678901}", "a secret is sealed on its way"),
	ROW(HTTP_POST, "deals", "on_conflict=id", "{\"id\":\"1\",\"title\":\"a\"}", "resolution=merge-duplicates", 0,
	    "insert into \"public\".\"deals\" as t0(\"id\",\"title\") select r.\"id\",r.\"title\" from"
	    " json_to_record($1::json) as r(\"id\" uuid,\"title\" text) where " UP " on conflict"
	    " (\"id\",\"org\") do update set \"title\"=excluded.\"title\" where " DOWN, "{\"id\":\"1\",\"title\":\"a\"}", "upsert; the key has its tenant"),
	ROW(HTTP_POST, "deals", "", "{\"id\":\"1\"}", "resolution=ignore-duplicates,return=headers-only", 0,
	    "insert into \"public\".\"deals\" as t0(\"id\") select r.\"id\" from"
	    " json_to_record($1::json) as r(\"id\" uuid) on conflict (\"org\",\"id\") do nothing"
	    " returning t0.\"org\",t0.\"id\"", "{\"id\":\"1\"}", "doubles left as they are; only the key comes back"),
	ROW(HTTP_POST, "notes", "columns=id", "[{\"id\":1,\"x\":2},{}]", "missing=default", 0,
	    "insert into \"public\".\"notes\" as t0(\"id\") select case when b.j ? 'id' then r.\"id\" else null end from"
	    " jsonb_array_elements($1::jsonb) as b(j),jsonb_to_record(b.j) as r(\"id\" integer)",
	    "[{\"id\":1,\"x\":2},{}]", "columns and missing=default"),
	ROW(HTTP_POST, "deals", "", "[{\"title\":\"a\"},{\"value\":1}]", NULL, 0, "400 PGRST102", "", "rows with different keys"),
	ROW(HTTP_POST, "deals", "", "{\"titel\":\"a\"}", NULL, 0, "400 PGRST204", "", "an unknown key"),
	ROW(HTTP_POST, "deals", "", "[1]", NULL, 0, "400 PGRST102", "", "an array of something else"),
	ROW(HTTP_POST, "deals", "", "{", NULL, 0, "400 PGRST102", "", "broken JSON"),
	ROW(HTTP_PATCH, "deals", "id=eq.7", "{\"title\":\"b\"}", NULL, 0,
	    "update \"public\".\"deals\" as t0 set \"title\"=r.\"title\" from json_to_record($1::json) as r("
	    "\"title\" text) where t0.\"id\" = $2", "{\"title\":\"b\"}|7", "API-49 update what the filter finds"),
	ROW(HTTP_PATCH, "deals/7", "", "{\"title\":\"b\"}", NULL, 0,
	    "update \"public\".\"deals\" as t0 set \"title\"=r.\"title\" from json_to_record($1::json) as r("
	    "\"title\" text) where t0.\"id\" = $2", "{\"title\":\"b\"}|7", "API-50 the id in the path"),
	ROW(HTTP_PATCH, "deals", "", "{\"title\":\"b\"}", NULL, 0, "400 21000", "", "no filter, no update"),
	ROW(HTTP_PATCH, "deals", "contacts!inner.id=eq.7", "{\"title\":\"b\"}", NULL, 0, "400 PGRST108", "",
	    "a filter that is none touches nothing"),
	ROW(HTTP_PATCH, "deals", "id=eq.7", "", NULL, 0, "400 PGRST102", "", "an update without a body"),
	ROW(HTTP_PATCH, "deals", "title=eq.x&{\"a\":1}", "{\"title\":\"b\"}", NULL, 0, "400 PGRST100", "", "curl -G: JSON in the URL"),
	ROW(HTTP_PATCH, "deals", "id=eq.7&limit=1", "{\"title\":\"b\"}", NULL, 0, "400 PGRST100", "", "no limit on writes"),
	ROW(HTTP_PUT, "deals", "id=eq.7", "{\"id\":\"7\"}", NULL, 0,
	    "with w as (insert into \"public\".\"deals\" as t0(\"id\") select r.\"id\" from json_to_record($1::json) as"
	    " r(\"id\" uuid) where " UP " and r.\"id\"=$2 on conflict (\"org\",\"id\") do update set"
	    " \"id\"=excluded.\"id\" where " DOWN " returning 1) select  from (select * from w where (select case when"
	    " count(*)=1 then 1 else ('PGRST115:'||count(*))::int end from w)=1) as t0", "{\"id\":\"7\"}|7",
	    "PUT: one row, whose key is that of the URL"),
	ROW(HTTP_PUT, "deals", "title=eq.7", "{\"id\":\"7\"}", NULL, 0, "405 PGRST105", "", "PUT by what is no key"),
	ROW(HTTP_PUT, "deals", "id=eq.7&limit=1", "{\"id\":\"7\"}", NULL, 0, "400 PGRST114", "", "PUT with a limit"),
	ROW(HTTP_PATCH, "deals", "id=gt.7", "{\"title\":\"b\"}", "handling=strict,max-affected=2", 0,
	    "with w as (update \"public\".\"deals\" as t0 set \"title\"=r.\"title\" from json_to_record($1::json) as"
	    " r(\"title\" text) where t0.\"id\" > $2 returning 1) select  from (select * from w where (select case when"
	    " count(*)<=2 then 1 else ('PGRST124:'||count(*))::int end from w)=1) as t0", "{\"title\":\"b\"}|7",
	    "no more rows than expected, or none"),
	ROW(HTTP_PATCH, "deals", "id=gt.7", "{\"title\":\"b\"}", "handling=strict,colour=red", 0, "400 PGRST122", "",
	    "a preference that is unknown"),
	ROW(HTTP_DELETE, "deals", "id=eq.7&select=id", NULL, "return=representation", 0,
	    "delete from \"public\".\"deals\" as t0 where t0.\"id\" = $1 returning t0.\"id\"", "7", "delete"),
	ROW(HTTP_DELETE, "deals", "select=id", NULL, NULL, 0, "400 21000", "", "no filter, no delete"),
	ROW(HTTP_DELETE, "deals", "apikey=x", NULL, NULL, 0, "400 21000", "", "the key in the URL is no filter"),
	ROW(HTTP_POST, "rpc/total", "", "{\"of\":\"1\"}", NULL, 0,
	    "select \"public\".\"total\"(\"of\"=>a.\"of\") as v from json_to_record($1::json) as a(\"of\" uuid)",
	    "{\"of\":\"1\"}", "a function by POST"),
	ROW(HTTP_GET, "rpc/total", "of=1&since=2025-01-01", NULL, NULL, 0,
	    "select \"public\".\"total\"(\"of\"=>$1::uuid,\"since\"=>$2::date) as v", "1|2025-01-01", "a function by GET"),
	ROW(HTTP_GET, "rpc/best", "select=id,contacts(id)&value=gt.1", NULL, NULL, 0,
	    "select t0.\"id\",(select row_to_json(j) from (select t1.\"id\" from \"public\".\"contacts\" as t1 where"
	    " t1.\"org\"=t0.\"org\" and t1.\"id\"=t0.\"contact_id\") j) as \"contacts\" from \"public\".\"best\"() as t0"
	    " where t0.\"value\" > $1 limit 1000", "1", "rows of a function are filtered and embed"),
	ROW(HTTP_GET, "rpc/purge", "", NULL, NULL, 0, "select \"public\".\"purge\"() as v", "", "a function without arguments"),
	ROW(HTTP_DELETE, "rpc/purge", "", NULL, NULL, 0, "405 PGRST101", "", "functions are not deleted"),
	ROW(HTTP_POST, "rpc/total", "", "{\"off\":\"1\"}", NULL, 0, "404 PGRST202", "", "a parameter that it does not have"),
	ROW(HTTP_POST, "rpc/totl", "", "{}", NULL, 0, "404 PGRST202", "", "an unknown function"),
};

static void check(const struct row *r)
{
	struct arena *a = arena_new();
	struct http_pairs query = { 0 };
	struct rest_input in = { .method = r->method, .target = sv_from(r->target),
				 .flags = r->flags, .query = &query, .body = sv_from(r->body),
				 .prefer = sv_from(r->prefer) };
	struct buf params = BUF_INIT;
	struct rest_plan plan;
	struct err e = { 0 };

	if (http_parse_urlencoded(a, sv_from(r->query), &query, &e)) {
		tap_ok(false, r->line, "%s: the query is malformed", r->name);
		return;
	}
	if (rest_compile(schema, &sample_options, &in, a, &plan, &e)) {
		struct sv code = err_code(&e);
		char *got = arena_printf(a, "%d %.*s", status_http(e.status), SV_ARG(code));

		if (!tap_is_sv(sv_from(got), sv_from(r->want), r->line, r->name)) {
			struct sv said = err_message(&e);

			printf("#   said: %.*s\n", SV_ARG(said));
		}
		arena_free(a);
		return;
	}
	for (size_t i = 0; i < plan.main.n; i++)
		buf_addf(&params, "%s%.*s", i ? "|" : "", SV_ARG(plan.main.params[i].text));
	if (tap_is_sv(plan.main.sql, sv_from(r->want), r->line, r->name) &&
	    !sv_eq(buf_sv(&params), sv_from(r->params)))
		tap_is_sv(buf_sv(&params), sv_from(r->params), r->line, "its parameters");
	buf_release(&params);
	arena_free(a);
}

static void check_hints(void)
{
	struct arena *a = arena_new();
	struct http_pairs none = { 0 };
	struct rest_input in = { .method = HTTP_GET, .target = SV("contcts"), .query = &none };
	struct rest_plan plan;
	struct err e = { 0 };

	ok(rest_compile(schema, &sample_options, &in, a, &plan, &e) == ST_NOT_FOUND,
	   "an unknown table is 404");
	is_sv(e.hint, SV("Perhaps you meant the table 'public.contacts'"), "the nearest table");
	in.target = SV("deals");
	in.query = &(struct http_pairs){ &(struct http_pair){ SV("titel"), SV("eq.1") }, 1 };
	ok(rest_compile(schema, &sample_options, &in, a, &plan, &e) == ST_BAD_INPUT,
	   "an unknown column is 400");
	is_sv(e.hint, SV("Perhaps you meant the column 'deals.title'"), "the nearest column");
	arena_free(a);
}

static void compiled(struct arena *a, const struct rest_options *o, const char *target,
		     const char *text, const char *prefer, struct rest_plan *plan, struct err *e)
{
	struct http_pairs query = { 0 };
	struct rest_input in = { .method = HTTP_GET, .target = sv_from(target), .query = &query,
				 .prefer = sv_from(prefer) };

	if (http_parse_urlencoded(a, sv_from(text), &query, e) ||
	    rest_compile(schema, o, &in, a, plan, e))
		return;
}

/* What PostgREST answers, to the letter. */
static void check_words(void)
{
	struct rest_options strict = sample_options;
	struct arena *a = arena_new();
	struct rest_plan plan;
	struct err e;

	strict.strict = strict.no_aggregates = true;
	strict.scope_column = NULL;
	compiled(a, &strict, "deals", "id=1", NULL, &plan, &e);
	is_sv(e.message, SV("\"failed to parse filter (1)\" (line 1, column 1)"), "where it stopped");
	is_sv(e.details, SV("unexpected \"1\" expecting \"not\" or operator (eq, gt, ...)"), "and at what");
	compiled(a, &strict, "deals", "order=id.asc.nullslasttt", NULL, &plan, &e);
	is_sv(e.details, SV("unexpected 't' expecting \",\" or end of input"), "a word too long");
	compiled(a, &strict, "deals", "select=id,people(email)", NULL, &plan, &e);
	is_sv(e.hint, SV("Try changing 'people' to one of the following: 'people!deals_maker_id_fkey', "
			 "'people!deals_owner_id_fkey'. Find the desired relationship in the 'details' key."),
	      "which relationships there are");
	ok(e.details_json && sv_starts(e.details, SV("[{\"cardinality\":\"many-to-one\",\"embedding\":\"deals with people\"")),
	   "described as JSON");
	compiled(a, &strict, "deals", "select=id,peple(email)", NULL, &plan, &e);
	is_sv(e.hint, SV("Perhaps you meant 'people' instead of 'peple'."), "the nearest relation");
	compiled(a, &strict, "deals", "select=value.sum()", NULL, &plan, &e);
	is_sv(e.code, SV("PGRST123"), "aggregates can be switched off");
	arena_free(a);
}

static void check_estimates(void)
{
	struct arena *a = arena_new();
	struct rest_plan plan;
	struct err e;

	compiled(a, &sample_options, "deals", "title=eq.x", "count=planned", &plan, &e);
	is_sv(plan.estimate.sql,
	      SV("explain (format json) select from \"public\".\"deals\" as t0 where t0.\"title\" = $1"),
	      "count=planned asks the planner");
	is_int((int)plan.count.sql.n, 0, "and counts nothing");
	compiled(a, &sample_options, "deals", "", "count=estimated", &plan, &e);
	is_sv(plan.count.sql,
	      SV("select count(*) from (select from \"public\".\"deals\" as t0 limit 1001) c"),
	      "count=estimated counts no further than an answer reaches");
	is_int((int)rest_planned_rows(SV("[{\"Plan\": {\"Plan Rows\": 420,")), 420, "the planner's word");
	is_int((int)rest_planned_rows(SV("[]")), -1, "or none");
	arena_free(a);
}

static void check_count(void)
{
	struct arena *a = arena_new();
	struct http_pair filter = { SV("title"), SV("eq.x") };
	struct http_pairs query = { &filter, 1 };
	struct rest_input in = { .method = HTTP_GET, .target = SV("deals"), .query = &query,
				 .prefer = SV("count=exact") };
	struct rest_plan plan;
	struct err e = { 0 };

	ok(rest_compile(schema, &sample_options, &in, a, &plan, &e) == ST_OK, "counting compiles");
	is_sv(plan.count.sql,
	      SV("select count(*) from \"public\".\"deals\" as t0 where t0.\"title\" = $1"),
	      "the count has its own parameters");
	is_int((int)plan.count.n, 1, "one of them");
	is_sv(plan.applied, SV("count=exact"), "Preference-Applied");
	arena_free(a);
}

int main(void)
{
	schema = sample_schema();
	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++)
		check(&reads[i]);
	for (size_t i = 0; i < sizeof(embeds) / sizeof(*embeds); i++)
		check(&embeds[i]);
	for (size_t i = 0; i < sizeof(relations) / sizeof(*relations); i++)
		check(&relations[i]);
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++)
		check(&writes[i]);
	check_hints();
	check_count();
	check_words();
	check_estimates();
	rest_schema_free(schema);
	return tap_done();
}

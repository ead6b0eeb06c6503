/* /settings/channels: the messaging accounts and their state; the kinds that
 * may be connected. */
#include "fcgi/app/pages/settings_channels.h"

#include "base/conf.h"
#include "fcgi/app/routes.h"

const struct channel *channel_kind(struct sv name)
{
	for (size_t i = 0; channels[i]; i++)
		if (sv_eq(name, sv_from(channels[i]->slug)) ||
		    sv_eq(name, sv_from(channels[i]->type)))
			return channels[i];
	return NULL;
}

struct sv channel_hook_url(struct arena *a, const struct channel *k)
{
	if (!k->hook)
		return SV_NONE;
	return sv_from(arena_printf(a, "%s/functions/v1/%s", conf_str(CONF_base_url), k->hook));
}

struct sv channel_hook_urls(struct arena *a)
{
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; channels[i]; i++) {
		if (!channels[i]->hook)
			continue;
		buf_addc(&json, json.n ? ',' : '{');
		buf_json(&json, sv_from(channels[i]->type));
		buf_addc(&json, ':');
		buf_json(&json, channel_hook_url(a, channels[i]));
	}
	buf_add(&json, json.n ? SV("}") : SV("{}"));
	return arena_sv(a, buf_sv(&json));
}

void channel_set_kind(struct http_request *rq, struct tmpl_value *page, const struct channel *k)
{
	tmpl_set_text(page, "kind", sv_from(k->slug));
	tmpl_set_text(page, "kind_label", sv_from(k->label));
	tmpl_set_text(page, "kind_icon", sv_from(k->icon));
	tmpl_set_text(page, "kind_steps", sv_from(k->steps ? tr(k->steps) : ""));
	tmpl_set_text(page, "webhook_url", channel_hook_url(rq->arena, k));
	tmpl_set_bool(page, "can_check", k->check != NULL);
	tmpl_set_bool(page, "can_subscribe", k->subscribe != NULL);
	tmpl_set_bool(page, "can_send", k->send != NULL);
	tmpl_set_bool(page, "by_phone", k->handle_kind && sv_eq(sv_from(k->handle_kind), SV("phone")));
	tmpl_set_bool(page, "by_mail", k->handle_kind && sv_eq(sv_from(k->handle_kind), SV("email")));
	channel_connect_kind(rq, page, k);
	tmpl_set_bool(page, "by_meta", k->caps & CHANNEL_BY_FACEBOOK);
	tmpl_set_bool(page, "is_chat", sv_eq(sv_from(k->type), SV("WEB_CHAT")));
}

static void set_kinds(struct http_request *rq, struct tmpl_value *page)
{
	struct tmpl_value *list = tmpl_set_list(page, "kinds");
	struct sv chosen = http_query(rq, "type");

	for (size_t i = 0; channels[i]; i++) {
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "slug", sv_from(channels[i]->slug));
		tmpl_set_text(v, "type", sv_from(channels[i]->type));
		tmpl_set_text(v, "label", sv_from(channels[i]->label));
		tmpl_set_text(v, "icon", sv_from(channels[i]->icon));
		tmpl_set_text(v, "about", sv_from(tr(channels[i]->about)));
		tmpl_set_bool(v, "chosen", sv_eq(chosen, sv_from(channels[i]->type)));
	}
}

static void add_filters(struct http_request *rq, struct query *q)
{
	struct sv state = http_query(rq, "state"), type = http_query(rq, "type"),
		  words = sv_trim(http_query(rq, "q"));

	if (sv_eq(state, SV("active")))
		query_add(q, " and a.is_active");
	else if (sv_eq(state, SV("inactive")))
		query_add(q, " and not a.is_active and a.deleted_at is null");
	else if (sv_eq(state, SV("attention")))
		query_add(q, " and (a.last_error is not null or a.check_notice is not null"
			     " or a.connection_state = 'Disconnected') and a.deleted_at is null");
	if (sv_eq(state, SV("deleted")))
		query_add(q, " and a.deleted_at is not null");
	else
		query_add(q, " and a.deleted_at is null");
	if (type.n)
		query_with(q, " and a.type = ", DB_S(type));
	if (words.n) {
		query_with(q, " and lower(concat_ws(' ', a.name, app.channel_label(a.type),"
			      " a.provider_name, a.external_id)) like internal.search_pattern(",
			   DB_S(words));
		query_add(q, ")");
	}
}

static int add_rows(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	/* The first parameter, which CHANNEL_CARD_COLUMNS names. */
	query_with(&q, "with hooks as (select ", DB_S(channel_hook_urls(rq->arena)));
	query_add(&q, "::jsonb) select" CHANNEL_CARD_COLUMNS CHANNEL_CARD_TABLES " where true");
	add_filters(rq, &q);
	query_add(&q, " order by a.is_active desc, lower(a.name), a.id limit 200");
	return query_run(&q, b);
}

enum status settings_channels(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv state = http_query(rq, "state");
	struct tmpl_value *page;
	int rows, dead;

	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	rows = add_rows(rq, b);
	dead = db_add(b, "select nullif(app.dead_letter_count(), 0) as n");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "channels", b, rows);
	set_kinds(rq, page);
	tmpl_set_text(page, "q", http_query(rq, "q"));
	tmpl_set_text(page, "dead", db_first(b, dead, "n"));
	tmpl_set_bool(page, "filtered", state.n || http_query(rq, "q").n || http_query(rq, "type").n);
	tmpl_set_bool(page, "only_active", sv_eq(state, SV("active")));
	tmpl_set_bool(page, "only_inactive", sv_eq(state, SV("inactive")));
	tmpl_set_bool(page, "only_attention", sv_eq(state, SV("attention")));
	tmpl_set_bool(page, "only_deleted", sv_eq(state, SV("deleted")));
	return web_render(rq, rs, wants_fragment(rq) ? "app/settings/channels_cards" :
						       "app/settings/channels", page, e);
}

/* Which kind? */
enum status settings_channel_kinds(struct http_request *rq, struct http_response *rs,
				   struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;

	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_kinds(rq, page);
	return web_render(rq, rs, "app/settings/channel_kinds", page, e);
}

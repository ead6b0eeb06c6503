/* /settings/messages: what is asked outside about messages: links, translations. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

static const struct {
	const char *name, *label;
} providers[] = { { "libretranslate", "LibreTranslate" }, { "mymemory", "MyMemory" } };

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	struct sv chosen;
	int row;

	web_me(rq, b);
	db_add(b, "select internal.admins_only('settings')");
	row = db_add(b, "select s.link_previews, s.translation_provider as provider, s.translation_url as url"
			" from (select 1) x left join message_settings s on s.organization_id = auth.org()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "form", b, row, 0);
	chosen = f ? http_form(rq, "provider") : db_first(b, row, "provider");
	list = tmpl_set_list(page, "providers");
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(providers[i].name));
		tmpl_set_text(one, "label", sv_from(providers[i].label));
		tmpl_set_bool(one, "is_current", sv_eq(chosen, sv_from(providers[i].name)));
	}
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/messages", page, e);
}

enum status settings_messages(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

enum status settings_messages_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv provider, url, key = sv_trim(http_form(rq, "key"));
	bool previews = http_form(rq, "link_previews").n > 0;
	struct form f;

	form_init(&f, rq);
	provider = form_text(&f, "provider");
	url = form_text(&f, "url");
	tmpl_set_bool(f.values, "link_previews", previews);
	if (sv_eq(provider, SV("libretranslate")) && !url.n) {
		form_error(&f, "url", sv_from(tr("Enter the address of the translation server")));
		return show(rq, rs, &f, e);
	}
	db_add(b, "select app.save_message_settings($1, $2, $3, $4)", DB_B(previews), DB_S(provider), DB_S(url),
	       DB_OPT(key.n ? crypto_seal(rq->arena, SV("translation"), key) : SV_NONE));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/settings/messages?done=saved"));
}

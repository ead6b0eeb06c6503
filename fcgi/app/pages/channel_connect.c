/*
 * Steps of connecting that only some channels have: a phone to pair by a QR code
 * (WhatsApp Lite), and signing in at the provider (TikTok, LinkedIn). They stand
 * among the others in app/settings/channel_steps.html.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "channel/oauth.h"
#include "fcgi/app/routes.h"
#include "signin/signin.h"

#include <string.h>

/* ---- a phone ------------------------------------------------------------------ */

int channel_pairing_add(struct db_batch *b, struct sv id)
{
	return db_add(b, "select s.state, s.qr, s.error, s.state = 'asked' as is_asked, s.state = 'pairing' as is_pairing,"
			 " s.state = 'connected' as is_paired, s.state in ('disconnected', 'failed') as is_over"
			 " from channel_sessions s where s.channel_account_id = $1::uuid", DB_S(id));
}

void channel_pairing_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b, int row)
{
	struct sv text = db_first(b, row, "qr");
	struct buf *svg;
	struct err e = { 0 };

	web_set_row(page, "pairing", b, row, 0);
	if (!text.n)
		return;
	svg = buf_in_arena(rq->arena);
	if (!qr_svg(svg, text, rq->arena, &e))
		tmpl_set_text(page, "qr_svg", buf_sv(svg));
}

enum status settings_channel_pair(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	db_add(b, CHANNEL_ADMINS);
	db_add(b, "select channel_pair($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (sv_present(http_header(rq, "HX-Request"))) {
		rs->status = 204;
		http_set_header(rs, "HX-Trigger", SV("refresh"));
		return ST_OK;
	}
	return redirect_to(rq, rs, "/settings/channels/", id, "/connect");
}

/* ---- signing in ------------------------------------------------------------------ */

/* To the provider's page. Nothing changes by it here; the state in the address
 * says for a quarter of an hour that we sent the browser there. */
enum status settings_channel_authorize(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	const struct channel *c;
	struct channel_account acc;
	struct sv id;
	int row;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	db_add(b, CHANNEL_ADMINS);
	row = db_add(b, "select a.organization_id, a.type, a.external_id, a.settings from channel_accounts a"
			" where a.id = $1 and a.deleted_at is null", DB_S(id));
	if (db_run(b, e))
		return e->status;
	c = channel_find(db_first(b, row, "type"));
	if (!c || !c->authorize_url)
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	channel_account_open(&acc, rq->arena, c,
			     &(struct channel_account_row){
				     .organization_id = db_first(b, row, "organization_id"),
				     .id = id,
				     .external_id = db_first(b, row, "external_id"),
				     .settings = db_first(b, row, "settings") });
	http_set_header(rs, "Cache-Control", SV("no-store"));
	rs->status = 303; /* http_redirect leads to pages of ours alone */
	http_set_header(rs, "Location", c->authorize_url(rq->arena, &acc, channel_oauth_redirect(rq->arena, c),
							 channel_oauth_state(rq->arena, &acc)));
	return ST_OK;
}

void channel_connect_kind(struct http_request *rq, struct tmpl_value *page, const struct channel *k)
{
	struct sv outcome = http_query(rq, "outcome");

	tmpl_set_bool(page, "pairs", k->session != NULL);
	tmpl_set_bool(page, "signs_in", k->authorize_url != NULL);
	tmpl_set_bool(page, "needs_approval", k->caps & CHANNEL_NEEDS_APPROVAL);
	tmpl_set_bool(page, "by_device", k->handle_kind && !strcmp(k->handle_kind, "push"));
	tmpl_set_bool(page, "send_only", k->caps & CHANNEL_SEND_ONLY);
	if (k->authorize_url)
		tmpl_set_text(page, "redirect_url", channel_oauth_redirect(rq->arena, k));
	tmpl_set_bool(page, "sign_in_refused", sv_eq(outcome, SV("refused")));
}

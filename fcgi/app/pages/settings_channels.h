/*
 * The settings pages of channels.
 *
 * settings_channels.c      the list, and which kinds there are
 * settings_channel_form.c  connecting one, and its credentials
 * settings_channel.c       one account: state, figures, steps, test, options
 * channel_connect.c        pairing a phone, signing in at the provider
 * channel_health.c         health of all, the log of calls, dead letters
 */
#ifndef APP_SETTINGS_CHANNELS_H
#define APP_SETTINGS_CHANNELS_H

#include "channel/channel.h"
#include "fcgi/app/crm.h"

#define CHANNEL_ADMINS "select internal.admins_only('channels')"

/* By its slug or type; NULL: none. */
const struct channel *channel_kind(struct sv name);
/* Where its provider calls; SV_NONE: nowhere. */
struct sv channel_hook_url(struct arena *a, const struct channel *k);
/* All of these by type, as a JSON object: for SQL that lists accounts. */
struct sv channel_hook_urls(struct arena *a);
/* kind, kind_label, kind_icon, kind_steps, webhook_url, can_subscribe ... */
void channel_set_kind(struct http_request *rq, struct tmpl_value *page, const struct channel *k);

/* What channel_connect.c adds to a page with the steps of an account. */
int channel_pairing_add(struct db_batch *b, struct sv id);
void channel_pairing_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b, int row);
void channel_connect_kind(struct http_request *rq, struct tmpl_value *page, const struct channel *k);

/* Columns of one account (alias a; t its totals, y its day today), $1 being
 * channel_hook_urls. */
#define CHANNEL_CARD_COLUMNS                                                                       \
	" a.id, a.name, a.type, app.channel_label(a.type) as label, app.channel_icon(a.type) as icon," \
	" coalesce(a.provider_name, a.external_id) as called, a.is_active, a.deleted_at is not null as is_deleted," \
	" a.awaits_check, a.last_error, a.check_notice, nullif(a.bad_signatures, 0) as bad_signatures," \
	" a.connection_state = 'Connected' as is_connected,"                                       \
	" a.is_active and a.connection_state = 'Connected' and a.last_in_at is null and a.last_out_at is null" \
	"  and $1::jsonb ? a.type as is_waiting,"                                                  \
	" a.deleted_at is null and (a.last_error is not null or a.check_notice is not null"        \
	"  or a.is_active and a.connection_state = 'Disconnected'"                                 \
	"  or a.token_expires_at < now() + interval '3 days') as needs_attention,"                 \
	" app.short_time(a.last_in_at, z.name) as last_in, app.short_time(a.last_out_at, z.name) as last_out," \
	" app.short_time(a.checked_at, z.name) as checked, internal.shown_date((a.token_expires_at"  \
	"  at time zone z.name)::date) as token_ends, coalesce(t.received, 0) as received,"         \
	" coalesce(t.sent, 0) as sent, coalesce(t.failed, 0) as failed,"                            \
	" coalesce(t.conversations, 0) as conversations,"                                          \
	" case when t.answers > 0 then internal.shown_span(t.answer_seconds / t.answers * interval '1 second') end as answer_time," \
	" case when y.lags > 0 then internal.shown_lag(y.lag_ms / y.lags) end as lag,"                  \
	" $1::jsonb ->> a.type as hook_url"
#define CHANNEL_CARD_TABLES                                                                        \
	" from channel_accounts a cross join (select app.zone() as name offset 0) z"               \
	" left join channel_totals t on t.organization_id = a.organization_id and t.channel_account_id = a.id" \
	" left join channel_days y on y.organization_id = a.organization_id and y.channel_account_id = a.id" \
	"  and y.day = (now() at time zone z.name)::date"

#endif

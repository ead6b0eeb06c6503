/* The composer: may the agent write now, what stands in the way, and what there is to choose. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"
#include "channel/channel.h"

#include <string.h>

int inbox_add_composer(struct db_batch *b, struct sv id)
{
	return db_add(b, "select * from app.composer($1)", DB_S(id));
}

/* Types of channels that can do it, with spaces: a message may have gone by another one
 * than that of its conversation. */
static void set_able(struct tmpl_value *page, struct arena *a, const char *key, size_t member)
{
	struct buf *out = buf_in_arena(a);

	for (size_t i = 0; channels[i]; i++)
		if (*(channel_act_fn *const *)((const char *)channels[i] + member))
			buf_addf(out, "%s%s", out->n ? " " : "", channels[i]->type);
	tmpl_set_text(page, key, buf_sv(out));
}

/* [["image/jpeg image/png", 5242880], [null, 104857600]]: as channel_limit_for reads them. */
static void set_limits(struct tmpl_value *page, struct arena *a, const struct channel *c)
{
	struct buf *out = buf_in_arena(a);

	buf_addc(out, '[');
	for (const struct channel_limit *l = c->limits; l && l->kind; l++) {
		buf_add(out, out->n > 1 ? SV(",[") : SV("["));
		if (l->types)
			buf_json(out, sv_from(l->types));
		else
			buf_lit(out, "null");
		buf_addf(out, ",%lld]", (long long)l->max);
	}
	buf_addc(out, ']');
	tmpl_set_text(page, "limits", buf_sv(out));
}

static void set_window(struct tmpl_value *page, struct arena *a, int64_t left)
{
	if (left < 4 * 3600)
		tmpl_set_text(page, "window_left",
			      sv_from(arena_printf(a, tr("%lld h %lld min"), (long long)left / 3600,
						   (long long)left / 60 % 60)));
}

/* Seconds after the customer wrote in which one may write freely; 0: always. */
static int64_t window_of(const struct channel *c, bool comment, bool late)
{
	if (comment) /* in public, at any time */
		return 0;
	return (c->late_hours && late ? c->late_hours : c->window_hours) * INT64_C(3600);
}

static bool is_true(const struct db_batch *b, int row, const char *column)
{
	return sv_eq(db_first(b, row, column), SV("t"));
}

/* The channel that answers (INB-69): the one that was chosen, else the conversation's own;
 * since when its customer is silent, and how long one may write. */
static const struct channel *answering(const struct db_batch *b, const struct inbox_talk *t, int64_t *silent,
				       int64_t *window)
{
	bool other = is_true(b, t->composer, "by_other");
	int row = other ? t->composer : t->row;
	const struct channel *c = channel_find(db_first(b, row, other ? "reply_type" : "channel_type"));

	*silent = INT64_MAX;
	sv_to_i64(db_first(b, row, other ? "reply_silent" : "silent"), silent);
	*window = !c ? 0 : window_of(c, !other && is_true(b, t->row, "is_comment"),
				     is_true(b, row, other ? "reply_late" : "answers_late"));
	return c;
}

void inbox_set_composer(struct tmpl_value *page, struct arena *a, const struct db_batch *b,
			const struct inbox_talk *t)
{
	int64_t silent, window;
	const struct channel *c = answering(b, t, &silent, &window),
			     *own = channel_find(db_first(b, t->row, "channel_type"));
	bool open = is_true(b, t->row, "is_open"), closed_window = window && silent >= window;

	if (db_rows(b, t->composer))
		web_set_row(page, "compose", b, t->composer, 0);
	set_able(page, a, "can_react", offsetof(struct channel, react));
	set_able(page, a, "can_edit", offsetof(struct channel, edit));
	set_able(page, a, "can_revoke", offsetof(struct channel, revoke));
	tmpl_set_bool(page, "can_reply", open && c && !closed_window);
	tmpl_set_bool(page, "is_closed", !open);
	tmpl_set_bool(page, "no_channel", open && !c);
	tmpl_set_bool(page, "window_closed", open && closed_window);
	tmpl_set_bool(page, "may_choose", open && !(c && !closed_window) && is_true(b, t->composer, "has_choice"));
	tmpl_set_text(page, "composer_state",
		      !open	      ? SV("closed")
		      : !c	      ? SV("none")
		      : closed_window ? SV("window")
				      : SV("open"));
	if (!c)
		return;
	tmpl_set_bool(page, "is_mail", c == own && !strcmp(c->handle_kind, "email"));
	tmpl_set_text(page, "channel_label", sv_from(c->label));
	tmpl_set_int(page, "window_hours", window / 3600);
	tmpl_set_int(page, "text_max", (int64_t)c->text_max);
	tmpl_set_bool(page, "can_media", c->caps & CHANNEL_CAN_MEDIA);
	tmpl_set_bool(page, "can_place", c->caps & CHANNEL_CAN_LOCATION);
	tmpl_set_bool(page, "can_card", c->caps & CHANNEL_CAN_CONTACTS);
	tmpl_set_bool(page, "can_template", c->caps & CHANNEL_CAN_TEMPLATE);
	set_limits(page, a, c);
	if (open && window && !closed_window)
		set_window(page, a, window - silent);
}

/* POST /inbox/:id/channel: by which channel this conversation is answered from now on. */
enum status inbox_channel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, channel = http_form(rq, "channel");
	struct db_batch *b = web_batch(rq);

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(channel))
		return inbox_refuse(rq, "channel", tr("Choose a channel"), e);
	must_exist(b, "conversations", id);
	db_add(b, "select app.choose_reply_channel($1, $2)", DB_S(id), DB_S(channel));
	return inbox_changed(rq, rs, b, id, e);
}

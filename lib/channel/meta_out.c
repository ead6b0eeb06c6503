/*
 * Messenger and Instagram: sending by the Send API, answering comments, and
 * fetching files. A file is uploaded first (step 0) and then sent by its id,
 * so that only the call that the customer sees can be in doubt.
 */
#include "channel/internal.h"

#include <string.h>

#define MB ((size_t)1024 * 1024)

static bool is_instagram(const struct channel_account *acc)
{
	return !strcmp(acc->channel->type, "INSTAGRAM");
}

static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;

	return channel_json(a, r->body, &e);
}

/* ---- files ------------------------------------------------------------------- */

static const char *attachment_type(const struct channel_part *p)
{
	static const struct {
		const char *kind, *type;
	} taken[] = {
		{ "image", "image/jpeg" }, { "image", "image/png" },  { "image", "image/gif" },
		{ "sticker", "image/png" }, { "video", "video/mp4" }, { "video", "video/quicktime" },
		{ "video", "video/webm" }, { "audio", "audio/" },
	};

	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (sv_eq(p->kind, sv_from(taken[i].kind)) &&
		    sv_starts(p->type, sv_from(taken[i].type)))
			return strcmp(taken[i].kind, "sticker") ? taken[i].kind : "image";
	return "file";
}

/* Meta's own limits: 25 MB, pictures on Instagram 8 MB. */
static bool too_large(const struct channel_part *p)
{
	bool picture = is_instagram(p->account) && !strcmp(attachment_type(p), "image");

	return p->data.n > (picture ? 8 : 25) * MB;
}

static void ask_upload(struct channel_part *p, struct net_request *out)
{
	const char *edge = is_instagram(p->account) ? "/message_attachments?platform=instagram"
						     : "/message_attachments";
	struct sv message = sv_from(
		arena_printf(p->arena, "{\"attachment\":{\"type\":\"%s\",\"payload\":{}}}",
			     attachment_type(p)));
	const struct channel_field fields[] = { { "message", message } };
	const struct channel_form_file file = { "filedata", p->name, p->type, p->data };

	channel_post_form(p->arena, out, meta_url(p->arena, p->account, SV("me"), edge),
			  meta_token(p->account), fields, 1, &file);
}

/* ---- messages ----------------------------------------------------------------- */

static void add_quick_replies(json_t *message, const struct channel_part *p)
{
	struct channel_button *v;
	size_t n = channel_buttons(p->arena, p->metadata, &v);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one = json_pack("{s:s}", "content_type", "text");

		channel_set(one, "title", v[i].title);
		channel_set(one, "payload", v[i].id);
		json_array_append_new(list, one);
	}
	json_object_set_new(message, "quick_replies", list);
}

static json_t *make_message(const struct channel_part *p)
{
	json_t *message = json_object();

	if (p->kind.n)
		json_object_set_new(message, "attachment",
				    json_pack("{s:s,s:{s:s%}}", "type", attachment_type(p),
					      "payload", "attachment_id", p->uploaded.p,
					      p->uploaded.n));
	else
		channel_set(message, "text", p->text);
	if (json_object_get(p->metadata, "buttons"))
		add_quick_replies(message, p);
	/* Comes back with the echo, which so finds the message by our id. */
	if (!is_instagram(p->account))
		channel_set(message, "metadata", p->message_id);
	return message;
}

/* CHA-92: to somebody who wrote a comment, by the comment. */
static bool is_private(const struct channel_part *p)
{
	return p->comment.n && json_is_true(json_object_get(p->metadata, "private_reply"));
}

static void ask_send(struct channel_part *p, struct net_request *out)
{
	json_t *body = channel_json_keep(p->arena, json_object()), *to = json_object();

	channel_set(to, is_private(p) ? "comment_id" : "id", is_private(p) ? p->comment : p->to);
	json_object_set_new(body, "recipient", to);
	if (p->late) {
		channel_set(body, "messaging_type", SV("MESSAGE_TAG"));
		channel_set(body, "tag", SV("HUMAN_AGENT"));
	} else {
		channel_set(body, "messaging_type", SV("RESPONSE"));
	}
	json_object_set_new(body, "message", make_message(p));
	if (p->reply_to.n && !p->comment.n)
		json_object_set_new(body, "reply_to",
				    json_pack("{s:s%}", "mid", p->reply_to.p, p->reply_to.n));
	channel_post_json(p->arena, out, meta_url(p->arena, p->account, SV("me"), "/messages"),
			  meta_token(p->account), channel_dump(p->arena, body));
}

/* Below the comment, for all to see. Instagram takes answers to topmost ones only. */
static void ask_comment(struct channel_part *p, struct net_request *out)
{
	bool instagram = is_instagram(p->account);
	struct sv under = instagram && p->comment_root.n ? p->comment_root : p->comment;
	json_t *body = channel_json_keep(p->arena, json_object());

	channel_set(body, "message", p->text);
	channel_post_json(p->arena, out,
			  meta_url(p->arena, p->account, under, instagram ? "/replies" : "/comments"),
			  meta_token(p->account), channel_dump(p->arena, body));
}

static enum channel_next begin(struct channel_part *p, struct net_request *out,
			       struct channel_failure *f)
{
	bool public = p->comment.n && !is_private(p);

	if (p->kind.n && public)
		return channel_fail(f, CHANNEL_PERMANENT, SV("file"),
				    SV("An answer to a comment takes no file; send it in a private reply"));
	if (p->kind.n && too_large(p))
		return channel_fail(f, CHANNEL_PERMANENT, SV("file"),
				    SV("The file is larger than Meta allows (25 MB, pictures on "
				       "Instagram 8 MB)"));
	if (p->kind.n && !p->uploaded.n) {
		ask_upload(p, out);
		return CHANNEL_CALL;
	}
	p->step = 1;
	if (public)
		ask_comment(p, out);
	else
		ask_send(p, out);
	return CHANNEL_CALL;
}

enum channel_next meta_send(struct channel_part *p, const struct net_response *r,
			    struct net_request *out, struct channel_failure *f)
{
	bool sending = p->step == 1;
	json_t *body;

	if (!r)
		return begin(p, out, f);
	if (channel_net_failed(p->arena, r, sending, f))
		return CHANNEL_DEAD;
	body = answer(p->arena, r);
	if (!sending) {
		p->uploaded = channel_text(p->arena, body, "attachment_id");
		if (r->status != 200 || !p->uploaded.n)
			return meta_refused(p->arena, body, r, false, f);
		return begin(p, out, f);
	}
	p->sent_id = channel_text(p->arena, body, "message_id");
	if (!p->sent_id.n)
		p->sent_id = channel_text(p->arena, body, "id"); /* of a comment */
	return r->status == 200 && p->sent_id.n ? CHANNEL_DONE
						: meta_refused(p->arena, body, r, true, f);
}

/* ---- files of customers ------------------------------------------------------------ */

/* The id is the address; it carries its own permission, so no token goes there. */
enum channel_next meta_fetch(struct channel_media *m, const struct net_response *r,
			     struct net_request *out, struct channel_failure *f)
{
	if (!r) {
		channel_get(m->arena, out, m->id, SV_NONE);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(m->arena, r, false, f))
		return CHANNEL_DEAD;
	if (r->status == 200) {
		m->data = r->body;
		return CHANNEL_DONE;
	}
	if (r->status >= 500 || r->status == 429)
		return channel_fail(f, CHANNEL_TEMPORARY, SV("file"), SV("Meta's file store has trouble"));
	return channel_fail(f, CHANNEL_PERMANENT, SV("file"),
			    sv_from(arena_printf(m->arena, "The file is not at Meta any more (%d)",
						 r->status)));
}

bool meta_caption(const struct channel_part *p)
{
	(void)p;
	return false;
}

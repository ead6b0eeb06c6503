/* What the files of this folder share; channel.h is what others use. */
#ifndef CHANNEL_INTERNAL_H
#define CHANNEL_INTERNAL_H

#include "channel/channel.h"

extern const struct channel channel_telegram, channel_whatsapp_cloud;
extern const struct channel channel_email, channel_bulk_email, channel_ses;
channel_send_fn email_send, ses_send;
channel_check_fn email_check, ses_check;
extern const struct channel channel_linkedin, channel_push, channel_shopify, channel_sms, channel_tiktok,
	channel_whatsapp_lite;
extern const struct channel channel_messenger, channel_instagram;
extern const struct channel channel_web_chat;
channel_send_fn telegram_send, whatsapp_send;
channel_act_fn telegram_react, telegram_edit, telegram_revoke;
channel_fetch_fn telegram_fetch, whatsapp_fetch;
channel_check_fn telegram_check, telegram_subscribe, whatsapp_check;
bool whatsapp_caption(const struct channel_part *p);
/* A line of a check. `advice` is what to do when it is not ok; both in words. */
void channel_check_add(struct channel_check *c, const char *what, bool ok, struct sv said,
		       struct sv advice);

/* ---- calls ------------------------------------------------------------- */

/* The share of that key (or, when it is empty, group); made when there is none. */
struct channel_share *channel_share_of(struct arena *a, struct channel_shares *shares,
				       struct sv key, struct sv group);
/* Meta's way of signing (X-Hub-Signature-256 with app_secret), of asking for
 * the verify_token, and of putting together what is for one account: the
 * change or messaging item joins the share's {"object", "entry": [..]}. */
bool meta_verify(const struct channel_account *acc, const struct channel_call *call);
bool meta_handshake(const struct channel_account *acc, const struct channel_call *call,
		    struct sv *answer, const char **content_type);
void meta_give(struct arena *a, struct channel_share *s, json_t *body, json_t *entry,
	       const char *list, json_t *item);

/* The body of gateways without a format of their own (generic.c), one item of
 * it; phones: from is a phone number. Its files lie at their addresses. */
void generic_read(struct arena *a, const json_t *body, bool phones, struct channel_items *out);
bool generic_is_receipt(const json_t *body);
channel_fetch_fn generic_fetch; /* media.id is the address */
/* A phone number's digits alone, and as E.164; without @s.whatsapp.net, 00 and
 * what people write between them. What is no number stays as it is. */
struct sv channel_digits(struct arena *a, struct sv number);
struct sv channel_e164(struct arena *a, struct sv number);

/* One share for each entry.id: a page, an Instagram account. */
enum status meta_split(const struct channel_call *call, json_t *body, struct channel_shares *out,
		       struct err *e);
/* Its own, or that of the installation's app. */
struct sv meta_app_secret(struct arena *a, const struct channel_account *acc);
struct sv meta_token(const struct channel_account *acc);
/* {api_base}/<node><edge> */
struct sv meta_url(struct arena *a, const struct channel_account *acc, struct sv node,
		   const char *edge);

/* What a page or its posts tell, an element of entry.changes; false: a field it does not know. */
typedef bool meta_change(struct arena *a, const struct channel_account *acc, struct sv field,
			 const json_t *value, int64_t at, struct channel_items *out);
/* A call of Messenger's or Instagram's webhook: the messages of this account's entries,
 * which are alike, and its changes. */
enum status meta_read(struct arena *a, const struct channel_account *acc, const json_t *body,
		      meta_change *change, struct channel_items *out, struct err *e);
/* No caption: the text goes ahead as a message of its own. */
bool meta_caption(const struct channel_part *p);
/* A new item that is a fact with its data in it->extra. */
struct channel_item *meta_fact(struct arena *a, struct channel_items *out, const char *fact);
struct channel_item *meta_ignore(struct arena *a, struct channel_items *out, struct sv why);
channel_send_fn meta_send;
channel_fetch_fn meta_fetch;
channel_act_fn meta_react, meta_mark_read, meta_typing;
channel_profile_fn meta_profile;
channel_check_fn messenger_check, instagram_check;
channel_act_fn whatsapp_react, whatsapp_mark_read, whatsapp_typing;
channel_act_fn telegram_typing;

/* What an answer {"error":{..}} of the Graph API means. `sending`: it was the
 * call that makes the customer see something. */
enum channel_next meta_refused(struct arena *a, const json_t *body, const struct net_response *r,
			       bool sending, struct channel_failure *f);
/* Seconds to wait where the provider holds an account back: Retry-After, its
 * usage headers, else what its documents advise for the code; 0: not held back. */
int meta_retry_after(struct arena *a, const struct net_response *r, int64_t code);

/* What an answer means for a check. CHANNEL_DONE: it can be read (*body);
 * CHANNEL_CALL: it was a refusal, which is a line now, go on; CHANNEL_DEAD:
 * nobody can be asked at the moment, or the token is dead (f->disconnected). */
enum channel_next meta_check_answer(struct channel_check *c, const struct net_response *r,
				    const char *what, json_t **body, struct channel_failure *f);
/* The end of a check: what its lines come to. */
enum channel_next meta_check_end(const struct channel_check *c, struct channel_failure *f);

/* ---- tasks ------------------------------------------------------------ */

struct channel_task {
	struct channel_job job;
	enum channel_next (*step)(struct channel_task *t, const struct net_response *r,
				  struct channel_step *out);
	json_t *payload;
	struct channel_account account;
	struct sv id; /* of the hook, message or attachment */
	struct sv received_at; /* of the hook */
	struct channel_part *parts;
	size_t n_parts, part;
	json_t *sent;        /* provider ids of the parts that are out */
	json_t *noted;       /* what the provider said beside, for the metadata; or NULL */
	struct sv *contents; /* of the parts' files: their SHA-256 */
	struct channel_media media;
	channel_fetch_fn *fetch; /* by which media comes */
	struct sv media_kind;
	struct channel_session session;
	void *own; /* what a task keeps beside */
	struct draft *ahead; /* of a message: read with others (channel_task_ahead) */
	struct channel_check check;
	channel_check_fn *ask; /* check or subscribe */
	struct channel_act act;
	channel_act_fn *do_act;
};

enum channel_next channel_inbound_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out);
enum channel_next channel_send_step(struct channel_task *t, const struct net_response *r,
				    struct channel_step *out);
void channel_send_ahead(struct channel_task *const *tasks, size_t n);
enum channel_next channel_fetch_step(struct channel_task *t, const struct net_response *r,
				     struct channel_step *out);
enum channel_next channel_signal_step(struct channel_task *t, const struct net_response *r,
				   struct channel_step *out);
enum channel_next channel_profile_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out);
enum channel_next channel_check_step(struct channel_task *t, const struct net_response *r,
				     struct channel_step *out);
enum channel_next channel_templates_step(struct channel_task *t, const struct net_response *r,
					 struct channel_step *out);
enum channel_next channel_template_step(struct channel_task *t, const struct net_response *r,
					struct channel_step *out);
enum channel_next channel_act_step(struct channel_task *t, const struct net_response *r,
				   struct channel_step *out);
/* Whom a message goes to: the conversation's thread at the provider, else the
 * contact's handle of the channel's kind, else its first phone. */
struct sv channel_recipient(const struct channel_task *t, const struct db_batch *b, int stmt);

enum channel_next channel_session_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out);

/* The database said no: try again when it was out of reach or busy, else a
 * dead letter; the text goes with it. */
enum channel_next channel_db_failed(const struct channel_task *t, const struct err *e,
				    struct channel_step *out);
enum channel_next channel_dead(struct channel_step *out, struct sv text);
/* Again after so many seconds; it counts as no attempt. */
enum channel_next channel_later(struct channel_step *out, int after, struct sv text);
/* Again later, unless this was the last attempt: then it is dead. */
enum channel_next channel_retry(const struct channel_task *t, struct channel_step *out, int after,
				struct sv text);
/* Add the statement that writes what went wrong at the account. */
void channel_account_error(struct db_batch *b, struct sv account, struct sv error,
			   bool disconnected);

/* The account of a task from the columns account, external_id, settings,
 * secrets of one row. False: no such type of channel here. */
bool channel_task_account(struct channel_task *t, const struct db_batch *b, int stmt);
/* The same four columns for a channel_accounts row named a. */
#define CHANNEL_ACCOUNT_COLUMNS                                                          \
	" a.type, a.id account, a.external_id account_external_id, a.settings, "         \
	"(select jsonb_object_agg(s.name, s.sealed) from channel_secrets s "             \
	" where s.organization_id = a.organization_id and s.channel_account_id = a.id) secrets "

/* ---- reading JSON ------------------------------------------------------ */

/* A member's text in the arena's tree; numbers as their digits; SV_NONE when
 * absent or of another type. Keys may be a path: "chat.id". */
struct sv channel_text(struct arena *a, const json_t *o, const char *path);
const json_t *channel_at(const json_t *o, const char *path);
int64_t channel_number(const json_t *o, const char *path);
/* Seconds since 1970 as milliseconds; 0 when absent or beyond reason. */
int64_t channel_moment(const json_t *o, const char *path);
/* A form (application/x-www-form-urlencoded) as an object of texts; a new
 * reference. What is no text is left out. */
json_t *channel_form(struct arena *a, struct sv body);
/* The tree as compact text. */
struct sv channel_dump(struct arena *a, const json_t *j);
/* Copy a member into a metadata object under a name, when it is there. */
void channel_carry(json_t *extra, const char *name, const json_t *from, const char *path);
void channel_set(json_t *extra, const char *name, struct sv text);

struct channel_item *channel_item_add(struct arena *a, struct channel_items *items);
/* At most `max` bytes, cut between characters. */
struct sv channel_clip(struct sv s, size_t max);
/* Length in UTF-16 units. */
size_t channel_units(struct sv s);

/* ---- requests and answers ----------------------------------------------- */

void channel_get(struct arena *a, struct net_request *out, struct sv url, struct sv token);
/* A POST with a JSON body, Authorization: Bearer when the token is not empty. */
void channel_post_json(struct arena *a, struct net_request *out, struct sv url, struct sv token,
		       struct sv body);

/* multipart/form-data with text fields and one file. */
struct channel_field {
	const char *name;
	struct sv value;
};
struct channel_form_file {
	const char *field;
	struct sv name, type, data;
};
void channel_post_form(struct arena *a, struct net_request *out, struct sv url, struct sv token,
		       const struct channel_field *fields, size_t n,
		       const struct channel_form_file *file);

/* What a call that brought no answer means. `sending`: it was the call that
 * makes the customer see something. False when there is an answer to read. */
bool channel_net_failed(struct arena *a, const struct net_response *r, bool sending,
			struct channel_failure *f);

/* What an answer that is no success means when nothing better is known of it. `said`:
 * the provider itself says in it that it failed. What a proxy says for it (502, 504), an
 * error without words, or a success that cannot be read may stand for a message that
 * has gone out. */
enum channel_certainty channel_certainty(const struct net_response *r, bool sending, bool said);

/* Fill and return CHANNEL_DEAD. */
enum channel_next channel_fail(struct channel_failure *f, enum channel_certainty c, struct sv code,
			       struct sv text);

/* WhatsApp's error codes in words (whatsapp_errors.c). */
struct whatsapp_error {
	int code;
	enum channel_certainty certainty;
	bool disconnected;
	const char *text;
};
/* NULL when the code is not known. */
const struct whatsapp_error *whatsapp_error(int64_t code);

#endif

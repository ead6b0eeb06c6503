/* What the files of this folder share; channel.h is what others use. */
#ifndef CHANNEL_INTERNAL_H
#define CHANNEL_INTERNAL_H

#include "channel/channel.h"

extern const struct channel channel_telegram, channel_whatsapp_cloud;
channel_send_fn telegram_send, whatsapp_send;
channel_fetch_fn telegram_fetch, whatsapp_fetch;
bool whatsapp_caption(const struct channel_part *p);

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
	struct sv *contents; /* of the parts' files: their SHA-256 */
	struct channel_media media;
	channel_fetch_fn *fetch; /* by which media comes */
	struct sv media_kind;
};

enum channel_next channel_inbound_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out);
enum channel_next channel_send_step(struct channel_task *t, const struct net_response *r,
				    struct channel_step *out);
enum channel_next channel_fetch_step(struct channel_task *t, const struct net_response *r,
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

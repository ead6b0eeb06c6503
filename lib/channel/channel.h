/*
 * channel: messaging providers behind one table, and the work that the queue
 * does with them.
 *
 * A provider is a const struct channel in a file of its own (telegram.c,
 * whatsapp_cloud.c), registered in the table of channel.c; nothing else
 * knows its name. Its functions do no input or output: they read bytes and
 * JSON, build struct net_requests and read struct net_responses.
 *
 * Around them stand four tasks, one for each kind of job. A task reads and
 * writes the database itself; calls to the outside are handed to the caller,
 * who makes them with net/ and comes back with the answer:
 *
 *	struct channel_task *t = channel_task_new(&job, "send_message");
 *	struct channel_step s;
 *
 *	static void go_on(const struct net_response *r, void *arg)	// r: NULL to begin
 *	{
 *		switch (channel_task_step(t, r, &s)) {
 *		case CHANNEL_CALL:  net_start(net, &s.request, go_on, t); break;
 *		case CHANNEL_DONE:  delete the job; break;
 *		case CHANNEL_RETRY: run it again after s.retry_after, note s.text; break;
 *		case CHANNEL_DEAD:  the job is a dead letter, s.text says why; break;
 *		}
 *	}
 *
 * Every task may be repeated at any time, also after the process was killed
 * in the middle of it: nothing is stored twice, and a message is not sent
 * twice (a send that was under way becomes UNKNOWN, for a person to decide).
 */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include "db/db.h"
#include "net/net.h"

#include <jansson.h>

/* ---- tasks: what the worker calls ----------------------------------- */

/* The job's kinds: "inbound" (payload hook_id), "send_message" (message_id),
 * "fetch_media" (attachment_id), "channel_check" (channel_id, subscribe),
 * "channel_session" (channel_id),
 * "message_act" (act_id), "channel_signal" (account_id), "fetch_profile" (contact_id), "sync_templates"
 * (account_id), "submit_template" (template_id). True when a kind is one of them. */
bool channel_job_kind(struct sv kind);

struct channel_job {
	struct arena *arena; /* lives until the task has ended */
	struct db *db;       /* used in channel_task_step only, never between */
	struct sv kind;
	struct sv organization_id;
	struct sv payload; /* JSON */
	/* No further attempt is meant to follow: a temporary failure is final,
	 * and the row (message, hook, attachment) says so. */
	bool last;
};

enum channel_next {
	CHANNEL_CALL,  /* make `request`, come back with the answer */
	CHANNEL_DONE,  /* the job is done, also when the message has FAILED: its row says why */
	CHANNEL_RETRY, /* again later, even after the last attempt (`uncounted`) */
	CHANNEL_DEAD   /* repeating does not help; keep the job for somebody to look at */
};

struct channel_step {
	struct net_request request; /* in the job's arena; its lane is the channel account */
	/* CALL: at least so long between the starts of two calls of one chat, which
	 * `chat` names; 0 = as fast as they come. */
	int chat_gap_ms;
	struct sv chat;
	int retry_after;            /* seconds, 0 = as the queue does by itself */
	/* RETRY: not to be counted as an attempt: the database was away, or the
	 * provider said when to come back. */
	bool uncounted;
	struct sv text;             /* RETRY, DEAD: why, in words; no secret in it */
};

struct channel_task;

/* No database access yet. The job is copied, what it points to is not. */
struct channel_task *channel_task_new(const struct channel_job *job);
/* Several "send_message" of one tenant, before they begin: what they need is read in
 * one transaction, and one commit serves all of them. At most CHANNEL_AHEAD_MAX. */
#define CHANNEL_AHEAD_MAX 32
void channel_task_ahead(struct channel_task *const *tasks, size_t n);
/* Begin (answer NULL) or go on. The answer is read before it returns. May be
 * called from inside a net_callback. A task that is given up on the way is
 * ended by a NET_ABORTED answer, which net_cancel and net_free give. */
enum channel_next channel_task_step(struct channel_task *t, const struct net_response *answer,
				    struct channel_step *out) WARN_UNUSED;

/* ---- accounts -------------------------------------------------------- */

struct channel;

struct channel_secret {
	struct sv name, value;
};

/* A connected account with its secrets opened. */
struct channel_account {
	const struct channel *channel;
	struct sv organization_id, id;
	struct sv external_id; /* the provider's id of it: phone_number_id */
	struct sv waba_id;     /* settings.waba_id */
	struct sv api_base;    /* settings.api_base or the provider's own, no slash at the end */
	const json_t *settings; /* all of them, in the arena; never NULL for channel_text */
	int per_second;        /* settings.rate_per_second or the provider's own limit; 0 = none */
	const struct channel_secret *secrets;
	size_t n_secrets;
	bool sealed; /* a secret could not be opened with the master key */
};

/* How an account lies in the database. */
struct channel_account_row {
	struct sv organization_id, id, external_id;
	struct sv settings; /* JSON object */
	struct sv secrets;  /* JSON object: name to sealed value; null: none */
};
/* Open its secrets with the master key. What *out points to lies in the
 * arena or where the row points to. */
void channel_account_open(struct channel_account *out, struct arena *a, const struct channel *c,
			  const struct channel_account_row *row);
/* SV_NONE when the account has none of that name. */
struct sv channel_secret(const struct channel_account *acc, const char *name);
/* One of its other settings as text, without white space around it. */
struct sv channel_option(struct arena *a, const struct channel_account *acc, const char *name);

/* ---- calls of a provider: whose are they? ---------------------------- */

/* A call as it came in, before anybody is believed. */
struct channel_call {
	struct arena *arena;
	struct sv url;       /* as the provider addressed it, with the query */
	struct sv body;      /* raw */
	struct sv signature; /* the channel's signature header; empty: none */
	struct sv (*header)(const struct channel_call *call, const char *name);
	struct sv (*query)(const struct channel_call *call, const char *name);
	void *request; /* the two functions' own */
};

/* One account that a call is for, and the part of the body that is its own: a
 * tenant must not find another's messages in what is stored for it. */
struct channel_share {
	struct sv key;   /* what channel->key says of the account; empty: by group */
	struct sv group; /* several accounts of one owner (waba_id); taken when only one is here */
	json_t *body;    /* borrowed by the arena; a single share has the raw body instead */
};

struct channel_shares {
	struct channel_share *v;
	size_t n, size;
};

/* ---- inbound --------------------------------------------------------- */

enum channel_item_kind {
	CHANNEL_MESSAGE,
	CHANNEL_RECEIPT,
	/* All that we sent in `thread` until `at` was seen: for providers that say
	 * no more than that. */
	CHANNEL_SEEN,
	CHANNEL_FACT, /* what is neither: `fact` and `extra` go to the SQL function channel_fact */
	CHANNEL_IGNORED
};

/* One thing that a provider's call says. */
struct channel_item {
	enum channel_item_kind kind;
	struct sv provider_id; /* of the message; unique within the account */
	/* a message */
	struct sv handle, display_name, thread;
	/* text, image, video, audio, document, sticker, location, contacts, button,
	 * interactive, poll, unsupported. And three that change another message, which
	 * extra names by the provider's id: reaction (reply_to; text is the emoji, empty:
	 * taken back), edit (edit_of; text is what it says now), revoke (reply_to: the
	 * customer has deleted it). */
	struct sv type;
	struct sv text; /* the words, the caption, or what stands for it in a list */
	int64_t at;     /* milliseconds since 1970 by the provider's clock; 0 = not said */
	json_t *extra;  /* metadata: reply, referral, location ...; borrowed by the arena */
	struct sv attachment_kind, media_id, media_name, media_type; /* kind empty: no file */
	json_t *files; /* those that are stored already, for channel->store */
	/* Further files: [{"kind", "provider_media_id", "name", "content_type"}] or NULL. */
	json_t *more_files;
	/* a fact: comment, echo, watermark, referral, link_clicked, template */
	const char *fact;
	/* a receipt */
	struct sv status;                 /* SENT, DELIVERED, READ, FAILED */
	struct sv error, error_code;      /* in words; the provider's code */
	struct sv message_id;             /* our own id, when the provider repeats it */
	struct sv category; /* what the provider bills the conversation as, if it says: marketing,
			     * utility, authentication, service */
	/* ignored */
	struct sv why;
};

struct channel_items {
	struct channel_item *v;
	size_t n, size;
};

/* ---- outbound -------------------------------------------------------- */

/* What a failure means for the question whether the customer has it. */
enum channel_certainty {
	CHANNEL_TEMPORARY, /* certainly not sent; may work later */
	CHANNEL_PERMANENT, /* certainly not sent; will not work by itself */
	CHANNEL_UNCERTAIN  /* may have been sent: a person decides */
};

struct channel_failure {
	enum channel_certainty certainty;
	struct sv code, text;
	int retry_after;   /* seconds, 0 = not said */
	bool disconnected; /* the account's credentials are not valid any more */
};

struct channel_file {
	struct sv name, type, data;
};

/* One provider message: text, or one file with its caption. */
struct channel_part {
	struct arena *arena;
	const struct channel_account *account;
	struct sv to;         /* chat id, phone number */
	struct sv message_id; /* ours, on the first part only; else empty */
	struct sv reply_to;   /* the provider's id of the message answered, or empty */
	struct sv text;       /* or caption */
	json_t *template;     /* {name, language, components}, or NULL */
	/* On the first part: text, location, contacts, interactive; and the message's
	 * metadata, where location, contacts, interactive, buttons lie. May be NULL. */
	struct sv message_type;
	const json_t *metadata;
	/* In a thread of comments: the comment that is answered, and the topmost one
	 * above it (empty: it is the topmost). */
	struct sv comment, comment_root;
	bool late; /* beyond window_hours, within the longer window that the account has */
	struct sv kind;       /* image, video, audio, document, sticker; empty: no file */
	struct sv name, type, data; /* of the file */
	/* Of a channel that sends a message whole: all its files. */
	const struct channel_file *files;
	size_t n_files;
	struct sv own_id; /* the external_id that the message has before it is sent */
	struct sv url;        /* in the place of data with CHANNEL_BY_URL: fetched within an hour */
	size_t place;         /* 0 is the first part of its message */
	/* the provider's own, zero at first */
	int step;
	struct sv uploaded;
	/* result */
	struct sv sent_id;
	json_t *noted; /* for the message's metadata (cost), borrowed by the arena; NULL: nothing */
};

/* A file to fetch from the provider. */
struct channel_media {
	struct arena *arena;
	const struct channel_account *account;
	struct sv id;         /* the provider's */
	struct sv name, type; /* completed from the answers where empty */
	int step;
	struct sv data; /* result: lies in the answer */
};

/* Who somebody is, by what the provider lets us know. */
struct channel_profile {
	struct arena *arena;
	const struct channel_account *account;
	struct sv handle;
	struct sv first_name, last_name, username; /* result */
};

/* What a provider's function says: CHANNEL_CALL with the request filled,
 * CHANNEL_DONE with the result filled, CHANNEL_DEAD with the failure filled
 * (whatever its certainty). */
typedef enum channel_next channel_send_fn(struct channel_part *p, const struct net_response *r,
					  struct net_request *out, struct channel_failure *f);
typedef enum channel_next channel_fetch_fn(struct channel_media *m, const struct net_response *r,
					   struct net_request *out, struct channel_failure *f);

/* ---- what is done to a message that is there already ------------------ */

struct channel_act {
	struct arena *arena;
	const struct channel_account *account;
	struct sv to;     /* chat id, phone number */
	struct sv target; /* the provider's id of the message */
	struct sv kind;   /* of its first file; empty: text only */
	struct sv text;   /* edit: the new words; react: the emoji, empty takes it back */
	int step;         /* the provider's own, zero at first */
};

/* Results as of the others. An act may be repeated: doing it twice is doing it once. */
typedef enum channel_next channel_act_fn(struct channel_act *c, const struct net_response *r,
					 struct net_request *out, struct channel_failure *f);

/* Files that the provider takes, by its own published numbers. What is no type of its
 * kind goes as a document. */
struct channel_limit {
	const char *kind;  /* image, video, audio, document, sticker */
	const char *types; /* "image/jpeg image/png"; NULL: all */
	int64_t max;       /* bytes */
};

typedef enum channel_next channel_profile_fn(struct channel_profile *p, const struct net_response *r,
					     struct net_request *out, struct channel_failure *f);

/* ---- are the credentials good? ---------------------------------------- */

#define CHANNEL_RENEWED_MAX 4

/*
 * A question that proves the credentials of an account (Telegram: getMe): asked
 * when it is connected, by its test button, and once a day. What the answer
 * teaches is stored; a failure with `disconnected` set switches the account off
 * and tells the administrators. A channel whose tokens run out renews them here.
 */
struct channel_check {
	struct arena *arena;
	const struct channel_account *account;
	struct sv hook_url; /* where the provider is to call; empty: nowhere */
	int step;           /* the provider's own, zero at first */
	/* result, each may stay empty */
	struct sv name;        /* what the provider calls the account, for people: "@shop_bot" */
	struct sv external_id; /* and for machines, when the account did not know */
	struct sv notice;      /* what does not hinder but should be known, in words */
	int64_t expires_at;    /* of the token, seconds since 1970 */
	/* What was looked at, for the account's page: [{"what", "ok", "said", "advice"}],
	 * by channel_check_add. NULL: the outcome alone says enough. */
	json_t *results;
	struct channel_failure *dead; /* set although the check came to its end: the
				       * credentials are not valid any more */
	json_t *settings;      /* keys to put into settings; borrowed by the arena */
	struct channel_secret renewed[CHANNEL_RENEWED_MAX]; /* in the place of those stored */
	size_t n_renewed;
};

typedef enum channel_next channel_check_fn(struct channel_check *c, const struct net_response *r,
					   struct net_request *out, struct channel_failure *f);

/* ---- pairing a phone --------------------------------------------------- */

/*
 * Some accounts are a phone that scans a QR code. The job "channel_session"
 * begins that (start) and asks again every few seconds until the phone is
 * there or patience ends; the page shows what channel_sessions says.
 */
struct channel_session {
	struct arena *arena;
	const struct channel_account *account;
	bool start; /* begin anew, else only ask */
	/* result */
	enum { CHANNEL_PAIRED, CHANNEL_PAIRING, CHANNEL_UNPAIRED } state;
	struct sv qr;    /* the text of the code, while pairing */
	struct sv phone; /* whose it is, if the gateway says so */
};

typedef enum channel_next channel_session_fn(struct channel_session *s, const struct net_response *r,
					     struct net_request *out, struct channel_failure *f);

/* ---- buttons ---------------------------------------------------------- */

/*
 * metadata.buttons of an outbound message: [{"id", "title"}], or bare titles.
 * A channel shows at most buttons_max of them, with titles of button_title_max
 * characters; what does not fit there becomes a numbered list in the text
 * (MSG-97). Nothing is cut. channel->send reads them from part->metadata.
 */
struct channel_button {
	struct sv id, title;
};
#define CHANNEL_BUTTONS_MAX 50
size_t channel_buttons(struct arena *a, const json_t *metadata, struct channel_button **out);
/* The text with the titles below it: "1. Yes". */
struct sv channel_numbered(struct arena *a, struct sv text, const struct channel_button *v,
			   size_t n);

/* ---- the table ------------------------------------------------------- */

enum channel_caps {
	CHANNEL_CAN_MEDIA = 1,
	CHANNEL_CAN_TEMPLATE = 2,
	CHANNEL_CAN_REPLY = 4,
	CHANNEL_HAS_DELIVERED = 8, /* tells when a message was delivered */
	CHANNEL_HAS_READ = 16,     /* ... and read */
	CHANNEL_CAN_LOCATION = 32,
	CHANNEL_CAN_CONTACTS = 64,
	CHANNEL_CAN_INTERACTIVE = 128, /* metadata.interactive, in the provider's own form */
	CHANNEL_CAN_COMMENT = 256,     /* threads of comments; a reply may be private */
	CHANNEL_CONFIRM = 512,         /* its secrets are changed with one's password only (CHA-57) */
	CHANNEL_BY_FACEBOOK = 1024,    /* connected by signing in at Facebook, too */
	CHANNEL_BY_URL = 1 << 12,  /* takes files by their address: part.url instead of part.data */
	CHANNEL_SEND_ONLY = 1 << 13, /* nobody answers there: no conversation in the inbox (INB-2) */
	CHANNEL_NEEDS_APPROVAL = 1 << 14 /* the provider lets approved applications in only */
};

/* A field of the form that connects an account. */
enum channel_setting_flags {
	CHANNEL_SECRET = 1, /* sealed into channel_secrets; else a key of settings */
	CHANNEL_REQUIRED = 2,
	CHANNEL_LOOKUP = 4,    /* calls of the provider are found by it: its hash is stored, too */
	CHANNEL_INVENTED = 8,  /* made here when left empty, and shown once */
	CHANNEL_EXTERNAL = 16, /* what the provider calls the account: external_id */
	CHANNEL_DIGITS = 32,
	CHANNEL_URL = 64,
	CHANNEL_SWITCH = 128 /* "on" or nothing: a checkbox */
};

struct channel_setting {
	const char *name;
	const char *label, *help; /* for tr() */
	unsigned flags;           /* enum channel_setting_flags */
	const char *choices;      /* words with spaces between them, the first by default; NULL: any text */
};

#define CHANNEL_SETTINGS_MAX 20

struct channel {
	const char *type; /* channel_accounts.type */
	const char *label;
	/* Connecting one: address of its page, an icon of Tabler, and for tr():
	 * what it is, and where the provider wants the webhook's address. */
	const char *slug, *icon, *about, *steps;
	struct channel_setting settings[CHANNEL_SETTINGS_MAX + 1];
	unsigned caps;          /* enum channel_caps */
	size_t text_max;        /* UTF-16 units, as providers count */
	size_t caption_max;     /* of a file's text; longer ones go ahead as text */
	int window_hours;       /* free text only so long after the customer wrote; 0 = always */
	int late_hours;         /* so long instead, where settings.human_agent is "on" */
	/* 0: none of its own. The text beside them is no longer than button_text_max. */
	size_t buttons_max, button_title_max, button_text_max;
	const char *handle_kind; /* contact_handles.kind */
	const char *api_base;
	const char *signature_header;

	/* Inbound: POST /functions/v1/<hook>; NULL: nothing calls. A second name for
	 * the same (CHA-54). What a call that was taken is answered with. */
	const char *hook, *hook_alias;
	const char *answer;
	/* The body as JSON when it is not (forms): its text. NULL: it is. */
	struct sv (*json)(const struct channel_call *call);
	/* What a share names this account by. NULL: its external_id. And what the
	 * provider calls that, for people: "phone_number_id". */
	struct sv (*key)(struct arena *a, const struct channel_account *acc);
	const char *key_name;
	/* The accounts that the call is for, with channel_share_of. ST_BAD_INPUT when
	 * it is no such call. */
	enum status (*split)(const struct channel_call *call, json_t *body,
			     struct channel_shares *out, struct err *e);
	/* Is this call the provider's? Over the raw body, in constant time. */
	bool (*verify)(const struct channel_account *acc, const struct channel_call *call);
	/* A GET on the hook that asks for a proof: fills the answer when this
	 * account can give it. NULL: there is none. */
	bool (*handshake)(const struct channel_account *acc, const struct channel_call *call,
			  struct sv *answer, const char **content_type);
	/* What makes two calls the same; empty, or NULL: SHA-256 of the body. */
	struct sv (*dedupe)(struct arena *a, const json_t *body);
	/* What the call says to this account. ST_BAD_INPUT when it is no such call. */
	enum status (*parse)(struct arena *a, const struct channel_account *acc, json_t *body,
			     struct channel_items *out, struct err *e);
	/* Stores a message in its own way, in the place of receive_message. NULL: there is none. */
	void (*store)(struct db_batch *b, const struct channel_account *acc,
		      const struct channel_item *it, struct sv received_at);
	/* A message goes out as one part with all its files (e-mail), not each by itself;
	 * and the account may have a limit of so many a day (internal.mail_cap_left). */
	bool whole;
	/* Can this kind of file carry a caption here? */
	bool (*caption)(const struct channel_part *p);
	channel_send_fn *send;
	channel_fetch_fn *fetch;
	/* A random pause between the parts of one message, from..to milliseconds. */
	int part_gap_ms[2];
	/* The account is a phone to pair. NULL: it is not. */
	channel_session_fn *session;
	/* Signing in at the provider (OAuth 2.0): where the browser goes, with our
	 * state. It comes back to redirect_uri with a code, which becomes the secret
	 * oauth_code; check() takes tokens for it. oauth is the name of the address
	 * /functions/v1/<oauth>. NULL: there is none. */
	const char *oauth;
	struct sv (*authorize_url)(struct arena *a, const struct channel_account *acc,
				   struct sv redirect_uri, struct sv state);
	/* The job "message_act"; NULL: not possible here. To a message of the customer: */
	channel_act_fn *react;
	/* Of one's own: other words (of its caption, when it has a file), and taking it back
	 * from the customer's screen; so many hours after it was sent, 0 = always. */
	channel_act_fn *edit, *revoke;
	int edit_hours, revoke_hours;
	/* Ended by a row without kind; NULL: the installation's own limit alone. */
	const struct channel_limit *limits;
	/* The job "channel_signal": the customer sees that act->target was read, or that
	 * somebody writes. NULL: the provider has none of it. */
	channel_act_fn *mark_read, *typing;
	channel_profile_fn *profile; /* senders come without a name */
	/* Are the credentials good? NULL: nobody can ask; the account counts as
	 * connected as soon as it is stored. */
	channel_check_fn *check;
	/* Tell the provider check->hook_url, by a button (setWebhook). NULL: people do
	 * that at the provider. */
	channel_check_fn *subscribe;
	/* The provider's limit of calls that send, for one account, and the least time
	 * between two to one chat; 0 = none. settings.rate_per_second has precedence. */
	int per_second;
	int chat_gap_ms;
};

/* The installation's app at Meta: its secret, and the permissions that connecting
 * a kind of channel by it needs, with commas. */
struct sv channel_app_secret(struct arena *a);
const char *facebook_scopes(struct sv type);

/* NULL when there is no such channel (yet). */
const struct channel *channel_find(struct sv type);
/* The table, ended by NULL: for lists and tests. */
extern const struct channel *const channels[];
/* What holds for a file of this type here, and of which kind it goes: NULL when the
 * channel says nothing. */
const struct channel_limit *channel_limit_for(const struct channel *c, struct sv type);

/*
 * Read a provider's JSON: an object or array, strings without NUL (\u0000 and
 * lone surrogates become U+FFFD, since PostgreSQL stores neither). Freed with
 * the arena. NULL with *e filled when it is not JSON.
 */
json_t *channel_json(struct arena *a, struct sv body, struct err *e);
/* A tree of one's own that is freed with the arena. */
json_t *channel_json_keep(struct arena *a, json_t *j);

#endif

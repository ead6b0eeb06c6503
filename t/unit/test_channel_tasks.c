/*
 * The three jobs of lib/channel against a real database and providers that
 * answer whatever the test wants.
 */
#include "t/unit/tap.h"
#include "t/unit/pg.h"

#include "base/conf.h"
#include "base/log.h"
#include "channel/channel.h"
#include "crypto/crypto.h"
#include "file/file.h"

#include <limits.h>

static struct arena *a;
static struct db *admin, *worker;
static struct sv org, bot, number;
static struct channel_task *task;
static struct channel_step step;

/* ---- database ----------------------------------------------------------------- */

static struct sv one(const char *sql, struct sv arg)
{
	struct db_batch *b = db_batch(admin, a);
	struct err e = { 0 };

	db_as_self(b);
	if (arg.n)
		db_add(b, sql, DB_S(arg));
	else
		db_add(b, sql);
	if (db_run(b, &e)) {
		struct sv said = err_message(&e);

		printf("# %s\n# %.*s\n", sql, SV_ARG(said));
		return SV_NONE;
	}
	return db_rows(b, 0) ? db_get(b, 0, 0, 0) : SV_NONE;
}

static void add_secret(struct sv account, const char *name, const char *value)
{
	struct db_batch *b = db_batch(admin, a);
	struct sv context = sv_from(arena_printf(a, "channel:%.*s:%s", SV_ARG(account), name));
	struct err e = { 0 };

	db_as_self(b);
	db_add(b,
	       "insert into channel_secrets (organization_id, channel_account_id, name, sealed) "
	       "values ($1, $2, $3, $4)",
	       DB_S(org), DB_S(account), DB_C(name), DB_S(crypto_seal(a, context, sv_from(value))));
	ok(!db_run(b, &e), "secret %s", name);
}

static bool migrate(const char *src)
{
	static char admin_url[256], worker_url[256];

	if (!pg_do("psql -q -h %s -v ON_ERROR_STOP=1 -v owner_password=k -v app_password=k -v "
		   "worker_password=k "
		   "-f %s/sql/roles.sql postgres",
		   pg_dir, src) ||
	    !pg_do("for f in %s/sql/[0-9]*.sql; do psql -q -h %s -U kontor -v ON_ERROR_STOP=1 -1 -f "
		   "\\$f kontor || exit 1; done",
		   src, pg_dir))
		return false;
	snprintf(admin_url, sizeof(admin_url), "host=%s user=kontor dbname=kontor", pg_dir);
	snprintf(worker_url, sizeof(worker_url), "host=%s user=kontor_worker dbname=kontor",
		 pg_dir);
	admin = db_new(&(struct db_options){ .url = admin_url, .name = "test", .prepared = true });
	worker = db_new(
		&(struct db_options){ .url = worker_url, .name = "worker", .prepared = true });
	return true;
}

static void make_tenant(void)
{
	org = one("select internal.create_organization('Test', 'test')", SV_NONE);
	bot = one("insert into channel_accounts (organization_id, name, type) values ($1, 'Bot', "
		  "'TELEGRAM') returning id",
		  org);
	number = one("insert into channel_accounts (organization_id, name, type, external_id) "
		     "values ($1, 'Number', 'WHATSAPP_CLOUD', '106540352242922') returning id",
		     org);
	add_secret(bot, "bot_token", "123:ABC");
	add_secret(number, "access_token", "EAA");
}

/* ---- tasks ---------------------------------------------------------------------- */

static enum channel_next begin(const char *kind, const char *key, struct sv id, bool last)
{
	task = channel_task_new(&(struct channel_job){
		.arena = a,
		.db = worker,
		.kind = sv_from(kind),
		.organization_id = org,
		.last = last,
		.payload = sv_from(arena_printf(a, "{\"%s\":\"%.*s\"}", key, SV_ARG(id))) });
	return channel_task_step(task, NULL, &step);
}

static enum channel_next answer(int status, const char *body)
{
	struct net_response r = { .status = status,
				  .body = sv_from(body),
				  .address = SV("192.0.2.1") };

	return channel_task_step(task, &r, &step);
}

static struct sv hook(struct sv account, const char *body)
{
	struct db_batch *b = db_batch(admin, a);
	struct err e = { 0 };

	db_as_self(b);
	db_add(b,
	       "insert into inbound_hooks (organization_id, channel_account_id, dedupe, body) "
	       "values ($1, $2, gen_random_uuid(), $3) returning id",
	       DB_S(org), DB_S(account), DB_BYTES(sv_from(body)));
	return db_run(b, &e) ? SV_NONE : db_get(b, 0, 0, 0);
}

static enum channel_next inbound(struct sv account, const char *body)
{
	return begin("inbound", "hook_id", hook(account, body), false);
}

#define UPDATE(id, inner)                                                                          \
	"{\"update_id\":" id ",\"message\":{\"message_id\":" id ",\"date\":1441645532,\"chat\":"   \
	"{\"id\":77,\"type\":\"private\",\"first_name\":\"Ann\"},\"from\":{\"id\":77,\"first_"     \
	"name\":\"Ann\",\"last_name\":\"Lee\"}," inner "}}"
#define CHANGE(inner)                                                                              \
	"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\",\"changes\":[{"        \
	"\"field\":\"messages\","                                                                  \
	"\"value\":{\"metadata\":{\"phone_number_id\":\"106540352242922\"}," inner "}}]}]}"

static void receive(void)
{
	is_int(inbound(bot, UPDATE("1", "\"text\":\"Hello\"")), CHANNEL_DONE,
	       "MSG-51 an update is worked on");
	is_sv(one("select state from inbound_hooks", SV_NONE), SV("done"), "and done");
	is_sv(one("select p.first_name || ' ' || p.last_name || ': ' || m.content || ' ' || "
		  "c.status from messages m "
		  "join conversations c on c.id = m.conversation_id join contacts p on p.id = "
		  "m.contact_id",
		  SV_NONE),
	      SV("Ann Lee: Hello OPEN"), "MSG-54 MSG-55 INB-41 contact and conversation are made");
	inbound(bot, UPDATE("1", "\"text\":\"Hello\""));
	is_sv(one("select count(*) || ' ' || (select count(*) from events where type = "
		  "'message.received') from messages",
		  SV_NONE),
	      SV("1 1"), "MSG-53 the same message again is none, and no event");
	inbound(bot, UPDATE("2", "\"text\":\"Again\""));
	is_sv(one("select count(*) || ' ' || count(distinct conversation_id) from messages",
		  SV_NONE),
	      SV("2 1"), "INB-42 the next goes to the open conversation");
	one("update conversations set status = 'CLOSED'", SV_NONE);
	inbound(bot, UPDATE("3", "\"text\":\"Back\""));
	is_sv(one("select status from conversations", SV_NONE), SV("OPEN"),
	      "INB-44 a closed one is opened again");
	is_int(inbound(bot, "{\"update_id\":4,\"poll_answer\":{}}"), CHANNEL_DONE,
	       "what is no message");
	is_sv(one("select error from inbound_hooks where state = 'ignored'", SV_NONE),
	      SV("an update that is no message in a chat"), "is ignored, with the reason");
	is_int(inbound(bot, "{\"update_id\":"), CHANNEL_DEAD,
	       "CHA-31 half a body is a dead letter");
	is_sv(one("select count(*) from inbound_hooks where state = 'failed' and error is not null",
		  SV_NONE),
	      SV("1"), "CHA-31 with the reason");
	inbound(number, CHANGE("\"contacts\":[{\"wa_id\":\"16505551234\",\"profile\":{\"name\":"
			       "\"Sheena Nelson\"}}],\"messages\":["
			       "{\"from\":\"16505551234\",\"id\":\"wamid.1\",\"timestamp\":"
			       "\"1749416383\",\"type\":\"text\",\"text\":{\"body\":\"Hi\"},"
			       "\"referral\":{\"ctwa_clid\":\"Aff\"}},"
			       "{\"from\":\"16505551234\",\"id\":\"wamid.2\",\"timestamp\":"
			       "\"1749416384\",\"type\":\"text\",\"text\":{\"body\":\"there\"}}]"));
	is_sv(one("select string_agg(m.content, ' ' order by m.created_at) || ' ' || "
		  "min(p.phones[1]) from messages m "
		  "join contacts p on p.id = m.contact_id where m.channel_account_id = $1",
		  number),
	      SV("Hi there +16505551234"), "CHA-34 WhatsApp's contact by E.164");
	is_sv(one("select metadata #>> '{referral,ctwa_clid}' from messages where external_id = "
		  "'wamid.1'",
		  SV_NONE),
	      SV("Aff"), "MSG-59 the ad is kept");
}

static void media(void)
{
	struct sv id;

	inbound(bot, UPDATE("5", "\"caption\":\"Look\",\"photo\":[{\"file_id\":\"P1\",\"width\":9,"
				 "\"height\":9}]"));
	id = one("select payload ->> 'attachment_id' from job.jobs where kind = 'fetch_media'",
		 SV_NONE);
	ok(id.n, "MSG-56 a file waits to be fetched");
	is_int(begin("fetch_media", "attachment_id", id, false), CHANNEL_CALL, "it is asked for");
	ok(sv_ends(step.request.url, SV("/bot123:ABC/getFile")), "at the provider");
	is_int(answer(500, "{\"ok\":false,\"error_code\":500,\"description\":\"Internal\"}"),
	       CHANNEL_RETRY, "a failure there is tried again");
	is_int(begin("fetch_media", "attachment_id", id, false), CHANNEL_CALL, "again");
	is_int(answer(200, "{\"ok\":true,\"result\":{\"file_path\":\"photos/f.jpg\"}}"),
	       CHANNEL_CALL, "where it lies");
	is_int(answer(200, "\xff\xd8\xff\xe0" "JPEG"), CHANNEL_DONE, "here it is");
	is_sv(one("select x.state || ' ' || f.name || ' ' || f.content_type || ' ' || f.size from "
		  "message_attachments x "
		  "join files f on f.id = x.file_id",
		  SV_NONE),
	      SV("stored f.jpg image/jpeg 8"), "MSG-56 stored");
	is_sv(one("select count(*) from events where type = 'message.updated'", SV_NONE), SV("1"),
	      "and told to open threads");
	is_int(begin("fetch_media", "attachment_id", id, false), CHANNEL_DONE,
	       "fetching twice changes nothing");
	inbound(bot, UPDATE("6", "\"document\":{\"file_id\":\"D1\",\"file_name\":\"big.bin\"}"));
	id = one("select id from message_attachments where name = 'big.bin'", SV_NONE);
	begin("fetch_media", "attachment_id", id, false);
	is_int(answer(400, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: file "
			   "is too big\"}"),
	       CHANNEL_DONE, "a refusal is final");
	ok(sv_find(one("select state || ': ' || error from message_attachments where id = $1", id),
		   SV("failed: The file is larger")) == 0,
	   "MSG-30 and said in words");
}

/* ---- sending ---------------------------------------------------------------------- */

static struct sv draft(struct sv account, const char *text)
{
	return one(arena_printf(a,
				"insert into messages (organization_id, conversation_id, "
				"direction, content) "
				"select organization_id, id, 'OUTBOUND', '%s' from conversations "
				"where channel_account_id = $1 returning id",
				text),
		   account);
}

static struct sv state(struct sv id)
{
	return one("select status || coalesce(' ' || external_id, '') || coalesce(' ' || "
		   "error_code, '') from messages where id = $1",
		   id);
}

static void attach(struct sv message, const char *content, const char *kind, const char *type)
{
	struct db_batch *b = db_batch(admin, a);
	struct err e = { 0 };
	struct sv hash = SV_NONE;

	ok(!file_put(org, sv_from(content), a, &hash, &e), "a file to send");
	db_as_self(b);
	db_add(b,
	       "with f as (insert into files (organization_id, sha256, name, content_type, size) "
	       "values ($1, $2, 'x', $3, 1) returning id) "
	       "insert into message_attachments (organization_id, message_id, kind, file_id, "
	       "position) "
	       "select $1, $4, $5, id, (select count(*) from message_attachments where message_id "
	       "= $4) + 1 from f",
	       DB_S(org), DB_S(hash), DB_C(type), DB_S(message), DB_C(kind));
	ok(!db_run(b, &e), "attached");
}

#define TG_SENT(id) "{\"ok\":true,\"result\":{\"message_id\":" id ",\"chat\":{\"id\":77}}}"

static void send_telegram(void)
{
	struct sv id = draft(bot, "Answer");

	is_int(begin("send_message", "message_id", id, false), CHANNEL_CALL,
	       "MSG-23 a message is being sent");
	is_sv(state(id), SV("SENDING"), "MSG-23 and is SENDING");
	is_sv(step.request.body, SV("{\"chat_id\":77,\"text\":\"Answer\"}"), "CHA-95 to the chat");
	is_int(answer(429, "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many "
			   "Requests\",\"parameters\":{\"retry_after\":7}}"),
	       CHANNEL_RETRY, "MSG-29 told to slow down");
	ok(step.retry_after == 7 && step.uncounted, "it waits as long as told");
	is_sv(state(id), SV("PENDING 429"), "MSG-23 and is PENDING again");
	begin("send_message", "message_id", id, false);
	is_int(answer(200, TG_SENT("42")), CHANNEL_DONE, "then it goes through");
	is_sv(state(id), SV("SENT 77:42"), "MSG-43 SENT with the provider's id");
	is_int(begin("send_message", "message_id", id, false), CHANNEL_DONE,
	       "a second job for it sends nothing");
	id = draft(bot, "Lost");
	begin("send_message", "message_id", id, false);
	is_int(begin("send_message", "message_id", id, false), CHANNEL_DONE,
	       "interrupted in the middle");
	is_sv(state(id), SV("UNKNOWN interrupted"), "nobody knows, so a person decides");
	id = draft(bot, "Blocked");
	begin("send_message", "message_id", id, false);
	answer(403, "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was blocked "
		    "by the user\"}");
	is_sv(state(id), SV("FAILED 403"), "MSG-30 refused for good");
	id = draft(bot, "Down");
	begin("send_message", "message_id", id, true);
	step.request = (struct net_request){ 0 };
	is_int(channel_task_step(task, &(struct net_response){ .error = NET_CONNECT }, &step),
	       CHANNEL_DONE, "the last attempt fails");
	is_sv(state(id), SV("FAILED connect"), "MSG-29 and the message with it");
}

static void send_files(void)
{
	struct sv id = one("insert into messages (organization_id, conversation_id, direction, "
			   "content, status, scheduled_at) "
			   "select organization_id, id, 'OUTBOUND', 'Two', 'SCHEDULED', now() from "
			   "conversations where channel_account_id = $1 returning id",
			   bot);

	attach(id, "JPG", "image", "image/jpeg");
	attach(id, "PDF", "document", "application/pdf");
	is_int(begin("send_message", "message_id", id, false), CHANNEL_CALL, "two files");
	ok(sv_ends(step.request.url, SV("sendPhoto")) && sv_find(step.request.body, SV("Two")) > 0,
	   "MSG-44 the first carries the text");
	is_int(answer(200, TG_SENT("50")), CHANNEL_CALL, "then the second");
	ok(sv_ends(step.request.url, SV("sendDocument")) &&
		   sv_find(step.request.body, SV("Two")) < 0,
	   "MSG-44 without it");
	is_int(answer(429, "{\"ok\":false,\"error_code\":429,\"description\":\"x\",\"parameters\":{"
			   "\"retry_after\":1}}"),
	       CHANNEL_RETRY, "which must wait");
	is_int(begin("send_message", "message_id", id, false), CHANNEL_CALL, "goes on");
	ok(sv_ends(step.request.url, SV("sendDocument")), "behind what was sent");
	answer(200, TG_SENT("51"));
	is_sv(one("select status || ' ' || external_id || ' ' || (metadata ->> 'sent') from "
		  "messages where id = $1",
		  id),
	      SV("SENT 77:50 [\"77:50\", \"77:51\"]"), "MSG-43 all ids are kept");
}

static void send_whatsapp(void)
{
	struct sv id = draft(number, "Hello");

	one("update conversations set last_inbound_at = now() - interval '25 hours' "
	    "where channel_account_id = $1 returning id",
	    number);
	is_int(begin("send_message", "message_id", id, false), CHANNEL_DONE,
	       "INB-103 nothing is sent outside the window");
	is_sv(state(id), SV("FAILED 131047"), "INB-101 INB-103 and the message says why");
	id = one("insert into messages (organization_id, conversation_id, direction, message_type, "
		 "metadata) "
		 "select organization_id, id, 'OUTBOUND', 'template', "
		 "'{\"template\":{\"name\":\"hello_world\",\"language\":\"en_US\"}}' "
		 "from conversations where channel_account_id = $1 returning id",
		 number);
	is_int(begin("send_message", "message_id", id, false), CHANNEL_CALL,
	       "INB-102 CHA-75 a template may go");
	answer(200, "{\"messages\":[{\"id\":\"wamid.T\"}]}");
	is_sv(state(id), SV("SENT wamid.T"), "MSG-31 accepted");
	one("update conversations set last_inbound_at = now()", SV_NONE);
	id = draft(number, "Inside");
	is_int(begin("send_message", "message_id", id, false), CHANNEL_CALL,
	       "INB-101 inside the window text may go");
	is_int(inbound(number, arena_printf(a,
					    CHANGE("\"statuses\":[{\"id\":\"wamid.O\",\"status\":"
						   "\"delivered\",\"timestamp\":\"1\","
						   "\"biz_opaque_callback_data\":\"%.*s\"}]"),
					    SV_ARG(id))),
	       CHANNEL_DONE, "a receipt overtakes the answer");
	is_sv(state(id), SV("DELIVERED wamid.O"), "MSG-28 and finds its message by our id");
	inbound(number, CHANGE("\"statuses\":[{\"id\":\"wamid.O\",\"status\":\"read\","
			       "\"timestamp\":\"1\"}]"));
	inbound(number, CHANGE("\"statuses\":[{\"id\":\"wamid.O\",\"status\":\"sent\","
			       "\"timestamp\":\"1\"}]"));
	inbound(number, CHANGE("\"statuses\":[{\"id\":\"wamid.O\",\"status\":\"failed\","
			       "\"timestamp\":\"1\",\"errors\":[{\"code\":131026}]}]"));
	is_sv(state(id), SV("READ wamid.O"), "MSG-25 a status never moves backwards");
	inbound(number, CHANGE("\"statuses\":[{\"id\":\"wamid.T\",\"status\":\"failed\","
			       "\"timestamp\":\"1\",\"errors\":[{\"code\":131026}]}]"));
	is_sv(state(one("select id from messages where external_id = 'wamid.T'", SV_NONE)),
	      SV("FAILED wamid.T 131026"), "MSG-33 failed with its code");
	is_int(inbound(number, CHANGE("\"statuses\":[{\"id\":\"wamid.Z\",\"status\":\"sent\","
				      "\"timestamp\":\"1\"}]")),
	       CHANNEL_RETRY, "a receipt of no known message waits a moment");
	id = draft(number, "Token");
	begin("send_message", "message_id", id, false);
	answer(401, "{\"error\":{\"code\":190,\"message\":\"expired\"}}");
	is_sv(one("select connection_state from channel_accounts where id = $1", number),
	      SV("Disconnected"), "CHA-27 an expired token disconnects the channel");
}

int main(void)
{
	char src[PATH_MAX];
	unsigned char key[32] = { 1 };
	char path[256], line[300];
	FILE *f;
	struct err e = { 0 };

	log_setup("test", "error");
	if (!pg_start())
		skip_all(pg_why);
	if (!realpath(getenv("srcdir") ? getenv("srcdir") : ".", src))
		return 1;
	a = arena_new();
	snprintf(path, sizeof(path), "%s/key", pg_dir);
	f = fopen(path, "w");
	for (size_t i = 0; f && i < sizeof(key); i++)
		fprintf(f, "%02x", key[i]);
	if (!f || fclose(f) || crypto_key_load(path, a, &e) || !migrate(src)) {
		snprintf(line, sizeof(line), "tail -5 %s/out >&2", pg_dir);
		return system(line) ? 1 : 1;
	}
	snprintf(path, sizeof(path), "%s/files", pg_dir);
	mkdir(path, 0700);
	conf_set(CONF_files_dir, path);
	make_tenant();
	receive();
	media();
	send_telegram();
	send_files();
	send_whatsapp();
	db_free(admin);
	db_free(worker);
	arena_free(a);
	return tap_done();
}

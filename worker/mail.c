/*
 * Mail through the installation's relay. The payload:
 * {to, subject, text, html, ics, ics_method, reply_to}; `to` is one address or
 * a list, ics_method REQUEST or CANCEL. Or {sealed}: the same under the master
 * key, for mails that carry what opens an account.
 */
#include "worker/worker.h"

#include "base/conf.h"
#include "crypto/crypto.h"
#include "http/metrics.h"
#include "signin/signin.h"
#include "mail/mail.h"

#include <jansson.h>

static void json_free_ref(void *json)
{
	json_decref(json);
}

static void sent(const struct net_response *r, void *arg)
{
	struct job *j = arg;

	switch (mail_outcome(r)) {
	case MAIL_SENT:
		metrics_add(METRIC_MAILS, 1);
		job_done(j);
		return;
	case MAIL_TEMPORARY:
		if (r->error == NET_ABORTED)
			job_release(j);
		else
			job_fail(j, r->text, job_retry_ms(j, 0));
		return;
	case MAIL_PERMANENT:
		job_fail(j, r->text, -1);
	}
}

static struct sv text(const json_t *payload, const char *key)
{
	const json_t *v = json_object_get(payload, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static enum status recipients(const json_t *to, struct mail_message *m, struct arena *a,
			      struct err *e)
{
	size_t n = json_is_array(to) ? json_array_size(to) : 1;
	struct mail_address *v = ARENA_ARRAY(a, n + 1, struct mail_address);

	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_is_array(to) ? json_array_get(to, i) : to;
		enum status st = mail_parse_address(sv_from(json_string_value(one)), &v[i], a, e);

		if (st)
			return st;
	}
	m->to = v;
	m->n_to = n;
	return ST_OK;
}

static enum status compose(struct job *j, const json_t *payload, struct mail_message *m,
			   struct err *e)
{
	struct sv reply_to = text(payload, "reply_to");
	enum status st;

	*m = (struct mail_message){
		.subject = text(payload, "subject"),
		.text = text(payload, "text"),
		.html = text(payload, "html"),
		.calendar = text(payload, "ics"),
		.calendar_method = sv_ieq(text(payload, "ics_method"), SV("CANCEL")) ? ICS_CANCEL :
										       ICS_REQUEST,
	};
	st = mail_parse_address(sv_from(conf_str(CONF_mail_from)), &m->from, j->arena, e);
	if (!st && reply_to.n)
		st = mail_parse_address(reply_to, &m->reply_to, j->arena, e);
	return st ? st : recipients(json_object_get(payload, "to"), m, j->arena, e);
}

static enum status request(struct job *j, const json_t *payload, struct net_request *out,
			   struct err *e)
{
	struct mail_server server;
	struct mail_message m;
	struct buf *bytes = buf_in_arena(j->arena);
	enum status st = mail_server_conf(&server, j->arena, e);

	if (!st)
		st = compose(j, payload, &m, e);
	if (!st)
		st = mail_build(&m, bytes, NULL, j->arena, e);
	return st ? st : mail_smtp_request(&server, &m, SV_NONE, buf_sv(bytes), out, j->arena, e);
}

static json_t *load(struct job *j, struct sv json)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	arena_cleanup(j->arena, json_free_ref, o);
	return o;
}

static json_t *payload_of(struct job *j)
{
	json_t *payload = load(j, j->payload);
	struct sv sealed = text(payload, "sealed"), opened;

	if (!sealed.n)
		return payload;
	opened = crypto_open(j->arena, SV(LETTER_CONTEXT), sealed);
	return opened.n ? load(j, opened) : NULL;
}

void mail_start(struct job *j)
{
	json_t *payload = payload_of(j);
	struct net_request r = { 0 };
	struct err e = { 0 };

	if (!payload)
		job_fail(j, SV("The mail was sealed with another key"), -1);
	else if (!request(j, payload, &r, &e))
		net_start(worker_of(j)->net, &r, sent, j);
	else if (e.status == ST_UNAVAILABLE) /* no relay is set: the mail waits for one */
		job_postpone(j, err_message(&e), 300000);
	else
		job_fail(j, err_message(&e), -1);
}

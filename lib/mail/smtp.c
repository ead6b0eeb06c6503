/* A message's way out. */
#include "mail/mail.h"

#include "base/conf.h"
#include "net/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TOTAL_MS 60000

static bool is_loopback(const char *host)
{
	struct sv h = sv_from(host);

	return sv_ieq(h, SV("localhost")) || sv_starts(h, SV("127.")) || sv_eq(h, SV("::1"));
}

static enum net_tls choose_tls(const struct mail_server *s, const struct net_url *u)
{
	if (s->tls == MAIL_TLS_NONE || is_loopback(u->host))
		return NET_TLS_NONE;
	return NET_TLS_REQUIRED;
}

static void add_recipient(struct sv *to, size_t *n, struct sv email)
{
	for (size_t i = 0; i < *n; i++)
		if (sv_ieq(to[i], email))
			return;
	to[(*n)++] = email;
}

static void add_recipients(struct sv *to, size_t *n, const struct mail_address *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_recipient(to, n, p[i].email);
}

static struct net_smtp *make_envelope(const struct mail_server *s, const struct mail_message *m,
				      struct arena *a)
{
	struct net_smtp *smtp = ARENA_NEW(a, struct net_smtp);
	struct sv *to = ARENA_ARRAY(a, m->n_to + m->n_cc + m->n_bcc, struct sv);

	add_recipients(to, &smtp->n_to, m->to, m->n_to);
	add_recipients(to, &smtp->n_to, m->cc, m->n_cc);
	add_recipients(to, &smtp->n_to, m->bcc, m->n_bcc);
	smtp->to = to;
	smtp->user = s->user;
	smtp->password = s->password;
	smtp->bearer = s->bearer;
	return smtp;
}

enum status mail_smtp_request(const struct mail_server *s, const struct mail_message *m,
			      struct sv bounce_to, struct sv bytes, struct net_request *out,
			      struct arena *a, struct err *e)
{
	struct net_smtp *smtp;
	struct net_url u;
	enum status st = net_url_parse(s->url, &u, a, e);

	if (st != ST_OK)
		return st;
	if (strcmp(u.scheme, "smtp") != 0 && strcmp(u.scheme, "smtps") != 0)
		return err_set(e, a, ST_BAD_INPUT,
			       "The mail server's address must begin with smtp:// or smtps://");
	smtp = make_envelope(s, m, a);
	smtp->from = bounce_to.n ? bounce_to : m->from.email;
	smtp->tls = choose_tls(s, &u);
	*out = (struct net_request){
		.url = s->url,
		.body = bytes,
		.smtp = smtp,
		.ca_pem = s->ca_pem,
		.trusted = s->trusted,
		.total_ms = s->total_ms ? s->total_ms : DEFAULT_TOTAL_MS,
	};
	return ST_OK;
}

enum mail_outcome mail_outcome(const struct net_response *r)
{
	if (r->error == NET_BAD_REQUEST || r->error == NET_REFUSED)
		return MAIL_PERMANENT;
	if (r->error != NET_OK)
		return MAIL_TEMPORARY;
	if (r->status >= 200 && r->status < 300)
		return MAIL_SENT;
	return r->status >= 500 && r->status < 600 ? MAIL_PERMANENT : MAIL_TEMPORARY;
}

static enum status read_password(const char *path, struct sv *out, struct arena *a, struct err *e)
{
	char line[1024];
	FILE *f = fopen(path, "re");
	bool good = f && fgets(line, sizeof(line), f);

	if (f)
		fclose(f);
	if (!good)
		return err_set(e, a, ST_UNAVAILABLE,
			       "The password of the mail server cannot be read "
			       "from %s (smtp_password_file): %s",
			       path, f ? "the file is empty" : strerror(errno));
	*out = arena_sv(a, sv_trim(sv_from(line)));
	explicit_bzero(line, sizeof(line));
	return ST_OK;
}

enum status mail_server_conf(struct mail_server *s, struct arena *a, struct err *e)
{
	const char *file = conf_str(CONF_smtp_password_file);

	*s = (struct mail_server){ .url = sv_from(conf_str(CONF_smtp_url)),
				   .user = sv_from(conf_str(CONF_smtp_user)),
				   .trusted = true };
	if (!s->url.n)
		return err_set(e, a, ST_UNAVAILABLE, "No mail server is set up (smtp_url)");
	return *file ? read_password(file, &s->password, a, e) : ST_OK;
}

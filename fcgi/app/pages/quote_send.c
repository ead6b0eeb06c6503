/* What is done with a finished quote: sent, its link, the answer by telephone. */
#include "fcgi/app/quotes.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

struct sv form_decimal(struct form *f, const char *name, size_t decimals)
{
	struct sv typed = form_text(f, name);
	char *out = arena_alloc(f->rq->arena, typed.n + 1);
	size_t n = 0, after = 0;
	bool point = false, good = typed.n <= 24;

	for (size_t i = 0; i < typed.n; i++) {
		char c = typed.p[i];

		if (c == ' ')
			continue;
		if ((c == '.' || c == ',') && !point && n) {
			point = true;
			c = '.';
		} else if (c < '0' || c > '9' || (point && ++after > decimals)) {
			good = false;
		}
		out[n++] = c;
	}
	if (!good || (point && !after))
		form_error(f, name, SV("Write a number such as 12 or 12.5"));
	return sv_make(out, n);
}

enum status path_row(struct http_request *rq, const char *name, struct sv *id, struct err *e)
{
	*id = http_param(rq, name);
	if (!uuid_valid(*id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This line does not exist");
	return ST_OK;
}

/* ---- the link ------------------------------------------------------------------ */

/* One link holds at a time: the new one ends those before. */
static struct sv add_new_link(struct http_request *rq, struct db_batch *b, struct sv id)
{
	struct sv nonce = uuid_new(rq->arena), token = quote_token(rq->arena, id, nonce);

	db_add(b, "update share_links set revoked_at = now() where kind = 'quote' and record_id = $1::uuid"
		  " and revoked_at is null", DB_S(id));
	db_add(b, "insert into share_links (kind, record_id, nonce, token_hash)"
		  " select 'quote', q.id, $2, decode($3, 'hex') from quotes q where q.id = $1::uuid",
	       DB_S(id), DB_S(nonce), DB_S(crypto_token_hash(rq->arena, token)));
	return token;
}

enum status quote_link(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int open;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	open = db_add(b, "select id from quotes where id = $1::uuid and sent_at is not null", DB_S(id));
	add_new_link(rq, b, id);
	return quote_changed(rq, rs, id, b, open, e);
}

enum status quote_revoke(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	gone = db_add(b, "update share_links set revoked_at = now() where kind = 'quote' and record_id = $1::uuid"
			 " and revoked_at is null", DB_S(id));
	return quote_changed(rq, rs, id, b, gone, e);
}

/* ---- sending --------------------------------------------------------------------- */

/* The letter is written in SQL, in the transaction that sends the quote. */
static void add_letter(struct http_request *rq, struct db_batch *b, struct sv id, struct sv to,
		       struct sv token)
{
	struct sv link = sv_from(arena_printf(rq->arena, "%s/s/%.*s", conf_str(CONF_base_url),
					      SV_ARG(token)));

	db_add(b,
	       "select internal.quote_mail(q.id, jsonb_strip_nulls(jsonb_build_object('to', $2::text, 'reply_to', p.email,"
	       " 'subject', format('%s: %s (%s)', o.name, q.title, q.number),"
	       " 'text', format(E'Hello%s,\\n\\nhere is our quote %s over %s %s, valid until %s.\\n\\n"
	       "Read, accept or decline it, and get it as PDF:\\n%s\\n\\n%s\\n%s\\n',"
	       "	coalesce(' ' || nullif(c.first_name, ''), ''), q.number, q.currency,"
	       "	internal.money_text(q.total, internal.currency_decimals(q.currency)),"
	       "	to_char(q.valid_until, 'FMMonth FMDD, YYYY'), $3::text,"
	       "	internal.person(p.first_name, p.last_name, p.email), o.name))))"
	       " from quotes q join organizations o on o.id = q.organization_id"
	       " left join profiles p on p.organization_id = q.organization_id and p.id = auth.uid()"
	       " left join contacts c on c.organization_id = q.organization_id and c.id = q.contact_id"
	       " where q.id = $1::uuid",
	       DB_S(id), DB_S(to), DB_S(link));
}

static bool is_address(struct sv s)
{
	ptrdiff_t at = sv_chr(s, '@');

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == ',' || s.p[i] == '<' || s.p[i] == '>')
			return false;
	return at > 0 && s.n <= 254 && sv_chr(sv_skip(s, (size_t)at), '.') > 1;
}

/* Q2C-14: the customer gets a letter with the tracked link, where the PDF is;
 * without an address there is the link alone. */
enum status quote_send(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, to = sv_trim(http_form(rq, "email")), token;
	struct err refused = { 0 };
	int sent;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	if (to.n && !is_address(to)) {
		err_set(&refused, rq->arena, ST_UNPROCESSABLE, "\"%.*s\" is not an e-mail address", SV_ARG(to));
		return quote_show(rq, rs, id, &refused, e);
	}
	sent = db_add(b, "update quotes set status = 'Sent' where id = $1::uuid", DB_S(id));
	token = add_new_link(rq, b, id);
	if (to.n)
		add_letter(rq, b, id, to, token);
	return quote_changed(rq, rs, id, b, sent, e);
}

/* Q2C-16: what the customer said by telephone. */
enum status quote_answer(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool yes = sv_eq(http_form(rq, "answer"), SV("Accepted"));
	struct sv id;
	int answered;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	answered = db_add(b,
		"update quotes q set status = case when $2::boolean then 'Accepted' else 'Declined' end,"
		" accepted_name = case when $2::boolean then x.who end, declined_name = case when not $2::boolean then x.who end,"
		" decline_reason = case when not $2::boolean then left(nullif($3, ''), 2000) end"
		" from (select 'recorded by ' || internal.person(p.first_name, p.last_name, p.email) as who from profiles p"
		"	where p.id = auth.uid()) x where q.id = $1::uuid",
		DB_S(id), DB_B(yes), DB_S(sv_trim(http_form(rq, "reason"))));
	return quote_changed(rq, rs, id, b, answered, e);
}

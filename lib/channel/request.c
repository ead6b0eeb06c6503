/* Building calls, and what it means when one brings no answer. */
#include "channel/internal.h"

#include "crypto/crypto.h"

static void authorize(struct arena *a, struct net_header *h, struct sv token)
{
	h->name = SV("Authorization");
	h->value = sv_from(arena_printf(a, "Bearer %.*s", SV_ARG(token)));
}

static void post(struct arena *a, struct net_request *out, struct sv url, struct sv token,
		 struct sv type, struct sv body)
{
	struct net_header *h = ARENA_ARRAY(a, 2, struct net_header);
	size_t n = 0;

	h[n++] = (struct net_header){ SV("Content-Type"), type };
	if (token.n)
		authorize(a, &h[n++], token);
	*out = (struct net_request){
		.method = SV("POST"), .url = url, .headers = h, .n_headers = n, .body = body
	};
}

void channel_post_json(struct arena *a, struct net_request *out, struct sv url, struct sv token,
		       struct sv body)
{
	post(a, out, url, token, SV("application/json"), body);
}

void channel_get(struct arena *a, struct net_request *out, struct sv url, struct sv token)
{
	struct net_header *h = ARENA_ARRAY(a, 1, struct net_header);

	*out = (struct net_request){ .method = SV("GET"), .url = url };
	if (!token.n)
		return;
	authorize(a, h, token);
	out->headers = h;
	out->n_headers = 1;
}

/* A parameter of a part's header, as browsers write it. */
static void add_quoted(struct buf *b, struct sv s)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_lit(b, "%22");
		else if (s.p[i] == '\r')
			buf_lit(b, "%0D");
		else if (s.p[i] == '\n')
			buf_lit(b, "%0A");
		else
			buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}

static void begin_part(struct buf *b, struct sv boundary, const char *name)
{
	buf_lit(b, "--");
	buf_add(b, boundary);
	buf_lit(b, "\r\nContent-Disposition: form-data; name=");
	add_quoted(b, sv_from(name));
}

static void add_file(struct buf *b, struct sv boundary, const struct channel_form_file *file)
{
	begin_part(b, boundary, file->field);
	buf_lit(b, "; filename=");
	add_quoted(b, file->name);
	buf_lit(b, "\r\nContent-Type: ");
	buf_add(b, file->type);
	buf_lit(b, "\r\n\r\n");
	buf_add(b, file->data);
	buf_lit(b, "\r\n");
}

void channel_post_form(struct arena *a, struct net_request *out, struct sv url, struct sv token,
		       const struct channel_field *fields, size_t n,
		       const struct channel_form_file *file)
{
	struct buf *b = buf_in_arena(a);
	unsigned char random[16];
	struct sv boundary;

	crypto_random(random, sizeof(random));
	boundary = crypto_hex(a, sv_make((char *)random, sizeof(random)));
	buf_room(b, file->data.n + 4096);
	for (size_t i = 0; i < n; i++) {
		if (!sv_present(fields[i].value))
			continue;
		begin_part(b, boundary, fields[i].name);
		buf_lit(b, "\r\n\r\n");
		buf_add(b, fields[i].value);
		buf_lit(b, "\r\n");
	}
	add_file(b, boundary, file);
	buf_lit(b, "--");
	buf_add(b, boundary);
	buf_lit(b, "--\r\n");
	post(a, out, url, token,
	     sv_from(arena_printf(a, "multipart/form-data; boundary=%.*s", SV_ARG(boundary))),
	     buf_sv(b));
}

/* ---- answers ------------------------------------------------------------ */

enum channel_next channel_fail(struct channel_failure *f, enum channel_certainty c, struct sv code,
			       struct sv text)
{
	f->certainty = c;
	f->code = code;
	f->text = text;
	return CHANNEL_DEAD;
}

enum channel_certainty channel_certainty(const struct net_response *r, bool sending, bool said)
{
	bool proxy = r->status == 502 || r->status == 504;

	if (r->status == 429)
		return CHANNEL_TEMPORARY;
	if (r->status >= 500)
		return sending && (!said || proxy) ? CHANNEL_UNCERTAIN : CHANNEL_TEMPORARY;
	if (r->status < 400 && !said)
		return sending ? CHANNEL_UNCERTAIN : CHANNEL_TEMPORARY;
	return CHANNEL_PERMANENT;
}

/* Ended before a connection stood: the provider cannot have seen anything. */
static bool never_left(const struct net_response *r)
{
	switch (r->error) {
	case NET_RESOLVE:
	case NET_CONNECT:
	case NET_TLS:
	case NET_REFUSED:
	case NET_BAD_REQUEST:
		return true;
	default:
		return !r->address.n;
	}
}

bool channel_net_failed(struct arena *a, const struct net_response *r, bool sending,
			struct channel_failure *f)
{
	struct sv code = sv_from(net_error_name(r->error)), why = arena_sv(a, r->text);

	switch (r->error) {
	case NET_OK:
		return false;
	case NET_BAD_REQUEST:
	case NET_REFUSED:
		channel_fail(
			f, CHANNEL_PERMANENT, code,
			sv_from(arena_printf(a, "The provider's address cannot be called: %.*s",
					     SV_ARG(why))));
		return true;
	case NET_TOO_LARGE:
		if (sending)
			break;
		channel_fail(f, CHANNEL_PERMANENT, code,
			     SV("The file is larger than this installation takes"));
		return true;
	default:
		break;
	}
	if (sending && !never_left(r))
		channel_fail(f, CHANNEL_UNCERTAIN, code,
			     SV("The provider did not answer, so the message may have been sent. "
				"Ask the customer or send it again"));
	else
		channel_fail(f, CHANNEL_TEMPORARY, code,
			     sv_from(arena_printf(a, "The provider could not be reached: %.*s",
						  SV_ARG(why))));
	f->retry_after = r->retry_after;
	return true;
}

/*
 * http: requests and responses over FastCGI, and the table of routes.
 *
 * A program lists its routes in one table; the dispatcher finds the row,
 * enforces what the row says (method, sign-in, CSRF, body limit) in one
 * place, and calls the handler. A handler is a straight line: read input,
 * decide, one database call, answer. It returns ST_OK with the response
 * filled, or a status with *e filled; the dispatcher then writes the error
 * in the program's form (JSON or a page) and nothing of what the handler had
 * begun to write is sent.
 *
 * Everything that a request points to lives in its arena.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD = 2,
	HTTP_POST = 4,
	HTTP_PUT = 8,
	HTTP_PATCH = 16,
	HTTP_DELETE = 32,
	HTTP_OPTIONS = 64
};

/*
 * What a route wants to know about the caller before its handler runs. The
 * credential is only found here; the database judges it, in the same round
 * trip as the work (db/db.h). Only a JWT is judged here, by its signature
 * and times.
 */
enum http_auth {
	HTTP_PUBLIC,  /* nobody in particular */
	HTTP_STAFF,   /* cookie kontor_session; without one, pages go to /login */
	HTTP_API_KEY, /* X-API-Key: cg_... or Authorization: Bearer <jwt or cg_ key> */
	HTTP_CRM_KEY, /* Authorization: Bearer ck_live_..., and nothing else */
	HTTP_BEARER   /* apikey header or parameter, and Authorization: Bearer <jwt>;
		       * without the latter the apikey has to be the JWT */
};

enum http_flags {
	/* Changing methods need http_csrf_token() in field _csrf or header
	 * X-CSRF-Token; on public routes that of the cookie kontor_form. */
	HTTP_CSRF = 1,
	HTTP_JSON_ERR = 2, /* errors as JSON though the program serves pages */
	/* Pages of any origin may call; always so with HTTP_API_KEY and
	 * HTTP_BEARER and HTTP_CRM_KEY, whose credentials a browser never adds by itself. */
	HTTP_CORS = 4,
	/* A key that is missing or wrong is "error": "Unauthorized" (CON-69);
	 * "message" says more. */
	HTTP_PLAIN_401 = 8,
	/* Open to signed-in people who have not passed the wizard yet (AUTH-50). */
	HTTP_WIZARD = 16
};

/* What a route's callers are counted by; web/ knows who they are. */
enum http_rate {
	HTTP_RATE_NONE,
	HTTP_RATE_FUNCTION, /* per tenant, or per API key */
	HTTP_RATE_REST,     /* likewise */
	HTTP_RATE_CRM,      /* per tenant, by the minute and by the day */
	HTTP_RATE_ADDRESS   /* per client address */
};

struct http_pair {
	struct sv name, value;
};

/* Decoded in order of appearance; names may repeat. */
struct http_pairs {
	struct http_pair *v;
	size_t n;
};

/* A file in a multipart/form-data body. */
struct http_file {
	struct sv field, filename, content_type, data;
};

#define HTTP_PARAMS_MAX 8

struct http_route;

struct http_request {
	struct arena *arena;
	enum http_method method;
	struct sv path;       /* percent-decoded, begins with '/', valid UTF-8 */
	struct sv query_text; /* as sent, without '?' */
	struct sv body;       /* raw */
	struct sv request_id, remote_addr, host, content_type, user_agent;
	bool https;
	/* What the vhost is bound to by fastcgi_param KONTOR_TENANT and
	 * KONTOR_THEME, or empty. */
	struct sv tenant, theme;
	const struct http_route *route;
	struct sv params[HTTP_PARAMS_MAX]; /* what :name parts of the route matched */
	struct sv session; /* HTTP_STAFF: the session token */
	struct sv api_key; /* HTTP_API_KEY: the cg_ or ck_live_ key, if sent */
	struct sv bearer;  /* the token after "Bearer ", if sent */
	struct sv claims;  /* payload of a valid JWT in bearer, else SV_NONE */
	void *user;        /* what the program passed to http_serve */
	void *state;       /* web/: what it knows of this request */
	/* parsed on first use */
	struct http_pairs *query, *form, *cookies;
	struct http_file *files;
	size_t nfiles;
	char **envp;
};

struct http_response {
	int status; /* 200 unless set */
	struct http_pair *headers;
	size_t nheaders, headers_size;
	struct buf body; /* kept and reused from request to request */
	struct arena *arena;
	bool no_length;  /* nothing is said of the body's length (HEAD) */
	struct http_sink *sink; /* how to answer before the handler returns; or NULL */
};

typedef enum status http_handler(struct http_request *rq, struct http_response *rs,
				 struct err *e);

/*
 * A literal part of a pattern goes before :name, that before *. The most
 * specific pattern that fits decides: when it does not take the method, the
 * answer is 405 with Allow, even if a vaguer pattern would take it. A slash
 * at the end of pattern or path makes no difference. The value of a part
 * named :token, :secret or :key is kept out of the log.
 *
 * HEAD is served by the handler of GET, which sees HTTP_GET, and the body is
 * dropped; a route that lists HTTP_HEAD itself sees HTTP_HEAD. OPTIONS is
 * answered here (204 with Allow and the CORS headers) unless the route lists it.
 */
struct http_route {
	unsigned methods;    /* enum http_method, or'ed; HEAD comes with GET */
	const char *pattern; /* "/deals/:id"; a last part of "*" takes the rest */
	http_handler *handler;
	enum http_auth auth;
	unsigned flags;  /* enum http_flags */
	size_t body_max; /* bytes; 0 = 1 MiB; more is 413 before the handler runs */
	enum http_rate rate;
	/* What a signed-in person has to be allowed to enter (auth.enter); web/
	 * asks for it in the batch of the request. NULL: nothing. */
	const char *area;
};

/* How a program answers errors; rs is empty when it is called. */
typedef void http_error_writer(struct http_request *rq, struct http_response *rs,
			       const struct err *e);
/* {"error","message","code","details","hint"}: the superset of api.md. With a
 * field, details is {"field","message"} (API-60). */
void http_error_json(struct http_request *rq, struct http_response *rs, const struct err *e);

struct http_program {
	const char *name; /* "kontor-api", for the log */
	const struct http_route *routes; /* ends with a NULL handler */
	http_error_writer *error;
	void *user;
	/* Each may be NULL. Between requests (LISTEN, caches): */
	void (*idle)(void *user);
	/* Once it is known what the caller shows, before the body is read: may refuse. */
	enum status (*admit)(struct http_request *rq, struct err *e);
	/* When the handler is through, s being what it returned: returns what
	 * the request comes to. */
	enum status (*settle)(struct http_request *rq, struct http_response *rs, enum status s,
			      struct err *e);
	/* Before the head of any answer goes out: adds headers. */
	void (*head)(struct http_request *rq, struct http_response *rs);
};

/*
 * Accept on file descriptor 0 until SIGTERM; the request under way is
 * finished. Returns the process' exit code. From nginx come the variables of
 * its own fastcgi_params (REQUEST_METHOD, REQUEST_URI, QUERY_STRING,
 * CONTENT_TYPE, CONTENT_LENGTH, REMOTE_ADDR, HTTPS, HTTP_...) and, optional,
 * REQUEST_ID, KONTOR_TENANT, KONTOR_THEME. Every answer carries X-Request-Id,
 * and Cache-Control: no-store unless the handler says otherwise.
 */
int http_serve(const struct http_program *program);
/*
 * One request through the dispatcher without FastCGI, for tests: env as
 * "NAME=value" strings ending with NULL (REQUEST_METHOD and REQUEST_URI at
 * least), body as bytes. rs must be zeroed before its first use; its headers
 * are valid until the next call, its body until buf_release(&rs->body).
 */
void http_run(const struct http_program *program, char **env, struct sv body,
	      struct http_response *rs);
/* A header that the response has, any case; SV_NONE when absent. */
struct sv http_response_header(const struct http_response *rs, const char *name);

/* ---- reading ------------------------------------------------------- */

/* A CGI variable ("HTTP_ACCEPT"); SV_NONE when absent. */
struct sv http_env(const struct http_request *rq, const char *name);
/* A request header by its own name, any case ("X-Hub-Signature-256"). */
struct sv http_header(const struct http_request *rq, const char *name);
/* The part of the path that :name matched, decoded; "*" names the rest. */
struct sv http_param(const struct http_request *rq, const char *name);
/* The first value of a query parameter, form field (urlencoded or
 * multipart), cookie. SV_NONE when absent. All but file contents is valid
 * UTF-8. A form that cannot be read has no fields; http_form_read says why,
 * and the dispatcher answers 400 by itself where a route has HTTP_CSRF. */
struct sv http_query(struct http_request *rq, const char *name);
struct sv http_form(struct http_request *rq, const char *name);
struct sv http_cookie(struct http_request *rq, const char *name);
const struct http_file *http_form_file(struct http_request *rq, const char *name);
enum status http_form_read(struct http_request *rq, struct err *e) WARN_UNUSED;
/* The body as a JSON object or array, whatever its content type says; 400
 * with the position of the mistake. Freed with the arena. */
enum status http_json(struct http_request *rq, json_t **out, struct err *e) WARN_UNUSED;
/* Everything, for repeated names and unknown ones. */
const struct http_pairs *http_query_all(struct http_request *rq);
const struct http_pairs *http_form_all(struct http_request *rq);
/* Percent-decoding with + as space; a malformed escape stays as it is. */
struct sv http_unescape(struct arena *a, struct sv s);

/* The parsers behind these, for their fuzzers. Malformed input: ST_BAD_INPUT;
 * so are more than 1000 fields. */
enum status http_parse_urlencoded(struct arena *a, struct sv text, struct http_pairs *out,
				  struct err *e) WARN_UNUSED;
enum status http_parse_multipart(struct arena *a, struct sv content_type, struct sv body,
				 struct http_pairs *fields, struct http_file **files,
				 size_t *nfiles, struct err *e) WARN_UNUSED;

/* ---- answering ----------------------------------------------------- */

/* Replaces a header of that name. Control characters become spaces. */
void http_set_header(struct http_response *rs, const char *name, struct sv value);
/* Append without replacing. */
void http_add_header(struct http_response *rs, const char *name, struct sv value);
struct http_cookie_options {
	int max_age; /* seconds; 0 = until the browser closes; < 0 = delete */
	bool secure, http_only, strict; /* strict: SameSite=Strict, else Lax */
};
/* For path /. What cookies cannot hold is percent-encoded; http_cookie undoes it. */
void http_set_cookie(struct http_response *rs, const char *name, struct sv value,
		     const struct http_cookie_options *o);
void http_content_type(struct http_response *rs, const char *type);
/* A Content-Disposition (RFC 6266): the name in UTF-8 beside one that every browser reads. */
struct sv http_disposition(struct arena *a, bool shown, struct sv name);
/* 303 See Other. location is a path of ours; anything else becomes "/". */
enum status http_redirect(struct http_response *rs, struct sv location);
/* ETag of the body and 304 when the client has it. Call last. */
void http_etag(struct http_request *rq, struct http_response *rs);

/*
 * An answer too large to be kept in memory. Where http_can_stream says so,
 * http_stream sends status, headers and what the body has by now, and each
 * further call what it has gained; the rest goes out when the handler returns
 * ST_OK. When it cannot be finished, http_stream_fail ends the connection in
 * a way that nobody takes for the end of the answer.
 */
bool http_can_stream(const struct http_response *rs);
void http_stream(struct http_request *rq, struct http_response *rs);
void http_stream_fail(struct http_response *rs);
bool http_is_streaming(const struct http_response *rs);

/* ---- CSRF ---------------------------------------------------------- */

/* The token for a session (or for a public form's own cookie): an HMAC of
 * it, so that nothing has to be stored. */
struct sv http_csrf_token(struct arena *a, struct sv session);
/* The token for a form on a public page; sets the cookie kontor_form unless
 * the browser has it already. */
struct sv http_csrf_public(struct http_request *rq, struct http_response *rs);

#endif

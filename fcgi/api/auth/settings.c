/* What /auth/v1 says of itself: settings, health, keys. */
#include "fcgi/api/auth/auth.h"

#include "base/conf.h"

enum status auth_settings(struct http_request *rq, struct http_response *rs, struct err *e)
{
	size_t n;
	const struct oidc_provider *v = oidc_providers(&n);
	struct buf *b = &rs->body;

	(void)rq;
	(void)e;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(b, "{\"external\":{\"email\":true,\"phone\":false,\"anonymous_users\":false");
	for (size_t i = 0; i < n; i++) {
		buf_addc(b, ',');
		buf_json(b, v[i].name);
		buf_lit(b, ":true");
	}
	buf_addf(b,
		 "},\"disable_signup\":%s,\"mailer_autoconfirm\":false,"
		 "\"phone_autoconfirm\":false,\"sms_provider\":\"\",\"saml_enabled\":false,"
		 "\"passkeys_enabled\":false}",
		 conf_bool(CONF_auth_signup) ? "false" : "true");
	return ST_OK;
}

enum status auth_health(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"name\":\"Kontor\",\"version\":\"" PACKAGE_VERSION
			   "\",\"description\":\"Sign-in for the API\"}");
	return ST_OK;
}

/* Access tokens are signed by a key that is not given away (HS256): clients
 * that find no key here ask /user instead. */
enum status auth_jwks(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	http_content_type(rs, "application/json; charset=utf-8");
	http_set_header(rs, "Cache-Control", SV("public, max-age=600"));
	buf_lit(&rs->body, "{\"keys\":[]}");
	return ST_OK;
}

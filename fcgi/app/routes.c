#include "fcgi/app/routes.h"

#define FORM_MAX (256 * 1024)

const struct http_route app_routes[] = {
	{ HTTP_GET, "/login", login_page, HTTP_PUBLIC },
	{ HTTP_POST, "/login", login_submit, HTTP_PUBLIC, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/logout", logout_submit, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ 0 },
};

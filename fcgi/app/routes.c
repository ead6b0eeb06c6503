#include "fcgi/app/routes.h"

#define FORM_MAX (256 * 1024)
/* Files of 25 MiB and the form around them. */
#define UPLOAD_MAX (26 * 1024 * 1024)
/* What a member needs for these pages (auth.enter). */
#define CRM .area = "crm"
#define INBOX .area = "inbox"
#define TASKS .area = "tasks"
#define TEAM .area = "team"
#define TEAMS .area = "teams"
#define SETTINGS .area = "settings"

#define ROUTE(methods, path, handler, ...) { methods, path, handler, __VA_ARGS__ },
#define PAGE(path, handler, ...) { HTTP_GET, path, handler, HTTP_STAFF, __VA_ARGS__ },
#define POST(path, handler, ...)                                                               \
	{ HTTP_POST, path, handler, HTTP_STAFF, HTTP_CSRF, FORM_MAX, __VA_ARGS__ },

const struct http_route app_routes[] = {
#include "fcgi/app/routes/all.def"
	{ 0 },
};

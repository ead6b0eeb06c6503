/* kontor-api: /rest/v1, /functions/v1, /auth/v1. */
#include "fcgi/api/routes.h"

int main(void)
{
	return web_main("kontor-api", api_routes, http_error_json, NULL);
}

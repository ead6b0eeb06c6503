/* kontor-app: the staff's web application. */
#include "fcgi/app/routes.h"

int main(void)
{
	return web_main("kontor-app", app_routes, NULL, NULL);
}

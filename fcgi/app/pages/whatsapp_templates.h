/* What the pages of WhatsApp's templates share: settings, and sending one. */
#ifndef APP_WHATSAPP_TEMPLATES_H
#define APP_WHATSAPP_TEMPLATES_H

#include "channel/channel.h"
#include "fcgi/app/crm.h"

#define TEMPLATE_BUTTONS 3

/* The statement that reads one template with what is seen of it. */
int template_add(struct db_batch *b, struct sv id);
/* Page value `inputs`: a field for each variable ("body.1"), as they were sent
 * when there is a form. `list` has commas. */
void template_set_variables(struct http_request *rq, struct tmpl_value *page, struct sv list,
			    const struct form *f);
/* The fields whose names begin so, as a JSON object without the prefix. */
struct sv template_values(struct http_request *rq, const char *prefix);

#endif

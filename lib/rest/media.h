/*
 * media: in which form an answer goes out. Private to rest/.
 *
 * The forms are PostgREST's: JSON in several shapes, CSV, GeoJSON where
 * PostGIS is there, the plan where it may be seen, and whatever a database
 * makes by itself: an aggregate or a function that returns a domain with the
 * name of a media type.
 */
#ifndef REST_MEDIA_H
#define REST_MEDIA_H

#include "rest/tree.h"

/* Fill t->media and t->shape from the header Accept; 406 when nothing fits. */
enum status media_choose(struct tree *t);
/* Whether Accept takes the OpenAPI description; else 406. */
enum status media_openapi(struct tree *t);
/* Make of the rows' statement the one that gives the form asked for. */
void media_wrap(const struct tree *t, struct rest_plan *plan);

#endif

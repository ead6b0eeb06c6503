/*
 * What the editor of a pipeline sends, as JSON for pipelines.stages.
 *
 * Fields come in the order of the page. A stage begins with stage_id, a
 * condition of its gate with cond_id, a task template with task_id; what
 * follows belongs to it.
 */
#ifndef APP_PIPELINE_FORM_H
#define APP_PIPELINE_FORM_H

#include "fcgi/app/crm.h"

/* Checked as far as one stage goes; the database checks gates and tasks. Ids
 * of new stages are made of their names. */
struct sv pipeline_form_stages(struct form *f);
/* Where the deals of removed stages go: {"old": "new"}. */
struct sv pipeline_form_moves(struct http_request *rq);

#endif

/*
 * What a new pipeline can begin with (DEA-10): the usual sales processes and
 * those of the industries (UCF-76..109). A stage is {name, probability}; its
 * colour follows from its place, its type is open unless said.
 */
#ifndef APP_PIPELINE_PRESETS_H
#define APP_PIPELINE_PRESETS_H

#include "base/buf.h"
#include "tmpl/tmpl.h"

/* The stages of a preset as JSON, names in the reader's language; the first
 * preset when there is none of that name. */
struct sv preset_stages(struct arena *a, struct sv key);
/* What the pipeline would be called; SV_NONE: nothing in particular. */
struct sv preset_name(struct sv key);
/* presets: groups of {label, list of {key, name, selected}}. */
void preset_show(struct tmpl_value *page, struct sv chosen);

#endif

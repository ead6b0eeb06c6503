/*
 * html: the HTML of strangers' mails, made harmless or made text, over libxml2.
 *
 * The parser reads whatever there is; what is written again is our own: known
 * elements with known attributes, everything else escaped. So nothing of the
 * source's spelling survives that a browser might read in another way. Not
 * among the known: scripts, handlers, forms and their fields, frames, objects,
 * style sheets, SVG and MathML. Of inline styles those stay that only dress the
 * text and name no address.
 */
#ifndef MAIL_HTML_H
#define MAIL_HTML_H

#include "base/arena.h"
#include "base/buf.h"

struct mail_html {
	bool images; /* pictures of other servers are shown */
	/* The address of an inline picture by its Content-ID; SV_NONE: there is none. */
	struct sv (*inline_url)(void *arg, struct sv content_id);
	void *arg;
	/* result */
	bool remote; /* it names pictures of other servers */
};

/* Append what may stand in a page's body. Links open a new window without
 * knowing where they come from. */
void mail_html_clean(struct sv html, struct mail_html *o, struct buf *out);

/* Its words, with line breaks where blocks end and > before quotations; at
 * most `max` bytes. */
struct sv mail_html_text(struct sv html, size_t max, struct arena *a);

#endif

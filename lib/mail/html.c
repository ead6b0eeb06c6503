/* HTML of mails made harmless. */
#include "mail/html.h"

#include <libxml/HTMLparser.h>
#include <stdlib.h>

#define DEPTH_MAX 200

/* ---- what is known -------------------------------------------------------------- */

enum element_kind {
	EL_KEPT = 1,
	EL_VOID,   /* kept, has no end tag */
	EL_DROPPED /* with all that is in it; anything unknown loses its tag only */
};

static const struct element {
	const char *name;
	enum element_kind kind;
} elements[] = {
	{ "a", EL_KEPT },	   { "abbr", EL_KEPT },	      { "address", EL_KEPT },
	{ "applet", EL_DROPPED },  { "article", EL_KEPT },    { "audio", EL_DROPPED },
	{ "b", EL_KEPT },	   { "base", EL_DROPPED },    { "big", EL_KEPT },
	{ "blockquote", EL_KEPT }, { "br", EL_VOID },	      { "button", EL_DROPPED },
	{ "canvas", EL_DROPPED },  { "caption", EL_KEPT },    { "center", EL_KEPT },
	{ "cite", EL_KEPT },	   { "code", EL_KEPT },	      { "col", EL_VOID },
	{ "colgroup", EL_KEPT },   { "dd", EL_KEPT },	      { "del", EL_KEPT },
	{ "div", EL_KEPT },	   { "dl", EL_KEPT },	      { "dt", EL_KEPT },
	{ "em", EL_KEPT },	   { "embed", EL_DROPPED },   { "font", EL_KEPT },
	{ "footer", EL_KEPT },	   { "frame", EL_DROPPED },   { "frameset", EL_DROPPED },
	{ "h1", EL_KEPT },	   { "h2", EL_KEPT },	      { "h3", EL_KEPT },
	{ "h4", EL_KEPT },	   { "h5", EL_KEPT },	      { "h6", EL_KEPT },
	{ "head", EL_DROPPED },	   { "header", EL_KEPT },     { "hr", EL_VOID },
	{ "i", EL_KEPT },	   { "iframe", EL_DROPPED },  { "img", EL_VOID },
	{ "input", EL_DROPPED },   { "ins", EL_KEPT },	      { "kbd", EL_KEPT },
	{ "li", EL_KEPT },	   { "link", EL_DROPPED },    { "main", EL_KEPT },
	{ "map", EL_DROPPED },	   { "math", EL_DROPPED },    { "meta", EL_DROPPED },
	{ "noframes", EL_DROPPED }, { "noscript", EL_DROPPED }, { "object", EL_DROPPED },
	{ "ol", EL_KEPT },	   { "option", EL_DROPPED },  { "p", EL_KEPT },
	{ "pre", EL_KEPT },	   { "q", EL_KEPT },	      { "s", EL_KEPT },
	{ "samp", EL_KEPT },	   { "script", EL_DROPPED },  { "section", EL_KEPT },
	{ "select", EL_DROPPED },  { "small", EL_KEPT },      { "span", EL_KEPT },
	{ "strike", EL_KEPT },	   { "strong", EL_KEPT },     { "style", EL_DROPPED },
	{ "sub", EL_KEPT },	   { "sup", EL_KEPT },	      { "svg", EL_DROPPED },
	{ "table", EL_KEPT },	   { "tbody", EL_KEPT },      { "td", EL_KEPT },
	{ "template", EL_DROPPED }, { "textarea", EL_DROPPED }, { "tfoot", EL_KEPT },
	{ "th", EL_KEPT },	   { "thead", EL_KEPT },      { "title", EL_DROPPED },
	{ "tr", EL_KEPT },	   { "tt", EL_KEPT },	      { "u", EL_KEPT },
	{ "ul", EL_KEPT },	   { "var", EL_KEPT },	      { "video", EL_DROPPED },
	{ "xmp", EL_DROPPED },
};

static int by_name(const void *key, const void *row)
{
	return strcasecmp(key, ((const struct element *)row)->name);
}

static const struct element *element_of(const xmlNode *n)
{
	return bsearch(n->name, elements, sizeof(elements) / sizeof(*elements),
		       sizeof(*elements), by_name);
}

/* Attributes that only dress; href, src and style are looked at by themselves. */
static const char *const attributes[] = {
	"abbr",	       "align",	  "alt",     "bgcolor", "border", "cellpadding", "cellspacing",
	"cite",	       "color",	  "cols",    "colspan", "dir",	  "face",	 "height",
	"hspace",      "lang",	  "nowrap",  "rows",	"rowspan", "rules",	 "scope",
	"size",	       "span",	  "start",   "summary", "title",  "type",	 "valign",
	"vspace",      "width",
};

/* Properties of inline styles that reach no further than their element. */
static const char *const properties[] = {
	"background-color", "border",	      "border-bottom",	 "border-collapse",
	"border-color",	    "border-left",    "border-radius",	 "border-right",
	"border-spacing",   "border-style",   "border-top",	 "border-width",
	"clear",	    "color",	      "direction",	 "display",
	"float",	    "font",	      "font-family",	 "font-size",
	"font-style",	    "font-variant",   "font-weight",	 "height",
	"letter-spacing",   "line-height",    "list-style-type", "margin",
	"margin-bottom",    "margin-left",    "margin-right",	 "margin-top",
	"max-height",	    "max-width",      "min-height",	 "min-width",
	"padding",	    "padding-bottom", "padding-left",	 "padding-right",
	"padding-top",	    "table-layout",   "text-align",	 "text-decoration",
	"text-indent",	    "text-transform", "vertical-align",	 "white-space",
	"width",	    "word-break",     "word-wrap",
};

static bool listed(const char *const *list, size_t n, struct sv name)
{
	for (size_t i = 0; i < n; i++)
		if (sv_ieq(name, sv_from(list[i])))
			return true;
	return false;
}

#define LISTED(list, name) listed((list), sizeof(list) / sizeof(*(list)), (name))

static bool starts_with(struct sv s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && sv_ieq(sv_make(s.p, n), sv_from(prefix));
}

/* ---- styles ------------------------------------------------------------------------- */

/* Words, numbers and colours: no function but those of colours, no escapes. */
static bool is_plain_value(struct sv v)
{
	struct sv rest = v;

	if (!v.n || v.n > 200)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] < ' ' || strchr("\\<>@{}&;:", v.p[i]))
			return false;
	while (sv_chr(rest, '(') >= 0) {
		struct sv before = sv_trim(sv_cut(&rest, '('));

		if (!(before.n >= 3 && sv_ieq(sv_skip(before, before.n - 3), SV("rgb"))) &&
		    !(before.n >= 4 && sv_ieq(sv_skip(before, before.n - 4), SV("rgba"))) &&
		    !(before.n >= 3 && sv_ieq(sv_skip(before, before.n - 3), SV("hsl"))))
			return false;
	}
	return true;
}

static void write_style(struct buf *out, struct sv style)
{
	bool any = false;

	while (sv_present(style)) {
		struct sv value = sv_cut(&style, ';'), name = sv_trim(sv_cut(&value, ':'));

		value = sv_trim(value);
		if (!LISTED(properties, name) || !is_plain_value(value))
			continue;
		if (!any)
			buf_lit(out, " style=\"");
		any = true;
		buf_html(out, name);
		buf_addc(out, ':');
		buf_html(out, value);
		buf_addc(out, ';');
	}
	if (any)
		buf_addc(out, '"');
}

/* ---- addresses ------------------------------------------------------------------------ */

static void write_attribute(struct buf *out, const char *name, struct sv value)
{
	buf_addf(out, " %s=\"", name);
	buf_html(out, value);
	buf_addc(out, '"');
}

static bool is_web(struct sv url)
{
	return starts_with(url, "http://") || starts_with(url, "https://");
}

static void write_link(struct buf *out, struct sv url)
{
	if (!is_web(url) && !starts_with(url, "mailto:") && !starts_with(url, "tel:"))
		return;
	write_attribute(out, "href", url);
	buf_lit(out, " target=\"_blank\" rel=\"noopener noreferrer nofollow\"");
}

static bool is_picture(struct sv url)
{
	return starts_with(url, "data:image/png;base64,") ||
	       starts_with(url, "data:image/jpeg;base64,") ||
	       starts_with(url, "data:image/gif;base64,") ||
	       starts_with(url, "data:image/webp;base64,");
}

static void write_source(struct buf *out, struct sv url, struct mail_html *o)
{
	if (starts_with(url, "cid:")) {
		url = o->inline_url ? o->inline_url(o->arg, sv_skip(url, 4)) : SV_NONE;
		if (url.n)
			write_attribute(out, "src", url);
	} else if (is_picture(url)) {
		write_attribute(out, "src", url);
	} else if (is_web(url)) {
		o->remote = true;
		if (o->images)
			write_attribute(out, "src", url);
	}
}

/* ---- the tree --------------------------------------------------------------------------- */

static void write_attributes(const xmlNode *n, struct mail_html *o, struct buf *out)
{
	for (const xmlAttr *at = n->properties; at; at = at->next) {
		struct sv name = sv_from((const char *)at->name), value;
		xmlChar *text = xmlNodeListGetString(n->doc, at->children, 1);

		value = text ? sv_trim(sv_from((const char *)text)) : SV("");
		if (sv_ieq(name, SV("style")))
			write_style(out, value);
		else if (sv_ieq(name, SV("href")) && !xmlStrcasecmp(n->name, BAD_CAST "a"))
			write_link(out, value);
		else if (sv_ieq(name, SV("src")) && !xmlStrcasecmp(n->name, BAD_CAST "img"))
			write_source(out, value, o);
		else if (LISTED(attributes, name))
			write_attribute(out, (const char *)at->name, value);
		xmlFree(text);
	}
}

static void write_nodes(const xmlNode *n, struct mail_html *o, struct buf *out, int depth);

static void write_element(const xmlNode *n, struct mail_html *o, struct buf *out, int depth)
{
	const struct element *el = element_of(n);

	if (el && el->kind == EL_DROPPED)
		return;
	if (el) {
		buf_addf(out, "<%s", el->name);
		write_attributes(n, o, out);
		buf_addc(out, '>');
	}
	if (!el || el->kind == EL_KEPT)
		write_nodes(n->children, o, out, depth + 1);
	if (el && el->kind == EL_KEPT)
		buf_addf(out, "</%s>", el->name);
}

static void write_nodes(const xmlNode *n, struct mail_html *o, struct buf *out, int depth)
{
	if (depth > DEPTH_MAX)
		return;
	for (; n; n = n->next) {
		if (n->type == XML_TEXT_NODE && n->content)
			buf_html(out, sv_from((const char *)n->content));
		else if (n->type == XML_ELEMENT_NODE)
			write_element(n, o, out, depth);
	}
}

static xmlDoc *parse(struct sv html)
{
	if (!html.n || html.n > INT32_MAX / 2)
		return NULL;
	return htmlReadMemory(html.p, (int)html.n, NULL, "UTF-8",
			      HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
				      HTML_PARSE_NONET);
}

void mail_html_clean(struct sv html, struct mail_html *o, struct buf *out)
{
	xmlDoc *doc = parse(html);

	o->remote = false;
	if (doc)
		write_nodes(doc->children, o, out, 0);
	xmlFreeDoc(doc);
}

/* ---- as text ------------------------------------------------------------------------------ */

struct words {
	struct buf out;
	size_t max;
	int quotes;  /* blockquotes around */
	int breaks;  /* line ends that are due before the next word */
	bool space, pre;
};

static const char *const blocks[] = {
	"address", "article", "center", "dd",  "div",	"dl",	   "dt",      "footer",
	"header",  "hr",      "li",	"main", "ol",	"section", "table",   "tr",
	"ul",
};
static const char *const paragraphs[] = { "p",	"h1", "h2",  "h3",	  "h4",
					  "h5", "h6", "pre", "blockquote" };

static void due(struct words *w, int breaks)
{
	if (w->breaks < breaks)
		w->breaks = breaks;
}

static void flush(struct words *w)
{
	if (w->out.n)
		for (; w->breaks > 0; w->breaks--) {
			buf_addc(&w->out, '\n');
			w->space = false;
			if (w->breaks == 1)
				for (int i = 0; i < w->quotes && i < 8; i++)
					buf_lit(&w->out, "> ");
		}
	else
		for (int i = 0; i < w->quotes && i < 8; i++)
			buf_lit(&w->out, "> ");
	w->breaks = 0;
	if (w->space && w->out.n)
		buf_addc(&w->out, ' ');
	w->space = false;
}

static void add_words(struct words *w, const char *s)
{
	for (; *s && w->out.n < w->max; s++) {
		bool gap = *s == ' ' || *s == '\t' || *s == '\r' || *s == '\n';

		if (w->pre && *s == '\n') {
			due(w, w->breaks + 1);
		} else if (gap) {
			w->space = w->out.n && !w->breaks;
		} else {
			flush(w);
			buf_addc(&w->out, *s);
		}
	}
}

static void words_of(const xmlNode *n, struct words *w, int depth);

static void element_words(const xmlNode *n, struct words *w, int depth)
{
	const struct element *el = element_of(n);
	struct sv name = sv_from((const char *)n->name);
	int around = LISTED(paragraphs, name) ? 2 : LISTED(blocks, name) ? 1 : 0;
	bool quote = sv_ieq(name, SV("blockquote")), pre = sv_ieq(name, SV("pre"));

	if (el && el->kind == EL_DROPPED)
		return;
	if (sv_ieq(name, SV("br")))
		w->breaks++;
	if (sv_ieq(name, SV("td")) || sv_ieq(name, SV("th")))
		w->space = true;
	due(w, around);
	w->quotes += quote;
	w->pre |= pre;
	if (sv_ieq(name, SV("li")))
		add_words(w, "- ");
	words_of(n->children, w, depth + 1);
	w->pre &= !pre;
	w->quotes -= quote;
	due(w, around);
}

static void words_of(const xmlNode *n, struct words *w, int depth)
{
	if (depth > DEPTH_MAX)
		return;
	for (; n && w->out.n < w->max; n = n->next) {
		if (n->type == XML_TEXT_NODE && n->content)
			add_words(w, (const char *)n->content);
		else if (n->type == XML_ELEMENT_NODE)
			element_words(n, w, depth);
	}
}

struct sv mail_html_text(struct sv html, size_t max, struct arena *a)
{
	struct words w = { .max = max };
	xmlDoc *doc = parse(html);
	struct sv out;

	if (doc)
		words_of(doc->children, &w, 0);
	xmlFreeDoc(doc);
	out = sv_trim(buf_sv(&w.out));
	while (out.n && !sv_is_text(out)) /* cut within a character */
		out.n--;
	out = arena_sv(a, out);
	buf_release(&w.out);
	return out;
}

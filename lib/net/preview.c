#include "net/preview.h"

#include "base/buf.h"

#include <libxml/HTMLparser.h>
#include <libxml/uri.h>

#define NODES_MAX 20000
#define TITLE_MAX 300
#define DESCRIPTION_MAX 600
#define URL_MAX 2000

/* White space folded, at most max bytes, whole characters. */
static struct sv folded(struct arena *a, const xmlChar *text, size_t max)
{
	struct buf *out;
	struct sv s;

	if (!text)
		return SV_NONE;
	out = buf_in_arena(a);
	for (const char *p = (const char *)text; *p && out->n < max + 4; p++) {
		bool space = (unsigned char)*p <= ' ';

		if (!space)
			buf_addc(out, *p);
		else if (out->n && out->p[out->n - 1] != ' ')
			buf_addc(out, ' ');
	}
	s = sv_trim(buf_sv(out));
	while (s.n > max || (s.n && !sv_is_text(s)))
		s.n--;
	return s;
}

static void take(struct sv *into, struct sv value, bool better)
{
	if (value.n && (better || !into->n))
		*into = value;
}

static void read_meta(struct arena *a, xmlNode *n, struct sv url, struct net_preview *out)
{
	xmlChar *name = xmlGetProp(n, BAD_CAST "property"), *content = xmlGetProp(n, BAD_CAST "content");

	if (!name)
		name = xmlGetProp(n, BAD_CAST "name");
	if (name && content) {
		bool og = !xmlStrncasecmp(name, BAD_CAST "og:", 3);

		if (!xmlStrcasecmp(name, BAD_CAST "og:title"))
			take(&out->title, folded(a, content, TITLE_MAX), true);
		else if (!xmlStrcasecmp(name, BAD_CAST "og:description") || !xmlStrcasecmp(name, BAD_CAST "description"))
			take(&out->description, folded(a, content, DESCRIPTION_MAX), og);
		else if (!xmlStrcasecmp(name, BAD_CAST "og:image")) {
			xmlChar *full = xmlBuildURI(content, BAD_CAST arena_dup(a, url));
			struct sv address = full ? folded(a, full, URL_MAX) : SV_NONE;

			if (sv_starts(address, SV("http://")) || sv_starts(address, SV("https://")))
				take(&out->image, address, false);
			xmlFree(full);
		}
	}
	xmlFree(name);
	xmlFree(content);
}

static void read_title(struct arena *a, xmlNode *n, struct net_preview *out)
{
	xmlChar *text = xmlNodeGetContent(n);

	take(&out->title, folded(a, text, TITLE_MAX), false);
	xmlFree(text);
}

/* The next node in the order of the text, without recursion. */
static xmlNode *next_node(xmlNode *n)
{
	if (n->children && n->type == XML_ELEMENT_NODE)
		return n->children;
	while (n && !n->next)
		n = n->parent && n->parent->type == XML_ELEMENT_NODE ? n->parent : NULL;
	return n ? n->next : NULL;
}

bool net_preview_read(struct arena *a, struct sv html, struct sv url, struct net_preview *out)
{
	int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
		      HTML_PARSE_COMPACT;
	htmlDocPtr doc;
	int left = NODES_MAX;

	*out = (struct net_preview){ 0 };
	if (html.n > INT32_MAX)
		return false;
	doc = htmlReadMemory(html.p, (int)html.n, NULL, sv_is_text(html) ? "UTF-8" : NULL, options);
	if (!doc)
		return false;
	for (xmlNode *n = xmlDocGetRootElement(doc); n && left--; n = next_node(n)) {
		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (!xmlStrcasecmp(n->name, BAD_CAST "meta"))
			read_meta(a, n, url, out);
		else if (!xmlStrcasecmp(n->name, BAD_CAST "title"))
			read_title(a, n, out);
	}
	xmlFreeDoc(doc);
	return out->title.n > 0;
}

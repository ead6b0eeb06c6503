/* The parts of a file: libarchive unpacks, libxml2 parses, limits are ours. */
#include "sheet/unzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <libxml/parser.h>
#include <string.h>
#include <unistd.h>

#define PIECE 16384
#define PARTS_MAX 2000           /* entries of the zip that are looked at */
#define RATIO_FROM (8 << 20)     /* bytes; small files may be packed as well as they like */

struct xml_part {
	struct unzip *z;
	struct archive *zip;
	xmlParserCtxtPtr parser;
	const struct xml_handlers *h;
	void *arg;
	int64_t at; /* where libarchive reads the file */
	char piece[PIECE];
};

void unzip_fault(struct unzip *z, enum status s, const char *why)
{
	if (z->bad)
		return;
	z->bad = s;
	z->why = why;
}

/* ---- the file, by position, for several parts are read in turn ---------- */

static la_ssize_t file_read(struct archive *zip, void *arg, const void **data)
{
	struct xml_part *x = arg;
	ssize_t n = pread(x->z->fd, x->piece, sizeof(x->piece), x->at);

	(void)zip;
	if (n > 0)
		x->at += n;
	*data = x->piece;
	return n;
}

static la_int64_t file_seek(struct archive *zip, void *arg, la_int64_t offset, int whence)
{
	struct xml_part *x = arg;

	(void)zip;
	if (whence == SEEK_CUR)
		offset += x->at;
	else if (whence == SEEK_END)
		offset += x->z->packed;
	if (offset < 0)
		return ARCHIVE_FATAL;
	x->at = offset;
	return offset;
}

static la_int64_t file_skip(struct archive *zip, void *arg, la_int64_t n)
{
	struct xml_part *x = arg;

	(void)zip;
	x->at += n;
	return n;
}

static bool zip_open(struct xml_part *x)
{
	x->zip = archive_read_new();
	return x->zip && archive_read_support_format_zip_seekable(x->zip) == ARCHIVE_OK &&
	       archive_read_set_read_callback(x->zip, file_read) == ARCHIVE_OK &&
	       archive_read_set_seek_callback(x->zip, file_seek) == ARCHIVE_OK &&
	       archive_read_set_skip_callback(x->zip, file_skip) == ARCHIVE_OK &&
	       archive_read_set_callback_data(x->zip, x) == ARCHIVE_OK &&
	       archive_read_open1(x->zip) == ARCHIVE_OK;
}

static bool zip_find(struct xml_part *x, const char *path)
{
	struct archive_entry *entry;
	int result;

	for (int i = 0; i < PARTS_MAX; i++) {
		const char *name;

		result = archive_read_next_header(x->zip, &entry);
		if (result == ARCHIVE_EOF)
			return false;
		if (result < ARCHIVE_WARN)
			break;
		name = archive_entry_pathname(entry);
		if (name && !strcasecmp(name, path))
			return true;
	}
	unzip_fault(x->z, ST_BAD_INPUT, N_("The file is damaged: its parts cannot be listed"));
	return false;
}

/* ---- XML ---------------------------------------------------------------- */

static struct sv of_xml(const xmlChar *s)
{
	return sv_from((const char *)s);
}

struct sv xml_attr(const struct xml_attrs *attrs, const char *name)
{
	bool space = !strncmp(name, "r:", 2);

	if (space)
		name += 2;
	for (int i = 0; i < attrs->n; i++) {
		const unsigned char **v = attrs->v + 5 * (ptrdiff_t)i;

		/* name, prefix, namespace, begin and end of the value */
		if (!strcmp((const char *)v[0], name) && !v[2] == !space)
			return sv_make((const char *)v[3], (size_t)(v[4] - v[3]));
	}
	return SV_NONE;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		     int nspaces, const xmlChar **spaces, int nattrs, int ndefaulted,
		     const xmlChar **attrs)
{
	struct xml_part *x = arg;
	struct xml_attrs list = { attrs, nattrs };

	(void)prefix, (void)uri, (void)nspaces, (void)spaces, (void)ndefaulted;
	if (!x->z->bad)
		x->h->start(x->arg, of_xml(name), &list);
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml_part *x = arg;

	(void)prefix, (void)uri;
	if (!x->z->bad && x->h->end)
		x->h->end(x->arg, of_xml(name));
}

static void on_text(void *arg, const xmlChar *text, int n)
{
	struct xml_part *x = arg;

	if (!x->z->bad && x->h->text)
		x->h->text(x->arg, sv_make((const char *)text, (size_t)n));
}

/* No workbook has a document type; it is where entities that grow come from. */
static void on_doctype(void *arg, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
	struct xml_part *x = arg;

	(void)name, (void)id, (void)system;
	unzip_fault(x->z, ST_BAD_INPUT, N_("The file has parts that no spreadsheet has (a document type)"));
	xmlStopParser(x->parser);
}

static void part_free(void *arg)
{
	struct xml_part *x = arg;

	if (x->parser)
		xmlFreeParserCtxt(x->parser);
	if (x->zip)
		archive_read_free(x->zip);
}

static void be_silent(void *arg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void be_silent(void *arg, const char *fmt, ...)
{
	(void)arg, (void)fmt;
}

struct xml_part *xml_open(struct unzip *z, const char *path, const struct xml_handlers *h, void *arg)
{
	struct xml_part *x;
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.warning = be_silent,
		.error = be_silent,
	};

	if (z->bad)
		return NULL;
	x = ARENA_NEW(z->arena, struct xml_part);
	*x = (struct xml_part){ .z = z, .h = h, .arg = arg };
	arena_cleanup(z->arena, part_free, x);
	if (!zip_open(x)) {
		unzip_fault(z, ST_BAD_INPUT, N_("This is not an XLSX file"));
		return NULL;
	}
	if (!zip_find(x, path))
		return NULL;
	x->parser = xmlCreatePushParserCtxt(&sax, x, NULL, 0, NULL);
	if (x->parser)
		xmlCtxtUseOptions(x->parser, XML_PARSE_NONET);
	return x->parser ? x : NULL;
}

static void count(struct unzip *z, int64_t n)
{
	z->unpacked += n;
	if (z->unpacked > z->limits->unpacked)
		unzip_fault(z, ST_TOO_LARGE, N_("The file is too large once it is unpacked"));
	else if (z->unpacked > RATIO_FROM && z->unpacked / (z->packed + 1) > z->limits->ratio)
		unzip_fault(z, ST_TOO_LARGE, N_("The file unpacks to far more than any spreadsheet does"));
}

bool xml_step(struct xml_part *x)
{
	char piece[PIECE];
	struct unzip *z = x->z;
	la_ssize_t n;

	if (z->bad || !x->zip)
		return false;
	n = archive_read_data(x->zip, piece, sizeof(piece));
	if (n < 0) {
		unzip_fault(z, ST_BAD_INPUT, N_("The file is damaged and cannot be unpacked"));
		return false;
	}
	count(z, n);
	if (z->bad)
		return false;
	if (xmlParseChunk(x->parser, piece, (int)n, n == 0))
		unzip_fault(z, ST_BAD_INPUT, N_("The file is damaged: a part of it is not well-formed XML"));
	if (n == 0) {
		part_free(x);
		x->parser = NULL;
		x->zip = NULL;
	}
	return n > 0 && !z->bad;
}

void xml_read(struct xml_part *x)
{
	while (x && xml_step(x))
		;
}

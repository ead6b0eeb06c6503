/* multipart/form-data as in RFC 7578, over the whole body in memory: values
 * and files are views into it. */
#include "http/internal.h"

#include <string.h>

#define PART_HEADERS_MAX 16
#define PART_HEAD_SIZE 8192
#define BOUNDARY_MAX 70 /* RFC 2046 */

struct parser {
	struct arena *arena;
	struct err *e;
	struct sv rest;  /* what was not read yet */
	struct sv delim; /* CRLF "--" boundary */
	struct http_pairs *fields;
	struct http_file *files;
	size_t nfields_size, nfiles, nfiles_size;
};

struct part {
	struct sv name, filename, content_type, data;
	bool plain; /* no transfer encoding that would have to be undone */
};

static enum status malformed(struct parser *p, const char *what)
{
	return err_set(p->e, p->arena, ST_BAD_INPUT, "The multipart form is malformed: %s", what);
}

/* Ends at the quote that closes it; \" and \\ stand for themselves, any other
 * backslash stays, as old browsers send C:\path\name. */
static struct sv quoted(struct arena *a, struct sv s, size_t *used)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0, i = 1;

	while (i < s.n && s.p[i] != '"') {
		if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
			i++;
		out[n++] = s.p[i++];
	}
	*used = i < s.n ? i + 1 : s.n;
	return sv_make(out, n);
}

struct sv http_header_part(struct arena *a, struct sv value, const char *name)
{
	struct sv rest = value;

	sv_cut(&rest, ';');
	while (sv_present(rest)) {
		struct sv text, key;
		ptrdiff_t eq = sv_chr(rest, '='), semi = sv_chr(rest, ';');
		size_t used = 0;

		if (eq < 0 || (semi >= 0 && semi < eq)) {
			sv_cut(&rest, ';');
			continue;
		}
		key = sv_trim(sv_make(rest.p, (size_t)eq));
		rest = sv_skip(rest, (size_t)eq + 1);
		while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t'))
			rest = sv_skip(rest, 1);
		if (rest.n && rest.p[0] == '"') {
			text = quoted(a, rest, &used);
			rest = sv_skip(rest, used);
			sv_cut(&rest, ';');
		} else {
			text = sv_trim(sv_cut(&rest, ';'));
		}
		if (sv_ieq(key, sv_from(name)))
			return text;
	}
	return SV_NONE;
}

/* Browsers write ", CR and LF in names as %22, %0D, %0A and leave % alone. */
static struct sv browser_unescape(struct arena *a, struct sv s)
{
	char *out;
	size_t n = 0;

	if (sv_chr(s, '%') < 0)
		return s;
	out = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		struct sv three = sv_make(s.p + i, i + 3 <= s.n ? 3 : 0);
		char c = sv_eq(three, SV("%22")) ? '"' :
			 sv_ieq(three, SV("%0d")) ? '\r' :
			 sv_ieq(three, SV("%0a")) ? '\n' : s.p[i];

		if (c != s.p[i])
			i += 2;
		out[n++] = c;
	}
	return sv_make(out, n);
}

/* A file's name never brings a path along. */
static struct sv base_name(struct sv s)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == '/' || s.p[i - 1] == '\\')
			return sv_skip(s, i);
	return s;
}

static enum status read_header(struct parser *p, struct part *part, struct sv line)
{
	struct sv value = line, name = sv_trim(sv_cut(&value, ':'));

	if (!sv_present(value))
		return malformed(p, "a part has a header without a colon");
	value = sv_trim(value);
	if (sv_ieq(name, SV("content-type"))) {
		part->content_type = value;
	} else if (sv_ieq(name, SV("content-transfer-encoding"))) {
		part->plain = sv_ieq(value, SV("binary")) || sv_ieq(value, SV("8bit")) ||
			      sv_ieq(value, SV("7bit"));
	} else if (sv_ieq(name, SV("content-disposition"))) {
		struct sv rest = value;

		if (!sv_ieq(sv_trim(sv_cut(&rest, ';')), SV("form-data")))
			return malformed(p, "a part is not form-data");
		part->name = http_header_part(p->arena, value, "name");
		part->filename = http_header_part(p->arena, value, "filename");
	}
	return ST_OK;
}

static enum status read_head(struct parser *p, struct part *part)
{
	for (int i = 0; i <= PART_HEADERS_MAX; i++) {
		size_t look = p->rest.n < PART_HEAD_SIZE ? p->rest.n : PART_HEAD_SIZE;
		ptrdiff_t end = sv_find(sv_make(p->rest.p, look), SV("\r\n"));
		struct sv line;

		if (end < 0)
			return malformed(p, "the headers of a part do not end");
		line = sv_make(p->rest.p, (size_t)end);
		p->rest = sv_skip(p->rest, (size_t)end + 2);
		if (!line.n)
			return ST_OK;
		if (read_header(p, part, line))
			return p->e->status;
	}
	return malformed(p, "a part has too many headers");
}

/* Leaves in rest what stands behind the next delimiter. */
static enum status read_data(struct parser *p, struct part *part)
{
	const char *end = p->rest.n ? memmem(p->rest.p, p->rest.n, p->delim.p, p->delim.n) : NULL;

	if (!end)
		return malformed(p, "it ends in the middle of a part");
	part->data = sv_make(p->rest.p, (size_t)(end - p->rest.p));
	p->rest = sv_skip(p->rest, part->data.n + p->delim.n);
	return ST_OK;
}

static void add_file(struct parser *p, const struct part *part)
{
	if (p->nfiles == p->nfiles_size) {
		size_t size = p->nfiles_size ? p->nfiles_size * 2 : 4;
		struct http_file *v = ARENA_ARRAY(p->arena, size, struct http_file);

		if (p->nfiles)
			memcpy(v, p->files, p->nfiles * sizeof(*v));
		p->files = v;
		p->nfiles_size = size;
	}
	p->files[p->nfiles++] = (struct http_file){
		.field = part->name,
		.filename = base_name(part->filename),
		.content_type = part->content_type.n ? part->content_type :
						       SV("application/octet-stream"),
		.data = part->data,
	};
}

static void add_field(struct parser *p, const struct part *part)
{
	p->fields->v = arena_more(p->arena, p->fields->v, p->fields->n, &p->nfields_size,
				  sizeof(*p->fields->v));
	p->fields->v[p->fields->n++] = (struct http_pair){ part->name, part->data };
}

static enum status take_part(struct parser *p, struct part *part)
{
	bool file = sv_present(part->filename);

	if (!sv_present(part->name))
		return malformed(p, "a part has no name");
	if (!part->plain)
		return malformed(p, "a part has a transfer encoding; send it as it is");
	if (p->fields->n + p->nfiles >= HTTP_FIELDS_MAX)
		return err_set(p->e, p->arena, ST_BAD_INPUT,
			       "More than %d fields; send fewer at once", HTTP_FIELDS_MAX);
	part->name = browser_unescape(p->arena, part->name);
	part->filename = browser_unescape(p->arena, part->filename);
	if (!sv_is_text(part->name) || !sv_is_text(part->filename) ||
	    !sv_is_text(part->content_type) || (!file && !sv_is_text(part->data)))
		return err_set(p->e, p->arena, ST_BAD_INPUT,
			       "A field is not valid UTF-8 text or contains a NUL");
	/* A file input in which nothing was chosen is sent empty. */
	if (file && (part->filename.n || part->data.n))
		add_file(p, part);
	else if (!file)
		add_field(p, part);
	return ST_OK;
}

/* Behind a delimiter: "--" ends the form, else blanks and a line end. */
static enum status after_delimiter(struct parser *p, bool *last)
{
	*last = sv_starts(p->rest, SV("--"));
	if (*last)
		return ST_OK;
	while (p->rest.n && (p->rest.p[0] == ' ' || p->rest.p[0] == '\t'))
		p->rest = sv_skip(p->rest, 1);
	if (!sv_starts(p->rest, SV("\r\n")))
		return malformed(p, "a boundary is not followed by a line end");
	p->rest = sv_skip(p->rest, 2);
	return ST_OK;
}

/* Up to and with the first delimiter, which may stand at the very start. */
static enum status skip_preamble(struct parser *p)
{
	struct sv first = sv_skip(p->delim, 2);
	struct part nothing;

	if (!sv_starts(p->rest, first))
		return read_data(p, &nothing);
	p->rest = sv_skip(p->rest, first.n);
	return ST_OK;
}

static enum status read_parts(struct parser *p)
{
	bool last = false;

	if (skip_preamble(p) || after_delimiter(p, &last))
		return p->e->status;
	while (!last) {
		struct part part = { .plain = true };

		if (read_head(p, &part) || read_data(p, &part) || take_part(p, &part) ||
		    after_delimiter(p, &last))
			return p->e->status;
	}
	return ST_OK;
}

enum status http_parse_multipart(struct arena *a, struct sv content_type, struct sv body,
				 struct http_pairs *fields, struct http_file **files,
				 size_t *nfiles, struct err *e)
{
	struct parser p = { .arena = a, .e = e, .rest = body, .fields = fields };
	struct sv boundary = http_header_part(a, content_type, "boundary");
	enum status s;

	*fields = (struct http_pairs){ 0 };
	*files = NULL;
	*nfiles = 0;
	if (!boundary.n || boundary.n > BOUNDARY_MAX || !sv_is_text(boundary))
		return malformed(&p, "the content type has no usable boundary");
	p.delim = sv_from(arena_printf(a, "\r\n--%.*s", SV_ARG(boundary)));
	s = read_parts(&p);
	*files = p.files;
	*nfiles = p.nfiles;
	return s;
}

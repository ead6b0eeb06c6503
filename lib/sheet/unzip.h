/* unzip: the parts of a file that was opened for reading, as streams of XML. */
#ifndef SHEET_UNZIP_H
#define SHEET_UNZIP_H

#include "base/tr.h"
#include "sheet/sheet.h"

/* What all parts of one file share. */
struct unzip {
	struct arena *arena;
	const struct sheet_limits *limits;
	int fd;
	int64_t packed;   /* bytes of the file */
	int64_t unpacked; /* so far, of all parts */
	enum status bad;
	const char *why; /* of the first fault */
};

/* The first fault stays. */
void unzip_fault(struct unzip *z, enum status s, const char *why);

struct xml_attrs {
	const unsigned char **v; /* as libxml2 gives them */
	int n;
};
/* The value of an attribute (local name, or "r:id" for one in a namespace);
 * SV_NONE when absent. Valid until the handler returns. */
struct sv xml_attr(const struct xml_attrs *attrs, const char *name);

/* Called while a part is read; names without their namespace's prefix. */
struct xml_handlers {
	void (*start)(void *arg, struct sv name, const struct xml_attrs *attrs);
	void (*end)(void *arg, struct sv name);
	void (*text)(void *arg, struct sv text);
};

struct xml_part;

/* NULL when the file has no such part, or z has a fault. Lives as long as the arena. */
struct xml_part *xml_open(struct unzip *z, const char *path, const struct xml_handlers *h,
			  void *arg);
/* Read some of it; false at its end or at a fault. */
bool xml_step(struct xml_part *x);
/* All of it. */
void xml_read(struct xml_part *x);

#endif

/* What a file is by its first bytes, for the types that browsers show in place. */
#include "file/file.h"

static const struct {
	const char *type;
	size_t at;
	struct sv magic;
} known[] = {
	{ "image/jpeg", 0, SV("\xff\xd8\xff") },
	{ "image/png", 0, SV("\x89PNG\r\n\x1a\n") },
	{ "image/gif", 0, SV("GIF87a") },
	{ "image/gif", 0, SV("GIF89a") },
	{ "image/webp", 8, SV("WEBP") },
	{ "audio/ogg", 0, SV("OggS") },
	{ "audio/mpeg", 0, SV("ID3") },
	{ "audio/mpeg", 0, SV("\xff\xfb") },
	{ "audio/mpeg", 0, SV("\xff\xf3") },
	{ "audio/mpeg", 0, SV("\xff\xf2") },
	{ "audio/aac", 0, SV("\xff\xf1") },
	{ "audio/aac", 0, SV("\xff\xf9") },
	{ "audio/wav", 8, SV("WAVE") },
	{ "audio/mp4", 4, SV("ftyp") },
	{ "video/mp4", 4, SV("ftyp") },
	{ "audio/webm", 0, SV("\x1a\x45\xdf\xa3") },
	{ "video/webm", 0, SV("\x1a\x45\xdf\xa3") },
	{ "application/pdf", 0, SV("%PDF-") },
};

#define KNOWN (sizeof(known) / sizeof(*known))

static bool matches(size_t i, struct sv head)
{
	return head.n >= known[i].at &&
	       sv_starts(sv_skip(head, known[i].at), known[i].magic);
}

bool file_is_type(struct sv type, struct sv head)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (sv_eq(type, sv_from(known[i].type)) && matches(i, head))
			return true;
	return false;
}

struct sv file_true_type(struct sv said, struct sv head)
{
	bool shown = false;

	for (size_t i = 0; i < KNOWN; i++) {
		if (sv_eq(said, sv_from(known[i].type)))
			shown = true;
	}
	if (!shown || file_is_type(said, head))
		return said;
	for (size_t i = 0; i < KNOWN; i++)
		if (matches(i, head) && sv_starts(sv_from(known[i].type), SV("image/")))
			return sv_from(known[i].type);
	return SV("application/octet-stream");
}

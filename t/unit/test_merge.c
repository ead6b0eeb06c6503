#include "crm/merge.h"
#include "file/file.h"
#include "t/unit/tap.h"

static struct arena *a;
static json_t *values;

static struct sv merged(const char *text, size_t *open)
{
	struct buf b = BUF_INIT;
	struct sv out;

	*open = merge_text(&b, sv_from(text), values);
	out = arena_sv(a, buf_sv(&b));
	buf_release(&b);
	return out;
}

static void variables(void)
{
	size_t open;

	is_sv(merged("Hello {{first_name}}, your order {{order_number}}", &open), SV("Hello Mia, your order 4711"),
	      "MSG-79 variables are filled");
	ok(open == 0, "MSG-79 and none is left open");
	is_sv(merged("{{ First_Name }}{{FIRST_NAME}}", &open), SV("MiaMia"), "case and spaces do not count");
	is_sv(merged("Dear {{company}}!", &open), SV("Dear {{company}}!"), "what is not known stays to be seen");
	ok(open == 1, "and is counted");
	is_sv(merged("Dear {{company|customer}}!", &open), SV("Dear customer!"), "words for when nothing is known");
	is_sv(merged("{{first_name|friend}}", &open), SV("Mia"), "which a value goes before");
	is_sv(merged("{{1}} {{}} {{a b}} {{x", &open), SV("{{1}} {{}} {{a b}} {{x"), "what is no variable of ours stays");
	is_sv(merged("{{amount}} EUR", &open), SV("12 EUR"), "numbers");
	is_sv(merged("{{evil}}", &open), SV("{{first_name}}"), "a value is not looked into again");
	is_sv(merged("", &open), SV(""), "nothing");
}

static void types(void)
{
	ok(file_is_type(SV("image/png"), SV("\x89PNG\r\n\x1a\n....")), "MSG-76 a PNG is one");
	ok(!file_is_type(SV("image/png"), SV("<svg onload=alert(1)>")), "an SVG that is called PNG is none");
	ok(!file_is_type(SV("image/svg+xml"), SV("<svg/>")), "SVG is never shown in place");
	ok(!file_is_type(SV("text/html"), SV("<html>")), "neither is HTML");
	ok(file_is_type(SV("image/webp"), SV("RIFF....WEBPVP8 ")), "WebP");
	ok(file_is_type(SV("audio/mp4"), SV("....ftypM4A ")), "M4A");
	is_sv(file_true_type(SV("image/png"), SV("\xff\xd8\xff\xe0")), SV("image/jpeg"), "a JPEG that is called PNG is stored as what it is");
	is_sv(file_true_type(SV("image/png"), SV("<script>")), SV("application/octet-stream"), "a page that is called PNG is bytes");
	is_sv(file_true_type(SV("application/zip"), SV("PK")), SV("application/zip"), "what is not shown keeps its name");
	is_sv(file_true_type(SV("image/gif"), SV("GI")), SV("application/octet-stream"), "too short is nothing");
}

int main(void)
{
	a = arena_new();
	values = json_pack("{s:s,s:s,s:i,s:s}", "first_name", "Mia", "order_number", "4711", "amount", 12,
			   "evil", "{{first_name}}");
	variables();
	types();
	json_decref(values);
	arena_free(a);
	return tap_done();
}

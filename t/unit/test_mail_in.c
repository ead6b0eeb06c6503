/* mail/read, mail/html, mail/quote, mail/mailbox: what comes from strangers. */
#include "t/unit/tap.h"

#include "base/buf.h"
#include "mail/html.h"
#include "mail/mailbox.h"
#include "mail/read.h"

#include <sys/mman.h>
#include <unistd.h>

static struct arena *a;
static struct mail_in m;
static struct err e;

/* ---- a sink that keeps everything ------------------------------------------------ */

static struct buf kept[MAIL_FILES_MAX + 1];
static size_t n_kept;

static bool begin_file(void *arg, struct mail_file *f)
{
	(void)arg;
	(void)f;
	kept[n_kept] = (struct buf)BUF_INIT;
	return true;
}

static bool take_piece(void *arg, struct mail_file *f, struct sv piece)
{
	(void)arg;
	(void)f;
	buf_add(&kept[n_kept], piece);
	return kept[n_kept].n < 1000000;
}

static bool end_file(void *arg, struct mail_file *f)
{
	(void)arg;
	f->kept = &kept[n_kept++];
	return true;
}

static struct sv content(size_t i)
{
	return buf_sv(m.files[i].kept);
}

static enum status read_sv(struct sv text)
{
	struct mail_sink sink = { begin_file, take_piece, end_file, NULL };
	int fd = memfd_create("mail", 0);
	enum status st;

	e = (struct err){ 0 };
	n_kept = 0;
	for (size_t done = 0; done < text.n;) {
		ssize_t n = write(fd, text.p + done, text.n - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	st = mail_read(fd, &sink, &m, a, &e);
	close(fd);
	return st;
}

static enum status read_text(const char *text)
{
	return read_sv(sv_from(text));
}

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

/* ---- usual mails -------------------------------------------------------------------- */

static void plain(void)
{
	ok(!read_text("From: =?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <j@x.example>\r\n"
		      "To: Shop <shop@y.example>, team: a@y.example, b@y.example;\r\n"
		      "Cc: c@z.example\r\n"
		      "Reply-To: other@x.example\r\n"
		      "Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n"
		      "Message-ID: <1@x.example>\r\n"
		      "In-Reply-To: <kontor.0123456789abcdef0123456789abcdef.77@y.example>\r\n"
		      "References: <0@y.example>\r\n <kontor.0123456789abcdef0123456789abcdef.77@y.example>\r\n"
		      "Date: Mon, 3 Feb 2025 10:15:00 +0100\r\n"
		      "Content-Type: text/plain; charset=iso-8859-1\r\n"
		      "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		      "Sch=F6n.\r\n\r\nOn Mon, 3 Feb 2025, Shop <shop@y.example> wrote:\r\n> Hello\r\n"),
	   "a mail is read");
	is_sv(m.from.name, SV("Jürgen Groß"), "CHA-106 the sender's name is decoded");
	is_sv(m.from.email, SV("j@x.example"), "his address");
	is_sv(m.subject, SV("Grüße"), "the subject, from another character set");
	is_int((int)m.n_to, 3, "recipients, those of a group too");
	is_sv(m.cc[0].email, SV("c@z.example"), "MSG-62 who has a copy");
	is_sv(m.reply_to.email, SV("other@x.example"), "where answers go");
	is_sv(m.message_id, SV("1@x.example"), "its id");
	is_sv(m.in_reply_to, SV("kontor.0123456789abcdef0123456789abcdef.77@y.example"), "MSG-66 what it answers");
	is_int((int)m.n_references, 2, "and what that answered");
	is_int(m.date_ms, 1738574100000, "its date");
	is_sv(m.text, SV("Schön."), "what was written now");
	ok(has(m.quoted, "> Hello") && has(m.quoted, "wrote:"), "what it quotes stands apart");
	ok(!m.automatic && !m.cut && !m.n_files && !m.html.n, "and nothing else");
	is_sv(mail_token_of(m.in_reply_to), SV("0123456789abcdef0123456789abcdef"), "MSG-66 the token of the thread in the id that it answers");
}

static void parts(void)
{
	ok(!read_text("From: a@x.example\nTo: b@y.example\nSubject: Files\n"
		      "Content-Type: multipart/mixed; boundary=o\n\n"
		      "--o\nContent-Type: multipart/related; boundary=r\n\n"
		      "--r\nContent-Type: multipart/alternative; boundary=i\n\n"
		      "--i\nContent-Type: text/plain\n\nThe text\n"
		      "--i\nContent-Type: text/html; charset=utf-8\n\n<p>The <b>text</b> <img src=cid:logo@x></p>\n--i--\n"
		      "--r\nContent-Type: image/png\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--r--\n"
		      "--o\nContent-Type: application/pdf; name=\"../../etc/offer.pdf\"\n"
		      "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n"
		      "--o\nContent-Type: message/rfc822\n\nSubject: Inner\nFrom: i@x.example\n\nInner text\n"
		      "--o--\n"),
	   "a mail of many parts");
	is_sv(m.text, SV("The text"), "the text is the plain one");
	ok(has(m.html, "<b>text</b>"), "the HTML beside it");
	is_int((int)m.n_files, 3, "MSG-13 three files");
	ok(m.files[0].is_inline, "the picture that the HTML shows");
	is_sv(m.files[0].content_id, SV("logo@x"), "by its name there");
	is_sv(m.files[1].name, SV("offer.pdf"), "a file's name has no path");
	is_sv(content(1), SV("%PDF-1.4\n"), "its content is decoded");
	is_sv(m.files[2].name, SV("Inner.eml"), "a mail within the mail is a file");
	ok(has(content(2), "Inner text"), "whole");
}

static void html_only(void)
{
	ok(!read_text("From: a@x.example\nSubject: Letter\nContent-Type: text/html; charset=utf-8\n\n"
		      "<html><head><style>p{color:red}</style><title>T</title></head><body><p>Dear&nbsp;all,</p>"
		      "<ul><li>one<li>two</ul><script>alert(1)</script>"
		      "<blockquote><p>Earlier</p></blockquote></body></html>\n"),
	   "a mail with HTML alone");
	ok(has(m.text, "- one\n- two"), "its words are text");
	ok(!has(m.text, "alert") && !has(m.text, "color") && !has(m.text, "T\n"), "without script and style");
	ok(has(m.quoted, "> Earlier") || has(m.text, "> Earlier"), "a quotation is marked");
}

static void automatic(void)
{
	static const char *const signs[] = { "Auto-Submitted: auto-replied", "Precedence: bulk",
					     "X-Auto-Response-Suppress: All", "List-Id: <l.x>",
					     "Return-Path: <>" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		read_text(arena_printf(a, "From: a@x.example\n%s\n\nI am away\n", signs[i]));
		ok(m.automatic, "a program wrote it: %s", signs[i]);
	}
	read_text("From: a@x.example\nAuto-Submitted: no\n\nI am here\n");
	ok(!m.automatic, "Auto-Submitted: no is a person");
	read_text("From: no-reply@x.example\n\nOrder\n");
	ok(m.automatic, "nobody reads at no-reply");
}

static void report(void)
{
	ok(!read_text("From: MAILER-DAEMON@y.example\nTo: shop@y.example\nSubject: Undelivered\n"
		      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
		      "--b\n\nSorry.\n"
		      "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.y.example\n\n"
		      "Final-Recipient: rfc822; gone@x.example\nAction: failed\nStatus: 5.1.1\n"
		      "Diagnostic-Code: smtp; 550 5.1.1\n No such user\n"
		      "--b\nContent-Type: text/rfc822-headers\n\nSubject: Offer\nMessage-ID:\n <kontor.x@y.example>\n"
		      "--b--\n"),
	   "a delivery report");
	ok(m.report.is_report && m.automatic, "is known as one");
	is_sv(m.report.action, SV("failed"), "what happened");
	is_sv(m.report.code, SV("5.1.1"), "the code");
	ok(has(m.report.reason, "550 5.1.1"), "the reason");
	is_sv(m.report.recipient, SV("gone@x.example"), "to whom");
	is_sv(m.report.message_id, SV("kontor.x@y.example"), "about which mail");
	ok(!m.text.n || has(m.text, "Sorry"), "its words are for people");
}

/* ---- hostile mails ---------------------------------------------------------------------- */

static void ten_thousand_parts(void)
{
	struct buf b = BUF_INIT;

	buf_lit(&b, "From: a@x.example\nSubject: Many\nContent-Type: multipart/mixed; boundary=o\n\n");
	for (int i = 0; i < 10000; i++)
		buf_addf(&b, "--o\nContent-Type: application/x-%d\nContent-Disposition: attachment\n\n%d\n", i, i);
	buf_lit(&b, "--o--\n");
	ok(!read_sv(buf_sv(&b)), "a mail of 10,000 parts is read");
	is_int((int)m.n_files, MAIL_FILES_MAX, "as many files as are kept");
	ok(m.cut, "and it says that something was left out");
	buf_release(&b);
}

static void nested(void)
{
	struct buf b = BUF_INIT;

	buf_lit(&b, "From: a@x.example\nSubject: Deep\n");
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	buf_lit(&b, "\nbottom\n");
	ok(!read_sv(buf_sv(&b)), "a mail that is nested 20,000 times is read");
	is_sv(m.subject, SV("Deep"), "its header alone");
	ok(m.cut && !m.n_files && !m.text.n, "and it says so");
	buf_clear(&b);
	for (int i = 0; i < 20000; i++)
		buf_lit(&b, "Content-Type: message/rfc822\n\n");
	ok(!read_sv(buf_sv(&b)) && m.cut, "mails within mails without end, too");
	buf_release(&b);
}

static void garbage(void)
{
	struct buf b = BUF_INIT;

	ok(!read_sv(sv_make("From: a@x.example\nSubject: \xff\xfe\x80 odd\n\nbytes \xe4\xf6 and \0 nothing\n", 63)), "bytes that are no text");
	ok(sv_is_text(m.subject) && sv_is_text(m.text), "become text");
	ok(has(m.text, "bytes äö"), "as Windows' Latin");
	read_text("");
	ok(1, "nothing at all ends nothing");
	read_text("\n\n\n");
	ok(!m.from.email.n, "a mail without a header has no sender");
	buf_lit(&b, "From: a@x.example\nSubject: ");
	for (int i = 0; i < 200000; i++)
		buf_lit(&b, "long ");
	buf_lit(&b, "\nTo: ");
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "p%d@x.example, ", i);
	buf_lit(&b, "\n\nHi\n");
	ok(!read_sv(buf_sv(&b)), "a header of a megabyte");
	ok(m.subject.n <= 900 && m.n_to <= MAIL_PEOPLE_MAX, "is cut");
	buf_release(&b);
	read_text("From: a@x.example\nSubject: x\r\n\tBcc: evil@x.example\n\nHi\n");
	ok(!has(m.subject, "\n"), "a subject is one line");
	read_text("From: a@x.example\nContent-Type: text/x; name=\"a\r\nb\"; charset=\"no-such-charset\"\n\nHi\n");
	ok(m.n_files == 1 && !has(m.files[0].name, "\n"), "so is a file's name");
	read_text("From: a@x.example\nContent-Type: text/plain; charset=no-such-charset\n\nStill here\n");
	is_sv(m.text, SV("Still here"), "an unknown character set is no obstacle");
}

/* ---- HTML ---------------------------------------------------------------------------------- */

static struct sv picture(void *arg, struct sv cid)
{
	(void)arg;
	return sv_eq(cid, SV("logo@x")) ? SV("/files/1") : SV_NONE;
}

static struct sv cleaned(const char *html, bool images, bool *remote)
{
	struct mail_html o = { .images = images, .inline_url = picture };
	struct buf *out = buf_in_arena(a);

	mail_html_clean(sv_from(html), &o, out);
	if (remote)
		*remote = o.remote;
	return buf_sv(out);
}

static void clean_html(void)
{
	static const char *const evil[] = {
		"<script>alert(1)</script>",
		"<img src=x onerror=alert(1)>",
		"<svg onload=alert(1)><script>alert(1)</script></svg>",
		"<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
		"<a href=\"javascript:alert(1)\">x</a>",
		"<a href=\" jav\tascript:alert(1)\">x</a>",
		"<a href=\"data:text/html,alert(1)\">x</a>",
		"<iframe srcdoc=\"alert(1)\"></iframe>",
		"<object data=alert(1)></object><embed src=alert(1)>",
		"<math><mi xlink:href=\"data:x,alert(1)\"></mi></math>",
		"<form action=//alert(1)><input name=alert(1)><button>alert(1)</button></form>",
		"<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
		"<base href=\"//alert(1)/\">",
		"<link rel=stylesheet href=alert(1).css>",
		"<style>@import 'alert(1)';</style>",
		"<div style=\"background:url(javascript:alert(1))\">x</div>",
		"<div style=\"width:expression(alert(1))\">x</div>",
		"<div style=\"width:ex/**/pression(alert(1))\">x</div>",
		"<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
		"<template><script>alert(1)</script></template>",
		"<!--><img src=x onerror=alert(1)>-->",
		"<xmp><script>alert(1)</script></xmp>",
		"<table background=\"javascript:alert(1)\"><tr><td>x</table>",
		"<video src=alert(1) onerror=alert(1)></video>",
		"<img src=\"data:image/svg+xml;base64,alert(1)\">",
		"<input type=image src=alert(1) formaction=alert(1)>",
	};

	for (size_t i = 0; i < sizeof(evil) / sizeof(*evil); i++) {
		struct sv out = cleaned(evil[i], true, NULL);

		if (!ok(!has(out, "alert") || (!has(out, "<img") && !has(out, "=") && !has(out, "<script")),
			"harmless: %s", evil[i]))
			printf("#   %.*s\n", SV_ARG(out));
	}
}

static void kept_html(void)
{
	bool remote;
	struct sv out = cleaned("<p align=center style=\"color: red; position:fixed; margin:0 1px\" class=x id=y onclick=z>"
				"A &lt;b&gt; <b>bold</b></p>", false, &remote);

	ok(has(out, "<p align=\"center\" style=\"color:red;margin:0 1px;\">A &lt;b&gt; <b>bold</b></p>"),
	   "what dresses the text stays, what reaches further goes");
	ok(!remote, "no pictures of others");
	out = cleaned("<a href=\"https://x.example/?a=1&amp;b=2\">x</a><a href=mailto:a@x.example>y</a>", false, NULL);
	ok(has(out, "href=\"https://x.example/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer nofollow\""),
	   "links open a new window that does not know where it comes from");
	out = cleaned("<img src=\"https://t.example/p.gif\" alt=p width=1><img src=\"cid:logo@x\"><img src=cid:other>", false, &remote);
	ok(remote && !has(out, "t.example"), "a picture of another server is not loaded");
	if (!ok(has(out, "<img src=\"/files/1\">"), "one of the mail itself is"))
		printf("# %.*s\n", SV_ARG(out));
	out = cleaned("<img src=\"https://t.example/p.gif\">", true, &remote);
	ok(remote && has(out, "src=\"https://t.example/p.gif\""), "and the other one on demand");
	out = cleaned("<p>unclosed <i>tags <b>everywhere", false, NULL);
	ok(has(out, "</b></i></p>"), "what is open is closed");
	out = cleaned("\"'<>&", false, NULL);
	ok(!has(out, "'") && !has(out, "\""), "text is escaped");
}

static void deep_html(void)
{
	struct buf b = BUF_INIT;
	struct mail_html o = { 0 };
	struct buf out = BUF_INIT;

	for (int i = 0; i < 50000; i++)
		buf_lit(&b, "<div>");
	buf_lit(&b, "bottom");
	mail_html_clean(buf_sv(&b), &o, &out);
	ok(out.n < 10000, "HTML that is nested without end is cut");
	ok(mail_html_text(buf_sv(&b), 1000, a).n < 1000, "its text, too");
	buf_release(&b);
	buf_release(&out);
}

/* ---- quotations and tokens ------------------------------------------------------------------ */

static void quotes(void)
{
	static const struct {
		const char *text, *fresh;
	} rows[] = {
		{ "Yes.\n\nOn 3 Feb, Ann wrote:\n> Well?", "Yes." },
		{ "Ja.\n\nAm 3.2.2025 schrieb Ann:\n> Nun?", "Ja." },
		{ "Oui.\nLe lun. 3 févr. 2025, Ann a écrit :\n> Alors ?", "Oui." },
		{ "نعم\n\nفي الاثنين، كتب:\n> هل", "نعم" },
		{ "Yes.\n\n-----Original Message-----\nFrom: Ann", "Yes." },
		{ "Yes.\n\nFrom: Ann\nSent: Monday\nTo: Bob\n\nWell?", "Yes." },
		{ "Yes.\n\nOn Mon, 3 Feb 2025 at 10:15, Ann Example\n<ann@x.example> wrote:\n\n> Well?", "Yes." },
		{ "Yes.\n> Well?\n> Now?", "Yes." },
		{ "> Well?\nYes, between the lines.", "> Well?\nYes, between the lines." },
		{ "No quotation: at all", "No quotation: at all" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sv fresh, quoted;

		mail_cut_quote(sv_from(rows[i].text), &fresh, &quoted);
		is_sv(fresh, sv_from(rows[i].fresh), "what is new is found");
	}
	is_sv(mail_token_of(SV("shop+k.0123456789abcdef0123456789abcdef@y.example")),
	      SV("0123456789abcdef0123456789abcdef"), "a token in an address with a plus");
	ok(!mail_token_of(SV("kontor.0123@y.example")).n && !mail_token_of(SV("a@x.example")).n, "others have none");
}

/* ---- mailboxes ------------------------------------------------------------------------------- */

static void mailboxes(void)
{
	struct mailbox box = { .url = SV("imaps://imap.x.example/"), .folder = SV("Kunden \"A\""), .user = SV("u") };
	struct mailbox pop = { .url = SV("pop3s://pop.x.example"), .user = SV("u") };
	struct mailbox_mail *v;
	struct net_request r;
	int64_t validity, next;

	ok(!mailbox_ask(&box, MAILBOX_STATUS, 0, &r, a, &e), "a question to IMAP");
	is_sv(r.mailbox->command, SV("STATUS \"Kunden%20%5C%22A%5C%22\" (UIDVALIDITY UIDNEXT)"), "the folder's name is quoted");
	ok(r.mailbox->tls == NET_TLS_REQUIRED, "with TLS");
	ok(!mailbox_ask(&box, MAILBOX_FETCH, 7, &r, a, &e) && sv_ends(r.url, SV("/;UID=7")), "a mail by its UID");
	ok(!mailbox_ask(&pop, MAILBOX_FETCH, 7, &r, a, &e) && sv_ends(r.url, SV("/7")), "POP3 by its number");
	pop.url = SV("https://x.example");
	ok(mailbox_ask(&pop, MAILBOX_LIST, 0, &r, a, &e) == ST_BAD_INPUT, "what is no mailbox is refused");
	ok(mailbox_read_status(SV("* STATUS INBOX (UIDVALIDITY 17 UIDNEXT 8)\r\n"), &validity, &next) &&
	   validity == 17 && next == 8, "its numbers");
	ok(!mailbox_read_status(SV("* BYE\r\n"), &validity, &next), "an answer without them is none");
	is_int((int)mailbox_read_list(&box, SV("* 3 FETCH (UID 9 FLAGS (\\Seen) RFC822.SIZE 5 INTERNALDATE \" 3-Feb-2025 10:15:00 +0100\")\r\n"
						"* 5 EXISTS\r\n"
						"* 1 FETCH (FLAGS () UID 7 RFC822.SIZE 4 INTERNALDATE \"03-Feb-2025 09:15:00 +0000\")\r\n"
						"* 2 FETCH (UID 5 FLAGS ())\r\n"), 7, &v, a), 2, "the list from a UID on");
	ok(v[0].uid == 7 && !v[0].seen && v[0].size == 4 && v[0].at_ms == 1738574100000, "in order, unread");
	ok(v[1].uid == 9 && v[1].seen && v[1].at_ms == 1738574100000, "and read");
	pop.url = SV("pop3://x.example");
	is_int((int)mailbox_read_list(&pop, SV("1 abc\r\n2 d.e-f\r\nnonsense\r\n"), 0, &v, a), 2, "a list of POP3");
	is_sv(v[1].name, SV("d.e-f"), "with the server's names");
}

int main(void)
{
	a = arena_new();
	plain();
	parts();
	html_only();
	automatic();
	report();
	ten_thousand_parts();
	nested();
	garbage();
	clean_html();
	kept_html();
	deep_html();
	quotes();
	mailboxes();
	arena_free(a);
	return tap_done();
}

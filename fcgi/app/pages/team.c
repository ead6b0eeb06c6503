/*
 * /settings/team: the members, and who is invited (AUTH-81..91). One member:
 * team_member.c, team_hours.c.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#define INVITE_MAX 20
#define LIFETIME "7 days" /* AUTH-88, open points */

static int add_members(struct db_batch *b)
{
	return db_add(b,
		"select m.user_id as id, internal.person(m.first_name, m.last_name, m.email) as name, m.email,"
		" internal.initials(m.first_name, m.last_name, m.email) as initials, internal.role_name(m.role) as role,"
		" m.role = 'OWNER' as is_owner, m.permission_set, m.is_active, m.is_online, m.is_available,"
		" array_to_string(m.teams, ', ') as teams, m.user_id = auth.uid() as is_me,"
		" internal.shown_time(m.last_seen_at, (select internal.my_zone())) as seen"
		" from public.list_members() m order by m.is_active desc, 2");
}

static int add_numbers(struct db_batch *b)
{
	return db_add(b,
		"select s ->> 'total_members' as total, s ->> 'active_members' as active, s ->> 'pending_invitations' as pending,"
		" v #>> '{usage,team_members,used}' as used, v #>> '{usage,team_members,total}' as most,"
		" (select json_agg(json_build_object('name', internal.role_name(r.key), 'n', r.value) order by r.value::int desc)"
		"	from jsonb_each_text(s -> 'roles') r) as roles,"
		" (select json_agg(json_build_object('label', f.label, 'n', s -> 'permissions' -> f.key) order by f.position)"
		"	from internal.permission_flags f) as permissions"
		" from public.team_statistics() s, public.subscription_overview() v");
}

/* Their links are sealed; whoever may manage the team may copy them. */
static void set_pending(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
			int rows)
{
	static const char *const columns[] = { "id", "email", "role", "expires" };
	struct tmpl_value *list = tmpl_set_list(page, "pending");
	struct sv invited = http_query(rq, "invited");

	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *row = tmpl_push_map(list);
		struct sv token = crypto_open(rq->arena, SV("invitation"), db_named(b, rows, i, "token"));

		for (size_t c = 0; c < sizeof(columns) / sizeof(*columns); c++)
			tmpl_set_text(row, columns[c], db_named(b, rows, i, columns[c]));
		tmpl_set_bool(row, "is_expired", is_true(db_named(b, rows, i, "is_expired")));
		tmpl_set_text(row, "url", sv_from(arena_printf(rq->arena, "%s/invitation/%.*s",
							       conf_str(CONF_base_url), SV_ARG(token))));
		if (invited.n && sv_eq(invited, db_named(b, rows, i, "id")))
			tmpl_set(page, "invited", row);
	}
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int members, numbers, pending, sets;

	web_me(rq, b);
	members = add_members(b);
	numbers = add_numbers(b);
	pending = db_add(b, "select i.id, i.email, internal.role_name(i.role) as role, i.is_expired, i.token,"
			    " internal.shown_time(i.expires_at, (select internal.my_zone())) as expires"
			    " from app.pending_invitations() i");
	sets = db_add(b, "select s.id, s.name, internal.role_name(s.role) as role from permission_sets s order by s.name");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "members", b, members);
	web_set_row(page, "numbers", b, numbers, 0);
	web_set_rows(page, "sets", b, sets);
	tmpl_set_bool(page, "any_pending", db_rows(b, pending) > 0);
	set_pending(rq, page, b, pending);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/team", page, e);
}

enum status team_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* ---- inviting ------------------------------------------------------------------ */

/* The addresses of the field, one per line or separated by commas. */
static size_t read_addresses(struct form *f, struct sv out[INVITE_MAX])
{
	struct sv text = form_text(f, "emails");
	char *plain = arena_dup(f->rq->arena, text);
	struct sv rest = sv_make(plain, text.n);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (plain[i] == '\n' || plain[i] == '\r' || plain[i] == ';' || plain[i] == ' ')
			plain[i] = ',';
	while (sv_present(rest)) {
		struct sv one = sv_trim(sv_cut(&rest, ','));

		if (!one.n)
			continue;
		if (n == INVITE_MAX) {
			form_error(f, "emails", SV("At most 20 at once"));
			break;
		}
		out[n++] = one;
	}
	if (!n)
		form_error(f, "emails", SV("Write an e-mail address"));
	return n;
}

struct wish {
	struct sv organization, inviter, role, set;
};

static enum status names(struct http_request *rq, struct wish *w, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int row;

	db_add(b, "select internal.must('can_manage_team')");
	row = db_add(b, "select organization, inviter from app.inviter()");
	if (db_run(b, e))
		return e->status;
	w->organization = db_first(b, row, "organization");
	w->inviter = db_first(b, row, "inviter");
	return ST_OK;
}

/* The statement that stores one invitation and sends its mail (AUTH-86). */
static enum status invite_add(struct http_request *rq, struct db_batch *b, const struct wish *w,
			      struct sv email, int *row, struct err *e)
{
	struct invitation in = { .email = email, .organization = w->organization,
				 .inviter = w->inviter };
	struct sv payload;

	if (invitation_letter(&in, web_templates(rq), rq->arena, &payload, e))
		return e->status;
	*row = db_add(b, "select id from app.invite($1, $2, $3::uuid, $4, $5, $6, $7, interval '" LIFETIME "')",
		      DB_S(email), DB_S(w->role), DB_OPT(w->set),
		      DB_S(crypto_token_hash(rq->arena, in.token)),
		      DB_S(crypto_token_hash(rq->arena, in.proof)),
		      DB_S(crypto_seal(rq->arena, SV("invitation"), in.token)), DB_S(payload));
	return ST_OK;
}

static enum status invited(struct http_request *rq, struct http_response *rs, struct sv id)
{
	return redirect_to(rq, rs, "/settings/team?done=invited&invited=", id, "");
}

enum status team_invite(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv emails[INVITE_MAX];
	struct wish w = { 0 };
	struct db_batch *b;
	struct form f;
	size_t n;
	int row = 0;

	form_init(&f, rq);
	n = read_addresses(&f, emails);
	w.role = form_required(&f, "role", "Choose a role");
	w.set = form_id(&f, "permission_set_id");
	if (f.wrong)
		return show(rq, rs, &f, e);
	if (names(rq, &w, e))
		return e->status;
	b = web_batch(rq);
	for (size_t i = 0; i < n; i++)
		if (invite_add(rq, b, &w, emails[i], &row, e))
			return e->status;
	if (db_run(b, e)) {
		if (sv_eq(e->field, SV("email")))
			e->field = SV("emails");
		if (e->status == ST_FORBIDDEN) { /* the plan's limit, an administrator's role */
			form_error(&f, "form", err_message(e));
			return show(rq, rs, &f, e);
		}
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return invited(rq, rs, db_first(b, row, "id"));
}

/* AUTH-87, AUTH-88: the mail once more, with a fresh link. */
enum status team_invitation_resend(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct wish w = { 0 };
	struct sv id, email;
	int row;

	if (path_id(rq, "invitation", &id, e))
		return e->status;
	row = db_add(b, "select i.email, i.role, i.permission_set_id, n.organization, n.inviter"
			" from invitations i, app.inviter() n where i.id = $1::uuid and i.state = 'pending'",
		     DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such open invitation");
	email = db_first(b, row, "email");
	w = (struct wish){ .organization = db_first(b, row, "organization"),
			   .inviter = db_first(b, row, "inviter"),
			   .role = db_first(b, row, "role"),
			   .set = db_first(b, row, "permission_set_id") };
	b = web_batch(rq);
	if (invite_add(rq, b, &w, email, &row, e) || db_run(b, e))
		return e->status;
	return invited(rq, rs, id);
}

enum status team_invitation_cancel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "invitation", &id, e))
		return e->status;
	db_add(b, "select public.cancel_invitation($1::uuid)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/team?done=invitation_cancelled"));
}

/* Forms: read, checked, shown again. */
#include "fcgi/app/crm.h"

#include "base/uuid.h"

void form_init(struct form *f, struct http_request *rq)
{
	*f = (struct form){ .rq = rq, .values = tmpl_map(rq->arena), .errors = tmpl_map(rq->arena) };
}

void form_error(struct form *f, const char *field, struct sv message)
{
	tmpl_set_text(f->errors, field, web_tr(f->rq->arena, message));
	f->wrong++;
}

struct sv form_text(struct form *f, const char *name)
{
	struct sv value = sv_trim(http_form(f->rq, name));

	tmpl_set_text(f->values, name, value);
	return value;
}

struct sv form_required(struct form *f, const char *name, const char *message)
{
	struct sv value = form_text(f, name);

	if (!value.n)
		form_error(f, name, sv_from(message));
	return value;
}

struct sv form_id(struct form *f, const char *name)
{
	struct sv value = form_text(f, name);

	return uuid_valid(value) ? value : SV_NONE;
}

/* "12 500,50" is what many people type for 12500.50. */
struct sv form_plain_number(struct arena *a, struct sv typed)
{
	char *out = arena_alloc(a, typed.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++)
		if (typed.p[i] != ' ' && typed.p[i] != '_')
			out[n++] = typed.p[i] == ',' ? '.' : typed.p[i];
	return sv_make(out, n);
}

bool form_is_money(struct sv s)
{
	ptrdiff_t point = sv_chr(s, '.');
	size_t decimals = point < 0 ? 0 : s.n - (size_t)point - 1;

	if (!s.n || s.n > 17 || decimals > 2 || point == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && (ptrdiff_t)i != point)
			return false;
	return s.n - decimals <= 14;
}

struct sv form_money(struct form *f, const char *name)
{
	struct sv value = form_plain_number(f->rq->arena, form_text(f, name));

	if (value.n && !form_is_money(value))
		form_error(f, name, sv_from(tr("Write a number such as 1250 or 1250.50")));
	return value;
}

static bool is_date(struct sv s)
{
	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (i != 4 && i != 7 && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return true;
}

static bool is_below(const char *two, int end)
{
	return two[0] >= '0' && two[0] <= '9' && two[1] >= '0' && two[1] <= '9' &&
	       (two[0] - '0') * 10 + two[1] - '0' < end;
}

bool form_is_time(struct sv s)
{
	return s.n == 16 && is_date(sv_make(s.p, 10)) && is_below(s.p + 5, 13) && is_below(s.p + 8, 32) &&
	       s.p[10] == 'T' && is_below(s.p + 11, 24) && s.p[13] == ':' && is_below(s.p + 14, 60);
}

struct sv form_date(struct form *f, const char *name)
{
	struct sv value = form_text(f, name);

	if (value.n && !is_date(value))
		form_error(f, name, sv_from(tr("Write a date such as 2027-03-31")));
	return value;
}

/* ---- lists of texts ---------------------------------------------------------- */

static void add_to_array(struct buf *json, struct sv value)
{
	buf_addc(json, json->n ? ',' : '[');
	buf_json(json, value);
}

static struct sv array_of(struct arena *a, struct buf *json)
{
	if (!json->n)
		return SV("[]");
	buf_addc(json, ']');
	return arena_sv(a, buf_sv(json));
}

struct sv form_lines(struct form *f, const char *name)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct tmpl_value *shown = tmpl_set_list(f->values, name);
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv value = sv_trim(all->v[i].value);

		if (!sv_eq(all->v[i].name, sv_from(name)) || !value.n)
			continue;
		tmpl_push(shown, tmpl_text(f->rq->arena, value));
		add_to_array(&json, value);
	}
	return array_of(f->rq->arena, &json);
}

struct sv form_words(struct form *f, const char *name)
{
	struct sv rest = http_form(f->rq, name);
	struct tmpl_value *shown = tmpl_set_list(f->values, name);
	buf_auto struct buf json = BUF_INIT;

	while (sv_present(rest)) {
		struct sv word = sv_trim(sv_cut(&rest, ','));

		if (!word.n)
			continue;
		if (word.n > 50 * 4)
			form_error(f, name, sv_from(tr("A tag has at most 50 characters")));
		tmpl_push(shown, tmpl_text(f->rq->arena, word));
		add_to_array(&json, word);
	}
	return array_of(f->rq->arena, &json);
}

/* ---- custom fields -------------------------------------------------------------- */

static bool is_key(struct sv s)
{
	if (!s.n || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_'))
			return false;
	}
	return true;
}

/* A label as a key: "Customer since" is Customer_since (CON-54), and reads as
 * it was typed wherever it is shown. */
static struct sv as_key(struct arena *a, struct sv label)
{
	char *out = arena_dup(a, label);

	for (size_t i = 0; i < label.n; i++)
		if (out[i] == ' ' || out[i] == '-')
			out[i] = '_';
	return sv_make(out, label.n);
}

/* One value under construction: inputs of the same field follow each other. */
struct custom {
	struct buf json;
	struct sv key;    /* of the field being read; absent between fields */
	struct buf value; /* its text, or the elements of its list */
	bool list;
};

static void custom_flush(struct custom *c)
{
	if (!sv_present(c->key))
		return;
	buf_addc(&c->json, c->json.n ? ',' : '{');
	buf_json(&c->json, c->key);
	buf_addc(&c->json, ':');
	if (c->list) {
		buf_addc(&c->json, '[');
		buf_add(&c->json, buf_sv(&c->value));
		buf_addc(&c->json, ']');
	} else {
		buf_json(&c->json, buf_sv(&c->value));
	}
	c->key = SV_NONE;
	c->value.n = 0;
}

static void custom_begin(struct custom *c, struct sv key, bool list)
{
	if (sv_present(c->key) && sv_eq(c->key, key) && c->list == list)
		return;
	custom_flush(c);
	c->key = key;
	c->list = list;
}

/* Inputs of defined fields: cf.KEY; cfm.KEY for each chosen one of several;
 * cfc.KEY is the currency behind an amount. False: it is another input. */
static bool read_defined(struct custom *c, struct sv name, struct sv value)
{
	if (sv_starts(name, SV("cf."))) {
		custom_begin(c, sv_skip(name, 3), false);
		c->value.n = 0;
		buf_add(&c->value, value);
	} else if (sv_starts(name, SV("cfm."))) {
		custom_begin(c, sv_skip(name, 4), true);
		if (value.n) {
			if (c->value.n)
				buf_addc(&c->value, ',');
			buf_json(&c->value, value);
		}
	} else if (sv_starts(name, SV("cfc."))) {
		if (value.n && c->value.n) {
			buf_addc(&c->value, ' ');
			buf_add(&c->value, value);
		}
	} else {
		return false;
	}
	return true;
}

static void read_free(struct form *f, struct custom *c, struct sv label, struct sv value)
{
	struct sv key = as_key(f->rq->arena, label);

	if (!is_key(key))
		form_error(f, "custom_fields",
			   sv_from(tr("A field's name has letters, digits and underscores, at most 64")));
	custom_begin(c, key, false);
	buf_add(&c->value, value);
	custom_flush(c);
}

/* Keys and values of the others come in turn, as the rows of the form stand. */
struct sv form_custom(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct custom c = { .json = BUF_INIT, .value = BUF_INIT };
	struct sv key = SV_NONE;

	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name, value = sv_trim(all->v[i].value);

		if (sv_eq(name, SV("custom_key")))
			key = value;
		else if (sv_eq(name, SV("custom_value")) && key.n)
			read_free(f, &c, key, value);
		else if (!read_defined(&c, name, value))
			custom_flush(&c);
	}
	custom_flush(&c);
	f->custom = SV("{}");
	if (c.json.n) {
		buf_addc(&c.json, '}');
		f->custom = arena_sv(f->rq->arena, buf_sv(&c.json));
	}
	buf_release(&c.json);
	buf_release(&c.value);
	return f->custom;
}

int custom_add(struct db_batch *b, const char *entity, const char *values_sql, struct sv id,
	       const struct form *f)
{
	return db_add(b, values_sql, DB_C(entity), DB_S(f ? f->custom : SV_NONE), DB_OPT(id));
}

/* ---- what the database refused ----------------------------------------------------- */

/* Constraints whose name does not say enough. */
static const struct {
	const char *constraint, *field, *message;
} refusals[] = {
	{ "contacts_first_name_check", "first_name", N_("At most 100 characters") },
	{ "contacts_last_name_check", "last_name", N_("At most 100 characters") },
	{ "contacts_source_check", "source", N_("At most 50 characters") },
	{ "contacts_description_check", "description", N_("At most 5,000 characters") },
	{ "contacts_tags_check", "tags", N_("A tag has at most 50 characters") },
	{ "contacts_custom_fields_check", "custom_fields", N_("Too much: 32 KB at most") },
	{ "contacts_company_id_fkey", "company", N_("This company does not exist any more") },
	{ "contacts_assignee_id_fkey", "assignee_id", N_("This person is not in the team any more") },
	{ "companies_name_check", "name", N_("1 to 200 characters") },
	{ "companies_description_check", "description", N_("At most 5,000 characters") },
	{ "companies_tags_check", "tags", N_("A tag has at most 50 characters") },
	{ "companies_custom_fields_check", "custom_fields", N_("Too much: 32 KB at most") },
	{ "deals_title_check", "title", N_("1 to 200 characters") },
	{ "deals_description_check", "description", N_("At most 5,000 characters") },
	{ "deals_source_check", "source", N_("At most 50 characters") },
	{ "deals_currency_check", "currency", N_("Three capital letters, such as EUR") },
	{ "deals_probability_check", "probability", N_("0 to 100") },
	{ "deals_tags_check", "tags", N_("A tag has at most 50 characters") },
	{ "deals_custom_fields_check", "custom_fields", N_("Too much: 32 KB at most") },
	{ "deals_contact_id_fkey", "contact", N_("This contact does not exist any more") },
	{ "deals_company_id_fkey", "company", N_("This company does not exist any more") },
	{ "deals_owner_id_fkey", "owner_id", N_("This person is not in the team any more") },
	{ "deals_pipeline_id_fkey", "stage", N_("This pipeline does not exist any more") },
	{ "bookings_title_check", "title", N_("1 to 200 characters") },
	{ "bookings_check", "end", N_("The end comes after the start") },
	{ "bookings_contact_id_fkey", "contact", N_("This contact does not exist any more") },
	{ "bookings_profile_id_fkey", "profile_id", N_("This person is not in the team any more") },
	{ "event_types_title_check", "title", N_("1 to 200 characters") },
	{ "event_types_slug_key", "slug", N_("You have an event type with this link already") },
	{ "event_types_description_check", "description", N_("At most 5,000 characters") },
	{ "event_types_location_details_check", "location_details", N_("At most 500 characters") },
	{ "event_types_confirmation_message_check", "confirmation_message", N_("At most 2,000 characters") },
	{ "event_types_cancellation_message_check", "cancellation_message", N_("At most 2,000 characters") },
	{ "products_name_check", "name", N_("1 to 200 characters") },
	{ "products_sku_key", "sku", N_("Another product has this SKU") },
	{ "products_tax_rate_check", "tax_rate", N_("0 to 100") },
	{ "product_prices_currency_check", "price", N_("The currency has three letters, such as EUR") },
	{ "product_discounts_discount_check", "min_quantity", N_("The discount is 0 to 100 percent") },
	{ "product_discounts_min_quantity_check", "min_quantity", N_("The quantity is more than 0") },
	{ "quotes_title_check", "title", N_("1 to 200 characters") },
	{ "quotes_currency_check", "currency", N_("Three letters, such as EUR") },
	{ "pipelines_name_check", "name", N_("1 to 100 characters") },
	{ "webhook_configurations_url_check", "url", N_("This is not an http(s) address") },
	{ "webhook_configurations_events_check", "events", N_("Choose at least one event") },
	{ "custom_field_definitions_label_check", "label", N_("1 to 100 characters") },
	{ "custom_field_definitions_key_key", "label",
	  N_("There is a field of this name already, maybe a hidden one") },
	{ "custom_field_definitions_key_check", "key", N_("Letters, digits and underscores, at most 64") },
	{ "custom_field_definitions_options_check", "options", N_("At most 200 options") },
	{ "organizations_name_check", "name", N_("1 to 200 characters") },
	{ "organizations_slug_key", "slug", N_("Another organization has this one") },
	{ "organizations_slug_check", "slug", N_("Lower-case letters, digits and hyphens") },
	{ "organizations_currency_check", "currency", N_("Three capital letters, such as EUR") },
	{ "teams_name_check", "name", N_("1 to 100 characters") },
	{ "teams_organization_id_name_key", "name", N_("There is a team of this name already") },
	{ "availability_slots_check", "slots", N_("A slot ends after it begins, on the same day") },
	{ "api_keys_name_check", "name", N_("1 to 100 characters") },
	{ "profiles_username_key", "username", N_("Somebody else has this name") },
	{ "profiles_first_name_check", "first_name", N_("At most 100 characters") },
	{ "profiles_last_name_check", "last_name", N_("At most 100 characters") },
};

bool form_refused(struct form *f, const struct db_batch *b, const struct err *e)
{
	struct sv constraint = db_constraint(b);

	if (e->status != ST_BAD_INPUT && e->status != ST_UNPROCESSABLE && e->status != ST_CONFLICT)
		return false;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (sv_eq(constraint, sv_from(refusals[i].constraint))) {
			form_error(f, refusals[i].field, sv_from(tr(refusals[i].message)));
			return true;
		}
	}
	if (sv_starts(e->field, SV("custom_fields.")))
		form_error(f, "custom_fields", err_message(e));
	else
		form_error(f, e->field.n ? arena_dup(f->rq->arena, e->field) : "form",
			   err_message(e));
	if (e->hint.n)
		tmpl_set_text(f->errors, "hint", web_tr(f->rq->arena, e->hint));
	return true;
}

void form_show(const struct form *f, struct tmpl_value *page, struct http_response *rs)
{
	tmpl_set(page, "form", f->values);
	tmpl_set(page, "errors", f->errors);
	if (f->clash)
		tmpl_set(page, "clash", f->clash);
	rs->status = f->clash ? 409 : 422;
}

/* ---- a record's form ----------------------------------------------------- */

static enum status save_record(const struct record_form *r, struct http_request *rq,
			       struct http_response *rs, struct sv id, bool make, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	int saved;

	form_init(&f, rq);
	if (!make && form_text(&f, "version").n)
		version_hold(b, r->what, id, http_form(rq, "version"), version_kept(&f));
	saved = r->add_save(&f, b, id, make);
	if (f.wrong)
		return r->show(rq, rs, make ? SV_NONE : id, &f, e);
	if (db_run(b, e)) {
		if (e->status == ST_CHANGED ? version_clash(&f, r->what, id, e) :
					      !form_refused(&f, b, e))
			return e->status;
		return r->show(rq, rs, make ? SV_NONE : id, &f, e);
	}
	if (!make && !db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This %s does not exist", r->what);
	return redirect_to(rq, rs, r->path, id, make ? "?done=created" : "?done=saved");
}

enum status record_create(const struct record_form *r, struct http_request *rq,
			  struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save_record(r, rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status record_save(const struct record_form *r, struct http_request *rq,
			struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, r->what, &id, e))
		return e->status;
	return save_record(r, rq, rs, id, false, e);
}

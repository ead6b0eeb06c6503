#!/usr/bin/env node
// Settings of what stands behind deals: discard reasons, assignment, currencies, targets.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const owner = t.sql('select user_id from user_roles where organization_id = $1::uuid and role = $2', org, 'OWNER');
const submit = (page, button) => Promise.all([page.waitForNavigation(), page.click(button)]);

async function look(page, name) {
	await t.axe(page, name);
	await t.fits(page, name);
	await t.shots(page, name);
}

async function reasons(page) {
	await page.goto('/settings');
	await Promise.all([page.waitForURL('**/settings/discard-reasons'), page.click('main a:text-is("Discard reasons")')]);
	await page.fill('#name', `Moved away ${stamp}`);
	await submit(page, 'form:has(#name) button');
	t.is(t.sql('select count(*) from discard_reasons where organization_id = $1::uuid and name = $2', org, `Moved away ${stamp}`), '1',
		'DEA-65 a reason is added to the list');
	t.sql(`insert into deals (organization_id, title, stage, contact_id, discard_reason) select $1::uuid, $2, 'lost', id, $3
		from contacts where organization_id = $1::uuid limit 1`, org, `Lost ${stamp}`, `Moved away ${stamp}`);
	await page.goto('/settings/discard-reasons');
	const row = page.locator(`tr:has(input[value="Moved away ${stamp}"])`);
	t.is((await row.locator('td').first().textContent()).trim(), '1', 'DEA-65 the list counts the deals lost for it');
	await look(page, 'discard reasons');
	await row.locator('input[name="name"]').fill(`Gone ${stamp}`);
	await Promise.all([page.waitForNavigation(), row.locator('button:text("Rename")').click()]);
	t.is(t.sql('select discard_reason from deals where title = $1', `Lost ${stamp}`), `Gone ${stamp}`, 'a new name goes to its deals as well');
	const renamed = page.locator(`tr:has(input[value="Gone ${stamp}"])`);
	await Promise.all([page.waitForNavigation(), renamed.locator('button[value="up"]').click()]);
	t.is(t.sql('select name from discard_reasons where organization_id = $1::uuid order by position, name offset 6 limit 1', org), `Gone ${stamp}`,
		'a reason moves up');
	await Promise.all([page.waitForNavigation(), renamed.locator('button:text("Hide")').click()]);
	t.is(t.sql('select is_active from discard_reasons where name = $1', `Gone ${stamp}`), 'f', 'and is offered no more');
	await page.check('[name="required"]');
	await submit(page, 'form:has([name="required"]) button');
	t.is(t.sql(`select settings ->> 'require_discard_reason' from organizations where id = $1::uuid`, org), 'true', 'a reason can be required');
	await page.uncheck('[name="required"]');
	await submit(page, 'form:has([name="required"]) button');
	t.sql('delete from deals where title = $1', `Lost ${stamp}`);
	t.sql('delete from discard_reasons where name = $1', `Gone ${stamp}`);
}

async function currencies(page) {
	await page.goto('/settings/currencies');
	await page.fill('#lines', `USD 0,92\n2025-01-01;GBP;1.17\nnonsense`);
	await submit(page, 'button:text("Save rates")');
	t.like(await page.textContent('.field-error'), /"nonsense" is no exchange rate/, 'a line that is no rate is named');
	t.like(await page.inputValue('#lines'), /nonsense/, 'and what was pasted is still there');
	await page.fill('#lines', `USD 0,92\n2025-01-01;GBP;1.17`);
	await submit(page, 'button:text("Save rates")');
	t.is(t.sql(`select string_agg(currency || ' ' || trim_scale(rate) || ' ' || base, ',' order by currency) from exchange_rates where organization_id = $1::uuid
		and currency in ('USD', 'GBP')`, org), 'GBP 1.17 EUR,USD 0.92 EUR', 'rates are pasted, with comma or point, with a date or from today');
	await look(page, 'currencies');
	await Promise.all([page.waitForNavigation(), page.locator('tr:has-text("GBP") .row-actions button').click()]);
	t.is(t.sql(`select count(*) from exchange_rates where organization_id = $1::uuid and currency = 'GBP'`, org), '0', 'a rate is deleted');
}

async function targets(page) {
	await page.goto('/settings/targets?year=2031');
	await page.fill('#month-3', '200000');
	await submit(page, '.table-actions button');
	t.is(t.sql(`select trim_scale(amount), currency, owner_id is null from sales_targets where organization_id = $1::uuid and month = '2031-03-01'`, org),
		'200000\tEUR\tt', 'DEA-70 a target for a month');
	await look(page, 'targets');
	await Promise.all([page.waitForURL(new RegExp(`owner=${owner}`)), page.selectOption('#owner', owner)]);
	await page.fill('#month-3', '5000,50');
	await submit(page, '.table-actions button');
	t.is(t.sql(`select amount from sales_targets where owner_id = $1::uuid and month = '2031-03-01'`, owner), '5000.50', 'DEA-70 and for one member');
	await page.fill('#month-3', 'much');
	await submit(page, '.table-actions button');
	t.ok(await page.isVisible('.field-error'), 'what is no amount is refused');
	t.sql(`delete from sales_targets where month = '2031-03-01'`);
}

async function assignment(page) {
	const team = t.sql(`insert into teams (organization_id, name) values ($1::uuid, $2) returning id`, org, `Sales ${stamp}`);
	t.sql(`insert into team_members (organization_id, team_id, user_id) select $1::uuid, $2::uuid, id from profiles where organization_id = $1::uuid`, org, team);
	await page.goto('/settings/assignment');
	t.is(await page.locator('h2:text-is("New leads")').count(), 1, 'LEA-17 rules for leads stand under Workflows');
	await page.click('a:has-text("Rule for deals")');
	await page.fill('#name', `Health ${stamp}`);
	await page.selectOption('#kind', 'sector');
	await submit(page, '.form-actions .btn-primary');
	t.like(await page.textContent('#words-error'), /at least one sector/, 'a sector without a name is refused');
	await page.fill('#words', `Health ${stamp}, Hospitals`);
	await page.selectOption('#target', owner);
	await look(page, 'assignment rule');
	await submit(page, '.form-actions .btn-primary');
	await page.goto('/settings/assignment/new?entity=deal');
	await page.fill('#name', `In turn ${stamp}`);
	await page.selectOption('#target', team);
	await submit(page, '.form-actions .btn-primary');
	t.is(t.sql(`select string_agg(kind, ',' order by position) from assignment_rules where name like '%' || $1`, stamp), 'sector,round_robin',
		'DEA-51 DEA-53 DEA-54 two rules in their order');
	await look(page, 'assignment');
	await Promise.all([page.waitForNavigation(), page.locator(`tr:has-text("In turn ${stamp}") button[value="up"]`).click()]);
	t.is(t.sql(`select string_agg(kind, ',' order by position) from assignment_rules where name like '%' || $1`, stamp), 'round_robin,sector', 'the order is changed');
	await page.fill('[name="reassign_days"]', '9');
	await page.check('[name="reassign"]');
	await submit(page, 'form:has([name="reassign_days"]) .btn');
	t.is(t.sql(`select settings ->> 'reassign_idle_deals', settings ->> 'reassign_after_days' from organizations where id = $1::uuid`, org), 'true\t9',
		'DEA-61 the days until a deal is idle are set');
	t.sql(`update organizations set settings = settings - 'reassign_idle_deals' - 'reassign_after_days' where id = $1::uuid`, org);
	t.sql(`delete from assignment_rules where name like '%' || $1`, stamp);
	t.sql('delete from teams where id = $1::uuid', team);
}

async function others() {
	const agent = await t.login({ user: t.config().tenants[0].users.findIndex((u) => u.role === 'AGENT') });
	for (const path of ['assignment', 'discard-reasons', 'currencies', 'targets'])
		t.is((await agent.goto(`/settings/${path}`)).status(), 403, `LEA-17 GAT-1 ${path} is for administrators`);
	const phone = await t.login({ phone: true });
	for (const path of ['assignment', 'discard-reasons', 'currencies', 'targets']) {
		await phone.goto(`/settings/${path}`);
		await t.fits(phone, `${path} on a phone`);
		await t.shot(phone, `${path}-phone`);
	}
}

t.run(async () => {
	const page = await t.login();
	await reasons(page);
	await currencies(page);
	await targets(page);
	await assignment(page);
	await others();
});

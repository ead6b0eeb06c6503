#!/usr/bin/env node
// Administration: the menu of the settings, API keys, custom fields on forms
// and details, the audit log, sessions, IP restrictions, the config history.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const submit = (page, button = '.form-actions .btn-primary') => Promise.all([page.waitForNavigation(), page.click(button)]);
const accept = (page) => page.once('dialog', (d) => d.accept());

async function look(page, name) {
	await t.axe(page, name);
	await t.shots(page, name);
}

async function menu(page) {
	await page.goto('/settings');
	t.is((await page.locator('.settings-group > h2').allTextContents()).join(', '),
		'My preferences, Workspace, Inbox & messaging, Storage & developer', 'SET-1 the categories that there is something in, in their order');
	await look(page, 'settings');
	await page.click('a:text("Custom fields")');
	await page.waitForURL('**/settings/fields');
	t.is(await page.textContent('.settings-nav [aria-current="page"]'), 'Custom fields', 'the menu says where one is');
	const agent = await t.login({ user: t.config().tenants[0].users.findIndex((u) => u.role === 'AGENT') });
	await agent.goto('/settings');
	for (const tab of ['Custom fields', 'IP restrictions', 'Audit log', 'Config history', 'Webhooks'])
		t.is(await agent.locator(`main a:text-is("${tab}")`).count(), 0, `SET-2 an agent is not shown ${tab}`);
	t.is(await agent.locator('main a:text-is("Profile")').count(), 1, 'SET-2 but his own preferences');
	for (const path of ['fields', 'fields/new', 'addresses', 'audit', 'audit/export', 'history'])
		t.is((await agent.goto(`/settings/${path}`)).status(), 403, `ADM-16 nor let in to ${path}`);
	await agent.goto('/settings/sessions');
	t.is(await agent.locator(`td:has-text("${t.config().tenants[0].users[0].email}")`).count(), 0, 'ADM-16 of sessions he sees his own');
	const rights = (json) => t.sql(`update profiles set permissions = $3 where organization_id = $1 and email = $2`, org,
		t.config().tenants[0].users.find((u) => u.role === 'AGENT').email, json);
	rights('{"can_access_crm": false}');
	await agent.goto('/settings');
	t.is((await agent.locator('.shell-nav a').allTextContents()).map((s) => s.trim().split(/\s/)[0]).join(' '), 'Home Inbox Tasks Templates Bookings Scheduling Products Settings',
		'ADM-6 the sidebar shows only what the role may enter');
	rights('{}');
	await agent.goto('/settings');
	t.is(await agent.locator('.shell-nav a:has-text("Contacts")').count(), 1, 'ADM-6 and more when it may more');
	await agent.context().close();
}

async function keys(page) {
	await page.goto('/settings/keys');
	await page.click('button:has-text("Generate new API key")');
	await page.fill('#key-name', `Narrow ${stamp}`);
	await page.uncheck('#new-key input[name="can_send_messages"]');
	await page.fill('#addresses', 'nowhere');
	await t.shots(page, 'key-dialog');
	await submit(page, '#new-key .btn-primary');
	t.ok(await page.isVisible('#addresses-error'), 'an address that is none comes back beside its field');
	await page.fill('#addresses', '203.0.113.0/24\n127.0.0.1');
	await page.selectOption('#key-days', '90');
	await submit(page, '#new-key .btn-primary');
	const key = await page.textContent('#new-key-text');
	t.like(key, /^cg_/, 'SET-40 the key is shown once');
	t.is(t.sql(`select allowed_ips, can_send_messages, expires_at::date = current_date + 90 from api_keys where name = $1`, `Narrow ${stamp}`),
		'{203.0.113.0/24,127.0.0.1/32}\tf\tt', 'SET-40 with its rights, addresses and end');
	await look(page, 'keys');
	await page.click(`a:text("Narrow ${stamp}")`);
	await page.waitForURL(/settings\/keys\/[0-9a-f-]{36}/);
	await page.fill('#addresses', '127.0.0.1');
	await page.check('input[name="is_read_only"]');
	await look(page, 'key');
	await submit(page);
	t.is(t.sql(`select allowed_ips, is_read_only from api_keys where name = $1`, `Narrow ${stamp}`), '{127.0.0.1/32}\tt', 'the list of addresses is edited');
	const answer = await page.request.get('/functions/v1/rest-api-proxy/contacts?limit=1', { headers: { 'X-API-Key': key } });
	t.is(answer.status(), 200, 'SET-41 the key works');
	await page.reload();
	t.ok(await page.isVisible(`tr:has-text("Narrow ${stamp}") small:text("127.0.0.1")`), 'SET-41 and its last use is shown');
	await page.click('button:has-text("Generate new API key")');
	await page.fill('#key-name', `Mine ${stamp}`);
	await page.check('input[value="me"]');
	await submit(page, '#new-key .btn-primary');
	t.like(await page.textContent('#new-key-text'), /^ck_live_/, 'CAP-1 a key of one\'s own');
	await page.goto('/settings/keys');
	accept(page);
	await submit(page, `tr:has-text("Mine ${stamp}") .row-actions button`);
	t.ok(await page.isVisible(`tr:has-text("Mine ${stamp}") .pill:has-text("revoked")`), 'SET-41 revoked');
}

async function define(page, label, type, more = async () => {}) {
	await page.goto('/settings/fields');
	await page.click('.page-head a:has-text("Add field")');
	await page.fill('#label', `${label} ${stamp}`);
	await page.selectOption('#type', type);
	await more();
	await submit(page);
}

async function fields(page) {
	await define(page, 'Tier', 'select', async () => {
		t.ok(await page.isHidden('#lookup_entity'), 'only what the type needs is shown');
		await submit(page);
		t.like(await page.textContent('#options-error'), /needs options/, 'ADM-18 a field to choose from needs options');
		await page.fill('#options', 'Gold\nSilver\nBronze');
		await page.check('input[name="required"]');
		await look(page, 'field');
	});
	await define(page, 'Topics', 'multi_select', () => page.fill('#options', 'Tea\nCoffee'));
	await define(page, 'Budget', 'currency');
	await define(page, 'Reseller', 'lookup', () => page.selectOption('#lookup_entity', 'company'));
	await define(page, 'Member', 'checkbox');
	await define(page, 'Renewal', 'date');
	await page.goto('/settings/fields');
	await look(page, 'fields');
	t.is(await page.locator(`section:has(#group-contact) tr:has-text("${stamp}")`).count(), 6, 'ADM-18 the fields are listed under their entity');

	const id = t.sql(`insert into contacts (organization_id, first_name, custom_fields) values ($1, $2, '{"free": "kept"}') returning id`, org, `Fields ${stamp}`);
	await page.goto(`/contacts/${id}/edit`);
	t.is(await page.locator(`label:has-text("Tier ${stamp}")`).count(), 1, 'ADM-22 a saved field is on the form of every record');
	await page.evaluate(() => { for (const i of document.querySelectorAll('[required]')) i.required = false; });
	await submit(page);
	t.like(await page.textContent('main'), new RegExp(`"Tier ${stamp}" must be filled in`), 'ADM-21 required is asked for on the server');
	await page.selectOption(`select[name="cf.tier_${stamp}"]`, 'Gold');
	await page.check(`input[name="cfm.topics_${stamp}"][value="Tea"]`);
	await page.check(`input[name="cfm.topics_${stamp}"][value="Coffee"]`);
	await page.fill(`[name="cf.budget_${stamp}"]`, '1 250,50');
	await page.fill(`[name="cfc.budget_${stamp}"]`, 'usd');
	await page.fill(`[name="cf.renewal_${stamp}"]`, '2027-03-31');
	await page.check(`input[type="checkbox"][name="cf.member_${stamp}"]`);
	const company = t.sql('select name from companies where organization_id = $1 order by name limit 1', org);
	await page.locator(`#cf-reseller_${stamp}`).pressSequentially(company.slice(0, 5));
	await page.click(`#cf-reseller_${stamp}-options .picker-option:has-text("${company}")`);
	await look(page, 'contact-fields');
	await submit(page);
	const stored = JSON.parse(t.sql('select custom_fields from contacts where id = $1::uuid', id));
	t.is(stored.free, 'kept', 'CON-53 a value without definition stays');
	t.is(JSON.stringify([stored[`tier_${stamp}`], stored[`topics_${stamp}`], stored[`budget_${stamp}`], stored[`renewal_${stamp}`], stored[`member_${stamp}`]]),
		'["Gold",["Tea","Coffee"],{"amount":1250.50,"currency":"USD"},"2027-03-31",true]'.replace('1250.50', '1250.5'), 'ADM-19 each type in its own form');
	t.is(t.sql('select name from companies where id = $1::uuid', stored[`reseller_${stamp}`]), company, 'ADM-19 a lookup names a record');
	const facts = await page.textContent('.facts:has-text("Tier")');
	t.like(facts, /Gold[^]*Tea, Coffee[^]*\$1,250\.50[^]*31 Mar 2027/, 'ADM-22 the record shows them');
	t.ok(await page.isVisible(`.facts a:text("${company}")`), 'ADM-22 a lookup as a link');
	await page.goto(`/contacts/${id}/edit`);
	await page.uncheck(`input[name="cfm.topics_${stamp}"][value="Tea"]`);
	await page.uncheck(`input[name="cfm.topics_${stamp}"][value="Coffee"]`);
	await submit(page);
	t.is(t.sql('select custom_fields ? $2 from contacts where id = $1::uuid', id, `topics_${stamp}`), 'f', 'nothing chosen is nothing');

	for (const label of ['Tier', 'Topics', 'Budget', 'Reseller', 'Member', 'Renewal']) {
		await page.goto('/settings/fields');
		await submit(page, `tr:has-text("${label} ${stamp}") .row-actions button`);
	}
	await page.goto(`/contacts/${id}/edit`);
	t.is(await page.locator(`label:has-text("Tier ${stamp}")`).count(), 0, 'a hidden field is on no form');
	await page.fill('#last_name', 'Later');
	await submit(page);
	t.is(t.sql('select custom_fields ->> $2 from contacts where id = $1::uuid', id, `tier_${stamp}`), 'Gold', 'and its values are kept');
	t.sql('delete from contacts where id = $1::uuid', id);
}

async function audit(page) {
	const id = t.sql(`insert into companies (organization_id, name) values ($1, $2) returning id`, org, `Logged ${stamp}`);
	await page.goto(`/companies/${id}/edit`);
	await page.fill('#city', 'Hamburg');
	await submit(page);
	await page.goto('/settings/audit');
	await look(page, 'audit');
	await page.fill('input[name="record"]', `Logged ${stamp}`);
	await page.waitForURL(/record=Logged/);
	const row = page.locator('tbody > tr:has-text("Changed company")').first();
	await row.waitFor();
	t.like(await row.textContent(), /Anna Berg/, 'ADM-29 an entry says who');
	t.like(await row.textContent(), /127\.0\.0\.1/, 'ADM-29 and from where');
	await row.locator('summary').click();
	t.like(await row.locator('.diff').textContent(), /City\s*Hamburg/, 'ADM-29 and what changed');
	await t.shots(page, 'audit-details');
	await page.selectOption('select[name="what"]', 'deleted');
	await page.waitForURL(/what=deleted/);
	t.ok(await page.isVisible('h2:text("Nothing here")'), 'ADM-28 filtered by what was done');
	await page.goto('/settings/audit?what=access');
	t.ok(await page.isVisible('td:has-text("Signed in")'), 'AUTH-100 signing in is there');
	await page.goto(`/settings/audit?record=${id}`);
	const [download] = await Promise.all([page.waitForEvent('download'), page.click('a:has-text("CSV")')]);
	const csv = require('node:fs').readFileSync(await download.path(), 'utf8');
	t.like(csv, /^"time","user","api_key","ip_address","action"/, 'the log is exported as CSV');
	t.is(csv.trim().split('\r\n').length, 3, 'with the filters that are set');
	t.sql('delete from companies where id = $1::uuid', id);
}

async function sessions(page) {
	const user = t.config().tenants[0].users.find((u) => u.role === 'AGENT');
	const other = await t.open();
	await other.goto('/login');
	await other.fill('#email', user.email);
	await other.fill('#password', user.password);
	await Promise.all([other.waitForURL((url) => url.pathname !== '/login'), other.click('form button')]);
	await page.goto('/settings/sessions');
	const row = page.locator(`tr:has-text("Omar")`).first();
	t.like(await row.textContent(), /Chrome on Linux[^]*127\.0\.0\.1/, 'ADM-31 who is signed in, with device and address');
	t.ok(await page.isVisible('tr:has-text("Anna Berg") .pill:text("this one")'), 'ADM-31 one\'s own is marked');
	await look(page, 'sessions');
	accept(page);
	await Promise.all([page.waitForNavigation(), row.locator('button').click()]);
	await other.goto('/contacts');
	t.like(other.url(), /\/login/, 'ADM-32 a session that was ended is signed out with its next click');
	await other.context().close();
}

async function addresses(page) {
	await page.goto('/settings/addresses');
	await page.fill('#range', '10.0.0.0/8');
	await submit(page);
	t.like(await page.textContent('#range-error'), /127\.0\.0\.1 would not be in the list/, 'ADM-30 a list without one\'s own address is refused');
	await page.fill('#range', '127.0.0.1');
	await page.fill('#label', `Here ${stamp}`);
	await submit(page);
	await page.fill('#range', '10.1.2.3/8');
	await submit(page);
	t.is(t.sql('select string_agg(range::text, $2 order by range) from ip_ranges where organization_id = $1', org, ' '), '10.0.0.0/8 127.0.0.1/32',
		'ADM-30 ranges are kept');
	await look(page, 'addresses');
	accept(page);
	await submit(page, `tr:has-text("Here ${stamp}") button`);
	t.is(t.sql('select count(*) from ip_ranges where organization_id = $1', org), '2', 'ADM-30 nobody takes his own away while others stay');
	await page.goto('/settings/addresses');
	for (const range of ['10.0.0.0/8', '127.0.0.1/32']) {
		accept(page);
		await submit(page, `tr:has-text("${range}") button`);
	}
	t.is(t.sql('select count(*) from ip_ranges where organization_id = $1', org), '0', 'ADM-30 without a list there is no restriction');
	await Promise.all([page.waitForNavigation(), page.check('input[name="restrict"]')]);
	t.is(t.sql('select restrict_keys_by_ip from organizations where id = $1', org), 't', 'ADM-30 keys have a switch of their own');
	await Promise.all([page.waitForNavigation(), page.uncheck('input[name="restrict"]')]);
}

async function history(page) {
	await page.goto('/pipelines/new');
	await page.fill('#name', `Partners ${stamp}`);
	await submit(page);
	const id = t.sql('select id from pipelines where name = $1', `Partners ${stamp}`);
	await page.goto(`/pipelines/${id}`);
	await page.click('[data-stage-add]');
	await page.keyboard.type('Negotiation');
	await submit(page);
	await page.goto('/settings/history');
	const first = page.locator('.commit').first();
	t.like(await first.textContent(), new RegExp(`[0-9a-f]{6}\\s*Updated Partners ${stamp} pipeline — added Negotiation stage`), 'ADM-25 ADM-26 the newest commit, in words');
	t.like(await first.textContent(), /Anna Berg · a moment ago/, 'ADM-25 with author and time');
	t.ok(await first.locator('.pill:has-text("now")').isVisible(), 'these are the settings now');
	await look(page, 'history');
	await page.click(`a:text-is("Added pipeline Partners ${stamp}")`);
	await page.waitForURL(/history\/[0-9a-f-]{36}/);
	t.like(await page.textContent('section:has(#back-title)'), /removed Negotiation stage/, 'what restoring would do is said before');
	await look(page, 'history-commit');
	accept(page);
	await submit(page, '.page-head .btn-primary');
	t.is(t.sql(`select count(*) from pipelines p, jsonb_array_elements(p.stages) s where p.id = $1::uuid and s ->> 'name' = 'Negotiation'`, id), '0',
		'ADM-27 one click restores it');
	t.like(await page.locator('.commit').first().textContent(), /Restored the settings of/, 'ADM-27 by a commit of its own');
	t.sql('delete from pipelines where id = $1::uuid', id);
}

async function phone() {
	const page = await t.login({ phone: true });
	for (const path of ['/settings', '/settings/keys', '/settings/fields', '/settings/fields/new', '/settings/addresses', '/settings/sessions', '/settings/audit', '/settings/history']) {
		await page.goto(path);
		await t.fits(page, `SET-10 ${path} on a phone`);
		await t.shot(page, `phone${path.replaceAll('/', '-')}`);
	}
	await page.goto('/settings/keys');
	t.ok(await page.isVisible('.settings-home a'), 'SET-10 the menu is a way back there');
	await page.context().close();
}

t.run(async () => {
	const page = await t.login();
	await menu(page);
	await keys(page);
	await fields(page);
	await audit(page);
	await sessions(page);
	await addresses(page);
	await history(page);
	await phone();
});

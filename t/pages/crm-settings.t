#!/usr/bin/env node
// Settings: profile, API keys, webhooks with their log; who may see what.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const submit = (page, button = '.form-actions .btn-primary') => Promise.all([page.waitForNavigation(), page.click(button)]);

async function profile(page) {
	await page.goto('/settings');
	await t.axe(page, 'settings');
	await t.shots(page, 'settings');
	await page.click('main a:text-is("Profile")');
	await page.waitForURL('**/profile');
	await t.axe(page, 'profile');
	await t.shots(page, 'profile');
	const zone = await page.inputValue('#timezone'), name = await page.inputValue('#username');
	await page.fill('#timezone', 'Mars/Olympus');
	await submit(page);
	t.like(await page.textContent('#timezone-error'), /no such time zone/, 'a time zone that does not exist is refused');
	await page.fill('#timezone', 'Asia/Tokyo');
	await page.fill('#username', 'Not A Name');
	await submit(page);
	t.ok(await page.isVisible('#username-error'), 'a booking name fits into a URL');
	const other = t.sql('select username from profiles where organization_id <> $1::uuid and username is not null limit 1', org);
	await page.fill('#username', other || 'x');
	await submit(page);
	t.like(await page.textContent('#username-error'), /Somebody else/, 'and is one person\'s');
	await page.fill('#username', name);
	await submit(page);
	t.is(t.sql('select timezone from profiles where email = $1', t.config().tenants[0].users[0].email), 'Asia/Tokyo', 'saved');
	await page.fill('#timezone', zone);
	await submit(page);
}

async function keys(page) {
	await page.goto('/settings/keys');
	await page.keyboard.press('n');
	await page.fill('#key-name', `Shop ${stamp}`);
	await submit(page, '#new-key .btn-primary');
	const key = await page.textContent('#new-key-text');
	t.like(key, /^cg_.{20,}/, 'a new key is shown');
	t.is(t.sql(`select encode(key_hash, 'hex') = encode(sha256($1::bytea), 'hex') from api_keys where name = $2`, key, `Shop ${stamp}`), 't',
		'only its hash is kept');
	await t.axe(page, 'keys');
	await t.shots(page, 'keys');
	await page.goto('/settings/keys');
	t.ok(!(await page.content()).includes(key), 'SET-40 and never shown again');
	page.once('dialog', (d) => d.accept());
	await submit(page, `tr:has-text("Shop ${stamp}") button`);
	t.is(t.sql('select is_active from api_keys where name = $1', `Shop ${stamp}`), 'f', 'revoked');
}

async function webhooks(page) {
	await page.goto('/settings/webhooks/new');
	await page.fill('#url', 'ftp://example.com');
	await page.fill('#name', `Hook ${stamp}`);
	await page.fill('#secret', `secret-${stamp}`);
	await submit(page);
	t.like(await page.textContent('#url-error'), /https/, 'WHK-3 an address that is not https is refused');
	t.ok(await page.isVisible('.field-error:text("Choose at least one event")'), 'and so is a webhook without events');
	t.ok(!(await page.content()).includes(`secret-${stamp}`), 'WHK-8 the secret does not come back');
	await page.fill('#url', 'https://hooks.invalid/kontor');
	await page.fill('#secret', `secret-${stamp}`);
	await page.check('input[value="contact.created"]');
	await page.check('input[value="deal.stage.changed"]');
	await page.fill('input[name="header_name"] >> nth=0', 'X-Source');
	await page.fill('input[name="header_value"] >> nth=0', 'Kontor');
	await submit(page);
	const id = t.sql('select id from webhook_configurations where name = $1', `Hook ${stamp}`);
	t.is(t.sql(`select array_to_string(events, ','), custom_headers ->> 'X-Source', is_active, secret like 'v1.%' and secret not like '%' || $2 || '%'
		from webhook_configurations where id = $1::uuid`, id, `secret-${stamp}`), 'contact.created,deal.stage.changed\tKontor\tt\tt',
		'WHK-1 WHK-2 WHK-7 stored, the secret sealed');
	t.ok(await page.isVisible(`.hook:has-text("Hook ${stamp}") .pill:text("signed")`), 'WHK-6 the list shows it');
	await page.click(`.hook:has-text("Hook ${stamp}") button:has-text("Test")`);
	await page.waitForSelector(`#test-${id} [hx-get], #test-${id} .pill`);
	t.is(t.sql(`select count(*) from webhook_deliveries where webhook_id = $1::uuid`, id), '1', 'WHK-66 WHK-67 Test makes a delivery');
	await t.axe(page, 'webhooks');
	await t.shots(page, 'webhooks');
	// What the worker writes down after an attempt.
	t.sql(`insert into webhook_logs (organization_id, webhook_id, delivery_id, event_type, attempt, payload, response_status, response_body, status, duration_ms, error_message)
		select organization_id, webhook_id, id, event_type, 1, '{"event":"contact.created"}', 503, 'come back later', 'failure', 42, 'HTTP 503'
		from webhook_deliveries where webhook_id = $1::uuid`, id);
	await page.goto(`/settings/webhooks/log?webhook=${id}`);
	t.like(await page.textContent('table.rows'), /503/, 'WHK-64 the log lists the attempt with its status');
	await t.axe(page, 'webhook log');
	await t.shots(page, 'webhook-log');
	await page.goto(`/settings/webhooks/log?webhook=${id}&status=success`);
	t.ok(await page.isVisible('h2:text("Nothing here")'), 'WHK-65 filtered by outcome');
	await page.goto(`/settings/webhooks/log?webhook=${id}&status=failure`);
	await Promise.all([page.waitForURL(/log\/[0-9a-f-]{36}/), page.click('table.rows a')]);
	t.like(await page.textContent('main'), /"event": "contact.created".*come back later/s, 'WHK-64 one attempt with request and response');
	await t.axe(page, 'webhook attempt');
	await t.shots(page, 'webhook-attempt');
	await submit(page, '.page-head button');
	t.is(t.sql(`select state from webhook_deliveries where webhook_id = $1::uuid`, id), 'waiting', 'WHK-59 delivered again by hand');
	await page.goto(`/settings/webhooks/${id}`);
	await page.uncheck('input[name="is_active"]');
	await submit(page);
	t.is(t.sql(`select is_active, has_secret from webhook_configurations where id = $1::uuid`, id), 'f\tt',
		'WHK-1 WHK-5 paused; the secret stays when none is typed');
	await page.goto(`/settings/webhooks/${id}`);
	await t.axe(page, 'webhook form');
	await t.shots(page, 'webhook-form');
	page.once('dialog', (d) => d.accept());
	await submit(page, '.page-head .btn-quiet');
	t.is(t.sql('select count(*) from webhook_configurations where id = $1::uuid', id), '0', 'WHK-1 deleted');
}

async function agents() {
	const agent = t.config().tenants[0].users.findIndex((u) => u.role === 'AGENT');
	const page = await t.login({ user: agent });
	await page.goto('/settings');
	t.is(await page.locator('a:text("Webhooks")').count(), 0, 'WHK-9 an agent is not shown webhooks');
	t.is((await page.goto('/settings/webhooks')).status(), 403, 'WHK-9 nor let in');
	await page.goto('/settings/keys');
	t.is(await page.locator('tbody tr td.actions form').count(), 0, 'nor the organization\'s keys');
	t.is(await page.locator('input[value="organization"]').count(), 0, 'nor offered one');
	const token = await page.goto('/settings').then(() => page.getAttribute('meta[name="csrf"]', 'content'));
	const answer = await page.request.post('/settings/keys', { form: { _csrf: token, name: `Stolen ${stamp}` } });
	t.is(answer.status(), 403, 'an agent\'s POST is refused');
	t.is(t.sql('select count(*) from api_keys where name = $1', `Stolen ${stamp}`), '0', 'and nothing was made');
}

t.run(async () => {
	const page = await t.login();
	await profile(page);
	await keys(page);
	await webhooks(page);
	await agents();
});

#!/usr/bin/env node
// Meta's channels in a browser: templates read, handed in, tried; connecting by
// Facebook, with a stand-in of its consent page and Graph API.
'use strict';

const t = require('./lib.js');

const run = Date.now();
const tenant = t.config().tenants[1];
const org = tenant.organization_id;
const number = `3${run}`, waba = `4${run}`;

async function control(graph, what, data) {
	await fetch(`${graph}/control/${what}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) });
}

async function connect(page, graph) {
	await page.goto('/settings/channels/new?type=whatsapp');
	await page.fill('#name', `Cloud ${run}`);
	await page.fill('#phone_number_id', number);
	await page.fill('#waba_id', waba);
	await page.fill('#access_token', 'EAAmeta');
	await page.fill('#app_secret', 'app-secret');
	await page.fill('#api_base', `${graph}/v22.0`);
	await page.fill('#account_password', 'not my password');
	await t.axe(page, 'connect WhatsApp');
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('#account_password-error'), /not your current password/, 'CHA-57 CHA-62 a wrong password: nothing is stored');
	t.is(t.sql('select count(*) from channel_accounts where external_id = $1', number), '0', 'CHA-62 no channel');
	t.is(await page.inputValue('#phone_number_id'), number, 'what was typed is there still');
	await page.fill('#access_token', 'EAAmeta');
	await page.fill('#app_secret', 'app-secret');
	await page.fill('#account_password', tenant.users[0].password);
	await page.click('.form-actions .btn-primary');
	await t.lives(page.waitForFunction(() => document.querySelector('.channel-steps')?.textContent.includes('CONNECTED')), 'CHA-60 the number was asked before it counts as connected');
	t.like(await page.textContent('.channel-steps'), /whatsapp_business_messaging/, 'CHA-59 and so were the permissions');
	t.like(await page.textContent('.channel-steps'), /TIER_1K/, 'CHA-77 the messaging tier is shown');
	t.like(await page.textContent('.channel-steps'), /LIMITED/, 'CHA-76 and whether it may send');
	t.like(await page.textContent('.channel-steps'), /message_actions/, 'CHA-65 and what to subscribe to');
	t.like(await page.textContent('.channel-steps'), /nothing comes in/, 'CHA-67 and what is missing without the webhook');
	await t.axe(page, 'WhatsApp connected');
	await t.shots(page, 'meta-connected');
	return t.sql('select id from channel_accounts where external_id = $1', number);
}

async function list(page, graph) {
	await control(graph, 'template', { name: `hello_${run}`, language: 'en', category: 'UTILITY', status: 'APPROVED',
		components: [{ type: 'BODY', text: 'Hello {{1}}, welcome to {{2}}' }, { type: 'BUTTONS', buttons: [{ type: 'QUICK_REPLY', text: 'Thanks' }] }] });
	await control(graph, 'template', { name: `sale_${run}`, language: 'ar', category: 'MARKETING', status: 'REJECTED', rejected_reason: 'PROMOTIONAL', components: [{ type: 'BODY', text: 'عرض' }] });
	await page.goto('/settings/whatsapp-templates');
	await t.axe(page, 'no templates');
	await page.click('text=Read from Meta >> nth=0');
	await t.lives(page.waitForSelector(`text=hello_${run}`), 'MSG-92 the templates come from Meta while the page is open');
	const card = page.locator('.wt', { hasText: `hello_${run}` });
	t.like(await card.textContent(), /Approved[\s\S]*Utility[\s\S]*Hello \{\{1\}\}[\s\S]*Thanks[\s\S]*body\.1, body\.2/, 'MSG-92 with status, category, components and variables');
	t.like(await page.locator('.wt', { hasText: `sale_${run}` }).textContent(), /Rejected[\s\S]*Marketing[\s\S]*PROMOTIONAL/, 'MSG-92 and why one was rejected');
	await page.selectOption('#status', 'APPROVED');
	await page.click('.wt-filter button');
	t.is(await page.locator('.wt', { hasText: `sale_${run}` }).count(), 0, 'the list is filtered by status');
	await t.axe(page, 'templates');
	await t.fits(page, 'templates');
	await t.shots(page, 'meta-templates');
}

async function submit(page) {
	await page.goto('/settings/whatsapp-templates/new');
	await page.fill('#name', `ship_${run}`);
	await page.fill('#language', 'en_US');
	await page.fill('#body', '{{1}} is on its way');
	await page.selectOption('#channel_account_id', { label: `Cloud ${run}` });
	await t.axe(page, 'template form');
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('#body-error'), /begin or end with a variable/, 'MSG-93 what Meta would refuse is said beside the field');
	t.is(await page.inputValue('#name'), `ship_${run}`, 'and nothing typed is lost');
	await page.fill('#body', 'Your order {{1}} is on its way');
	await page.selectOption('#header_format', 'TEXT');
	await page.fill('#header', 'Good news');
	await page.fill('#footer', 'Reply STOP to end');
	await page.selectOption('#button_type_1', 'URL');
	await page.fill('#button_text_1', 'Track');
	await page.fill('#button_value_1', 'https://example.com/t');
	await page.fill('[id="sample.body.1"]', 'A-17');
	t.is(await page.textContent('#preview p'), 'Your order A-17 is on its way', 'MSG-93 the preview follows, with the example');
	await t.shots(page, 'meta-template-form');
	await page.click('.form-actions .btn-primary');
	await t.lives(page.waitForFunction((name) => /Pending/.test([...document.querySelectorAll('.wt')].find((n) => n.textContent.includes(name))?.textContent || ''), `ship_${run}`),
		'MSG-93 it is handed in, and Meta has it as pending');
	t.like(t.sql("select components::text from whatsapp_templates where name = $1", `ship_${run}`), /"body_text": \[\["A-17"\]\]/, 'MSG-95 with its example, heading and button');
	await page.locator('.wt', { hasText: `ship_${run}` }).locator('h2 a').click();
	await page.fill('#footer', 'Thank you');
	await page.click('.form-actions .btn-primary');
	await t.lives(t.until(() => t.sql("select components::text like '%Thank you%' and not is_submitting from whatsapp_templates where name = $1", `ship_${run}`) === 't'), 'MSG-93 and changed');
}

async function tryIt(page) {
	await page.goto('/settings/whatsapp-templates');
	await page.locator('.wt', { hasText: `hello_${run}` }).locator('text=Try it').click();
	await page.fill('#phone', '12');
	await page.fill('[id="value.body.1"]', 'Nia');
	await page.fill('[id="value.body.2"]', 'Bluebird');
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('#phone-error'), /not a phone number/, 'MSG-98 a number that is none');
	t.is(await page.inputValue('[id="value.body.1"]'), 'Nia', 'the values stay');
	await page.fill('#phone', `4915${String(run).slice(-9)}`);
	await t.axe(page, 'try a template');
	await page.click('.form-actions .btn-primary');
	await page.waitForURL(/\/inbox\/[0-9a-f-]+/);
	const talk = page.url().split('/').pop();
	await t.lives(page.waitForSelector('text=Hello Nia, welcome to Bluebird'), 'MSG-98 MSG-19 the test stands in the thread with its values');
	t.is(await t.until(() => t.sql("select status from messages where conversation_id = $1 and status in ('SENT', 'DELIVERED', 'READ', 'FAILED')", talk)), 'SENT', 'MSG-98 and went out');
	return talk;
}

async function fromThread(page, talk) {
	await page.goto(`/inbox/${talk}`);
	await page.click('a[href$="/template"] >> nth=0');
	await page.locator('.wt', { hasText: `hello_${run}` }).locator('text=Choose').click();
	await page.fill('[id="value.body.1"]', 'Again');
	await page.fill('[id="value.body.2"]', 'Kontor');
	await t.axe(page, 'template for a conversation');
	await t.fits(page, 'template for a conversation');
	await page.click('.form-actions .btn-primary');
	await t.lives(page.waitForSelector('text=Hello Again, welcome to Kontor'), 'MSG-18 MSG-19 INB-102 an agent chooses a template, fills it in and sends it');
}

async function agents() {
	const page = await t.login({ user: 1 });
	t.is((await page.goto('/settings/whatsapp-templates')).status(), 403, 'MSG-92 only administrators see the page');
	await page.context().close();
}

t.run(async () => {
	const graph = await t.standin('meta.pl', '--page-id', `1${run}`, '--instagram-id', `2${run}`, '--phone-number-id', number,
		'--waba-id', waba, '--token', 'EAAmeta', '--app-secret', 'app-secret');
	const page = await t.login({ tenant: 1 });
	const id = await connect(page, graph);
	await list(page, graph);
	await submit(page);
	const talk = await tryIt(page);
	await fromThread(page, talk);
	await agents();
	const phone = await t.login({ tenant: 1, phone: true });
	await phone.goto('/settings/whatsapp-templates');
	await t.fits(phone, 'templates on a phone');
	await phone.goto('/settings/whatsapp-templates/new');
	await t.fits(phone, 'template form on a phone');
	t.sql("update channel_accounts set is_active = false where id = $1 and organization_id = $2", id, org);
});

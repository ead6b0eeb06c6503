#!/usr/bin/env node
// Contacts and companies: made, found, changed, deleted; what they look like.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const first = `Test${stamp}`, digits = String(Date.now()).slice(-9);

const saved = (page, path) => Promise.all([page.waitForURL(path), page.click('.form-actions .btn-primary')]);
// Typing searches by itself; the answer is there when the status says so.
async function find(page, words) {
	const answer = page.waitForResponse((r) => r.url().includes('q=') && r.request().headers()['hx-request']);
	await page.fill('#q', words);
	await answer;
	await page.waitForFunction(() => !document.querySelector('.htmx-request'));
}
const names = (page) => page.locator('#results .stretched, #results th[scope="row"] a').allTextContents();

async function create(page) {
	await page.goto('/contacts');
	t.ok(await page.isVisible('h1:text("Contacts")'), 'CON-1 the list of contacts');
	t.ok(await page.isVisible('ul.cards'), 'CON-34 cards are the default');
	await page.keyboard.press('n');
	await page.waitForURL('**/contacts/new');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#first_name-error');
	t.ok(await page.isVisible('#first_name-error'), 'an empty contact is refused beside the field');
	await page.fill('#first_name', first);
	await page.fill('#last_name', 'Doe');
	await page.fill('input[name="phones"]', 'abc');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#phones-error');
	t.like(await page.textContent('#phones-error'), /not a phone number/, 'CON-81 a wrong phone number is named beside the field');
	t.is(await page.inputValue('#first_name'), first, 'what was typed is still there');
	await page.fill('input[name="phones"] >> nth=0', `+1 (234) ${digits.slice(0, 3)}-${digits.slice(3)}`);
	await page.click('.lines:has([name="phones"]) [data-line-add]');
	await page.keyboard.type(`+49 30 ${digits.slice(0, 6)}`);
	await page.fill('input[name="emails"] >> nth=0', `${first}@Example.com`);
	await page.fill('#company', `Acme ${stamp}`);
	await page.locator('#company-options [role="option"]', { hasText: 'New company' }).click();
	await page.fill('#tags', `red ${stamp}, vip`);
	await page.fill('input[name="custom_key"] >> nth=0', 'Industry');
	await page.fill('input[name="custom_value"] >> nth=0', 'Technology');
	await page.selectOption('#assignee_id', { index: 1 });
	await saved(page, /\/contacts\/[0-9a-f-]{36}(\?|$)/);
	const text = await page.textContent('main');
	t.ok(text.includes(`${first} Doe`) && text.includes(`+1234${digits}`) && text.includes(`Acme ${stamp}`) &&
		text.includes(`red ${stamp}`) && text.includes('Technology'), 'CON-2 CON-4 every value is in the details');
	t.ok(text.includes(`${first.toLowerCase()}@example.com`), 'CON-83 the e-mail address in lower case');
	t.ok(await page.isVisible(`a:text("Acme ${stamp}")`), 'CON-7 the company was made from the form and opens from the contact');
	t.ok((await page.textContent('.timeline')).includes('added this contact'), 'CON-14 the timeline begins');
	return new URL(page.url()).pathname;
}

async function search(page) {
	await page.goto('/contacts');
	for (const words of [first, 'Doe ' + first, `${first} doe`]) {
		await find(page, words);
		t.ok((await names(page)).includes(`${first} Doe`), `CON-17 CON-24 found by "${words.replace(first, 'First')}"`);
	}
	for (const words of [`1234${digits}`, digits.slice(1), `+1-234-${digits.slice(0, 3)}-${digits.slice(3)}`]) {
		await find(page, words);
		t.is((await names(page)).join(), `${first} Doe`, 'CON-18 CON-25 found by any part of the digits');
	}
	await find(page, `${first}@exam`);
	t.ok((await names(page)).includes(`${first} Doe`), 'CON-19 found by e-mail');
	await find(page, `acme ${stamp}`);
	t.is((await names(page)).join(), `${first} Doe`, 'CON-20 found by company');
	await find(page, `red ${stamp}`);
	t.is((await names(page)).join(), `${first} Doe`, 'CON-21 found by tag');
	t.like(page.url(), /q=red/, 'CON-23 the address keeps the search');
	await find(page, 'nobody-is-called-this');
	t.ok(await page.isVisible('h2:text("No contact fits")'), 'nothing found says what to do');
	await page.goto(`/contacts?tag=red+${stamp}`);
	t.is((await names(page)).join(), `${first} Doe`, 'CON-27 the tag filter');
	await page.goto(`/contacts?assignee=none&q=${first}`);
	t.is((await names(page)).length, 0, 'CON-28 not among those without an assignee');
	await page.goto('/contacts?sort=name');
	const sorted = (await names(page)).map((n) => n.toLowerCase()).filter((n) => /^[a-z ]+$/.test(n));
	t.is(sorted.join(), [...sorted].sort().join(), 'CON-30 A to Z');
	await page.goto('/contacts?view=table');
	t.ok(await page.isVisible('table.rows'), 'CON-35 the table');
	await page.goto('/contacts');
	t.ok(await page.isVisible('table.rows'), 'the chosen view is remembered');
	await page.goto('/contacts?view=grid');
	await page.keyboard.press('/');
	t.is(await page.evaluate(() => document.activeElement.id), 'q', 'the / key goes to the search');
	await page.keyboard.press('Escape');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/contacts\/[0-9a-f-]{36}$/);
	t.ok(true, 'arrow keys and Enter open a contact');
}

async function change(page, path) {
	const before = t.sql('select updated_at from contacts where id = $1::uuid', path.split('/')[2]);
	t.sql(`update contacts set custom_fields = custom_fields || '{"size": 7}' where id = $1::uuid`, path.split('/')[2]);
	await page.goto(path);
	await page.keyboard.press('e');
	await page.waitForURL('**/edit');
	await page.fill('#first_name', `${first}x`);
	await page.fill('input[name="phones"] >> nth=2', '+44 20 7946 0000');
	await page.fill('#tags', `red ${stamp}, vip, new`);
	await page.fill('.pair:has(input[value="Industry"]) input[name="custom_value"]', 'Retail');
	await saved(page, /done=saved|\/contacts\/[0-9a-f-]{36}$/);
	const row = t.sql(`select first_name, cardinality(phones), array_to_string(tags, ','), custom_fields ->> 'Industry',
		jsonb_typeof(custom_fields -> 'size'), updated_at > $2::timestamptz from contacts where id = $1::uuid`, path.split('/')[2], before);
	t.is(row, [`${first}x`, 3, `red ${stamp},vip,new`, 'Retail', 'number', 't'].join('\t'),
		'CON-5 CON-6 CON-52 the edit is stored whole, and updated_at moves');
	t.ok((await page.textContent('.timeline')).includes('Retail'), 'CON-14 the timeline says what changed');
	await page.fill('#note', `Called back ${stamp}`);
	await page.click('.note-form button');
	await page.waitForSelector(`.timeline-item:not(.is-pending) .note-body:has-text("Called back ${stamp}")`);
	t.ok((await page.textContent('.timeline')).includes(`Called back ${stamp}`), 'CON-11 a note stands in the timeline');
}

async function remove(page, path) {
	await page.goto(path);
	await page.click('[data-dialog="delete"]');
	t.like(await page.textContent('#delete'), /deals.*conversations.*notes/, 'CON-10 the question says what goes');
	await Promise.all([page.waitForURL(/\/contacts(\?|$)/), page.click('#delete .btn-danger')]);
	t.is(t.sql('select count(*) from contacts where id = $1::uuid', path.split('/')[2]), '0', 'CON-8 the contact is gone');
	const answer = await page.goto(path);
	t.is(answer.status(), 404, 'its address is 404');
}

async function companies(page) {
	await page.goto('/companies');
	t.ok(await page.isVisible('ul.cards'), 'COM-1 COM-21 companies as cards');
	await find(page, 'bridge');
	t.ok((await names(page)).includes('TechBridge GmbH'), 'COM-12 COM-14 found by a part of the name');
	await find(page, 'software');
	t.ok((await names(page)).includes('TechBridge GmbH'), 'COM-12 found by industry');
	await page.goto('/companies?country=Germany&q=tech');
	t.is((await names(page)).join(), 'TechBridge GmbH', 'COM-15 COM-16 search and country combine');
	await page.goto('/companies/new');
	await page.fill('#name', `Lumen ${stamp}`);
	await page.fill('#annual_revenue', 'a lot');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#annual_revenue-error');
	t.ok(true, 'a wrong number is named beside its field');
	await page.fill('#annual_revenue', '1 250 000,50');
	await page.fill('#city', 'Bergen');
	await page.fill('#country', 'Norway');
	await saved(page, /\/companies\/[0-9a-f-]{36}(\?|$)/);
	const text = await page.textContent('main');
	t.ok(text.includes('Bergen') && text.includes('1,250,000.50'), 'COM-2 COM-4 COM-8 the details show what was entered');
	const path = new URL(page.url()).pathname;
	await page.goto(`${path}/edit`);
	await page.fill('#city', 'Oslo');
	await saved(page, /\/companies\/[0-9a-f-]{36}(\?|$)/);
	t.ok((await page.textContent('main')).includes('Oslo'), 'COM-5 edited');
	t.sql(`insert into contacts (organization_id, first_name, company_id) select organization_id, 'Stays', id from companies where id = $1::uuid`, path.split('/')[2]);
	await page.click('[data-dialog="delete"]');
	await Promise.all([page.waitForURL(/\/companies(\?|$)/), page.click('#delete .btn-danger')]);
	t.is(t.sql(`select count(*) from contacts where first_name = 'Stays' and company_id is null`), '1', 'COM-6 its people stay');
	t.sql(`delete from contacts where first_name = 'Stays'`);
}

// 120 more contacts: three pages, the second different from the first, and back.
async function paging(page) {
	const org = t.config().tenants[0].organization_id;
	t.sql(`insert into contacts (organization_id, first_name, last_name, tags, created_at)
		select $1::uuid, 'Page', lpad(n::text, 3, '0'), array['paging'], now() - n * interval '1 minute' from generate_series(1, 120) n`, org);
	await page.goto('/contacts?tag=paging');
	t.like(await page.textContent('.list-tools'), /1–50\s+of\s+120/, 'CON-33 fifty per page and the total');
	const one = await names(page);
	await Promise.all([page.waitForURL(/after=/), page.click('[rel="next"]')]);
	const two = await names(page);
	t.is([one.length, two.length, new Set([...one, ...two]).size].join(), '50,50,100', 'CON-33 the second page has others');
	t.like(await page.textContent('.list-tools'), /51–100/, 'it says where one is');
	await Promise.all([page.waitForURL(/page=3/), page.click('[rel="next"]')]);
	t.is((await names(page)).length, 20, 'the third page has the rest');
	await Promise.all([page.waitForURL(/page=2/), page.click('[rel="prev"]')]);
	t.is((await names(page)).join(), two.join(), 'back to the second');
	await Promise.all([page.waitForURL(/page=1/), page.click('[rel="prev"]')]);
	t.is((await names(page)).join(), one.join(), 'COM-20 and to the first, as it was');
	t.sql(`delete from contacts where 'paging' = any (tags)`);
}

t.run(async () => {
	// A search that is typed on is given up for the next one.
	t.expectTrouble(/htmx:(sendAbort|afterRequest)/);
	const page = await t.login();
	const path = await create(page);
	await t.axe(page, 'contact');
	await t.shots(page, 'contact');
	await search(page);
	await change(page, path);
	await remove(page, path);
	await companies(page);
	await paging(page);
	for (const [name, to] of [['contacts', '/contacts?view=grid'], ['contacts-table', '/contacts?view=table'], ['contact-form', '/contacts/new'],
		['contacts-empty', '/contacts?q=zzzzzz'], ['companies', '/companies?view=grid'], ['company-form', '/companies/new']]) {
		await page.goto(to);
		await t.axe(page, name);
		await t.shots(page, name);
	}
	const company = t.sql(`select id from companies where name = 'TechBridge GmbH' limit 1`);
	await page.goto(`/companies/${company}`);
	await t.axe(page, 'company');
	await t.shots(page, 'company');
	const phone = await t.login({ phone: true });
	for (const [name, to] of [['contacts', '/contacts?view=grid'], ['contact-form', '/contacts/new'], ['company', `/companies/${company}`]]) {
		await phone.goto(to);
		await t.fits(phone, `${name} on a phone`);
		await t.shot(phone, `${name}-phone`);
	}
	const other = await t.login({ tenant: 1 });
	t.is((await other.goto(`/companies/${company}`)).status(), 404, 'CON-26 another tenant\'s record is 404');
	await other.goto('/contacts?q=mariam');
	t.is((await names(other)).length, 0, 'CON-26 another tenant\'s people are not found');
});

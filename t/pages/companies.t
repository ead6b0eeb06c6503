#!/usr/bin/env node
// One company: form with a deal, page, cells, people, merging, deletion and its undo.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = () => t.sql('select organization_id from profiles where email = $1', t.config().tenants[0].users[0].email);
const idOf = (page) => new URL(page.url()).pathname.split('/')[2];

async function form(page) {
	await page.goto('/companies/new');
	await page.fill('#name', `Firm ${stamp}`);
	await page.fill('#industry', 'Shipping');
	await page.fill('#website', 'https://firm.example');
	await page.fill('#street', 'Kai 7');
	await page.fill('#city', 'Hamburg');
	await page.fill('#state', 'HH');
	await page.fill('#postal_code', '20457');
	await page.fill('#country', 'Germany');
	await page.fill('input[name="phones"] >> nth=0', '+49401234567');
	await page.fill('input[name="emails"] >> nth=0', `info@firm${stamp}.example`);
	await page.fill('#employee_count', '120');
	await page.fill('#annual_revenue', '5000000');
	await page.fill('#tags', `harbour ${stamp}`);
	await page.fill('#description', `About ${stamp}`);
	await page.selectOption('#owner_id', { label: 'Anna Berg' });
	await page.click('.form-extra summary');
	await page.fill('#deal_title', `Charter ${stamp}`);
	await page.fill('#deal_value', '1250.50');
	await page.fill('#person_first', 'Kim');
	await page.fill('#person_last', `Kapitan${stamp}`);
	await page.fill('#person_email', `kim${stamp}@firm.example`);
	await t.axe(page, 'new company');
	await Promise.all([page.waitForURL(/\/companies\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	const id = idOf(page), text = await page.textContent('main');
	for (const value of [`Firm ${stamp}`, 'Shipping', 'firm.example', 'Kai 7', 'Hamburg', 'HH', '20457', 'Germany', '+49401234567', '120', '5,000,000', `harbour ${stamp}`, `About ${stamp}`])
		if (!text.includes(value)) t.ok(false, `COM-4 the page lacks ${value}`);
	t.ok(text.includes(`About ${stamp}`), 'COM-2 COM-4 COM-8 every value of the form stands in the details');
	t.is(t.sql('select d.title, d.value, k.last_name, k.company_id = d.company_id from deals d join contacts k on k.id = d.contact_id where d.company_id = $1', id),
		`Charter ${stamp}\t1250.50\tKapitan${stamp}\tt`, 'COM-3 UCF-57 a deal and its contact are made together with the company, and linked');
	return id;
}

async function details(page, id) {
	t.sql("insert into deals (organization_id, title, value, currency, company_id, stage) values ($1, 'Won one', 900, 'USD', $2, 'won'), ($1, 'Open one', 100, 'USD', $2, 'new')", org(), id);
	await page.goto(`/companies/${id}`);
	const currency = t.sql('select currency from organizations where id = $1', org());
	const euro = currency === 'EUR' ? '€1,250.50' : '1,250.50';
	t.like(await page.textContent('#open-deals'), /^2 · /, 'COM-10 its open deals are counted');
	t.ok((await page.textContent('#open-deals')).includes(euro) && (await page.textContent('#open-deals')).includes('$100'), 'COM-11 sums stand in each currency');
	t.like(await page.textContent('#won-sum'), /\$900/, 'COM-11 revenue is summed over the deals that were won');
	t.ok(await page.isVisible(`.panel:has(#people-title) a:has-text("Kim Kapitan${stamp}")`), 'COM-8 COM-9 linked contacts');
	t.ok(await page.isVisible(`.panel:has(#deals-title) a:has-text("Charter ${stamp}")`), 'COM-8 COM-10 linked deals');
	const other = t.sql("insert into contacts (organization_id, first_name, last_name, emails) values ($1, 'Lou', $2, array[$3]) returning id", org(), `Lotse${stamp}`, `lou${stamp}@x.example`);
	await page.fill('#add-person', `Lotse${stamp}`);
	await page.locator('#add-person-options [role="option"]').first().click();
	await Promise.all([page.waitForNavigation(), page.click('.panel:has(#people-title) .side-add .btn')]);
	t.is(t.sql('select company_id = $2 from contacts where id = $1', other, id), 't', 'COM-9 a contact is linked from the company');
	await page.fill('#note', `Met at the fair ${stamp}`);
	await page.click('.note-form button');
	await t.lives(page.waitForSelector(`.timeline-item:not(.is-pending) .note-body:has-text("${stamp}")`), 'COM-8 notes of the company');
	t.ok((await page.textContent('#timeline')).includes('added this company'), 'COM-8 the activity timeline');
	await t.axe(page, 'company');
	await t.shots(page, 'people-company', { full: true });
}

async function cells(page, id) {
	await page.goto(`/companies/${id}`);
	const cell = page.locator(`[data-cell="companies/${id}/city"]`);
	await cell.dblclick();
	await cell.locator('input[name="value"], input.form-control').first().fill('Bremen');
	await page.keyboard.press('Enter');
	await page.waitForFunction((i) => !document.querySelector(`[data-cell="companies/${i}/city"] form`), id);
	t.is(t.sql('select city from companies where id = $1', id), 'Bremen', 'COM-5 a field is changed in place');
	await page.goto(`/companies/${id}/edit`);
	await page.fill('#parent', 'TechBridge');
	await page.locator('#parent-options [role="option"]', { hasText: 'TechBridge GmbH' }).first().click();
	await Promise.all([page.waitForURL(new RegExp(`/companies/${id}`)), page.click('.form-actions .btn-primary')]);
	t.ok(await page.isVisible('.record-sub a:text("TechBridge GmbH")'), 'COM-5 relationships are editable: it belongs to another company');
}

async function merging(page, id) {
	const twin = t.sql("insert into companies (organization_id, name, website, city) values ($1, $2, 'https://other.example', 'Kiel') returning id", org(), `Firm ${stamp} Inc`);
	t.sql("insert into contacts (organization_id, first_name, company_id) values ($1, $2, $3)", org(), `Twin${stamp}`, twin);
	t.sql("insert into deals (organization_id, title, company_id) values ($1, $2, $3)", org(), `Twin deal ${stamp}`, twin);
	await page.goto('/companies/duplicates');
	const group = page.locator('.duplicate', { hasText: `Firm ${stamp} Inc` });
	t.like(await group.textContent(), /same name/, 'COM-31 companies of the same name are suggested, whatever kind of firm they say they are');
	await Promise.all([page.waitForURL(/merge/), group.locator('.btn-primary').click()]);
	await page.check(`input[name="primary"][value="${id}"]`);
	await page.check(`input[name="choice.city"][value="${twin}"]`);
	await Promise.all([page.waitForURL(new RegExp(id)), page.click('.merge .btn-primary')]);
	t.is(t.sql('select name, city from companies where id = $1', id), `Firm ${stamp}\tKiel`, 'COM-32 FACT-109 the primary stays, with the chosen value');
	t.is(t.sql("select (select count(*) from contacts where company_id = $1 and first_name = $2), (select count(*) from deals where company_id = $1 and title = $3)", id, `Twin${stamp}`, `Twin deal ${stamp}`), '1\t1', 'COM-33 contacts and deals moved to it');
	await Promise.all([page.waitForURL(new RegExp(twin)), page.click('#merged .btn')]);
	t.is(t.sql('select company_id = $2 from deals where title = $1', `Twin deal ${stamp}`, twin), 't', 'COM-33 and back, when it is taken out again');
	t.is(t.sql('select city from companies where id = $1', id), 'Bremen', 'COM-33 the primary has its own city again');
	return twin;
}

async function removal(page, id) {
	await page.goto(`/companies/${id}`);
	await page.click('[data-dialog="delete"]');
	t.like(await page.textContent('#delete'), /people and deals stay/, 'COM-7 the question says what stays');
	await Promise.all([page.waitForURL(/\/companies(\?|$)/), page.click('#delete .btn-danger')]);
	t.is(t.sql('select count(*) from companies where id = $1', id), '0', 'COM-6 the company is gone');
	t.is(t.sql("select count(*) from contacts where last_name = $1 and company_id is null", `Kapitan${stamp}`), '1', 'COM-6 its contact remains');
	await Promise.all([page.waitForURL(new RegExp(`/companies/${id}`)), page.click('.toast-line button')]);
	t.is(t.sql("select count(*) from contacts where last_name = $1 and company_id = $2", `Kapitan${stamp}`, id), '1', 'undo brings it back, with its people');
}

async function arabic(page, id) {
	await page.context().addCookies([{ name: 'kontor_lang', value: 'ar', url: t.config().base_url }]);
	t.sql("update profiles set language = 'ar' where email = $1", t.config().tenants[0].users[0].email);
	await page.goto(`/companies/${id}`);
	t.is(await page.getAttribute('html', 'dir'), 'rtl', 'the page of a company from right to left');
	t.like(await page.textContent('#timeline-title'), /السجل الزمني/, 'its words are Arabic');
	await t.fits(page, 'company in Arabic');
	await t.axe(page, 'company in Arabic');
	await t.shots(page, 'people-company-ar', { full: true });
	t.sql("update profiles set language = 'en' where email = $1", t.config().tenants[0].users[0].email);
	await page.context().clearCookies({ name: 'kontor_lang' });
}

t.run(async () => {
	const page = await t.login();
	const id = await form(page);
	await details(page, id);
	await cells(page, id);
	const twin = await merging(page, id);
	await removal(page, id);
	try { await arabic(page, id); } finally {
		t.sql("update profiles set language = 'en' where email = $1", t.config().tenants[0].users[0].email);
	}
	t.sql('delete from deals where company_id in ($1, $2)', id, twin);
	t.sql('delete from companies where id in ($1, $2)', id, twin);
	t.sql(`delete from contacts where last_name in ('Kapitan${stamp}', 'Lotse${stamp}') or first_name = 'Twin${stamp}'`);
});

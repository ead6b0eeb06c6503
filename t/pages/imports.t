#!/usr/bin/env node
// Importing a file as people do it: drop, choose columns, watch, read what came of it, take it back.
'use strict';
const t = require('./lib.js');

const stamp = `pg${Date.now().toString(36)}`;
const file = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const people = (n) => 'First Name,Last Name,Email,Company,Shoe Size\n' + Array.from({ length: n }, (_, i) =>
	`P${i},${stamp},p${i}.${stamp}@example.com,Co ${stamp},${30 + i % 20}\n`).join('');

async function begin(page, name, text) {
	await page.goto('/imports');
	await page.click('a:text("New import")');
	await page.waitForURL('**/imports/new');
	await page.setInputFiles('#file', file(name, text));
	t.is(await page.textContent('[data-name]'), name, 'the chosen file is named');
	await Promise.all([page.waitForURL(/\/imports\/[0-9a-f-]{36}$/), page.click('.form-actions .btn-primary')]);
	await page.waitForSelector('.import-columns');
}
const over = (page) => page.waitForSelector('[data-state="done"], [data-state="undone"], [data-state="failed"]', { timeout: 120000 });

async function journey(page) {
	await begin(page, 'people.csv', people(5000));
	t.is(await page.locator('select[name="column.2"]').inputValue(), 'emails', 'UC-CONTACTS-001 CON-56 columns are suggested');
	t.is(await page.locator('.import-preview tbody tr').count(), 10, 'UCF-48 with the first ten rows');
	await page.selectOption('select[name="column.4"]', { label: 'New field: Shoe Size' }).catch(() => page.selectOption('select[name="column.4"]', 'cf.shoe_size'));
	await t.axe(page, 'columns of an import');
	await t.shot(page, 'import-map');
	await page.fill('#tags', stamp);
	await Promise.all([page.waitForSelector('#import'), page.click('button:text("Start the import")')]);
	const seen = new Set();
	for (let i = 0; i < 400 && !await page.$('[data-state="done"]'); i++) {
		seen.add(await page.getAttribute('.import-progress', 'value').catch(() => null));
		await page.waitForTimeout(150);
	}
	t.ok([...seen].filter(Boolean).length > 1, 'UC-CONTACTS-001 CON-57 the bar moves');
	await over(page);
	t.is(await page.textContent('[data-count="imported"]'), '5000', 'CON-59 5,000 contacts through the pages');
	t.is(await page.textContent('[data-count="failed"]'), '0', 'CON-57 without an error');
	const asked = [];
	page.on('request', (r) => { if (r.url().endsWith('/progress')) asked.push(r.url()); });
	await page.waitForTimeout(2500);
	t.is(asked.length, 0, 'and when it is over nobody asks any more');
	await t.axe(page, 'an import that is done');
	await t.shot(page, 'import-done');
	await page.click('button:text("Undo the whole import")');
	await page.waitForSelector('[data-state="undone"]', { timeout: 120000 });
	t.is(t.sql('select count(*) from contacts where last_name = $1', stamp), '0', 'one button takes the whole import back');
}

async function mistakes(page) {
	await begin(page, 'errors.csv', `First Name,Last Name,Email\nA,${stamp},wrong\nB,${stamp},b.${stamp}@example.com\n`);
	await Promise.all([page.waitForSelector('#import'), page.click('button:text("Start the import")')]);
	await over(page);
	t.like(await page.textContent('.import-errors'), /2[\s\S]*is not an e-mail address/, 'CON-57 COM-30 which row is wrong, and why');
	const [saved] = await Promise.all([page.waitForEvent('download'), page.click('a:text("Download them")')]);
	t.is(saved.suggestedFilename(), 'import-errors.csv', 'UCF-50 the rows with errors are a file');
	await t.shot(page, 'import-errors');
	await page.goto('/imports/new');
	await page.setInputFiles('#file', { name: 'picture.csv', mimeType: 'text/csv', buffer: Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1') });
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('[data-problem]:not([hidden])');
	t.like(await page.textContent('[data-problem]'), /picture/, 'a picture is refused in words, beside the form');
	await t.axe(page, 'a new import');
	await t.shot(page, 'import-new');
	await page.evaluate(() => { document.querySelector('form[data-upload]').dataset.max = '3'; });
	await page.setInputFiles('#file', file('large.csv', 'Email\nx@example.com\n'));
	t.like(await page.textContent('[data-problem]'), /larger than 100 MB/, 'a file that is too large is told before it is sent');
	await page.goto('/imports');
	t.like(await page.textContent('.imports-table'), /errors\.csv[\s\S]*people\.csv/, 'CON-58 COM-30 what was imported is on file, the newest first');
	await t.axe(page, 'imports');
	await t.shot(page, 'imports');
}

async function elsewhere() {
	const phone = await t.login({ phone: true });
	await phone.goto('/imports');
	t.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'on a phone the list fits the width');
	await t.shot(phone, 'imports-phone');
	await phone.goto('/imports/new');
	t.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'and so does the form');
}

t.run(async () => {
	const page = await t.login();
	await journey(page);
	await mistakes(page);
	await elsewhere();
	t.sql("delete from contacts where last_name = $1", stamp);
});

#!/usr/bin/env node
// A quote in the browser: catalogue, editor, sending, the customer's page.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;

async function catalogue(page) {
	await page.goto('/products');
	await t.axe(page, 'products');
	await t.shots(page, 'products');
	await page.keyboard.press('n');
	await page.waitForURL('**/products/new');
	await page.fill('#name', `Crate ${stamp}`);
	await page.fill('#price', '80');
	await page.fill('#tax_rate', '19');
	await Promise.all([page.waitForURL(/products\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	t.ok(await page.isVisible('text=80.00 EUR'), 'Q2C-1 a product with its first price');
	await page.fill('[name="min_quantity"]', '10');
	await page.fill('[name="discount"]', '10');
	await Promise.all([page.waitForNavigation(), page.click('form[action$="/discounts"] .btn')]);
	t.ok(await page.isVisible('text=from 10'), 'Q2C-4 and a quantity discount');
	await t.axe(page, 'product');
	await t.shot(page, 'product');
}

const total = (page) => page.textContent('.quote-totals .grand dd');
async function becomes(page, text, name) {
	await t.lives(page.waitForFunction((x) => document.querySelector('.quote-totals .grand dd')?.textContent === x, text), name);
}

async function editor(page) {
	const deal = t.sql(`insert into deals (organization_id, title, value, currency, contact_id) select $1, $2, 1, 'EUR',
		(select id from contacts where organization_id = $1 and first_name = 'Jonas' limit 1) returning id`, org, `Crates ${stamp}`);
	await page.goto(`/deals/${deal}`);
	await page.click('text=Create quote');
	await page.waitForURL('**/quotes/new');
	await t.axe(page, 'new quote');
	await page.fill('#title', 'Crates for Hamburg');
	await Promise.all([page.waitForURL(/quotes\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	await page.fill('#q', stamp);
	await page.waitForFunction((s) => document.querySelectorAll('#catalogue li').length === 1
		&& document.querySelector('#catalogue li').textContent.includes(s), stamp);
	await page.click(`[aria-label="Add Crate ${stamp}"]`);
	await becomes(page, '95.20 EUR', 'Q2C-6 a line from the catalogue, the total without reload');
	const field = (what) => page.locator(`[aria-label^="${what}"][name]`).first();
	await field('Quantity of Crate').fill('10');
	await page.keyboard.press('Tab');
	await becomes(page, '856.80 EUR', 'Q2C-4, Q2C-7 ten of them with the discount for ten');
	t.ok(await page.evaluate(() => document.activeElement.name === 'unit_price'), 'the keyboard goes on where it was');
	await field('Discount on').fill('50');
	await page.keyboard.press('Enter');
	await becomes(page, '476.00 EUR', 'Q2C-7 a discount by hand');
	await field('Quantity of Crate').fill('ten');
	await page.keyboard.press('Tab');
	await t.lives(page.waitForSelector('#lines [role="alert"]'), 'what is no number is refused in words');
	await page.click('.own-line summary');
	await page.fill('.own-name', 'Delivery on Sunday');
	await page.fill('.own-line [name="unit_price"]', '24');
	await page.click('.own-line .btn');
	await becomes(page, '500.00 EUR', 'a line of its own');
	await t.axe(page, 'quote');
	await t.shots(page, 'quote-editor', { full: true });
	await page.reload();
}

async function send(page) {
	await page.click('[data-dialog="send"]');
	t.like(await page.inputValue('#email'), /@techbridge/, 'Q2C-14 the contact’s address is there');
	await page.fill('#email', '');
	await Promise.all([page.waitForNavigation(), page.click('#send .btn-primary')]);
	t.is(await page.locator('.line-rows input').count(), 0, 'a sent quote is locked');
	await t.axe(page, 'sent quote');
	await t.shot(page, 'quote-sent');
	await page.goto('/quotes');
	t.ok(await page.isVisible('text=Crates for Hamburg'), 'the list of quotes');
	await t.axe(page, 'quotes');
	await t.shot(page, 'quotes');
	await page.goBack();
	return page.inputValue('.link-box input');
}

async function customer(link) {
	const phone = await t.open({ phone: true });
	await phone.goto(link);
	await t.fits(phone, 'the customer’s page on a phone');
	await t.shot(phone, 'quote-public-phone', { full: true });
	const dark = await t.open({ theme: 'dark' });
	await dark.goto(link);
	await t.shot(dark, 'quote-public-dark', { full: true });
	const page = await t.open();
	await page.goto(link);
	t.ok(await page.isVisible('text=Crates for Hamburg'), 'Q2C-11 the customer sees the quote');
	await t.axe(page, 'public quote');
	await t.shot(page, 'quote-public', { full: true });
	await page.click('button:text("Accept quote")');
	t.ok(await page.isVisible('button:text("Accept quote")'), 'nothing goes without name and tick');
	await page.fill('#accept-name', 'Jonas Petersen');
	await page.check('[name="agree"]');
	await Promise.all([page.waitForNavigation(), page.click('button:text("Accept quote")')]);
	t.ok(await page.isVisible('text=Accepted. Thank you!'), 'Q2C-16 accepted');
	await t.axe(page, 'accepted quote');
	await t.shot(page, 'quote-accepted');
	await page.goto('/s/nothing-here');
	await t.axe(page, 'public error');
}

t.run(async () => {
	const page = await t.login();
	await catalogue(page);
	await editor(page);
	const link = await send(page);
	await customer(link);
	await page.reload();
	t.ok(await page.isVisible('.pill:text("Accepted")'), 'and staff see it');
});

#!/usr/bin/env node
// The palette: records, places and actions by keyboard; recent records; the page of results.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);

t.run(async () => {
	const org = t.config().tenants[0].organization_id;
	const contact = t.sql(`insert into contacts (organization_id, first_name, last_name, emails, phones)
		values ($1, $2, 'Palettova', array[$3], array[$4]) returning id`, org, `Zelda${stamp}`, `zelda.${stamp}@palette.example`, `+49171${String(Date.now()).slice(-8)}`);
	const phone = t.sql('select phones[1] from contacts where id = $1', contact);
	const deal = t.sql(`insert into deals (organization_id, title, pipeline_id, contact_id, value, currency)
		select $1, $2, p.id, $3, 4200, 'EUR' from pipelines p where p.organization_id = $1 and p.is_default returning id`, org, `Palette deal ${stamp}`, contact);

	const page = await t.login();
	await page.goto('/');
	const found = (href) => page.waitForSelector(`#palette .palette-item[href="${href}"]`);
	const ask = async (words) => { await page.fill('#palette-q', words); };
	const open = async () => {
		await page.keyboard.press('Control+k');
		await page.waitForSelector('#palette[open]');
	};

	// ---- records ------------------------------------------------------------------------
	await open();
	t.ok(await page.evaluate(() => document.activeElement.id === 'palette-q'), 'FACT-5 Ctrl-K opens the palette, ready to type');
	await t.axe(page, 'palette');
	await ask(`zelda${stamp}`.slice(0, -1));
	await t.lives(found(`/contacts/${contact}`), 'FACT-5 a contact by part of the name');
	await t.shots(page, 'palette');
	await t.axe(page, 'palette with results');
	for (const [spelled, how] of [[`00${phone.slice(1)}`, 'with 00'], [`0${phone.slice(3, 6)} ${phone.slice(6, 9)}-${phone.slice(9)}`, 'as dialled at home'], [phone, 'as stored'], [phone.slice(3), 'without the country']]) {
		await ask('');
		await ask(spelled);
		await t.lives(found(`/contacts/${contact}`), `CON-25 UC-CONTACTS-002 the palette finds a phone number ${how}`);
	}
	await ask(`zelda.${stamp}@pal`);
	await t.lives(found(`/contacts/${contact}`), 'CON-19 the palette finds an e-mail address');
	await ask(contact);
	await t.lives(found(`/contacts/${contact}`), 'the palette finds an id');
	await ask(`palette deal ${stamp}`);
	await t.lives(found(`/deals/${deal}`), 'the palette finds a deal by its title');
	await Promise.all([page.waitForURL(`**/deals/${deal}`), page.keyboard.press('Enter')]);
	t.ok(true, 'FACT-5 Enter opens the first of them');

	// ---- recent --------------------------------------------------------------------------
	await open();
	await t.lives(page.waitForSelector(`#palette .palette-group:has-text("Recent") ~ .palette-item[href="/deals/${deal}"]`), 'what was open lately is there without typing');
	await ask(stamp);
	await page.waitForFunction((s) => document.querySelector('#palette-list').dataset.shown === s, stamp);
	t.is(await page.getAttribute('#palette .palette-item[aria-selected="true"]', 'href'), `/deals/${deal}`, 'recent records come first');
	const cookie = (await page.context().cookies()).find(({ name }) => name === 'kontor_recent').value;
	t.ok(!/palette/i.test(cookie) && cookie.includes(deal.replaceAll('-', '')), 'the browser keeps ids alone of them, no names');

	// ---- actions and keys ------------------------------------------------------------------
	await ask('switch the');
	await page.waitForSelector('#palette .palette-item:has-text("Switch theme")');
	const before = await page.getAttribute('html', 'data-bs-theme');
	await page.waitForTimeout(200);
	await page.keyboard.press('Enter');
	t.ok(await page.getAttribute('html', 'data-bs-theme') !== before, 'FACT-4 the palette switches the theme');
	await page.evaluate(() => localStorage.removeItem('theme'));
	await open();
	await ask('new cont');
	await page.waitForSelector('#palette .palette-item[aria-selected="true"]:has-text("New contact")');
	t.like(await page.textContent('#palette .palette-item[aria-selected="true"] .palette-keys'), /c\s*c/, 'FACT-5 actions show their keys');
	await Promise.all([page.waitForURL('**/contacts/new'), page.keyboard.press('Enter')]);
	await open();
	await ask('export cont');
	await page.waitForSelector('#palette .palette-item[aria-selected="true"]:has-text("Export contacts")');
	const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
	t.is(file.suggestedFilename(), 'contacts.xlsx', 'FACT-5 the palette exports contacts');
	await open();
	await ask('companies');
	await page.waitForFunction(() => document.querySelector('#palette-list').dataset.shown === 'companies');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowUp');
	await page.keyboard.press('Escape');
	t.ok(!await page.isVisible('#palette'), 'FACT-5 Escape closes it');
	await open();
	await ask(`nothing is called ${stamp}x`);
	await t.lives(page.waitForSelector('#palette-none:not([hidden])'), 'it says so when nothing is found');
	await page.keyboard.press('Escape');

	// ---- the page -----------------------------------------------------------------------------
	await page.goto(`/search?q=${stamp}`);
	t.ok(await page.isVisible(`.search-results a[href="/contacts/${contact}"]`) && await page.isVisible(`.search-results a[href="/deals/${deal}"]`),
		'/search shows all kinds that have it');
	await t.axe(page, 'search page');
	await t.shots(page, 'search');
	await page.fill('[data-search]', `zelda${stamp} who?`);
	await t.lives(page.waitForSelector('.search-results .empty'), 'FACT-9 the page searches while one types');
	await page.fill('[data-search]', `zelda${stamp}`);
	await t.lives(page.waitForSelector(`.search-results a[href="/contacts/${contact}"]`), 'FACT-9 and finds again');
	await page.context().close();

	// ---- a phone --------------------------------------------------------------------------------
	const small = await t.login({ phone: true });
	await small.goto('/');
	await small.click('[data-palette]');
	await small.waitForSelector('#palette[open]');
	await small.fill('#palette-q', `zelda${stamp}`);
	await small.waitForSelector(`#palette .palette-item[href="/contacts/${contact}"]`);
	await t.fits(small, 'palette on a phone');
	await t.shot(small, 'palette-phone');
	await Promise.all([small.waitForURL(`**/contacts/${contact}`), small.click(`#palette .palette-item[href="/contacts/${contact}"]`)]);
	t.ok(true, 'FACT-2 a tap on a result opens it');
	await small.context().close();

	// ---- script in a name ---------------------------------------------------------------------
	const evil = t.sql(`insert into contacts (organization_id, first_name) values ($1, $2) returning id`, org, `<img src=x onerror=alert(1)>${stamp}`);
	const again = await t.login();
	await again.goto('/');
	await again.keyboard.press('Control+k');
	await again.fill('#palette-q', `<img src=x onerror=alert(1)>${stamp}`);
	await again.waitForSelector(`#palette .palette-item[href="/contacts/${evil}"]`);
	t.is(await again.$$eval('#palette img', (all) => all.length), 0, 'markup in a name is text in the palette');
	t.sql('delete from contacts where id = $1', evil);
	t.sql('delete from deals where id = $1', deal);
	t.sql('delete from contacts where id = $1', contact);
});

#!/usr/bin/env node
// The frame of all pages: language, help, keys, phone, bell.
'use strict';
const t = require('./lib.js');

t.run(async () => {
	// ---- language ------------------------------------------------------------------
	let page = await t.open();
	await page.goto('/login');
	await page.click('.login-languages [lang="ar"]');
	await page.waitForSelector('html[lang="ar"][dir="rtl"]');
	t.like(await page.textContent('h1'), /تسجيل الدخول/, 'FACT-3 the sign-in page speaks the language that was chosen on it');
	await t.axe(page, 'sign-in page in Arabic');
	await t.shots(page, 'login-ar');
	await page.click('.login-languages [lang="en"]');
	await page.waitForSelector('html[lang="en"][dir="ltr"]');
	t.like(await page.textContent('h1'), /Sign in/, 'FACT-3 and goes back to English');
	await page.context().close();

	page = await t.login({ user: 1 });
	await page.goto('/profile');
	await page.selectOption('#language', 'ar');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('html[lang="ar"][dir="rtl"]');
	t.like(await page.textContent('h1 ~ *, .subtabs'), /معلومات الملف الشخصي/, 'FACT-3 the profile keeps the language, and it counts at once');
	t.is(await page.inputValue('#language'), 'ar', 'the profile shows the language that was chosen');
	await page.goto('/');
	t.is(await page.getAttribute('html', 'dir'), 'rtl', 'FACT-3 every page comes in it');
	await page.click('.shell-me summary');
	await page.click('[data-language-toggle]');
	await page.waitForSelector('html[lang="en"]');
	t.is(t.sql("select language from profiles where email = $1", t.config().tenants[0].users[1].email), 'en',
		'FACT-3 the menu changes the language too, and the profile with it');
	await page.context().close();

	// ---- keyboard --------------------------------------------------------------------
	page = await t.login();
	await page.goto('/contacts');
	await page.keyboard.press('?');
	await page.waitForSelector('#help[open]');
	const help = await page.textContent('#help');
	t.ok(/New contact/.test(help) && /gTasks|g t\s*Tasks/.test(help.replace(/\s+/g, ' ')), 'FACT-5 the help lists what this page and its places have');
	await t.axe(page, 'keyboard help');
	await t.shots(page, 'help');
	await page.keyboard.press('Escape');
	t.ok(!await page.isVisible('#help'), 'FACT-5 Escape closes it');
	await page.keyboard.press('g');
	await Promise.all([page.waitForURL(/\/companies$/), page.keyboard.press('o')]);
	t.ok(true, 'FACT-5 g o goes to companies');
	await page.keyboard.press('c');
	await page.waitForSelector('#shell-new[open] .dropdown-item:focus');
	await t.shot(page, 'create-menu');
	await Promise.all([page.waitForURL(/\/deals\/new/), page.keyboard.press('d')]);
	t.ok(true, 'FACT-5 c d makes a deal');
	await page.goto('/contacts');
	await page.keyboard.press('c');
	await page.waitForSelector('#shell-new[open]');
	await page.keyboard.press('Escape');
	t.ok(!await page.isVisible('#shell-new .dropdown-item'), 'FACT-5 Escape closes the menu');
	await t.shots(page, 'contacts');
	await page.context().close();

	// ---- phone -------------------------------------------------------------------------
	for (const width of [390, 320]) {
		page = await t.login();
		await page.setViewportSize({ width, height: 800 });
		await page.goto('/');
		await t.fits(page, `FACT-2 home at ${width} pixels`);
		await page.click('[data-more]');
		t.ok(await page.isVisible('.shell-nav a[href="/settings"]'), `FACT-2 the drawer has every place at ${width} pixels`);
		const small = await page.$$eval('.shell-side a, .shell-side button, .shell-side summary', (all) => all
			.filter((at) => at.offsetParent && (at.getBoundingClientRect().height < 44 || at.getBoundingClientRect().width < 44))
			.map((at) => `${at.textContent.trim()} ${at.getBoundingClientRect().width}x${at.getBoundingClientRect().height}`));
		t.is(small.join('; '), '', `FACT-2 what is touched is 44 pixels at least at ${width} pixels`);
		await t.axe(page, `drawer at ${width}`);
		await t.shot(page, `drawer-${width}`);
		await page.keyboard.press('Escape');
		t.is(await page.getAttribute('[data-more]', 'aria-expanded'), 'false', `Escape closes the drawer at ${width} pixels`);
		await t.shot(page, `home-${width}`);
		await page.context().close();
	}

	// ---- the bell ------------------------------------------------------------------------
	const org = t.config().tenants[0].organization_id, stamp = Date.now().toString(36);
	const person = (n) => t.sql('select id from profiles where organization_id = $1 and email = $2', org, t.config().tenants[0].users[n].email);
	const [anna, omar] = [person(0), person(1)];
	t.sql('update notifications set read_at = now() where user_id = $1 and read_at is null', anna);
	page = await t.login();
	await page.goto('/notifications?show=unread');
	t.ok(await page.isVisible('.notices-page .empty'), 'without notices the page says what comes here');
	await t.axe(page, 'no notices');
	await page.goto('/contacts');
	t.is(await page.textContent('#notices-count'), '', 'the bell has no number');
	t.sql(`insert into deals (organization_id, title, pipeline_id, owner_id) select $1, $2, id, $3 from pipelines where organization_id = $1 and is_default`,
		org, `<b>Bell</b> ${stamp}`, anna);
	await t.lives(page.waitForFunction(() => document.getElementById('notices-count').textContent === '1'), 'FACT-1 the bell counts without a reload');
	await page.click('#bell');
	await page.waitForSelector('#notices:not([hidden]) .notice-item');
	t.ok((await page.textContent('#notices .notice-item')).includes(`<b>Bell</b> ${stamp}`), 'the panel shows it in words; markup in a title is text');
	await t.axe(page, 'notices panel');
	await t.shots(page, 'notices-panel');
	await page.keyboard.press('Escape');
	t.ok(!await page.isVisible('#notices'), 'FACT-5 Escape closes the panel');
	t.ok(await page.evaluate(() => document.activeElement.id === 'bell'), 'and the bell has the focus again');
	await page.keyboard.press('g');
	await Promise.all([page.waitForURL('**/notifications'), page.keyboard.press('n')]);
	await t.axe(page, 'notices page');
	await t.shots(page, 'notices');
	await Promise.all([page.waitForURL('**/deals/*'), page.click(`.notices-page .notice-item:has-text("${stamp}") a`)]);
	t.ok(true, 'UC-TASK-002 a notice leads to its record');
	await page.waitForSelector('#notices-count', { state: 'attached' });
	t.is(await page.textContent('#notices-count'), '', 'and is read by that');
	for (let n = 0; n < 35; n++)
		t.sql(`insert into notifications (organization_id, user_id, kind, actor_id, record_type, record_id, data) values ($1, $2, 'task.due', $3, null, null, '{"title": "Page ${n}"}')`, org, anna, omar);
	await page.goto('/notifications');
	t.is(await page.$$eval('.notices-page .notice-item', (all) => all.length), 30, 'a page has thirty of them');
	await Promise.all([page.waitForURL(/before=/), page.click('a[rel="next"]')]);
	t.ok(await page.$$eval('.notices-page .notice-item', (all) => all.length) >= 5, 'older ones on the next');
	await page.goto('/notifications');
	await page.click('.notices-page .notice-item.is-unread .notice-read button');
	await page.waitForSelector('.notices-page');
	t.is(t.sql('select count(*) from notifications where user_id = $1 and read_at is null', anna), '34', 'one can be marked as read');
	await page.click('[data-key="e"]');
	await page.waitForFunction(() => document.getElementById('notices-count').textContent === '');
	t.is(t.sql('select count(*) from notifications where user_id = $1 and read_at is null', anna), '0', 'or all');
	await page.setViewportSize({ width: 390, height: 844 });
	await page.goto('/notifications');
	await t.fits(page, 'FACT-2 notices on a phone');
	await t.shot(page, 'notices-phone');
	t.sql(`delete from notifications where user_id = $1 and data ->> 'title' like 'Page %'`, anna);
	t.sql('delete from deals where title like $1', `%Bell%${stamp}`);
	await page.context().close();

	// ---- home ----------------------------------------------------------------------------
	page = await t.login();
	const task = t.sql(`insert into tasks (organization_id, title, assignee_id, due_date) values ($1, $2, $3, now() - interval '2 hours') returning id`, org, `Home ${stamp}`, anna);
	const deal = t.sql(`insert into deals (organization_id, title, pipeline_id, owner_id, expected_close_date, value, currency)
		select $1, $2, id, $3, current_date - 400, 1234, 'EUR' from pipelines where organization_id = $1 and is_default returning id`, org, `Closing ${stamp}`, anna);
	const lead = t.sql(`insert into leads (organization_id, name, company_name) values ($1, $2, 'Somewhere') returning id`, org, `Lead ${stamp}`);
	await page.goto(`/deals/${deal}`);
	await page.goto('/');
	t.ok(await page.isVisible(`.home a[href="/tasks/${task}"]`), 'home has what is due today');
	t.ok(await page.isVisible(`section[aria-labelledby="home-closing"] a[href="/deals/${deal}"]`), 'home has the open deals that close soon');
	t.ok(Number(t.sql(`select count(*) from leads where organization_id = $1 and status = 'New'`, org)) > 5 || await page.isVisible(`.home a[href="/leads/${lead}"]`), 'home has new leads');
	t.ok(await page.isVisible(`section[aria-labelledby="home-recent"] a[href="/deals/${deal}"]`), 'home has what was open lately');
	t.ok(Number(await page.textContent('#tasks-count')) >= 1, 'the badge beside Tasks counts what is due');
	await t.axe(page, 'home');
	await t.shots(page, 'home', { full: true });
	await page.context().addCookies([{ name: 'kontor_language', value: 'ar', url: t.config().base_url }]);
	t.sql("update profiles set language = 'ar' where id = $1", anna);
	await page.goto('/');
	await t.axe(page, 'home in Arabic');
	await t.shot(page, 'home-ar', { full: true });
	t.sql("update profiles set language = 'en' where id = $1", anna);
	t.sql('delete from tasks where id = $1', task);
	t.sql('delete from deals where id = $1', deal);
	t.sql('delete from leads where id = $1', lead);
	await page.context().close();

	// ---- when something fails ------------------------------------------------------------------
	t.expectTrouble(/made by the test|ERR_INTERNET_DISCONNECTED/);
	page = await t.login();
	await page.goto('/contacts');
	await page.evaluate(() => setTimeout(() => { throw new Error('made by the test'); }));
	await page.waitForSelector('.toast-line.bad button');
	t.ok(await page.isVisible('#content h1') && await page.isVisible('.shell-nav a'), 'FACT-13 a script that fails leaves the page as it is');
	await t.axe(page, 'a script has failed');
	await Promise.all([page.waitForNavigation(), page.click('.toast-line.bad button')]);
	t.ok(await page.isVisible('#content h1'), 'FACT-13 and one may load it again');
	await page.waitForFunction(() => document.getElementById('live-state').hidden);
	await page.context().setOffline(true);
	await t.lives(page.waitForSelector('#live-state:not([hidden])'), 'FACT-14 the page says when it is offline');
	await t.axe(page, 'offline');
	await page.context().setOffline(false);
	await t.lives(page.waitForFunction(() => document.getElementById('live-state').hidden), 'FACT-14 and reconnects by itself');
	await page.goto('/no/such/page');
	t.ok(await page.isVisible('a[href="/"]'), 'FACT-13 an error page has a way back');
	await t.axe(page, 'error page');
	await t.shots(page, 'error');
	await page.context().close();
});

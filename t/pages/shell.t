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
});

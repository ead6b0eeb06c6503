#!/usr/bin/env node
// The booking pages in a browser: with and without JavaScript, on a phone, by keyboard.
'use strict';
const t = require('./lib.js');

const url = () => new URL(t.config().tenants[0].booking_url).pathname;

async function fill(page, who) {
	await page.fill('#name', who);
	await page.fill('#email', `${who.toLowerCase()}.${process.pid}@example.org`);
	await page.fill('#phone', '+49 30 1234567');
}

t.run(async () => {
	let page = await t.open();
	await page.goto(url().replace(/\/[^/]+$/, ''));
	await t.axe(page, 'SCH-73 host');
	await t.shots(page, 'booking-host');

	// A browser on the other side of the world sees its own clock.
	await page.goto(url());
	await t.lives(page.waitForFunction(() => document.getElementById('tz').value === 'Europe/Berlin'),
		'SCH-43 the zone comes from the browser');
	await page.waitForSelector('.slot');
	await t.axe(page, 'SCH-75 booking page');
	await t.fits(page, 'booking page');
	await t.shots(page, 'booking');

	// By keyboard: a day, a time, the form.
	await page.focus('a.day:not(.chosen)');
	await page.keyboard.press('Enter');
	await t.lives(page.waitForURL(/date=/), 'SCH-76 a day by keyboard');
	await page.focus('.slot');
	await page.keyboard.press('Enter');
	await t.lives(page.waitForSelector('#name'), 'SCH-76 a time by keyboard');
	await t.axe(page, 'SCH-78 form');
	await fill(page, 'Keya');
	const address = page.url();
	await page.keyboard.press('Enter');
	await t.lives(page.waitForSelector('.ticket'), 'SCH-79 booked by keyboard');
	const ticket = new URL(page.url()).pathname;
	await t.axe(page, 'SCH-80 confirmation');
	await t.shots(page, 'booking-confirmed');
	await page.goto(`${ticket}/cancel`);
	await t.axe(page, 'SCH-107 cancel');

	// Somebody opens the link to a time that is gone.
	await page.goto(address);
	t.ok(await page.isVisible('text=Slot taken'), 'SCH-38 a taken time says so');
	await t.axe(page, 'slot taken');
	await page.goto('/schedule/nobody-at-all');
	await t.axe(page, 'SCH-81 unknown page');

	page = await t.open({ phone: true });
	await page.goto(url());
	await page.waitForSelector('.slot');
	await t.fits(page, 'SCH-74 booking page on a phone');
	await t.shots(page, 'booking-phone', { full: true });
	await page.click('.slot');
	await page.waitForSelector('#name');
	await t.fits(page, 'form on a phone');

	// Without JavaScript the whole way.
	const context = await (await t.launch()).newContext({ baseURL: t.config().base_url, javaScriptEnabled: false });
	page = await context.newPage();
	await page.goto(url());
	await page.selectOption('#tz', 'Asia/Tokyo');
	await page.click('.zone button');
	t.is(await page.inputValue('#tz'), 'Asia/Tokyo', 'SCH-43 without JavaScript the zone is chosen');
	await page.click('.slot');
	await fill(page, 'Plain');
	await page.click('form button[type=submit]');
	t.like(new URL(page.url()).pathname, /^\/schedule\/booking\//, 'SCH-74 booked without JavaScript');
	await page.click('text=Reschedule');
	await page.click('.slot >> nth=1');
	await page.click('text=Move the appointment');
	t.ok(await page.isVisible('text=Your appointment was moved'), 'SCH-102 moved without JavaScript');
	await page.click('text=Cancel booking');
	await page.fill('#reason', 'Test');
	await page.click('text=Cancel the appointment');
	t.ok(await page.isVisible('text=was cancelled'), 'SCH-107 cancelled without JavaScript');
	await page.goto(`${ticket}/cancel`);
	await page.fill('#reason', 'Test');
	await page.click('text=Cancel the appointment');
	await context.close();
});

#!/usr/bin/env node
// What is live in the inbox, with two browsers; service level, ratings, reports;
// telling of new messages; long lists and threads; phones and Arabic.
'use strict';

const t = require('./lib.js');

const tenant = t.config().tenants[0];
const org = tenant.organization_id;
const run = Date.now();
const first = `Lior${run % 1e6}`;

const row = (page, who) => page.locator('.talk-row', { hasText: who });

function person(last) {
	return t.sql(`with k as (insert into contacts (organization_id, first_name, last_name) values ($1, $2, $3) returning id),
		c as (insert into conversations (organization_id, contact_id, channel_account_id)
			select $1, k.id, $4 from k returning id, contact_id, channel_account_id),
		m as (insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status)
			select $1, c.id, c.contact_id, c.channel_account_id, 'INBOUND', 'Hello from ' || $3, 'DELIVERED' from c)
		select c.id from c`, org, first, last, tenant.channels.telegram.id);
}

const inbound = (id, words) => t.sql(`insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status)
	select organization_id, id, contact_id, channel_account_id, 'INBOUND', $2, 'DELIVERED' from conversations where id = $1`, id, words);

async function presence(anna, omar) {
	const id = person('presence');
	await anna.goto(`/inbox/${id}`);
	await t.streaming(anna);
	await omar.goto(`/inbox/${id}`);
	await t.lives(anna.waitForFunction(() => /Omar Haddad is looking/.test(document.getElementById('talk-now').textContent)), 'who else looks at a conversation is shown');
	await t.lives(omar.waitForFunction(() => /Anna Berg is looking/.test(document.getElementById('talk-now').textContent)), 'to both, at once');
	await omar.fill('#composer-text', 'I am on it');
	await omar.locator('#composer-text').press('End');
	await t.lives(anna.waitForFunction(() => /Omar Haddad is replying/.test(document.getElementById('talk-now').textContent)), 'INB-88 and that he is replying');
	await t.axe(anna, 'inbox, somebody is replying');
	await t.shot(anna, 'live-replying');
	t.sql('select set_config(\'request.jwt.claims\', $2, true), public.customer_writes($1)', id, JSON.stringify({ org, app_role: 'SYSTEM', role: 'authenticated', may: ['*'] }));
	await omar.goto('/inbox');
	await t.lives(anna.waitForFunction(() => !/Omar/.test(document.getElementById('talk-now').textContent)), 'who leaves is gone');
	// A draft follows its author to another device.
	await anna.fill('#composer-text', `Half of it ${run}`);
	await t.until(() => t.sql('select count(*) = 1 from conversation_drafts where conversation_id = $1 and body = $2', id, `Half of it ${run}`));
	const other = await t.login();
	await other.goto(`/inbox/${id}`);
	t.is(await other.inputValue('#composer-text'), `Half of it ${run}`, 'INB-90 a draft is there on another device');
	await other.context().close();
	await anna.fill('#composer-text', '');
	await anna.press('#composer-text', 'End');
}

async function told() {
	const page = await t.login();
	t.expectTrouble(/Push API in incognito mode/); // the browser says so, as notices are allowed here
	await page.addInitScript(() => {
		window.told = { sounds: 0, notices: [] };
		window.AudioContext = class {
			constructor() { window.told.sounds++; this.currentTime = 0; this.destination = {}; }
			createOscillator() { return { frequency: {}, connect: (x) => x, start() {}, stop() {} }; }
			createGain() { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (x) => x }; }
		};
		window.Notification = class { constructor(title, o) { window.told.notices.push(`${title}: ${o.body}`); } static get permission() { return 'granted'; } static async requestPermission() { return 'granted'; } };
		Object.defineProperty(document, 'visibilityState', { get: () => (window.away ? 'hidden' : 'visible') });
	});
	await page.goto('/settings/inbox');
	await page.check('#desktop');
	await page.click('.form-actions .btn-primary');
	await page.waitForURL(/done=saved/);
	await page.goto('/inbox');
	await t.streaming(page);
	await page.evaluate(() => { window.away = true; });
	person('told');
	await t.lives(page.waitForFunction(() => window.told.sounds === 1), 'INB-89 a new message sounds');
	await t.lives(page.waitForFunction((who) => window.told.notices.some((n) => n.includes(who) && n.includes('Hello from told')), first), 'INB-89 shows on the desktop while the tab is hidden');
	t.like(await page.title(), /^\(1\) /, 'and is counted in the title');
	await page.evaluate(() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); });
	t.like(await page.title(), /^Inbox/, 'until one looks');
	t.sql('delete from inbox_preferences where organization_id = $1', org);
	await page.context().close();
}

async function service(anna, omar) {
	await anna.goto('/settings/sla');
	await t.axe(anna, 'service level');
	await t.shots(anna, 'live-sla');
	await anna.fill('#name-new', `Quick ${run}`);
	await anna.fill('#first-new', 'soon');
	await Promise.all([anna.waitForEvent('load'), anna.locator('.sla-policy:has(#name-new) .btn-primary').click()]);
	await t.lives(anna.waitForSelector('[role=alert]'), 'INB-96 a time that is none is refused');
	t.is(await anna.inputValue('#name-new'), `Quick ${run}`, 'and what was typed is still there');
	await anna.fill('#first-new', '30');
	await anna.fill('#tag-new', 'Needs Attention');
	await anna.check('.sla-policy:has(#name-new) [name=breach_task]');
	await anna.uncheck('.sla-policy:has(#name-new) [name=business_hours_only]');
	await anna.locator('.sla-policy:has(#name-new) .btn-primary').click();
	await anna.waitForURL(/done=saved/);
	t.is(t.sql('select first_response_minutes from sla_policies where name = $1', `Quick ${run}`), '30', 'INB-96 the target of response time is a setting');
	const id = person('service');
	t.is(t.sql("select sla_deadline between now() + interval '29 minutes' and now() + interval '31 minutes' from conversations where id = $1", id), 't', 'INB-97 a new message has its deadline');
	await anna.goto('/inbox');
	await t.lives(row(anna, `${first} service`).locator('.sla', { hasText: /(29|30) min left/ }).waitFor(), 'which the list counts down');
	await t.shot(anna, 'live-clock');
	t.sql("update conversations set status = 'PENDING' where id = $1", id);
	t.is(t.sql('select sla_deadline is null and sla_left > interval \'29 minutes\' from conversations where id = $1', id), 't', 'the clock stands while one waits for the customer');
	t.sql("update conversations set status = 'OPEN' where id = $1", id);
	t.sql("update conversations set sla_deadline = now() - interval '1 second' where id = $1", id);
	await t.lives(t.until(() => t.sql("select tags @> '{\"Needs Attention\"}' and sla_breached_at is not null from conversations where id = $1", id)).then((ok) => { if (!ok) throw new Error('not breached'); }), 'INB-99 overdue, it is tagged by itself');
	t.is(t.sql("select count(*) from tasks where conversation_id = $1 and priority = 'HIGH'", id), '1', 'INB-99 and there is a task of high priority');
	t.ok(Number(t.sql("select count(*) from notifications where kind = 'conversation.overdue' and record_id = $1", id)) >= 1, 'INB-99 somebody is told');
	await anna.goto('/inbox?view=overdue');
	await t.lives(row(anna, `${first} service`).locator('.sla.is-late').waitFor(), 'INB-97 the view Overdue shows it');
	t.sql('delete from sla_policies where name = $1', `Quick ${run}`);
	// Rating.
	await anna.goto('/settings/sla');
	const channel = anna.locator('details', { has: anna.locator(`form[action="/settings/sla/channels/${tenant.channels.telegram.id}"]`) });
	await channel.locator('summary').click();
	await channel.locator('[name=csat]').check();
	await channel.locator('[name=delay]').fill('0');
	await channel.locator('.btn').click();
	await anna.waitForURL(/done=saved/);
	await omar.goto(`/inbox/${id}`);
	await t.streaming(omar);
	await omar.evaluate(() => document.activeElement?.blur());
	await omar.keyboard.press('e');
	const link = await t.until(() => t.sql("select substring(content from 'http[^ ]+/rate') from messages where conversation_id = $1 and metadata ? 'csat'", id));
	t.like(link || '', /\/s\/[0-9a-f]{43}\/rate/, 'after closing, the customer gets a link');
	const customer = await t.open();
	await customer.goto(new URL(link).pathname);
	await t.axe(customer, 'rating');
	await t.shots(customer, 'live-rating');
	await customer.locator('.csat-stars label').nth(4).click();
	await customer.fill('#comment', `Very kind ${run}`);
	await customer.click('form .btn-primary');
	await t.lives(customer.waitForSelector('.csat-thanks'), 'five stars and a comment arrive');
	t.is(t.sql('select score || comment from csat_surveys where conversation_id = $1', id), `5Very kind ${run}`, 'and are stored');
	await customer.context().close();
	await omar.goto(`/inbox/${id}`);
	await t.lives(omar.locator('.panel-rating', { hasText: `Very kind ${run}` }).waitFor(), 'the result stands at the conversation');
	await anna.goto('/inbox/reports');
	await t.axe(anna, 'inbox reports');
	await t.shots(anna, 'live-reports');
	t.like(await anna.textContent('.ratings'), new RegExp(`Very kind ${run}`), 'and in the report');
	t.like(await anna.textContent('.figures'), /5\.0|4\.\d|Rating/, 'INB-100 with averages');
	t.ok(await anna.locator('.chart rect').count() >= 48, 'and volumes by hour as a chart');
	t.sql("update channel_accounts set settings = settings - 'csat' where id = $1", tenant.channels.telegram.id);
}

async function long(anna) {
	const id = person('long');
	t.sql(`alter table messages disable trigger user;
		insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, created_at)
		select c.organization_id, c.id, c.contact_id, c.channel_account_id, 'INBOUND', 'Line ' || n, 'DELIVERED', now() - interval '140 days' + n * interval '2 minutes'
		from conversations c, generate_series(1, 100000) n where c.id = $1; alter table messages enable trigger user`, id);
	await anna.goto(`/inbox/${id}`);
	let most = 0;
	for (let i = 0; i < 9; i++) {
		const top = await anna.locator('.item').first().getAttribute('id');
		await anna.evaluate(() => { document.getElementById('thread').scrollTop = 0; });
		await anna.waitForFunction((id) => document.querySelector('.item').id !== id, top);
		most = Math.max(most, await anna.locator('.item').count());
	}
	t.ok(most > 200 && most <= 300, `INB-63 however far one scrolls, less than 300 messages are in the page (${most})`);
	t.ok(await anna.locator('#items-newer').count() === 1, 'the newer ones come again below');
	await t.lives(anna.waitForSelector('#thread-jump:not([hidden])'), 'a button leads back to the newest');
	await anna.click('#thread-jump');
	await t.lives(anna.locator('.item', { hasText: 'Hello from long' }).waitFor(), 'and the newest is there');
	const old = t.sql("select id from messages where conversation_id = $1 and content = 'Line 50000'", id);
	await anna.goto(`/inbox/${id}#item-${old}`);
	await t.lives(anna.locator('.item', { hasText: 'Line 50000' }).waitFor(), 'an address leads to one message among a hundred thousand');
	t.sql("alter table messages disable trigger user; delete from messages where conversation_id = $1 and content like 'Line %'; alter table messages enable trigger user", id);
}

async function unread(anna) {
	const id = person('unread');
	t.sql('update conversations set unread_count = 0, last_read_at = now() where id = $1', id);
	inbound(id, `First new ${run}`);
	inbound(id, `Second new ${run}`);
	await anna.goto(`/inbox/${id}`);
	await t.lives(anna.waitForSelector('.unread-line'), 'a line stands above what is new');
	t.like(await anna.evaluate(() => document.querySelector('.unread-line').nextElementSibling.textContent), new RegExp(`First new ${run}`), 'above the first of them');
}

async function phone() {
	const page = await t.login({ phone: true });
	const id = person('phone');
	await page.goto('/inbox');
	await t.fits(page, 'inbox with all its tools on a phone');
	await t.axe(page, 'inbox with all its tools on a phone');
	await page.click('#filter-menu > summary');
	await t.fits(page, 'filters on a phone');
	await t.shot(page, 'live-filter-phone');
	await page.keyboard.press('Escape');
	await row(page, `${first} phone`).locator('a').click();
	await page.waitForSelector('.talk');
	await t.fits(page, 'INB-110 a conversation on a phone');
	t.ok(!await page.isVisible('.inbox-list'), 'INB-110 one pane at a time');
	await page.click('#panel-toggle');
	await t.lives(page.waitForSelector('.talk-panel.is-open'), 'INB-111 the contact slides in over it');
	await t.shot(page, 'live-panel-phone');
	await page.click('#panel-close');
	await page.click('.talk-back');
	await page.waitForSelector('.inbox-list', { state: 'visible' });
	await row(page, `${first} phone`).waitFor();
	await page.evaluate((who) => {
		const li = document.getElementById(`row-${who}`), at = li.getBoundingClientRect(), y = at.top + 20;
		const touch = (x) => new Touch({ identifier: 1, target: li.querySelector('a'), clientX: x, clientY: y });
		const fire = (type, x) => li.querySelector('a').dispatchEvent(new TouchEvent(type, { bubbles: true, touches: type === 'touchend' ? [] : [touch(x)], changedTouches: [touch(x)] }));
		fire('touchstart', 60); fire('touchmove', 120); fire('touchmove', 175); fire('touchend', 175);
	}, id);
	await t.lives(t.until(() => t.sql("select status = 'CLOSED' from conversations where id = $1", id)).then((ok) => { if (!ok) throw new Error('open'); }), 'INB-112 a swipe closes a conversation');
	await page.context().close();
}

async function arabic() {
	const page = await t.login();
	await page.context().addCookies([]);
	t.sql("update profiles set language = 'ar' where organization_id = $1 and first_name = 'Anna'", org);
	await page.goto('/inbox');
	await page.reload();
	t.is(await page.evaluate(() => document.documentElement.dir), 'rtl', 'the inbox in Arabic runs from right to left');
	await page.locator('.talk-row a').first().click();
	await page.waitForSelector('.talk');
	await t.fits(page, 'inbox in Arabic');
	await t.axe(page, 'inbox in Arabic');
	await t.shots(page, 'live-arabic');
	await page.goto('/inbox/reports');
	await t.shot(page, 'live-arabic-reports');
	t.sql("update profiles set language = 'en' where organization_id = $1 and first_name = 'Anna'", org);
	await page.context().close();
}

t.run(async () => {
	const anna = await t.login(), omar = await t.login({ user: 1 });
	await presence(anna, omar);
	await told();
	await service(anna, omar);
	await unread(anna);
	await long(anna);
	await phone();
	await arabic();
	t.sql('delete from contacts where organization_id = $1 and first_name = $2', org, first);
});

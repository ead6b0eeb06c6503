#!/usr/bin/env node
// A message in the browser: states, its menu, answering, forwarding, changing, deleting,
// reacting; the composer: later, calling back, files, voice, emoji; search.
'use strict';

const fs = require('node:fs');
const t = require('./lib.js');

const tenant = t.config().tenants[0], org = tenant.organization_id;
const run = Date.now();
const guest = { from: run % 1e9, name: `Messa ${run % 1e6}` };
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGNkYPjPgA0wYRUdtBIAO/8BD7Pkjm8AAAAASUVORK5CYII=', 'base64');

const said = (page, text) => page.locator('.item', { hasText: text });
let talk, bot;

async function reply(page, text) {
	await page.fill('#composer-text', text);
	await page.press('#composer-text', 'Enter');
	await said(page, text).waitFor();
}

async function menu(page, text, what) {
	await said(page, text).first().hover();
	await said(page, text).first().locator('[data-message-menu]').click();
	await page.waitForSelector('.message-menu');
	if (what) await page.click(`.message-menu [data-act="${what}"]`);
}

async function states(page, omar) {
	await reply(page, `Hello ${run}`);
	await t.lives(said(page, `Hello ${run}`).locator('[aria-label="Sent"]').waitFor(), 'MSG-22 MSG-23 sent: one tick');
	const id = (await said(page, `Hello ${run}`).getAttribute('id')).slice(5);
	for (const [state, label] of [['DELIVERED', 'Delivered'], ['READ', 'Read']]) {
		t.sql('update messages set status = $1 where id = $2', state, id);
		await t.lives(said(page, `Hello ${run}`).locator(`[aria-label="${label}"]`).waitFor(), `MSG-22 MSG-26 ${label}, live`);
		await t.lives(said(omar, `Hello ${run}`).locator(`[aria-label="${label}"]`).waitFor(), `MSG-26 ${label} in the other browser, too`);
	}
	await fetch(`${bot}/control/fail`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ match: 'sendMessage', times: 1, status: 502 }) });
	await reply(page, `Lost ${run}`);
	await t.lives(said(page, `Lost ${run}`).locator('text=It arrived').waitFor(), 'MSG-108 unknown: the person decides');
	await t.axe(page, 'thread with an unknown message');
	await said(page, `Lost ${run}`).locator('[data-settle]').click();
	await t.lives(said(page, `Lost ${run}`).locator('[aria-label="Sent"]').waitFor(), 'MSG-108 It arrived settles it');
	await fetch(`${bot}/control/fail`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ match: 'sendMessage', times: 1, status: 400,
		body: { ok: false, error_code: 400, description: 'Bad Request: chat not found' } }) });
	await reply(page, `Failed ${run}`);
	await t.lives(said(page, `Failed ${run}`).locator('.item-problem').waitFor(), 'MSG-22 MSG-30 failed: red, with words');
	await menu(page, `Failed ${run}`, 'details');
	await page.waitForSelector('#details-dialog[open]');
	t.like(await page.textContent('#details-body'), /not know this chat.*Waiting to be sent.*Being sent.*Not sent.*Telegram/s, 'MSG-73 MSG-106 the details: error, history, channel');
	await t.axe(page, 'details of a message');
	await t.shots(page, 'message-details');
	await page.click('#details-dialog [data-close]');
	await said(page, `Failed ${run}`).locator('[data-retry]').click();
	await t.lives(said(page, `Failed ${run}`).locator('[aria-label="Sent"]').waitFor(), 'MSG-29 Try again sends it');
}

async function actions(page) {
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	await t.telegram(`Question ${run}`, guest);
	await said(page, `Question ${run}`).waitFor();
	await menu(page, `Question ${run}`);
	await t.axe(page, 'menu of a message');
	await t.shots(page, 'message-menu');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Escape');
	t.is(await page.locator('.message-menu').count(), 0, 'the menu closes by Escape');
	await menu(page, `Question ${run}`, 'reply');
	t.ok(await page.isVisible('.composer-quote') && new RegExp(`Question ${run}`).test(await page.textContent('.composer-quote')), 'MSG-67 what is answered stands above the text');
	await reply(page, `To that ${run}`);
	t.like(await said(page, `To that ${run}`).locator('.bubble-quote').textContent(), new RegExp(`Question ${run}`), 'MSG-67 and in the message');
	t.ok(await page.isHidden('.composer-quote'), 'once');
	await menu(page, `Question ${run}`);
	await page.click('.message-menu [data-react="👍"]');
	await t.lives(said(page, `Question ${run}`).first().locator('.bubble-reactions .is-ours').waitFor(), 'MSG-75 a reaction of ours');
	await t.until(async () => (await t.calls(bot, /setMessageReaction/)).length);
	t.ok((await t.calls(bot, /setMessageReaction/)).length > 0, 'MSG-75 the customer gets it');
	await menu(page, `Question ${run}`, 'copy');
	t.is(await page.evaluate(() => navigator.clipboard.readText()), `Question ${run}`, 'MSG-71 Copy text');
	await menu(page, `To that ${run}`, 'edit');
	t.is(await page.inputValue('#composer-text'), `To that ${run}`, 'Change brings the words into the composer');
	await page.fill('#composer-text', `To this ${run}`);
	await page.press('#composer-text', 'Enter');
	await t.lives(said(page, `To this ${run}`).locator('.bubble-edited').waitFor(), 'and the message is edited, at the customer, too');
	await menu(page, `To this ${run}`, 'delete');
	await page.waitForSelector('#delete-dialog[open]');
	await t.axe(page, 'deleting a message');
	await page.click('[data-delete="everywhere"]');
	await t.lives(page.locator('.item.is-deleted', { hasText: 'Deleted for everyone' }).first().waitFor(), 'MSG-69 deleted for everyone');
	await menu(page, `Hello ${run}`, 'delete');
	await page.click('[data-delete="here"]');
	await t.lives(page.locator('.item.is-deleted', { hasText: 'the customer still has it' }).waitFor(), 'MSG-69 deleted here, labelled');
	await menu(page, `Question ${run}`, 'task');
	t.is(await page.inputValue('#message-task-name'), `Question ${run}`, 'MSG-74 a task is named by the message');
	await t.axe(page, 'task of a message');
	await page.press('#message-task-name', 'Enter');
	await t.until(() => t.sql('select count(*) > 0 from tasks where title = $1', `Question ${run}`));
	t.is(t.sql('select count(*) from tasks where title = $1 and conversation_id = $2', `Question ${run}`, talk), '1', 'MSG-74 the task points to the conversation');
	await menu(page, `Question ${run}`, 'deal');
	t.is(await page.inputValue('#deal-title'), `Question ${run}`, 'MSG-74 a deal, too');
	await page.click('#deal-dialog [data-close]');
	await menu(page, `Question ${run}`, 'forward');
	await page.waitForSelector('#forward-list [data-target]');
	await t.axe(page, 'forwarding');
	await t.shots(page, 'message-forward');
	const to = await page.locator('#forward-list [data-target]').first().getAttribute('data-target');
	await page.locator('#forward-list [data-target]').first().click();
	await t.lives(page.waitForSelector('#forward-dialog', { state: 'hidden' }), 'MSG-68 forwarded');
	t.is(t.sql("select content from messages where conversation_id = $1 and metadata ? 'forwarded' order by created_at desc limit 1", to), `Question ${run}`, 'MSG-68 it stands in the other conversation');
}

async function later(page) {
	const day = new Date(Date.now() + 2 * 86400000), at = `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}T10:00`;
	await page.fill('#composer-text', `Later ${run}`);
	await page.click('[data-dialog="schedule-dialog"]');
	await page.fill('#schedule-at', at);
	await t.axe(page, 'scheduling');
	await t.shots(page, 'message-schedule');
	await page.click('#schedule-dialog .btn-primary');
	t.ok(await page.isVisible('.composer-when'), 'MSG-17 the time stands above the text');
	await page.press('#composer-text', 'Enter');
	await t.lives(said(page, `Later ${run}`).locator('.bubble-when').waitFor(), 'MSG-24 MSG-36 the message stands as scheduled');
	await t.lives(page.waitForSelector('[data-scheduled]'), 'MSG-17 the composer counts them');
	await page.click('[data-scheduled]');
	await page.waitForSelector('.scheduled-list li');
	await t.axe(page, 'list of scheduled messages');
	await page.click('[data-scheduled-edit]');
	await t.lives(page.waitForFunction((text) => document.getElementById('composer-text').value === text, `Later ${run}`), 'MSG-36 Edit brings it back into the composer');
	t.is(await said(page, `Later ${run}`).count(), 0, 'and out of the thread');
	await page.click('[data-unschedule]');
	await page.fill('#composer-text', '');
	// Calling back.
	await page.click('.composer-more summary');
	await page.click('[data-preference="undo_send"]');
	await page.waitForSelector('.toast-line');
	await page.click('.composer-more summary');
	await reply(page, `Oops ${run}`);
	await page.locator('.toast-line button', { hasText: 'Undo' }).last().click();
	await t.lives(page.waitForFunction((text) => document.getElementById('composer-text').value === text, `Oops ${run}`), 'Undo brings the message back into the composer');
	t.is(t.sql('select count(*) from messages where content = $1', `Oops ${run}`), '0', 'it was never sent');
	await page.fill('#composer-text', `Fine ${run}`);
	await page.press('#composer-text', 'Enter');
	await t.lives(said(page, `Fine ${run}`).locator('[aria-label="Sent"]').waitFor({ timeout: 12000 }), 'left alone it goes out after five seconds');
	t.sql("update composer_preferences set undo_send = false where user_id = (select r.user_id from user_roles r join profiles p on p.id = r.user_id where p.email = $1 and r.organization_id = $2)", tenant.users[0].email, org);
	await page.reload();
}

async function composer(page) {
	await page.click('.composer-emoji summary');
	await page.click('[data-emoji]');
	t.ok((await page.inputValue('#composer-text')).length > 0, 'MSG-15 an emoji at the cursor');
	await page.fill('#composer-text', 'x'.repeat(4090));
	t.like(await page.textContent('#composer-count'), /4,090 \/ 4,096/, 'MSG-2 MSG-101 the limit of the channel is counted');
	await page.fill('#composer-text', 'x'.repeat(4100));
	t.ok(await page.isDisabled('.composer-send'), 'MSG-2 more than the channel allows cannot be sent');
	await page.fill('#composer-text', 'one\ntwo\nthree\nfour\nfive');
	t.ok(await page.evaluate(() => document.getElementById('composer-text').clientHeight) > 90, 'the composer grows');
	await page.fill('#composer-text', 'Dear {{first_name}}');
	await page.press('#composer-text', 'Enter');
	t.ok(await page.isVisible('.toast-line.bad'), 'what is left to fill in is not sent');
	await page.fill('#composer-text', '');
	await page.click('[data-mode="note"]');
	t.ok(await page.isHidden('[data-voice]') && await page.isHidden('label[for="composer-file"]'), 'a note has neither files nor a time');
	await page.click('[data-mode="reply"]');
	// Files.
	await page.setInputFiles('#composer-file', [{ name: 'a.png', mimeType: 'image/png', buffer: PNG }, { name: 'plan.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n') }]);
	t.is(await page.locator('.composer-files li').count(), 2, 'MSG-13 MSG-14 several files');
	t.is(await page.locator('.composer-files img').count(), 1, 'MSG-14 pictures are seen before they are sent');
	await page.locator('.composer-files button').last().click();
	t.is(await page.locator('.composer-files li').count(), 1, 'and can be taken out');
	const data = await page.evaluateHandle((base64) => {
		const d = new DataTransfer();
		d.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'drop.png', { type: 'image/png' }));
		return d;
	}, PNG.toString('base64'));
	await page.dispatchEvent('#thread', 'drop', { dataTransfer: data });
	t.is(await page.locator('.composer-files li').count(), 2, 'MSG-14 dropped onto the thread');
	await page.evaluate((d) => document.getElementById('composer-text').dispatchEvent(new ClipboardEvent('paste', { clipboardData: d, bubbles: true, cancelable: true })), data);
	t.is(await page.locator('.composer-files li').count(), 3, 'MSG-14 a picture that is pasted');
	await t.axe(page, 'composer with files');
	await t.shots(page, 'composer-files');
	await page.fill('#composer-text', `Pictures ${run}`);
	await page.press('#composer-text', 'Enter');
	await t.lives(said(page, `Pictures ${run}`).locator('[aria-label="Sent"]').waitFor(), 'MSG-13 they go out in one message');
	t.is(await said(page, `Pictures ${run}`).locator('.bubble-image').count(), 3, 'MSG-76 and are shown in the thread');
	const [file] = await Promise.all([page.waitForEvent('download'), menu(page, `Pictures ${run}`, 'download')]);
	t.ok(fs.readFileSync(await file.path()).equals(PNG), 'MSG-72 Download files: as they were');
	await page.evaluate(() => {
		const d = new DataTransfer();
		d.items.add(new File([new Uint8Array(26 * 1024 * 1024)], 'huge.bin', { type: 'application/octet-stream' }));
		document.getElementById('composer-text').dispatchEvent(new ClipboardEvent('paste', { clipboardData: d, bubbles: true, cancelable: true }));
	});
	t.like(await page.locator('.toast-line.bad').last().textContent(), /huge\.bin is too large: Telegram.*25 MB/, 'MSG-102 what is too large is refused before it is sent');
}

async function voice() {
	const { chromium } = require('playwright-core');
	const browser = await chromium.launch({ executablePath: process.env.KONTOR_CHROMIUM || '/usr/bin/chromium',
		args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] });
	const context = await browser.newContext({ baseURL: t.config().base_url, permissions: ['microphone'] });
	await context.addCookies(await (await t.login()).context().cookies());
	const page = await context.newPage();
	await page.goto(`/inbox/${talk}`);
	await page.click('[data-voice]');
	await t.lives(page.waitForSelector('[data-voice][aria-pressed="true"]'), 'MSG-5 the microphone is on');
	await page.waitForTimeout(1300);
	await page.click('[data-voice]');
	await t.lives(page.waitForSelector('.composer-files audio'), 'MSG-5 MSG-14 a voice message that can be heard before it is sent');
	await page.click('.composer-send');
	await t.lives(page.locator('.item-out .bubble-audio').last().waitFor(), 'MSG-5 and it stands in the thread');
	await browser.close();
}

async function search(page) {
	await t.telegram(`Needle haystack${run}`, guest);
	await said(page, `haystack${run}`).waitFor();
	await t.until(() => t.sql("select count(*) > 0 from internal.message_words w join messages m on m.id = w.message_id where m.content like $1", `%haystack${run}`));
	await page.goto('/inbox/search');
	await t.axe(page, 'search of messages, empty');
	await page.fill('#q', `stack${run}`);
	await t.lives(page.waitForSelector('.hit mark'), 'MSG-63 all messages are searched while one types, matches marked');
	t.like(page.url(), /q=stack/, 'MSG-63 the address keeps the search');
	await page.fill('[name="to"]', '2020-01-01');
	await t.lives(page.waitForSelector('text=No message found'), 'MSG-64 filtered by date');
	await page.fill('[name="to"]', '');
	await page.waitForSelector('.hit');
	await t.axe(page, 'search of messages');
	await t.shots(page, 'message-search');
	await page.click('.hit a');
	await page.waitForURL(/\/inbox\/[0-9a-f-]{36}/);
	await t.lives(page.locator('.item.is-found', { hasText: `haystack${run}` }).waitFor(), 'MSG-63 a result leads to the message in its thread');
	// Inside a thread, messages that are not loaded.
	t.sql(`alter table messages disable trigger inserted; insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, created_at)
		select c.organization_id, c.id, c.contact_id, c.channel_account_id, 'INBOUND', case n when 5 then 'Deepword ' else 'Filler ' end || n, 'DELIVERED', now() - interval '3 days' + n * interval '1 minute'
		from conversations c, generate_series(1, 200) n where c.id = $1; alter table messages enable trigger inserted`, talk);
	await t.until(() => t.sql("select count(*) > 0 from internal.message_words w join messages m on m.id = w.message_id where m.conversation_id = $1 and m.content = 'Deepword 5'", talk));
	await page.goto(`/inbox/${talk}`);
	await page.keyboard.press('f');
	await page.keyboard.type('deepword');
	await t.lives(page.locator('.item.is-found', { hasText: 'Deepword 5' }).waitFor(), 'MSG-63 finding in a thread jumps to a message that was not loaded');
	await page.fill('#thread-find [name="q"]', 'filler');
	await t.lives(page.waitForFunction(() => /^1 of \d+/.test(document.querySelector('.thread-find-count').textContent)), 'MSG-63 with the number of matches');
	await page.locator('.item.is-found', { hasText: 'Filler' }).waitFor();
	const before = await page.locator('.item.is-found').getAttribute('id');
	await page.click('[data-find="1"]');
	await t.lives(page.waitForFunction((id) => document.querySelector('.item.is-found')?.id !== id, before), 'MSG-63 next');
	await page.click('[data-find="-1"]');
	await t.lives(page.waitForFunction((id) => document.querySelector('.item.is-found')?.id === id, before), 'MSG-63 and previous');
	await t.axe(page, 'finding in a thread');
	await page.keyboard.press('Escape');
}

t.run(async () => {
	const tg = tenant.channels.telegram;
	bot = await t.standin('telegram.pl', '--token', tg.bot_token);
	t.sql("update channel_accounts set settings = settings || jsonb_build_object('api_base', $1::text) where id = $2", bot, tg.id);
	await t.telegram(`First ${run}`, guest);
	talk = await t.until(() => t.sql('select conversation_id from messages where content = $1', `First ${run}`));
	const anna = await t.login(), omar = await t.login({ user: 1 });
	await anna.goto(`/inbox/${talk}`);
	await omar.goto(`/inbox/${talk}`);
	await states(anna, omar);
	await actions(anna);
	await later(anna);
	await composer(anna);
	await voice();
	await search(anna);
	const phone = await t.login({ phone: true });
	await phone.goto(`/inbox/${talk}`);
	await t.fits(phone, 'composer on a phone');
	await t.axe(phone, 'composer on a phone');
	await t.shots(phone, 'composer-phone');
	await phone.goto('/inbox/search?q=needle');
	await t.fits(phone, 'search of messages on a phone');
	await phone.goto('/settings/messages');
	await t.fits(phone, 'settings of messages on a phone');
	await t.axe(phone, 'settings of messages');
});

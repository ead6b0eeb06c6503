#!/usr/bin/env node
// The inbox with real messages in both directions: Telegram and WhatsApp calls
// come in through the intake, replies go out through the worker to stand-ins.
'use strict';

const t = require('./lib.js');

const tenant = t.config().tenants[0];
const org = tenant.organization_id;
const run = Date.now();
// A person of this run alone, so that the test can be repeated on an instance.
const guest = { from: run % 1e9, name: `Noor ${run % 1e6}` };
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGNkYPjPgA0wYRUdtBIAO/8BD7Pkjm8AAAAASUVORK5CYII=', 'base64');

const row = (page, name) => page.locator('.talk-row', { hasText: name });
const said = (page, text) => page.locator('.item', { hasText: text });

async function openTalk(page, name) {
	await row(page, name).locator('a').click();
	await page.waitForSelector(`.talk[aria-label="Conversation with ${name}"]`);
}

async function reply(page, text) {
	await page.fill('#composer-text', text);
	await page.press('#composer-text', 'Enter');
	await said(page, text).waitFor();
}

async function signIn() {
	const page = await t.open();
	await page.goto('/inbox?view=mine');
	t.is(new URL(page.url()).pathname, '/login', 'a page without a session leads to the sign-in');
	await t.axe(page, 'sign-in');
	await t.shots(page, 'login');
	await page.fill('#email', 'nobody@nordlicht.example');
	await page.fill('#password', 'wrong');
	await page.click('form button');
	const unknown = await page.textContent('[role="alert"]');
	await page.fill('#email', tenant.users[2].email);
	await page.fill('#password', 'wrong');
	await page.click('form button');
	t.is(await page.textContent('[role="alert"]'), unknown, 'an unknown address and a wrong password get the same answer');
	await page.fill('#password', tenant.users[2].password);
	await page.click('form button');
	await page.waitForSelector('.inbox');
	t.is(new URL(page.url()).pathname, '/inbox', 'signing in leads to where one wanted to go');
	const cookie = (await page.context().cookies()).find((c) => c.name === 'kontor_session');
	t.ok(cookie.httpOnly && cookie.sameSite === 'Lax', 'the session cookie is HttpOnly and SameSite=Lax');
	await page.click('.shell-menu summary');
	await page.click('text=Sign out');
	await page.waitForURL('**/login');
	await page.goto('/');
	t.is(new URL(page.url()).pathname, '/login', 'after signing out the session is no more');
	await page.context().close();
}

async function list(page) {
	await page.goto('/inbox');
	const texts = await page.locator('.talk-row').allTextContents();
	t.ok(texts.length >= 5, 'INB-1 conversations of all channels stand in one list');
	t.ok(await page.locator('.row-channel use[href$="#brand-telegram"]').count() > 0
		&& await page.locator('.row-channel use[href$="#brand-whatsapp"]').count() > 0, 'INB-6 with the badge of their channel');
	const times = await page.locator('.talk-row').evaluateAll((rows) => rows.map((r) => Number(r.dataset.at)));
	t.ok(times.every((x, i) => !i || x <= times[i - 1]), 'INB-3 the newest first');
	t.ok(texts.some((text) => /Mariam Hassan/.test(text)), 'INB-5 with their names');
	await page.keyboard.press('/');
	t.is(await page.evaluate(() => document.activeElement.name), 'q', 'the key / leads to the search');
	await page.keyboard.type('mari');
	await t.lives(page.waitForFunction(() => document.querySelectorAll('.talk-row').length === 1), 'INB-25 search by a part of the name, while typing');
	await page.fill('[name=q]', '+20 100 123');
	await t.lives(page.waitForFunction(() => document.querySelectorAll('.talk-row').length === 1), 'INB-25 and by phone, however it is written');
	await page.fill('[name=q]', 'zzzz');
	await t.lives(page.waitForSelector('text=Nobody found'), 'a search without a result says so');
	await t.axe(page, 'inbox, empty search');
	await page.fill('[name=q]', 'jonas');
	await t.lives(row(page, 'Jonas Petersen').waitFor(), 'INB-26 a search finds closed conversations too');
	await page.goto('/inbox?view=closed');
	t.is(await page.locator('.talk-row').count(), await page.locator('[data-closed]').count(), 'INB-17 the view Closed');
	await page.goto('/inbox?channel=WHATSAPP');
	t.is(await page.locator('.row-channel use:not([href$="#brand-whatsapp"])').count(), 0, 'INB-19 one filter for WhatsApp');
	t.ok(await page.locator('.talk-row').count() > 0, 'INB-8 filter by channel');
	await page.goto('/inbox?view=unassigned');
	t.is(await page.locator('.row-assignee').count(), 0, 'INB-16 the view Unassigned');
	await page.goto('/inbox');
	await t.axe(page, 'inbox');
	await t.shots(page, 'inbox-list');
}

async function live(anna, omar) {
	const streams = [];
	anna.on('request', (rq) => { if (rq.url().endsWith('/live')) streams.push(rq); });
	await anna.goto('/inbox');
	await omar.goto('/inbox');
	await anna.evaluate(() => { window.stayed = true; });
	await t.streaming(anna, omar);
	t.is(streams.length, 1, 'a tab holds one stream');
	const count = Number(await anna.textContent('#unanswered-count'));
	const began = Date.now();
	await t.telegram(`A new person ${run}`, guest);
	await t.lives(row(anna, guest.name).waitFor(), 'INB-7 INB-41 a new conversation appears in the list without a reload');
	t.diag(`${Date.now() - began} ms from the provider's call to the row`);
	await t.lives(row(omar, guest.name).waitFor(), 'INB-85 and in the session of a colleague');
	t.is(await anna.locator('.talk-row').first().getAttribute('class').then((c) => c.includes('is-unread')), true, 'INB-5 marked as unread, at the top');
	await t.lives(anna.waitForFunction((n) => Number(document.getElementById('unanswered-count').textContent) === n + 1, count), 'INB-27 the number in the navigation follows');
	t.like(await row(anna, guest.name).textContent(), /A new person.*1/s, 'INB-5 with preview and number of unread');
	await openTalk(omar, guest.name);
	await t.telegram(`Second line ${run}`, guest);
	await t.lives(said(omar, `Second line ${run}`).waitFor(), 'INB-85 a message appears in the open thread');
	await t.lives(t.until(() => t.sql("select unread_count = 0 from conversations c join contacts k on k.id = c.contact_id where k.last_name = $2 and c.organization_id = $1", org, guest.name.split(' ')[1])).then((v) => { if (!v) throw new Error('still unread'); }), 'INB-65 and is read at once, as somebody looks at it');
	await t.lives(anna.waitForFunction(() => ![...document.querySelectorAll('.is-unread')].some((r) => r.textContent.includes('Second line'))), 'INB-65 INB-90 which other sessions see');
	t.ok(await anna.evaluate(() => window.stayed), 'INB-7 the page was not loaded again');
}

async function replies(anna, omar, bot) {
	await openTalk(anna, guest.name);
	t.like(anna.url(), /\/inbox\/[0-9a-f-]{36}/, 'an open conversation has its own address');
	await reply(anna, `With pleasure ${run}`);
	await t.lives(said(omar, `With pleasure ${run}`).waitFor(), 'INB-85 a reply appears in the session of a colleague');
	await t.lives(said(anna, `With pleasure ${run}`).locator('[aria-label="Sent"]').waitFor(), 'INB-88 its state follows live: sent');
	t.is((await t.calls(bot, /sendMessage/)).filter((c) => JSON.stringify(c).includes(`With pleasure ${run}`)).length, 1, 'the provider got it, once');
	t.like(await said(anna, `With pleasure ${run}`).textContent(), /Anna Berg/, 'INB-64 the agent is named');
	t.like(await row(anna, guest.name).textContent(), /You: With pleasure/, 'INB-48 the list shows it as the last message');
	const twice = await anna.evaluate(async (text) => {
		const id = crypto.randomUUID(), url = document.querySelector('.composer-form').action;
		const once = () => {
			const body = new FormData();
			body.append('content', text);
			body.append('client_id', id);
			return fetch(url, { method: 'POST', body, headers: { 'HX-Request': 'true', 'X-CSRF-Token': document.querySelector('meta[name=csrf]').content } }).then((r) => r.status);
		};
		return Promise.all([once(), once(), once()]);
	}, `Thrice ${run}`);
	t.is(twice.join(), '200,200,200', 'the same message sent three times at once is taken');
	t.is(t.sql('select count(*) from messages where content = $1', `Thrice ${run}`), '1', 'and is one message');
	await anna.evaluate((text) => {
		const box = document.getElementById('composer-text');
		box.value = text;
		box.dispatchEvent(new Event('input', { bubbles: true }));
	}, 'Half a thought');
	await t.until(() => t.sql("select count(*) = 1 from conversation_drafts where body = 'Half a thought'"));
	await anna.reload();
	t.is(await anna.inputValue('#composer-text'), 'Half a thought', 'a draft survives a reload');
	await anna.fill('#composer-text', '');
	await anna.press('#composer-text', 'Shift+Enter');
	t.is(await anna.inputValue('#composer-text'), '\n', 'Shift Enter is a new line');
	await anna.fill('#composer-text', '<b>&"\'</b> https://example.com/a?b=1&c=2.');
	await anna.press('#composer-text', 'Enter');
	await said(anna, '<b>&').waitFor();
	t.is(await said(anna, '<b>&').locator('.bubble-text a').getAttribute('href'), 'https://example.com/a?b=1&c=2', 'text stays text, an address becomes a link');
	await said(anna, '<b>&').locator('[aria-label="Sent"]').waitFor(); // the refusal below is for the next one
	await fetch(`${bot}/control/fail`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ match: 'sendMessage', times: 1, status: 403, body: { ok: false, error_code: 403, description: 'Forbidden: bot was blocked by the user' } }) });
	await reply(anna, `Blocked ${run}`);
	await t.lives(said(anna, `Blocked ${run}`).locator('.item-problem').waitFor(), 'a refusal of the provider shows at the message');
	await t.axe(anna, 'inbox, thread with a failed message');
	await t.shots(anna, 'inbox-failed');
	await said(anna, `Blocked ${run}`).locator('[data-retry]').click();
	await t.lives(said(anna, `Blocked ${run}`).locator('[aria-label="Sent"]').waitFor(), 'and Try again sends it');
}

async function files(anna, omar) {
	await anna.setInputFiles('#composer-file', [{ name: 'plan räum.png', mimeType: 'image/png', buffer: PNG },
		{ name: 'evil.html', mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>') }]);
	t.is(await anna.locator('.composer-files li').count(), 2, 'chosen files are listed');
	await anna.fill('#composer-text', `See the plan ${run}`);
	await anna.click('.composer-send');
	const mine = said(anna, `See the plan ${run}`);
	await t.lives(anna.waitForFunction((text) => [...document.querySelectorAll('.item')].some((i) => i.textContent.includes(text) && i.querySelector('img')?.naturalWidth === 8), `See the plan ${run}`), 'a picture is shown in the thread');
	const link = await mine.locator('a.bubble-file').getAttribute('href');
	const picture = await mine.locator('img').getAttribute('src');
	const html = await anna.request.get(link), png = await anna.request.get(picture);
	t.like(html.headers()['content-disposition'], /^attachment; filename="evil\.html"/, 'a document is a download under its name');
	t.is(html.headers()['content-type'], 'application/octet-stream', 'and of no type that runs');
	t.is(html.headers()['x-content-type-options'], 'nosniff', 'which a browser does not guess');
	t.like(html.headers()['content-security-policy'], /sandbox/, 'in a sandbox');
	t.like(png.headers()['content-disposition'], /^inline; filename="plan r__um\.png"; filename\*=UTF-8''plan%20r%C3%A4um\.png/, 'a name of any script is kept');
	t.ok((await png.body()).equals(PNG), 'the picture comes back byte by byte');
	await t.lives(said(omar, `See the plan ${run}`).locator('img').waitFor(), 'a colleague sees it too');
	const bo = await t.login({ tenant: 1 });
	t.is((await bo.request.get(picture, { maxRedirects: 0 })).status(), 404, 'another tenant does not');
	t.is((await bo.request.get(anna.url())).status(), 404, 'nor the conversation');
	const none = await t.open();
	t.is((await none.request.get(picture, { maxRedirects: 0 })).status(), 303, 'a stranger is sent to the sign-in');
	t.is((await none.request.get('/live')).status(), 401, 'and gets no stream');
	await none.context().close();
	await bo.context().close();
}

async function conversation(anna, omar, bot) {
	await openTalk(omar, guest.name);
	await anna.locator('.thread').focus();
	await anna.keyboard.press('a');
	await anna.waitForSelector('#assign-dialog[open]');
	await t.axe(anna, 'inbox, assign dialog');
	t.like(await anna.locator('.assign-line', { hasText: 'Omar' }).textContent(), /online|offline/, 'INB-54 the dialog shows who is online');
	t.like(await anna.locator('.assign-line', { hasText: 'Omar' }).textContent(), /Open: \d/, 'INB-54 and how many open conversations each has');
	await t.shot(anna, 'inbox-assign');
	await anna.locator('.assign-line', { hasText: 'Omar' }).click();
	await t.lives(omar.waitForFunction(() => /Omar/.test(document.getElementById('assign-button').textContent)), 'INB-53 INB-86 an assignment reaches the other session');
	await omar.goto('/inbox?view=mine');
	await t.lives(row(omar, guest.name).waitFor(), 'INB-15 INB-58 and stands in the view Mine of the assignee');
	await anna.keyboard.press('Escape');
	await anna.locator('.thread').focus();
	await anna.keyboard.press('s');
	await t.lives(row(anna, guest.name).locator('.row-star').waitFor(), 'INB-52 the key s stars the conversation');

	const before = (await t.calls(bot, /send/)).length;
	await anna.click('[data-mode=note]');
	await anna.fill('#composer-text', `Wants the blue one ${run}`);
	await anna.press('#composer-text', 'Enter');
	await t.lives(anna.locator('.item-note', { hasText: `Wants the blue one ${run}` }).waitFor(), 'INB-73 a note stands in the thread');
	await t.lives(anna.locator('.panel-note', { hasText: `Wants the blue one ${run}` }).waitFor(), 'INB-73 and in the contact panel, with author and time');
	await t.shots(anna, 'inbox-thread');
	await t.axe(anna, 'inbox, thread with a note');
	await anna.click('[data-mode=reply]');

	await anna.click('[data-dialog=deal-dialog]');
	await anna.waitForSelector('#deal-dialog[open]');
	await t.axe(anna, 'inbox, deal dialog');
	await t.shot(anna, 'inbox-deal');
	await anna.fill('#deal-title', `Platform for Noor ${run}`);
	await anna.fill('#deal-value', 'much');
	await anna.click('#deal-dialog .btn-primary');
	await t.lives(anna.waitForSelector('.form-problem:not([hidden])'), 'a value that is none is refused beside the field');
	await anna.fill('#deal-value', '4800');
	await anna.selectOption('#deal-stage', { label: 'Qualified' });
	await anna.click('#deal-dialog .btn-primary');
	await t.lives(anna.locator('#panel-deals', { hasText: `Platform for Noor ${run}` }).waitFor(), 'INB-82 a deal made in the conversation stands in the panel');
	t.is(t.sql('select d.stage || d.value || d.currency || (d.contact_id = c.contact_id) || (d.conversation_id = c.id) from deals d join conversations c on c.id = d.conversation_id where d.title = $1', `Platform for Noor ${run}`),
		'qualified4800.00EURtruetrue', 'INB-82 linked to contact and conversation');

	await omar.goto('/inbox');
	await row(omar, guest.name).waitFor();
	await t.streaming(omar);
	await anna.locator('.thread').focus();
	await anna.keyboard.press('e');
	await t.lives(row(omar, guest.name).waitFor({ state: 'detached' }), 'INB-43 INB-87 closed with the key e, it leaves the open view of everybody');
	await t.lives(anna.waitForSelector('.composer[data-state=closed]'), 'a closed conversation offers to reopen it');
	await t.axe(anna, 'inbox, closed conversation');
	await t.lives(anna.click('.toasts button'), 'the toast offers Undo');
	await t.lives(row(omar, guest.name).waitFor(), 'INB-46 which reopens it');
	await anna.locator('.thread').focus();
	await anna.keyboard.press('e');
	await row(omar, guest.name).waitFor({ state: 'detached' });
	await t.telegram(`Me again ${run}`, guest);
	await t.lives(row(omar, guest.name).waitFor(), 'INB-44 a message of the customer reopens it');
	await t.lives(anna.waitForSelector('.composer[data-state=open]'), 'INB-44 INB-87 also where it is open');
	t.is((await t.calls(bot, /send/)).length, before, 'INB-75 nothing of all this went to the customer');
}

// What a first visit loads, as it travels.
async function weight() {
	const page = await t.login(), sizes = {};
	const session = await page.context().newCDPSession(page);
	await session.send('Network.enable');
	const types = new Map();
	session.on('Network.responseReceived', (e) => types.set(e.requestId, [e.type, new URL(e.response.url).pathname]));
	session.on('Network.loadingFinished', (e) => {
		const [type, path] = types.get(e.requestId) || [];
		if (['Stylesheet', 'Script', 'Document'].includes(type)) sizes[path] = [type, e.encodedDataLength];
	});
	await page.goto('/inbox');
	await t.streaming(page);
	const sum = (want) => Object.values(sizes).filter(([type]) => want.includes(type)).reduce((n, [, size]) => n + size, 0);
	t.diag(`scripts and styles ${sum(['Stylesheet', 'Script'])}, page ${sum(['Document'])} bytes`);
	t.ok(sum(['Stylesheet', 'Script']) < 150000, 'scripts and styles of the inbox are under 150 kB as they travel');
	t.ok(sum(['Document']) < 60000, 'and the page under 60 kB');
	await page.context().close();
}

async function keyboard(anna) {
	await anna.goto('/inbox');
	await anna.keyboard.press('j');
	await anna.waitForSelector('.talk');
	const first = await anna.locator('.row-link[aria-current]').getAttribute('data-talk');
	await anna.keyboard.press('j');
	await t.lives(anna.waitForFunction((id) => document.querySelector('.talk')?.dataset.talkId !== id, first), 'the keys j and k walk through conversations');
	await anna.keyboard.press('k');
	await t.lives(anna.waitForFunction((id) => document.querySelector('.talk')?.dataset.talkId === id, first), 'and back');
	await anna.keyboard.press('r');
	t.is(await anna.evaluate(() => document.activeElement.id), 'composer-text', 'the key r leads to the reply');
	await anna.keyboard.press('Escape');
	await anna.goBack();
	await anna.keyboard.press('g');
	await anna.keyboard.press('h');
	await t.lives(anna.waitForURL((url) => url.pathname === '/'), 'g h leads home');
	await t.axe(anna, 'home');
	await t.shots(anna, 'home');
}

async function whatsapp(anna) {
	const wa = tenant.channels.whatsapp_cloud;
	const graph = await t.standin('whatsapp.pl', '--phone-number-id', wa.phone_number_id, '--token', wa.access_token,
		'--app-secret', wa.app_secret, '--webhook', wa.webhook_url);
	t.sql("update channel_accounts set settings = settings || jsonb_build_object('api_base', $1::text) where id = $2", `${graph}/v22.0`, wa.id);
	await anna.goto('/inbox');
	await openTalk(anna, 'Mariam Hassan');
	await t.streaming(anna);
	await reply(anna, `Twelve pallets ${run}`);
	await t.lives(said(anna, `Twelve pallets ${run}`).locator('[aria-label="Read"]').waitFor(), 'INB-88 receipts of WhatsApp turn the ticks: read');
	const id = anna.url().split('/').pop().slice(0, 36);
	t.sql("update conversations set last_inbound_at = now() - interval '22 hours 30 minutes' where id = $1", id);
	await anna.reload();
	t.like(await anna.textContent('.composer-window'), /1 h (29|30) min left/, 'INB-101 the end of the 24-hour window is announced');
	t.sql("update conversations set last_inbound_at = now() - interval '25 hours' where id = $1", id);
	await anna.reload();
	t.like(await anna.textContent('.composer-notice'), /24 hours/, 'after it a notice stands in the place of the reply');
	t.is(await anna.locator('[data-mode=reply]').count(), 0, 'only notes can be written then');
	await t.axe(anna, 'inbox, window closed');
	await t.shots(anna, 'inbox-window');
	t.sql('update conversations set last_inbound_at = now() where id = $1', id);
}

async function long(anna) {
	const talk = t.sql("select c.id from conversations c join contacts k on k.id = c.contact_id where c.organization_id = $1 and k.first_name = 'Ingrid' and c.status = 'OPEN' limit 1", org);
	t.sql(`set session_replication_role = replica;
		insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, created_at)
		select c.organization_id, c.id, c.contact_id, c.channel_account_id, 'INBOUND', 'Line ' || n, 'DELIVERED', now() - interval '40 days' + n * interval '2 minutes'
		from conversations c, generate_series(1, 100000) n where c.id = $1 and now() - interval '40 days' + n * interval '2 minutes' < now() - interval '1 day'
	`.replace('set session_replication_role = replica;', "alter table messages disable trigger user;") + '; alter table messages enable trigger user', talk);
	const began = Date.now();
	await anna.goto(`/inbox/${talk}`);
	t.ok(Date.now() - began < 3000, 'a thread of many thousand messages opens at once');
	t.is(await anna.locator('.item').count(), 50, 'with the newest fifty');
	const top = await anna.locator('.item').first().getAttribute('id');
	await anna.evaluate(() => { document.getElementById('thread').scrollTop = 0; });
	await t.lives(anna.waitForFunction(() => document.querySelectorAll('.item').length === 100), 'older ones come when one scrolls up');
	const jump = await anna.evaluate((id) => {
		const item = document.getElementById(id).getBoundingClientRect(), box = document.getElementById('thread').getBoundingClientRect();
		return item.top - box.top;
	}, top);
	t.ok(jump > -400 && jump < 400, 'INB-63 and what was read stays where it is');
	const order = await anna.locator('.item').evaluateAll((all) => all.map((i) => i.dataset.at));
	t.ok(order.every((x, i) => !i || x >= order[i - 1]), 'INB-63 oldest to newest');
	const days = await anna.locator('.day').evaluateAll((all) => all.map((d) => d.dataset.day));
	t.is(new Set(days).size, days.length, 'each day has one line');
	t.sql("alter table messages disable trigger user; delete from messages where conversation_id = $1 and content like 'Line %'; alter table messages enable trigger user", talk);
}

async function paging() {
	const bo = await t.login({ tenant: 1 });
	const id = t.config().tenants[1].organization_id;
	t.sql(`with people as (insert into contacts (organization_id, first_name, last_name) select $1, 'Guest', 'Number ' || n from generate_series(1, 130) n returning id, last_name)
		insert into conversations (organization_id, contact_id, channel_account_id, last_message_at, last_message_preview, last_message_direction)
		select $1, p.id, (select a.id from channel_accounts a where a.organization_id = $1 and a.type = 'TELEGRAM' limit 1), now() - split_part(p.last_name, ' ', 2)::integer * interval '1 minute', 'Hello', 'OUTBOUND' from people p`, id);
	// A hundred events at once would load the list anew under the test's feet.
	await t.until(() => t.sql('select count(*) = 0 from events where organization_id = $1 and seq is null', id));
	await bo.goto('/inbox');
	t.is(await bo.locator('.talk-row').count(), 50, 'INB-3 the list begins with fifty');
	const scroll = () => bo.evaluate(() => { const r = document.getElementById('rows'); r.scrollTop = r.scrollHeight; });
	await scroll();
	await t.lives(bo.waitForFunction(() => document.querySelectorAll('.talk-row').length >= 100), 'INB-3 and goes on when one scrolls');
	const ids = new Set(await bo.locator('.talk-row').evaluateAll((rows) => rows.map((r) => r.id)));
	t.is(ids.size, 100, 'INB-3 no row twice');
	await scroll();
	await bo.waitForSelector('.rows-more', { state: 'detached' });
	await scroll();
	await t.lives(bo.locator('.talk-row', { hasText: /Number 130(?!\d)/ }).waitFor(), 'INB-3 to the very last');
	t.ok(await bo.locator('.talk-row').count() < 125, 'the rows in the page stay bounded');
	await bo.evaluate(() => { document.getElementById('rows').scrollTop = 0; });
	await t.lives(bo.locator('.talk-row', { hasText: /Number 1(?!\d)/ }).waitFor(), 'and the first ones are there again when one scrolls back');
	t.sql("delete from contacts where organization_id = $1 and first_name = 'Guest'", id);
	t.sql("update conversations set status = 'CLOSED' where organization_id = $1 and status <> 'CLOSED'", id);
	await bo.goto('/inbox');
	await t.lives(bo.waitForSelector('text=All answered'), 'an empty inbox says what to do');
	await t.axe(bo, 'inbox, empty');
	await t.shots(bo, 'inbox-empty');
	await bo.context().close();
}

async function dropped(anna) {
	await anna.goto('/inbox');
	await t.streaming(anna);
	await anna.context().setOffline(true);
	await t.lives(anna.waitForSelector('#live-state:not([hidden])'), 'INB-32 INB-91 a lost connection shows');
	await t.telegram(`While away ${run}`, { from: (run + 7) % 1e9, name: `Missed ${run % 1e6}` });
	await t.until(() => t.sql(`select exists (select from contacts k join conversations c on c.contact_id = k.id where k.organization_id = $1 and k.first_name = 'Missed' and k.last_name = $2)
		and not exists (select from events where organization_id = $1 and seq is null)`, org, String(run % 1e6)));
	await anna.context().setOffline(false);
	await t.lives(row(anna, `Missed ${run % 1e6}`).waitFor({ timeout: 20000 }), 'INB-91 it connects again by itself and catches up');
	await t.lives(anna.waitForSelector('#live-state', { state: 'hidden' }), 'INB-32 and the sign goes');
}

async function onPhone() {
	const page = await t.login({ phone: true });
	await page.goto('/inbox');
	await t.fits(page, 'inbox on a phone');
	await t.axe(page, 'inbox on a phone');
	await t.shots(page, 'inbox-phone');
	await openTalk(page, guest.name);
	await t.fits(page, 'thread on a phone');
	t.ok(!await page.isVisible('.inbox-list'), 'on a phone the thread takes the place of the list');
	await t.axe(page, 'thread on a phone');
	await t.shots(page, 'thread-phone');
	await page.click('#panel-toggle');
	await t.lives(page.waitForSelector('.talk-panel.is-open'), 'the contact opens over it');
	await t.shot(page, 'panel-phone');
	await page.click('#panel-close');
	await page.click('.talk-back');
	await t.lives(page.waitForSelector('.inbox-list', { state: 'visible' }), 'and the arrow leads back to the list');
	await page.goto('/');
	await t.fits(page, 'home on a phone');
	await t.shots(page, 'home-phone');
	await page.context().close();
}

t.run(async () => {
	const tg = tenant.channels.telegram;
	const bot = await t.standin('telegram.pl', '--token', tg.bot_token);
	t.sql("update channel_accounts set settings = settings || jsonb_build_object('api_base', $1::text) where id = $2", bot, tg.id);
	await signIn();
	const anna = await t.login(), omar = await t.login({ user: 1 });
	await list(anna);
	await live(anna, omar);
	await replies(anna, omar, bot);
	await files(anna, omar);
	await conversation(anna, omar, bot);
	await keyboard(anna);
	await weight();
	await whatsapp(anna);
	await long(anna);
	await paging();
	await onPhone();
	t.expectTrouble(/ERR_INTERNET_DISCONNECTED/);
	await dropped(anna);
});

#!/usr/bin/env node
// The inbox in a browser: finding in a thread and over all, another channel for an answer,
// without a connection, from the page of a contact, what may be wrong.
'use strict';

const t = require('./lib.js');

const org = t.config().tenants[0].organization_id;
const run = Date.now();
const name = (n) => `Rowa${run % 1e6} ${n}`;

// A person with a conversation on Telegram and what he said, oldest first.
function person(n, ...said) {
	const [first, last] = name(n).split(' ');
	const talk = t.sql(`with k as (insert into contacts (organization_id, first_name, last_name) values ($1, $2, $3) returning id)
		insert into conversations (organization_id, contact_id, channel_account_id) select $1, k.id,
			(select a.id from channel_accounts a where a.organization_id = $1 and a.type = 'TELEGRAM' order by created_at limit 1) from k returning id`, org, first, last);
	said.forEach((text, i) => t.sql(`insert into messages (organization_id, conversation_id, direction, content, status, created_at)
		values ($1, $2, 'INBOUND', $3, 'DELIVERED', now() - ($4 || ' minutes')::interval)`, org, talk, text, said.length - i));
	return talk;
}

const composer = (page) => page.locator('#composer-text');

async function finding(page) {
	const word = `quittung${run}`;
	const talk = person('find', `Erste ${word}`, 'Nichts davon', `Zweite ${word}`, 'Ende');
	const elsewhere = person('elsewhere', `Auch hier: ${word}`);
	await page.goto(`/inbox/${talk}`);
	await t.until(async () => (await (await page.request.get(`/inbox/${talk}/find?q=${word}`)).json()).ids.length === 2); // the index follows
	await page.click('[data-thread-find]');
	await page.fill('#thread-find [name=q]', word);
	const found = page.locator('.item.is-found');
	await page.waitForFunction(() => document.querySelectorAll('.item.is-found').length === 1);
	const first = await found.textContent();
	t.like(await page.textContent('.thread-find-count'), /1.*2/, 'INB-66 the matches in a conversation are counted');
	t.ok(first.includes(word), 'INB-66 the one that is stepped to is marked');
	await page.click('[data-find="1"]');
	await page.waitForFunction((was) => { const f = document.querySelectorAll('.item.is-found'); return f.length === 1 && f[0].textContent !== was; }, first);
	t.ok((await found.textContent()).includes(word), 'INB-66 the next one is another match');
	await page.click('[data-find="-1"]');
	await page.waitForFunction((was) => document.querySelector('.item.is-found')?.textContent === was, first);
	t.ok(true, 'INB-66 and back');
	const hits = page.locator(`a[href*="/inbox/"]`, { hasText: word });
	await t.until(async () => { await page.goto(`/inbox/search?q=${word}`); return await hits.count() === 3; }); // the index follows
	t.is(await hits.count(), 3, 'INB-67 a search over all conversations lists the messages');
	await hits.filter({ hasText: 'Auch hier' }).click();
	await page.waitForURL((url) => url.pathname === `/inbox/${elsewhere}`);
	await t.lives(page.locator('.item.is-found', { hasText: 'Auch hier' }).waitFor(), 'INB-67 each leads to its place');
}

async function offline(page) {
	const talk = person('offline', 'Hallo');
	const stored = (text) => t.sql('select count(*) from messages where conversation_id = $1 and content = $2', talk, text);
	await page.goto(`/inbox/${talk}`);
	await page.context().setOffline(true);
	await t.lives(page.locator('#live-state:not([hidden])').waitFor(), 'INB-113 without a connection the page says so');
	await composer(page).fill(`Unterwegs ${run}`);
	await page.click('.composer-send');
	await t.lives(page.locator('.kept', { hasText: `Unterwegs ${run}` }).waitFor(), 'INB-113 an answer that cannot be sent stands in the thread and waits');
	t.is(await composer(page).inputValue(), '', 'INB-113 the next one can be written');
	await composer(page).fill(`Doch nicht ${run}`);
	await page.click('.composer-send');
	await page.locator('.kept', { hasText: `Doch nicht ${run}` }).locator('[data-kept-drop]').click();
	await page.locator('.kept', { hasText: `Doch nicht ${run}` }).waitFor({ state: 'detached' });
	await composer(page).fill(`Halb ${run}`);
	await t.shot(page, 'rows-offline');
	t.is(stored(`Unterwegs ${run}`), '0', 'and is not there yet');
	await page.context().setOffline(false);
	t.ok(await t.until(() => stored(`Unterwegs ${run}`) === '1'), 'INB-113 when the connection is back it goes out by itself');
	await t.lives(page.locator('.item-out', { hasText: `Unterwegs ${run}` }).first().waitFor(), 'INB-113 and is a message of the thread');
	await page.locator('.kept').waitFor({ state: 'detached' });
	t.is(await composer(page).inputValue(), `Halb ${run}`, 'INB-113 what is being written stays');
	// What waits survives that the page is closed.
	await page.route('**/messages', (route) => route.abort());
	await composer(page).fill(`Geschlossen ${run}`);
	await page.click('.composer-send');
	await page.locator('.kept', { hasText: `Geschlossen ${run}` }).waitFor();
	await page.unroute('**/messages');
	await page.goto('/inbox');
	t.ok(await t.until(() => stored(`Geschlossen ${run}`) === '1'), 'INB-113 a message that waited when the page was left goes out later');
	t.is(`${stored(`Unterwegs ${run}`)} ${stored(`Doch nicht ${run}`)}`, '1 0', 'INB-113 each once, and what was taken back never');
}

async function replyChannel(page) {
	const talk = person('channel', 'Hier schreibe ich');
	const lite = t.sql(`insert into channel_accounts (organization_id, name, type, is_active) values ($1, 'Lite ${run}', 'WHATSAPP_LITE', true) returning id`, org);
	t.sql("update contacts set phones = array['+4917' || $2] where id = (select contact_id from conversations where id = $1)", talk, String(run).slice(-8));
	await page.goto(`/inbox/${talk}`);
	await composer(page).fill(`Angefangen ${run}`);
	await page.setInputFiles('#composer-file', { name: 'liste.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n') });
	const select = page.locator('#composer [data-reply-channel]');
	await select.selectOption(lite);
	t.ok(await t.until(() => t.sql('select response_channel_id from conversations where id = $1', talk) === lite), 'INB-69 the channel that is chosen in the composer is stored');
	await t.lives(page.waitForSelector('#composer[data-channel="WhatsApp Lite"]'), 'INB-69 the composer follows its limits');
	t.is(await composer(page).inputValue(), `Angefangen ${run}`, 'INB-69 what was written stays');
	t.is(await page.locator('.composer-files li').count(), 1, 'INB-69 and what was attached');
	await t.axe(page, 'inbox, another channel');
	await page.reload();
	t.is(await select.inputValue(), lite, 'INB-69 and is chosen when the conversation is opened again');
	t.sql('delete from channel_accounts where id = $1', lite);
}

// A visitor of a site writes in its chat.
async function typing(page) {
	const id = t.sql(`insert into channel_accounts (organization_id, name, type, is_active, connection_state) values ($1, 'Chat ${run}', 'WEB_CHAT', true, 'Connected') returning id`, org);
	const ask = async (path, body, token) => {
		const answer = await fetch(`${t.config().base_url}/chat/${id}/${path}`, { method: 'POST', body: JSON.stringify(body),
			headers: { 'Content-Type': 'application/json', Origin: t.config().base_url, ...(token && { Authorization: `Bearer ${token}` }) } });
		return answer.status === 204 ? {} : answer.json();
	};
	const { token } = await ask('session', { name: name('visitor'), consent: true });
	await ask('messages', { client: crypto.randomUUID(), text: 'Ist jemand da?' }, token);
	const talk = await t.until(() => t.sql('select id from conversations where channel_account_id = $1', id));
	await page.goto(`/inbox/${talk}`);
	await page.waitForFunction(() => document.getElementById('live-state').hidden);
	const before = t.sql("select count(*) from events where record_id = $1 or data ->> 'conversation_id' = $1::text", talk);
	await t.lives(Promise.all([page.waitForFunction(() => document.getElementById('talk-now').textContent.includes('The customer is writing')),
		(async () => { for (let n = 0; n < 5 && !(await page.textContent('#talk-now')); n++) { await ask('typing', {}, token); await page.waitForTimeout(400); } })()]),
	'INB-88 that a visitor of the site\'s chat is writing shows in the open conversation');
	t.is(t.sql("select count(*) from events where record_id = $1 or data ->> 'conversation_id' = $1::text", talk), before, 'and nothing of it is kept');
	t.sql('delete from conversations where id = $1', talk);
	t.sql('delete from channel_accounts where id = $1', id);
}

async function specials(page) {
	const talk = person('special', 'Wo seid ihr?');
	t.sql("insert into contacts (organization_id, first_name, last_name, phones) values ($1, $2, 'colleague', array['+49170' || $3])", org, name('').trim(), String(run).slice(-7));
	await page.goto(`/inbox/${talk}`);
	await page.click('[data-dialog="place-dialog"]');
	await page.waitForSelector('#place-dialog[open]');
	await t.axe(page, 'inbox, send a place');
	await page.fill('#place-at', 'nowhere');
	await page.click('#place-dialog .btn-primary');
	await t.lives(page.locator('#place-dialog .form-problem:not([hidden])').waitFor(), 'what is no place is told in the dialog');
	await page.fill('#place-at', '52.5163, 13.3777');
	await page.fill('#place-name', `Tor ${run}`);
	await page.click('#place-dialog .btn-primary');
	await t.lives(page.locator('.item-out .bubble-place', { hasText: `Tor ${run}` }).waitFor(), 'MSG-7 a place is chosen in the composer and stands in the thread');
	await page.click('[data-dialog="card-dialog"]');
	await page.waitForSelector('#card-dialog[open]');
	await page.fill('#card-contact', name('colleague'));
	await page.locator('#card-contacts [role=option]').first().click();
	await t.axe(page, 'inbox, send a contact card');
	await page.click('#card-dialog .btn-primary');
	await t.lives(page.locator('.item-out .bubble-card', { hasText: name('colleague') }).waitFor(), 'MSG-8 a contact is chosen in the composer and sent as a card');
	await t.shot(page, 'rows-specials');
}

async function fromContact(page) {
	const talk = person('contact', 'Rufen Sie an');
	const contact = t.sql('select contact_id from conversations where id = $1', talk);
	await page.goto(`/contacts/${contact}`);
	await page.click('.record-actions a[href^="/inbox?new="]');
	await page.waitForSelector('#new-dialog[open]');
	t.is(await page.inputValue('#new-contact'), name('contact'), 'MSG-20 a message from the page of a contact is for him');
	await page.selectOption('#new-channel', t.sql('select channel_account_id from conversations where id = $1', talk));
	await page.fill('#new-text', `Von der Seite ${run}`);
	await page.click('#new-dialog .btn-primary');
	await page.waitForURL((url) => url.pathname === `/inbox/${talk}`);
	await t.lives(page.locator('.item-out', { hasText: `Von der Seite ${run}` }).waitFor(), 'MSG-20 with channel and text it is sent into his conversation');
}

async function missing(page) {
	await page.goto(`/inbox?q=nobody${run}`);
	await page.click('#more-menu > summary');
	await page.click('[data-list="trouble"]');
	await page.waitForSelector('#trouble-dialog[open]');
	t.ok(await page.isVisible('#trouble-dialog [data-when-live]'), 'INB-119 the inbox says that the page is connected');
	t.ok(await page.isVisible('#trouble-dialog [data-when-filtered]') && (await page.textContent('#trouble-dialog [data-filters]')).includes(`nobody${run}`), 'INB-119 what the list is limited by');
	t.ok(await page.locator('#trouble-dialog .trouble-channels li').count() > 0, 'INB-119 and how each channel is');
	await t.axe(page, 'inbox, is a message missing');
	await t.shot(page, 'rows-trouble');
}

t.run(async () => {
	t.expectTrouble(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/); // on purpose
	const bot = await t.standin('telegram.pl', '--token', t.config().tenants[0].channels.telegram.bot_token);
	t.sql(`update channel_accounts set settings = settings || '{"api_base":"${bot}"}' where id = $1`, t.config().tenants[0].channels.telegram.id);
	const page = await t.login();
	await finding(page);
	await replyChannel(page);
	await typing(page);
	await specials(page);
	await fromContact(page);
	await missing(page);
	await offline(page);
	t.sql(`delete from contacts where organization_id = $1 and first_name = 'Rowa${run % 1e6}'`, org);
});

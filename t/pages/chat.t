#!/usr/bin/env node
// The chat on a tenant's site: a visitor on a page of another origin under a strict
// policy, an agent in the inbox, both at once.
'use strict';

const http = require('node:http');
const crypto = require('node:crypto');
const t = require('./lib.js');

const run = Date.now();
const base = t.config().base_url;

// A site of somebody: everything that a strict policy can forbid is forbidden.
const policy = `default-src 'none'; script-src ${base}; connect-src ${base}; img-src ${base}; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'`;
let tag = '';
const server = http.createServer((rq, rs) => {
	rs.setHeader('Content-Type', 'text/html; charset=utf-8');
	rs.setHeader('Content-Security-Policy', policy);
	const language = rq.url === '/ar' ? 'lang="ar" dir="rtl"' : 'lang="en"';
	rs.end(['/', '/ar'].includes(rq.url) ? `<!DOCTYPE html><html ${language}><meta name="viewport" content="width=device-width"><title>Shop</title><main><h1>Our shop</h1><p>Pumps and more.</p></main>${tag}</html>` : '');
});

const line = (page, words) => page.locator('.log li', { hasText: words });

async function settings(agent, site) {
	await agent.goto('/settings/channels/new?type=chat');
	await agent.fill('#name', `Shop chat ${run}`);
	await agent.click('.form-actions .btn-primary');
	await agent.waitForSelector('#invented');
	const secret = await agent.textContent('#invented');
	const id = t.sql('select id from channel_accounts where name = $1', `Shop chat ${run}`);
	await agent.goto(`/settings/channels/${id}/chat`);
	await agent.locator('#preview .box').waitFor();
	await t.axe(agent, 'look of the chat');
	await agent.fill('#title', 'Ask us');
	await t.lives(agent.locator('#preview').getByRole('heading', { name: 'Ask us' }).waitFor(), 'the preview follows what is typed');
	await agent.fill('#color', '#117733');
	t.ok(await t.until(() => agent.evaluate(() => document.querySelector('#preview > div').style.getPropertyValue('--c') === '#117733')), 'and the colour');
	await agent.check('[name=view][value=talk]');
	await t.lives(agent.locator('#preview').getByText('within three days').waitFor(), 'the preview shows a conversation');
	await t.shots(agent, 'chat-settings', { full: true });
	await agent.fill('#greeting', 'Hello! How can we help?');
	await agent.fill('#consent', 'I agree that my data are processed to answer me.');
	await agent.selectOption('#ask_name', 'must');
	await agent.fill('#origins', 'https://nonsense.example/with/path');
	await agent.click('#chat-form .btn-primary');
	t.like(await agent.textContent('#origins-error'), /not the address of a site/, 'a site that is none is told beside the field');
	t.is(await agent.inputValue('#greeting'), 'Hello! How can we help?', 'nothing typed is lost');
	await agent.fill('#origins', site);
	await agent.click('#chat-form .btn-primary');
	await agent.waitForURL(/done=saved|\/chat$/);
	t.like(await agent.textContent('#code'), new RegExp(`data-channel="${id}"`), 'the line of code is there');
	tag = `<script src="${base}/chat/widget.js" data-channel="${id}" async></script>`;
	return { id, secret };
}

async function visit(site, options = {}) {
	const page = await t.open(options);
	await page.goto(site);
	await page.locator('.launch').waitFor();
	return page;
}

async function begin(visitor) {
	t.is((await visitor.context().cookies()).length, 0, 'FACT-75 no cookie before consent');
	t.is(await visitor.evaluate(() => localStorage.length), 0, 'nor anything else that is kept');
	await visitor.keyboard.press('Tab');
	await visitor.keyboard.press('Enter');
	await visitor.getByRole('dialog', { name: 'Ask us' }).waitFor();
	t.ok(true, 'the chat opens by the keyboard');
	await t.axe(visitor, 'chat, its beginning');
	await t.shots(visitor, 'chat-start');
	await visitor.getByRole('button', { name: 'Start the chat' }).click();
	t.like(await visitor.locator('#name-bad').textContent(), /fill this in/, 'the pre-chat form asks for what is needed');
	await visitor.locator('#name').fill(`Vera ${run}`);
	await visitor.getByRole('button', { name: 'Start the chat' }).click();
	t.ok(await visitor.locator('#consent-bad').isVisible(), 'and for consent');
	await visitor.locator('#consent').check();
	await visitor.getByRole('button', { name: 'Start the chat' }).click();
	await visitor.getByRole('textbox', { name: 'Write a message' }).waitFor();
	t.ok(await visitor.evaluate(() => Object.keys(localStorage).length === 1 && document.cookie === ''), 'then the token alone is kept, and no cookie');
	await visitor.keyboard.press('Escape');
	t.ok(!await visitor.getByRole('dialog').isVisible(), 'Escape closes the chat');
	await visitor.locator('.launch').click();
}

async function both(visitor, agent, id) {
	await visitor.getByRole('textbox', { name: 'Write a message' }).fill(`Do you deliver to Porto? ${run}`);
	await visitor.keyboard.press('Enter');
	await line(visitor, `Porto? ${run}`).waitFor();
	const talk = await t.until(() => t.sql('select id from conversations where channel_account_id = $1', id));
	await agent.goto('/inbox');
	await t.lives(agent.locator(`a[href*="${talk}"]`).first().waitFor(), 'FACT-75 FACT-S29 what a visitor writes is in the inbox');
	await agent.goto(`/inbox/${talk}`);
	await t.lives(agent.getByText(`Do you deliver to Porto? ${run}`).last().waitFor(), 'the agent reads it');
	await visitor.getByRole('textbox', { name: 'Write a message' }).fill('And to Faro');
	await visitor.keyboard.press('Enter');
	await t.lives(agent.getByText('And to Faro').last().waitFor(), 'the next one arrives without a reload');
	t.sql("insert into messages (organization_id, conversation_id, sender_id, direction, content) select c.organization_id, c.id, p.id, 'OUTBOUND', 'Within three days.' from conversations c join profiles p on p.organization_id = c.organization_id where c.id = $1 limit 1", talk);
	await t.lives(line(visitor, 'Within three days.').waitFor(), 'FACT-75 the answer arrives at the visitor without a reload');
	t.ok(await t.until(() => t.sql("select status = 'READ' from messages where conversation_id = $1 and content = 'Within three days.'", talk)), 'seen, it is read');
	t.is(await line(visitor, 'Within three days.').count(), 1, 'and stands there once');
	await t.axe(visitor, 'chat, a conversation');
	await t.shots(visitor, 'chat-talk');
	return talk;
}

async function files(visitor, agent) {
	await visitor.locator('input[type=file]').setInputFiles({ name: 'plan.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') });
	await t.lives(visitor.locator('.log img[alt="plan.png"]').waitFor(), 'a picture is sent and shown');
	t.ok(await t.until(() => visitor.locator('.log img').evaluate((img) => img.complete && img.naturalWidth === 1)), 'under the policy of the site');
	await t.lives(agent.locator('img[alt*="plan.png"], a:has-text("plan.png")').first().waitFor(), 'and in the inbox');
}

async function away(visitor, talk) {
	await visitor.locator('header button').click();
	t.sql("insert into messages (organization_id, conversation_id, direction, content) select organization_id, id, 'OUTBOUND', 'Are you still there?' from conversations where id = $1", talk);
	await t.lives(visitor.locator('.badge', { hasText: '1' }).waitFor(), 'closed, it counts what is unread');
	t.like(await visitor.locator('.launch').getAttribute('aria-label'), /New messages: 1/, 'also for who does not see it');
	await visitor.reload();
	await t.lives(visitor.locator('.badge', { hasText: '1' }).waitFor(), 'on the next page of the site, too');
	await visitor.locator('.launch').click();
	await t.lives(line(visitor, 'Are you still there?').waitFor(), 'the conversation goes on there');
	t.ok(await t.until(() => visitor.locator('.badge').isHidden()), 'and nothing is unread');
}

// Where event streams do not come through, the page looks by itself.
async function withoutStream(site, id) {
	const page = await t.open();
	await page.addInitScript(() => { delete window.EventSource; });
	await page.goto(site);
	await page.locator('.launch').click();
	await page.locator('#name').fill(`Poll ${run}`);
	await page.locator('#consent').check();
	await page.getByRole('button', { name: 'Start the chat' }).click();
	await page.getByRole('textbox', { name: 'Write a message' }).fill('Anybody there?');
	await page.keyboard.press('Enter');
	const talk = await t.until(() => t.sql("select conversation_id from messages where channel_account_id = $1 and content = 'Anybody there?'", id));
	t.sql("insert into messages (organization_id, conversation_id, direction, content) select organization_id, id, 'OUTBOUND', 'Always.' from conversations where id = $1", talk);
	await t.lives(line(page, 'Always.').waitFor({ timeout: 20000 }), 'without a stream answers arrive, too');
	await page.context().close();
}

async function phones(site, id) {
	const phone = await visit(site, { phone: true });
	await phone.locator('.launch').click();
	await phone.getByRole('dialog').waitFor();
	const box = await phone.locator('.box').boundingBox();
	t.is(Math.round(box.width), 390, 'on a phone the chat takes the whole window');
	await t.fits(phone, 'chat on a phone');
	await t.shots(phone, 'chat-phone');
	t.sql("update channel_accounts set settings = jsonb_set(settings, '{chat,hours}', '{\"from\": \"09:00\", \"to\": \"17:00\", \"days\": []}') where id = $1", id);
	const arabic = await t.open({ theme: 'dark' });
	await arabic.goto(`${site}ar`);
	await arabic.locator('.launch').click();
	t.ok(await arabic.getByText('لسنا هنا الآن').isVisible(), 'outside of its hours it says so, in the language of the page');
	await t.axe(arabic, 'chat in Arabic');
	await t.shot(arabic, 'chat-arabic-dark');
	await phone.context().close();
	await arabic.context().close();
}

async function known(site, id, secret) {
	const hash = crypto.createHmac('sha256', secret).update(`user-${run}`).digest('hex');
	const before = tag;
	tag = before.replace(' async', ` data-user-id="user-${run}" data-user-hash="${hash}" data-user-name="Sina Signed" data-user-email="sina-${run}@example.com" async`);
	const page = await visit(site);
	await page.locator('.launch').click();
	t.is(await page.locator('#name').inputValue(), 'Sina Signed', 'who is signed in at the site types nothing again');
	await page.locator('#consent').check();
	await page.getByRole('button', { name: 'Start the chat' }).click();
	await page.getByRole('textbox', { name: 'Write a message' }).fill('It is me');
	await page.keyboard.press('Enter');
	t.ok(await t.until(() => t.sql("select count(*) > 0 from messages m where channel_account_id = $1 and content = 'It is me' and metadata ->> 'verified' = 'true'", id)), 'and his identity is proven');
	await page.context().close();
	tag = before;
}

async function others(id) {
	const stranger = http.createServer((rq, rs) => { rs.setHeader('Content-Type', 'text/html'); rs.end(`<!DOCTYPE html><title>x</title><h1>x</h1>${tag}`); });
	await new Promise((done) => { stranger.listen(0, '127.0.0.1', done); });
	t.expectTrouble(/CORS policy|ERR_FAILED/);
	const page = await t.open();
	const refused = page.waitForEvent('requestfailed');
	await page.goto(`http://127.0.0.1:${stranger.address().port}/`);
	await refused;
	t.is(await page.locator('.launch').count(), 0, 'a site that the channel does not name shows no chat');
	await page.context().close();
	stranger.close();
	t.sql('update channel_accounts set deleted_at = now() where id = $1', id);
}

t.run(async () => {
	await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
	const site = `http://127.0.0.1:${server.address().port}`;
	const agent = await t.login({ tenant: 1 });
	const { id, secret } = await settings(agent, site);
	const visitor = await visit(`${site}/`);
	await begin(visitor);
	const talk = await both(visitor, agent, id);
	await files(visitor, agent);
	await away(visitor, talk);
	await known(`${site}/`, id, secret);
	await withoutStream(`${site}/`, id);
	await phones(`${site}/`, id);
	await others(id);
	server.close();
});

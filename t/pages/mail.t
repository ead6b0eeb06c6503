#!/usr/bin/env node
// E-mail in the inbox: the bubble of a mail, its frame, pictures on demand; and
// the Communication Hub, which has it with everything else.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const t = require('./lib.js');

const tenant = t.config().tenants[0];
const org = tenant.organization_id;
const run = Date.now() % 1e9;
const home = path.dirname(process.env.KONTOR_JSON);
const program = path.resolve(__dirname, '../../worker/kontor-mail-in');
const box = `box${run}@shop.example`;
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGNkYPjPgA0wYRUdtBIAO/8BD7Pkjm8AAAAASUVORK5CYII=';

// As a mail server does it, as the user to whom the files belong.
function pipe(mail) {
	const owner = execFileSync('stat', ['-c', '%U', path.join(home, 'files')]).toString().trim();
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kontor-pipe.'));
	fs.copyFileSync(program, path.join(dir, 'in'));
	fs.chmodSync(dir, 0o755);
	fs.chmodSync(path.join(dir, 'in'), 0o755);
	const as = process.getuid() === 0 ? ['runuser', '-u', owner, '--'] : [];
	const [command, ...args] = [...as, path.join(dir, 'in'), box];
	execFileSync(command, args, { input: mail, env: { ...process.env, KONTOR_CONF: path.join(home, 'kontor.conf') } });
	fs.rmSync(dir, { recursive: true });
}

async function account() {
	return t.sql("insert into channel_accounts (organization_id, name, type, settings) values ($1, $2, 'EMAIL', $3) returning id", org, `Box ${run}`,
		JSON.stringify({ address: box, outgoing_url: 'smtp://127.0.0.1:1' }));
}

const html = `<div style="color:#333"><p>Dear shop,</p><p>please see the <b>offer</b>.</p><img src="cid:logo@x" alt="Logo">
<img src="https://tracker.example/pixel.gif" alt="" width="9" height="9"><script>document.title='run'</script>
<a href="https://example.com/offer">Offer</a><form action="https://evil.example"><input name="q"></form>${'<p>More lines.</p>'.repeat(30)}</div>`;
const mail = `From: Ida Inbox <ida${run}@kunde.example>
To: Shop <${box}>
Cc: Otto <otto${run}@kunde.example>
Subject: Offer ${run}
Message-ID: <offer.${run}@kunde.example>
MIME-Version: 1.0
Content-Type: multipart/related; boundary=r

--r
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8

Dear shop,
please see the offer.

On Monday, Shop wrote:
> What was said before

--a
Content-Type: text/html; charset=utf-8

${html}
--a--
--r
Content-Type: image/png
Content-ID: <logo@x>
Content-Transfer-Encoding: base64

${PNG}
--r--
`;

async function bubble(page, talk) {
	await page.goto(`/inbox/${talk}`);
	const item = page.locator('.item', { hasText: `Offer ${run}` }).first();
	await item.waitFor();
	t.is(await item.locator('.mail-subject').textContent(), `Offer ${run}`, 'CHA-106 the bubble of a mail has its subject');
	const people = await item.locator('.mail-people').textContent();
	t.ok(people.includes(`Ida Inbox <ida${run}@kunde.example>`) && people.includes(box) && people.includes(`otto${run}@kunde.example`), 'MSG-62 from whom, to whom, and who has a copy');
	const text = await item.locator('.bubble-text').textContent();
	t.ok(text.includes('please see the offer') && !text.includes('said before'), 'what it says, without what it quotes');
	t.ok(!(await item.locator('.mail-quoted p').isVisible()), 'the quoted text is folded');
	await item.locator('.mail-quoted summary').click();
	t.like(await item.locator('.mail-quoted p').textContent(), /What was said before/, 'and shown when asked for');
	await t.axe(page, 'thread with a mail');
	await t.fits(page, 'thread with a mail');
	return item;
}

async function frame(page, item) {
	const asked = [];
	await page.context().route(/tracker\.example/, (route) => { asked.push(route.request().url()); return route.fulfill({ status: 200, contentType: 'image/png', body: Buffer.from(PNG, 'base64') }); });
	await item.locator('.mail-formatted summary').click();
	const inside = item.frameLocator('iframe.mail-frame');
	await inside.locator('b', { hasText: 'offer' }).waitFor();
	t.ok(true, 'CHA-106 the formatted mail is shown in a frame');
	t.is(await item.locator('iframe').getAttribute('sandbox'), 'allow-same-origin allow-popups allow-popups-to-escape-sandbox', 'a sandbox without scripts and forms');
	t.is(await inside.locator('script, form, input').count(), 0, 'there is nothing in it that runs or sends');
	t.ok(await inside.locator('img[alt=Logo]').evaluate((img) => img.decode().then(() => img.naturalWidth === 8, () => false)), 'its own pictures are shown');
	t.is(asked.length, 0, 'pictures of other servers are not asked for');
	t.is(await inside.locator('a').getAttribute('rel'), 'noopener noreferrer nofollow', 'links do not say where they come from');
	const tall = await t.until(async () => (await item.locator('iframe').evaluate((f) => f.clientHeight)) > 500, 5);
	t.ok(tall, 'the frame is as high as the mail');
	await t.shots(page, 'mail');
	await item.locator('[data-mail-images]').click();
	t.ok(await t.until(() => asked.length > 0, 5), 'and come when the reader asks for them');
	await page.context().unroute(/tracker\.example/);
}

async function composer(page) {
	await page.locator('.composer-mail summary').click();
	t.ok(await page.locator('#mail-subject').isVisible() && await page.locator('#mail-cc').isVisible(), 'CHA-106 the composer of a mail has subject and copies');
	await t.axe(page, 'composer of a mail');
}

async function hub(page) {
	await page.goto('/communications');
	const row = page.locator('.hub-row', { hasText: `Offer ${run}` });
	await row.waitFor();
	t.like(await row.textContent(), /Ida Inbox/, 'HUB-2 the hub names with whom');
	t.like(await row.locator('.hub-kind').textContent(), /E-mail/, 'HUB-2 the kind, as icon and in words');
	t.like(await row.locator('time').textContent(), /^\d\d:\d\d$/, 'HUB-2 the time of day');
	t.like(await row.textContent(), /please see the offer/, 'HUB-2 subject and beginning of the mail');
	await t.axe(page, 'communications');
	await t.fits(page, 'communications');
	await t.shots(page, 'communications');
	await page.fill('.hub-search input[type=search]', `Offer ${run}`);
	await t.lives(page.waitForFunction(() => document.querySelectorAll('.hub-row').length === 1), 'HUB-2 a search finds it by its subject');
	await page.goto('/communications?kind=call');
	t.is(await page.locator('.hub-row[data-kind=email]').count(), 0, 'HUB-2 a filter by kind');
	await page.goto(`/communications?q=nothing-like-that-${run}`);
	t.like(await page.textContent('.empty'), /Nothing found/, 'an empty answer says what to do');
}

t.run(async () => {
	if (!fs.existsSync(program)) t.skipAll('kontor-mail-in is not built here');
	const id = await account();
	pipe(mail);
	const talk = await t.until(() => t.sql('select conversation_id from messages where channel_account_id = $1', id), 15);
	const page = await t.login();
	const item = await bubble(page, talk);
	await frame(page, item);
	await composer(page);
	await hub(page);
	t.sql('update channel_accounts set is_active = false where id = $1', id);
});

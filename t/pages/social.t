#!/usr/bin/env node
// Settings of WhatsApp Lite (a phone paired by a QR code), SMS, and channels that
// a provider has to approve; notices in a browser while no page is open.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const t = require('./lib.js');

const run = Date.now();
const phone = `2012${String(run).slice(-8)}`;

const control = (base, what) => fetch(`${base}/control/${what}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });

async function lite(page) {
	const gateway = await t.standin('gateway.pl', '--key', `gw-${run}`);
	await page.goto('/settings/channels/new?type=whatsapp-lite');
	await t.axe(page, 'WhatsApp Lite form');
	await page.fill('#name', `Lite ${run}`);
	await page.fill('#sender_id', `s-${run}`);
	await page.fill('#phone_number', phone);
	await page.fill('#api_key', `gw-${run}`);
	await page.fill('#api_base', gateway);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#invented');
	t.ok((await page.textContent('#invented')).length >= 40, 'CHA-35 a webhook secret is invented and shown once');
	await t.lives(page.waitForSelector('text=The phone is not connected'), 'CHA-35 the check finds no phone yet');
	await page.click('button:has-text("Show the QR code")');
	await t.lives(page.waitForSelector('.channel-qr svg'), 'CHA-35 the QR code appears by itself');
	const square = await page.locator('.channel-qr svg').boundingBox();
	t.ok(square.width > 150 && Math.abs(square.width - square.height) < 2, 'CHA-35 large enough to scan');
	await t.axe(page, 'pairing a phone');
	await t.fits(page, 'pairing a phone');
	await t.shots(page, 'channel-pair');
	await control(gateway, 'scan');
	await t.lives(page.waitForSelector('text=The phone is connected'), 'CHA-35 the page shows live when the phone is there');
	t.is(await page.locator('.channel-qr').count(), 0, 'CHA-35 and the code is gone');
	t.is(t.sql('select connection_state || is_active from channel_accounts where name = $1', `Lite ${run}`), 'Connectedtrue', 'CHA-35 CHA-6 connected and active');
	await page.fill('#test-to', '+201001383533');
	await page.click('button:has-text("Send the test message")');
	await t.lives(page.waitForSelector('text=/^Sent/'), 'CHA-12 a test message ends the way');
	await t.shot(page, 'channel-lite-done');
}

async function sms(page) {
	const twilio = await t.standin('twilio.pl', '--sid', `AC${run}`, '--token', `tw-${run}`);
	await page.goto('/settings/channels/new?type=sms');
	t.is(await page.locator('#provider option').allTextContents().then((all) => all.join(' ')), 'twilio victorylink http', 'CHA-109 the provider is chosen');
	await t.axe(page, 'SMS form');
	await page.fill('#name', `SMS ${run}`);
	await page.fill('#account_sid', `AC${run}`);
	await page.fill('#access_token', 'wrong');
	await page.fill('#from', '+15005550006');
	await page.fill('#api_base', twilio);
	await page.click('.form-actions .btn-primary');
	await t.lives(page.waitForSelector('text=/Twilio does not know this account or token/'), 'CHA-18 CHA-109 wrong credentials are told in words');
	await page.click('a:has-text("Edit credentials")');
	await page.fill('#access_token', `tw-${run}`);
	t.is(await page.inputValue('#provider'), 'twilio', 'CHA-17 the form keeps what was chosen');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#now');
	const id = t.sql('select id from channel_accounts where name = $1', `SMS ${run}`);
	await page.goto(`/settings/channels/${id}/connect`);
	await t.lives(page.waitForSelector('text=Stand-in account'), 'CHA-109 the right ones connect it');
	t.is(await page.locator('text=Receive a message').count(), 0, 'CHA-110 nothing is received there');
	await page.fill('#test-to', '+491511234567');
	await page.click('button:has-text("Send the test message")');
	await t.lives(page.waitForSelector('text=Sent and delivered'), 'CHA-109 CHA-112 a test is sent and its delivery reported');
	t.is(t.sql("select c.is_hidden from conversations c join messages m on m.conversation_id = c.id where m.channel_account_id = $1 limit 1", id), 't', 'INB-2 it makes no conversation of the inbox');
	await t.axe(page, 'SMS steps');
	await t.shots(page, 'channel-sms');
}

async function approval(page) {
	for (const [slug, label] of [['tiktok', 'TikTok'], ['linkedin', 'LinkedIn'], ['shopify', 'Shopify Inbox']]) {
		await page.goto(`/settings/channels/new?type=${slug}`);
		t.like(await page.textContent('[role=note]'), new RegExp(`${label} lets only applications in`), `CHA-25 ${label}: that it has to approve is said in the form`);
		await t.axe(page, `${label} form`);
	}
	await page.goto('/settings/channels/new?type=tiktok');
	await page.fill('#name', `TikTok ${run}`);
	await page.fill('#client_key', 'ck');
	await page.fill('#client_secret', 'cs');
	await page.click('.form-actions .btn-primary');
	await t.lives(page.waitForSelector('text=Nobody has signed in at TikTok yet'), 'CHA-96 without a sign-in it is not connected');
	const link = page.locator('a:has-text("Connect with TikTok")');
	t.like(await link.getAttribute('href'), /\/authorize$/, 'CHA-25 CHA-96 the way to the sign-in');
	t.like(await page.textContent('#steps'), /functions\/v1\/tiktok-oauth/, 'CHA-18 the redirect address is shown');
	await t.axe(page, 'signing in');
	await page.goto(`/settings/channels/${t.sql('select id from channel_accounts where name = $1', `TikTok ${run}`)}/connect?outcome=refused`);
	t.like(await page.textContent('#steps'), /refused or broken off/, 'CHA-27 a refused sign-in is told, and may be tried again');
}

async function notifications(page) {
	await page.goto('/profile/notifications');
	await t.lives(page.waitForSelector('[data-push-state]:not([hidden])'), 'CHA-116 SET-11 the state of this browser is shown');
	await t.axe(page, 'notifications of a browser');
	await t.fits(page, 'notifications of a browser');
	await t.shots(page, 'push');
	t.like(await page.textContent('.push-key'), /^[\w-]{87}$/, 'CHA-113 administrators see the public key');
}

// The service worker shows what comes, as a push service would bring it. Windows
// of tests are private ones, in which browsers have no push: this one is not.
async function worker() {
	const { chromium } = require('playwright-core');
	const { base_url: origin, tenants } = t.config();
	const home = fs.mkdtempSync(path.join(os.tmpdir(), 'kontor-push-'));
	const context = await chromium.launchPersistentContext(home, { executablePath: process.env.KONTOR_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'], baseURL: origin });
	await context.grantPermissions(['notifications'], { origin });
	const page = await context.newPage();
	await page.goto('/login');
	await page.fill('#email', tenants[1].users[0].email);
	await page.fill('#password', tenants[1].users[0].password);
	await Promise.all([page.waitForURL((url) => url.pathname !== '/login'), page.click('form button')]);
	const cdp = await context.newCDPSession(page);
	let registration;
	cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { registration = registrations[0] || registration; });
	await cdp.send('ServiceWorker.enable');
	await page.goto('/profile/notifications');
	await page.evaluate(async () => { await navigator.serviceWorker.register('/sw.js'); await navigator.serviceWorker.ready; });
	t.ok(await t.until(() => Boolean(registration), 5), 'CHA-114 the service worker is taken, for the whole site');
	const shown = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((one) => `${one.title}: ${one.body} ${one.dir} ${one.data.url}`));
	const push = (id) => cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId: registration.registrationId,
		data: JSON.stringify({ id, body: 'Task for you', url: '/tasks', lang: 'en', dir: 'ltr' }) });
	await push(`seen-${run}`);
	// Pages of tests count as looked at wherever they are.
	await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: false });
	const other = await context.newPage();
	await other.goto('about:blank');
	await other.bringToFront();
	await t.until(() => page.evaluate(() => !document.hasFocus()), 10);
	await push(`n-${run}`);
	const all = await t.until(async () => { const list = await shown(); return list.length ? list : null; }, 5);
	t.is(all && all.join(), 'Kontor: Task for you ltr /tasks', 'CHA-114 CHA-115 a push becomes a notification with the page to open, where nobody looks at one');
	await context.close();
	fs.rmSync(home, { recursive: true, force: true });
}

t.run(async () => {
	const page = await t.login({ tenant: 1 });
	await lite(page);
	await sms(page);
	await approval(page);
	await notifications(page);
	t.sql("update channel_accounts set deleted_at = now() where name like $1", `%${run}`);
	await worker();
});

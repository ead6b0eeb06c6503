#!/usr/bin/env node
// Settings, Channels: connecting Telegram and WhatsApp Cloud, with secrets
// that go in and never come out.
'use strict';

const t = require('./lib.js');

const run = Date.now();
const bo = t.config().tenants[1];

async function telegram(page) {
	await page.goto('/settings/channels');
	t.like(await page.locator('.channel', { hasText: 'Telegram' }).first().textContent(), /\/functions\/v1\/telegram-webhook/, 'CHA-28 each channel shows its webhook address');
	await t.axe(page, 'channels');
	await t.fits(page, 'channels');
	await t.shots(page, 'channels');
	await page.click('a[href$="type=telegram"]');
	await t.axe(page, 'channel form');
	await page.fill('#name', `Shop bot ${run}`);
	await page.fill('#bot_token', `${run}:secret-of-the-bot`);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#invented');
	const secret = await page.textContent('#invented');
	t.ok(secret.length >= 40, 'a secret token is invented and shown');
	await t.axe(page, 'channel made');
	await t.shots(page, 'channel-made');
	const id = t.sql('select id from channel_accounts where name = $1', `Shop bot ${run}`);
	t.is(t.sql("select string_agg(name || ' ' || left(sealed, 3), ',' order by name) from channel_secrets where channel_account_id = $1", id),
		'bot_token v1.,secret_token v1.', 'both secrets are stored sealed');
	t.is(t.sql("select lookup = sha256(convert_to($2, 'UTF8')) from channel_secrets where channel_account_id = $1 and name = 'secret_token'", id, secret), 't',
		'calls are found by the hash of the secret token');
	const channel = { webhook_url: bo.channels.telegram.webhook_url, secret_token: secret };
	const before = bo.channels.telegram;
	bo.channels.telegram = channel;
	const came = await t.until(() => t.telegram('Through the new bot', { from: run % 1e9, name: 'Nia New', tenant: 1 }).then(() => true, () => false), 5);
	bo.channels.telegram = before;
	t.ok(came, 'a call with that token is taken at once');
	await t.lives(t.until(() => t.sql('select count(*) > 0 from messages where channel_account_id = $1', id)).then((v) => { if (!v) throw new Error('no message'); }), 'and its message arrives in the new channel');
	return id;
}

async function edit(page, id) {
	const before = t.sql("select sealed from channel_secrets where channel_account_id = $1 and name = 'bot_token'", id);
	await page.goto(`/settings/channels/${id}`);
	t.is(await page.inputValue('#bot_token'), '', 'a stored secret never comes back to the browser');
	t.ok(!(await page.content()).includes('secret-of-the-bot'), 'in no form');
	await page.fill('#name', '');
	await page.evaluate(() => document.querySelector('form.form').setAttribute('novalidate', ''));
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('#name-error'), /name/, 'a field that is wrong has its message beside it');
	await t.axe(page, 'channel form with a mistake');
	await page.fill('#name', `Renamed ${run}`);
	await page.fill('#api_base', 'http://127.0.0.1:1');
	await page.uncheck('[name=is_active]');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('.channel');
	t.like(await page.locator('.channel', { hasText: `Renamed ${run}` }).textContent(), /Switched off/, 'a channel can be renamed and switched off');
	t.is(t.sql("select sealed from channel_secrets where channel_account_id = $1 and name = 'bot_token'", id), before, 'an empty field keeps the stored secret');
	await page.goto(`/settings/channels/${id}`);
	page.once('dialog', (dialog) => dialog.accept());
	await page.click('.channel-delete button');
	await page.waitForSelector('.channel');
	t.is(t.sql('select count(*) from channel_accounts where id = $1', id), '0', 'and deleted, after a question');
}

async function whatsapp(page) {
	await page.goto('/settings/channels/new?type=whatsapp');
	await page.fill('#phone_number_id', bo.channels.whatsapp_cloud.phone_number_id);
	await page.fill('#access_token', 'EAAtoken');
	await page.fill('#app_secret', 'app-secret');
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('[role=alert]'), /connected already/, 'CHA-32 a number is connected once');
	await page.fill('#phone_number_id', String(run));
	await page.fill('#access_token', 'EAAtoken');
	await page.fill('#app_secret', 'app-secret');
	await page.fill('#verify_token', `verify-${run}`);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('text=is stored');
	t.is(t.sql('select count(*) from channel_secrets s join channel_accounts a on a.id = s.channel_account_id where a.external_id = $1', String(run)), '3', 'WhatsApp Cloud is connected with three sealed secrets');
	const shake = await t.until(async () => {
		const answer = await fetch(`${bo.channels.whatsapp_cloud.webhook_url}?hub.mode=subscribe&hub.verify_token=verify-${run}&hub.challenge=4711`);
		return answer.ok && answer.text();
	}, 5);
	t.is(shake, '4711', 'CHA-65 and the handshake knows the verify token');
	t.sql('delete from channel_accounts where external_id = $1', String(run));
}

async function agents() {
	const omar = await t.login({ user: 1 });
	await omar.goto('/settings/channels');
	t.is(await omar.locator('a[href$="type=telegram"]').count(), 0, 'an agent sees channels but is offered no change');
	t.is((await omar.goto('/settings/channels/new?type=telegram')).status(), 403, 'nor may he make one');
	const id = t.config().tenants[0].channels.telegram.id;
	t.is((await omar.goto(`/settings/channels/${id}`)).status(), 403, 'nor open one');
	await t.axe(omar, 'error page');
	const other = await t.login({ tenant: 1 });
	t.is((await other.goto(`/settings/channels/${id}`)).status(), 404, 'an administrator of another tenant does not find it');
	await omar.context().close();
}

t.run(async () => {
	const page = await t.login({ tenant: 1 });
	const id = await telegram(page);
	await edit(page, id);
	await whatsapp(page);
	await agents();
	const phone = await t.login({ tenant: 1, phone: true });
	await phone.goto('/settings/channels');
	await t.fits(phone, 'channels on a phone');
	await t.shots(phone, 'channels-phone');
});

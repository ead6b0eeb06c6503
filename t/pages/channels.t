#!/usr/bin/env node
// Settings, Channels: connecting Telegram and WhatsApp Cloud, with secrets
// that go in and never come out.
'use strict';

const t = require('./lib.js');

const run = Date.now();
const bo = t.config().tenants[1];

const name = `Shop bot ${run}`;

async function telegram(page) {
	const token = `${run}:secret-of-the-bot`;
	const bot = await t.standin('telegram.pl', '--token', token);
	await page.goto('/settings/channels');
	t.like(await page.locator('.channel', { hasText: 'Telegram' }).first().textContent(), /\/functions\/v1\/telegram-webhook/, 'CHA-28 each channel shows its webhook address');
	await t.axe(page, 'channels');
	await t.fits(page, 'channels');
	await t.shots(page, 'channels');
	await page.click('text=Add channel');
	await page.waitForSelector('h1:has-text("Add new channel")');
	await t.axe(page, 'kinds of channels');
	await t.shots(page, 'channel-kinds', { full: true });
	t.ok(true, 'CHA-1 CHA-2 "Add channel" opens the page with the kinds');
	await page.click('a[href$="type=telegram"]');
	await t.axe(page, 'channel form');
	await page.fill('#name', name);
	await page.fill('#bot_token', token);
	await page.fill('#api_base', bot);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#invented');
	const secret = await page.textContent('#invented');
	t.ok(secret.length >= 40, 'a secret token is invented and shown');
	const id = t.sql('select id from channel_accounts where name = $1', name);
	await t.lives(page.locator('.channel-steps li.is-done', { hasText: 'They are good' }).waitFor(), 'CHA-12 the credentials are checked while one looks');
	await t.axe(page, 'steps of connecting');
	await t.shots(page, 'channel-connect', { full: true });
	t.is(t.sql("select string_agg(name || ' ' || left(sealed, 3), ',' order by name) from channel_secrets where channel_account_id = $1", id),
		'bot_token v1.,secret_token v1.', 'CHA-16 both secrets are stored sealed');
	t.is(t.sql("select lookup = sha256(convert_to($2, 'UTF8')) from channel_secrets where channel_account_id = $1 and name = 'secret_token'", id, secret), 't',
		'calls are found by the hash of the secret token');
	await page.click('text=Set it for me');
	await t.lives(page.locator('.channel-steps li.is-done', { hasText: 'Tell the provider' }).waitFor(), 'CHA-12 the webhook is set by a button, live');
	t.is((await t.calls(bot, /setWebhook/)).length, 1, 'at the provider');
	const before = bo.channels.telegram;
	bo.channels.telegram = { webhook_url: before.webhook_url, secret_token: secret };
	const came = await t.until(() => t.telegram('Through the new bot', { from: run % 1e9, name: 'Nia New', tenant: 1 }).then(() => true, () => false), 5);
	bo.channels.telegram = before;
	t.ok(came, 'a call with that token is taken at once');
	await t.lives(page.locator('.channel-steps li.is-done', { hasText: 'Receive a message' }).waitFor(), 'CHA-12 the first message is seen to arrive');
	await page.click('text=Send the test message');
	await t.lives(page.locator('.channel-steps li.is-done', { hasText: 'Send a test message' }).waitFor(), 'CHA-12 UC-CHANNELS-001 the test message is seen to go out');
	await t.shots(page, 'channel-connected', { full: true });
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#figure-received');
	t.ok(await t.until(async () => await page.textContent('#figure-sent') === '1', 15), 'CHA-10 figures follow live, the test message counted');
	await t.axe(page, 'channel');
	await t.fits(page, 'channel');
	await t.shots(page, 'channel', { full: true });
	return id;
}

async function edit(page, id) {
	const before = t.sql("select sealed from channel_secrets where channel_account_id = $1 and name = 'bot_token'", id);
	await page.goto(`/settings/channels/${id}/edit`);
	t.is(await page.inputValue('#bot_token'), '', 'CHA-16 a stored secret never comes back to the browser');
	t.ok(!(await page.content()).includes('secret-of-the-bot'), 'in no form');
	await page.fill('#name', '');
	await page.evaluate(() => document.querySelector('form.form').setAttribute('novalidate', ''));
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('#name-error'), /name/, 'a field that is wrong has its message beside it');
	await t.axe(page, 'channel form with a mistake');
	await page.fill('#name', `Renamed ${run}`);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector(`h1:has-text("Renamed ${run}")`);
	t.is(t.sql("select sealed from channel_secrets where channel_account_id = $1 and name = 'bot_token'", id), before, 'CHA-17 an empty field keeps the stored secret');
	await page.click('text=Deactivate');
	await t.lives(page.locator('.channel-state .pill', { hasText: 'Inactive' }).waitFor(), 'CHA-4 CHA-6 a channel can be renamed and deactivated');
	await page.goto(`/settings/channels?q=${run}`);
	t.is(await page.locator('.channel').count(), 1, 'CHA-1 the list is searched');
	await page.selectOption('[name=state]', 'active');
	await t.lives(page.locator('text=No channel fits').waitFor(), 'and filtered by state');
	await page.goto(`/settings/channels/${id}`);
	page.once('dialog', (dialog) => {
		t.like(dialog.message(), /conversations stay/, 'CHA-5 deleting asks, and says what becomes of the conversations');
		dialog.accept();
	});
	await page.click('.channel-delete button');
	await page.waitForSelector('h1:has-text("Channels")');
	t.is(await page.locator('.channel', { hasText: `Renamed ${run}` }).count(), 0, 'CHA-5 the account is in the list no more');
	t.is(t.sql('select deleted_at is not null and not is_active from channel_accounts where id = $1', id), 't', 'CHA-5 kept for its conversations');
}

async function health(page) {
	t.sql("insert into inbound_hooks (organization_id, channel_account_id, dedupe, body, state, error) values ($1, $2, $3, convert_to('{\"update_id\": 1, \"phone\": \"4917012345678\"}', 'UTF8'), 'failed', 'Made up for this page')",
		bo.organization_id, bo.channels.telegram.id, `page-${run}`);
	await page.goto('/settings/channels/health');
	await page.waitForSelector('.channel-grid li');
	t.ok(await page.locator('#dead-count').textContent() !== '0', 'INB-117 the health page counts dead letters');
	await t.axe(page, 'channel health');
	await t.fits(page, 'channel health');
	await t.shots(page, 'channel-health', { full: true });
	await page.click('.channel-tabs >> text=Dead letters');
	const letter = page.locator('.dead-letters li', { hasText: 'Made up for this page' }).first();
	await letter.waitFor();
	await t.axe(page, 'dead letters');
	await t.shots(page, 'dead-letters', { full: true });
	await letter.locator('text=Discard').click();
	await page.click('#toasts button');
	await t.lives(letter.waitFor(), 'INB-117 a discarded letter is taken back');
	await letter.locator('a').click();
	t.like(await page.textContent('#body'), /"phone": "491…78"/, 'CHA-33 a call is shown laid out, with numbers covered');
	await t.axe(page, 'call of a provider');
	await t.shots(page, 'channel-call');
	await page.click('text=Run again');
	await page.waitForSelector('h1:has-text("Dead letters")');
	t.ok(await t.until(() => t.sql("select state <> 'failed' or tries > 0 from inbound_hooks where dedupe = $1", `page-${run}`)), 'CHA-31 and run again');
	await page.goto('/settings/channels/log');
	await t.axe(page, 'log of calls');
	await t.shots(page, 'channel-log');
	t.sql('delete from inbound_hooks where dedupe = $1', `page-${run}`);
}

async function whatsapp(page) {
	const graph = await t.standin('whatsapp.pl', '--phone-number-id', String(run), '--token', 'EAAtoken');
	await page.goto('/settings/channels/new?type=whatsapp');
	await page.fill('#phone_number_id', bo.channels.whatsapp_cloud.phone_number_id);
	await page.fill('#access_token', 'EAAtoken');
	await page.fill('#app_secret', 'app-secret');
	await page.fill('#account_password', bo.users[0].password);
	await page.click('.form-actions .btn-primary');
	t.like(await page.textContent('[role=alert]'), /connected already/, 'CHA-32 a number is connected once');
	await page.fill('#phone_number_id', String(run));
	await page.fill('#access_token', 'EAAtoken');
	await page.fill('#app_secret', 'app-secret');
	await page.fill('#verify_token', `verify-${run}`);
	await page.fill('#api_base', `${graph}/v22.0`);
	await page.fill('#account_password', bo.users[0].password);
	await page.click('.form-actions .btn-primary');
	await t.lives(page.locator('.channel-steps li.is-done', { hasText: 'They are good' }).waitFor(), 'CHA-12 the number is asked for at the provider');
	t.is(t.sql('select count(*) from channel_secrets s join channel_accounts a on a.id = s.channel_account_id where a.external_id = $1', String(run)), '3', 'CHA-16 WhatsApp Cloud is connected with three sealed secrets');
	const shake = await t.until(async () => {
		const answer = await fetch(`${bo.channels.whatsapp_cloud.webhook_url}?hub.mode=subscribe&hub.verify_token=verify-${run}&hub.challenge=4711`);
		return answer.ok && answer.text();
	}, 5);
	t.is(shake, '4711', 'CHA-65 and the handshake knows the verify token');
	t.sql('update channel_accounts set deleted_at = now() where external_id = $1', String(run));
}

async function agents() {
	const omar = await t.login({ user: 1 });
	t.is((await omar.goto('/settings/channels')).status(), 403, 'CHA-15 nobody but owners and administrators sees the channels');
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
	await health(page);
	await whatsapp(page);
	await agents();
	const phone = await t.login({ tenant: 1, phone: true });
	await phone.goto('/settings/channels');
	await t.fits(phone, 'channels on a phone');
	await t.shots(phone, 'channels-phone');
	await phone.goto(`/settings/channels/${bo.channels.telegram.id}`);
	await t.fits(phone, 'a channel on a phone');
	await t.shots(phone, 'channel-phone', { full: true });
	await phone.goto('/settings/channels/health');
	await t.fits(phone, 'channel health on a phone');
});

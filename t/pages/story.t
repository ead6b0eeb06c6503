#!/usr/bin/env node
// The main job from end to end, as people do it: a customer's WhatsApp message
// arrives in an open inbox, is answered, becomes a deal; a quote is sent and
// accepted on its public page; the customer books a meeting; and a webhook
// receiver gets every step, signed.
'use strict';
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const http = require('node:http');
const path = require('node:path');
const t = require('./lib.js');
const { Webhook } = require('standardwebhooks');

const k = t.config(), tenant = k.tenants[0], wa = tenant.channels.whatsapp_cloud;
const SECRET = 'whsec_' + Buffer.from('the story has a secret of its own').toString('base64');
const run = String(Date.now()).slice(-8), phone = `4917${run}`, name = `Storm Petersen ${run}`;

// ---- what stands around Kontor ----------------------------------------------------

const received = [];
function receiver() {
	return new Promise((done) => {
		const server = http.createServer((rq, rs) => {
			const parts = [];
			rq.on('data', (part) => parts.push(part));
			rq.on('end', () => {
				received.push({ method: rq.method, headers: rq.headers, raw: Buffer.concat(parts).toString('utf8') });
				rs.end('OK');
			});
		});
		server.listen(0, '127.0.0.1', () => done(server));
	});
}

function whatsapp() {
	return new Promise((done, fail) => {
		const child = spawn('perl', [path.join(__dirname, '../standin/whatsapp.pl'), '--phone-number-id', wa.phone_number_id,
			'--token', wa.access_token, '--app-secret', wa.app_secret, '--webhook', wa.webhook_url]);
		child.stdout.on('data', (text) => {
			const hit = /listening 127\.0\.0\.1 (\d+)/.exec(text);
			if (hit) done({ child, base: `http://127.0.0.1:${hit[1]}` });
		});
		child.on('exit', () => fail(new Error('the stand-in ended')));
	});
}

// What Meta posts when a customer writes.
async function customerWrites(text) {
	const body = JSON.stringify({ object: 'whatsapp_business_account', entry: [{ id: '102290129340398', changes: [{ field: 'messages', value: {
		messaging_product: 'whatsapp', metadata: { display_phone_number: '15550783881', phone_number_id: wa.phone_number_id },
		contacts: [{ profile: { name }, wa_id: phone }],
		messages: [{ from: phone, id: `wamid.${crypto.randomUUID()}`, timestamp: String(Math.floor(Date.now() / 1000)), type: 'text', text: { body: text } }],
	} }] }] });
	const signature = 'sha256=' + crypto.createHmac('sha256', wa.app_secret).update(body).digest('hex');
	const answer = await fetch(wa.webhook_url, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Hub-Signature-256': signature } });
	t.is(`${answer.status} ${(await answer.json()).status}`, '200 ok', `CHA-68 the provider's call is acknowledged: ${text}`);
}

async function arrives(type, row, test = () => true) {
	for (let i = 0; i < 400; i++) {
		const hit = received.map((r) => JSON.parse(r.raw)).find((e) => e.event === type && test(e.data));
		if (hit) return t.ok(true, `${row} the receiver got ${type}`), hit;
		await new Promise((r) => setTimeout(r, 25));
	}
	t.ok(false, `${row} the receiver got ${type}`);
	return { data: {} };
}

// ---- the story -------------------------------------------------------------------------

t.run(async () => {
	const server = await receiver(), provider = await whatsapp();
	process.on('exit', () => provider.child.kill());
	t.sql(`update channel_accounts set settings = settings || jsonb_build_object('api_base', $1::text || '/v22.0') where id = $2`, provider.base, wa.id);

	// An administrator subscribes a receiver, in the settings.
	const staff = await t.login();
	const hook = await fetch(`${k.base_url}/functions/v1/rest-api-proxy/webhook_configurations`, { method: 'POST',
		headers: { 'X-API-Key': tenant.api_key, 'Content-Type': 'application/json' },
		body: JSON.stringify({ name: `Story ${run}`, url: `http://127.0.0.1:${server.address().port}/hook`, secret: SECRET,
			events: ['message.received', 'message.sent', 'message.delivered', 'message.read', 'contact.created', 'conversation.created',
				'deal.created', 'deal.stage.changed', 'quote.sent', 'quote.viewed', 'quote.accepted', 'booking.created'] }) });
	t.is(hook.status, 201, 'WHK-10 a webhook is configured by the API');
	t.ok(!(await hook.text()).includes(SECRET), 'WHK-8 its secret does not come back');

	// The message arrives while the inbox is open, without a reload.
	await staff.goto('/inbox');
	await staff.evaluate(() => { window.untouched = true; });
	await customerWrites(`Do you deliver to Alexandria? ${run}`);
	const row = staff.locator('.talk-row', { hasText: name });
	await t.lives(row.waitFor(), 'INB-7 INB-85 FACT-1 the message is in the list by itself');
	t.ok(await staff.evaluate(() => window.untouched), 'INB-7 without a reload');
	await row.locator('a').click();
	await t.lives(staff.locator('.bubble', { hasText: `Alexandria? ${run}` }).waitFor(), 'INB-63 the thread shows it');
	await arrives('contact.created', 'WHK-12', (d) => d.phones?.includes(`+${phone}`));
	await arrives('conversation.created', 'WHK-19');
	const first = await arrives('message.received', 'WHK-22', (d) => d.content?.endsWith(run));
	t.is(first.data.contact?.phones?.[0], `+${phone}`, 'WHK-47 with its contact');
	t.is(`${first.data.direction} ${first.data.status} ${first.data.channel_type}`, 'INBOUND DELIVERED WHATSAPP_CLOUD', 'WHK-53 WHK-54 as documented');

	// The answer goes out, and its states come back.
	await staff.fill('#composer-text', `Yes, two days by road. ${run}`);
	await staff.keyboard.press('Enter');
	const answer = staff.locator('.item-out', { hasText: `two days by road. ${run}` });
	await t.lives(answer.waitFor(), 'MSG-23 the answer stands in the thread');
	await t.lives(answer.locator('[aria-label="Read"]').waitFor(), 'MSG-22 MSG-26 and its ticks turn to read by themselves');
	for (const [type, id] of [['message.sent', 'WHK-23'], ['message.delivered', 'WHK-24'], ['message.read', 'WHK-25']])
		await arrives(type, id, (d) => d.content?.endsWith(`road. ${run}`));

	// A deal out of the conversation.
	await staff.locator('button[data-dialog="deal-dialog"]').first().click();
	await staff.fill('#deal-title', `Pallets ${run}`);
	await staff.fill('#deal-value', '1020');
	await staff.locator('#deal-dialog button.btn-primary').click();
	await t.lives(staff.locator('#panel-deals', { hasText: `Pallets ${run}` }).waitFor(), 'INB-82 DEA-33 the deal is linked to the contact');
	const deal = await arrives('deal.created', 'WHK-15', (d) => d.title === `Pallets ${run}`);
	t.is(deal.data.conversation_id, first.data.conversation_id, 'DEA-33 and to the conversation');

	// A quote from the catalogue, sent as a link.
	await staff.goto(`/deals/${deal.data.id}/quotes/new`);
	if (await staff.locator('form[action$="/quotes/new"]').count()) {
		const title = staff.locator('form[action$="/quotes/new"] [name="title"]');
		if (await title.count()) await title.fill(`Freight ${run}`);
		await staff.locator('form[action$="/quotes/new"] button.btn-primary').click();
	}
	await staff.waitForURL(/\/quotes\/[0-9a-f-]{36}/);
	const all = await staff.locator('#catalogue').elementHandle();
	await staff.fill('#q', 'freight');
	await t.until(() => all.evaluate((list) => !list.isConnected), 10);
	const found = staff.locator('#catalogue form', { hasText: 'Road freight' }).or(staff.locator('#catalogue li, #catalogue tr, #catalogue > div', { hasText: 'Road freight' })).first();
	await found.locator('[name="qty"]').fill('12');
	await found.locator('button').click();
	await t.lives(staff.locator('#lines', { hasText: '1,020.00' }).waitFor(), 'Q2C-6 Q2C-8 a line from the catalogue, 12 x 85.00 = 1,020.00');
	await staff.locator('button[data-dialog="send"]').click();
	await staff.fill('#email', '');
	await staff.locator('#send button.btn-primary').click();
	const link = staff.locator('input[aria-label^="Link to the customer"]');
	await t.lives(link.waitFor(), 'Q2C-14 sending makes a tracked link');
	await arrives('quote.sent', 'Q2C-14', (d) => d.deal_id === deal.data.id);

	// The customer, elsewhere, reads and accepts it.
	const customer = await t.open({ phone: true });
	await customer.goto(await link.inputValue());
	t.ok((await customer.textContent('body')).includes('1,020.00'), 'the customer sees the total');
	await arrives('quote.viewed', 'Q2C-15', (d) => d.deal_id === deal.data.id);
	const pdf = await customer.request.get((await link.inputValue()) + '/pdf');
	t.ok(pdf.status() === 200 && (await pdf.body()).subarray(0, 5).toString() === '%PDF-', 'Q2C-13 the PDF is there');
	await customer.fill('#accept-name', 'Storm Petersen');
	await customer.check('input[name="agree"]');
	await customer.locator('form.accept button').click();
	await t.lives(customer.locator('text=/accepted/i').first().waitFor(), 'the page says that it is accepted');
	const accepted = await arrives('quote.accepted', 'Q2C-49', (d) => d.deal_id === deal.data.id);
	t.is(accepted.data.accepted_name, 'Storm Petersen', 'with the name that was typed');
	const moved = await arrives('deal.stage.changed', 'WHK-17', (d) => d.id === deal.data.id && d.stage === 'won');
	t.is(`${moved.data.old_stage} ${moved.data.new_stage}`, 'new won', 'WHK-55 the deal is won');

	// And books a meeting.
	await customer.goto(tenant.booking_url);
	await customer.locator('a[href*="start="], .times a').first().click();
	await customer.fill('#name', 'Storm Petersen');
	await customer.fill('#email', `storm${run}@guests.example`);
	await customer.fill('#phone', `+${phone}`);
	await customer.locator('form[method="post"] button[type="submit"]').click();
	await customer.waitForURL(/\/schedule\/booking\//);
	t.ok((await customer.textContent('body')).includes('Storm Petersen'), 'SCH-80 the confirmation page has the details');
	const booking = await arrives('booking.created', 'SCH-136', (d) => d.guest_email === `storm${run}@guests.example`);
	await staff.goto('/bookings');
	t.ok((await staff.textContent('body')).includes('Storm Petersen'), 'SCH-127 the host sees it in the list');
	t.is(booking.data.status, 'confirmed', 'SCH-79 confirmed at once');

	// Every call was signed, twice over, and can be read again without a change.
	const check = new Webhook(SECRET);
	const good = received.every((r) => {
		const hex = crypto.createHmac('sha256', SECRET).update(r.raw).digest('hex');
		check.verify(r.raw, r.headers);
		return r.method === 'POST' && r.headers['x-webhook-signature'] === hex && JSON.stringify(JSON.parse(r.raw)) === r.raw
			&& r.headers['x-webhook-event'] === JSON.parse(r.raw).event;
	});
	t.ok(good, `WHK-32 WHK-34 WHK-36 WHK-40 WHK-42 all ${received.length} calls are signed as documented`);
	const ids = received.map((r) => r.headers['webhook-id']);
	t.is(new Set(ids).size, ids.length, 'none came twice');
	await t.fits(customer, 'the confirmation on a phone');
	server.close();
	provider.child.removeAllListeners('exit');
	provider.child.kill();
	t.sql(`update webhook_configurations set is_active = false where name = $1`, `Story ${run}`);
	t.sql(`update channel_accounts set settings = settings - 'api_base' where id = $1`, wa.id);
});

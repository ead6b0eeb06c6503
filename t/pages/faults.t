#!/usr/bin/env node
// Two people at one record, double clicks, the way back, a session that ends
// under a form: nothing is overwritten unseen, nothing twice, nothing typed is lost.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const save = '.form-actions .btn-primary';
const idOf = (page) => new URL(page.url()).pathname.split('/')[2];

async function make(page, path, fill, after) {
	await page.goto(path);
	await fill(page);
	await Promise.all([page.waitForURL(after), page.click(save)]);
	return idOf(page);
}

// ---- two people at one record --------------------------------------------------------

async function twoPeople(anna, omar) {
	const id = await make(anna, '/contacts/new', async (page) => {
		await page.fill('#first_name', `Two${stamp}`);
		await page.fill('#last_name', 'People');
		await page.fill('input[name="emails"] >> nth=0', `two${stamp}@example.com`);
		await page.fill('#source', 'fair');
		await page.fill('#description', 'as it was');
	}, /\/contacts\/[0-9a-f-]{36}/);
	await anna.goto(`/contacts/${id}/edit`);
	await omar.goto(`/contacts/${id}/edit`);
	await omar.fill('#source', 'website');
	await omar.fill('#description', 'Omar wrote this');
	await omar.fill('#tags', 'omar');
	await Promise.all([omar.waitForURL(/\/contacts\/[^/]+(\?|$)/), omar.click(save)]);

	await anna.fill('#last_name', 'Anna was here');
	await anna.fill('#source', 'phone call');
	await anna.click(save);
	await anna.waitForSelector('.clash');
	t.ok(true, 'UC two people edit the same contact: the later save asks');
	t.is(t.sql('select source || description from contacts where id = $1', id), 'websiteOmar wrote this', 'nothing was overwritten');
	const field = (name) => anna.locator('.clash-field', { has: anna.locator(`[name="keep.${name}"]`) });
	t.is(await anna.locator('.clash-field').count(), 3, 'each field that the other one changed is there, and no more');
	t.like(await field('source').textContent(), /Omar[\s\S]*website[\s\S]*phone call/, 'with whose value is which');
	t.ok(await field('source').locator('[value="mine"]').isChecked(), 'what I typed is the choice where I typed something');
	t.ok(await field('description').locator('[value="theirs"]').isChecked(), 'theirs where I did not');
	t.is(await anna.inputValue('#last_name'), 'Anna was here', 'all that was typed is still there');
	await t.axe(anna, 'two versions of a contact');
	await t.shot(anna, 'clash-contact');
	await Promise.all([anna.waitForURL(/\/contacts\/[^/]+(\?|$)/), anna.click(save)]);
	t.is(t.sql("select source || '|' || description || '|' || last_name || '|' || array_to_string(tags, ',') from contacts where id = $1", id),
		'phone call|Omar wrote this|Anna was here|omar', 'what was chosen is saved: mine here, theirs there');
	t.is(t.sql("select count(*) from events where record_id = $1 and type = 'contact.updated' and changes ? 'new_description'", id), '1',
		'and what stays is told as changed by nobody');

	// The same again, changed once more while choosing.
	await anna.goto(`/contacts/${id}/edit`);
	t.sql("update contacts set source = 'third' where id = $1", id);
	await anna.fill('#source', 'mine');
	await anna.click(save);
	await anna.waitForSelector('.clash');
	t.sql("update contacts set source = 'fourth' where id = $1", id);
	await anna.click(save);
	await anna.waitForFunction(() => document.querySelector('.clash')?.textContent.includes('fourth'));
	t.is(t.sql('select source from contacts where id = $1', id), 'fourth', 'a change while choosing is asked about again');
	await anna.check('[name="keep.source"][value="theirs"]');
	await Promise.all([anna.waitForURL(/\/contacts\/[^/]+(\?|$)/), anna.click(save)]);
	t.is(t.sql('select source from contacts where id = $1', id), 'fourth', 'and theirs can be taken');

	// What nobody can see is no clash.
	await anna.goto(`/contacts/${id}/edit`);
	t.sql('update contacts set updated_at = now() where id = $1', id);
	await anna.fill('#source', 'quiet');
	await Promise.all([anna.waitForURL(/\/contacts\/[^/]+(\?|$)/), anna.click(save)]);
	t.is(t.sql('select source from contacts where id = $1', id), 'quiet', 'a touch that changed no field does not ask');
	return id;
}

async function otherKinds(anna) {
	for (const [path, name, table] of [['companies', 'name', 'companies'], ['deals', 'title', 'deals']]) {
		const id = t.sql(`insert into ${table} (organization_id, ${name}) values ($1, $2) returning id`, t.config().tenants[0].organization_id, `Two ${path} ${stamp}`);
		if (path === 'deals') t.sql('update deals d set contact_id = (select c.id from contacts c where c.organization_id = d.organization_id limit 1) where d.id = $1', id);
		await anna.goto(`/${path}/${id}/edit`);
		t.sql(`update ${table} set description = 'theirs' where id = $1`, id);
		await anna.fill('#description', 'mine');
		await anna.click(save);
		await anna.waitForSelector('.clash');
		t.like(await anna.textContent('.clash'), /theirs[\s\S]*mine/, `two people at one of ${path}: asked for the field`);
		t.is(t.sql(`select description from ${table} where id = $1`, id), 'theirs', 'and nothing is overwritten');
	}
}

// ---- a session that ends under a form ------------------------------------------------------

async function fillContact(page, who) {
	await page.fill('#first_name', who);
	await page.fill('#last_name', stamp);
	await page.fill('input[name="emails"] >> nth=0', `${who}.${stamp}@example.com`);
	await page.fill('#description', 'a long text that nobody wants to write twice');
}
const made = (who) => t.sql('select count(*) from contacts where first_name = $1 and last_name = $2', who, stamp);

async function lostSession() {
	const page = await t.open();
	const user = t.config().tenants[0].users[1];
	const signIn = async () => {
		await page.fill('#email', user.email);
		await page.fill('#password', user.password);
		await page.click('form button');
	};
	page.on('dialog', (d) => d.accept().catch(() => {}));
	await page.goto('/login');
	await signIn();
	await page.waitForURL((url) => url.pathname !== '/login');
	await page.goto('/contacts/new');
	await fillContact(page, 'Lost');
	await page.click('[data-lines]:has([name="emails"]) [data-line-add]');
	await page.fill('input[name="emails"] >> nth=1', `second.${stamp}@example.com`);
	await page.context().clearCookies({ name: 'kontor_session' });
	await page.click(save);
	await page.waitForURL(/\/login/);
	t.ok(true, 'a form that is sent when the session is over leads to signing in');
	t.is(made('Lost'), '0', 'and nothing is saved');
	await signIn();
	await page.waitForURL(/\/contacts\/new/);
	t.is(await page.inputValue('#description'), 'a long text that nobody wants to write twice', 'back at the form, what was typed is there');
	t.is(await page.inputValue('input[name="emails"] >> nth=1'), `second.${stamp}@example.com`, 'with the lines that were added');
	await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.click(save)]);
	t.is(made('Lost'), '1', 'it is saved once');
	await page.goto('/contacts/new');
	t.is(await page.inputValue('#first_name'), '', 'and the next form is empty');
	await page.fill('#description', 'left behind');
	await page.waitForTimeout(400);
	await page.goto('/contacts');
	await page.goto('/contacts/new');
	t.is(await page.inputValue('#description'), 'left behind', 'a page that is left keeps what was typed');
	await page.click('.form-actions a.btn');
	await page.goto('/contacts/new');
	t.is(await page.inputValue('#description'), '', 'unless it was cancelled');
	await page.close();
}

async function once(page) {
	await page.goto('/contacts/new');
	await fillContact(page, 'Twice');
	await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.dblclick(save)]);
	t.is(made('Twice'), '1', 'a double click makes one record');
	await page.goto('/contacts/new');
	await fillContact(page, 'Back');
	await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.click(save)]);
	await page.goBack();
	await page.waitForSelector('#first_name');
	t.is(await page.inputValue('#first_name'), 'Back', 'the way back shows the form as it was sent');
	await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.click(save)]);
	t.is(made('Back'), '1', 'and sending it again makes no second one');
}

t.run(async () => {
	const anna = await t.login(), omar = await t.login({ user: 1 });
	anna.on('dialog', (d) => d.accept().catch(() => {}));
	await twoPeople(anna, omar);
	await otherKinds(anna);
	await lostSession();
	await once(anna);
	t.sql('delete from contacts where last_name = $1', stamp);
});

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
		await anna.goto(`/${path}/${id}/edit`);
		t.sql(`update ${table} set description = 'theirs' where id = $1`, id);
		await anna.fill('#description', 'mine');
		await anna.click(save);
		await anna.waitForSelector('.clash');
		t.like(await anna.textContent('.clash'), /theirs[\s\S]*mine/, `two people at one of ${path}: asked for the field`);
		t.is(t.sql(`select description from ${table} where id = $1`, id), 'theirs', 'and nothing is overwritten');
	}
}

t.run(async () => {
	const anna = await t.login(), omar = await t.login({ user: 1 });
	anna.on('dialog', (d) => d.accept().catch(() => {}));
	await twoPeople(anna, omar);
	await otherKinds(anna);
});

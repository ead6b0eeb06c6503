#!/usr/bin/env node
// Quick replies: the page /templates as every documented path uses it, and "/" in the composer.
'use strict';

const t = require('./lib.js');

const org = t.config().tenants[0].organization_id;
const run = Date.now();
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGNkYPjPgA0wYRUdtBIAO/8BD7Pkjm8AAAAASUVORK5CYII=', 'base64');
const row = (page, name) => page.locator('.templates-table tbody tr', { hasText: name });

async function create(page) {
	t.sql('update template_marks set is_favourite = false where organization_id = $1', org);
	await page.goto('/templates');
	await page.click('text=Create Template');
	await page.waitForURL('**/templates/new');
	t.ok(await page.isVisible('#name') && await page.isVisible('#text') && await page.isVisible('label[for="image-file"]'), 'TPL-1 TPL-2 the editor has name, text and image');
	t.ok(await page.isDisabled('[data-save]'), 'TPL-5 Save waits for a text');
	await page.fill('#text', `Welcome ${run}, `);
	t.is(await page.textContent('[data-preview] p'), `Welcome ${run}, `, 'TPL-7 MSG-84 the preview follows while typing');
	await page.click('[data-variable="first_name"]');
	t.is(await page.inputValue('#text'), `Welcome ${run}, {{first_name}}`, 'variables are put in by a click');
	t.is(await page.locator('select').count(), 0, 'TPL-10 no channel, no approval, no category to choose');
	await page.route('**/templates/image', async (route) => { await new Promise((wake) => setTimeout(wake, 700)); await route.continue(); });
	await page.setInputFiles('#image-file', { name: 'logo.png', mimeType: 'image/png', buffer: PNG });
	t.ok(await page.isDisabled('[data-save]'), 'TPL-5 MSG-85 Save waits for a running upload');
	await t.lives(page.waitForSelector('[data-preview] img'), 'TPL-6 TPL-7 the image is in the preview');
	await page.unroute('**/templates/image');
	t.ok(await page.isEnabled('[data-save]'), 'TPL-5 then it can be saved');
	await page.setInputFiles('#image-file', { name: 'bad.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg/>') });
	t.like(await page.textContent('[data-image-problem]'), /JPEG, PNG/, 'TPL-6 another kind of file is refused in words');
	await page.fill('#shortcut', `w${run}`);
	await t.axe(page, 'template form');
	await t.shots(page, 'template-form');
	await page.click('[data-save]');
	await page.waitForURL('**/templates?done=saved');
	t.ok(await row(page, `Welcome ${run}`).isVisible(), 'TPL-16 a new one is in the list');
	t.like(await row(page, `Welcome ${run}`).locator('th').textContent(), /General template \(\d\d\.\d\d\.\d{4}/, 'TPL-3 MSG-83 named by the date');
	t.ok(await row(page, `Welcome ${run}`).locator('img').isVisible(), 'TPL-9 with its thumbnail');
	const heads = (await page.locator('.templates-table thead th').allTextContents()).join(' ');
	t.like(heads, /Name.*Preview.*Created/, 'TPL-11 MSG-86 name, preview, date');
	for (const what of ['Edit', 'Copy', 'Delete'])
		t.ok(await row(page, `Welcome ${run}`).locator(`[aria-label^="${what}"]`).isVisible(), `TPL-11 MSG-86 ${what}`);
	// Dropped onto the form.
	await page.goto('/templates/new');
	await page.fill('#name', `Dropped ${run}`);
	await page.fill('#text', 'With a picture');
	const data = await page.evaluateHandle((base64) => {
		const d = new DataTransfer();
		d.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'drop.png', { type: 'image/png' }));
		return d;
	}, PNG.toString('base64'));
	await page.dispatchEvent('[data-drop]', 'drop', { dataTransfer: data });
	await t.lives(page.waitForSelector('[data-preview] img'), 'TPL-6 MSG-82 an image by drag and drop');
	await page.click('[data-save]');
	await page.waitForURL('**/templates?done=saved');
}

async function list(page) {
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	await row(page, `Dropped ${run}`).locator('[data-copy-text]').click();
	t.is(await page.evaluate(() => navigator.clipboard.readText()), 'With a picture', 'TPL-14 MSG-87 Copy puts exactly the text on the clipboard');
	await page.fill('#q', `WELCOME ${run}`);
	await t.lives(page.waitForFunction(() => document.querySelectorAll('.templates-table tbody tr').length === 1), 'TPL-13 MSG-88 found by a part of the text, in any case');
	await page.fill('#q', `ropped ${run}`);
	await t.lives(row(page, `Dropped ${run}`).waitFor(), 'TPL-13 MSG-88 by a part of the name');
	await page.fill('#q', 'nonexistent');
	await t.lives(page.waitForSelector('text=No template fits'), 'TPL-13 no match says so');
	t.is(await page.locator('.filters select').count(), 1, 'TPL-12 no filter but the search');
	await t.axe(page, 'templates, nothing found');
	await page.fill('#q', '');
	await t.lives(row(page, `Dropped ${run}`).waitFor(), 'TPL-16 clearing the search shows them again');
	await row(page, `Dropped ${run}`).locator('[data-favourite]').click();
	await t.lives(row(page, `Dropped ${run}`).locator('[aria-pressed="true"]').waitFor(), 'MSG-80 a favourite');
	await row(page, `Dropped ${run}`).locator('a[aria-label^="Edit"]').click();
	await page.fill('#text', `Changed ${run}`);
	await page.click('[data-save]');
	await page.waitForURL('**/templates?done=saved');
	t.ok(await row(page, `Changed ${run}`).isVisible(), 'TPL-8 changed');
	await t.axe(page, 'templates');
	await t.shots(page, 'templates');
}

async function composer(page) {
	const talk = t.sql("select id from conversations where organization_id = $1 and status = 'OPEN' and channel_account_id = (select id from channel_accounts where organization_id = $1 and type = 'TELEGRAM' limit 1) order by last_message_at desc limit 1", org);
	const first = t.sql('select k.first_name from contacts k join conversations c on c.contact_id = k.id where c.id = $1', talk);
	await page.goto(`/inbox/${talk}`);
	await page.click('#composer-text');
	await page.keyboard.type('Hi /');
	await t.lives(page.waitForSelector('.reply-option'), 'MSG-77 typing / opens the menu');
	t.like(await page.locator('.reply-option').first().textContent(), new RegExp(`Dropped ${run}`), 'MSG-80 the favourite first');
	await page.keyboard.type(`w${run}`);
	await t.lives(page.waitForFunction(() => document.querySelectorAll('.reply-option').length === 1), 'MSG-78 typing on searches');
	await t.axe(page, 'quick replies in the composer');
	await t.shot(page, 'composer-replies');
	await page.keyboard.press('Enter');
	t.is(await page.inputValue('#composer-text'), `Hi Welcome ${run}, ${first}`, 'MSG-78 MSG-79 TPL-15 Enter puts its text in place, variables filled, ready to be changed');
	t.is(await page.locator('.composer-files img').count(), 1, 'with its image');
	await t.until(() => t.sql('select uses > 0 from templates where shortcut = $1', `w${run}`));
	t.is(t.sql('select uses from templates where shortcut = $1', `w${run}`), '1', 'MSG-91 its use is counted');
	await page.fill('#composer-text', '');
	await page.click('[data-replies]');
	await t.lives(page.waitForSelector('.reply-option'), 'MSG-80 the button opens what was used lately');
	await page.keyboard.press('Escape');
	t.ok(await page.isHidden('#replies-menu'), 'Escape closes it');
	await page.goto('/inbox');
}

async function rights(page) {
	const omar = await t.login({ user: 1 });
	await omar.goto('/templates');
	t.is(await omar.locator('[data-delete-selected], [data-delete-all], .templates-table [name="ids"]').count(), 0, 'TPL-18 MSG-90 without the permission no boxes and no bulk buttons');
	t.is(await row(omar, `Changed ${run}`).locator('[data-delete-one]').count(), 0, 'TPL-21 and no Delete in the row');
	t.ok(await row(omar, `Changed ${run}`).locator('a[aria-label^="Edit"]').isVisible() && await omar.isVisible('text=Create Template'), 'TPL-21 MSG-90 creating and editing stay');
	const refused = await omar.evaluate(async (id) => {
		const csrf = document.querySelector('meta[name="csrf"]').content;
		return (await fetch(`/templates/${id}/delete`, { method: 'POST', redirect: 'manual', headers: { 'X-CSRF-Token': csrf, Accept: 'application/json' } })).status;
	}, await row(omar, `Changed ${run}`).getAttribute('data-id'));
	t.is(refused, 403, 'TPL-21 the server refuses it as well');
	await omar.context().close();
}

async function remove(page) {
	await page.goto('/templates');
	await row(page, `Changed ${run}`).locator('[data-delete-one]').click();
	t.like(await page.textContent('#delete-templates'), new RegExp(`Dropped ${run}`), 'TPL-17 deleting asks first, with the name');
	await page.click('#delete-templates [data-close]');
	t.ok(await row(page, `Changed ${run}`).isVisible(), 'TPL-17 Cancel leaves it');
	await row(page, `Changed ${run}`).locator('[data-delete-one]').click();
	await page.click('#delete-templates .btn-danger');
	await page.waitForURL('**/templates?done=deleted');
	t.is(await row(page, `Changed ${run}`).count(), 0, 'TPL-17 MSG-89 then it is gone');
	for (const n of [1, 2, 3, 4])
		t.sql(`insert into templates (organization_id, name, components) values ($1, $2, '[{"type": "BODY", "text": "x"}]')`, org, `Bulk ${run} ${n}`);
	await page.goto(`/templates?q=Bulk+${run}`);
	t.ok(await page.isDisabled('[data-delete-selected]'), 'TPL-19 nothing is chosen');
	await row(page, `Bulk ${run} 1`).locator('[name="ids"]').check();
	await row(page, `Bulk ${run} 2`).locator('[name="ids"]').check();
	await page.click('[data-delete-selected]');
	await page.click('#delete-templates .btn-danger');
	await page.waitForURL('**/templates?done=deleted');
	t.is(t.sql('select string_agg(name, \',\' order by name) from templates where organization_id = $1 and name like $2', org, `Bulk ${run}%`), `Bulk ${run} 3,Bulk ${run} 4`, 'TPL-19 MSG-89 Delete Selected removes those that are ticked');
	await page.goto(`/templates?q=Bulk+${run}`);
	await page.click('[data-delete-all]');
	await page.click('#delete-templates .btn-danger');
	await page.waitForURL('**/templates?done=deleted');
	t.is(t.sql('select count(*) from templates where organization_id = $1 and name like $2', org, `Bulk ${run}%`), '0', 'TPL-20 MSG-89 Delete All removes what the search shows');
	t.ok(Number(t.sql('select count(*) from templates where organization_id = $1', org)) > 0, 'TPL-20 and no others');
}

t.run(async () => {
	const anna = await t.login();
	await create(anna);
	await list(anna);
	await composer(anna);
	await rights(anna);
	await remove(anna);
	const phone = await t.login({ phone: true });
	await phone.goto('/templates');
	await t.fits(phone, 'templates on a phone');
	await phone.goto('/templates/new');
	await t.fits(phone, 'template form on a phone');
	t.sql('delete from templates where organization_id = $1 and search_text like $2', org, `%${run}%`);
});

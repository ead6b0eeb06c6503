#!/usr/bin/env node
// Lists of records: filters, views, columns, cells, selection, export.
'use strict';
const fs = require('node:fs');
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = () => t.config().tenants[0].organization_id;
const names = (page) => page.locator('#results .stretched, #results th[scope="row"] a').allTextContents()
	.then((all) => all.map((n) => n.replace(/^\s*\S{1,2}\s\s*/, '').trim()));
const count = (text) => Number(t.sql(text));
const settled = (page) => page.waitForFunction(() => !document.querySelector('.htmx-request, .htmx-settling, .htmx-swapping'));

// A fragment comes, and is in its place.
async function fetched(page, action) {
	const answer = page.waitForResponse((r) => /\/(contacts|companies)\?/.test(r.url()) && Boolean(r.request().headers()['hx-request']));
	await action();
	await answer;
	await settled(page);
}

// 60 people of one tag: enough for two pages.
function people(n, tag, extra = {}) {
	t.sql(`insert into contacts (organization_id, first_name, last_name, tags, source, custom_fields, phones, created_at)
		select $1::uuid, 'L' || lpad(n::text, 3, '0'), $2, array[$3], case when n % 2 = 0 then 'fair' else 'shop' end, $4::jsonb,
			array['+4930' || lpad(n::text, 7, '0')], now() - n * interval '1 hour' from generate_series(1, ${n}) n`,
		org(), `List${stamp}`, tag, JSON.stringify(extra));
}

async function choose(page, key, op, fill) {
	await page.click('.filter-menu > summary');
	await page.click(`[data-filter-key="${key}"]`);
	await page.waitForSelector('#records-dialog[open] .filter-form');
	if (op) await page.selectOption('#records-dialog select[name="op"]', op);
	if (fill) await fill(page.locator('#records-dialog'));
	await fetched(page, () => page.click('#records-dialog .btn-primary'));
}

async function filters(page) {
	await page.goto('/contacts?view=table');
	await choose(page, 'tags', 'any', (d) => d.locator(`input[value="list ${stamp}"]`).check());
	t.like(await page.textContent('.list-tools [role="status"]'), /1–50\s+of\s+60/, 'CON-27 CON-33 filtered by a tag, with the number that fit');
	t.like(await page.textContent('.chip'), new RegExp(`Tags has any of list ${stamp}`), 'a filter stands as a chip');
	await choose(page, 'source', 'is', (d) => d.locator('[data-for="one"] input').fill('fair'));
	t.is(await page.locator('.chip').count(), 2, 'a second filter joins it');
	t.like(await page.textContent('.list-tools [role="status"]'), /of\s+30/, 'CON-32 filters combine with AND');
	t.like(decodeURIComponent(page.url()), /f=tags:any:list.*f=source:is:fair/, 'the address holds the filters');
	const address = page.url();
	await page.goto('/contacts');
	await page.goto(address);
	t.like(await page.textContent('.list-tools [role="status"]'), /of\s+30/, 'the address alone gives the same list');
	await page.click('[data-filter-edit^="source"]');
	await page.waitForSelector('#records-dialog[open] .filter-form');
	await page.fill('#records-dialog [data-for="one"] input', 'shop');
	await fetched(page, () => page.click('#records-dialog .btn-primary'));
	t.is(await page.locator('.chip').count(), 2, 'a chip that is changed stays one');
	await fetched(page, () => page.click('.chip:nth-child(2) a'));
	t.is(await page.locator('.chip').count(), 1, 'a chip is taken away');
	await fetched(page, () => page.click('.list-pages [rel="next"]'));
	t.is((await names(page)).length, 10, 'CON-33 the second page of what fits');
	await choose(page, 'assignee_id', 'empty');
	t.like(await page.textContent('.list-tools [role="status"]'), /of\s+60/, 'CON-28 nobody is assigned');
	await page.goto(`/contacts?tags=list+${stamp}&assignee_id=me`);
	t.is((await names(page)).length, 0, 'CON-28 and nothing is assigned to me');
	await page.goto(`/contacts?f=tags:all:list+${stamp}&f=created_at:last:1`);
	const last = (await names(page)).length;
	t.ok(last > 20 && last < 50, 'CON-31 in the last days');
	await page.goto('/contacts?f=nonsense:is:1');
	t.like(await page.textContent('body'), /does not know/, 'a filter that is not known is refused, not left out');
	await page.goto(`/contacts?q=findme${stamp}`);
	t.is((await names(page)).length, 50, 'CON-22 found by a custom field value');
	await page.goto('/contacts?view=table&sort=name');
	await fetched(page, () => page.click('thead a:text("Name")'));
	t.like(page.url(), /sort=-name/, 'CON-30 a head sorts, and once more the other way');
	const down = (await names(page)).map((n) => n.toLowerCase());
	t.ok(down[0] >= down[5] || /[^a-z0-9 ]/.test(down[0] + down[5]), 'CON-30 Z to A');
	await fetched(page, () => page.click('thead a:text("Added")'));
	t.like(page.url(), /sort=-created_at/, 'CON-31 the newest first');
}

async function custom(page) {
	const key = `tier_${stamp}`;
	t.sql(`insert into custom_field_definitions (organization_id, entity, key, label, type, options) values
		($1::uuid, 'contact', $2, $3, 'select', '["Gold", "Silver"]'), ($1::uuid, 'contact', $4, $5, 'number', '[]')`,
		org(), key, `Tier ${stamp}`, `score_${stamp}`, `Points ${stamp}`);
	t.sql(`update contacts set custom_fields = custom_fields || jsonb_build_object($1, case when first_name < 'L031' then 'Gold' else 'Silver' end,
		$2, substr(first_name, 2)::int) where last_name = $3`, key, `score_${stamp}`, `List${stamp}`);
	await page.goto(`/contacts?view=table&cols=cf.${key},cf.score_${stamp}&f=tags:all:list+${stamp}&sort=-cf.score_${stamp}`);
	t.ok(await page.isVisible(`th:has-text("Tier ${stamp}")`), 'CON-53 a defined custom field is a column');
	t.is((await names(page))[0], `L060 List${stamp}`, 'CON-53 and sorts as its type');
	await choose(page, `cf.${key}`, 'is', (d) => d.locator('input[value="Gold"]').check());
	t.like(await page.textContent('.list-tools [role="status"]'), /of\s+30/, 'CON-53 and filters');
	await choose(page, `cf.score_${stamp}`, 'between', async (d) => {
		await d.locator('[data-for="two"] input').first().fill('5');
		await d.locator('[data-for="two"] input').last().fill('9');
	});
	t.is((await names(page)).length, 5, 'CON-53 a number between two others');
	await page.dblclick(`tr:has-text("L007") [data-cell="cf.${key}"]`);
	await page.selectOption('.cell-form select', 'Silver');
	await page.press('.cell-form select', 'Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(t.sql(`select custom_fields ->> $1 from contacts where last_name = $2 and first_name = 'L007'`, key, `List${stamp}`), 'Silver',
		'CON-53 and is changed in its cell');
}

async function cells(page) {
	await page.goto(`/contacts?view=table&cols=source,company_id,assignee_id,tags,emails&f=tags:all:list+${stamp}&sort=name`);
	const row = page.locator('tr:has-text("L001")');
	const is = (column) => t.sql(`select ${column} from contacts where last_name = $1 and first_name = 'L001'`, `List${stamp}`);
	await row.locator('[data-cell="source"]').dblclick();
	await page.fill('.cell-form input[name="value"]', 'referral');
	await page.press('.cell-form input[name="value"]', 'Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(await row.locator('[data-cell="source"]').textContent(), 'referral', 'CON-35 a cell shows what was typed');
	t.is(is('source'), 'referral', 'CON-5 and it is stored');
	await row.locator('[data-cell="source"]').focus();
	await page.keyboard.press('F2');
	await page.waitForSelector('.cell-form');
	await page.fill('.cell-form input[name="value"]', 'thrown away');
	await page.keyboard.press('Escape');
	t.is(is('source'), 'referral', 'Esc leaves it as it was');
	t.is(await page.evaluate(() => document.activeElement.dataset.cell), 'source', 'the cell has the focus again');
	await page.keyboard.press('ArrowRight');
	await page.keyboard.press('ArrowRight');
	await page.keyboard.press('Enter');
	await page.waitForSelector('.cell-form select');
	await page.selectOption('.cell-form select', { index: 1 });
	await page.keyboard.press('Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(is('assignee_id is not null'), 't', 'CON-55 by keyboard alone: the owner');
	await row.locator('[data-cell="company_id"]').dblclick();
	await page.fill('.cell-form input[role="combobox"]', 'TechBr');
	await page.waitForSelector('.cell-form [role="option"]');
	await page.keyboard.press('Enter');
	await page.keyboard.press('Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(await row.locator('[data-cell="company_id"]').textContent(), 'TechBridge GmbH', 'CON-7 a company by typing its name');
	await row.locator('[data-cell="emails"]').dblclick();
	await page.fill('.cell-form input[name="value"]', 'not an address');
	await page.press('.cell-form input[name="value"]', 'Enter');
	await page.waitForSelector('.cell-form .field-error:not([hidden])');
	t.like(await page.textContent('.cell-form .field-error'), /not an e-mail address/, 'CON-83 a message of the database stands at the cell');
	await page.keyboard.press('Escape');
	// Somebody else is quicker.
	await row.locator('[data-cell="source"]').dblclick();
	await page.waitForSelector('.cell-form');
	t.sql(`update contacts set source = 'theirs' where last_name = $1 and first_name = 'L001'`, `List${stamp}`);
	await page.fill('.cell-form input[name="value"]', 'mine');
	await page.press('.cell-form input[name="value"]', 'Enter');
	await page.waitForSelector('.cell-theirs:not([hidden])');
	t.like(await page.textContent('.cell-theirs'), /theirs/, 'two people edit the same cell: the later sees what the other wrote');
	t.is(is('source'), 'theirs', 'and nothing is overwritten');
	await page.click('.cell-theirs .btn-primary');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(is('source'), 'mine', 'unless he wants so');
	await row.locator('[data-cell="source"]').dblclick();
	await page.waitForSelector('.cell-form');
	t.sql(`update contacts set description = 'other' where last_name = $1 and first_name = 'L001'`, `List${stamp}`);
	await page.fill('.cell-form input[name="value"]', 'again');
	await page.press('.cell-form input[name="value"]', 'Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(is('source'), 'again', 'a change of another field is no conflict');
	t.sql(`update contacts set source = '<img src=x onerror=alert(1)>' where last_name = $1 and first_name = 'L001'`, `List${stamp}`);
	await page.reload();
	t.is(await page.locator('#results img').count(), 0, 'script in a field shows as text');
}

async function bulk(page) {
	const list = `/contacts?view=table&f=tags:all:list+${stamp}&sort=name`;
	const toast = () => page.textContent('.toast-line:last-child');
	const done = async (text) => {
		await page.waitForSelector(`.toast-line:not([data-seen]):has-text("${text}")`);
		await page.evaluate(() => document.querySelectorAll('.toast-line').forEach((line) => { line.dataset.seen = '1'; }));
		await settled(page);
	};
	await page.goto(list);
	await page.click('tbody tr:nth-child(1) .pick');
	await page.click('tbody tr:nth-child(5) .pick', { modifiers: ['Shift'] });
	t.like(await page.textContent('.bulk-count'), /5/, 'a range is selected with shift');
	await page.click('[data-bulk="add_tags"]');
	await page.fill('#bulk-value', `bulk ${stamp}`);
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 5');
	t.is(count(`select count(*) from contacts where 'bulk ${stamp}' = any (tags)`), 5, 'CON-42 CON-47 tags are added to every one of the selection');
	t.ok((await page.textContent('tbody tr:nth-child(1)')).includes(`bulk ${stamp}`), 'CON-47 and show at once');
	await page.click('.toast-line:last-child button');
	await done('Restored: 5');
	t.is(count(`select count(*) from contacts where 'bulk ${stamp}' = any (tags)`), 0, 'CON-42 and undone');
	await page.click('[data-pick-page]');
	t.like(await page.textContent('.bulk-count'), /50/, 'the page is selected');
	await page.click('[data-select-all]');
	t.like(await page.textContent('.bulk-count'), /60/, 'CON-44 all that fit the filters');
	await page.click('[data-bulk="assign"]');
	await page.selectOption('#bulk-value', { index: 1 });
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 59');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}' and assignee_id is not null`), 60, 'CON-45 all get the assignee');
	t.sql(`update contacts set assignee_id = null where last_name = $1 and first_name = 'L002'`, `List${stamp}`);
	await page.click('.list-menu > summary');
	await page.click('[data-open="changes"]');
	await page.waitForSelector('.change-list li');
	await page.locator('.change-list [data-undo]').first().click();
	await done('Restored: 58');
	t.like(await toast(), /left alone: 1/, 'undo leaves alone what somebody changed since');
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="opt_out"]');
	await done('Changed: 50');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}' and not opt_in_status`), 50, 'CON-43 opt-out');
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="opt_in"]');
	await done('Changed: 50');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}' and not opt_in_status`), 0, 'CON-43 opt-in');
	await page.click('tbody tr:nth-child(2) .pick');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="set"]');
	await page.selectOption('[data-bulk-key]', 'source');
	await page.fill('#bulk-value', 'set at once');
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 1');
	t.is(count(`select count(*) from contacts where source = 'set at once' and last_name = 'List${stamp}'`), 1, 'CON-5 a field is set for the selection');
	await page.click('tbody tr:nth-child(3) .pick');
	await page.click('[data-bulk="remove_tags"]');
	await page.fill('#bulk-value', 'nothing such');
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 0');
	// Deleting with all that belongs to them, and back.
	const c = t.sql(`select id from contacts where last_name = $1 and first_name = 'L003'`, `List${stamp}`);
	t.sql(`insert into deals (organization_id, title, contact_id, value) values ($1::uuid, $2, $3::uuid, 10)`, org(), `Deal ${stamp}`, c);
	t.sql(`insert into notes (organization_id, contact_id, content) values ($1::uuid, $2::uuid, $3)`, org(), c, `Note ${stamp}`);
	const deal = t.sql(`select (to_jsonb(d) - 'updated_at')::text from deals d where title = $1`, `Deal ${stamp}`);
	await page.goto(list);
	for (const n of [2, 3, 4]) await page.click(`tbody tr:nth-child(${n}) .pick`);
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="delete"]');
	await page.click('#records-dialog .btn-danger');
	await done('Deleted: 3');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}'`), 57, 'CON-8 CON-41 the selection is deleted');
	t.is(count(`select count(*) from deals where title = 'Deal ${stamp}'`), 0, 'CON-9 with the deals');
	await page.click('.toast-line:has-text("Deleted: 3") button');
	await done('Restored: 3');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}'`), 60, 'CON-41 and all of it comes back');
	t.is(t.sql(`select (to_jsonb(d) - 'updated_at')::text from deals d where title = $1`, `Deal ${stamp}`), deal, 'CON-9 the deal as it was');
	t.is(count(`select count(*) from deal_stage_history h join deals d using (organization_id) where h.deal_id = d.id and d.title = 'Deal ${stamp}'`), 1,
		'its history is not told twice');
	t.is(count(`select count(*) from notes where content = 'Note ${stamp}'`), 1, 'and the note');
}

async function views(page) {
	await page.goto(`/contacts?view=table&f=tags:all:list+${stamp}&sort=name&cols=source,tags`);
	await page.click('[data-open="view"]');
	await page.fill('#view-name', `View ${stamp}`);
	await Promise.all([page.waitForURL(/v=/), page.click('#records-dialog .btn-primary')]);
	t.is(await page.textContent('.view-tab[aria-current]'), `View ${stamp}`, 'a view is saved and stands as a tab');
	t.is(await page.locator('.chip').count(), 1, 'it opens by its address alone, with its filter');
	t.is((await page.locator('thead th').allTextContents()).slice(1).join(), 'Source,Tags', 'and its columns');
	await fetched(page, () => page.click('.chip a'));
	t.ok(await page.isVisible('.view-state .pill'), 'a view that was changed says so');
	t.is(await page.locator('.chip').count(), 0, 'the filter is gone');
	await page.click('.view-state a:text("Reset")');
	await page.waitForSelector('.chip');
	t.ok(!await page.isVisible('.view-state .pill'), 'reset brings it back');
	await fetched(page, () => page.click('thead a:text("Name")'));
	await Promise.all([page.waitForNavigation(), page.click('.view-state .btn-link:text("Save")')]);
	t.like(t.sql('select state ->> $1 from saved_views where name = $2', 'sort', `View ${stamp}`), /^-name$/, 'saving keeps the change');
	await page.click('.view-state summary');
	await page.click('[data-open="rename"]');
	await page.fill('#view-name', `Renamed ${stamp}`);
	await page.check('[data-sharing]');
	await Promise.all([page.waitForNavigation(), page.click('#records-dialog .btn-primary')]);
	t.is(t.sql('select is_shared from saved_views where name = $1', `Renamed ${stamp}`), 't', 'renamed and shared');
	await page.click('.view-state summary');
	await Promise.all([page.waitForNavigation(), page.click('.view-state button:text("Open first for me")')]);
	await page.goto('/contacts');
	t.is((await page.textContent('.view-tab[aria-current]')).trim(), `Renamed ${stamp}`, 'the default view opens first');
	await page.click('.view-tab:text("All")');
	await page.waitForURL(/v=$/);
	t.is((await page.textContent('.view-tab[aria-current]')).trim(), 'All', 'and all records are one click away');
	await page.goto('/contacts');
	await page.click('.view-state summary');
	await Promise.all([page.waitForNavigation(), page.click('.view-state button:text("Delete this view")')]);
	t.is(count(`select count(*) from saved_views where name = 'Renamed ${stamp}'`), 0, 'a view is deleted');
	t.sql(`insert into saved_views (organization_id, kind, name, owner_id) select $1::uuid, 'contacts', $2, id from profiles
		where organization_id = $1::uuid and email <> $3 limit 1`, org(), `Theirs ${stamp}`, t.config().tenants[0].users[0].email);
	await page.goto('/contacts?v=');
	t.ok(!(await page.textContent('.view-tabs')).includes(`Theirs ${stamp}`), 'a private view of somebody else is not shown');
	t.sql(`update saved_views set is_shared = true where name = $1`, `Theirs ${stamp}`);
	await page.reload();
	t.ok((await page.textContent('.view-tabs')).includes(`Theirs ${stamp}`), 'a shared one is');
	t.sql(`delete from saved_views where name = $1`, `Theirs ${stamp}`);
}

async function columns(page) {
	await page.goto(`/contacts?view=table&f=tags:all:list+${stamp}`);
	await page.click('[data-open="columns"]');
	await page.waitForSelector('.column-item');
	await page.check('.column-item:has-text("Source") input');
	for (let n = 0; n < 20; n++) await page.click('.column-item:has-text("Source") [data-up]');
	await page.uncheck('.column-item:has-text("Phone") input');
	await Promise.all([page.waitForNavigation(), page.click('#records-dialog .btn-primary')]);
	const heads = async () => (await page.locator('thead th').allTextContents()).map((h) => h.replace(/ [↑↓]$/, ''));
	t.is((await heads())[1], 'Source', 'columns are chosen and put in order');
	t.ok(!(await heads()).includes('Phone'), 'and left out');
	await page.goto('/contacts?view=table');
	t.is((await heads())[1], 'Source', 'the choice is remembered');
	await page.click('[data-open="columns"]');
	await Promise.all([page.waitForNavigation(), page.click('#records-dialog [name="reset"]')]);
	t.is((await heads()).slice(0, 3).join(), 'Name,Company,E-mail', 'LEA-26 the columns at first: name, company, e-mail');
	t.is((await heads()).slice(3, 6).join(), 'Phone,Status,Owner', 'LEA-26 phone, status, owner');
	t.ok(await page.isVisible('tbody th .avatar'), 'LEA-26 the initials before the name');
}

async function exported(page) {
	t.sql(`update contacts set description = '=1+1', source = '@cmd' where last_name = $1 and first_name = 'L004'`, `List${stamp}`);
	await page.goto(`/contacts?view=table&f=tags:all:list+${stamp}&sort=name`);
	await page.click('.list-menu > summary');
	await page.click('[data-open="export"]');
	await page.waitForSelector('.export-form');
	let [file] = await Promise.all([page.waitForEvent('download'), page.click('.export-form .btn-primary')]);
	const text = fs.readFileSync(await file.path(), 'utf8');
	t.is(file.suggestedFilename(), 'contacts.csv', 'CON-61 COM-24 a filtered list as CSV');
	t.ok(text.startsWith('\ufeff"First name","Last name"'), 'with its byte order mark and heads');
	t.is(text.trim().split('\r\n').length, 61, 'CON-61 every record that fits');
	t.ok(text.includes('"\'=1+1"') && text.includes('"\'@cmd"'), 'formulas are disarmed');
	t.ok(text.includes('"+49300000001"'), 'CON-61 a telephone number is as it was');
	await page.click('tbody tr:nth-child(1) .pick');
	await page.click('tbody tr:nth-child(2) .pick');
	await page.click('.bulk-bar .menu > summary');
	await page.click('.bulk-bar [data-open="export"]');
	await page.waitForSelector('.export-form');
	for (const box of await page.locator('.export-form input[name="field"]').all()) await box.uncheck();
	await page.check('.export-form input[value="first_name"]');
	[file] = await Promise.all([page.waitForEvent('download'), page.click('.export-form .btn-primary')]);
	t.is(fs.readFileSync(await file.path(), 'utf8').replace('\ufeff', ''), '"First name"\r\n"L002"\r\n"L001"\r\n', 'CON-40 CON-61 the selection alone, and the fields that were asked for');
	await page.click('.bulk-bar .menu > summary');
	await page.click('.bulk-bar [data-open="export"]');
	await page.waitForSelector('.export-form');
	await page.check('.export-form input[value="xlsx"]');
	[file] = await Promise.all([page.waitForEvent('download'), page.click('.export-form .btn-primary')]);
	t.is(file.suggestedFilename(), 'contacts.xlsx', 'as a spreadsheet');
	t.is(fs.readFileSync(await file.path()).subarray(0, 2).toString(), 'PK', 'which is one');
}

async function cards(page) {
	await page.goto(`/contacts?view=grid&f=tags:all:list+${stamp}&sort=name`);
	const card = page.locator('.record-card').first();
	t.is(await card.locator('[href^="tel:"]').getAttribute('href'), 'tel:+49300000001', 'CON-38 calling from a card');
	t.is(await card.locator('[href^="https://wa.me"]').getAttribute('href'), 'https://wa.me/49300000001', 'CON-38 WhatsApp');
	await card.locator('.record-card-actions summary').click();
	for (const [text, row] of [['View details', 'CON-37'], ['Edit', 'CON-37'], ['Copy phone number', 'CON-39']])
		t.ok(await card.locator(`.menu-item:text("${text}")`).isVisible(), `${row} ${text}`);
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	await card.locator('.menu-item:text("Copy phone number")').click();
	t.is(await page.evaluate(() => navigator.clipboard.readText()), '+49300000001', 'CON-39 the number is in the clipboard');
	await card.locator('[data-delete-one]').click();
	await page.waitForSelector('.toast-line:has-text("Deleted: 1")');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}'`), 59, 'CON-37 deleted from its card');
	await page.click('.toast-line:has-text("Deleted: 1") button');
	await page.waitForSelector('.toast-line:has-text("Restored: 1")');
	t.is(count(`select count(*) from contacts where last_name = 'List${stamp}'`), 60, 'CON-37 and undone');
	t.sql(`insert into deals (organization_id, title, contact_id) select organization_id, 'Badge', id from contacts where last_name = $1 and first_name = 'L001'`, `List${stamp}`);
	await page.reload();
	t.like(await page.locator('.record-card').first().textContent(), /1 open/, 'CON-29 the badge of open deals');
}

async function companies(page) {
	t.sql(`insert into companies (organization_id, name, country, tags, industry) values ($1::uuid, $2, null, array[$3], 'Steel'),
		($1::uuid, $4, 'Norway', array[$3], 'Fish')`, org(), `Nowhere ${stamp}`, `co ${stamp}`, `Bergen ${stamp}`);
	await page.goto(`/companies?tags=co+${stamp}&view=table`);
	t.is((await names(page)).length, 2, 'COM-17 filtered by tag');
	await choose(page, 'country', 'empty');
	t.is((await names(page)).join(), `Nowhere ${stamp}`, 'COM-15 no country');
	await page.goto(`/companies?tags=co+${stamp}&country=Norway&q=berg`);
	t.is((await names(page)).join(), `Bergen ${stamp}`, 'COM-15 COM-16 a country, combined with the search');
	await page.goto(`/companies?q=fish&tags=co+${stamp}`);
	t.is((await names(page)).join(), `Bergen ${stamp}`, 'COM-12 by industry');
	await page.goto(`/companies?tags=co+${stamp}&sort=-name`);
	t.is((await names(page)).join(), `Nowhere ${stamp},Bergen ${stamp}`, 'COM-18 Z to A');
	await page.goto(`/companies?tags=co+${stamp}&sort=created_at&view=table`);
	await page.click('[data-pick-page]');
	await page.click('[data-bulk="add_tags"]');
	await page.fill('#bulk-value', 'second, third');
	await page.click('#records-dialog .btn-primary');
	await page.waitForSelector('.toast-line:has-text("Changed: 2")');
	t.is(count(`select count(*) from companies where tags @> array['co ${stamp}', 'second', 'third']`), 2, 'COM-34 several tags, made in passing');
	await settled(page);
	await page.dblclick(`tr:has-text("Nowhere") [data-cell="country"]`);
	await page.selectOption('.cell-form select', 'Norway');
	await page.keyboard.press('Enter');
	await page.waitForSelector('.cell-form', { state: 'detached' });
	t.is(t.sql('select country from companies where name = $1', `Nowhere ${stamp}`), 'Norway', 'COM-22 a cell of the table is changed in place');
	await page.goto(`/companies?tags=co+${stamp}&view=grid`);
	t.like(await page.textContent('.record-card'), /Norway/, 'COM-21 cards with a country badge');
	await page.click('.view-toggle a:nth-child(2)');
	await page.waitForSelector('table.records');
	t.ok(true, 'COM-23 from one view to the other');
	t.sql(`delete from companies where 'co ${stamp}' = any (tags)`);
}

async function looks(page) {
	await page.goto(`/contacts?view=table&f=tags:all:list+${stamp}&f=assignee_id:is:me`);
	await t.axe(page, 'a list without a hit');
	await page.goto(`/contacts?view=table&f=tags:all:list+${stamp}&sort=name`);
	await page.click('tbody tr:nth-child(1) .pick');
	await t.axe(page, 'a list with a selection');
	await t.shots(page, 'lists-table');
	await page.click('.filter-menu > summary');
	await t.shot(page, 'lists-filter-menu');
	await page.click('[data-filter-key="created_at"]');
	await page.waitForSelector('.filter-form');
	await t.axe(page, 'the form of a filter');
	await t.shots(page, 'lists-filter');
	await page.keyboard.press('Escape');
	for (const what of ['columns', 'view']) {
		await page.click(`[data-open="${what}"]`);
		await page.waitForSelector('#records-dialog[open] h2');
		await t.axe(page, `the dialog of ${what}`);
		await t.shot(page, `lists-${what}`);
		await page.keyboard.press('Escape');
	}
	await page.click('.list-menu > summary');
	await page.click('[data-open="export"]');
	await page.waitForSelector('.export-form');
	await t.axe(page, 'the dialog of export');
	await t.shots(page, 'lists-export');
	await page.keyboard.press('Escape');
	await page.dblclick('tbody tr:nth-child(2) [data-cell="tags"]');
	await page.waitForSelector('.cell-form');
	await t.axe(page, 'a cell that is changed');
	await t.shots(page, 'lists-cell');
	await page.keyboard.press('Escape');
	await page.goto(`/contacts?view=grid&f=tags:all:list+${stamp}&sort=name`);
	await page.click('.record-card .record-card-actions summary');
	await t.axe(page, 'cards');
	await t.shots(page, 'lists-cards');
	const phone = await t.login({ phone: true });
	for (const view of ['table', 'grid']) {
		await phone.goto(`/contacts?view=${view}&f=tags:all:list+${stamp}&sort=name`);
		await t.fits(phone, `CON-36 ${view} on a phone`);
		t.ok(!await phone.isVisible('thead'), 'CON-36 on a phone it is cards');
		await t.shot(phone, `lists-phone-${view}`);
	}
}

async function bytes(page) {
	const answer = await page.request.get(`/contacts?view=table&f=tags:all:list+${stamp}`, { headers: { 'Accept-Encoding': 'gzip' } });
	const size = require('node:zlib').gzipSync(await answer.body()).length;
	t.ok(size < 60 * 1024, `a page of 50 rows is under 60 KB (${Math.round(size / 1024)} KB)`);
}

t.run(async () => {
	t.expectTrouble(/htmx:(sendAbort|afterRequest)/);
	people(60, `list ${stamp}`, { hobby: `findme${stamp}` });
	const page = await t.login();
	await page.setViewportSize({ width: 1500, height: 900 });
	try {
		await filters(page);
		await custom(page);
		await cells(page);
		await views(page);
		await columns(page);
		await exported(page);
		await bulk(page);
		await cards(page);
		await companies(page);
		await looks(page);
		await bytes(page);
	} finally {
		t.sql(`delete from contacts where last_name = $1`, `List${stamp}`);
		t.sql(`delete from custom_field_definitions where key like $1`, `%_${stamp}`);
		t.sql(`delete from saved_views where name like $1`, `%${stamp}`);
	}
});

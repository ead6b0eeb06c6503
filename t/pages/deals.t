#!/usr/bin/env node
// Deals beyond the board: the list and what is done to many, the page of a deal
// in two browsers, its form, the forecast.
'use strict';
const fs = require('node:fs');
const t = require('./lib.js');

const stamp = `d${Date.now().toString(36)}`;
const org = t.config().tenants[0].organization_id;
const count = (text, ...more) => Number(t.sql(text, ...more));
const member = (mail) => t.sql(`select id from profiles where organization_id = $1::uuid and email like $2`, org, `${mail}@%`);
const settled = (page) => page.waitForFunction(() => !document.querySelector('.htmx-request'));

function make(title, value, set = '') {
	const id = t.sql(`insert into deals (organization_id, title, value, currency, stage, contact_id, company_id, tags)
		select $1::uuid, $2, $3::numeric, 'EUR', 'new', id, company_id, array[$4] from contacts
		where organization_id = $1::uuid and first_name = 'Mariam' limit 1 returning id`, org, title, value, stamp);
	if (set) t.sql(`update deals set ${set} where id = $1::uuid`, id);
	return id;
}

async function list(page) {
	const omar = member('omar');
	for (let n = 1; n <= 6; n++) make(`List ${n} ${stamp}`, n * 1000, n > 3 ? `expected_close_date = '2031-0${n}-01'` : '');
	const mine = `/deals?view=table&f=tags:all:${stamp}`;
	await page.goto(`${mine}&sort=-value`);
	t.is((await page.locator('tbody th[scope="row"]').allTextContents()).map((x) => /List (\d)/.exec(x)[1]).join(''), '654321', 'DEA-17 the list, sorted by value');
	await page.click('thead a:has-text("Value")');
	await page.waitForFunction(() => /List 1/.test(document.querySelector('tbody th')?.textContent));
	t.ok(true, 'DEA-17 a click on a column sorts by it');
	t.like(await page.locator('tbody tr').first().innerText(), /Mariam Hassan[\s\S]*Al Noor[\s\S]*€1,000/, 'DEA-16 contact, company, value');
	await page.goto(`${mine}&f=value:between:2000,4000`);
	t.is(await page.locator('tbody tr').count(), 3, 'DEA-37 FACT-121 a range of values');
	await page.goto(`${mine}&f=expected_close_date:between:2031-04-01,2031-05-31`);
	t.is(await page.locator('tbody tr').count(), 2, 'DEA-43 a range of dates');
	await page.goto(`${mine}&owner=me`);
	t.is(await page.locator('tbody tr').count(), 0, 'DEA-38 my deals');
	await page.goto(`${mine}&sort=value`);
	await t.axe(page, 'list of deals');
	await t.shots(page, 'deals-list');
	// A cell.
	await page.locator('tbody tr').first().locator('[data-cell="value"]').dblclick();
	await page.fill('tbody .cell-form [name="value"]', '1111');
	await page.keyboard.press('Enter');
	await page.waitForFunction(() => /€1,111/.test(document.querySelector('tbody tr [data-cell="value"]').textContent));
	t.is(count('select value from deals where title = $1', `List 1 ${stamp}`), 1111, 'DEA-26 a value is changed in its cell');
	// Many at once.
	const done = async (text) => {
		await page.waitForSelector(`.toast-line:not([data-seen]):has-text("${text}")`);
		await page.evaluate(() => document.querySelectorAll('.toast-line').forEach((line) => { line.dataset.seen = '1'; }));
		await settled(page);
	};
	await page.click('[data-pick-page]');
	await page.click('[data-bulk="assign"]');
	await page.selectOption('#bulk-value', omar);
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 6');
	t.is(count('select count(*) from deals where $1 = any (tags) and owner_id = $2::uuid', stamp, omar), 6, 'DEA-45 UC-DEAL-004 FACT-124 all get the owner');
	t.is(count(`select count(*) from deal_owner_history h join deals d using (organization_id) where h.deal_id = d.id and $1 = any (d.tags)`, stamp), 6, 'UC-DEAL-004 DEA-50 DEA-55 each with its history');
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="set"]');
	await page.selectOption('[data-bulk-key]', 'stage');
	await page.selectOption('#bulk-value', 'qualified');
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 6');
	t.is(count(`select count(*) from deals where $1 = any (tags) and stage = 'qualified' and probability = 25`, stamp), 6, 'DEA-44 DEA-47 FACT-124 all go to the stage, with its probability');
	t.is(count(`select count(*) from deal_stage_history h join deals d using (organization_id) where h.deal_id = d.id and $1 = any (d.tags) and h.to_stage = 'qualified'`, stamp), 6, 'DEA-27 each with its history');
	await page.click('.toast-line:last-child button');
	await done('Restored: 6');
	t.is(count(`select count(*) from deals where $1 = any (tags) and stage = 'new'`, stamp), 6, 'DEA-44 and back');
	await page.click('tbody tr:nth-child(1) .pick');
	await page.click('[data-bulk="add_tags"]');
	await page.fill('#bulk-value', 'bulked');
	await page.click('#records-dialog .btn-primary');
	await done('Changed: 1');
	t.is(count(`select count(*) from deals where tags @> array[$1, 'bulked']`, stamp), 1, 'DEA-34 FACT-124 tags of the selection');
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('.bulk-bar [data-open="export"]');
	await page.waitForSelector('.export-form');
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('.export-form .btn-primary')]);
	const text = fs.readFileSync(await file.path(), 'utf8');
	t.ok(text.includes('"Title"') && text.includes(`List 3 ${stamp}`) && text.includes('Mariam Hassan'), 'DEA-48 the pipeline as a file');
	await page.reload();
	await page.click('tbody tr:nth-child(1) .pick');
	await page.click('tbody tr:nth-child(2) .pick');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="delete"]');
	await page.click('#records-dialog .btn-danger');
	await done('Deleted: 2');
	t.is(count('select count(*) from deals where $1 = any (tags)', stamp), 4, 'DEA-46 FACT-124 deleted together');
	await page.goto(`/deals?view=grid&f=tags:all:${stamp}`);
	t.is(await page.locator('.record-card').count(), 4, 'DEA-17 the same as cards');
	await t.axe(page, 'deals as cards');
	await t.shots(page, 'deals-cards');
	await page.goto(`/deals?q=${stamp}&view=table`);
	t.is(await page.locator('tbody tr').count(), 4, 'search finds titles');
	const phone = await t.login({ phone: true });
	await phone.goto(mine);
	await t.fits(phone, 'the list on a phone');
	await t.shot(phone, 'deals-list-phone');
	await phone.context().close();
	t.sql('delete from deals where $1 = any (tags)', stamp);
}

async function form(page) {
	await page.goto('/deals/new');
	await page.fill('#title', `Form ${stamp}`);
	await page.fill('#contact', `New ${stamp} <new-${stamp}@example.com>`);
	await page.click('.form-actions .btn-primary');
	t.ok(await page.locator('#value:invalid').count(), 'DEA-24 the value is required');
	await page.fill('#value', '2500');
	await page.locator('[name="product_name"]').first().fill('Chair');
	await page.locator('[name="product_quantity"]').first().fill('many');
	await page.locator('[name="product_price"]').first().fill('125,50');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#products .field-error');
	t.is(await page.inputValue('[name="product_name"]'), 'Chair', 'what was typed is still there');
	await page.locator('[name="product_quantity"]').first().fill('4');
	await page.fill('#tags', stamp);
	await page.selectOption('#priority', 'HIGH');
	await t.axe(page, 'form of a deal');
	await t.shots(page, 'deal-form');
	await Promise.all([page.waitForURL(/\/deals\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	const id = new URL(page.url()).pathname.split('/')[2];
	t.is(t.sql(`select c.first_name || ' ' || c.last_name, c.emails[1] from deals d join contacts c on c.id = d.contact_id where d.id = $1::uuid`, id),
		`New ${stamp}\tnew-${stamp}@example.com`, 'DEA-23 a contact is made where it is needed');
	t.is(t.sql(`select products::text from deals where id = $1::uuid`, id), '[{"name": "Chair", "quantity": 4, "unit_price": 125.50}]', 'DEA-82 FACT-132 with its products');
	t.like(await page.locator('main').innerText(), /High priority[\s\S]*Chair[\s\S]*4 × €125\.50[\s\S]*€502/, 'DEA-25 DEA-30 FACT-119 all of it on its page');
	// The same name again is the same person.
	await page.goto(`/deals/${id}/edit`);
	await page.fill('#contact', `new-${stamp}@example.com`);
	await page.fill('#description', 'Once more');
	await Promise.all([page.waitForURL(/\/deals\/[0-9a-f-]{36}(\?|$)/), page.click('.form-actions .btn-primary')]);
	t.is(count('select count(*) from contacts where $1 = any (emails)', `new-${stamp}@example.com`), 1, 'a known address is found, not made again');
	// Contact and conversation begin a deal.
	const talk = t.sql(`select k.id from conversations k where organization_id = $1::uuid limit 1`, org);
	await page.goto(`/deals/new?conversation=${talk}`);
	t.like(await page.inputValue('#title'), /^Deal from Conversation - \S/, 'UCF-24 UC-DEAL-001 a deal out of a conversation has its title');
	t.ok((await page.inputValue('#contact')).length > 1, 'UC-DEAL-001 DEA-33 and its contact');
	await page.fill('#value', '15000');
	await page.fill('#probability', '40');
	await page.fill('#tags', `${stamp}, WhatsApp, Hot Lead`);
	await Promise.all([page.waitForURL(/\/deals\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	t.is(await page.locator(`.facts a[href="/inbox/${talk}"]`).count(), 1, 'DEA-33 UC-DEAL-001 the deal shows the conversation');
	t.is(t.sql(`select conversation_id = $2::uuid, probability::int from deals where id = $1::uuid`, new URL(page.url()).pathname.split('/')[2], talk), 't\t40', 'DEA-33 UC-DEAL-001 and is linked with it');
	const jonas = t.sql(`select id from contacts where organization_id = $1::uuid and first_name = 'Jonas' limit 1`, org);
	await page.goto(`/deals/new?contact=${jonas}`);
	t.ok(/TechBridge/.test(await page.inputValue('#company')), 'UC-DEAL-007 UCF-25 a contact brings his company');
	return id;
}

async function detail(page, id) {
	const anna = member('anna'), omar = member('omar');
	const other = await t.login({ user: 1 });
	await page.goto(`/deals/${id}`);
	await other.goto(`/deals/${id}`);
	t.is(await page.locator('.stage-step').count(), 6, 'DEA-30 the path of stages');
	t.like(await page.locator('.stage-step.here').innerText(), /10%/, 'DEA-6 with their probability');
	await page.locator('[data-cell$="/value"]').dblclick();
	await page.fill('.cell-form [name="value"]', '7500');
	await page.keyboard.press('Enter');
	await page.waitForFunction(() => /€7,500/.test(document.querySelector('.deal-amount')?.textContent));
	t.is(count('select value from deals where id = $1::uuid', id), 7500, 'DEA-26 FACT-115 the value changed in place');
	await t.lives(other.waitForFunction(() => /€7,500/.test(document.querySelector('.deal-amount').textContent)), 'DEA-57 seen in the other browser at once');
	await t.lives(other.waitForSelector('#value-history li:has-text("€7,500")'), 'DEA-28 DEA-35 with the history of values');
	await page.click('[data-dialog="assign"]');
	await page.selectOption('#assign-owner', omar);
	await Promise.all([page.waitForNavigation(), page.click('#assign .btn-primary')]);
	t.is(t.sql('select owner_id from deals where id = $1::uuid', id), omar, 'DEA-49 FACT-123 assigned on its page');
	await t.lives(other.waitForSelector('#owner-history li:has-text("Omar Haddad")'), 'DEA-57 FACT-125 the history of owners is live');
	t.sql(`update deal_owner_history set changed_at = changed_at - interval '14 days' where deal_id = $1::uuid and owner_id is distinct from $2::uuid`, id, omar);
	await page.reload();
	t.like(await page.locator('#owner-history').innerText(), /current[\s\S]*Reassigned|Reassigned/, 'DEA-56 DEA-57 UC-DEAL-005 with its reason');
	t.like(await page.locator('#owner-history').innerText(), /14 days/, 'DEA-57 UC-DEAL-005 and the days with each');
	const found = async (day) => (await (await page.request.get(`/deals?view=table&f=owner_since:before:${day}&f=tags:all:${stamp}`)).text()).includes(`/deals/${id}`);
	t.ok(await found('2099-01-01') && !(await found('2020-01-01')), 'UC-DEAL-005 UCF-29 deals that have had their owner for long are found');
	await page.locator('#add-contact').fill(`Second${stamp} Person`);
	await page.fill('#add-role', 'decision maker');
	await Promise.all([page.waitForNavigation(), page.locator('.side-add .btn').first().click()]);
	t.like(await page.locator('main').innerText(), new RegExp(`Second${stamp} Person\\s+decision maker`), 'FACT-119 a further contact with a role');
	t.is(count('select count(*) from deal_contacts where deal_id = $1::uuid', id), 1, 'in deal_contacts');
	await Promise.all([page.waitForNavigation(), page.click(`[aria-label="Remove Second${stamp} Person"]`)]);
	t.is(count('select count(*) from deal_contacts where deal_id = $1::uuid', id), 0, 'and taken away again');
	await page.fill('#note', `Noted ${stamp}`);
	await page.click('#compose-note .btn-primary');
	await page.waitForSelector(`.timeline :text("Noted ${stamp}")`);
	t.ok(true, 'DEA-30 DEA-31 FACT-120 a note on the timeline');
	await page.click('.record-actions [data-compose="task"]');
	await page.fill('#task-title', `Send contract ${stamp}`);
	await page.click('#compose-task .btn-primary');
	await page.waitForSelector(`.timeline :text("Send contract ${stamp}")`);
	t.is(t.sql('select k.contact_id = d.contact_id from tasks k join deals d on d.id = k.deal_id where d.id = $1::uuid and k.title = $2', id, `Send contract ${stamp}`), 't',
		'UC-TASK-005 FACT-123 a task of the deal has its contact');
	await t.axe(page, 'page of a deal');
	await t.shots(page, 'deal', { full: true });
	await page.click('.stage-step:has-text("Closed Lost")');
	await page.waitForSelector('#lost[open]');
	await page.click('#lost label:has-text("No budget")');
	await Promise.all([page.waitForNavigation(), page.click('#lost .btn-danger')]);
	t.is(t.sql('select stage, discard_reason from deals where id = $1::uuid', id), 'lost\tNo budget', 'DEA-65 lost on its page asks why');
	t.like(await page.locator('.facts').innerText(), /Lost because\s+No budget/, 'DEA-65 and shows it');
	await Promise.all([page.waitForNavigation(), page.click('.stage-step:has-text("Closed Won")')]);
	t.is(t.sql('select stage, won_at is not null, lost_at is null, probability::int from deals where id = $1::uuid', id), 'won\tt\tt\t100', 'DEA-20 DEA-66 won, with its time');
	const phone = await t.login({ phone: true });
	await phone.goto(`/deals/${id}`);
	await t.fits(phone, 'a deal on a phone');
	await t.shot(phone, 'deal-phone');
	await phone.context().close();
	await other.context().close();
	t.is(anna.length, 36, 'the owner is there');
}

async function forecast(page) {
	const pipeline = t.sql(`insert into pipelines (organization_id, name, stages) values ($1::uuid, $2, $3::jsonb) returning id`, org, `Forecast ${stamp}`, JSON.stringify([
		{ id: 'lead', name: 'Lead', probability: 10 }, { id: 'qualified', name: 'Qualified', probability: 30 }, { id: 'proposal', name: 'Proposal', probability: 50 },
		{ id: 'negotiation', name: 'Negotiation', probability: 70 }, { id: 'won', name: 'Closed Won' }, { id: 'lost', name: 'Closed Lost' }]));
	// UC-DEAL-003 to the letter.
	for (const [stage, n, each] of [['lead', 10, 5000], ['qualified', 8, 10000], ['proposal', 5, 15000], ['negotiation', 3, 20000], ['won', 3, 15000], ['lost', 2, 99999]])
		t.sql(`insert into deals (organization_id, title, value, currency, pipeline_id, stage, contact_id, expected_close_date, owner_id, tags${stage === 'lost' ? ', discard_reason' : ''})
			select $1::uuid, 'F ' || g, $4::numeric, 'EUR', $2::uuid, $3, (select id from contacts where organization_id = $1::uuid limit 1), current_date, $6::uuid, array[$7]${stage === 'lost' ? `, 'No budget'` : ''}
			from generate_series(1, $5::int) g`, org, pipeline, stage, each, n, member('omar'), stamp);
	const month = t.sql(`select to_char(now() at time zone timezone, 'YYYY-MM') from organizations where id = $1::uuid`, org);
	t.sql(`insert into sales_targets (organization_id, month, amount) values ($1::uuid, ($2 || '-01')::date, 200000) on conflict (organization_id, month, owner_id) do update set amount = 200000`, org, month);
	await page.goto('/deals?view=board');
	await page.click('a[href="/deals/forecast"]');
	await page.waitForURL(/forecast/);
	await page.goto(`/deals/forecast?pipeline=${pipeline}&from=${month}&to=${month}`);
	t.is(await page.textContent('#projection'), '€153,500', 'DEA-69 UC-DEAL-003 UCF-27 weighted plus won');
	t.like(await page.locator('.figures').innerText(), /weighted €108,500 \+ won €45,000/, 'DEA-69 UC-DEAL-003 108,500 are weighted');
	t.like(await page.locator('.figures').innerText(), /€46,500 to go/, 'DEA-70 UC-DEAL-003 the gap to the target');
	t.is(await page.locator('svg.months rect').count(), 2, 'GAT-6 FACT-128 a bar for the month');
	await page.click('.chart-table >> nth=0');
	t.like(await page.locator(`tr[data-month="${month}"]`).innerText(), /26\s+€265,000\s+€108,500\s+€45,000\s+€153,500\s+€200,000\s+€46,500/, 'the same as a table');
	t.is(await page.textContent('#win-rate'), '60%', 'DEA-72 FACT-128 three won, two lost');
	const funnel = await page.locator('[aria-labelledby="funnel-title"] .bars').innerText();
	t.like(funnel, /Lead[\s\S]*31|Lead[\s\S]*29/, 'DEA-71 FACT-128 how many came to each stage');
	t.like(await page.locator('[aria-labelledby="reasons-title"]').innerText(), /No budget[\s\S]*2[\s\S]*100%/, 'DEA-65 why deals were lost');
	t.like(await page.locator('[aria-labelledby="owners-title"]').first().innerText(), /Omar Haddad[\s\S]*€45,000[\s\S]*€108,500/, 'DEA-72 by owner');
	await t.axe(page, 'forecast');
	await t.shots(page, 'forecast', { full: true });
	const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a[href*="report=forecast"][href*="csv"]').click()]);
	t.like(fs.readFileSync(await file.path(), 'utf8'), new RegExp(`${month},EUR,26,265000[.0]*,108500[.0]*,3,45000`), 'DEA-48 the forecast as a file');
	const sheet = await page.request.get(`/deals/forecast/export?pipeline=${pipeline}&report=funnel&format=xlsx`);
	t.is((await sheet.body()).subarray(0, 2).toString(), 'PK', 'DEA-48 the funnel as a spreadsheet');
	const phone = await t.login({ phone: true });
	await phone.goto(`/deals/forecast?pipeline=${pipeline}`);
	await t.fits(phone, 'the forecast on a phone');
	await t.shot(phone, 'forecast-phone');
	await phone.context().close();
	t.sql(`delete from sales_targets where organization_id = $1::uuid and month = ($2 || '-01')::date`, org, month);
	t.sql('delete from deals where pipeline_id = $1::uuid', pipeline);
	t.sql('delete from pipelines where id = $1::uuid', pipeline);
}

t.run(async () => {
	t.expectTrouble(/htmx:(sendAbort|afterRequest)/);
	const page = await t.login();
	try {
		await list(page);
		await detail(page, await form(page));
		await forecast(page);
	} finally {
		t.sql('delete from deals where $1 = any (tags)', stamp);
		t.sql(`delete from contacts where $1 = any (emails) or first_name = $2`, `new-${stamp}@example.com`, `Second${stamp}`);
	}
});

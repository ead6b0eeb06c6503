#!/usr/bin/env node
// The board by mouse, touch and keyboard; filters and totals; deals and pipelines.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const column = (page, stage) => page.locator(`.column[data-stage="${stage}"]`);
const card = (page, id) => page.locator(`#deal-${id}`);
const count = async (page, stage) => Number(await column(page, stage).locator('[data-count]').textContent());
const stageOf = (id) => t.sql('select stage from deals where id = $1::uuid', id);
const moved = (page) => page.waitForResponse((r) => r.url().includes('/move') && r.ok());

function make(title, value, stage = 'new') {
	return t.sql(`insert into deals (organization_id, title, value, currency, stage, contact_id, tags)
		select $1::uuid, $2, $3::numeric, 'EUR', $4, id, array[$5] from contacts
		where organization_id = $1::uuid and first_name = 'Jonas' limit 1 returning id`, org, title, value, stage, `t${stamp}`);
}

async function dragTo(page, id, stage) {
	const answer = moved(page);
	await t.drag(page, card(page, id), column(page, stage).locator('[data-cards]'));
	await answer;
}

async function mouse(page, id) {
	await page.goto(`/deals?view=board&tag=t${stamp}`);
	t.is(await count(page, 'new'), 2, 'DEA-15 DEA-39 the column counts what the filter leaves');
	t.is(await column(page, 'new').locator('[data-amount]').textContent(), '€3,000', 'DEA-15 DEA-21 and sums it');
	await dragTo(page, id, 'qualified');
	t.is(stageOf(id), 'qualified', 'DEA-14 DEA-19 a card dragged to another column changes its stage');
	t.is(t.sql('select probability::int from deals where id = $1::uuid', id), '25', 'DEA-19 with the stage\'s probability');
	t.is(t.sql(`select count(*) from deal_stage_history where deal_id = $1::uuid and to_stage = 'qualified' and changed_by is not null`, id), '1',
		'DEA-19 DEA-27 and the history knows who');
	await page.waitForFunction(() => document.querySelector('.column[data-stage="qualified"] [data-count]').textContent === '1');
	t.is(await column(page, 'qualified').locator('[data-amount]').textContent(), '€1,000', 'DEA-21 totals follow at once');
	const undo = moved(page);
	await page.click('.toast-line button:text("Undo")');
	await undo;
	t.is(stageOf(id), 'new', 'undo moves it back');
	t.is(await column(page, 'new').locator('.deal-card').count(), 2, 'and the card is back in its column');
}

async function keyboard(page, id) {
	await page.goto(`/deals?view=board&tag=t${stamp}`);
	await card(page, id).locator('a').focus();
	await page.keyboard.press('m');
	await page.keyboard.press('ArrowRight');
	await page.keyboard.press('ArrowRight');
	t.is(await column(page, 'proposal').locator('.deal-card.moving').count(), 1, 'm and arrows carry the card');
	await page.keyboard.press('Escape');
	t.is(await column(page, 'new').locator(`#deal-${id}`).count(), 1, 'Escape brings it back');
	await page.keyboard.press('m');
	await page.keyboard.press('ArrowRight');
	const answer = moved(page);
	await page.keyboard.press('Enter');
	await answer;
	t.is(stageOf(id), 'qualified', 'Enter leaves it there');
	t.is(await page.evaluate(() => document.activeElement.closest('.deal-card')?.id), `deal-${id}`, 'the focus stays on the card');
	await card(page, id).hover();
	await card(page, id).locator('[data-menu]').click();
	await page.click('#card-menu [data-action="move"]');
	await t.axe(page, 'move dialog');
	const won = moved(page);
	await page.click('#move [data-stage="won"]');
	await won;
	t.is(t.sql('select stage, probability::int, won_at is not null from deals where id = $1::uuid', id), 'won\t100\tt',
		'DEA-20 the menu of the card moves as well; won is 100 %');
	await page.waitForSelector('.toast-line button');
	const undo = moved(page);
	await page.locator('.toast-line button').last().click();
	await undo;
	t.is(t.sql('select stage, won_at is null from deals where id = $1::uuid', id), 'qualified\tt', 'undone, it is not won any more');
}

async function touch(id) {
	const phone = await t.login({ phone: true });
	await phone.goto(`/deals?view=board&tag=t${stamp}`);
	await t.fits(phone, 'the board on a phone');
	await t.shot(phone, 'board-phone');
	const box = await card(phone, id).boundingBox();
	const cdp = await phone.context().newCDPSession(phone);
	const at = (x, y) => [{ x, y }];
	const x = box.x + 60, y = box.y + 20;
	await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(x, y) });
	await phone.waitForTimeout(350);
	const answer = moved(phone);
	for (let i = 1; i <= 12; i++) {
		await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(x + (i * (350 - x)) / 12, y + 20) });
		await phone.waitForTimeout(30);
	}
	await phone.waitForTimeout(150);
	await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
	await answer;
	t.is(stageOf(id), 'qualified', 'DEA-14 a long touch drags a card to the next column');
	await phone.context().close();
}

async function filters(page) {
	await page.goto('/deals?view=board');
	await page.click('#more-filters-button');
	await page.fill('[name="min"]', '1500');
	await page.fill('[name="max"]', '2500');
	const answer = page.waitForResponse((r) => r.url().includes('min=1500') && r.url().includes('max=2500'));
	await page.keyboard.press('Enter');
	await answer;
	await page.waitForFunction(() => !document.querySelector('.htmx-request'));
	t.is((await page.locator('.deal-card-amount').allTextContents()).filter((a) => a !== '€2,000').length, 0, 'DEA-37 the value range');
	await page.goto('/deals?min=9&max=5');
	t.ok(await page.isVisible('.list-head .field-error'), 'DEA-37 max below min says so');
	await page.goto(`/deals?stage=won&tag=t${stamp}`);
	t.is(await page.locator('.column').count(), 1, 'DEA-40 one stage alone');
	await page.goto('/deals?view=table&sort=-value');
	const values = (await page.locator('td.num').allTextContents()).map((v) => v.trim()).filter((v) => v.startsWith('€')).map((v) => Number(v.replace(/[€,]/g, '')));
	t.ok(values.length > 5, 'DEA-17 the list shows values');
	t.is(values.join(), [...values].sort((a, b) => b - a).join(), 'DEA-17 sorted by value');
	await page.goto('/deals?view=board');
}

async function form(page) {
	await page.goto('/deals/new');
	await page.fill('#title', `Form ${stamp}`);
	await page.fill('#value', '1.5.0');
	await page.fill('#contact', 'nobody at all');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#value-error');
	t.is(await page.inputValue('#contact'), 'nobody at all', 'what was typed is still there');
	await page.fill('#value', '7 500,25');
	await page.fill('#contact', '');
	t.is(await page.locator('#contact:invalid').count(), 1, 'DEA-24 a contact is required');
	await page.locator('#contact').pressSequentially('mariam');
	await page.waitForSelector('#contact-options [role="option"]');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	t.is(await page.inputValue('#contact'), 'Mariam Hassan', 'the picker is walked by keyboard');
	await page.selectOption('#stage', { label: 'Proposal' });
	await page.fill('#expected_close_date', '2020-01-31');
	await Promise.all([page.waitForURL(/\/deals\/[0-9a-f-]{36}(\?|$)/), page.click('.form-actions .btn-primary')]);
	const path = new URL(page.url()).pathname, id = path.split('/')[2];
	const text = await page.textContent('main');
	t.ok(text.includes('€7,500.25') && text.includes('Mariam Hassan') && text.includes('31 Jan 2020'), 'DEA-23 DEA-25 all data is in the details');
	t.ok(text.includes('overdue'), 'DEA-18 a date in the past is overdue');
	await page.goto(`${path}/edit`);
	await page.fill('#value', '8000');
	await page.selectOption('#owner_id', { index: 2 });
	await Promise.all([page.waitForURL(/\/deals\/[0-9a-f-]{36}(\?|$)/), page.click('.form-actions .btn-primary')]);
	t.like(await page.textContent('.timeline'), /Value.*€7,500\.25.*€8,000/s, 'DEA-26 DEA-28 DEA-31 the value change stands in the timeline');
	t.like(await page.textContent('main'), /Reassigned/, 'DEA-30 DEA-50 DEA-57 the owners and why');
	await Promise.all([page.waitForNavigation(), page.click('.stage-step:has-text("Negotiation")')]);
	t.like(await page.textContent('.history'), /Proposal →\s*Negotiation/, 'DEA-27 DEA-30 the history of stages');
	await t.axe(page, 'deal');
	await t.shots(page, 'deal');
	t.is((await page.request.post(`/deals/${id}/move`, { form: { stage: 'won' } })).status(), 403, 'no token, no move');
	await page.click('[data-dialog="delete"]');
	await Promise.all([page.waitForURL(/\/deals(\?|$)/), page.click('#delete .btn-danger')]);
	t.is(t.sql('select count(*) from deals where id = $1::uuid', id), '0', 'DEA-29 deleted');
	const contact = t.sql(`select id from contacts where organization_id = $1::uuid and first_name = 'Jonas' limit 1`, org);
	await page.goto(`/deals/new?contact=${contact}`);
	t.is(await page.inputValue('#contact'), 'Jonas Petersen', 'DEA-32 "Create deal" of a contact names him');
}

// 60 deals in a column: twenty at first, the rest as its end comes into sight.
async function many(page) {
	t.sql(`delete from deals where 'many' = any (tags)`);
	t.sql(`insert into deals (organization_id, title, value, currency, stage, contact_id, tags)
		select $1::uuid, 'Many ' || n, 10, 'EUR', 'proposal', c.id, array['many'] from generate_series(1, 60) n,
			(select id from contacts where organization_id = $1::uuid limit 1) c`, org);
	await page.goto('/deals?view=board&tag=many');
	const list = column(page, 'proposal').locator('.deal-card');
	t.is(await list.count(), 20, 'a column begins with twenty cards');
	t.is(await count(page, 'proposal'), 60, 'DEA-15 and counts all');
	const end = () => column(page, 'proposal').locator('[data-cards]').evaluate((e) => { e.scrollTop = e.scrollHeight; });
	await end();
	await page.waitForFunction(() => document.querySelectorAll(".deal-card").length >= 40);
	await end();
	await page.waitForFunction(() => document.querySelectorAll('.deal-card').length === 60);
	t.is(new Set(await list.evaluateAll((all) => all.map((c) => c.id))).size, 60, 'more until all are there, each once');
	await end();
	await page.waitForFunction(() => !document.querySelector('.column-more'));
	t.ok(true, 'then there is no more');
	t.sql(`delete from deals where 'many' = any (tags)`);
}

async function pipelines(page) {
	await page.goto('/pipelines');
	await t.axe(page, 'pipelines');
	await t.shot(page, 'pipelines');
	await page.goto('/pipelines/new');
	await page.fill('#name', `Service ${stamp}`);
	await page.click('[data-stage-add]');
	const fresh = page.locator('.stage-card:has([name="stage_name"]:focus)');
	await page.keyboard.type('Second call');
	await fresh.locator('[name="stage_probability"]').fill('33');
	await page.locator('.stage-card:has([value="won"]:checked) [data-stage-grip]').focus();
	await page.keyboard.press('ArrowUp');
	await t.axe(page, 'pipeline form');
	await t.shots(page, 'pipeline-form');
	await Promise.all([page.waitForURL(/\/pipelines(\?|$)/), page.click('.form-actions .btn-primary')]);
	const id = t.sql('select id from pipelines where name = $1', `Service ${stamp}`);
	t.is(t.sql(`select string_agg(s ->> 'id', ',' order by (s ->> 'position')::int) from pipelines, jsonb_array_elements(stages) s where id = $1::uuid`, id),
		'new,qualified,proposal,won,second_call,lost', 'DEA-1 DEA-7 DEA-11 a pipeline with its stages in order');
	t.sql(`insert into deals (organization_id, title, stage, pipeline_id, contact_id) select $1::uuid, 'In it', 'second_call', $2::uuid, id from contacts where organization_id = $1::uuid limit 1`, org, id);
	await page.goto(`/deals?pipeline=${id}`);
	t.is(await page.locator('.deal-card').count(), 1, 'DEA-4 DEA-12 the board of another pipeline');
	await page.goto(`/pipelines/${id}`);
	await page.locator('.stage-card:has([value="second_call"]) [data-stage-remove]').click();
	t.ok(await page.isVisible('.stage-gone select'), 'DEA-84 for deals of a stage that goes another one is chosen');
	t.sql('delete from deals where pipeline_id = $1::uuid', id);
	await page.goto(`/pipelines/${id}`);
	await page.click('[data-dialog="delete-pipeline"]');
	await Promise.all([page.waitForURL(/\/pipelines(\?|$)/), page.click('#delete-pipeline .btn-danger')]);
	t.is(t.sql('select count(*) from pipelines where id = $1::uuid', id), '0', 'DEA-2 a pipeline is deleted');
}

t.run(async () => {
	// A search that is typed on is given up for the next one.
	t.expectTrouble(/htmx:(sendAbort|afterRequest)/);
	const page = await t.login();
	const one = make(`One ${stamp}`, 1000), two = make(`Two ${stamp}`, 2000);
	await mouse(page, one);
	await keyboard(page, one);
	await touch(two);
	await filters(page);
	await form(page);
	await many(page);
	await pipelines(page);
	t.sql('delete from deals where $1 = any (tags)', `t${stamp}`);
	for (const [name, to] of [['board', '/deals?view=board'], ['deals', '/deals?view=table'], ['deal-form', '/deals/new']]) {
		await page.goto(to);
		await t.axe(page, name);
		await t.shots(page, name);
	}
});

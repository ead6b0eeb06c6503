#!/usr/bin/env node
// Tasks by hand: one line, the check mark, menus, many at once, panel, board and
// calendar by mouse and keyboard, a second browser; phone, dark, right to left.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const person = (n) => t.sql('select id from profiles where organization_id = $1::uuid and email = $2', org, t.config().tenants[0].users[n].email);
const anna = person(0), omar = person(1);
const of = (id, column) => t.sql(`select ${column} from tasks where id = $1::uuid`, id);
const row = (page, id) => page.locator(`#task-${id}`);
const answered = (page, path) => page.waitForResponse((r) => r.url().includes(path) && r.request().method() === 'POST');
const settled = (page) => page.waitForFunction(() => !document.querySelector('.htmx-request'));

function make(title, values = '') {
	return t.sql(`insert into tasks (organization_id, title, tags${values && ', ' + values.split('=>').map((p) => p.trim())[0]})
		select $1::uuid, $2, array[$3]${values && ', ' + values.split('=>')[1]} returning id`, org, `${title} ${stamp}`, `t${stamp}`);
}

async function act(page, path, what) {
	const answer = answered(page, path);
	await what();
	const got = await answer;
	await settled(page);
	return got;
}

async function oneLine(page) {
	await page.goto(`/tasks?view=list&tag=t${stamp}`);
	await page.fill('#quick', `Ring ${stamp} tomorrow 10:00 !high @omar #t${stamp}`);
	const got = await act(page, '/tasks/quick', () => page.keyboard.press('Enter'));
	const { id } = await got.json();
	await t.lives(row(page, id).waitFor(), 'UC-TASK-001 TSK-3 a line becomes a task, and is in the list at once');
	t.is(t.sql('select priority, assignee_id from tasks where id = $1::uuid', id), `HIGH\t${omar}`, 'TSK-2 with what the line says');
	t.is(await page.inputValue('#quick'), '', 'the line is free for the next');
	return id;
}

async function checkMark(page, id) {
	await act(page, `/tasks/${id}/set`, () => row(page, id).locator('[data-check]').click());
	t.is(of(id, 'status'), 'Complete', 'TSK-7 FACT-134 the check mark in the list completes it');
	await t.lives(page.waitForSelector(`.task-group:has(h2:text("Completed")) #task-${id}`), 'TSK-7 it moves to the completed group');
	await act(page, '/tasks/undo', () => page.locator('.toast-line button').last().click());
	t.is(of(id, 'status'), 'To Do', 'TSK-8 undo takes it back');
}

async function menus(page, id) {
	await page.waitForSelector(`.task-group:not(:has(h2:text("Completed"))) #task-${id}`);
	await row(page, id).locator('[data-menu="priority"]').click();
	await act(page, `/tasks/${id}/set`, () => page.click('#menu-priority [data-value="LOW"]'));
	t.is(of(id, 'priority'), 'LOW', 'TSK-18 FACT-138 priority from the row');
	await row(page, id).locator('[data-menu="due"]').click();
	await t.axe(page, 'menu of the due date');
	await act(page, `/tasks/${id}/set`, () => page.click('#menu-due [data-value="next_week"]'));
	t.is(of(id, `extract(isodow from due_date at time zone 'Europe/Berlin')::int || to_char(due_date at time zone 'Europe/Berlin', ' HH24:MI')`), '1 10:00',
		'TSK-18 TSK-36 rescheduled to next week, the time stays');
	await row(page, id).locator('[data-menu="due"]').click();
	await page.fill('#due-at', '2031-03-04T08:15');
	await act(page, `/tasks/${id}/set`, () => page.keyboard.press('Enter'));
	t.is(of(id, `to_char(due_date at time zone 'Europe/Berlin', 'YYYY-MM-DD HH24:MI')`), '2031-03-04 08:15', 'TSK-33 a day and a time');
	await row(page, id).locator('[data-menu="assignee"]').click();
	await act(page, `/tasks/${id}/set`, () => page.click(`#menu-assignee [data-value="${anna}"]`));
	t.is(of(id, 'assignee_id'), anna, 'TSK-18 TSK-39 reassigned from the row');
	await row(page, id).locator('[data-menu="more"]').focus();
	await page.keyboard.press('Enter');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	await act(page, `/tasks/${id}/set`, () => page.keyboard.press('Enter'));
	t.is(of(id, 'status'), 'In Progress', 'TSK-18 the menu by keyboard');
	await row(page, id).locator('[data-menu="more"]').click();
	await act(page, `/tasks/${id}/delete`, () => page.click('#menu-more [data-delete]'));
	t.is(t.sql('select count(*) from tasks where id = $1::uuid', id), '0', 'TSK-6 TSK-18 deleted from the row');
	await act(page, '/tasks/undo', () => page.locator('.toast-line button').last().click());
	t.is(of(id, 'status'), 'In Progress', 'TSK-6 and brought back');
}

async function many(page) {
	const ids = [make('many one'), make('many two')];
	await page.goto(`/tasks?view=list&tag=t${stamp}`);
	for (const id of ids) await row(page, id).locator('.task-pick').check();
	await t.axe(page, 'list with a selection');
	await act(page, '/tasks/bulk', () => page.click('#task-bulk [name="status"]'));
	t.is(ids.map((id) => of(id, 'status')).join(), 'Complete,Complete', 'UC-TASK-007 several marked as completed');
	await act(page, '/tasks/undo', () => page.locator('.toast-line button').last().click());
	t.is(ids.map((id) => of(id, 'status')).join(), 'To Do,To Do', 'UC-TASK-007 and undone');
	await page.waitForSelector(`.task-group:not(:has(h2:text("Completed"))) #task-${ids[0]}`);
	for (const id of ids) await row(page, id).locator('.task-pick').check();
	await page.click('#task-bulk [data-menu="assignee"]');
	await act(page, '/tasks/bulk', () => page.click(`#menu-assignee [data-value="${omar}"]`));
	t.is(ids.map((id) => of(id, 'assignee_id')).join(), `${omar},${omar}`, 'FACT-139 reassigned together');
	return ids;
}

async function panel(page, id) {
	await row(page, id).locator('[data-open]').click();
	await page.waitForSelector('#task-panel-body #task-body');
	await t.shots(page, 'task-panel');
	t.ok(page.url().includes('/tasks?'), 'TSK-17 TSK-18 details beside the list, which stays');
	await page.fill('#new-step', 'Weigh it');
	await act(page, '/checklist', () => page.keyboard.press('Enter'));
	await t.lives(page.waitForSelector('.task-steps label:has-text("Weigh it")'), 'a step is added');
	await act(page, '/checklist/', () => page.check('.task-steps input[type="checkbox"]'));
	t.is(t.sql('select done from task_checklist_items where task_id = $1::uuid', id), 't', 'and ticked off');
	await page.waitForSelector('.task-steps .is-done');
	await page.locator('#other').pressSequentially('many two');
	await page.waitForSelector('#other-options [role="option"]');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await act(page, '/dependencies', () => page.click('#task-needs .one-line button'));
	await t.lives(page.waitForSelector('#task-body .task-blocked .pill.bad'), 'GAT-28 GAT-29 GAT-31 a dependency, and the red badge');
	await t.axe(page, 'panel of a task');
	await page.keyboard.press('Escape');
	await page.waitForFunction(() => !document.getElementById('task-panel').open);
	const refused = await act(page, `/tasks/${id}/set`, () => row(page, id).locator('[data-check]').click());
	t.is(refused.status(), 409, 'GAT-32 a blocked task is not completed by its check mark');
	await t.lives(page.waitForSelector('.toast-line.bad:has-text("blocked by")'), 'GAT-32 and the page says by what');
}

async function board(page, other, id) {
	await page.goto(`/tasks?view=board&tag=t${stamp}`);
	await other.goto(`/tasks?view=board&tag=t${stamp}`);
	const free = make('free');
	await page.reload();
	await t.axe(page, 'board');
	await t.shots(page, 'task-board');
	const column = (p, status) => p.locator(`.column[data-status="${status}"]`);
	const answer = answered(page, '/set');
	await t.drag(page, page.locator(`#card-${free}`), column(page, 'In Progress').locator('[data-cards]'), { x: 30, y: 8, down: 30 });
	await answer;
	t.is(of(free, 'status'), 'In Progress', 'the board: a card dragged to another column changes its status');
	await t.lives(other.waitForSelector(`.column[data-status="In Progress"] #card-${free}`), 'a second browser sees it');
	await settled(page);
	const refused = answered(page, '/set');
	await t.drag(page, page.locator(`#card-${id}`), column(page, 'In Progress').locator('[data-cards]'), { x: 30, y: 8, down: 30 });
	t.is((await refused).status(), 409, 'GAT-32 a blocked card is not dragged to In progress');
	await t.lives(column(page, 'To Do').locator(`#card-${id}`).waitFor(), 'GAT-32 it is back where it was');
	await page.waitForTimeout(900); // the refresh that follows
	await page.locator(`#card-${free} a`).focus();
	await page.keyboard.press('m');
	await page.keyboard.press('ArrowRight');
	await act(page, '/set', () => page.keyboard.press('Enter'));
	t.is(of(free, 'status'), 'Complete', 'by keyboard as well');
	return free;
}

async function calendar(page) {
	const id = make('cal', `due_date => date_trunc('month', now()) + interval '14 days 9 hours'`);
	await page.goto(`/tasks?view=calendar&tag=t${stamp}`);
	const item = page.locator(`#cal-${id}`);
	await t.lives(item.waitFor(), 'TSK-22 FACT-136 the task is on its day');
	t.like(await item.getAttribute('class'), /prio-medium/, 'TSK-23 TSK-34 coloured by its priority');
	const from = await page.locator(`.cal-day:has(#cal-${id})`).getAttribute('data-day');
	const clock = of(id, `to_char(due_date at time zone 'Europe/Berlin', 'HH24:MI')`);
	await t.axe(page, 'calendar');
	await t.shots(page, 'task-calendar');
	const target = page.locator(`.cal-day[data-day="${from.slice(0, 8)}17"]`);
	const answer = answered(page, '/set');
	await t.drag(page, item, target, { x: 30, y: 8, down: 10 }); // on its number: no other day's
	await answer;
	t.is(of(id, `to_char(due_date at time zone 'Europe/Berlin', 'DD HH24:MI')`), `17 ${clock}`, 'TSK-25 dragged to another day, the change is stored and the time kept');
	await settled(page);
	await page.waitForTimeout(700);
	await page.locator(`#cal-${id} a`).focus();
	await page.keyboard.press('m');
	await page.keyboard.press('ArrowDown');
	await act(page, '/set', () => page.keyboard.press('Enter'));
	t.is(of(id, `to_char(due_date at time zone 'Europe/Berlin', 'DD HH24:MI')`), `24 ${clock}`, 'TSK-25 by keyboard a week later');
	await page.waitForTimeout(700);
	await page.locator(`#cal-${id} a`).click();
	await t.lives(page.waitForSelector(`#task-panel-body [data-detail="${id}"]`), 'TSK-24 a click shows the details');
	await page.keyboard.press('Escape');
	await page.goto(`/tasks?view=week&tag=t${stamp}`);
	t.is(await page.locator('.cal-day').count(), 7, 'the week');
	await page.goto('/tasks');
	t.is(await page.locator('.cal-week').count(), 1, 'TSK-14 the view is remembered');
	t.like(await page.textContent('.cal-key'), /Europe\/Berlin/, 'TSK-27 by the organization\'s clock');
}

async function filters(page) {
	await page.goto(`/tasks?view=list&tag=t${stamp}`);
	await page.selectOption('[name="assignee"]', 'me');
	await page.waitForURL(/assignee=me/);
	await t.lives(page.waitForSelector('.chip:has-text("Assigned to me")'), 'TSK-30 TSK-32 the chip says what is filtered');
	await page.click('.chip:has-text("Assigned to me") a');
	await page.waitForURL((u) => !u.search.includes('assignee=me'));
	await page.selectOption('[name="group"]', 'priority');
	await page.waitForURL(/group=priority/);
	await t.lives(page.waitForSelector('.task-group h2:has-text("Medium")'), 'TSK-19 grouped by priority');
	const fresh = page.waitForResponse((r) => r.url().includes('/tasks?') && r.request().method() === 'GET');
	await page.click('[data-refresh]');
	await fresh;
	t.ok(true, 'TSK-50 the list is refreshed by a button');
}

async function looks() {
	const page = await t.login();
	const id = t.sql(`select id from tasks where organization_id = $1::uuid and title = 'Offer for twelve pallets a month'`, org);
	for (const [name, path] of [['list', '/tasks?view=list'], ['my day', '/tasks/my-day'], ['queue', '/tasks/queue'], ['figures', '/tasks/analytics'],
		['form', '/tasks/new'], ['detail', `/tasks/${id}`]]) {
		await page.goto(path);
		await t.axe(page, `tasks: ${name}`);
		await t.shots(page, `task-${name.replace(' ', '-')}`);
	}
	t.is(await page.locator('.task-page > *:last-child').getAttribute('id'), 'task-needs', 'GAT-28 Dependencies stand at the bottom of the task page');
	const phone = await t.login({ phone: true });
	for (const [name, path] of [['list', '/tasks?view=list'], ['board', '/tasks?view=board'], ['calendar', '/tasks?view=calendar'], ['day', '/tasks/my-day'],
		['figures', '/tasks/analytics'], ['form', '/tasks/new'], ['detail', `/tasks/${id}`]]) {
		await phone.goto(path);
		await t.fits(phone, `tasks on a phone: ${name}`);
		await t.shot(phone, `task-phone-${name}`);
	}
	await phone.context().close();
	const arabic = await t.login();
	await arabic.context().addCookies([{ name: 'kontor_language', value: 'ar', url: t.config().base_url }]);
	t.sql(`update profiles set language = 'ar' where id = $1::uuid`, anna);
	for (const [name, path] of [['list', '/tasks?view=list'], ['calendar', '/tasks?view=calendar'], ['detail', `/tasks/${id}`]]) {
		await arabic.goto(path);
		t.is(await arabic.getAttribute('html', 'dir'), 'rtl', `tasks right to left: ${name}`);
		await t.fits(arabic, `tasks right to left: ${name}`);
		await t.shot(arabic, `task-rtl-${name}`);
	}
	t.sql(`update profiles set language = 'en' where id = $1::uuid`, anna);
	await arabic.context().close();
}

async function claim() {
	const id = t.sql(`insert into tasks (organization_id, title, tags, team_id) select $1::uuid, $2, array[$3], id from teams
		where organization_id = $1::uuid and name = 'Customer care' returning id`, org, `queue ${stamp}`, `t${stamp}`);
	const mine = await t.login(), his = await t.login({ user: 1 });
	await mine.goto('/tasks/queue');
	await his.goto('/tasks/queue');
	await row(mine, id).waitFor();
	t.ok(await row(his, id).isVisible(), 'GAT-25 both see the task in the queue');
	await his.evaluate(() => { window.htmx.ajax = () => Promise.resolve(); }); // he does not see that it is gone
	await act(mine, `/tasks/${id}/claim`, () => row(mine, id).locator('[data-claim]').click());
	t.is(of(id, 'assignee_id'), anna, 'GAT-26 the first to claim has it');
	const second = await act(his, `/tasks/${id}/claim`, () => row(his, id).locator('[data-claim]').click());
	t.is(second.status(), 409, 'GAT-26 the second is refused');
	await t.lives(his.waitForSelector('.toast-line.bad:has-text("has claimed")'), 'GAT-26 and told who has it');
	await mine.context().close();
	await his.context().close();
}

async function badge(page) {
	await page.goto('/tasks/my-day');
	const before = Number(await page.textContent('#tasks-count') || 0);
	t.sql(`insert into tasks (organization_id, title, tags, assignee_id, due_date) values ($1::uuid, $2, array[$3], $4::uuid, now() - interval '1 hour')`,
		org, `badge ${stamp}`, `t${stamp}`, anna);
	await t.lives(page.waitForFunction((n) => Number(document.getElementById('tasks-count').textContent) === n, before + 1), 'the number beside Tasks follows by itself');
	await t.lives(page.waitForSelector(`.is-late .task-title:has-text("badge ${stamp}")`), 'TSK-16 my day shows it as overdue');
}

t.run(async () => {
	const page = await t.login(), other = await t.login({ user: 1 });
	const id = await oneLine(page);
	await checkMark(page, id);
	await menus(page, id);
	const [one] = await many(page);
	await panel(page, one);
	await board(page, other, one);
	await calendar(page);
	await filters(page);
	await claim();
	await badge(page);
	await looks();
	t.sql('delete from tasks where organization_id = $1::uuid and $2 = any (tags)', org, `t${stamp}`);
});

#!/usr/bin/env node
// The editor of pipelines: stages, gates, task templates; and the settings pages
// of what stands behind deals.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const owner = t.sql('select user_id from user_roles where organization_id = $1::uuid and role = $2', org, 'OWNER');
const save = (page, button = '[data-save]') => Promise.all([page.waitForNavigation(), page.click(button)]);
const stagesOf = (id) => t.sql(`select string_agg(stage, ' ' order by position) from pipeline_stages where pipeline_id = $1::uuid`, id);
let pipeline;

const card = (page, name) => page.locator(`.stage-card:has([name="stage_name"][value="${name}"])`);

async function create(page) {
	await page.goto('/');
	await Promise.all([page.waitForURL('**/pipelines'), page.click('nav [data-nav="/pipelines"]')]);
	t.like(await page.textContent('h1'), /Pipelines/, 'DEA-13 "Pipelines" of the sidebar leads to them');
	await Promise.all([page.waitForURL('**/deals'), page.click('nav [data-nav="/deals"]')]);
	t.ok(await page.isVisible('.column[data-stage]'), 'DEA-13 the board of deals is /deals');
	await page.goto('/settings');
	await Promise.all([page.waitForURL('**/pipelines'), page.click('main a:text-is("Pipelines")')]);
	await page.click('a:has-text("New pipeline")');
	await Promise.all([page.waitForURL(/template=claims/), page.selectOption('#template', 'claims')]);
	t.is((await page.locator('[name="stage_name"]').evaluateAll((all) => all.map((i) => i.value))).join(' > '),
		'Reported > Documentation > Assessment > Approval > Settlement > Closed > Rejected', 'DEA-10 UCF-95 a template of an industry');
	t.is(await page.inputValue('#name'), 'Claims Pipeline', 'UCF-95 with its name');
	await page.goto('/pipelines/new?template=enterprise');
	t.is((await page.locator('[name="stage_probability"]').evaluateAll((all) => all.map((i) => i.value))).join(' '), '10 25 40 60 80 100 0',
		'GAT-3 GAT-4 the six stages and Closed Lost with their probabilities');
	t.is(await page.locator('.pipeline-preview li').count(), 7, 'GAT-4 a preview shows them in order');
	await page.fill('#name', `Gated ${stamp}`);
	await page.click('[data-stage-add]');
	await page.keyboard.type('Legal');
	t.is((await page.locator('.preview-name').allTextContents()).join(' '), 'Prospecting Qualified Demo Proposal Negotiation Legal Closed Won Closed Lost',
		'the preview follows what is typed');
	await page.locator('.stage-card:has([name="stage_name"]:focus) [data-stage-grip]').focus();
	await page.keyboard.press('ArrowUp');
	t.like(await page.textContent('[data-said]'), /Moved to place 5/, 'DEA-7 a stage moves by keyboard, and says where to');
	await card(page, 'Demo').locator('[data-stage-remove]').click();
	await save(page);
	pipeline = t.sql('select id from pipelines where organization_id = $1::uuid and name = $2', org, `Gated ${stamp}`);
	t.is(stagesOf(pipeline), 'prospecting qualified proposal legal negotiation closed_won closed_lost', 'DEA-1 DEA-8 DEA-11 GAT-2 saved in this order');
}

async function gates(page) {
	await page.goto(`/pipelines/${pipeline}`);
	const proposal = card(page, 'Proposal'), qualified = card(page, 'Qualified');
	await qualified.locator('[data-stage-more]').click();
	await qualified.locator('[data-task-add]').click();
	await page.keyboard.type('Send NDA');
	await qualified.locator('[name="task_due_days"]').fill('2');
	await qualified.locator('[name="task_priority"]').selectOption('HIGH');
	await qualified.locator('[name="stage_days"]').fill('4');
	await proposal.locator('[data-stage-more]').click();
	await proposal.locator('[name="gate_mode"]').selectOption('hard');
	t.ok(await proposal.locator('.gate-line [name="cond_field"]').isVisible(), 'GAT-10 a gate begins with one condition');
	await proposal.locator('[name="cond_field"]').selectOption('expected_close_date');
	await proposal.locator('[data-condition-add]').click();
	await proposal.locator('[name="cond_kind"]').nth(1).selectOption('task');
	await proposal.locator('[name="cond_title"]').nth(1).fill('Send NDA');
	await proposal.locator('[data-condition-add]').click();
	await proposal.locator('[name="cond_kind"]').nth(2).selectOption('approval');
	await proposal.locator('[name="cond_user_id"]').nth(2).selectOption(owner);
	await t.axe(page, 'pipeline editor');
	await t.fits(page, 'the editor fits');
	await t.shots(page, 'pipeline-editor');
	await save(page);
	t.is(t.sql(`select gate_mode, jsonb_array_length(gate_conditions), gate_conditions #>> '{0,field}', gate_conditions #>> '{1,title}', gate_conditions #>> '{2,user_id}'
		from pipeline_stages where pipeline_id = $1::uuid and stage = 'proposal'`, pipeline), `hard\t3\texpected_close_date\tSend NDA\t${owner}`,
	'GAT-3 GAT-10 GAT-13..15 a gate with the three kinds of conditions');
	t.is(t.sql(`select title, assign_to, priority, due_days from stage_task_templates where pipeline_id = $1::uuid and is_active`, pipeline),
		'Send NDA\towner\tHIGH\t2', 'GAT-19 a task template: title, assignee, priority, days');
	t.is(t.sql(`select rotting_days from pipeline_stages where pipeline_id = $1::uuid and stage = 'qualified'`, pipeline), '4', 'days until it has stalled');
	t.like(t.sql('select message from config_commits where organization_id = $1::uuid order by position desc limit 1', org),
		/Updated Gated .* pipeline — changed Qualified .*Send NDA.*changed Proposal gate from nothing to hard with field expected_close_date and task Send NDA and approval/,
		'GAT-8 the history says what was changed');
	await page.goto(`/pipelines/${pipeline}`);
	await card(page, 'Proposal').locator('[data-stage-more]').click();
	t.is(await card(page, 'Proposal').locator('[name="cond_kind"]').nth(2).inputValue(), 'approval', 'and it is shown again as it is');
	await card(page, 'Proposal').locator('[name="cond_title"]').nth(1).fill('');
	await save(page);
	t.like(await page.textContent('.field-error'), /Stage "Proposal": name the task/, 'a condition without a target is refused beside the stages');
	t.is(await page.locator('[name="cond_kind"]').count(), 3, 'and nothing that was typed is lost');
}

async function removal(page) {
	t.sql(`set kontor.system_move = 'on'; insert into deals (organization_id, title, stage, pipeline_id, contact_id) select $1::uuid, $3, 'legal', $2::uuid, id
		from contacts where organization_id = $1::uuid limit 1`, org, pipeline, `Legal ${stamp}`);
	await page.goto(`/pipelines/${pipeline}`);
	await card(page, 'Legal').locator('[data-stage-remove]').click();
	t.ok(await page.isVisible('.stage-gone [data-stage-undo]'), 'a removed stage stays until saving');
	await page.click('[data-stage-undo]');
	t.is(await card(page, 'Legal').count(), 1, 'and comes back by undo');
	await card(page, 'Legal').locator('[data-stage-remove]').click();
	await page.selectOption('[name="move_to"]', 'negotiation');
	await save(page);
	t.is(stagesOf(pipeline), 'prospecting qualified proposal negotiation closed_won closed_lost', 'DEA-7 the stage is gone');
	t.is(t.sql('select stage from deals where title = $1', `Legal ${stamp}`), 'negotiation', 'its deals stand where one said');
	await page.goto('/pipelines');
	await t.axe(page, 'pipelines');
	await t.shots(page, 'pipelines');
	const target = t.sql('select id from pipelines where organization_id = $1::uuid and is_default', org);
	await page.goto(`/pipelines/${pipeline}`);
	await page.click('[data-dialog="delete-pipeline"]');
	await page.selectOption('#move-to', target);
	await save(page, '#delete-pipeline .btn-danger');
	t.is(t.sql('select count(*) from pipelines where id = $1::uuid', pipeline), '0', 'DEA-2 a pipeline is deleted');
	t.is(t.sql('select stage, pipeline_id from deals where title = $1', `Legal ${stamp}`), `negotiation\t${target}`, 'and its deals are in another one');
	t.sql('delete from deals where title = $1', `Legal ${stamp}`);
}

async function others() {
	const agent = await t.login({ user: t.config().tenants[0].users.findIndex((u) => u.role === 'AGENT') });
	const standard = t.sql('select id from pipelines where organization_id = $1::uuid and is_default', org);
	await agent.goto(`/pipelines/${standard}`);
	t.is(await agent.locator('[data-save]').count(), 0, 'GAT-1 an agent looks at a pipeline and cannot save');
	t.is(await agent.locator('[name="stage_name"]:enabled').count(), 0, 'GAT-1 nor type');
	const phone = await t.login({ phone: true });
	await phone.goto(`/pipelines/${standard}`);
	await phone.locator('[data-stage-more]').first().click();
	await t.fits(phone, 'the editor on a phone');
	await t.axe(phone, 'pipeline editor on a phone');
	await t.shot(phone, 'pipeline-phone');
}


t.run(async () => {
	const page = await t.login();
	await create(page);
	await gates(page);
	await removal(page);
	await others();
});

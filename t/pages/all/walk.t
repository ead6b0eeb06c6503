#!/usr/bin/env node
// Every page of the CRM and of the inbox, on a desktop in English and on a phone in
// Arabic: nothing that axe finds (on a desktop in dark as well), nothing wider than its
// window, the right language and direction, no script error. With KONTOR_SCREENSHOTS a picture of each.
'use strict';
const t = require('../lib.js');

const only = process.env.KONTOR_WALK; // a part of the names, for one page alone

t.run(async () => {
	const tenant = t.config().tenants[0], org = tenant.organization_id;
	const one = (sql) => t.sql(sql, org).split('\n')[0];
	const anna = t.sql('select id from profiles where organization_id = $1 and email = $2', org, tenant.users[0].email);
	const contact = one(`select k.id from contacts k join deals d on d.organization_id = k.organization_id and d.contact_id = k.id where k.organization_id = $1 order by k.id limit 1`);
	const company = one('select company_id from contacts where organization_id = $1 and company_id is not null order by id limit 1');
	const deal = one('select id from deals where organization_id = $1 and contact_id is not null order by id limit 1');
	const pipeline = one('select id from pipelines where organization_id = $1 and is_default');
	// Without a rate of its own, so that the forecast says what it leaves out.
	const foreign = t.sql(`insert into deals (organization_id, title, value, currency, contact_id, pipeline_id, stage, expected_close_date)
		select $1, 'Walk abroad', 5, 'ISK', $2, $3, 'new', current_date returning id`, org, contact, pipeline);
	const lead = t.sql(`insert into leads (organization_id, name, company_name, email, phone) values ($1, 'Walk Lead', 'Walkers', 'walk@lead.example', '+4915199900011') returning id`, org);
	const task = t.sql(`insert into tasks (organization_id, title, assignee_id, due_date, contact_id) values ($1, 'Walk the pages', $2, now() - interval '1 hour', $3) returning id`, org, anna, contact);
	t.sql(`insert into notifications (organization_id, user_id, kind, record_type, record_id, data) values ($1, $2, 'task.due', 'task', $3, '{"title": "Walk the pages"}')`, org, anna, task);

	const talk = t.sql(`select c.id from conversations c join contacts k on k.organization_id = c.organization_id and k.id = c.contact_id where c.organization_id = $1 and k.last_name = 'Hassan' and c.status <> 'CLOSED' limit 1`, org);
	const channel = one(`select id from channel_accounts where organization_id = $1 and type = 'WHATSAPP_CLOUD' and deleted_at is null order by created_at limit 1`);
	const text = t.sql(`insert into templates (organization_id, name, status, shortcut, components) values ($1, 'Walk hours', 'APPROVED', 'walkhours', '[{"type": "BODY", "text": "Hello {{name}}, we are open from 9 to 17"}]') returning id`, org);
	const macro = t.sql(`insert into macros (organization_id, owner_id, name, actions) values ($1, $2, 'Walk on', '[{"do": "reply", "text": "On its way"}, {"do": "tag", "tags": ["walked"]}]') returning id`, org, anna);
	const notice = t.sql(`insert into whatsapp_templates (organization_id, channel_account_id, name, language, status, components) values ($1, $2, 'walk_notice', 'en', 'APPROVED', '[{"type": "BODY", "text": "Your order {{1}} is on its way"}]') returning id`, org, channel);
	const pages = Object.entries({
		home: '/', search: '/search?q=a', notifications: '/notifications', profile: '/profile',
		contacts: '/contacts?view=table', 'contacts-cards': '/contacts?view=grid', contact: `/contacts/${contact}`, 'contact-new': '/contacts/new', 'contact-edit': `/contacts/${contact}/edit`,
		duplicates: '/contacts/duplicates', privacy: `/contacts/${contact}/privacy`,
		companies: '/companies?view=table', company: `/companies/${company}`, 'company-new': '/companies/new', 'company-edit': `/companies/${company}/edit`,
		leads: '/leads', lead: `/leads/${lead}`, 'lead-new': '/leads/new',
		deals: '/deals', 'deals-list': '/deals?view=list', deal: `/deals/${deal}`, 'deal-new': '/deals/new', 'deal-edit': `/deals/${deal}/edit`,
		tasks: '/tasks', 'tasks-day': '/tasks/my-day', task: `/tasks/${task}`, 'task-new': '/tasks/new', 'tasks-analytics': '/tasks/analytics',
		'tasks-board': '/tasks?view=board', 'tasks-calendar': '/tasks?view=calendar', 'tasks-queue': '/tasks/queue',
		'lead-edit': `/leads/${lead}/edit`, 'leads-board': '/leads/board', 'lead-convert': `/leads/${lead}/convert`, forecast: '/deals/forecast',
		pipelines: '/pipelines', pipeline: `/pipelines/${pipeline}`, imports: '/imports', 'import-new': '/imports/new',
		inbox: '/inbox', talk: `/inbox/${talk}`, 'inbox-reports': '/inbox/reports', 'inbox-search': '/inbox/search?q=pallets', communications: '/communications',
		templates: '/templates', 'template-new': '/templates/new', template: `/templates/${text}`, 'settings-inbox': '/settings/inbox', 'settings-messages': '/settings/messages',
		macros: '/settings/macros', 'macro-new': '/settings/macros/new', macro: `/settings/macros/${macro}`, sla: '/settings/sla', 'profile-notifications': '/profile/notifications',
		channels: '/settings/channels', 'channel-kinds': '/settings/channels/kinds', 'channel-new': '/settings/channels/new?type=WHATSAPP_CLOUD', channel: `/settings/channels/${channel}`, 'channel-edit': `/settings/channels/${channel}/edit`,
		'channel-health': '/settings/channels/health', 'channel-log': '/settings/channels/log', 'channel-dead': '/settings/channels/dead',
		'whatsapp-templates': '/settings/whatsapp-templates', 'whatsapp-template-new': '/settings/whatsapp-templates/new', 'whatsapp-template': `/settings/whatsapp-templates/${notice}`,
	}).filter(([name]) => !only || only.split(',').includes(name));

	try {
	for (const [language, phone] of [['en', false], ['ar', true]]) {
		t.sql('update profiles set language = $1 where id = $2', language, anna);
		const page = await t.login({ phone });
		await page.context().addCookies([{ name: 'kontor_language', value: language, url: t.config().base_url }]);
		for (const [name, path] of pages) {
			const where = `${name}${phone ? ' on a phone' : ''}, ${language}`;
			const answer = await page.goto(path);
			if (!t.ok(answer.status() === 200, `${where}: is there`)) continue;
			t.is(await page.evaluate(() => `${document.documentElement.lang} ${document.documentElement.dir}`), phone ? 'ar rtl' : 'en ltr', `FACT-3 ${where}: language and direction`);
			if (name === 'forecast') t.ok(await page.isVisible('.alert-warning'), `${where}: an amount without a rate is named`);
			await t.fits(page, `FACT-2 ${where}`);
			await t.axe(page, `FACT-4 ${where}`, { dark: !phone });
			if (process.env.KONTOR_SCREENSHOTS) await t.shots(page, `walk-${name}-${language}${phone ? '-phone' : ''}`);
			if (phone) {
				await page.setViewportSize({ width: 320, height: 640 });
				await t.fits(page, `FACT-2 ${name} at 320 pixels`);
				await page.setViewportSize({ width: 390, height: 844 });
			}
		}
		await page.context().close();
	}
	} finally {
		t.sql("update profiles set language = 'en' where id = $1", anna);
	}
	t.sql('delete from notifications where record_id = $1', task);
	t.sql('delete from tasks where id = $1', task);
	t.sql('delete from leads where id = $1', lead);
	t.sql('delete from deals where id = $1', foreign);
	for (const [table, id] of Object.entries({ templates: text, macros: macro, whatsapp_templates: notice })) t.sql(`delete from ${table} where id = $1`, id);
});

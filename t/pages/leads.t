#!/usr/bin/env node
// Leads: list, form, detail with its score, board, conversion, scoring settings, web forms.
'use strict';
const http = require('node:http');
const t = require('./lib.js');

const stamp = Date.now().toString(36), digits = String(Date.now()).slice(-9);
const saved = (page, path) => Promise.all([page.waitForURL(path), page.click('.form-actions .btn-primary')]);
const LEAD = /\/leads\/[0-9a-f-]{36}(\?|$)/;
const idOf = (page) => new URL(page.url()).pathname.split('/').pop();
const org = () => t.config().tenants[0].organization_id;
const signal = (lead, kind, n = 1) => t.sql(`insert into lead_engagement_events (organization_id, lead_id, kind, answered, subject)
	select $1, $2, $3, true, 'Signal ' || n from generate_series(1, $4::integer) n`, org(), lead, kind, n);

async function create(page) {
	await page.goto('/leads');
	t.ok(await page.isVisible('h1:text("Leads")'), 'LEA-1 leads have a list of their own');
	t.is(await page.getAttribute('nav a[href="/leads"]', 'href'), '/leads', 'LEA-1 and an entry in the sidebar');
	await page.keyboard.press('n');
	await page.waitForURL('**/leads/new');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#name-error');
	t.ok(true, 'a lead without a name is refused beside the field');
	await page.fill('#name', `Tom Brady ${stamp}`);
	await page.fill('#company_name', 'TechBr');
	await page.locator('#company-options [role="option"]', { hasText: 'TechBridge' }).first().click();
	t.like(await page.inputValue('#company_name'), /^TechBridge/, 'LEA-28 the company is found by typing');
	await page.fill('#company_name', `NexGen ${stamp}`);
	await page.fill('#email', 'nobody');
	await page.evaluate(() => { document.querySelector('#email').type = 'text'; });
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#email-error');
	t.is(await page.inputValue('#name'), `Tom Brady ${stamp}`, 'a wrong e-mail address is told beside the field, and nothing typed is lost');
	await page.fill('#email', `Tom-${stamp}@NexGen.example`);
	await page.fill('#phone', `+1 (415) ${digits.slice(0, 3)}-${digits.slice(3, 7)}`);
	await page.selectOption('#source', 'event');
	await page.fill('#territory', 'West');
	await page.fill('#company_size', '40');
	await page.fill('#tags', `fair ${stamp}`);
	t.ok(!await page.$('[name="score"]'), 'LEA-3 there is no field to type a score into');
	await saved(page, LEAD);
	const text = await page.textContent('main');
	t.ok(text.includes(`tom-${stamp}@nexgen.example`) && text.includes(`NexGen ${stamp}`) && text.includes('Event') && text.includes('West'),
		'LEA-2 the lead has what was typed, with its source');
	t.like(await page.textContent('.timeline'), /added this lead/, 'the timeline begins');
	await t.axe(page, 'a lead');
	return idOf(page);
}

async function score(page, lead) {
	t.is(await page.textContent('#score'), '0', 'LEA-3 the score begins with 0');
	signal(lead, 'email_open', 2);
	signal(lead, 'form_submission');
	await page.reload();
	t.is(await page.textContent('#score'), '30', 'LEA-4 signals move it by themselves');
	t.like(await page.textContent('[data-part="email_open"]'), /10/, 'the breakdown says what each kind gives');
	t.ok(await page.isVisible('.score-ring .value'), 'as a small chart');
	await page.locator(`[data-cell="leads/${lead}/territory"]`).dblclick();
	await page.fill('.cell-form [name="value"]', 'North');
	await page.keyboard.press('Enter');
	t.ok(await t.until(() => t.sql('select territory from leads where id = $1', lead) === 'North'), 'a fact is changed in place');
	await page.click('.log-outreach summary');
	await page.selectOption('#channel', 'meeting');
	await page.fill('#subject', 'Lunch');
	await page.check('[name="answered"]');
	await Promise.all([page.waitForURL(/done=noted|leads/), page.click('.log-outreach .btn')]);
	await page.waitForSelector('.signals >> text=Lunch');
	t.is(await page.textContent('#score'), '40', 'LEA-4 outreach with an answer that somebody logs counts');
	await page.fill('#note', `Met at the fair ${stamp}`);
	await page.click('#compose-note .btn-primary');
	await page.waitForSelector(`.timeline li:not(.is-pending) >> text=Met at the fair ${stamp}`);
	t.ok(true, 'a note is written on the lead');
	await page.click('button[data-compose="task"] >> nth=0');
	await page.fill('#task-title', `Call Tom ${stamp}`);
	await page.click('#compose-task .btn-primary');
	await page.waitForSelector(`.timeline li:not(.is-pending) >> text=Call Tom ${stamp}`);
	await page.reload();
	t.like(await page.textContent('.next-step'), new RegExp(`Call Tom ${stamp}`), 'the next step is shown');
	await t.shots(page, 'lead');
}

async function list(page, lead) {
	t.sql(`insert into leads (organization_id, name, company_name) select $1, 'Low ' || $2, 'Low Ltd' from generate_series(1, 2)`, org(), stamp);
	await page.goto(`/leads?view=table&q=${stamp}`);
	const rows = await page.locator('tbody tr').allTextContents();
	t.ok(rows.length === 3 && rows[0].includes('Tom Brady'), 'LEA-5 the highest score comes first');
	t.ok(rows[0].includes(`NexGen ${stamp}`) && rows[0].includes('40'), 'LEA-7 each with name, company and score');
	await t.axe(page, 'the list of leads');
	await t.shots(page, 'leads');
	await page.goto(`/leads?view=grid&q=${stamp}`);
	t.is(await page.locator('.record-card').count(), 3, 'as cards as well');
	await t.axe(page, 'cards of leads');
	await page.goto(`/leads?view=table&f=score:gt:30&q=${stamp}`);
	t.is(await page.locator('tbody tr').count(), 1, 'the score is a filter');
	await page.goto(`/leads?q=${digits.slice(0, 7)}`);
	t.ok((await page.textContent('main')).includes(`Tom Brady ${stamp}`), 'found by digits of the phone');
}

// In a cell, and many at once (the list is that of all records).
async function many(page) {
	await page.goto(`/leads?view=table&q=Low+${stamp}`);
	const state = (sql) => t.until(() => t.sql(`select ${sql} from leads where organization_id = $1 and name = $2`, org(), `Low ${stamp}`));
	await page.locator('tbody tr').first().locator('[data-cell="company_name"]').dblclick();
	await page.fill('tbody .cell-form [name="value"]', 'Lower Ltd');
	await page.keyboard.press('Enter');
	t.ok(await state(`count(*) filter (where company_name = 'Lower Ltd') = 1`), 'a company is changed in its cell');
	t.is(await page.locator('[data-cell="score"]').count(), 0, 'LEA-3 the score is no cell to change');
	const omar = t.sql(`select id from profiles where organization_id = $1 and email like 'omar%'`, org());
	await page.click('[data-pick-page]');
	await page.click('[data-bulk="assign"]');
	await page.selectOption('#bulk-value', omar);
	await page.click('#records-dialog .btn-primary');
	t.ok(await state(`count(*) filter (where owner_id = '${omar}') = 2`), 'several are assigned at once');
	await page.waitForSelector('.toast-line:has-text("Changed: 2")');
	await page.reload();
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="set"]');
	await page.selectOption('[data-bulk-key]', 'status');
	await page.selectOption('#bulk-value', 'Contacted');
	await page.click('#records-dialog .btn-primary');
	t.ok(await state(`count(*) filter (where status = 'Contacted') = 2`), 'and given a status');
	await page.waitForSelector('.toast-line:has-text("Changed: 2")');
	await page.click('.toast-line:last-child button');
	t.ok(await state(`count(*) filter (where status = 'New') = 2`), 'which can be undone');
	await page.reload();
	await page.click('[data-pick-page]');
	await page.click('.bulk-bar .menu > summary');
	await page.click('[data-bulk="set"]');
	await page.selectOption('[data-bulk-key]', 'status');
	await page.selectOption('#bulk-value', 'Converted');
	await page.click('#records-dialog .btn-primary');
	await page.waitForSelector('.toast-line');
	t.ok(await state(`count(*) filter (where status = 'New') = 2`), 'LEA-14 but not converted that way');
}

async function board(page, lead) {
	await page.goto(`/leads/board?q=${stamp}`);
	const card = page.locator(`#lead-${lead}`);
	const column = (status) => page.locator(`.column[data-status="${status}"]`);
	await column('New').locator(`#lead-${lead}`).waitFor();
	t.is(await column('New').locator('[data-count]').textContent(), '3', 'the board counts its columns');
	await card.locator('a').focus();
	await page.keyboard.press('m');
	await page.keyboard.press('ArrowRight');
	await Promise.all([page.waitForResponse((r) => r.url().includes('/move') && r.ok()), page.keyboard.press('Enter')]);
	await column('Contacted').locator(`#lead-${lead}`).waitFor();
	t.is(t.sql('select status from leads where id = $1', lead), 'Contacted', 'a lead is moved by keyboard');
	// By mouse to the next column.
	// What others see is read again in between, so the card may just be a new one.
	let from;
	while (!from) {
		await card.waitFor();
		from = await card.boundingBox();
	}
	const to = await column('Qualified').locator('[data-cards]').boundingBox();
	await page.mouse.move(from.x + 20, from.y + 12);
	await page.mouse.down();
	await page.mouse.move(to.x + 40, to.y + 20, { steps: 12 });
	await Promise.all([page.waitForResponse((r) => r.url().includes('/move') && r.ok()), page.mouse.up()]);
	t.is(t.sql('select status from leads where id = $1', lead), 'Qualified', 'and by mouse');
	await page.click('.toast-line button >> nth=-1');
	await column('Contacted').locator(`#lead-${lead}`).waitFor();
	t.ok(await t.until(() => t.sql('select status from leads where id = $1', lead) === 'Contacted'), 'undo moves it back');
	// The button on the card; a reason is asked.
	await card.locator('[data-move]').click();
	await page.click('#lead-move [data-status="Disqualified"]');
	await page.fill('#reason', 'No budget');
	await Promise.all([page.waitForResponse((r) => r.url().includes('/move') && r.ok()), page.click('#disqualify .btn-primary')]);
	t.is(t.sql('select status || \' \' || disqualify_reason from leads where id = $1', lead), 'Disqualified No budget', 'disqualified with its reason');
	t.is(await column('Disqualified').locator('[data-count]').textContent(), '1', 'counts follow');
	await t.axe(page, 'the board of leads');
	await t.shots(page, 'leads-board');
	await page.goto(`/leads/${lead}`);
	t.like(await page.textContent('.lead-lost'), /No budget/, 'the lead says why');
	await Promise.all([page.waitForURL(LEAD), page.click('.stage-step:has-text("Qualified")')]);
	t.is(t.sql('select status from leads where id = $1', lead), 'Qualified', 'and is taken up again on its page');
}

async function convert(page, lead) {
	await page.goto(`/leads/${lead}`);
	const box = await page.locator('a.btn-primary:text("Convert Lead")').boundingBox(), view = page.viewportSize();
	t.ok(box && box.x > view.width / 2 && box.y < 200, 'LEA-11 "Convert Lead" stands at the top right');
	await page.click('a.btn-primary:text("Convert Lead")');
	await page.waitForURL(/\/convert$/);
	t.ok(await page.isVisible('#contact') && await page.isVisible('#company'), 'LEA-12 contact, company or both are asked for');
	await page.uncheck('#contact');
	await page.uncheck('#company');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('.alert-danger');
	t.like(await page.textContent('.alert-danger'), /contact, a company, or both/, 'neither is refused');
	await page.check('#contact');
	await page.check('#company');
	t.ok(!await page.isVisible('#stage'), 'LEA-13 the opportunity is optional');
	await page.check('#opportunity');
	t.ok(await page.isVisible('#stage'), 'LEA-13 with it comes the stage');
	await page.selectOption('#stage', { label: 'Proposal' });
	await page.fill('#value', '1250,50');
	await t.axe(page, 'converting');
	await t.shots(page, 'lead-convert');
	// Pressed twice.
	await page.evaluate(() => { const b = document.querySelector('.form-actions .btn-primary'); b.click(); b.click(); });
	await page.waitForURL(LEAD);
	const links = await page.locator('.converted a').evaluateAll((all) => all.map((a) => a.getAttribute('href').split('/')[1]));
	t.is(links.join(), 'contacts,companies,deals', 'LEA-14 LEA-15 all three are made, and the lead links to each');
	t.ok(await page.locator('[data-status="Converted"]').count() > 0, 'LEA-14 the lead is Converted');
	t.ok(!await page.$('a[href$="/edit"]') && !await page.$('.stage-path'), 'and read-only');
	t.is(t.sql(`select count(*) from contacts where emails @> array[$1::text]`, `tom-${stamp}@nexgen.example`), '1', 'LEA-14 pressing twice converts once');
	t.is(t.sql(`select d.stage || ' ' || d.value || ' ' || (d.contact_id = l.converted_contact_id) || ' ' || (d.company_id = l.converted_company_id)
		from leads l join deals d on d.id = l.converted_deal_id where l.id = $1`, lead), 'proposal 1250.50 true true',
		'LEA-16 the opportunity in its stage, linked to both');
	await t.shots(page, 'lead-converted');
	await page.click('.converted a >> nth=0');
	await page.waitForURL(/\/contacts\//);
	const text = await page.textContent('main');
	t.ok(text.includes(`NexGen ${stamp}`) && text.includes(`Met at the fair ${stamp}`) && text.includes(`Call Tom ${stamp}`),
		'LEA-16 the contact has its company, and the lead\'s notes and open tasks');
	t.like(text, /converted this lead/, 'LEA-15 its timeline tells where it comes from');
	// One with the same address is linked.
	const again = t.sql(`insert into leads (organization_id, name, email, company_name) values ($1, 'Tommy', $2, $3) returning id`, org(), `tom-${stamp}@nexgen.example`, `nexgen ${stamp}`);
	await page.goto(`/leads/${again}/convert`);
	t.like(await page.textContent('.convert'), /same e-mail address/, 'a match is offered');
	await saved(page, LEAD);
	t.is(t.sql(`select count(*) from contacts where emails @> array[$1::text]`, `tom-${stamp}@nexgen.example`), '1', 'and linked: never a second contact with the same address');
}

async function scoring(page) {
	await page.goto('/settings/lead-scoring');
	t.is(await page.inputValue('[name="email_open_points"]'), '5', 'LEA-4 the weights are the defaults at first');
	await t.axe(page, 'lead scoring');
	await t.shots(page, 'lead-scoring', { full: true });
	await page.fill('[name="page_visit_points"]', '200');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('.field-error');
	t.ok(true, 'a weight out of range is told beside its field');
	await page.fill('[name="page_visit_points"]', '3');
	await page.fill('#high_score_threshold', '60');
	await saved(page, /done=saved/);
	const lead = t.sql(`insert into leads (organization_id, name, owner_id) select $1, 'Scored ' || $2, id from profiles where organization_id = $1 and email like 'anna%' returning id`, org(), stamp);
	signal(lead, 'page_visit');
	t.is(t.sql('select score from leads where id = $1', lead), '3', 'LEA-4 weights of one\'s own count');
	signal(lead, 'form_submission', 2);
	signal(lead, 'outreach', 2);
	t.is(t.sql(`select data ->> 'score' from notifications where record_id = $1 and kind = 'lead.score'`, lead), '63', 'LEA-6 the owner is alerted from the threshold on');
	t.sql('delete from lead_scoring where organization_id = $1', org());
	const agent = await t.login({ user: 1 });
	t.is((await agent.goto('/settings/lead-scoring')).status(), 403, 'the weights are for administrators');
	await agent.context().close();
}

async function makeForm(page) {
	await page.goto('/settings/lead-forms/new');
	await page.fill('#name', `Trial ${stamp}`);
	await page.fill('#title', 'Start your trial');
	await page.check('[name="ask.phone"]');
	await page.fill('[name="label.phone"]', 'Mobile');
	await page.selectOption('#source', 'campaign');
	await page.fill('#tags', `trial ${stamp}`);
	await page.fill('#consent', 'I agree to be contacted');
	await page.fill('#thank_you', 'We call you tomorrow.');
	await page.fill('#allowed_origins', 'example.com');
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('.field-error');
	t.is(await page.inputValue('#thank_you'), 'We call you tomorrow.', 'a site without its scheme is refused, and nothing typed is lost');
	t.ok(await page.isChecked('[name="ask.phone"]'), 'nor ticked');
	await page.fill('#allowed_origins', 'http://127.0.0.1:1');
	await saved(page, /\/settings\/lead-forms\/[0-9a-f-]{36}/);
	await t.axe(page, 'a web form in the settings');
	await t.shot(page, 'lead-form-settings', { full: true });
	return { path: new URL(await page.textContent('#address')).pathname, settings: new URL(page.url()).pathname };
}

async function fill(visitor, name) {
	await visitor.fill('[name="name"]', name);
	await visitor.fill('[name="email"]', `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}@web.example`);
	await visitor.check('[name="_consent"]');
}

async function forms(page) {
	const { path, settings } = await makeForm(page);
	const visitor = await t.open();
	await visitor.goto(path);
	t.ok(await visitor.isVisible('h1:text("Start your trial")') && await visitor.isVisible('label:has-text("Mobile")'), 'LEA-2 the form has its own page');
	await t.axe(visitor, 'a web form');
	await t.shots(visitor, 'web-form');
	await visitor.waitForTimeout(2100); // people need longer than two seconds
	await visitor.click('button.btn-primary');
	await visitor.waitForSelector('[aria-invalid="true"]');
	t.ok(await visitor.locator('.field-error').count() >= 1, 'what is missing is told beside its field');
	await fill(visitor, `Ada ${stamp}`);
	await visitor.waitForTimeout(2100); // people need longer than two seconds
	await visitor.click('button.btn-primary');
	await visitor.waitForSelector('[data-thanks]');
	t.like(await visitor.textContent('[data-thanks]'), /We call you tomorrow/, 'the visitor is thanked');
	await t.shot(visitor, 'web-form-thanks');
	t.is(t.sql(`select source || ' ' || score || ' ' || tags[1] from leads where email = $1`, `ada-${stamp}@web.example`), `campaign 20 trial ${stamp}`,
		'LEA-2 LEA-4 a lead with the form\'s source and tag, and its first signal');
	// Without a script, and as a robot would.
	const plain = await (await t.launch()).newContext({ baseURL: t.config().base_url, javaScriptEnabled: false });
	const still = await plain.newPage();
	await still.goto(path);
	await fill(still, `Quick ${stamp}`);
	await still.evaluate(() => 0).catch(() => 0);
	await still.fill('[name="website"]', 'http://spam.example', { force: true }).catch(() => 0);
	await still.click('button.btn-primary');
	await still.waitForSelector('[data-thanks]');
	t.is(t.sql(`select count(*) from leads where email = $1`, `quick-${stamp}@web.example`), '0', 'a robot is thanked and makes nothing, without a script either');
	await plain.close();
	await page.goto(settings);
	const log = await page.textContent('#submissions');
	t.ok(log.includes(`Ada ${stamp}`) && log.includes('new') && log.includes('robot'), 'every submission is in the form\'s log');
	await t.shot(page, 'lead-form-log', { full: true });
	const phone = await t.open({ phone: true });
	await phone.goto(path);
	await t.fits(phone, 'a web form on a phone');
	await phone.context().close();
	await visitor.context().close();
	return { path, settings };
}

// A site of the tenant, with the form in a frame and the tracking script.
async function site(page, { path, settings }) {
	const base = t.config().base_url, token = path.split('/').pop();
	const server = http.createServer((request, answer) => {
		answer.setHeader('Content-Type', 'text/html');
		answer.end(`<!doctype html><title>Pricing ${stamp}</title><h1>Pricing</h1><script src="${base}/t.js"></script><script src="${base}/f.js" data-form="${token}"></script>`);
	});
	await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
	const origin = `http://127.0.0.1:${server.address().port}`;
	await page.goto(settings);
	await page.fill('#allowed_origins', origin);
	await saved(page, /done=saved/);
	const visitor = await t.open();
	await visitor.goto(`${origin}/pricing`);
	const frame = visitor.frameLocator('iframe');
	await frame.locator('[name="name"]').fill(`Framed ${stamp}`);
	await frame.locator('[name="email"]').fill(`framed-${stamp}@web.example`);
	await frame.locator('[name="_consent"]').check();
	await visitor.waitForTimeout(2100);
	t.is((await visitor.context().cookies(origin)).length, 0, 'no cookie before anybody agreed');
	await frame.locator('button.btn-primary').click();
	await frame.locator('[data-thanks]').waitFor();
	const lead = t.sql(`select id from leads where email = $1`, `framed-${stamp}@web.example`);
	t.ok(lead, 'LEA-2 a form in a frame of an allowed site makes a lead');
	t.like(t.sql(`select page from lead_form_submissions where lead_id = $1`, lead), /\/pricing$/, 'the log knows the page');
	await visitor.evaluate(() => window.kontor.consent());
	t.ok(await t.until(() => t.sql(`select subject from lead_engagement_events where lead_id = $1 and kind = 'page_visit'`, lead)), 'LEA-4 once he agrees, the visit counts');
	await visitor.goto(`${origin}/docs`);
	t.ok(await t.until(() => t.sql(`select count(*) = 2 from lead_engagement_events where lead_id = $1 and kind = 'page_visit'`, lead)), 'LEA-4 and the next page');
	t.is(t.sql('select score from leads where id = $1', lead), '24', 'LEA-4 the score follows by itself');
	await visitor.context().close();
	// A site that is not named may not show it.
	t.expectTrouble(/frame-ancestors|Framing|refused to connect/i);
	await page.goto(settings);
	await page.fill('#allowed_origins', 'https://elsewhere.example');
	await saved(page, /done=saved/);
	const other = await t.open();
	await other.goto(`${origin}/`);
	await other.waitForTimeout(300);
	t.is(await other.frameLocator('iframe').locator('[name="name"]').count(), 0, 'a site that the form does not name cannot frame it');
	await other.context().close();
	server.close();
}

async function arabic(page, lead) {
	t.sql(`update profiles set language = 'ar' where organization_id = $1 and email like 'anna%'`, org());
	try {
		for (const [path, name] of [[`/leads/${lead}`, 'lead'], ['/leads/board', 'leads-board'], ['/leads?view=table', 'leads'], ['/leads/new', 'lead-form'], ['/settings/lead-forms', 'lead-forms'], ['/settings/lead-scoring', 'lead-scoring']]) {
			await page.goto(path);
			t.is(await page.getAttribute('html', 'dir'), 'rtl', `${path} is written from right to left`);
			await t.fits(page, `${name} in Arabic`);
			await t.shot(page, `${name}-ar`);
		}
	} finally {
		t.sql(`update profiles set language = 'en' where organization_id = $1 and email like 'anna%'`, org());
		await page.goto('/leads');
	}
}

async function phone(lead) {
	const page = await t.login({ phone: true });
	for (const [path, name] of [[`/leads/${lead}`, 'lead'], ['/leads/board', 'leads-board'], ['/leads', 'leads'], ['/leads/new', 'lead-form'], ['/settings/lead-forms', 'lead-forms'], ['/settings/lead-scoring', 'lead-scoring']]) {
		await page.goto(path);
		await t.fits(page, `${name} on a phone`);
		await t.shot(page, `${name}-phone`);
	}
	await page.context().close();
}

t.run(async () => {
	const page = await t.login();
	const lead = await create(page);
	await score(page, lead);
	await list(page, lead);
	await many(page);
	await board(page, lead);
	await phone(lead);
	await arabic(page, lead);
	await convert(page, lead);
	await scoring(page);
	const form = await forms(page);
	await site(page, form);
	t.sql(`delete from leads where organization_id = $1 and (name like $2 or name = 'Tommy')`, org(), `%${stamp}%`);
	t.sql(`delete from deals where organization_id = $1 and title like $2`, org(), `%${stamp}%`);
	t.sql(`delete from lead_forms where organization_id = $1 and name like $2`, org(), `%${stamp}%`);
});

#!/usr/bin/env node
// One person: form, page, timeline, files, calls, several companies, merging
// and taking apart, tags, personal data.
'use strict';
const t = require('./lib.js');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const stamp = Date.now().toString(36), digits = String(Date.now()).slice(-8);
const org = () => t.sql("select organization_id from profiles where email = $1", t.config().tenants[0].users[0].email);
const idOf = (page) => new URL(page.url()).pathname.split('/')[2];
const entry = (page, words) => page.waitForSelector(`.timeline-item:not(.is-pending):has-text("${words}")`);
// What the worker does takes a moment.
async function until(what, seconds = 30) {
	for (let i = 0; i < seconds * 10; i++) {
		if (await what()) return true;
		await new Promise((go) => setTimeout(go, 100));
	}
	return false;
}

async function form(page) {
	await page.goto('/contacts/new');
	await page.fill('#first_name', `Vera${stamp}`);
	await page.click('.form-actions .btn-primary');
	await page.waitForSelector('#last_name-error');
	t.ok(await page.isVisible('#phones-error'), 'LEA-27 a new contact needs both names and a way to be reached; the fields say so');
	await page.fill('#last_name', 'Lind');
	await page.fill('input[name="emails"] >> nth=0', `vera${stamp}@old.example`);
	await page.fill('input[name="phones"] >> nth=0', `+4930${digits}`);
	await page.fill('#title', 'VP of Engineering');
	await page.selectOption('#status', 'Prospect');
	await page.fill('#company', `Lumen ${stamp}`);
	await page.locator('#company-options [role="option"]', { hasText: `Lumen ${stamp}` }).click();
	await page.selectOption('#assignee_id', { label: 'Anna Berg' });
	await page.click('.form-extra summary');
	await page.fill('#deal_title', `First deal ${stamp}`);
	await page.fill('#deal_value', '62000');
	await t.axe(page, 'new contact');
	await Promise.all([page.waitForURL(/\/contacts\/[0-9a-f-]{36}/), page.click('.form-actions .btn-primary')]);
	t.ok(await page.isVisible(`h1:text("Vera${stamp} Lind")`), 'LEA-30 the new record opens at once');
	t.is(t.sql('select status, title, assignee_id is not null from contacts where id = $1', idOf(page)), 'Prospect\tVP of Engineering\tt', 'LEA-29 status and owner are set in the form');
	t.ok(await page.isVisible(`.record-sub a:text("Lumen ${stamp}")`), 'LEA-28 the company was made in place');
	t.is(t.sql("select title, value::integer from deals where contact_id = $1", idOf(page)), `First deal ${stamp}\t62000`, 'CON-3 a deal was made together with the contact');
	return idOf(page);
}

async function header(page, id) {
	await page.goto(`/contacts/${id}`);
	t.is(await page.textContent('[data-status]'), 'Prospect', 'LEA-31 the status is a badge');
	t.like(await page.textContent('.record-sub'), /VP of Engineering.*Lumen/s, 'LEA-31 title and company stand under the name');
	const currency = t.sql('select currency from organizations where id = $1', org());
	t.like(await page.textContent('#open-deals'), new RegExp(`^1 · .*62,000`), `LEA-31 CON-13 open deals as count and total in ${currency}`);
	t.is(await page.textContent('#open-cases'), '0', 'LEA-31 the tile of open cases');
	t.like(await page.textContent('#last-activity'), /moment|minute/, 'LEA-31 last activity as relative time');
	t.is(await page.textContent('#note-count'), '0', 'CON-13 the number of notes');
	t.is((await page.textContent('#per-week')).trim(), '0', 'CON-15 message frequency');
	t.is(await page.textContent('#last-contact'), 'never', 'CON-15 last contact');
	t.ok(await page.isVisible('a[href^="/deals/new?contact="]') && await page.isVisible('a[data-key="e"]') && await page.isVisible('a[data-call]'), 'CON-12 CON-38 create deal, edit and call are in the header');
	await page.click('.record-actions .menu summary');
	t.ok(await page.isVisible(`[data-copy="+4930${digits}"] >> nth=0`) && await page.isVisible(`[data-copy="vera${stamp}@old.example"] >> nth=0`), 'CON-39 phone number and e-mail address can be copied');
	await page.keyboard.press('Escape');
	t.like(await page.textContent('.next-step'), /No next step: plan one/, 'UC-CONTACTS the next step is always there');
	for (const title of ['deals-title', 'tasks-title', 'talks-title', 'bookings-title', 'quotes-title', 'companies-title', 'files-title'])
		if (!await page.isVisible(`#${title}`)) t.ok(false, `CON-16 the panel ${title} is missing`);
	t.ok(await page.isVisible('#deals-title'), 'CON-11 CON-16 related records stand beside it');
}

async function notes(page, id) {
	await page.goto(`/contacts/${id}`);
	await page.fill('#note', `Likes <b>tea</b> ${stamp}`);
	await page.click('.note-form button');
	await entry(page, `Likes <b>tea</b> ${stamp}`);
	t.ok(await page.isVisible(`.note-body:text("Likes <b>tea</b> ${stamp}")`), 'CON-11 a note stands in the timeline at once, as text');
	const note = t.sql('select id from notes where contact_id = $1', id);
	await page.click(`#entry-${note} .entry-edit summary`);
	await page.fill(`#edit-${note}`, `Likes coffee ${stamp}`);
	await page.click(`#entry-${note} .entry-edit button`);
	t.ok(await until(() => t.sql('select content from notes where id = $1', note) === `Likes coffee ${stamp}`), 'FACT-123 a note is changed in place');
	await page.click(`#entry-${note} form[data-note-delete] button`);
	await page.waitForSelector('.toast-line button');
	t.is(t.sql('select count(*) from notes where id = $1', note), '0', 'a note is deleted');
	await page.click('.toast-line button');
	t.ok(await until(() => t.sql('select content from notes where id = $1', note) === `Likes coffee ${stamp}`), 'and comes back as it was by undo');
}

async function tasksAndMail(page, id) {
	await page.goto(`/contacts/${id}`);
	await page.click('.next-step [data-compose="task"]');
	await page.fill('#task-title', `Call Vera ${stamp}`);
	await page.fill('#task-due', '2099-03-01T09:30');
	await Promise.all([page.waitForEvent('load'), page.click('#compose-task .btn-primary')]);
	t.like(await page.textContent('.next-step'), new RegExp(`Call Vera ${stamp}`), 'the task is the next step');
	t.ok((await page.textContent('#tasks-title ~ *, .panel:has(#tasks-title)')).includes(`Call Vera ${stamp}`), 'CON-11 and stands among the related tasks');
	t.is(t.sql("select (due_date at time zone p.timezone)::text from tasks k, profiles p where k.contact_id = $1 and p.email = $2", id, t.config().tenants[0].users[0].email), '2099-03-01 09:30:00', 'its time is that of the member');
	t.ok((await page.textContent('#timeline')).includes(`Call Vera ${stamp}`), 'LEA-32 tasks are in the timeline');
	await page.click('#tab-mail');
	t.ok(await page.isVisible('#compose-mail .alert') && await page.isDisabled('#compose-mail .btn-primary'), 'CON-14 without a mail server the composer says so');
	await page.focus('#tab-note');
	await page.keyboard.press('ArrowRight');
	t.ok(await page.isVisible('#task-title'), 'the tabs of the composer work with the keyboard');
}

async function calls(page, id) {
	await page.goto(`/contacts/${id}`);
	await page.evaluate(() => document.addEventListener('click', (e) => { if (e.target.closest('a[href^="tel:"]')) e.preventDefault(); }));
	await page.click('.record-actions a[data-call]');
	await entry(page, 'How did it go?');
	const call = t.sql('select id from call_records where contact_id = $1', id);
	t.is(t.sql('select call_status, direction, customer_phone, agent_id is not null from call_records where id = $1', call), `INITIATED\toutbound\t+4930${digits}\tt`, 'CON-66 pressing the telephone records a call that begins');
	await page.selectOption(`#status-${call}`, 'COMPLETED');
	await page.fill(`#minutes-${call}`, '2:05');
	await page.fill(`#said-${call}`, `Wants a quote ${stamp}`);
	await page.click(`#entry-${call} .call-outcome .btn-primary`);
	await entry(page, `Wants a quote ${stamp}`);
	t.is(t.sql('select call_status, duration_seconds, notes from call_records where id = $1', call), `COMPLETED\t125\tWants a quote ${stamp}`, 'CON-67 outcome, duration and notes are added when it is over');
	t.like(await page.textContent(`#entry-${call}`), /2:05/, 'CON-68 the call history shows the duration');
	await page.click('#tab-call');
	await page.selectOption('#call-status', 'MISSED');
	await page.fill('#call-text', `Tried again ${stamp}`);
	await page.click('#compose-call .btn-primary');
	await entry(page, `Tried again ${stamp}`);
	t.is(t.sql("select count(*) from call_records where contact_id = $1 and call_status = 'MISSED'", id), '1', 'CON-67 a call is logged by hand');
}

async function files(page, id) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'people-'));
	const png = path.join(dir, `pic ${stamp}.png`), html = path.join(dir, `page ${stamp}.html`), pdf = path.join(dir, 'doc.pdf');
	fs.writeFileSync(png, Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'));
	fs.writeFileSync(html, '<script>alert(1)</script>');
	fs.writeFileSync(pdf, '%PDF-1.4\n%%EOF');
	await page.goto(`/contacts/${id}`);
	await page.setInputFiles('.files-drop input[type="file"]', [png, html, pdf]);
	await page.waitForSelector(`.file:has-text("pic ${stamp}.png")`);
	t.is(await page.locator('.file').count(), 3, 'CON-11 files are attached by choosing several at once');
	await page.click(`.file-open[data-name="pic ${stamp}.png"]`);
	t.ok(await page.isVisible('#preview img'), 'a picture is previewed');
	await page.click('#preview [data-close]');
	await page.click('.file-open[data-name="doc.pdf"]');
	t.ok(await page.isVisible('#preview iframe'), 'a PDF is previewed');
	await page.click('#preview [data-close]');
	const file = t.sql("select file_id from record_files r join files f on f.id = r.file_id where r.contact_id = $1 and f.name like 'page%'", id);
	const answer = await page.request.get(`/files/${file}`);
	t.ok(/^attachment/.test(answer.headers()['content-disposition']) && answer.headers()['x-content-type-options'] === 'nosniff'
		&& answer.headers()['content-type'] === 'application/octet-stream', 'a page that somebody attached is a download and nothing runs in it');
	await page.evaluate(() => {
		const data = new DataTransfer();
		data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
		document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
	});
	await page.waitForSelector('.file:has-text("dropped.txt")');
	t.ok(true, 'a file is attached by dropping it');
	await page.evaluate(() => {
		const data = new DataTransfer();
		data.items.add(new File(['pasted'], 'pasted.txt', { type: 'text/plain' }));
		document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
	});
	await page.waitForSelector('.file:has-text("pasted.txt")');
	t.ok(true, 'a file is attached by pasting it');
	await page.click('.file:has-text("pasted.txt") form button');
	await page.waitForSelector('.file:has-text("pasted.txt")', { state: 'detached' });
	await page.click('.toast-line button');
	await t.lives(page.waitForSelector('.file:has-text("pasted.txt")'), 'a removed file comes back by undo');
	fs.rmSync(dir, { recursive: true });
}

async function timeline(page, id) {
	t.sql("update contacts set title = 'CTO' where id = $1", id);
	await page.goto(`/contacts/${id}`);
	t.like(await page.textContent('#timeline'), /Title\s*VP of Engineering\s*→\s*CTO/, 'CON-14 the timeline says what changed, before and after');
	for (const [kind, words, not] of [['note', `Likes coffee ${stamp}`, 'CTO'], ['call', `Wants a quote ${stamp}`, 'Likes coffee'], ['task', `Call Vera ${stamp}`, 'Likes coffee'], ['deal', `First deal ${stamp}`, 'Likes coffee'], ['change', 'CTO', 'Likes coffee']]) {
		const answer = page.waitForResponse((r) => r.url().includes(`only=${kind}`));
		await page.selectOption('#timeline-only', kind);
		await answer;
		await page.waitForFunction((w) => document.getElementById('timeline').textContent.includes(w), words);
		t.ok(!(await page.textContent('#timeline')).includes(not), `CON-14 LEA-32 the timeline shows ${kind} alone`);
	}
	t.sql("insert into notes (organization_id, contact_id, content, created_at) select $1::uuid, $2::uuid, 'old note ' || n, now() - n * interval '1 hour' from generate_series(1, 70) n", org(), id);
	await page.goto(`/contacts/${id}?only=note`);
	t.ok(await page.locator('.timeline-item').count() < 60, 'the timeline begins with a page');
	for (let i = 0; i < 4 && await page.locator('.timeline-more').count(); i++) {
		await page.locator('.timeline-more').scrollIntoViewIfNeeded();
		await page.waitForTimeout(400);
	}
	t.is(await page.locator('.timeline-item').count(), 71, 'CON-14 older entries come while scrolling, each once');
	t.sql("delete from notes where contact_id = $1 and content like 'old note%'", id);
	await page.goto(`/contacts/${id}`);
	await t.axe(page, 'a contact with everything');
	await t.shots(page, 'people-contact', { full: true });
}

async function companies(page, id) {
	await page.goto(`/contacts/${id}`);
	await page.fill('#add-company', `Second ${stamp}`);
	await page.locator('#add-company-options [role="option"]', { hasText: `Second ${stamp}` }).click();
	await Promise.all([page.waitForNavigation(), page.click('.side-add .btn')]);
	t.is(t.sql("select string_agg(c.name || ':' || l.is_primary, ',' order by l.is_primary desc) from contact_companies l join companies c on c.id = l.company_id where l.contact_id = $1", id), `Lumen ${stamp}:true,Second ${stamp}:false`, 'LEA-33 a contact belongs to several companies');
	await Promise.all([page.waitForNavigation(), page.click('.side-form [value="first"]')]);
	t.is(t.sql('select c.name from contacts k join companies c on c.id = k.company_id where k.id = $1', id), `Second ${stamp}`, 'LEA-33 another one becomes the first, company_id of the API');
	const lumen = t.sql('select id from companies where name = $1', `Lumen ${stamp}`);
	await page.goto(`/companies/${lumen}`);
	t.ok(await page.isVisible(`.panel:has(#people-title) a:has-text("Vera${stamp}")`), 'LEA-33 the company lists all of its contacts');
}

async function duplicates(page, id) {
	await page.goto('/contacts/new');
	await page.fill('input[name="phones"] >> nth=0', `+49 30 ${digits}`);
	await t.lives(page.waitForSelector(`#lookalikes a:has-text("Vera${stamp}")`), 'CON-62 while one types, the form says who it looks like');
	const other = t.sql("insert into contacts (organization_id, first_name, last_name, phones, emails, title, status) values ($1, $2, 'Lind-Berg', array[$3], array[$4], 'CEO', 'Customer') returning id",
		org(), `Vera${stamp}`, `+4930${digits}`, `vera${stamp}@new.example`);
	t.sql("insert into notes (organization_id, contact_id, content) values ($1, $2, $3)", org(), other, `From the other ${stamp}`);
	t.sql("insert into contact_handles (organization_id, contact_id, kind, value) values ($1, $2, 'telegram', $3)", org(), other, `tg${stamp}`);
	await page.goto('/contacts/duplicates');
	const group = page.locator('.duplicate', { hasText: `vera${stamp}@new.example` });
	t.like(await group.textContent(), /same phone/, 'CON-62 FACT-92 duplicates are found by themselves, with the reason');
	await Promise.all([page.waitForURL(/merge/), group.locator('.btn-primary').click()]);
	await page.check(`input[name="primary"][value="${id}"]`);
	await page.check(`input[name="choice.title"][value="${other}"]`);
	t.is(await page.textContent('tr[data-field="title"] .merge-result'), 'CEO', 'CON-63 the preview shows the chosen value');
	t.like(await page.textContent('tr[data-field="emails"] .merge-result'), /old\.example.*new\.example|new\.example.*old\.example/, 'CON-63 and all addresses together');
	await t.axe(page, 'merge');
	await t.shots(page, 'people-merge', { full: true });
	await Promise.all([page.waitForURL(new RegExp(id)), page.click('.merge .btn-primary')]);
	t.is(t.sql('select last_name, title, status, cardinality(emails) from contacts where id = $1', id), 'Lind\tCEO\tProspect\t2', 'CON-63 FACT-92 the primary has the chosen values');
	t.is(t.sql("select count(*) from contacts where id = $1", other), '0', 'CON-64 the duplicate is gone');
	t.is(t.sql("select (select count(*) from notes where contact_id = $1 and content like 'From the other%'), (select count(*) from contact_handles where contact_id = $1 and value = $2)", id, `tg${stamp}`), '1\t1', 'CON-64 its notes and handles are the primary\'s');
	await Promise.all([page.waitForURL(new RegExp(other)), page.click('#merged .btn')]);
	t.is(t.sql('select last_name, title, status, array_to_string(emails, \',\') from contacts where id = $1', other), `Lind-Berg\tCEO\tCustomer\tvera${stamp}@new.example`, 'CON-64 unmerge: the record is back as it was');
	t.is(t.sql('select title, status, array_to_string(emails, \',\') from contacts where id = $1', id), `CTO\tProspect\tvera${stamp}@old.example`, 'unmerge: the primary has its own again');
	t.is(t.sql("select (select count(*) from notes where contact_id = $1), (select count(*) from contact_handles where contact_id = $1)", other), '1\t1', 'unmerge: what was moved is back');
	await page.goto('/contacts/duplicates');
	await Promise.all([page.waitForNavigation(), page.locator('.duplicate', { hasText: `vera${stamp}@new.example` }).locator('.btn-quiet').click()]);
	t.is(await page.locator('.duplicate', { hasText: `vera${stamp}@new.example` }).count(), 0, 'CON-62 a suggestion that was judged is made no more');
	return other;
}

async function tags(page, id) {
	t.sql("update contacts set tags = array[$2, $3] where id = $1", id, `aa${stamp}`, `bb${stamp}`);
	t.sql("update companies set tags = array[$2] where name = $1", `Lumen ${stamp}`, `aa${stamp}`);
	await page.goto(`/settings/tags?q=${stamp}`);
	const row = (name) => page.locator(`tr[data-tag="${name}"]`);
	t.like((await row(`aa${stamp}`).textContent()).replace(/\s+/g, ' '), /1 1 ?0|110/, 'CON-46 COM-34 one set of tags with counts per kind');
	await page.check(`input[value="aa${stamp}"]`);
	await page.check(`input[value="bb${stamp}"]`);
	await page.fill('#tag-to', `cc${stamp}`);
	await Promise.all([page.waitForNavigation(), page.click('[value="rename"]')]);
	t.ok(await until(() => t.sql("select array_to_string(tags, ',') from contacts where id = $1", id) === `cc${stamp}`), 'CON-46 FACT-93 two tags become one, on every record');
	t.ok(await until(() => t.sql("select array_to_string(tags, ',') from companies where name = $1", `Lumen ${stamp}`) === `cc${stamp}`), 'COM-34 on companies as well');
	await page.goto(`/settings/tags?q=${stamp}`);
	t.is(await page.locator('tbody tr').count(), 1, 'the old names are gone');
	await t.axe(page, 'tags');
	await t.shots(page, 'people-tags');
	await page.goto(`/contacts/${id}/edit`);
	await page.fill('#tags', `x, cc${stamp.slice(0, 4)}`);
	t.ok(await until(() => page.evaluate((s) => [...document.querySelectorAll('#tags-known option')].some((o) => o.value === `x, cc${s}`), stamp), 5), 'CON-46 the last word of the tags is completed');
	await page.evaluate(() => document.querySelector('form[data-guard]').dispatchEvent(new Event('submit')));
	await page.goto('/settings/tags');
	await Promise.all([page.waitForNavigation(), page.click('section[aria-labelledby="country-title"] button')]);
	t.ok(await page.isVisible('.tag-job'), 'CON-50 FACT-94 tagging by country shows its progress');
	t.ok(await until(() => t.sql("select 'Germany' = any (tags) from contacts where id = $1", id) === 't'), 'CON-49 FACT-94 each contact is tagged with the country of its number');
	t.ok(await until(() => t.sql("select count(*) > 0 from notifications where kind = 'job.country_tags' and created_at > now() - interval '1 minute'") === 't'), 'CON-50 FACT-94 whoever asked is notified when it is done');
}

async function privacy(page, other) {
	await page.goto(`/contacts/${other}/privacy`);
	t.like(await page.textContent('#consent'), /May receive marketing messages.*decided/s, 'consent is shown with its time and source');
	await Promise.all([page.waitForNavigation(), page.click('form[action$="/export"] button')]);
	await page.waitForSelector('.exports a[download]', { timeout: 30000 });
	const zip = await (await page.request.get(await page.getAttribute('.exports a[download]', 'href'))).body();
	t.ok(zip.subarray(0, 2).toString() === 'PK' && zip.includes('data.json'), 'personal data of one person comes as a ZIP');
	t.is((await (await t.login({ user: 1 })).request.get(await page.getAttribute('.exports a[download]', 'href'))).status(), 404, 'which nobody else of the team can fetch');
	await t.axe(page, 'personal data');
	await page.fill('#erase-name', 'somebody else');
	await page.click('.btn-danger');
	await page.waitForSelector('#erase-error');
	t.is(t.sql('select count(*) from contacts where id = $1', other), '1', 'a wrong name erases nobody');
	await page.fill('#erase-name', `Vera${stamp} Lind-Berg`);
	await Promise.all([page.waitForURL(/\/contacts(\?|$)/), page.click('.btn-danger')]);
	t.is(t.sql('select count(*) from contacts where id = $1', other), '0', 'one person is erased in one action');
	t.is(t.sql("select count(*) from events where data::text like $1 or changes::text like $1", `%vera${stamp}@new.example%`), '0', 'no event holds the address any more');
	t.is(t.sql("select count(*) from record_merges where duplicate::text like $1", `%vera${stamp}@new.example%`), '0', 'nor does a merge');
	t.is(t.sql("select count(*) from events where type = 'contact.erased' and record_id = $1 and admin_only", other), '1', 'the audit log says that and by whom');
	await page.goto('/settings/privacy');
	await page.fill('[name="days.emails"]', '3000');
	await page.check('[name="on.emails"]');
	await Promise.all([page.waitForNavigation(), page.click('.form-actions .btn-primary')]);
	t.is((await page.textContent('tr[data-class="emails"] td.num')).trim(), '0', 'a rule says how much it would delete before it does');
	t.ok(Number(t.sql("select count(*) from record_jobs where kind = 'retention' and state = 'waiting'")) >= 1, 'and the nightly job is planned');
	await t.axe(page, 'privacy');
	t.sql("update retention_rules set enabled = false");
}

t.run(async () => {
	const page = await t.login();
	const id = await form(page);
	await header(page, id);
	await notes(page, id);
	await tasksAndMail(page, id);
	await calls(page, id);
	await files(page, id);
	await timeline(page, id);
	await companies(page, id);
	const other = await duplicates(page, id);
	await tags(page, id);
	await privacy(page, other);
	const phone = await t.login({ phone: true });
	await phone.goto(`/contacts/${id}`);
	await t.fits(phone, 'contact page on a phone');
	await t.shot(phone, 'people-contact-phone', { full: true });
	t.sql('delete from contacts where id = $1', id);
});

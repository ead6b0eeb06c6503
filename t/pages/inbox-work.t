#!/usr/bin/env node
// What agents do with conversations: filters and views, changes of many, snooze,
// tags, notes, merging, macros, tasks, preferences; two browsers for what is live.
'use strict';

const t = require('./lib.js');

const tenant = t.config().tenants[0];
const org = tenant.organization_id;
const run = Date.now();
const name = (n) => `Wera${run % 1e6} ${n}`;

const row = (page, who) => page.locator('.talk-row', { hasText: who });
const said = (page, text) => page.locator('.item', { hasText: text });

// A person of this run with a conversation on a channel.
function person(n, { type = 'TELEGRAM', status = 'OPEN', at = '1 minute', tags = '{}', kind = 'text' } = {}) {
	const [first, last] = name(n).split(' ');
	return t.sql(`with k as (insert into contacts (organization_id, first_name, last_name, phones) values ($1, $2, $3, array['+4930' || $4]) returning id),
		c as (insert into conversations (organization_id, contact_id, channel_account_id, status, tags)
			select $1, k.id, (select a.id from channel_accounts a where a.organization_id = $1 and a.type = $5 order by created_at limit 1), $6, $7::text[] from k returning id, contact_id, channel_account_id),
		m as (insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, message_type, created_at)
			select $1, c.id, c.contact_id, c.channel_account_id, 'INBOUND', 'Question of ' || $2 || ' ' || $3, 'DELIVERED', $8, now() - $9::interval from c)
		select c.id from c`, org, first, last, String(run).slice(-7) + String(n).length + String(n).charCodeAt(0), type, status, tags, kind, at);
}

async function open(page, who) {
	await row(page, who).locator('a').click();
	await page.waitForSelector(`.talk[aria-label="Conversation with ${who}"]`);
}

async function menu(page, id) {
	await page.locator(`#${id} > summary`).click();
	await page.waitForSelector(`#${id}[open]`);
}

// Nobody is typing: keys are commands.
const idle = (page) => page.evaluate(() => document.activeElement?.blur());

async function filters(anna) {
	person('one', { tags: `{"vip${run}"}` });
	person('two', { type: 'WHATSAPP_CLOUD', at: '2 minutes', kind: 'image', tags: `{"vip${run}"}` });
	person('three', { at: '3 days', tags: `{"vip${run}"}` });
	await anna.goto('/inbox');
	await row(anna, name('one')).waitFor();
	await menu(anna, 'filter-menu');
	await t.axe(anna, 'inbox, filters');
	await t.shot(anna, 'work-filter');
	await anna.fill('#filter-form [name=tag]', `vip${run}`);
	await anna.selectOption('#filter-form [name=channel]', 'TELEGRAM');
	await anna.selectOption('#filter-form [name=assignee]', 'none');
	await anna.click('#filter-form .btn-primary');
	await anna.waitForURL(/tag=/);
	t.like(anna.url(), /channel=TELEGRAM/, 'INB-11 filters stand in the address together');
	t.is((await anna.locator('.talk-row').allTextContents()).filter((x) => x.includes('Wera')).length, 2, 'INB-10 INB-11 channel, tag and responsible hold together');
	t.is(await anna.locator('.talk-row').count(), 2, 'INB-11 and nothing else is there');
	t.like(await anna.textContent('.rows-count'), /Results: 2/, 'INB-26 with the number of results');
	t.is(await anna.locator('.chip').count(), 3, 'each filter is a chip');
	const today = t.sql("select ((now() - interval '1 day') at time zone internal.org_zone($1))::date", org);
	await anna.goto(`${anna.url()}&from=${today}`);
	t.is(await anna.locator('.talk-row').count(), 1, 'INB-10 a range of days limits them');
	await anna.locator('.chip', { hasText: 'Channel' }).click();
	await t.lives(row(anna, name('two')).waitFor(), 'a chip takes its filter away');
	await anna.goto(`/inbox?tag=vip${run}&type=image`);
	t.is(await anna.locator('.talk-row').count(), 1, 'INB-8 filter by message type');
	await anna.goto(`/inbox?tag=vip${run}&status=CLOSED`);
	t.is(await anna.locator('.talk-row').count(), 0, 'INB-11 a filter wins over the view');
	await anna.goto(`/inbox?q=${run % 1e6}`);
	t.is(await anna.locator('.talk-row').count(), 3, 'INB-26 a search lists all conversations of those found');
	// A view of one's own and one of everybody.
	await anna.goto(`/inbox?tag=vip${run}`);
	await menu(anna, 'views-menu');
	await anna.click('#views-menu [data-dialog=view-dialog]');
	await anna.waitForSelector('#view-dialog[open]');
	await t.axe(anna, 'inbox, save a view');
	await anna.fill('#view-name', `Mine ${run}`);
	await anna.click('#view-dialog .btn-primary');
	await anna.waitForURL(/v=/);
	await menu(anna, 'views-menu');
	await t.lives(anna.locator('.saved-view', { hasText: `Mine ${run}` }).waitFor(), 'INB-9 a filter is kept under a name');
	await anna.locator('.saved-view a', { hasText: `Mine ${run}` }).click();
	await anna.waitForURL(/v=/);
	t.is(await anna.locator('.talk-row').count(), 3, 'INB-9 and shows the same again');
	const omar = await t.login({ user: 1 });
	await omar.goto('/inbox');
	t.is(await omar.locator('.saved-view', { hasText: `Mine ${run}` }).count(), 0, 'INB-9 for its owner alone');
	await anna.click('#views-menu > summary');
	await anna.click('#views-menu [data-dialog=view-dialog]');
	await anna.fill('#view-name', `Ours ${run}`);
	await anna.selectOption('#view-for', 'all');
	await anna.click('#view-dialog .btn-primary');
	await anna.waitForURL(/v=/);
	await omar.reload();
	t.is(await omar.locator('.saved-view', { hasText: `Ours ${run}` }).count(), 1, 'a shared view is there for others');
	await omar.context().close();
	t.sql("delete from saved_views where organization_id = $1 and name like '%' || $2", org, String(run));
}

async function sorts(anna) {
	await anna.goto(`/inbox?tag=vip${run}`);
	t.sql('update conversations set unread_count = 0 where organization_id = $1 and tags @> array[$2] and last_message_at > now() - interval \'1 hour\'', org, `vip${run}`);
	await menu(anna, 'sort-menu');
	t.is(await anna.locator('#sort-menu a').count(), 4, 'INB-4 four orders');
	await anna.click('#sort-menu [data-sort=unread]');
	await anna.waitForURL(/sort=unread/);
	t.like(await anna.locator('.talk-row').first().textContent(), new RegExp(name('three')), 'INB-4 unread first, however old');
	t.sql("update conversations set assignee_id = (select id from profiles where organization_id = $1 and first_name = 'Anna') where organization_id = $1 and tags @> array[$2] and message_types @> '{image}'", org, `vip${run}`);
	await anna.goto(`/inbox?tag=vip${run}&sort=mine`);
	t.like(await anna.locator('.talk-row').first().textContent(), new RegExp(name('two')), 'INB-4 assigned to me first');
	await anna.goto(`/inbox?tag=vip${run}&sort=unassigned`);
	t.like(await anna.locator('.talk-row').last().textContent(), new RegExp(name('two')), 'INB-4 unassigned first');
}

async function bulk(anna, omar) {
	for (let i = 0; i < 6; i++) person(`bulk${i}`, { tags: `{"bulk${run}"}`, at: `${i + 1} minutes` });
	await anna.goto(`/inbox?tag=bulk${run}`);
	await omar.goto(`/inbox?tag=bulk${run}`);
	await t.streaming(anna, omar);
	await row(anna, name('bulk0')).hover();
	await row(anna, name('bulk0')).locator('.pick').check();
	await t.lives(anna.waitForSelector('#bulk:not([hidden])'), 'INB-37 a checkbox selects a conversation');
	await row(anna, name('bulk2')).locator('.pick').click({ modifiers: ['Shift'] });
	t.like(await anna.textContent('#bulk-count'), /3/, 'INB-37 Shift takes those between');
	await t.axe(anna, 'inbox, selected');
	await t.shot(anna, 'work-bulk');
	await anna.click('[data-bulk=close]');
	await t.lives(anna.waitForFunction(() => document.querySelectorAll('.talk-row').length === 3), 'INB-40 they are closed at once');
	await t.lives(omar.waitForFunction(() => document.querySelectorAll('.talk-row').length === 3), 'INB-87 also where others look');
	await anna.click('.toasts button');
	await t.lives(anna.waitForFunction(() => document.querySelectorAll('.talk-row').length === 6), 'INB-40 and the toast takes it back');
	await idle(anna);
	await anna.keyboard.press('A');
	t.like(await anna.textContent('#bulk-count'), /6/, 'INB-37 the key A selects all');
	await anna.click('#bulk .btn[data-dialog=share-dialog]');
	await anna.waitForSelector('#share-dialog[open]');
	await t.axe(anna, 'inbox, share dialog');
	for (const who of ['Omar', 'Lea']) await anna.locator('#share-dialog label', { hasText: who }).locator('input').check();
	await anna.click('#share-dialog .btn-primary');
	await t.lives(t.until(() => t.sql("select string_agg(n::text, ',') = '3,3' from (select count(*) as n from conversations where organization_id = $1 and tags @> array[$2] group by assignee_id) x", org, `bulk${run}`)).then((ok) => { if (!ok) throw new Error('uneven'); }), 'INB-38 round-robin gives each the same');
	t.ok(Number(t.sql("select count(*) from notifications n join profiles p on p.id = n.user_id where n.organization_id = $1 and p.first_name = 'Omar' and n.kind = 'conversation.assigned' and n.created_at > now() - interval '1 minute'", org)) >= 1, 'INB-38 INB-57 and every one of them is told');
	await anna.waitForFunction(() => document.getElementById('bulk').hidden);
	await anna.keyboard.press('A');
	await anna.click('#bulk .btn[data-dialog=tag-dialog]');
	await anna.fill('#bulk-tag', `late${run}, warm`);
	await anna.click('#tag-dialog .btn-primary');
	await t.lives(t.until(() => t.sql('select count(*) = 6 from conversations where organization_id = $1 and tags @> array[$2, \'warm\']', org, `late${run}`)).then((ok) => { if (!ok) throw new Error('untagged'); }), 'INB-37 tags for all that are selected');
	await anna.waitForFunction(() => document.getElementById('bulk').hidden);
	await anna.keyboard.press('A');
	await anna.locator('#bulk summary').click();
	await anna.click('[data-bulk=snooze][data-minutes="60"]');
	await t.lives(anna.waitForFunction(() => document.querySelectorAll('.talk-row').length === 0), 'INB-40 INB-47 snoozed ones leave the list');
	await anna.goto(`/inbox?tag=bulk${run}&snoozed=only`);
	t.is(await anna.locator('.talk-row').count(), 6, 'INB-47 and are found by their filter');
	t.sql('update conversations set snoozed_until = null where organization_id = $1 and tags @> array[$2]', org, `bulk${run}`);
	await anna.goto(`/inbox?tag=bulk${run}`);
	await menu(anna, 'more-menu');
	await anna.click('[data-list=clear]');
	await anna.waitForSelector('#clear-dialog[open]');
	await anna.click('#clear-dialog .btn-primary');
	await t.lives(t.until(() => t.sql("select count(*) = 6 from conversations where organization_id = $1 and tags @> array[$2] and status = 'CLOSED'", org, `bulk${run}`)).then((ok) => { if (!ok) throw new Error('open'); }), 'INB-39 Clear all closes what the list shows, and nothing else');
}

async function life(anna, omar) {
	const id = person('life');
	await anna.goto('/inbox');
	await omar.goto('/inbox');
	await open(anna, name('life'));
	await t.streaming(anna, omar);
	await idle(anna);
	await anna.keyboard.press('z');
	await anna.waitForSelector('#snooze-menu[open]');
	await t.axe(anna, 'inbox, snooze menu');
	await t.shot(anna, 'work-snooze');
	await anna.click('#snooze-menu [value="1h"]');
	await t.lives(row(anna, name('life')).waitFor({ state: 'detached' }), 'INB-47 the key z snoozes, and the list hides it');
	await t.lives(row(omar, name('life')).waitFor({ state: 'detached' }), 'INB-47 for everybody');
	t.sql("alter table conversations disable trigger b_settle; update conversations set snoozed_until = now() - interval '1 second' where id = $1; alter table conversations enable trigger b_settle", id);
	await t.lives(row(omar, name('life')).waitFor({ timeout: 8000 }), 'INB-47 it comes back by itself');
	await anna.locator('.talk-panel .tag-input').fill(`urgent${run}`);
	await anna.press('.talk-panel .tag-input', 'Enter');
	await t.lives(row(omar, name('life')).locator('.row-tag', { hasText: `urgent${run}` }).waitFor(), 'INB-72 a tag is added, and others see it');
	await anna.locator('.panel-tags .pill button').click();
	await t.lives(row(omar, name('life')).locator('.row-tag').waitFor({ state: 'detached' }), 'INB-72 and taken away');
	await menu(anna, 'talk-menu');
	await t.axe(anna, 'inbox, menu of a conversation');
	await anna.click('#talk-menu button:has-text("Wait for the customer")');
	await t.lives(anna.locator('.talk-who .pill', { hasText: 'Pending' }).waitFor(), 'INB-17 pending');
	t.is(t.sql('select status from conversations where id = $1', id), 'PENDING', 'INB-17 in the database too');
	await anna.click('.toasts button');
	await t.until(() => t.sql("select status = 'OPEN' from conversations where id = $1", id));
	await idle(anna);
	await anna.keyboard.press('u');
	await t.lives(anna.waitForSelector('.inbox:not(.has-talk)'), 'the key u marks as unread and goes back to the list');
	t.is(t.sql('select unread_count from conversations where id = $1', id), '1', 'and it is unread');
	await open(anna, name('life'));
	// A note of one's own: changed, deleted, back again.
	await idle(anna);
	await anna.keyboard.press('n');
	await anna.fill('#composer-text', `Ask @Omar Haddad ${run}`);
	await anna.press('#composer-text', 'Enter');
	await anna.locator('.panel-note', { hasText: `Ask @Omar Haddad ${run}` }).waitFor();
	t.is(t.sql("select count(*) from notifications n join profiles p on p.id = n.user_id where n.kind = 'mention.note' and n.record_id = $1 and p.first_name = 'Omar'", id), '1', 'INB-76 who is mentioned in a note is told');
	await anna.locator('.panel-note [data-note-edit]').click();
	await anna.waitForSelector('#note-dialog[open]');
	await t.axe(anna, 'inbox, note dialog');
	await anna.fill('#note-text', `Ask nobody ${run}`);
	await anna.click('#note-dialog .btn-primary');
	await t.lives(anna.locator('.item-note', { hasText: `Ask nobody ${run}` }).waitFor(), 'INB-74 a note is changed');
	await anna.locator('.panel-note [data-note-delete]').click();
	await t.lives(anna.locator('.item-note').waitFor({ state: 'detached' }), 'INB-74 and deleted');
	await anna.click('.toasts button:last-of-type');
	await t.lives(anna.locator('.item-note', { hasText: `Ask nobody ${run}` }).waitFor(), 'INB-74 with the way back');
	// A task.
	await idle(anna);
	await anna.keyboard.press('t');
	await anna.waitForSelector('#talk-task[open]');
	await t.axe(anna, 'inbox, task dialog');
	await anna.fill('#talk-task-title', `Call Wera ${run}`);
	await anna.click('#talk-task .btn-primary');
	await t.lives(anna.locator('#panel-tasks', { hasText: `Call Wera ${run}` }).waitFor(), 'INB-83 INB-80 a task made here stands in the panel');
	t.is(t.sql('select conversation_id::text from tasks where title = $1', `Call Wera ${run}`), id, 'INB-83 linked to the conversation');
	t.is(await anna.locator('.talk-panel a[href^="tel:"]').count() >= 2, true, 'INB-84 a number is called by a click');
	t.ok(await anna.locator('.panel-actions a[href$="/edit"]').count() === 1 && await anna.locator('.panel-actions', { hasText: 'Profile' }).count() === 1, 'INB-81 the contact is edited and opened from here');
	// Deletion.
	await menu(anna, 'talk-menu');
	await anna.click('#delete-button');
	await t.lives(row(anna, name('life')).waitFor({ state: 'detached' }), 'INB-49 deleted, it leaves the list');
	await anna.locator('.toasts button').last().click();
	await t.lives(t.until(() => t.sql('select count(*) = 1 from messages where conversation_id = $1', id)).then((ok) => { if (!ok) throw new Error('gone'); }), 'INB-49 and Undo brings it back with its messages');
}

async function merging(anna) {
	const id = person('merge');
	t.sql(`with c as (insert into conversations (organization_id, contact_id, channel_account_id)
			select organization_id, contact_id, (select id from channel_accounts a where a.organization_id = c.organization_id and a.type = 'WHATSAPP_CLOUD' limit 1) from conversations c where id = $1 returning *)
		insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status)
		select organization_id, id, contact_id, channel_account_id, 'INBOUND', 'By the other way ' || $2, 'DELIVERED' from c`, id, String(run));
	await anna.goto(`/inbox/${id}`);
	t.is(await anna.locator('#panel-others li').count(), 1, 'INB-78 the panel shows all conversations of a person');
	await menu(anna, 'talk-menu');
	await anna.click('#merge-button');
	await anna.waitForSelector('#merge-dialog[open]');
	await t.axe(anna, 'inbox, merge dialog');
	await anna.click('#merge-dialog .btn-primary');
	await t.lives(said(anna, `By the other way ${run}`).waitFor(), 'INB-77 messages of both channels stand in one thread');
	await t.lives(anna.locator('.item-via, [data-via]').first().waitFor(), 'INB-77 each with the badge of its channel');
	await t.shot(anna, 'work-merged');
	await t.lives(anna.waitForFunction((who) => [...document.querySelectorAll('.talk-row')].filter((r) => r.textContent.includes(who)).length === 1, name('merge')), 'INB-77 and one row in the list');
	await anna.locator('.toasts button').last().click();
	await t.lives(said(anna, `By the other way ${run}`).waitFor({ state: 'detached' }), 'INB-77 Undo takes it apart');
	await t.lives(t.until(() => t.sql("select count(*) = 2 from conversations c where c.contact_id = (select contact_id from conversations where id = $1) and status = 'OPEN' and merged_into_id is null", id)).then((ok) => { if (!ok) throw new Error('merged'); }), 'INB-77 into two again');
}

async function macros(anna) {
	await anna.goto('/settings/macros');
	await t.axe(anna, 'macros');
	await anna.click('a[href="/settings/macros/new"]');
	await anna.fill('#name', `Thank and close ${run}`);
	await anna.locator('[name=text]').first().fill('Thank you, {{first_name}}!');
	for (const [doing, fill] of [['tag', ['tags', `thanked${run}`]], ['status', null]]) {
		await anna.click('#macro-add');
		const line = anna.locator('.macro-line').last();
		await line.locator('[name=do]').selectOption(doing);
		if (fill) await line.locator(`[name=${fill[0]}]`).fill(fill[1]);
		else await line.locator('[name=status]').selectOption('CLOSED');
	}
	await t.axe(anna, 'macro');
	await t.shot(anna, 'work-macro');
	await anna.click('.form-actions .btn-primary');
	await anna.waitForURL(/settings\/macros\?/);
	t.is(t.sql("select string_agg(a ->> 'do', ',' order by n) from macros m, jsonb_array_elements(actions) with ordinality e (a, n) where name = $1", `Thank and close ${run}`), 'reply,tag,status', 'a macro is made of several actions');
	await anna.locator('a', { hasText: `Thank and close ${run}` }).click();
	t.is(await anna.locator('.macro-line').count(), 3, 'and its page shows them again');
	t.is(await anna.locator('[name=status]').last().inputValue(), 'CLOSED', 'with their values');
	const id = person('macro');
	await anna.goto(`/inbox/${id}`);
	await t.streaming(anna);
	await idle(anna);
	await anna.keyboard.press('m');
	await anna.waitForSelector('#macro-menu[open] [data-macro]');
	await t.axe(anna, 'inbox, macros');
	await anna.locator('[data-macro]', { hasText: `Thank and close ${run}` }).click();
	await t.lives(said(anna, `Thank you, Wera${run % 1e6}!`).waitFor(), 'one click replies, with the name');
	t.is(t.sql('select status || tags[1] from conversations where id = $1', id), `CLOSEDthanked${run}`, 'tags and closes, all together');
	await anna.locator('.toasts button').last().click();
	await t.lives(t.until(() => t.sql("select status = 'OPEN' and tags = '{}' from conversations where id = $1", id)).then((ok) => { if (!ok) throw new Error('still'); }), 'and Undo takes back what can be taken back');
	t.sql('delete from macros where name = $1', `Thank and close ${run}`);
}

async function fresh(anna) {
	const [first] = name('fresh').split(' ');
	t.sql("insert into contacts (organization_id, first_name, last_name, phones) values ($1, $2, 'fresh', array['+49301112223'])", org, first);
	await anna.goto('/inbox');
	await anna.click('#new-talk');
	await anna.waitForSelector('#new-dialog[open]');
	await t.axe(anna, 'inbox, new conversation');
	await anna.click('#new-dialog .btn-primary');
	await t.lives(anna.waitForSelector('#new-dialog .form-problem:text-is("Choose a contact")'), 'INB-34 without a contact it says so');
	await anna.fill('#new-contact', `${first} fresh`);
	await anna.locator('#new-contacts [role=option]').first().click();
	await anna.fill('#new-text', `We would like to tell you ${run}`);
	await t.shot(anna, 'work-new');
	await anna.click('#new-dialog .btn-primary');
	await anna.waitForURL(/\/inbox\/[0-9a-f-]{36}/);
	await t.lives(said(anna, `We would like to tell you ${run}`).waitFor(), 'INB-34 a conversation begins with our message');
	t.is(t.sql("select count(*) from conversations c join contacts k on k.id = c.contact_id where k.first_name = $1 and k.last_name = 'fresh' and c.assignee_id is not null", first), '1', 'INB-34 and is ours');
}

async function layout(anna) {
	await anna.goto('/inbox');
	await menu(anna, 'more-menu');
	await Promise.all([anna.waitForResponse(/inbox\/preferences/), anna.click('[data-list=split]')]);
	await t.lives(anna.waitForSelector('.inbox.no-split'), 'INB-29 list and thread one at a time');
	t.ok(!await anna.isVisible('#talk'), 'INB-29 the list has the whole width');
	await anna.reload();
	await t.lives(anna.waitForSelector('.inbox.no-split'), 'INB-29 INB-36 and stays so');
	await menu(anna, 'more-menu');
	await anna.click('[data-list=split]');
	await menu(anna, 'more-menu');
	await anna.click('[data-list=full]');
	await t.lives(anna.waitForSelector('body.inbox-full'), 'INB-30 full screen');
	t.ok(!await anna.isVisible('.shell-nav'), 'INB-30 without the navigation');
	await anna.waitForTimeout(200);
	await anna.keyboard.press('Escape');
	await t.lives(anna.waitForSelector('body:not(.inbox-full)'), 'INB-30 Esc leaves it');
	await menu(anna, 'more-menu');
	const asked = anna.waitForRequest(/\/inbox\/list/);
	await anna.click('[data-list=refresh]');
	t.ok(await asked, 'INB-28 Refresh loads the list anew');
	await menu(anna, 'online-menu');
	await t.lives(anna.locator('#online', { hasText: 'Anna Berg' }).waitFor(), 'INB-31 who is online, by name');
	t.ok(Number(await anna.textContent('#online-count')) >= 1, 'INB-31 and how many');
	await anna.goto('/settings/inbox');
	await t.axe(anna, 'inbox preferences');
	await t.shot(anna, 'work-preferences');
	await anna.selectOption('#density', 'compact');
	await anna.selectOption('#opens', 'all');
	await anna.click('.form-actions .btn-primary');
	await anna.waitForURL(/done=saved/);
	await anna.goto('/inbox');
	t.like(anna.url(), /view=all/, 'INB-36 the view that one wants opens first');
	t.is(await anna.locator('.inbox.is-compact').count(), 1, 'INB-36 as dense as one likes');
	t.sql('delete from inbox_preferences where organization_id = $1', org);
}

t.run(async () => {
	const anna = await t.login(), omar = await t.login({ user: 1 });
	await filters(anna);
	await sorts(anna);
	await bulk(anna, omar);
	await life(anna, omar);
	await merging(anna);
	await macros(anna);
	await fresh(anna);
	await layout(anna);
	t.sql("delete from contacts where organization_id = $1 and first_name = $2", org, name('x').split(' ')[0]);
});

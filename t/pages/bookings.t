#!/usr/bin/env node
// Bookings and event types as staff see them.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36), k = t.config();
const org = k.tenants[0].organization_id, me = k.tenants[0].users[0].email;
const zone = t.sql(`select timezone from profiles where organization_id = $1 and email = $2`, org, me);
const host = t.sql(`select id from profiles where organization_id = $1 and email = $2`, org, me);
// Far ahead, where nothing of other tests stands; a local time in the host's zone.
const day = t.sql(`select (current_date + 200 + (extract(epoch from now())::bigint % 150)::integer)::text`);
const at = (clock) => `${day}T${clock}`;
const leaves = (page, click) => Promise.all([page.waitForNavigation(), click]);
const row = (page, title) => page.locator('tr[data-row]', { hasText: title });
const status = (title) => t.sql(`select status from bookings where organization_id = $1 and title = $2`, org, title);

async function menu(page, title, item) {
	await row(page, title).locator('summary').click();
	await row(page, title).locator('.menu-list').getByText(item, { exact: true }).click();
}

async function create(page, title, from, to, more = async () => {}) {
	await page.goto('/bookings/new');
	await page.fill('#title', title);
	await page.fill('#start', at(from));
	await page.fill('#end', at(to));
	await more();
	await leaves(page, page.click('.form-actions .btn-primary'));
}

// ---- bookings ------------------------------------------------------------------------

async function form(page) {
	await page.goto('/bookings');
	await page.keyboard.press('n');
	await page.waitForURL('**/bookings/new');
	t.is(await page.inputValue('#status'), 'scheduled', 'SCH-111 a new booking is scheduled');
	t.is(await page.locator('#status option').allTextContents().then((o) => o.join()), 'Scheduled,Confirmed,Cancelled,Completed',
		'SCH-111 nobody chooses rescheduled by hand');
	t.is(await page.inputValue('#timezone'), zone, 'SCH-110 the zone is one’s own');
	await t.axe(page, 'SCH-110 booking form');
	await t.shots(page, 'booking-form');

	const length = async () => (Date.parse(`${await page.inputValue('#end')}Z`) - Date.parse(`${await page.inputValue('#start')}Z`)) / 60000;
	await page.fill('#start', at('09:00'));
	t.is(await length(), 30, 'SCH-110 the end goes along with the start');
	await page.fill('#title', `Backwards ${stamp}`);
	await page.fill('#end', at('08:00'));
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.ok(await page.isVisible('#end-error'), 'SCH-112 an end before the start is refused beside its field');
	t.is(await page.inputValue('#title'), `Backwards ${stamp}`, 'SCH-112 and nothing typed is lost');
	await page.fill('#end', at('10:00'));
	await page.fill('#timezone', 'Atlantis/Capital');
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.ok(await page.isVisible('#timezone-error'), 'SCH-112 so is a zone that does not exist');
	await page.goto('/bookings/new');
	await page.fill('#title', 'x');
	await page.selectOption('#status', 'cancelled');
	t.ok(await page.isVisible('#cancellation_reason'), 'SCH-106 a cancelled one has a reason');
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.ok(await page.isVisible('#cancellation-reason-error'), 'SCH-106 which must be written');

	await create(page, `Planning ${stamp}`, '14:00', '15:30', async () => {
		await page.fill('#contact', 'Jonas');
		await page.waitForSelector('#contact-options [role="option"]');
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('Enter');
		await page.fill('#location', 'Room 2');
		await page.fill('#meeting_link', 'https://meet.example/abc');
		await page.fill('#description', `Quarterly ${stamp}`);
	});
	t.like(new URL(page.url()).pathname, /^\/bookings\/[0-9a-f-]{36}$/, 'SCH-113 saved by SCH-110 form, with a contact by keyboard');
	t.ok(await page.isVisible('text=2:00 PM – 3:30 PM'), 'SCH-123 a range in 12-hour time');
	t.is(t.sql(`select start_date_time = ($3::timestamp at time zone $4) and profile_id = $5 from bookings where organization_id = $1 and title = $2`,
		org, `Planning ${stamp}`, at('14:00'), zone, host), 't', 'SCH-42 SCH-110 the instant is right, the host is oneself');
	await t.axe(page, 'SCH-121 details');
	await t.shots(page, 'booking-details');
}

async function overlaps(page) {
	await create(page, `Double ${stamp}`, '15:00', '16:00');
	const warning = page.locator('.alert-warning');
	t.ok((await warning.textContent()).includes(`Planning ${stamp}`), 'an overlap is named');
	t.is(status(`Double ${stamp}`), '', 'and not saved yet');
	await t.axe(page, 'overlap');
	await t.shots(page, 'booking-overlap');
	await page.check('[name="overbooked"]');
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(status(`Double ${stamp}`), 'scheduled', 'staff may book anyway');
	await leaves(page, page.click('a:text("Edit")'));
	await page.fill('#title', `Double booked ${stamp}`);
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(status(`Double booked ${stamp}`), 'scheduled', 'SCH-114 and is not asked again while the time stays');
	await leaves(page, page.click('a:text("Edit")'));
	await page.fill('#start', at('14:30'));
	await page.fill('#end', at('16:00'));
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.ok(await page.isVisible('.alert-warning'), 'but for another time');
}

async function list(page) {
	await page.goto('/bookings');
	await page.fill('#q', `PLANNING ${stamp}`);
	await t.lives(page.waitForFunction(() => document.querySelectorAll('tr[data-row]').length === 1), 'SCH-118 titles are found while typing, in any case');
	const text = await row(page, `Planning ${stamp}`).textContent();
	t.ok(/Jonas/.test(text) && /@/.test(text) && /Room 2/.test(text) && /scheduled/.test(text) && /[A-Z][a-z]{2} \d+, 20\d\d/.test(text),
		'SCH-116 SCH-123 contact and e-mail, location, status, month day year');
	t.is(await row(page, `Planning ${stamp}`).locator('.pill').getAttribute('class'), 'pill outline', 'SCH-117 scheduled is outline');
	t.is(await row(page, `Planning ${stamp}`).locator('.acts > a').getAttribute('href'), 'https://meet.example/abc', 'SCH-121 Join Meeting where a link is');
	t.is(await row(page, `Planning ${stamp}`).locator('.menu-list a[target]').count(), 1, 'SCH-121 in the menu too');
	await page.fill('#q', `quarterly ${stamp}`);
	await t.lives(row(page, `Planning ${stamp}`).waitFor(), 'SCH-118 descriptions too');
	await page.fill('#q', 'Jonas Petersen');
	await t.lives(row(page, `Planning ${stamp}`).waitFor(), 'SCH-118 and names of contacts');
	await page.fill('#q', `nothing like ${stamp}`);
	await t.lives(page.waitForSelector(`h2:text("nothing like ${stamp}")`), 'SCH-125 no hit repeats the term');
	await t.axe(page, 'SCH-125 nothing found');
	await t.shot(page, 'bookings-none');
	await page.fill('#q', stamp);
	await row(page, `Double booked ${stamp}`).waitFor();
	t.is(await row(page, `Double booked ${stamp}`).locator('.acts > a').count(), 0, 'SCH-121 no link, no Join Meeting');
	await page.selectOption('[name="when"]', 'past');
	await t.lives(page.waitForSelector('.empty'), 'SCH-120 none of them is past');
	await page.goto(`/bookings?q=${stamp}`);
}

async function transitions(page) {
	await leaves(page, menu(page, `Planning ${stamp}`, 'Confirm'));
	t.is(status(`Planning ${stamp}`), 'confirmed', 'SCH-128 confirmed from the menu');
	t.is(new URL(page.url()).searchParams.get('q'), stamp, 'and the list is as it was');
	t.is(await row(page, `Planning ${stamp}`).locator('.pill').getAttribute('class'), 'pill good', 'SCH-117 confirmed is green');

	// By keyboard alone: the menu, its last entry but two, the reason.
	await row(page, `Double booked ${stamp}`).locator('summary').focus();
	await page.keyboard.press('Enter');
	await page.waitForSelector('.row-menu[open]');
	await t.axe(page, 'SCH-121 open menu');
	await t.shots(page, 'bookings');
	await page.keyboard.press('ArrowUp');
	await page.keyboard.press('ArrowUp');
	await page.keyboard.press('Enter');
	await page.waitForSelector('#ask-cancel[open]');
	await t.axe(page, 'cancel dialog');
	await page.click('#ask-cancel .btn-danger');
	t.is(status(`Double booked ${stamp}`), 'scheduled', 'SCH-106 not without a reason');
	await page.fill('#cancel-reason', 'Holiday');
	await leaves(page, page.click('#ask-cancel .btn-danger'));
	t.is(t.sql(`select status || cancelled_by || cancellation_reason from bookings where organization_id = $1 and title = $2`, org, `Double booked ${stamp}`),
		'cancelledhostHoliday', 'SCH-106 SCH-130 cancelled by the host, with the reason');
	t.is(await row(page, `Double booked ${stamp}`).locator('.pill').first().getAttribute('class'), 'pill bad', 'SCH-108 SCH-117 it stays in the list, red');

	await menu(page, `Planning ${stamp}`, 'Complete…');
	await page.fill('#complete-notes', 'Went well');
	await leaves(page, page.click('#ask-complete .btn-primary'));
	t.is(t.sql(`select status || notes from bookings where organization_id = $1 and title = $2`, org, `Planning ${stamp}`), 'completedWent well', 'SCH-129 completed with notes');
	t.is(await row(page, `Planning ${stamp}`).locator('.pill').getAttribute('class'), 'pill secondary', 'SCH-117 completed is secondary');
	await page.selectOption('[name="status"]', 'completed');
	await t.lives(page.waitForFunction(() => document.querySelectorAll('tr[data-row]').length === 1), 'SCH-119 filtered by status');
	t.is(await page.locator('[name="status"] option').count(), 6, 'SCH-119 all and five statuses');

	await menu(page, `Planning ${stamp}`, 'Delete…');
	await page.click('#ask-delete [data-close]');
	t.is(status(`Planning ${stamp}`), 'completed', 'SCH-115 nothing goes unasked');
	await menu(page, `Planning ${stamp}`, 'Delete…');
	await leaves(page, page.click('#ask-delete .btn-danger'));
	t.is(status(`Planning ${stamp}`), '', 'SCH-115 deleted for good');
}

async function guest(page) {
	const type = t.sql(`select id from event_types where organization_id = $1 and slug = 'consultation' limit 1`, org);
	t.sql(`insert into bookings (organization_id, event_type_id, profile_id, title, guest_name, guest_email, guest_timezone, start_date_time,
		end_date_time, status) values ($1, $2, $3, $4, 'Gale Guest', 'gale@guests.example', 'America/New_York',
		$5::timestamp at time zone 'America/New_York', $5::timestamp at time zone 'America/New_York' + interval '30 minutes', 'confirmed')`,
	org, type, host, `Guest ${stamp}`, at('16:00'));
	await page.goto(`/bookings?q=${stamp}`);
	t.ok((await row(page, `Guest ${stamp}`).textContent()).includes('gale@guests.example'), 'SCH-127 a guest’s booking is in the list');
	await leaves(page, menu(page, `Guest ${stamp}`, 'Edit'));
	t.is(`${await page.inputValue('#start')} ${await page.inputValue('#timezone')}`, `${at('16:00')} America/New_York`, 'SCH-114 in the zone of the booking');
	await page.fill('#start', at('17:00'));
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(t.sql(`select status || ' ' || (start_date_time = $3::timestamp at time zone 'America/New_York') from bookings where organization_id = $1 and title = $2`,
		org, `Guest ${stamp}`, at('17:00')), 'rescheduled true', 'SCH-104 SCH-105 the host moves it');
	t.ok(await page.isVisible('.record-sub .pill.warn'), 'SCH-105 SCH-117 rescheduled is yellow');
	t.ok(await page.isVisible('text=Moved from'), 'SCH-104 its old time is kept');
	t.ok(await page.isVisible('text=in America/New_York'), 'SCH-123 one’s own zone, and the guest’s');
}

// ---- event types ------------------------------------------------------------------------

async function eventType(page) {
	await page.goto('/settings');
	await leaves(page, page.click('.tile a[href="/settings/scheduling"]'));
	t.is(await page.locator('.shell-nav a[aria-current]').textContent().then((s) => s.trim()), 'Scheduling Beta', 'SCH-1 in the sidebar, with a Beta badge');
	t.ok(await page.locator('.type').count() >= 2, 'SCH-2 one’s event types');
	await t.axe(page, 'SCH-2 scheduling');
	await t.shots(page, 'scheduling');
	await leaves(page, page.click('text=New event type'));
	await t.axe(page, 'SCH-28 event type form');
	await t.shots(page, 'scheduling-form', { full: true });

	const send = () => leaves(page, page.click('.form-actions .btn-primary'));
	await page.evaluate(() => { document.querySelector('.type-form').noValidate = true; });
	await page.fill('#duration_minutes', '');
	await send();
	for (const [field, what] of [['title', 'title'], ['slug', 'slug'], ['duration-minutes', 'duration']])
		t.ok(await page.isVisible(`#${field}-error`), `SCH-6 no event type without ${what}, said beside it`);
	await page.fill('#title', `Größe & Café ${stamp}`);
	await page.fill('#slug', 'consultation');
	await page.fill('#duration_minutes', '481');
	await send();
	t.ok(await page.isVisible('#duration-minutes-error'), 'SCH-7 481 minutes are too many');
	await page.fill('#duration_minutes', '4');
	await send();
	t.ok(await page.isVisible('#duration-minutes-error'), 'SCH-7 4 are too few');
	await page.fill('#duration_minutes', '480');
	await page.selectOption('#location_type', 'In-Person');
	await send();
	t.ok(await page.isVisible('#location-details-error') && !await page.isVisible('#duration-minutes-error'), 'SCH-7 SCH-19 480 are fine; In-Person needs an address');
	await page.fill('#location_details', 'Speicherstrasse 12');
	await send();
	t.like(await page.textContent('#slug-error'), /already/, 'SCH-8 a second link of that name is refused in words');
	await page.fill('#slug', 'Not a Slug');
	await send();
	t.ok(await page.isVisible('#slug-error'), 'SCH-8 only what fits into a URL');
	await t.axe(page, 'SCH-6 messages beside fields');
	await t.shot(page, 'scheduling-errors', { full: true });
}

async function hours(page) {
	await page.goto('/settings/scheduling/new');
	await page.fill('#title', `Größe & Café ${stamp}`);
	t.is(await page.inputValue('#slug'), `groe-cafe-${stamp}`.replace('groe', 'gro-e'), 'SCH-8 a link is made from the title');
	await page.fill('#slug', `cafe-${stamp}`);
	await page.fill('#duration_minutes', '45');
	await page.selectOption('#location_type', 'Custom');
	await page.fill('#location_details', 'The café on the corner');
	for (const [field, value] of [['description', 'With cake'], ['buffer_minutes', '15'], ['daily_limit', '3'], ['notice_hours', '24'],
		['window_days', '90'], ['slot_interval_minutes', '30'], ['confirmation_message', 'See you'], ['cancellation_message', 'A pity']])
		await page.fill(`#${field}`, value);
	// Tuesday off, Wednesday twice, Sunday until midnight.
	await page.uncheck('[name="day2"]');
	await page.locator('.day', { hasText: 'Wednesday' }).locator('[data-line-add]').click();
	await page.locator('[name="from3"]').nth(1).fill('16:00');
	await page.locator('[name="to3"]').nth(1).fill('18:00');
	await page.check('[name="day0"]');
	await page.fill('[name="from0"]', '22:00');
	await page.fill('[name="to0"]', '00:00');
	await page.locator('[name="blocked_from"]').first().fill('2030-12-23');
	await page.locator('[name="blocked_to"]').first().fill('2030-12-27');
	await page.click('.blocked [data-line-add]');
	await page.locator('[name="blocked_from"]').nth(1).fill('2031-01-01');
	await page.locator('[name="question"]').first().fill('Which cake?');
	await page.locator('[name="question_kind"]').first().selectOption('required');
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(await page.locator('.day', { hasText: 'Wednesday' }).locator('.field-error').textContent(), 'These hours overlap', 'SCH-31 ranges of a day may not overlap');
	t.is(await page.locator('[name="blocked_from"]').count(), 3, 'SCH-34 and all that was typed is still there');
	await page.locator('[name="to3"]').first().fill('12:00');
	await leaves(page, page.click('.form-actions .btn-primary'));

	const id = t.sql(`select id from event_types where organization_id = $1 and slug = $2`, org, `cafe-${stamp}`);
	t.like(await page.textContent('.notice code'), new RegExp(`/schedule/[^/]+/cafe-${stamp}$`), 'SCH-22 SCH-27 the link is shown at once');
	t.is(t.sql(`select string_agg(weekday || ':' || start_time_minutes || '-' || end_time_minutes, ' ' order by weekday, start_time_minutes)
		from availability_rules where event_type_id = $1`, id), '0:1320-1440 1:540-1020 3:540-720 3:960-1080 4:540-1020 5:540-1020',
	'SCH-30 SCH-31 SCH-32 hours per weekday, Sunday 0, minutes from midnight');
	t.is(t.sql(`select string_agg(date_from || '/' || date_to, ' ' order by date_from) from blocked_dates where event_type_id = $1`, id),
		'2030-12-23/2030-12-27 2031-01-01/2031-01-01', 'SCH-34 a range and a single day');
	t.is(t.sql(`select concat_ws(' ', duration_minutes, buffer_minutes, daily_limit, notice_hours, window_days, slot_interval_minutes,
		location_type, location_details, description, confirmation_message, cancellation_message, questions -> 0 ->> 'label', questions -> 0 ->> 'required')
		from event_types where id = $1`, id), '45 15 3 24 90 30 Custom The café on the corner With cake See you A pity Which cake? true',
	'SCH-20 every field is kept');
	await t.axe(page, 'SCH-22 a new link');
	await t.shots(page, 'scheduling-made');

	await page.goto(`/settings/scheduling/${id}`);
	t.is(await page.inputValue('[name="to0"]'), '00:00', 'midnight reads as it was written');
	t.ok(!await page.isChecked('[name="day2"]') && await page.locator('[name="from3"]').count() === 2, 'SCH-30 the week is shown again');
	await page.locator('.blocked [data-line-remove]').first().click();
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(t.sql(`select count(*) from blocked_dates where event_type_id = $1`, id), '1', 'a removed blocked date is gone');
	return id;
}

async function typeMenu(page, id) {
	const type = (title) => page.locator('.type', { hasText: title });
	const act = async (panel, item) => { await panel.locator('summary').click(); await panel.locator('.menu-list').getByText(item, { exact: true }).click(); };
	const mine = page.locator(`.type:has(a[href$="${id}"])`), link = await page.evaluate((i) =>
		document.querySelector(`.type:has(a[href$="${i}"]) [data-copy]`).dataset.copy, id);
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	await act(mine, 'Copy link');
	t.is(await page.evaluate(() => navigator.clipboard.readText()), link, 'SCH-27 Copy link copies the public URL');
	t.ok((await page.request.get(link)).ok(), 'SCH-27 which works');
	await page.keyboard.press('Escape');
	await leaves(page, act(mine, 'Deactivate'));
	t.is((await page.request.get(link)).status(), 404, 'SCH-25 deactivated, the link does not work');
	await leaves(page, act(mine, 'Activate'));
	t.ok((await page.request.get(link)).ok(), 'SCH-25 activated, it works again');
	await leaves(page, act(mine, 'Clone'));
	t.is(await page.inputValue('#slug'), `cafe-${stamp}-copy`, 'SCH-24 the copy has a link of its own');
	t.is(await page.locator('[name="from3"]').count(), 2, 'SCH-24 and the same hours');
	const copy = new URL(page.url()).pathname.split('/').pop();
	t.sql(`insert into bookings (organization_id, event_type_id, title, start_date_time, end_date_time)
		select $1, $2, 'Goes along', now() + n * interval '1 day', now() + n * interval '1 day 1 hour' from generate_series(1, 3) n`, org, copy);
	await page.goto('/settings/scheduling');
	await act(type(`${stamp} (copy)`), 'Delete…');
	t.like(await page.textContent('#ask-delete'), /and 3 bookings with it/, 'SCH-26 it says how many bookings go');
	await t.axe(page, 'delete dialog');
	await t.shots(page, 'scheduling-delete');
	await leaves(page, page.click('#ask-delete .btn-danger'));
	t.is(t.sql(`select count(*) from bookings where event_type_id = $1`, copy), '0', 'SCH-26 they are gone with it');
}

// Whoever is no admin changes only what is his.
async function owners(page, id) {
	const agent = k.tenants[0].users.findIndex((u) => !/^(OWNER|ADMIN)$/i.test(u.role));
	if (agent < 0) return;
	const other = await t.login({ user: agent });
	t.expectTrouble(/404|403/);
	t.is((await other.goto(`/settings/scheduling/${id}`)).status(), 404, 'SCH-145 not the event type of another host');
	await other.goto('/settings/scheduling');
	t.is(await other.locator('select[name="host"]').count(), 0, 'SCH-145 nor his list');
	await t.shots(other, 'scheduling-empty');
	await t.axe(other, 'no event types');
	const csrf = await other.evaluate(() => document.querySelector('meta[name="csrf"]').content);
	const answer = await other.request.post(`/settings/scheduling/${id}/delete`, { form: { _csrf: csrf }, maxRedirects: 0 });
	t.is(answer.status(), 404, 'SCH-145 nor by a request made by hand');
	t.is(t.sql(`select count(*) from event_types where id = $1`, id), '1', 'SCH-145 it is still there');
	const theirs = t.sql(`insert into event_types (organization_id, profile_id, title, slug, duration_minutes, location_type)
		select $1, id, 'Agent ${stamp}', 'agent-${stamp}', 30, 'Phone Call' from profiles where organization_id = $1 and email = $2 returning id`,
	org, k.tenants[0].users[agent].email);
	await page.goto(`/settings/scheduling/${theirs}`);
	await page.fill('#title', `By admin ${stamp}`);
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.is(t.sql(`select title from event_types where id = $1`, theirs), `By admin ${stamp}`, 'SCH-146 an admin may');
	t.sql(`delete from event_types where id = $1`, theirs);
}

async function profile(page) {
	await page.goto('/settings/profile');
	await page.fill('#username', 'booking');
	await leaves(page, page.click('.form-actions .btn-primary'));
	t.like(await page.textContent('#username-error'), /reserved/, 'a name that leads elsewhere is refused');
}

async function small(id) {
	const phone = await t.login({ phone: true });
	await phone.goto(`/bookings?when=all`);
	await t.fits(phone, 'SCH-126 bookings on a phone');
	await t.axe(phone, 'bookings on a phone');
	await t.shots(phone, 'bookings-phone');
	await phone.locator('.row-menu summary').first().click();
	const box = await phone.locator('.row-menu[open] .menu-list').boundingBox(), size = phone.viewportSize();
	t.ok(box.x >= 0 && box.x + box.width <= size.width && box.y + box.height <= size.height, 'SCH-126 its menu is within the window');
	const item = await phone.locator('.row-menu[open] .menu-list a').first().boundingBox();
	t.ok(item.height >= 44, 'SCH-126 and large enough for a thumb');
	await t.shot(phone, 'bookings-phone-menu');
	for (const [url, name] of [['/bookings/new', 'booking-form'], ['/settings/scheduling', 'scheduling'], [`/settings/scheduling/${id}`, 'scheduling-form']]) {
		await phone.goto(url);
		await t.fits(phone, `SCH-126 ${name} on a phone`);
		await t.shot(phone, `${name}-phone`, { full: true });
	}
}

// A tenant without bookings and without a public page.
async function empty() {
	const other = k.tenants[1], page = await t.login({ tenant: 1 });
	if (t.sql(`select count(*) from bookings where organization_id = $1`, other.organization_id) !== '0') return;
	await page.goto('/bookings');
	t.ok(await page.isVisible('.empty .icon') && await page.isVisible('.empty a:text("Create booking")'), 'SCH-124 nothing booked: an icon, a word, a button');
	await t.axe(page, 'SCH-124 empty');
	await t.shots(page, 'bookings-empty');
	await page.goto('/');
	const own = t.sql(`select '/schedule/' || p.username from profiles p where p.organization_id = $1 and p.email = $2 and exists
		(select from event_types e where e.profile_id = p.id and e.organization_id = p.organization_id and e.is_active)`, other.organization_id, other.users[0].email);
	t.is(await page.locator('[aria-labelledby="home-bookings"] .empty p a').getAttribute('href'), own || '/settings/scheduling',
		'without bookings the dashboard leads to one’s booking page, or to where it is made');
	await t.axe(page, 'dashboard without bookings');
}

t.run(async () => {
	const page = await t.login();
	await form(page);
	await overlaps(page);
	await list(page);
	await transitions(page);
	await guest(page);
	await eventType(page);
	const id = await hours(page);
	await typeMenu(page, id);
	await owners(page, id);
	await profile(page);
	await small(id);
	await empty();
	t.sql(`delete from bookings where organization_id = $1 and title like '%' || $2`, org, stamp);
	t.sql(`delete from event_types where organization_id = $1 and slug like '%' || $2 || '%'`, org, stamp);
});

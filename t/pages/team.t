#!/usr/bin/env node
// The team: members, invitations, permissions, hours, leaving; sub-teams, the
// organization, and the way between several.
'use strict';
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const org = t.config().tenants[0].organization_id;
const address = (name) => `${name}.${stamp}@team.example`;
const submit = (page, button = '.form-actions .btn-primary') => Promise.all([page.waitForNavigation(), page.click(button)]);
const accept = (page) => page.once('dialog', (d) => d.accept());
const member = (name) => t.sql('select p.id from profiles p where p.organization_id = $1 and p.email = $2', org, address(name));

async function look(page, name) {
	await t.axe(page, name);
	await t.shots(page, name);
}

async function invite(page) {
	await page.goto('/settings');
	await page.click('main a:text-is("Team Members")');
	await page.waitForURL('**/settings/team');
	const anna = t.config().tenants[0].users[0].email;
	t.like(await page.textContent(`tr:has-text("${anna}")`), /AB\s*Anna Berg\s*you[^]*Owner[^]*active/, 'AUTH-81 name, e-mail, role, status and initials of each member');
	const before = t.sql('select count(*) from profiles where organization_id = $1 and is_active', org);
	t.is((await page.textContent('.numbers > div:nth-child(2) dd')).trim(), before, 'AUTH-82 how many are active');
	t.like(await page.textContent('.numbers-wide'), /Owner 1/, 'AUTH-82 how many have each role');
	await page.click('.permission-overview summary');
	t.like(await page.textContent('.permission-overview'), /Can manage users\s*\d/, 'AUTH-82 and each permission');
	await page.keyboard.press('Escape');
	await page.click('button:has-text("Invite")');
	t.is((await page.locator('#role option').allTextContents()).join(', '), 'Agent, Admin, Project Manager, Team Admin', 'AUTH-85 the roles to invite to');
	await page.fill('#emails', 'nobody');
	await look(page, 'team-invite');
	await submit(page, '#invite .btn-primary');
	t.ok(await page.isVisible('#emails-error'), 'an address that is none is told in the dialog');
	await page.fill('#emails', address('mia'));
	await submit(page, '#invite .btn-primary');
	const url = await page.textContent('#invitation-url');
	t.like(url, /\/invitation\/[\w-]{43}$/, 'AUTH-86 the link is shown');
	t.is(await page.evaluate(() => navigator.clipboard.readText()), url, 'AUTH-86 and copied by itself');
	t.is(t.sql(`select count(*) from job.jobs where kind = 'mail' and payload ->> 'to' = $1`, address('mia')), '1', 'AUTH-86 and the mail is on its way');
	t.like(await page.textContent(`tr:has-text("${address('mia')}")`), /Agent[^]*\d[^]*Copy link[^]*Resend[^]*Cancel/, 'AUTH-87 it is in the list, with role and expiry');
	await look(page, 'team');
	await submit(page, `tr:has-text("${address('mia')}") button:text("Resend")`);
	const second = await page.textContent('#invitation-url');
	t.ok(second !== url, 'AUTH-88 resending makes a fresh link');
	t.is((await page.request.get(url)).status(), 404, 'AUTH-88 the old one ends');
	await page.goto('/settings/team');
	await page.click('button:has-text("Invite")');
	await page.fill('#emails', Array.from({ length: 19 }, (_, i) => address(`many${i}`)).join('\n'));
	await submit(page, '#invite .btn-primary');
	t.is(t.sql(`select count(*) from invitations where organization_id = $1 and state = 'pending' and email like $2`, org, address('many%')), '19', 'AUTH-91 twenty can be open, sent in one go');
	accept(page);
	await submit(page, `tr:has-text("${address('many3')}") button:text("Cancel")`);
	t.is(t.sql('select state from invitations where organization_id = $1 and email = $2', org, address('many3')), 'cancelled', 'AUTH-87 cancelled');
	t.sql(`update invitations set expires_at = now() where organization_id = $1 and email = $2`, org, address('many4'));
	await page.reload();
	t.ok(await page.isVisible(`tr:has-text("${address('many4')}") .pill:text("expired")`), 'AUTH-91 an expired one is marked');
	t.sql(`delete from invitations where organization_id = $1 and email like 'many%'`, org);
	return second;
}

async function join(url) {
	const page = await t.open();
	await page.goto(url);
	t.like(await page.textContent('main'), /Join Nordlicht Trading[^]*is invited as an agent/, 'AUTH-89 the link says who invites to what');
	await page.fill('#first_name', 'Mia');
	await page.fill('#last_name', 'Mo');
	await page.fill('#password', 'long enough');
	await page.fill('#confirm', 'long enough');
	await look(page, 'invitation');
	await submit(page, '.btn-primary');
	t.sql('update auth.users set email_confirmed_at = now() where email = $1', address('mia')); // by the mail, in http/account.t
	await page.goto('/login');
	await page.fill('#email', address('mia'));
	await page.fill('#password', 'long enough');
	await submit(page, '.btn-primary');
	t.like(new URL(page.url()).pathname, /^\/$/, 'AUTH-90 the new member is in, past the wizard');
	return page;
}

async function permissions(page, mia) {
	await page.goto('/settings/team');
	await page.click('a:text("Mia Mo")');
	await page.waitForURL(/settings\/team\/[0-9a-f-]{36}$/);
	t.like(await page.textContent('.settings-main'), /active[^]*0 open conversations/, 'AUTH-81 details of a member');
	t.is((await page.locator('.subtabs a').allTextContents()).join(', '), 'Details, Permissions, Availability, Login schedule, Remove', 'AUTH-83 what can be done');
	await look(page, 'member');
	await page.click('.subtabs a:text("Permissions")');
	await page.waitForURL('**/permissions');
	t.is((await page.locator('.flags legend').allTextContents()).join(', '), 'CRM Access, Broadcast Access, PM Access, Custom', 'AUTH-72 by category');
	t.ok(await page.isChecked('input[value="can_access_crm"]') && !await page.isChecked('input[value="can_access_broadcast"]'), 'AUTH-71 as the role has it');
	t.ok(await page.isDisabled('input[value="can_manage_settings"]'), 'what the role cannot have cannot be ticked');
	t.is((await mia.goto('/contacts')).status(), 200, 'AUTH-73 the member may see contacts');
	await page.uncheck('input[value="can_access_crm"]');
	await page.check('input[value="can_access_pm"]');
	await look(page, 'member-permissions');
	await submit(page);
	t.is(t.sql('select permissions from profiles where id = $1', member('mia')), '{"can_access_pm": true, "can_access_crm": false}', 'AUTH-71 only what differs from the role is kept');
	t.is((await mia.goto('/contacts')).status(), 403, 'AUTH-73 and not from the next click on');
	await mia.goto('/');
	t.is(await mia.locator('.shell-nav a[href="/contacts"]').count(), 0, 'AUTH-74 nor is it in the menu');
	t.ok(await page.isVisible('label:has-text("CRM: contacts") .pill:text("changed")'), 'AUTH-71 it is marked');
	await page.check('input[value="can_access_crm"]');
	await page.uncheck('input[value="can_access_pm"]');
	await submit(page);
	t.is(t.sql('select permissions from profiles where id = $1', member('mia')), '{}', 'AUTH-71 back to the role');

	t.is((await mia.goto('/settings/team')).status(), 403, 'AUTH-79 an agent does not manage the team');
	t.is((await mia.goto(`/settings/team/${member('mia')}/permissions`)).status(), 403, 'AUTH-79 nor himself');
	await page.check('input[value="can_manage_team"]');
	await submit(page);
	t.is((await mia.goto('/settings/team')).status(), 200, 'AUTH-75 with "Can manage users" he does');
	t.is(await mia.locator('#role option[value="ADMIN"]').count(), 0, 'but makes no administrators');
	await mia.goto(`/settings/team/${t.sql(`select user_id from user_roles where organization_id = $1 and role = 'OWNER'`, org)}/permissions`);
	t.is(await mia.locator('.form-actions button').count(), 0, 'AUTH-75 nor gives permissions');
	await page.uncheck('input[value="can_manage_team"]');
	await submit(page);
	t.is((await mia.goto('/settings/team')).status(), 403, 'AUTH-75 lowered again, as before');
}

async function hours(page) {
	const id = member('mia');
	await page.goto(`/settings/team/${id}/availability`);
	await page.fill('#timezone', 'Mars/Olympus');
	await page.check('input[name="days.0"][value="1"]');
	await page.check('input[name="days.0"][value="2"]');
	await page.fill('input[name="start.0"]', '09:00');
	await page.fill('input[name="end.0"]', '12:30');
	await page.click('[data-slot-add]');
	await page.check('input[name="days.1"][value="6"]');
	await page.fill('input[name="start.1"]', '10:00');
	await page.fill('input[name="end.1"]', '11:00');
	await submit(page);
	t.ok(await page.isVisible('#timezone-error'), 'a time zone has to be one');
	t.is(await page.inputValue('input[name="start.1"]'), '10:00', 'what was typed is there again');
	await page.fill('#timezone', 'Europe/Lisbon');
	await look(page, 'member-availability');
	await submit(page);
	t.is(t.sql(`select string_agg(concat_ws(' ', timezone, weekdays, start_time, end_time), '; ' order by start_time) from availability_slots where user_id = $1`, id),
		'Europe/Lisbon {1,2} 09:00:00 12:30:00; Europe/Lisbon {6} 10:00:00 11:00:00', 'AUTH-92 several slots with days, times and time zone are kept');
	await page.fill('input[name="end.0"]', '08:00');
	await submit(page);
	t.ok(await page.isVisible('#slots-error'), 'a slot ends after it begins');
	await page.goto(`/settings/team/${id}/availability`);
	for (let left = 2; left > 0; left--) await page.locator('[data-slot-remove]').first().click();
	await submit(page);
	t.is(t.sql('select count(*) from availability_slots where user_id = $1', id), '0', 'AUTH-92 and taken away');

	await page.click('.subtabs a:text("Login schedule")');
	await page.waitForURL('**/schedule');
	t.like(await page.textContent('.settings-main'), /Europe\/Berlin/, 'AUTH-95 in the time zone of the organization');
	const tomorrow = (new Date(Date.now() + 48 * 3600e3)).getUTCDay();
	await page.check(`input[name="on.${tomorrow}"]`);
	await page.fill(`input[name="start.${tomorrow}"]`, '07:30');
	await page.fill(`input[name="end.${tomorrow}"]`, '16:00');
	await page.check('input[name="restrict"]');
	await look(page, 'member-schedule');
	await submit(page);
	t.is(t.sql('select weekday, start_time, end_time from login_schedules where user_id = $1 and enabled', id), `${tomorrow}\t07:30:00\t16:00:00`, 'AUTH-95 day by day');
	t.ok(await page.isChecked('input[name="restrict"]'), 'AUTH-20 the switch is on');
	const outside = await t.open();
	await outside.goto('/login');
	await outside.fill('#email', address('mia'));
	await outside.fill('#password', 'long enough');
	await submit(outside, '.btn-primary');
	t.like(await outside.textContent('[role="alert"]'), /during your working hours only/, 'AUTH-20 outside it signing in is refused, with the reason');
	await outside.context().close();
	await page.uncheck('input[name="restrict"]');
	await submit(page);
	t.is(t.sql('select permissions from profiles where id = $1', id), '{}', 'AUTH-20 and off again');
}

async function teams(page) {
	await page.goto('/settings/teams');
	await page.click('button:has-text("New team")');
	await page.fill('#team-name', `Support ${stamp}`);
	await submit(page, '#new-team .btn-primary');
	t.is((await page.locator('#manager_id option').allTextContents()).includes('Mia Mo'), false, 'an agent manages no team');
	const id = /[0-9a-f-]{36}$/.exec(page.url())[0];
	await page.selectOption('#manager_id', { label: 'Anna Berg' });
	await page.check('label:has-text("Mia Mo") input');
	await look(page, 'team-edit');
	await submit(page);
	t.like(await page.textContent(`.tile:has-text("Support ${stamp}")`), /Managed by Anna Berg[^]*MM/, 'ADM-8 ADM-13 the team with its manager and members');
	await look(page, 'teams');
	t.is(t.sql('select count(*) from team_members where team_id = $1', id), '1', 'ADM-8 kept');
	await page.goto('/settings/team');
	t.like(await page.textContent(`tr:has-text("${address('mia')}")`), new RegExp(`Support ${stamp}`), 'ADM-8 a member shows its teams');

	// Mia becomes the team's administrator.
	await page.goto(`/settings/team/${member('mia')}`);
	await page.selectOption('#role', 'TEAM_ADMIN');
	await submit(page);
	t.is(t.sql('select role from user_roles where organization_id = $1 and user_id = $2', org, member('mia')), 'TEAM_ADMIN', 'AUTH-62 a role is changed');
	await page.goto(`/settings/teams/${id}`);
	await page.selectOption('#manager_id', { label: 'Mia Mo' });
	await submit(page);
	return id;
}

async function teamAdmin(page, mia, id) {
	const other = t.sql(`insert into teams (organization_id, name) values ($1, $2) returning id`, org, `Other ${stamp}`);
	await mia.goto('/settings/teams');
	t.ok(await mia.isVisible(`a:text("Support ${stamp}")`) && await mia.locator(`a:text("Other ${stamp}")`).count() === 0, 'AUTH-67 a team administrator opens his own team');
	t.is((await mia.goto(`/settings/teams/${other}`)).status(), 404, 'AUTH-67 no other');
	await mia.goto(`/settings/teams/${id}`);
	t.is(await mia.locator('#name').count(), 0, 'AUTH-67 its name is not his to change');
	await mia.check('label:has-text("Omar") input');
	await submit(mia);
	t.is(t.sql('select count(*) from team_members where team_id = $1', id), '2', 'AUTH-67 its members are');
	t.sql('delete from teams where id in ($1, $2)', id, other);
}

async function organization(page) {
	await page.goto('/settings/organization');
	const [name, slug, zone, currency] = t.sql('select name, slug, timezone, currency from organizations where id = $1', org).split('\t');
	await page.fill('#slug', t.sql('select slug from organizations where id <> $1 limit 1', org));
	await submit(page);
	t.ok(await page.isVisible('#slug-error'), 'AUTH-59 a slug is one organization\'s');
	await page.fill('#name', `${name} ${stamp}`);
	await page.fill('#slug', `nordlicht-${stamp}`);
	await page.fill('#timezone', 'Europe/Madrid');
	await page.fill('#currency', 'chf');
	await page.check('input[name="on.mon"]');
	await page.fill('input[name="start.mon"]', '08:15');
	await page.uncheck('input[name="on.sun"]');
	await look(page, 'organization');
	await submit(page);
	t.is(t.sql(`select name, slug, timezone, currency, business_hours -> 'mon' from organizations where id = $1`, org),
		`${name} ${stamp}\tnordlicht-${stamp}\tEurope/Madrid\tCHF\t[["08:15", "17:00"]]`, 'AUTH-59 AUTH-60 name, slug, time zone, currency and business hours are edited');
	t.like(await page.textContent('.shell-who'), new RegExp(`${name} ${stamp}`), 'AUTH-59 the name shows at once');
	await page.fill('input[name="end.mon"]', '07:00');
	await submit(page);
	t.ok(await page.isVisible('#hours-error'), 'hours begin before they end');
	t.sql(`update organizations set name = $2, slug = $3, timezone = $4, currency = $5, business_hours = '{}' where id = $1`, org, name, slug, zone, currency);
}

async function between(mia) {
	await mia.goto('/');
	await mia.click('.shell-menu summary');
	await mia.click('.shell-menu a:text("Switch organization")');
	await mia.waitForURL('**/organizations');
	await mia.click('button:has-text("New organization")');
	await mia.fill('#organization-name', `Mia's ${stamp}`);
	await submit(mia, '#new-organization .btn-primary');
	t.like(await mia.textContent('.shell-who'), new RegExp(`Mia's ${stamp}`), 'AUTH-59 a new organization, whose owner one is');
	await mia.goto('/organizations');
	t.is(await mia.locator('.tile').count(), 2, 'AUTH-58 both are listed');
	await look(mia, 'organizations');
	await submit(mia, '.tile:has-text("Nordlicht") button');
	t.like(await mia.textContent('.shell-who'), /Nordlicht/, 'AUTH-58 and switched between');
	const foreign = t.config().tenants[1].organization_id;
	await mia.goto('/organizations');
	await mia.$eval('input[name="organization_id"]', (i, id) => { i.value = id; }, foreign);
	await submit(mia, '.tile form button');
	t.like(await mia.textContent('[role="alert"]'), /not a member/, 'AUTH-22 not into one of others');
	t.sql('delete from organizations where name = $1', `Mia's ${stamp}`);
}

async function leaving(page, mia) {
	const id = member('mia');
	t.sql(`insert into deals (organization_id, title, owner_id) select $1, 'Left ' || n, $2 from generate_series(1, 3) n`, org, id);
	t.sql(`insert into contacts (organization_id, first_name, assignee_id) values ($1, $3, $2)`, org, id, `Left ${stamp}`);
	const owner = t.sql(`select user_id from user_roles where organization_id = $1 and role = 'OWNER'`, org);
	await page.goto(`/settings/team/${owner}`);
	t.is(await page.locator('.subtabs a:text("Remove")').count(), 0, 'AUTH-97 the owner is not offered for removal');
	await page.goto(`/settings/team/${owner}/remove`);
	accept(page);
	await submit(page, '.btn-danger');
	t.ok(await page.isVisible('.alert-danger:has-text("The owner cannot be removed")'), 'AUTH-97 nor removed');
	await page.goto(`/settings/team/${id}/remove`);
	t.like(await page.textContent('.line-row:has-text("Open deals")'), /3/, 'AUTH-99 how much there is to hand over');
	await page.selectOption('#work-deals', { label: 'Anna Berg' });
	await page.selectOption('#work-contacts', 'nobody');
	await look(page, 'member-remove');
	let asked = '';
	page.once('dialog', (d) => { asked = d.message(); d.accept(); });
	await submit(page, '.btn-danger');
	t.like(asked, /^Remove Mia Mo/, 'AUTH-97 removing asks first');
	t.is(t.sql(`select count(*) from deals where organization_id = $1 and owner_id = $2 and title like 'Left %'`, org, owner), '3', 'AUTH-99 deals are handed over');
	t.is(t.sql(`select count(*) from contacts where organization_id = $1 and first_name = $2 and assignee_id is null`, org, `Left ${stamp}`), '1', 'AUTH-99 contacts to nobody');
	t.is(t.sql('select is_active from profiles where organization_id = $1 and id = $2', org, id), 'f', 'AUTH-98 the member is deactivated, not deleted');
	t.ok(await page.isVisible(`tr.is-off:has-text("${address('mia')}") .pill:text("inactive")`), 'AUTH-81 and listed as inactive');
	await mia.goto('/contacts');
	t.like(mia.url(), /\/login/, 'AUTH-98 and signed out');
	await mia.fill('#email', address('mia'));
	await mia.fill('#password', 'long enough');
	await submit(mia, '.btn-primary');
	t.like(await mia.textContent('[role="alert"]'), /deactivated/, 'AUTH-98 for good');
	t.sql(`delete from deals where organization_id = $1 and title like 'Left %'`, org);
	t.sql(`delete from contacts where organization_id = $1 and first_name = $2`, org, `Left ${stamp}`);
	t.sql('delete from auth.users where email = $1', address('mia'));
	t.sql('delete from invitations where organization_id = $1 and email = $2', org, address('mia'));
}

async function phone(id) {
	const page = await t.login({ phone: true });
	for (const path of ['/settings/team', `/settings/team/${id}`, `/settings/team/${id}/permissions`, `/settings/team/${id}/availability`,
		`/settings/team/${id}/schedule`, `/settings/team/${id}/remove`, '/settings/teams', '/settings/organization', '/organizations']) {
		await page.goto(path);
		await t.fits(page, `${path.replace(id, ':id')} on a phone`);
		await t.shot(page, `phone${path.replace(id, 'id').replaceAll('/', '-')}`);
	}
	await page.context().close();
}

t.run(async () => {
	const page = await t.login();
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	const mia = await join(await invite(page));
	await permissions(page, mia);
	await hours(page);
	await phone(member('mia'));
	const team = await teams(page);
	await teamAdmin(page, mia, team);
	await organization(page);
	await between(mia);
	await leaving(page, mia);
});

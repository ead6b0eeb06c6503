#!/usr/bin/env node
// From signing up to the own profile: every page before signing in, the wizard,
// the tabs of the profile, the second factor.
'use strict';
const crypto = require('node:crypto');
const t = require('./lib.js');

const stamp = Date.now().toString(36);
const email = `kim.${stamp}@sign.example`;
const submit = (page, button = '.btn-primary') => Promise.all([page.waitForNavigation(), page.click(button)]);

async function look(page, name) {
	await t.axe(page, name);
	await t.shots(page, name);
}

// A mail's link has a token that only the mail knows: here it gets one that we know.
function link(kind, address) {
	const token = crypto.randomBytes(32).toString('base64url');
	t.sql(`update auth.one_time_tokens t set token_hash = sha256(convert_to($1, 'UTF8')) from auth.users u
		where u.id = t.user_id and t.kind = $2 and t.used_at is null and $3 in (u.email, u.new_email)`, token, kind, address);
	return token;
}

async function signUp(page) {
	await page.goto('/login');
	await look(page, 'login');
	await page.click('a:text("Sign up")');
	await page.waitForURL('**/signup');
	await page.fill('#email', email);
	await page.fill('#password', 'secure_password');
	await page.fill('#confirm', 'another_one');
	t.is(await page.$eval('#confirm', (i) => i.checkValidity()), false, 'AUTH-25 two passwords that differ are told while typing');
	await page.click('[data-reveal="password"]');
	t.is(await page.getAttribute('#password', 'type'), 'text', 'a password can be looked at');
	await page.click('[data-reveal="password"]');
	await page.fill('#confirm', 'secure_password');
	await page.fill('#organization_name', `Kim & <Co> ${stamp}`);
	await page.fill('#first_name', 'Kim');
	await page.fill('#last_name', 'Lee');
	await look(page, 'signup');
	await submit(page);
	t.like(await page.textContent('main'), new RegExp(`Confirm your address[^]*${email}`), 'AUTH-8 the next step is in the mail');
	t.is(await page.textContent('.wizard-steps .now'), '1 E-mail', 'AUTH-44 it is the first of three');
	await look(page, 'verify');
	t.is(t.sql(`select o.timezone from organizations o join profiles p on p.organization_id = o.id where p.email = $1`, email), 'Europe/Berlin',
		'AUTH-5 the time zone is the browser\'s');
	await page.goto(`/verify/${link('signup', email)}`);
	await page.waitForURL('**/onboarding');
	t.ok(true, 'AUTH-9 the click on the link is enough');
}

async function wizard(page) {
	t.is(await page.locator('.wizard-steps .done').count(), 2, 'AUTH-45 two steps are done; without a billing provider the second passes by itself');
	t.is(await page.getAttribute('.wizard > progress', 'value'), '2', 'AUTH-45 the bar says so');
	await look(page, 'onboarding');
	await page.goto('/contacts');
	t.like(page.url(), /\/onboarding$/, 'AUTH-50 nothing else opens before');
	await page.fill('#currency', 'euro');
	await page.$eval('#currency', (i) => { i.value = 'E1'; });
	await submit(page, '.form button');
	t.ok(await page.isVisible('#currency-error'), 'a currency has three letters');
	await page.fill('#currency', 'eur');
	await page.fill('#timezone', 'Asia/Tokyo');
	await submit(page, '.form button');
	t.is(t.sql('select o.timezone, o.currency from organizations o join profiles p on p.organization_id = o.id where p.email = $1', email), 'Asia/Tokyo\tEUR',
		'AUTH-5 ADM-2 time zone and currency are chosen');
	await page.click('a:has-text("Add Channel")');
	await page.waitForURL('**/settings/channels');
	t.ok(await page.isVisible('a:text("Back to getting started")'), 'AUTH-48 channels are open, with the way back');
	await page.click('a:text("Back to getting started")');
	await submit(page, 'button:text("Skip for Now")');
	t.is(new URL(page.url()).pathname, '/', 'AUTH-49 skipping leads to the dashboard');
	t.is(t.sql('select onboarding_completed from profiles where email = $1', email), 't', 'AUTH-49 and the wizard is done');
	await page.goto('/contacts');
	t.like(page.url(), /\/contacts$/, 'AUTH-50 then everything is open');
}

async function profile(page) {
	await page.click('.shell-menu summary');
	await t.shots(page, 'user-menu');
	await page.click('.shell-menu a:text("Profile")');
	await page.waitForURL('**/profile');
	t.is((await page.locator('.subtabs a').allTextContents()).join(', '), 'Profile Information, Subscription, Email Address, Password, Notifications, Security', 'AUTH-31 the tabs');
	t.is(await page.textContent('#email'), email, 'AUTH-32 the address is read-only');
	t.is(await page.textContent('#role'), 'Owner', 'AUTH-32 the role is shown');
	t.is(await page.textContent('.page-head .avatar'), 'KL', 'AUTH-32 initials in the place of a picture');
	await look(page, 'profile-page');
	await page.fill('#first_name', '');
	await page.$eval('#first_name', (i) => { i.required = false; });
	await submit(page);
	t.ok(await page.isVisible('#first_name-error'), 'AUTH-32 a first name is needed');
	await page.fill('#first_name', 'Zoe');
	await page.selectOption('#language', 'ar');
	await submit(page);
	t.is(await page.getAttribute('html', 'lang'), 'ar', 'AUTH-34 the language counts at once');
	t.is(t.sql('select language from profiles where email = $1', email), 'ar', 'AUTH-34 the language is kept');
	await page.selectOption('#language', 'en');
	await submit(page);
	t.like(await page.textContent('#toasts'), /Saved/, 'AUTH-32 saved, and said');
	t.is(await page.textContent('.shell-me .avatar'), 'ZL', 'AUTH-33 the initials change at once');
	t.like(await page.textContent('.shell-who'), /Zoe Lee/, 'AUTH-33 and the name');

	await page.click('.subtabs a:text("Subscription")');
	await page.waitForURL('**/subscription');
	t.like(await page.textContent('.plan'), /Self-hosted[^]*Active[^]*Unlimited contacts/, 'AUTH-38 plan, status and features');
	const org = t.sql('select organization_id from profiles where email = $1', email);
	t.sql(`insert into internal.plans (id, name, description, price, max_contacts, max_members, features) values ($1, 'Team', 'For small teams', 29, 10000, 4, '{Inbox,CRM}')`, `team-${stamp}`);
	t.sql(`insert into internal.subscriptions (organization_id, plan, status, trial_ends_at, current_period_end, next_billing_date)
		values ($1, $2, 'trial', now() + interval '9 days', '2031-05-01', '2031-05-01')`, org, `team-${stamp}`);
	await page.reload();
	t.like(await page.textContent('.plan'), /Team[^]*Trial[^]*\$29[^]*9 days left[^]*2031-05-01[^]*1 May 2031/, 'AUTH-38 price, days of trial, next bill, end of period');
	t.like(await page.textContent('.usage:has-text("Team members")'), /1 \/ 4 = 25 %/, 'AUTH-39 what is used of the limits');
	t.is(await page.getAttribute('.usage:has-text("Team members") progress', 'max'), '4', 'AUTH-39 with a bar');
	await look(page, 'profile-subscription');
	t.sql('delete from internal.subscriptions where organization_id = $1', org);

	await page.click('.subtabs a:text("Email Address")');
	await page.waitForURL('**/email');
	await page.fill('#new_address', email);
	await submit(page);
	t.ok(await page.isVisible('#new_address-error'), 'AUTH-35 another address is asked for');
	await page.fill('#new_address', `new.${email}`);
	await submit(page);
	t.like(await page.textContent('.settings-main'), new RegExp(`new\\.${email}[^]*waits for its confirmation`), 'AUTH-35 the change waits');
	t.is(t.sql('select email from auth.users where new_email = $1', `new.${email}`), email, 'AUTH-35 until the link is clicked nothing changes');
	await look(page, 'profile-email');
	await page.goto(`/verify/${link('email_change', `new.${email}`)}`);
	await page.waitForURL(/profile\/email/);
	t.is(await page.textContent('.settings-main strong'), `new.${email}`, 'AUTH-35 then it takes effect');

	await page.click('.subtabs a:text("Password")');
	await page.waitForURL('**/password');
	for (const [current, first, second, error] of [['wrong password', 'fresh_password', 'fresh_password', 'current'], ['secure_password', 'fresh_password', 'other_password', 'confirm']]) {
		await page.fill('#current', current);
		await page.fill('#password', first);
		await page.fill('#confirm', second);
		await page.$eval('#confirm', (i) => i.setCustomValidity(''));
		await submit(page);
		t.ok(await page.isVisible(`#${error}-error`), `AUTH-37 refused beside ${error}`);
	}
	await look(page, 'profile-password');
	await page.fill('#current', 'secure_password');
	await page.fill('#password', 'fresh_password');
	await page.fill('#confirm', 'fresh_password');
	await submit(page);
	t.like(await page.textContent('#toasts'), /password has been changed/, 'AUTH-37 changed, and said');
}

// RFC 6238 for a secret in base32.
function totp(secret, step) {
	let bits = '';
	for (const c of secret.replaceAll(' ', '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
	const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(step));
	const mac = crypto.createHmac('sha1', key).update(counter).digest(), at = mac[19] & 15;
	return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

async function security(page) {
	await page.goto('/profile/security');
	t.is(await page.locator('tbody tr').count(), 1, 'the own sessions are listed');
	await look(page, 'profile-security');
	await page.fill('#factor-name', 'My phone');
	await submit(page, '.line-form .btn');
	t.ok(await page.isVisible('.qr svg'), 'a picture to scan');
	await look(page, 'profile-factor');
	const secret = await page.textContent('.secret-text'), step = Math.floor(Date.now() / 30000);
	await page.fill('#code', totp(secret, step - 1));
	await submit(page);
	t.is(await page.locator('.recovery-codes code').count(), 10, 'recovery codes are shown');
	t.ok(await page.isVisible('.panel-head .pill:text("on")'), 'the second factor is on');
	await look(page, 'profile-codes');
	const code = await page.locator('.recovery-codes code').first().textContent();

	const other = await t.open();
	await other.goto('/login');
	await other.fill('#email', `new.${email}`);
	await other.fill('#password', 'fresh_password');
	await submit(other);
	t.like(other.url(), /\/login\/code$/, 'signing in asks for the code');
	await look(other, 'login-code');
	await other.fill('#code', '123');
	await submit(other);
	t.ok(await other.isVisible('.alert-danger'), 'a wrong one is refused');
	await other.fill('#code', totp(secret, step));
	await submit(other);
	t.is(new URL(other.url()).pathname, '/', 'the right one opens');
	await page.goto('/profile/security');
	t.is(await page.locator('tbody tr').count(), 2, 'both sessions are listed');
	page.once('dialog', (d) => d.accept());
	await submit(page, 'button:text("Sign out everywhere else")');
	await other.goto('/contacts');
	t.like(await other.textContent('.alert-warning'), /Session expired/, 'AUTH-14 the other one is told that its session has expired');
	await other.fill('#email', `new.${email}`);
	await other.fill('#password', 'fresh_password');
	await submit(other);
	await other.fill('#code', code.toLowerCase());
	await submit(other);
	t.like(other.url(), /\/contacts$/, 'a recovery code does in the place of the phone, and leads on');
	await other.goto('/profile/security');
	t.ok(await other.isVisible('small:text("9 left")'), 'once');
	other.once('dialog', (d) => d.accept());
	await submit(other, 'button:text("Remove")');
	t.is(t.sql('select count(*) from auth.factors f join auth.users u on u.id = f.user_id where u.email = $1', `new.${email}`), '0', 'the factor is gone');
	await other.context().close();
}

async function forgotten() {
	const page = await t.open();
	await page.goto('/login');
	await page.click('a:text("Forgot password?")');
	await page.waitForURL('**/forgot-password');
	await page.fill('#email', `new.${email}`);
	await look(page, 'forgot-password');
	await submit(page);
	t.ok(await page.isVisible('.alert-success'), 'AUTH-23 "Send Reset Link" says that a link is on its way');
	const token = link('recovery', `new.${email}`);
	await page.goto(`/reset-password/${token}`);
	await look(page, 'reset-password');
	await page.fill('#password', 'newest_password');
	await page.fill('#confirm', 'newest_password');
	await submit(page);
	t.ok(await page.isVisible('.alert-success'), 'AUTH-27 then one signs in anew');
	await look(page, 'login-reset');
	await page.goto(`/reset-password/${token}`);
	t.like(await page.textContent('.alert-danger'), /invalid[^]*Ask for a new one/, 'AUTH-28 the link is used up');
	await page.goto('/reset-password');
	t.ok(await page.isVisible('a:text("Send me a link")') && await page.isHidden('form'), 'AUTH-24 without a link there is no form');
	t.sql(`insert into auth.one_time_tokens (kind, user_id, token_hash, code_hash, email, expires_at)
		select 'recovery', u.id, sha256(convert_to($2, 'UTF8')), 'x', u.email, now() + interval '1 hour' from auth.users u where u.email = $1`, `new.${email}`, stamp);
	await page.goto(`/auth/v1/verify?token=${link('recovery', `new.${email}`)}&type=recovery`);
	await page.waitForURL('**/reset-password');
	await page.fill('#password', 'by the api one');
	await page.fill('#confirm', 'by the api one');
	await submit(page);
	t.ok(await page.isVisible('.alert-success'), 'AUTH-29 a link of the API leads to the same form');
	await page.fill('#email', `new.${email}`);
	await page.fill('#password', 'by the api one');
	await submit(page);
	t.is(new URL(page.url()).pathname, '/', 'AUTH-30 and its session sets the password');
	await page.context().close();
}

async function phone() {
	const page = await t.open({ phone: true });
	for (const path of ['/login', '/signup', '/verify?email=somebody.with.a.long.name@example.com', '/forgot-password', '/login/code']) {
		await page.goto(path);
		await t.fits(page, `${path} on a phone`);
		await t.shot(page, `phone${path.split('?')[0].replaceAll('/', '-')}`);
	}
	await page.context().close();
	const own = await t.login({ phone: true });
	for (const path of ['/profile', '/profile/subscription', '/profile/email', '/profile/password', '/profile/security']) {
		await own.goto(path);
		await t.fits(own, `${path} on a phone`);
		await t.shot(own, `phone${path.replaceAll('/', '-')}`);
	}
	await own.context().close();
}

t.run(async () => {
	const page = await t.open();
	await signUp(page);
	await wizard(page);
	await profile(page);
	await security(page);
	await forgotten();
	await phone();
	t.sql('delete from organizations o using profiles p where p.organization_id = o.id and p.email = $1', `new.${email}`);
	t.sql('delete from auth.users where email = $1', `new.${email}`);
});

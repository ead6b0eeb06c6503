// What every test of pages shares: TAP, the running instance, the browser,
// signing in, axe, screenshots.
//
//	const t = require('./lib.js');
//	t.run(async () => {
//		const page = await t.login();
//		await page.goto('/contacts');
//		t.ok(await page.isVisible('h1'), 'CON-1 the list is there');
//		await t.axe(page, 'contacts');
//		await t.shot(page, 'contacts');
//	});
//
// run() starts nothing but the browser: $KONTOR_JSON names the kontor.json of
// an instance with the demo data. Every page is watched: a violation of the
// content security policy, an uncaught error or a request that fails with 5xx
// is a failed test point at the end. $KONTOR_SCREENSHOTS, when set, is the
// directory for pictures.
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// ---- TAP ------------------------------------------------------------------

let count = 0, failed = 0;

function ok(good, name) {
	count++;
	if (!good) failed++;
	console.log(`${good ? 'ok' : 'not ok'} ${count} - ${String(name).replace(/[#\n]/g, ' ')}`);
	return Boolean(good);
}

function diag(text) {
	for (const line of String(text).split('\n')) console.log(`# ${line}`);
}

function is(got, wanted, name) {
	if (!ok(got === wanted, name)) diag(`got    ${JSON.stringify(got)}\nwanted ${JSON.stringify(wanted)}`);
}

function like(got, pattern, name) {
	if (!ok(pattern.test(String(got)), name)) diag(`got ${JSON.stringify(got)}\nwanted ${pattern}`);
}

// The outcome of a Playwright wait as a test point: await t.lives(page.waitForSelector(...), name).
async function lives(promise, name) {
	try {
		await promise;
		return ok(true, name);
	} catch (error) {
		ok(false, name);
		diag(error.message);
		return false;
	}
}

function skipAll(why) {
	console.log(`1..0 # SKIP ${why}`);
	process.exit(0);
}

// ---- the instance ------------------------------------------------------------

let instance;

function config() {
	if (!instance) {
		if (!process.env.KONTOR_JSON) skipAll('KONTOR_JSON does not name an instance; run bin/kontor test');
		instance = JSON.parse(fs.readFileSync(process.env.KONTOR_JSON, 'utf8'));
	}
	return instance;
}

// One value, or rows as tab-separated lines, straight from the database.
function sql(text, ...params) {
	const set = params.flatMap((value, i) => ['-v', `p${i + 1}=${value}`]);
	const body = text.replace(/\$(\d+)/g, ":'p$1'");
	return execFileSync('psql', ['-X', '-q', '-At', '-F', '\t', '-v', 'ON_ERROR_STOP=1', ...set, config().database_url],
		{ input: body, encoding: 'utf8' }).trim();
}

// ---- the browser ---------------------------------------------------------------

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--disable-default-apps', '--force-color-profile=srgb'];
const trouble = [];
const wanted = []; // patterns of trouble that a test makes on purpose
let browser;

async function launch() {
	if (!browser) {
		const { chromium } = require('playwright-core');
		browser = await chromium.launch({ executablePath: process.env.KONTOR_CHROMIUM || '/usr/bin/chromium', args: ARGS });
	}
	return browser;
}

function watch(page) {
	page.on('console', (message) => {
		// A 4xx answer is written there too; tests provoke those.
		if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
			trouble.push(`${page.url()}: ${message.text()}`);
	});
	page.on('pageerror', (error) => trouble.push(`${page.url()}: ${error.message}`));
	page.on('response', (answer) => {
		if (answer.status() >= 500) trouble.push(`${answer.request().method()} ${answer.url()}: ${answer.status()}`);
	});
}

// A page of its own browser profile. options: {theme: 'dark', phone: true, viewport: {width, height}}.
async function open(options = {}) {
	const context = await (await launch()).newContext({
		baseURL: config().base_url,
		viewport: options.viewport || (options.phone ? { width: 390, height: 844 } : { width: 1360, height: 850 }),
		colorScheme: options.theme || 'light',
		hasTouch: Boolean(options.phone),
		isMobile: Boolean(options.phone),
		deviceScaleFactor: 1,
		locale: 'en-GB',
		timezoneId: 'Europe/Berlin',
		reducedMotion: 'reduce',
		acceptDownloads: true,
	});
	context.setDefaultTimeout(10000);
	context.on('page', watch);
	return context.newPage();
}

// Signed in as a user of a tenant: options.tenant and options.user are places
// in kontor.json, both 0 unless given. The session comes from one sign-in per
// user and run, as sign-ins are limited per address and cost time on purpose.
const sessions = new Map();

async function login(options = {}) {
	const user = config().tenants[options.tenant || 0].users[options.user || 0];
	const page = await open(options);
	if (sessions.has(user.email)) {
		await page.context().addCookies(sessions.get(user.email));
		return page;
	}
	await page.goto('/login');
	await page.fill('#email', user.email);
	await page.fill('#password', user.password);
	await Promise.all([page.waitForURL((url) => url.pathname !== '/login'), page.click('form button')]);
	sessions.set(user.email, await page.context().cookies());
	return page;
}

// The other theme on the same page.
async function theme(page, name) {
	await page.emulateMedia({ colorScheme: name });
	await page.evaluate((n) => {
		localStorage.removeItem('theme');
		document.documentElement.dataset.bsTheme = n;
	}, name);
}

// ---- dragging --------------------------------------------------------------------

// What SQL changed has been told to open pages, and they have taken it in: a card that
// a test takes next is not exchanged for a newer one under its hand.
async function calm(page) {
	for (let n = 0; n < 100 && sql('select exists (select from events where seq is null)') === 't'; n++) await page.waitForTimeout(50);
	await page.waitForTimeout(300);
	await page.waitForFunction(() => !document.querySelector('.htmx-request, .htmx-settling, .htmx-swapping'));
}

// As a hand does it: in steps. x, y: where it takes hold, from the corner of `what`;
// down: how far below the upper edge of `where` it lets go; hold: it does not.
async function drag(page, what, where, { x = 60, y = 20, down = 60, hold = false } = {}) {
	await calm(page);
	const from = await what.boundingBox(), to = await where.boundingBox();
	const left = from.x + x, top = from.y + y, dx = to.x + to.width / 2 - left, dy = to.y + down - top;
	await page.mouse.move(left, top);
	await page.mouse.down();
	for (let i = 1; i <= 12; i++) {
		await page.mouse.move(left + (dx * i) / 12, top + (dy * i) / 12);
		await page.waitForTimeout(25);
	}
	if (hold) return;
	await page.waitForTimeout(150);
	await page.mouse.up();
}

// ---- looking ---------------------------------------------------------------------

async function axeOnce(page, only) {
	if (!await page.evaluate(() => Boolean(window.axe))) {
		const source = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
		await page.evaluate(source); // by the debugger, so that the page's policy stays as it is
	}
	return page.evaluate((rules) => window.axe.run(document,
		{ runOnly: rules || ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }), only);
}

// No violation, in light alone or in dark as well.
async function axe(page, name, { dark = false } = {}) {
	for (const scheme of dark ? ['light', 'dark'] : ['light']) {
		await theme(page, scheme);
		// The second theme differs in its colours alone.
		const { violations } = await axeOnce(page, scheme === 'dark' && { type: 'rule', values: ['color-contrast', 'link-in-text-block'] });
		ok(violations.length === 0, `${name}: no axe violation, ${scheme}`);
		for (const v of violations)
			diag(`${v.id} (${v.impact}): ${v.help}\n` + v.nodes.slice(0, 4).map((n) =>
				`  ${n.target.join(' ')}: ${(n.failureSummary || '').split('\n').slice(1, 3).join(' ')}`).join('\n'));
	}
	await theme(page, 'light');
}

async function shot(page, name, options = {}) {
	const dir = process.env.KONTOR_SCREENSHOTS;
	if (!dir) return;
	fs.mkdirSync(dir, { recursive: true });
	await page.evaluate(() => document.fonts.ready);
	await page.screenshot({ path: path.join(dir, `${name}.png`), fullPage: Boolean(options.full) });
}

// Light and dark at once: NAME.png and NAME-dark.png.
async function shots(page, name, options = {}) {
	await theme(page, 'light');
	await shot(page, name, options);
	await theme(page, 'dark');
	await shot(page, `${name}-dark`, options);
	await theme(page, 'light');
}

// A page that scrolls sideways is too wide for its window.
async function fits(page, name) {
	// Not innerWidth: a phone zooms out until everything fits.
	const over = await page.evaluate(() => document.documentElement.scrollWidth) - page.viewportSize().width;
	ok(over <= 0, `${name}: fits its window`);
	if (over > 0) diag(`${over} pixels too wide`);
}

// ---- the world outside ----------------------------------------------------------------

const children = [];

// A stand-in for a provider (t/standin): its address. It ends with the test.
function standin(program, ...args) {
	const child = spawn('perl', [path.join(__dirname, '../standin', program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
	children.push(child);
	return new Promise((done, fail) => {
		child.on('exit', () => fail(new Error(`${program} ended`)));
		child.stdout.once('data', (line) => {
			const port = /listening 127\.0\.0\.1 (\d+)/.exec(line);
			if (port) done(`http://127.0.0.1:${port[1]}`);
			else fail(new Error(`${program} said ${line}`));
		});
	});
}

// What the stand-in was asked so far.
async function calls(base, pattern) {
	const all = await (await fetch(`${base}/control/calls`)).json();
	return all.filter((call) => pattern.test(call.path));
}

let update = Date.now() % 1e9;

// A person writes to the Telegram bot of a tenant.
async function telegram(text, { from = 700100, name = 'Tomás Silva', tenant = 0, message = {} } = {}) {
	const channel = config().tenants[tenant].channels.telegram, [first, ...last] = name.split(' ');
	const who = { id: from, is_bot: false, first_name: first, last_name: last.join(' ') || undefined };
	update++;
	const answer = await fetch(channel.webhook_url, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', 'X-Telegram-Bot-Api-Secret-Token': channel.secret_token },
		body: JSON.stringify({ update_id: update, message: { message_id: update, date: Math.floor(Date.now() / 1000), from: who,
			chat: { id: from, type: 'private', first_name: first }, text, ...message } }),
	});
	if (!answer.ok) throw new Error(`the Telegram webhook answered ${answer.status}`);
}

// The page's stream of events stands: what happens from now on reaches it.
async function streaming(...pages) {
	for (const page of pages) await page.waitForSelector('#live-state[data-open]', { state: 'attached' });
}

// The value of a query once it is no longer empty or false; undefined after the time.
async function until(look, seconds = 10) {
	for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
		const value = await look();
		if (value && value !== 'f') return value;
		await new Promise((wake) => setTimeout(wake, 50));
	}
	return undefined;
}

// ---- running -----------------------------------------------------------------------

async function run(test) {
	config();
	try {
		await test();
	} catch (error) {
		ok(false, 'the test ran to its end');
		diag(error.stack);
	}
	const bad = trouble.filter((line) => !wanted.some((pattern) => pattern.test(line)));
	ok(bad.length === 0, 'no policy violation, script error or 5xx on any page');
	if (bad.length) diag(bad.slice(0, 12).join('\n'));
	console.log(`1..${count}`);
	await browser?.close();
	for (const child of children) child.kill();
	process.exit(failed ? 1 : 0);
}

const expectTrouble = (pattern) => wanted.push(pattern);

module.exports = { ok, is, like, lives, diag, skipAll, config, sql, launch, open, login, theme, drag, axe, shot, shots, fits,
	standin, calls, telegram, streaming, until, run, expectTrouble };

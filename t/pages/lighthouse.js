// Lighthouse over pages of a running instance, signed in: used by budget.t, which
// looks at accessibility, and by t/bench/lighthouse.bench, which looks at time.
//
//	node t/pages/lighthouse.js NAME=PATH ...	[{name, performance, accessibility, fcp, failed}]
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const DESKTOP = { rttMs: 0, throughputKbps: 0, requestLatencyMs: 0, downloadThroughputKbps: 0, uploadThroughputKbps: 0, cpuSlowdownMultiplier: 1 };

// A browser of its own, with a profile that has seen nothing.
function chromium() {
	const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'kontor-lighthouse-'));
	const child = spawn(process.env.KONTOR_CHROMIUM || '/usr/bin/chromium', ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
		'--disable-background-networking', '--disable-component-update', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
	const end = () => {
		child.kill();
		try { fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 }); } catch { /* the next start of the machine does it */ }
	};
	return new Promise((done, fail) => {
		let said = '';
		child.on('exit', () => fail(new Error(`chromium ended: ${said.slice(-500)}`)));
		child.stderr.on('data', (text) => {
			said += text;
			const port = /DevTools listening on ws:\/\/[^:]+:(\d+)/.exec(said);
			if (port) done({ port: Number(port[1]), end });
		});
	});
}

// pages: {name: path}; cookie: that of a session, or ''.
async function lighthouse(base, pages, cookie) {
	const { default: run } = await import('lighthouse');
	const { port, end } = await chromium();
	const results = [];
	try {
		// In the browser's own jar: a header would be replaced by the first cookie that a page sets.
		const browser = await require('playwright-core').chromium.connectOverCDP(`http://127.0.0.1:${port}`);
		await browser.contexts()[0].addCookies(cookie.split('; ').filter(Boolean).map((one) => ({ name: one.slice(0, one.indexOf('=')), value: one.slice(one.indexOf('=') + 1), url: base })));
		for (const [name, address] of Object.entries(pages)) {
			const { lhr } = await run(base + address, { port, logLevel: 'silent', output: 'json', onlyCategories: ['performance', 'accessibility'] }, { extends: 'lighthouse:default', settings: { formFactor: 'desktop', throttlingMethod: 'provided', throttling: DESKTOP,
				screenEmulation: { mobile: false, width: 1350, height: 940, deviceScaleFactor: 1, disabled: false }, emulatedUserAgent: false } });
			const failed = lhr.categories.accessibility.auditRefs.map(({ id }) => lhr.audits[id]).filter((a) => a.score !== null && a.score < 1).map((a) => a.id);
			results.push({ name, address, shown: lhr.finalDisplayedUrl, performance: Math.round(lhr.categories.performance.score * 100),
				accessibility: Math.round(lhr.categories.accessibility.score * 100), fcp: lhr.audits['first-contentful-paint'].numericValue, failed,
				slow: lhr.categories.performance.auditRefs.map(({ id }) => lhr.audits[id]).filter((a) => a.score !== null && a.score < 0.9).map((a) => `${a.id} ${a.displayValue || ''}`) });
		}
	} finally {
		end();
	}
	return results;
}

module.exports = { lighthouse };

if (require.main === module) {
	const config = JSON.parse(fs.readFileSync(process.env.KONTOR_JSON, 'utf8'));
	const pages = Object.fromEntries(process.argv.slice(2).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
	lighthouse(config.base_url, pages, process.env.KONTOR_COOKIE || '').then((all) => console.log(JSON.stringify(all)), (error) => {
		console.error(error.stack);
		process.exit(1);
	});
}

#!/usr/bin/env node
// What a page may weigh: one document, HTML of 50 rows under 60 KB as it travels,
// script and style under 150 KB. Times are told, not judged (bin/kontor bench lighthouse).
'use strict';
const t = require('../lib.js');
const zlib = require('node:zlib');

const stamp = `bu${Date.now().toString(36)}`;

t.run(async () => {
	const tenant = t.config().tenants[0], org = tenant.organization_id;
	const anna = t.sql('select id from profiles where organization_id = $1 and email = $2', org, tenant.users[0].email);
	// As full as rows get: company, tags, two numbers, three addresses.
	t.sql(`insert into companies (organization_id, name, domain, website, industry, city, country, phones, emails, tags)
		select $1, 'Budget & Partners International ' || i, $2 || i || '.example', 'https://www.' || $2 || i || '.example', 'Logistics', 'Rotterdam', 'Netherlands',
			array['+31 20 555 ' || 1000 + i], array['info@' || $2 || i || '.example'], array[$2, 'segment a', 'segment b'] from generate_series(1, 60) i`, org, stamp);
	t.sql(`insert into contacts (organization_id, first_name, last_name, emails, phones, tags, company_id, assignee_id, source, custom_fields)
		select $1, 'Bernadette-Charlotte', 'van den Bergh ' || row_number() over (), array[$2 || row_number() over () || '@budget.example', 'second.' || $2 || row_number() over () || '@budget.example'],
			array['+49152' || 10000000 + row_number() over (), '+49153' || 10000000 + row_number() over ()], array[$2, 'segment a', 'segment b', 'newsletter'], c.id, $3, 'website', '{"industry": "Logistics"}'
		from companies c where c.organization_id = $1 and $2 = any (c.tags)`, org, stamp, anna);
	t.sql(`insert into deals (organization_id, title, pipeline_id, contact_id, company_id, owner_id, value, currency, expected_close_date, tags)
		select $1, 'Framework contract for ' || k.last_name, p.id, k.id, k.company_id, $3, 12345.67, 'EUR', current_date + 20, array[$2, 'segment a']
		from contacts k, pipelines p where k.organization_id = $1 and $2 = any (k.tags) and p.organization_id = $1 and p.is_default`, org, stamp, anna);
	t.sql(`insert into tasks (organization_id, title, assignee_id, contact_id, due_date, priority, tags)
		select $1, 'Prepare the next meeting with ' || k.last_name, $3, k.id, now() + interval '1 day', 'HIGH', array[$2] from contacts k where k.organization_id = $1 and $2 = any (k.tags)`, org, stamp, anna);
	t.sql(`insert into leads (organization_id, name, company_name, email, owner_id, tags)
		select $1, 'Lead ' || i || ' of a long name', 'Budget & Partners ' || i, 'lead' || i || $2 || '@budget.example', $3, array[$2, 'segment a'] from generate_series(1, 60) i`, org, stamp, anna);
	const contact = t.sql('select id from contacts where organization_id = $1 and $2 = any (tags) order by id limit 1', org, stamp);
	const deal = t.sql('select id from deals where organization_id = $1 and $2 = any (tags) order by id limit 1', org, stamp);

	const pages = {
		home: '/', contacts: '/contacts?view=table', 'contacts as cards': '/contacts?view=grid', companies: '/companies?view=table', contact: `/contacts/${contact}`,
		'deals board': '/deals', 'deals list': '/deals?view=list', deal: `/deals/${deal}`, leads: '/leads', tasks: '/tasks', notifications: '/notifications', search: '/search?q=budget',
	};
	for (const [name, path] of Object.entries(pages)) {
		const page = await t.login(); // of its own: nothing is cached
		const seen = [];
		page.on('response', (answer) => seen.push(answer));
		const answer = await page.goto(path, { waitUntil: 'load' });
		await page.waitForTimeout(300); // the stream of events is never idle
		const documents = seen.filter((one) => one.request().resourceType() === 'document');
		t.is(documents.length, 1, `${name}: one document`);
		const html = zlib.gzipSync(await answer.body(), { level: 1 }).length;
		t.ok(html < 60000, `${name}: its HTML is under 60 KB as it travels`);
		const parts = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name: n }) => /\.(js|css)(\?|$)/.test(n)).map(({ name: n, encodedBodySize }) => [n.replace(/.*\/assets\//, ''), encodedBodySize]));
		const weight = parts.reduce((sum, [, size]) => sum + size, 0);
		t.ok(parts.length > 3 && weight < 150000, `${name}: script and style are under 150 KB in total`);
		const fcp = await page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime || 0));
		t.diag(`${name}: HTML ${html} bytes, script and style ${weight} bytes in ${parts.length} files, first contentful paint ${fcp} ms`);
		const stale = seen.filter((one) => /\/assets\/[^?]*\?v=/.test(one.url()) && !/max-age=31\d{7}/.test(one.headers()['cache-control'] || '')).map((one) => one.url());
		t.is(stale.join(' '), '', `${name}: what has a version is kept for ever`);
		await page.context().close();
	}

	for (const table of ['tasks', 'deals', 'leads', 'contacts', 'companies'])
		t.sql(`delete from ${table} where organization_id = $1 and $2 = any (tags)`, org, stamp);
	t.sql(`delete from notifications where user_id = $1 and read_at is null and data ->> 'count' is not null`, anna);
});

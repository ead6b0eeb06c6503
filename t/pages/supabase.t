#!/usr/bin/env node
// @supabase/supabase-js, unmodified, in Chromium, on a page of another origin:
// everything that it does has to pass the browser's rules for such pages (CORS).
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const t = require('./lib.js');

const library = path.join(__dirname, 'node_modules/@supabase/supabase-js/dist/umd/supabase.js');
if (!fs.existsSync(library))
	t.skipAll('no supabase-js: npm ci in t/pages');

// A page that has nothing but the library.
function site() {
	const server = http.createServer((request, answer) => {
		const script = request.url === '/supabase.js';
		answer.setHeader('Content-Type', script ? 'text/javascript' : 'text/html; charset=utf-8');
		answer.end(script ? fs.readFileSync(library) : '<!doctype html><title>Elsewhere</title><link rel="icon" href="data:,"><script src="/supabase.js"></script>');
	});
	return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

// In the page: call(client => client.from(...)) gives {data, error, count, status}.
const call = (page, what, ...args) => page.evaluate(async ([body, given]) => {
	const result = await (0, eval)(body)(window.client, ...given);
	const error = result.error && { message: result.error.message, code: result.error.code, status: result.error.status ?? result.error.context?.status };
	return JSON.parse(JSON.stringify({ ...result, error }));
}, [String(what), args]);

t.run(async () => {
	const { base_url: url, anon_key: anon, tenants: [tenant] } = t.config();
	const [user] = tenant.users;
	const server = await site();
	const page = await t.open();
	await page.goto(`http://127.0.0.1:${server.address().port}/`);
	t.ok(new URL(page.url()).origin !== new URL(url).origin, 'the page is of another origin');
	await page.evaluate(([u, k]) => { window.client = supabase.createClient(u, k); }, [url, anon]);

	let r = await call(page, (c) => c.from('contacts').select('id'));
	t.is(r.status, 401, 'API-10 the public key alone opens no table, and the page can read why');
	t.ok(r.error && r.error.message.length, '... in words');
	r = await call(page, (c, a) => c.auth.signInWithPassword(a), { email: user.email, password: 'wrong password' });
	t.is(r.error?.code, 'invalid_credentials', 'AUTH-11 a wrong password');
	r = await call(page, (c, a) => c.auth.signInWithPassword(a), { email: user.email, password: user.password });
	t.is(r.data.user?.email, user.email, 'AUTH-11 signing in from a page of another origin');
	r = await call(page, (c) => c.auth.getUser());
	t.is(r.data.user?.email, user.email, 'the user');

	const mark = `Browser ${Date.now().toString(36)}`;
	r = await call(page, (c, row) => c.from('contacts').insert(row).select().single(),
		{ organization_id: tenant.organization_id, first_name: mark, tags: ['a', 'b'] });
	t.is(r.status, 201, 'API-45 insert with its row');
	const id = r.data?.id;
	t.is(t.sql('select first_name from contacts where id = $1', id), mark, '... which is stored');
	r = await call(page, (c, name) => c.from('contacts').select('id, company:companies(name)', { count: 'exact' }).eq('first_name', name).range(0, 4), mark);
	t.is(JSON.stringify([r.data, r.count]), JSON.stringify([[{ id, company: null }], 1]), 'API-37 select, with the count out of Content-Range, which the page may read');
	r = await call(page, (c, i) => c.from('contacts').update({ tags: ['c'] }).eq('id', i).select('tags'), id);
	t.is(JSON.stringify(r.data), '[{"tags":["c"]}]', 'API-49 update');
	r = await call(page, (c, i) => c.from('contacts').upsert({ id: i, organization_id: '00000000-0000-0000-0000-000000000000', first_name: 'x' }).select(), id);
	t.ok(r.error && r.status >= 400, 'API-48 a row of another organization is refused');
	r = await call(page, (c, i) => c.from('contacts').select('*', { head: true, count: 'exact' }).eq('id', i), id);
	t.is(r.count, 1, 'a HEAD with the count');
	r = await call(page, (c) => c.from('contacts').select('no_such_column'));
	t.is(`${r.status} ${r.error?.code}`, '400 42703', 'an unknown column, with its code');
	r = await call(page, (c) => c.rpc('get_unanswered_conversations_count'));
	t.is(typeof r.data, 'number', 'INB-27 rpc answers a bare number');
	r = await call(page, (c, name) => c.functions.invoke('search-contacts', { body: { searchTerm: name } }), mark);
	t.is(r.data?.contacts?.[0]?.id, id, 'API-78 functions.invoke');
	r = await call(page, (c) => c.functions.invoke('list-organizations', { method: 'GET' }));
	t.is(r.data?.count, r.data?.organizations?.length, 'API-89 functions.invoke by GET');
	r = await call(page, (c) => c.functions.invoke('bot-control', { body: {} }));
	t.is(r.error?.status, 400, 'a refusal of a function reaches the page with its status');
	r = await call(page, (c, i) => c.from('contacts').delete().eq('id', i), id);
	t.is(r.status, 204, 'API-49 delete');
	t.is(t.sql('select count(*) from contacts where id = $1', id), '0', '... and it is gone');
	const bare = await fetch(`${url}/auth/v1/health`, { headers: { Origin: new URL(page.url()).origin } });
	t.like(bare.headers.get('access-control-expose-headers'), /X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset/,
		'API-66 a page may read the headers of the limits');
	r = await call(page, (c) => c.auth.signOut());
	t.is(r.error, null, 'AUTH-15 signing out');
	r = await call(page, (c) => c.from('contacts').select('id'));
	t.is(r.status, 401, '... and the tables are closed again');
	server.close();
});

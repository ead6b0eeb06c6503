// supabase-js against a running Kontor; started by auth_client.t. Prints TAP.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const { execFileSync } = require('child_process');
const { createClient } = require('@supabase/supabase-js');

const { KONTOR_URL: url, KONTOR_ANON: anon, POSTBOX } = process.env;
let n = 0, failed = 0;

function ok(good, name, what) {
	console.log(`${good ? '' : 'not '}ok ${++n} - ${name}`);
	if (!good) {
		failed++;
		if (what !== undefined)
			console.log('# ' + JSON.stringify(what));
	}
}
const is = (got, want, name) => ok(got === want, name, { got, want });

// A client with a storage of its own, as a browser has one.
function client(options = {}) {
	const kept = new Map();
	const storage = { getItem: k => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: k => void kept.delete(k) };
	class NoSocket { close() {} }
	return createClient(url, anon, { auth: { autoRefreshToken: false, persistSession: true, detectSessionInUrl: false, storage, ...options },
		realtime: { transport: NoSocket } });
}

const psql = sql => execFileSync('psql', ['-XqAt', process.env.KONTOR_DB, '-c', sql]).toString().trim();

// ---- mail -----------------------------------------------------------------

const read = new Set();

function plain(data) {
	const m = /Content-Type: text\/plain[^]*?\r\n\r\n([^]*?)\r\n--/i.exec(data);
	const head = m[0].slice(0, m[0].indexOf('\r\n\r\n'));
	if (/base64/i.test(head))
		return Buffer.from(m[1], 'base64').toString();
	if (/quoted-printable/i.test(head))
		return m[1].replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)));
	return m[1];
}

async function mail(to) {
	for (let i = 0; i < 200; i++) {
		for (const line of fs.readFileSync(POSTBOX, 'latin1').split('\n')) {
			if (!line || read.has(line) || !JSON.parse(line).to.includes(to))
				continue;
			read.add(line);
			const text = plain(JSON.parse(line).data);
			return { link: /(https?:\/\/\S+\/verify\S+)/.exec(text)?.[1], code: /code: (\d{6})/.exec(text)?.[1] };
		}
		await new Promise(r => setTimeout(r, 50));
	}
	throw new Error(`no mail to ${to}`);
}

// Where a click on the link leads.
async function click(link) {
	const r = await fetch(link, { redirect: 'manual' });
	return new URL(r.headers.get('location'));
}

function totp(secret) {
	const bits = [...secret].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
	const key = Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)));
	const step = Buffer.alloc(8);
	step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
	const mac = crypto.createHmac('sha1', key).update(step).digest();
	return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

// ---- what is tried ------------------------------------------------------------

let person = 0;
const fresh = () => `client${++person}-${process.pid}@mail.example`;

async function signing() {
	const s = client(), email = fresh(), password = 'correct horse';
	let { data, error } = await s.auth.signUp({ email, password,
		options: { data: { first_name: 'Cleo', last_name: 'Park', organization_name: 'Park Ltd' }, emailRedirectTo: `${url}/welcome` } });
	is(error, null, 'signUp');
	is(data.session, null, 'AUTH-7 no session before the address is confirmed');
	is(data.user.user_metadata.first_name, 'Cleo', 'AUTH-6 signUp keeps data');
	({ error } = await s.auth.signInWithPassword({ email, password }));
	is(error?.code, 'email_not_confirmed', 'AUTH-7 the client knows the reason');
	({ error } = await s.auth.signUp({ email: fresh(), password: 'short' }));
	is(error?.name, 'AuthWeakPasswordError', 'AUTH-26 a weak password is told as one');
	ok(error?.reasons?.includes('length'), 'with its reason');
	const to = await click((await mail(email)).link);
	is(to.pathname, '/welcome', 'emailRedirectTo is where the link leads');
	const hash = new URLSearchParams(to.hash.slice(1));
	({ data, error } = await s.auth.setSession({ access_token: hash.get('access_token'), refresh_token: hash.get('refresh_token') }));
	is(data?.user?.email, email, 'AUTH-9 setSession with what the link carries');
	({ data, error } = await s.auth.signInWithPassword({ email, password }));
	is(error, null, 'AUTH-11 signInWithPassword');
	is(data.session.expires_in, 3600, 'AUTH-13 a session of an hour');
	({ data, error } = await s.auth.getUser());
	is(data.user?.email, email, 'AUTH-16 getUser');
	({ data, error } = await s.auth.getClaims());
	is(data?.claims?.email, email, 'getClaims');
	({ data, error } = await s.auth.updateUser({ data: { first_name: 'Cleopatra' } }));
	is(data.user?.user_metadata.first_name, 'Cleopatra', 'updateUser with data');
	({ error } = await s.auth.signInWithPassword({ email, password: 'wrong one' }));
	is(error?.code, 'invalid_credentials', 'AUTH-11 a wrong password');
	is(error?.status, 400, 'has GoTrue\'s status');
	return { s, email, password };
}

async function refreshing({ email, password }) {
	const s = client(), thief = client();
	let { data } = await s.auth.signInWithPassword({ email, password });
	const first = data.session;
	let error;
	({ data, error } = await s.auth.refreshSession());
	ok(data.session && data.session.refresh_token !== first.refresh_token, 'AUTH-14 refreshSession rotates', error);
	({ data, error } = await thief.auth.refreshSession({ refresh_token: 'stolen' }));
	is(error?.code, 'refresh_token_not_found', 'AUTH-14 an unknown refresh token');
	psql("update auth.refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null");
	({ data, error } = await thief.auth.refreshSession({ refresh_token: first.refresh_token }));
	is(error?.code, 'refresh_token_already_used', 'AUTH-14 a stolen one that was used');
	({ data, error } = await s.auth.refreshSession());
	ok(error && !data.session, 'AUTH-14 ends the session of both');
}

async function leaving({ email, password }) {
	const [a, b, c] = [client(), client(), client()];
	for (const s of [a, b, c])
		await s.auth.signInWithPassword({ email, password });
	const token = (await c.auth.getSession()).data.session.access_token;
	is((await a.auth.signOut({ scope: 'others' })).error, null, 'signOut others');
	is((await c.auth.getUser(token)).error?.name, 'AuthSessionMissingError', 'ends the others, and clients know it');
	is((await a.auth.getUser()).error, null, 'but not this one');
	is((await a.auth.signOut({ scope: 'local' })).error, null, 'AUTH-15 signOut local');
	is((await a.auth.getSession()).data.session, null, 'AUTH-15 leaves no session');
	await b.auth.signInWithPassword({ email, password });
	is((await b.auth.signOut()).error, null, 'AUTH-15 signOut');
}

async function pkce() {
	const s = client({ flowType: 'pkce' }), email = fresh(), password = 'correct horse';
	await s.auth.signUp({ email, password, options: { emailRedirectTo: `${url}/welcome` } });
	let to = await click((await mail(email)).link);
	let { data, error } = await s.auth.exchangeCodeForSession(to.searchParams.get('code'));
	is(data.user?.email, email, 'PKCE: signUp, then exchangeCodeForSession', error);
	({ data, error } = await s.auth.resetPasswordForEmail(email, { redirectTo: `${url}/reset-password` }));
	is(error, null, 'AUTH-23 resetPasswordForEmail');
	to = await click((await mail(email)).link);
	is(to.pathname, '/reset-password', 'AUTH-24 its link leads to the page');
	({ data, error } = await client({ flowType: 'pkce' }).auth.exchangeCodeForSession(to.searchParams.get('code')));
	ok(error, 'the code is of no use to another client');
	await s.auth.resetPasswordForEmail(email, { redirectTo: `${url}/reset-password` });
	to = await click((await mail(email)).link);
	({ data, error } = await s.auth.exchangeCodeForSession(to.searchParams.get('code')));
	ok(data.session, 'AUTH-24 the code opens a session', error);
	({ data, error } = await s.auth.updateUser({ password: 'battery staple' }));
	is(error, null, 'AUTH-30 in which the password is set');
	is((await s.auth.getUser()).error?.name, 'AuthSessionMissingError', 'AUTH-27 and which ends then');
	is((await s.auth.signInWithPassword({ email, password: 'battery staple' })).error, null, 'AUTH-27 the new password signs in');
}

async function codes({ email }) {
	const s = client();
	let { error } = await s.auth.signInWithOtp({ email, options: { shouldCreateUser: false } });
	is(error, null, 'signInWithOtp');
	const { code } = await mail(email);
	let r = await s.auth.verifyOtp({ email, token: code === '000000' ? '000001' : '000000', type: 'email' });
	is(r.error?.code, 'otp_expired', 'verifyOtp with a wrong code');
	r = await s.auth.verifyOtp({ email, token: code, type: 'email' });
	is(r.data.user?.email, email, 'verifyOtp with the right one');
	const stranger = fresh();
	is((await s.auth.signInWithOtp({ email: stranger, options: { shouldCreateUser: false } })).error, null, 'an unknown address is not told');
	is((await s.auth.signInWithOtp({ email: stranger, options: { data: { first_name: 'Sam' } } })).error, null, 'unless it shall have an account');
	r = await s.auth.verifyOtp({ email: stranger, token: (await mail(stranger)).code, type: 'email' });
	is(r.data.user?.user_metadata.first_name, 'Sam', 'which the first code opens');
	const late = fresh();
	await s.auth.signUp({ email: late, password: 'correct horse' });
	await mail(late);
	is((await s.auth.resend({ type: 'signup', email: late })).error, null, 'AUTH-8 resend');
	r = await s.auth.verifyOtp({ token_hash: new URL((await mail(late)).link).searchParams.get('token'), type: 'signup' });
	is(r.data.user?.email, late, 'verifyOtp with a token hash');
	const next = fresh();
	r = await s.auth.updateUser({ email: next });
	is(r.data.user?.new_email, next, 'updateUser with an address');
	r = await s.auth.verifyOtp({ email: next, token: (await mail(next)).code, type: 'email_change' });
	is(r.data.user?.email, next, 'which its code confirms');
}

async function factors({ email, password }) {
	const s = client();
	await s.auth.signInWithPassword({ email, password });
	let { data, error } = await s.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' });
	is(error, null, 'mfa.enroll');
	ok(data.totp.qr_code.startsWith('data:image/svg+xml;utf-8,<svg'), 'with a picture');
	const factorId = data.id, secret = data.totp.secret;
	({ data, error } = await s.auth.mfa.getAuthenticatorAssuranceLevel());
	is(`${data.currentLevel} ${data.nextLevel}`, 'aal1 aal1', 'one factor so far');
	({ data, error } = await s.auth.mfa.challenge({ factorId }));
	is(error, null, 'mfa.challenge');
	const challengeId = data.id;
	({ data, error } = await s.auth.mfa.verify({ factorId, challengeId, code: 'abcdef' }));
	is(error?.code, 'mfa_verification_failed', 'mfa.verify with a wrong code');
	({ data, error } = await s.auth.mfa.verify({ factorId, challengeId, code: totp(secret) }));
	is(error, null, 'mfa.verify');
	({ data, error } = await s.auth.mfa.getAuthenticatorAssuranceLevel());
	is(`${data.currentLevel} ${data.nextLevel}`, 'aal2 aal2', 'two factors');
	({ data, error } = await s.auth.mfa.listFactors());
	is(data.totp.map(f => f.friendly_name).join(), 'phone', 'mfa.listFactors');
	const other = client();
	await other.auth.signInWithPassword({ email, password });
	({ data, error } = await other.auth.mfa.getAuthenticatorAssuranceLevel());
	is(`${data.currentLevel} ${data.nextLevel}`, 'aal1 aal2', 'a new session knows that another factor is due');
	is((await other.auth.updateUser({ password: 'battery staple' })).error?.code, 'insufficient_aal', 'without it no new password');
	is((await s.auth.mfa.unenroll({ factorId })).error, null, 'mfa.unenroll');
}

// ---- tables and functions with the same client ------------------------------------

async function tables() {
	const s = client(), user = JSON.parse(process.env.KONTOR_USER);
	const mark = `supa-${process.pid}`;
	await s.auth.signInWithPassword({ email: user.email, password: user.password });
	let r = await s.from('contacts').insert([{ first_name: 'Ann', source: mark }, { first_name: 'Ben', source: mark }]).select();
	is(r.data?.length, 2, 'API-10 from().insert().select()', r.error);
	r = await s.from('contacts').select('id,first_name').eq('source', mark).order('first_name', { ascending: false });
	is(r.data?.map(c => c.first_name).join(), 'Ben,Ann', 'API-10 from().select().eq().order()');
	const [ben] = r.data;
	r = await s.from('contacts').update({ first_name: 'Bea' }).eq('id', ben.id).select().single();
	is(r.data?.first_name, 'Bea', 'from().update().single()');
	r = await s.from('contacts').upsert({ id: ben.id, first_name: 'Bob', source: mark }).select();
	is(r.data?.[0]?.first_name, 'Bob', 'from().upsert()', r.error);
	r = await s.from('contacts').select('*', { count: 'exact', head: true }).eq('source', mark);
	is(r.count, 2, 'count');
	r = await s.from('contacts').select('nothing').eq('source', mark);
	is(r.error?.code, '42703', 'an error keeps its code');
	r = await s.from('contacts').delete().eq('source', mark).select();
	is(r.data?.length, 2, 'from().delete()', r.error);
	const me = (await s.auth.getUser()).data.user;
	r = await s.from('profiles').select('id,email_confirmed').eq('id', me.id).single();
	is(r.data?.email_confirmed, true, 'AUTH-10 the profile tells of the confirmation', r.error);
	r = await s.rpc('get_user_login_data', { _user_id: me.id });
	is(r.data?.email, user.email, 'rpc()', r.error);
	r = await s.functions.invoke('mobile-api/login', { body: { email: user.email, password: user.password } });
	is(r.data?.expires_in, 2592000, 'AUTH-13 functions.invoke()', r.error);
	r = await s.functions.invoke('mobile-api/login', { body: { email: user.email, password: 'wrong' } });
	is(r.error?.context?.status, 401, 'and its refusal');
	const nobody = client();
	r = await nobody.from('contacts').select('id').limit(1);
	ok(r.error || r.data.length === 0, 'the public key alone reads nothing');
}

(async () => {
	const one = await signing();
	await refreshing(one);
	await leaving(one);
	await pkce();
	await codes(one);
	await factors(one);
	await tables();
	console.log(`1..${n}`);
	process.exit(failed ? 1 : 0);
})().catch(e => {
	console.log(`not ok ${++n} - went through\n# ${e.stack.replace(/\n/g, '\n# ')}\n1..${n}`);
	process.exit(1);
});

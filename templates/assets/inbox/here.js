// Who is here: others who look at the same conversation or write in it, the
// customer who writes, who is online. Nothing of it is stored; each says it when it
// begins, and once a minute.

import { ask, root, say, talkId } from './base.js';

const tab = Math.random().toString(36).slice(2, 12);
const me = root.dataset.me;
const wanted = Boolean(root.dataset.presence);
const WRITING = 7000, HERE = 130000, AGAIN = 55000;

let others = new Map(); // by tab: { name, until, writing }
let customer = 0;
let told = 0;

function send(talk, doing, keepalive = false) {
	if (!wanted || !talk) return;
	told = Date.now();
	ask(`/inbox/${talk}/here`, { method: 'POST', body: new URLSearchParams({ doing, tab }), quiet: true, keepalive });
}

function show() {
	const line = document.getElementById('talk-now'), now = Date.now();
	if (!line) return;
	const people = new Map();
	for (const [key, one] of others) {
		if (one.until < now) { others.delete(key); continue; }
		const known = people.get(one.user);
		people.set(one.user, { name: one.name, writing: one.writing > now || Boolean(known?.writing) });
	}
	const words = [...people.values()].sort((a, b) => b.writing - a.writing).slice(0, 3).map((p) => say(p.writing ? 'writing' : 'viewing', p.name));
	if (customer > now) words.unshift(say('customer'));
	const text = words.join(' · ');
	if (line.textContent !== text) line.textContent = text;
	line.classList.toggle('is-writing', [...people.values()].some((p) => p.writing) || customer > now);
	document.getElementById('composer')?.classList.toggle('is-taken', [...people.values()].some((p) => p.writing));
}

document.addEventListener('kontor:now', ({ detail: now }) => {
	if (now.what === 'online' || now.what === 'offline') { refreshOnline(); return; }
	if (now.conversation_id !== talkId()) return;
	if (now.what === 'customer') customer = Date.now() + WRITING;
	else if (now.tab === tab || now.user_id === me) return;
	else if (now.what === 'left') others.delete(now.tab);
	else {
		const one = { user: now.user_id, name: now.name, until: Date.now() + HERE, writing: now.what === 'writing' ? Date.now() + WRITING : 0 };
		others.set(now.tab, one);
		if (now.what === 'hello') send(talkId(), Date.now() - typedAt < WRITING ? 'writing' : 'viewing');
	}
	show();
});

let talk = null, typedAt = 0;

function left(keepalive) {
	if (talk) send(talk, 'left', keepalive);
	talk = null;
	typedAt = 0;
}

document.addEventListener('inbox:leave', () => left(false));
document.addEventListener('inbox:open', () => {
	others = new Map();
	customer = 0;
	talk = talkId() || null;
	if (talk) send(talk, 'hello');
	show();
});
addEventListener('pagehide', () => left(true));

root.addEventListener('input', (event) => {
	if (event.target.id !== 'composer-text' || !talkId()) return;
	const first = Date.now() - typedAt > 4000;
	if (first) { typedAt = Date.now(); send(talkId(), 'writing'); }
});

setInterval(() => {
	show();
	if (talkId() && document.visibilityState === 'visible' && Date.now() - told > AGAIN) send(talkId(), 'viewing');
}, 1000);

let asked = 0;
function refreshOnline() {
	if (asked) return;
	asked = setTimeout(async () => {
		asked = 0;
		const html = await ask('/inbox/agents', { quiet: true });
		if (html === null) return;
		document.getElementById('online').innerHTML = html;
		document.getElementById('online-count').textContent = document.getElementById('online-n').textContent;
	}, 300);
}
document.getElementById('online-menu').addEventListener('toggle', (event) => { if (event.target.open) refreshOnline(); });

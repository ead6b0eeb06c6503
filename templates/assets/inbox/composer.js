// The composer: replies and notes, drafts on all devices, sending now, later or again,
// calling back, changing what has gone out.

import { refusal, text as words, toast } from '../kontor.js';
import { ask, newId, parse, phone, root, talkId } from './base.js';
import { addKnown, chosen, clearFiles, intoForm, onFiles, showFiles } from './files.js';
import { refreshRows } from './list.js';
import { refreshState, swapState } from './talk.js';
import { keep } from './outbox.js';
import { placeItems, toEnd } from './thread.js';

let clientId = null; // of the message being written; the same for every try to send it
let reply = null;    // {id, quote}: what is answered
let editing = null;  // {id, before}: what has gone out and is changed
let when = null;     // {scheduled_at, repeat, repeat_until}
let drafts = { reply: '', note: '' };

const composer = () => document.getElementById('composer');
const form = () => document.querySelector('.composer-form');
export const text = () => document.getElementById('composer-text');
const mode = () => (form().classList.contains('is-note') ? 'note' : 'reply');

// ---- how it looks -----------------------------------------------------------------

function setMode(to) {
	const f = form(), note = to === 'note';
	f.classList.toggle('is-note', note);
	f.action = note ? f.dataset.note : f.dataset.reply;
	for (const button of f.querySelectorAll('[data-mode]'))
		button.setAttribute('aria-pressed', String(button.dataset.mode === to));
	hint();
	text().value = drafts[to];
	dress();
}

// What the empty field says: by which channel it goes.
function hint() {
	const by = form().querySelector('.composer-channel')?.selectedOptions[0]?.dataset.label;
	text().placeholder = mode() === 'note' ? words('notePlaceholder', composer())
		: by ? words('replyOn', composer(), by) : text().dataset.placeholderReply;
}

// For browsers without field-sizing.
function grow() {
	if (CSS.supports('field-sizing', 'content')) return;
	text().style.height = 'auto';
	text().style.height = `${text().scrollHeight}px`;
}

// UTF-16 units, as the providers count.
function count() {
	const max = Number(text().dataset.max), n = text().value.length, out = document.getElementById('composer-count');
	const shown = mode() === 'reply' && n > max * 0.8;
	out.textContent = shown ? `${n.toLocaleString(document.documentElement.lang)} / ${max.toLocaleString(document.documentElement.lang)}` : '';
	out.classList.toggle('is-over', n > max);
	form().querySelector('.composer-send').disabled = mode() === 'reply' && n > max;
}

function dress() {
	const f = form(), about = editing || (mode() === 'reply' && reply), quote = f.querySelector('.composer-quote');
	quote.hidden = !about;
	if (about) {
		quote.querySelector('.composer-quote-what').textContent = words(editing ? 'editing' : 'replying', composer());
		quote.querySelector('q').textContent = about.quote;
	}
	const later = f.querySelector('.composer-when');
	later.hidden = !when || mode() === 'note';
	if (when) later.querySelector('span').textContent = words('goes', composer(),
		new Date(when.scheduled_at).toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' }));
	f.classList.toggle('is-editing', Boolean(editing));
	f.querySelector('.composer-send span').textContent = words(editing ? 'save' : mode() === 'note' ? 'note' : 'send', composer());
	count();
	grow();
}

function put(value) {
	text().value = value;
	drafts[mode()] = value;
	dress();
}

// Text at the place of the cursor, in front of `eat` characters that it replaces.
export function insert(value, eat = 0) {
	const t = text(), at = t.selectionStart - eat;
	t.setRangeText(value, at, t.selectionEnd, 'end');
	t.dispatchEvent(new Event('input', { bubbles: true }));
	t.focus();
}

// ---- drafts: here at once, with the server a second after the last key ----------------

let saving = 0, unsaved = null;

// What the server does not have yet is kept here: a reload is faster than a save.
const localKey = (of, talk) => `draft:${of}:${talk}`;

async function saveDraft() {
	clearTimeout(saving);
	if (!unsaved) return;
	const { talk, ...values } = unsaved;
	unsaved = null;
	const done = await ask(`/inbox/${talk}/draft`, { method: 'POST', quiet: true, keepalive: true, body: new URLSearchParams(values) });
	if (done !== null && localStorage.getItem(localKey(values.mode, talk)) === values.body) localStorage.removeItem(localKey(values.mode, talk));
}

function keepDraft() {
	if (editing) return;
	drafts[mode()] = text().value;
	unsaved = { talk: talkId(), mode: mode(), body: text().value };
	localStorage.setItem(localKey(mode(), talkId()), text().value);
	clearTimeout(saving);
	saving = setTimeout(saveDraft, 1000);
}

addEventListener('pagehide', saveDraft);

let keeping = false; // the composer comes anew for the same message

function composerReady() {
	clientId = null;
	editing = null;
	if (keeping) showFiles();
	else {
		reply = when = null;
		clearFiles();
	}
	if (!form()) return;
	const kept = (of) => localStorage.getItem(localKey(of, talkId())) ?? (composer().querySelector(`template[data-draft="${of}"]`)?.content.textContent || '');
	drafts = { reply: kept('reply'), note: kept('note') };
	setMode('onlyNote' in form().dataset ? 'note' : 'reply');
}

// ---- answering and changing -------------------------------------------------------------

export function answer(id, quote) {
	if ('onlyNote' in form().dataset) return;
	if (mode() === 'note') setMode('reply');
	editing = null;
	reply = { id, quote };
	dress();
	keepDraft();
	text().focus();
}

export function change(id, content) {
	if (mode() === 'note') setMode('reply');
	editing = { id, quote: content, before: text().value };
	text().value = content;
	dress();
	text().focus();
}

function unquote() {
	if (editing) put(editing.before);
	editing = reply = null;
	dress();
	keepDraft();
	text().focus();
}

export function schedule(values) {
	when = values;
	dress();
}

// How many wait: the rest of the composer stays as it is, with what is being written.
export async function recount() {
	const id = talkId(), html = await ask(`/inbox/${id}/state`, { quiet: true });
	if (html === null || id !== talkId()) return;
	const line = parse(html).querySelector('.composer-scheduled');
	composer().querySelector('.composer-scheduled')?.remove();
	if (line) form().before(line);
}

// What was called back, or what waits and is written anew.
export async function callBack(id) {
	const answer = await ask(`/inbox/${talkId()}/messages/${id}/withdraw`, { method: 'POST' });
	if (answer === null) return null;
	const message = JSON.parse(answer);
	document.getElementById(`item-${id}`)?.remove();
	if (mode() === 'note') setMode('reply');
	clientId = null;
	put([message.content, text().value].filter(Boolean).join('\n'));
	if (message.files.length) addKnown(message.files.filter((f) => f.file_id).map((f) => ({ id: f.file_id, kind: f.kind, name: f.name })));
	keepDraft();
	text().focus();
	return message;
}

// ---- sending -------------------------------------------------------------------------------

// With a bar for files: fetch says nothing of how far an upload is.
function upload(url, body, bar) {
	return new Promise((done) => {
		const rq = new XMLHttpRequest();
		rq.open('POST', url);
		for (const [name, value] of [['HX-Request', 'true'], ['X-CSRF-Token', document.querySelector('meta[name="csrf"]').content], ['Accept', 'text/html, application/json']])
			rq.setRequestHeader(name, value);
		rq.upload.onprogress = (event) => { bar.hidden = false; bar.value = event.total ? event.loaded * 100 / event.total : 0; };
		rq.onloadend = () => {
			bar.hidden = true;
			if (rq.status === 200) { done(rq.responseText); return; }
			let problem = {};
			try { problem = JSON.parse(rq.responseText); } catch { /* a page, or nothing */ }
			toast(refusal(problem) || words(rq.status ? 'failed' : 'offline'), { bad: true });
			done(null);
		};
		rq.send(body);
	});
}

function offerUndo(html) {
	const held = new DOMParser().parseFromString(`<ol>${html}</ol>`, 'text/html').querySelector('.item[data-undo]');
	if (!held) return;
	const id = held.id.slice(5);
	toast(words('send', composer()), { undo: async () => { if (await callBack(id)) toast(words('back', composer())); } });
}

function messageBody(content) {
	const body = new FormData(), channel = form().elements.channel;
	body.append('content', content);
	body.append('client_id', clientId);
	if (reply) body.append('reply_to', reply.id);
	if (channel) body.append('channel', channel.value);
	for (const [name, value] of Object.entries(when || {})) body.append(name, value);
	intoForm(body);
	return body;
}

async function saveEdit(content) {
	const html = await ask(`/inbox/${talkId()}/messages/${editing.id}/edit`, { method: 'POST', body: new URLSearchParams({ content }) });
	if (html === null) return;
	placeItems(html);
	put(editing.before);
	editing = null;
	dress();
}

// INB-69: kept with the conversation; what is written, quoted and attached stays.
async function replyBy(select) {
	const id = talkId();
	select.disabled = true;
	await saveDraft();
	const html = await ask(`/inbox/${id}/channel`, { method: 'POST', body: new URLSearchParams({ channel: select.value }) });
	select.disabled = false;
	if (id !== talkId()) return;
	if (html === null) { refreshState(); return; }
	keeping = true;
	swapState(html);
	keeping = false;
	composer().querySelector('[data-reply-channel]')?.focus();
}

// Without a connection it waits in outbox.js.
async function deliver(action, id, body) {
	try {
		return { html: await ask(action, { method: 'POST', body, raise: true }), kept: false };
	} catch (error) {
		if (error.refused) toast(error.message, { bad: true });
		else keep(id, body);
		return { html: null, kept: !error.refused };
	}
}

let sending = false;

async function send() {
	const f = form(), note = mode() === 'note', content = text().value.trim(), id = talkId();
	if (sending || f.querySelector('.composer-send').disabled || (!content && (note || !chosen().length))) return;
	if (!note && /\{\{\s*[a-z_]\w*\s*\}\}/i.test(content)) {
		toast(words('fill', composer()), { bad: true });
		const at = text().value.search(/\{\{/);
		text().focus();
		text().setSelectionRange(at, text().value.indexOf('}}', at) + 2);
		return;
	}
	clientId ||= newId();
	sending = true;
	f.setAttribute('aria-busy', 'true');
	clearTimeout(saving);
	let html = null, kept = false;
	if (editing) {
		await saveEdit(content);
	} else if (note) {
		html = await ask(f.action, { method: 'POST', body: new URLSearchParams({ content }) });
	} else if (chosen().length) {
		html = await upload(f.action, messageBody(content), f.querySelector('.composer-progress'));
	} else {
		({ html, kept } = await deliver(f.action, id, messageBody(content)));
	}
	sending = false;
	f.removeAttribute('aria-busy');
	if (html === null && !kept && !editing) saveDraft();
	if (html === null && !kept) return; // the text stays, and so does its id
	unsaved = null;
	localStorage.removeItem(localKey(note ? 'note' : 'reply', id));
	if (id !== talkId()) return;
	clientId = null;
	if (!note) {
		if (when) toast(words('sentLater', composer()));
		if (when) recount();
		reply = when = null;
		clearFiles();
	}
	put('');
	if (kept) return;
	placeItems(html);
	toEnd();
	offerUndo(html);
	if (note) refreshState();
	refreshRows([id]);
}

// ---- what the person does ------------------------------------------------------------------------

onFiles(() => { clientId = null; });

document.addEventListener('inbox:open', composerReady);
document.addEventListener('inbox:part', ({ detail }) => { if (detail.id === 'composer') composerReady(); });

root.addEventListener('click', (event) => {
	const at = event.target.closest('button');
	if (!at || !at.closest('#composer, #items')) return;
	if (at.matches('[data-mode]')) { setMode(at.dataset.mode); showFiles(); text().focus(); }
	else if (at.matches('[data-unquote]')) unquote();
	else if (at.matches('[data-unschedule]')) { schedule(null); text().focus(); }
	else if (at.matches('[data-emoji]')) { at.closest('details').open = false; insert(at.textContent); }
	else if (at.matches('[data-undo-send]')) callBack(at.dataset.undoSend);
});

root.addEventListener('submit', (event) => {
	if (!event.target.matches('.composer-form')) return;
	event.preventDefault();
	event.stopPropagation();
	send();
});

root.addEventListener('input', (event) => {
	if (event.target.id !== 'composer-text') return;
	clientId = null; // another text is another message
	keepDraft();
	count();
	grow();
});

root.addEventListener('change', async (event) => {
	if (event.target.matches('[data-reply-channel]')) { replyBy(event.target); return; }
	const box = event.target.closest('[data-preference]');
	if (!box) return;
	if (box.dataset.preference === 'enter_sends') composer().toggleAttribute('data-enter', box.checked);
	const done = await ask('/inbox/preference', { method: 'POST', body: new URLSearchParams({ name: box.dataset.preference, on: box.checked ? '1' : '' }) });
	if (done === null) box.checked = !box.checked;
	else toast(words('preference', composer()));
});

root.addEventListener('keydown', (event) => {
	if (event.target.id !== 'composer-text' || event.defaultPrevented) return;
	if (event.key === 'Escape' && (editing || reply)) { event.stopPropagation(); unquote(); return; }
	if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
	const sends = event.ctrlKey || event.metaKey || (!phone.matches && 'enter' in composer().dataset);
	if (!sends) return; // a new line; the button sends
	event.preventDefault();
	send();
});

// The inbox: opening conversations in place, the composer with drafts and
// files, and live updates: events say what changed, the page fetches it.

import { toast } from './kontor.js';

const root = document.getElementById('inbox');
const csrf = document.querySelector('meta[name="csrf"]').content;
const phone = matchMedia('(max-width: 56rem)');

const rows = () => document.getElementById('rows');
const thread = () => document.getElementById('thread');
const items = () => document.getElementById('items');
const talkId = () => document.querySelector('.talk')?.dataset.talkId;
const listQuery = () => rows()?.dataset.query || '';

// ---- fetching ------------------------------------------------------------------

// A fragment of ours, or null after a toast that says what went wrong.
async function ask(url, options = {}) {
	try {
		const answer = await fetch(url, {
			...options,
			headers: { 'HX-Request': 'true', 'X-CSRF-Token': csrf, Accept: 'text/html, application/json', ...options.headers },
		});
		const away = answer.headers.get('HX-Redirect');
		if (away) { location.href = away; return null; }
		if (answer.ok) return await answer.text();
		const problem = await answer.json().catch(() => ({}));
		const text = [problem.message || problem.error, problem.hint].filter(Boolean).join('. ');
		const error = new Error(text || 'That did not work. Try again.');
		error.field = problem.details?.field;
		error.refused = true;
		throw error;
	} catch (error) {
		if (options.quiet) return null;
		if (options.raise) throw error;
		toast(error.refused ? error.message : 'No connection. Nothing was changed.', { bad: true });
		return null;
	}
}

function parse(html) {
	const template = document.createElement('template');
	template.innerHTML = html;
	return template.content;
}

// The parts of the page around the messages. The composer is left alone while
// its state is the same, so that nobody loses what he is typing.
function swapState(html) {
	for (const part of parse(html).querySelectorAll('#talk-head, #composer, #panel')) {
		const old = document.getElementById(part.id);
		if (!old || (part.id === 'composer' && old.dataset.state === part.dataset.state)) continue;
		const focused = old.contains(document.activeElement) && document.activeElement;
		if (part.id === 'panel') part.classList.toggle('is-open', old.classList.contains('is-open'));
		old.replaceWith(part);
		if (focused) (focused.dataset.key && part.querySelector(`[data-key="${focused.dataset.key}"]`) || part.querySelector(`[name="${focused.name}"]:not([type="hidden"])`))?.focus();
		if (part.id === 'composer') composerReady();
	}
}

// ---- the list ---------------------------------------------------------------------

function markCurrent() {
	const id = talkId();
	for (const link of document.querySelectorAll('.row-link'))
		if (link.dataset.talk === id) link.setAttribute('aria-current', 'true');
		else link.removeAttribute('aria-current');
	root.classList.toggle('has-talk', Boolean(id));
}

// Rows that changed: in their place by time, or out when the view has them no more.
function placeRows(html, ids) {
	const list = rows();
	const fresh = new Map([...parse(html).querySelectorAll('.talk-row')].map((row) => [row.dataset.id, row]));
	const focus = document.activeElement?.closest?.('.talk-row')?.dataset.id;
	for (const id of ids) {
		const old = document.getElementById(`row-${id}`), row = fresh.get(id);
		if (!row) { old?.remove(); continue; }
		if (row.classList.contains('is-unread')) row.classList.add('is-new');
		const after = [...list.querySelectorAll('.talk-row')].find((other) => other !== old && Number(other.dataset.at) <= Number(row.dataset.at));
		// Behind the last loaded row it will come with the next page.
		if (!old && !after && list.querySelector('.rows-more')) continue;
		old?.remove();
		list.insertBefore(row, after || list.querySelector('.rows-more, .rows-empty'));
	}
	if (focus) document.querySelector(`#row-${CSS.escape(focus)} a`)?.focus({ preventScroll: true });
	markCurrent();
}

async function refreshRows(ids) {
	if (!rows() || !ids.length) return;
	const url = new URL(`/inbox/rows${listQuery()}`, location.href);
	url.searchParams.set('ids', ids.join(','));
	const html = await ask(url, { quiet: true });
	if (html !== null) placeRows(html, ids);
}

async function reloadList() {
	const html = await ask(`/inbox/list${listQuery()}`, { quiet: true });
	if (html === null) return;
	rows().replaceWith(parse(html).getElementById('rows'));
	watchMore();
	markCurrent();
}

const moreSeen = new IntersectionObserver((entries) => {
	if (entries.some((entry) => entry.isIntersecting)) loadMore();
});

function watchMore() {
	moreSeen.disconnect();
	const more = document.querySelector('.rows-more');
	if (more) moreSeen.observe(more);
}

async function loadMore() {
	const more = document.querySelector('.rows-more');
	if (!more || more.dataset.busy) return;
	more.dataset.busy = '1';
	const url = new URL(`/inbox/list${listQuery()}`, location.href);
	url.searchParams.set('before', more.dataset.before);
	const html = await ask(url);
	delete more.dataset.busy;
	if (html === null) return;
	const fresh = parse(html);
	for (const row of fresh.querySelectorAll('.talk-row'))
		if (document.getElementById(row.id)) row.remove();
	more.replaceWith(fresh);
	markCurrent();
	watchMore();
}

// ---- opening a conversation ----------------------------------------------------------

let opening = 0;

async function openTalk(link, push = true) {
	const turn = ++opening;
	const slow = setTimeout(() => document.querySelector('.talk')?.classList.add('is-loading'), 150);
	const html = await ask(link.pathname + link.search);
	clearTimeout(slow);
	if (turn !== opening) return;
	document.querySelector('.talk')?.classList.remove('is-loading');
	if (html === null) return;
	document.getElementById('talk').innerHTML = html;
	if (push) history.pushState(null, '', link.href);
	talkReady();
	refreshRows([talkId()]);
}

function closeTalk() {
	document.getElementById('talk').replaceChildren();
	history.pushState(null, '', `/inbox${listQuery()}`);
	markCurrent();
}

// j and k: the next and previous row.
function step(by) {
	const links = [...document.querySelectorAll('.row-link')];
	if (!links.length) return;
	const at = links.findIndex((link) => link.hasAttribute('aria-current'));
	const next = links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + by))];
	next.scrollIntoView({ block: 'nearest' });
	openTalk(next);
}

// ---- the thread ------------------------------------------------------------------------

const KEEP = 300; // items in the page; older ones are fetched again when scrolled to

function atEnd() {
	const t = thread();
	return t.scrollHeight - t.scrollTop - t.clientHeight < 80;
}

function toEnd() {
	thread().scrollTop = thread().scrollHeight;
	document.getElementById('thread-new').hidden = true;
}

// Only the first item of a day has the line above it.
function dropDoubleDays() {
	let last = null;
	for (const line of items().querySelectorAll('.day'))
		if (line.dataset.day === last) line.remove();
		else last = line.dataset.day;
}

const URL_PATTERN = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

// Addresses in messages become links; what a customer wrote stays text otherwise.
function linkify(scope) {
	for (const p of scope.querySelectorAll('.bubble-text:not([data-linked])')) {
		p.dataset.linked = '1';
		const text = p.textContent, parts = [];
		let end = 0;
		for (const match of text.matchAll(URL_PATTERN)) {
			const a = document.createElement('a');
			a.href = match[0];
			a.textContent = match[0];
			a.target = '_blank';
			a.rel = 'noopener noreferrer nofollow';
			parts.push(text.slice(end, match.index), a);
			end = match.index + match[0].length;
		}
		if (parts.length) p.replaceChildren(...parts, text.slice(end));
	}
}

// Put items where they belong: known ones are replaced, new ones come at the end.
function placeItems(html) {
	const list = items(), fresh = parse(html), end = atEnd();
	let added = 0, inbound = 0;
	linkify(fresh);
	for (const item of fresh.querySelectorAll('.item')) {
		const old = document.getElementById(item.id);
		if (old) {
			item.classList.toggle('is-joined', old.classList.contains('is-joined'));
			old.replaceWith(item);
			continue;
		}
		const day = item.previousElementSibling?.matches('.day') ? item.previousElementSibling : null;
		const last = [...list.querySelectorAll('.item')].pop();
		if (last && last.dataset.day === item.dataset.day) day?.remove();
		else if (day) list.append(day);
		if (last && last.className.split(' ')[1] === item.classList[1] && Date.parse(item.dataset.at.slice(0, 19)) - Date.parse(last.dataset.at.slice(0, 19)) < 300000
			&& last.querySelector('.bubble-author')?.textContent === item.querySelector('.bubble-author')?.textContent)
			item.classList.add('is-joined');
		item.classList.add('is-new');
		list.append(item);
		added++;
		if (item.classList.contains('item-in')) inbound++;
	}
	if (!added) return;
	if (end) toEnd();
	else if (inbound) document.getElementById('thread-new').hidden = false;
	if (inbound) markRead();
	trim();
}

function trim() {
	const all = items().querySelectorAll('.item');
	if (all.length <= KEEP || !atEnd()) return;
	const cut = all.length - KEEP;
	for (let i = 0; i < cut; i++) {
		if (all[i].previousElementSibling?.matches('.day')) all[i].previousElementSibling.remove();
		all[i].remove();
	}
	let older = document.getElementById('items-older');
	if (!older) {
		older = document.createElement('li');
		older.id = 'items-older';
		older.className = 'items-older';
		older.innerHTML = '<span class="spinner" role="status"></span>';
		items().prepend(older);
		olderSeen.observe(older);
	}
	older.dataset.before = all[cut].dataset.at;
}

const olderSeen = new IntersectionObserver((entries) => {
	if (entries.some((entry) => entry.isIntersecting)) loadOlder();
});

async function loadOlder() {
	const older = document.getElementById('items-older'), id = talkId(), t = thread();
	if (!older || older.dataset.busy) return;
	older.dataset.busy = '1';
	const html = await ask(`/inbox/${id}/items?before=${encodeURIComponent(older.dataset.before)}`);
	if (id !== talkId()) return;
	delete older.dataset.busy;
	if (html === null) return;
	const fresh = parse(html), height = t.scrollHeight, top = t.scrollTop;
	linkify(fresh);
	older.replaceWith(fresh);
	dropDoubleDays();
	t.scrollTop = top + t.scrollHeight - height; // what was read stays where it is
	const next = document.getElementById('items-older');
	if (next) olderSeen.observe(next);
}

function markRead() {
	if (document.visibilityState === 'visible' && talkId())
		ask(`/inbox/${talkId()}/read`, { method: 'POST', quiet: true });
}

function talkReady() {
	if (!talkId()) { markCurrent(); return; }
	linkify(items());
	toEnd();
	for (const picture of items().querySelectorAll('img')) picture.addEventListener('error', () => picture.closest('a').classList.add('is-broken'));
	const older = document.getElementById('items-older');
	if (older) olderSeen.observe(older);
	composerReady();
	markCurrent();
}

// ---- the composer --------------------------------------------------------------------------

let files = [];
let clientId = null; // of the message being written; the same for every try to send it

function newId() {
	if (crypto.randomUUID) return crypto.randomUUID();
	const b = crypto.getRandomValues(new Uint8Array(16)); // pages without TLS have no randomUUID
	b[6] = (b[6] & 15) | 64;
	b[8] = (b[8] & 63) | 128;
	const hex = [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const form = () => document.querySelector('.composer-form');
const text = () => document.getElementById('composer-text');
const mode = () => (form().classList.contains('is-note') ? 'note' : 'reply');
const draftKey = () => `draft:${mode()}:${talkId()}`;

function setMode(to) {
	const f = form(), note = to === 'note';
	f.classList.toggle('is-note', note);
	f.action = note ? f.dataset.note : f.dataset.reply;
	for (const button of f.querySelectorAll('[data-mode]'))
		button.setAttribute('aria-pressed', String(button.dataset.mode === to));
	text().placeholder = note ? 'A note for the team; customers never see it' : text().dataset.placeholderReply;
	f.querySelector('.composer-send span').textContent = note ? 'Add note' : 'Send';
	text().value = localStorage.getItem(draftKey()) || '';
	grow();
}

// For browsers without field-sizing.
function grow() {
	if (CSS.supports('field-sizing', 'content')) return;
	text().style.height = 'auto';
	text().style.height = `${text().scrollHeight}px`;
}

function showFiles() {
	const list = form().querySelector('.composer-files');
	list.replaceChildren(...files.map((file, i) => {
		const li = document.createElement('li'), name = document.createElement('span'), remove = document.createElement('button');
		name.textContent = file.name;
		remove.type = 'button';
		remove.setAttribute('aria-label', `Remove ${file.name}`);
		remove.innerHTML = '<svg class="icon" aria-hidden="true"><use href="/assets/vendor/icons.svg#x"/></svg>';
		remove.onclick = () => { files.splice(i, 1); showFiles(); text().focus(); };
		li.append(name, remove);
		return li;
	}));
}

function addFiles(list) {
	if (mode() === 'note' || !document.getElementById('composer-file')) return;
	for (const file of list) {
		if (file.size > 25 * 1024 * 1024) toast(`${file.name} is larger than 25 MB`, { bad: true });
		else if (files.length < 10) files.push(file);
	}
	clientId = null;
	showFiles();
}

function composerReady() {
	files = [];
	clientId = null;
	if (form()) setMode('onlyNote' in form().dataset ? 'note' : 'reply');
}

async function send() {
	const f = form(), note = mode() === 'note', content = text().value.trim(), id = talkId();
	const button = f.querySelector('.composer-send');
	if (button.disabled || (!content && (note || !files.length))) return;
	clientId ||= newId();
	const body = new FormData();
	body.append('content', content);
	body.append('client_id', clientId);
	if (!note) for (const file of files) body.append('files', file);
	button.disabled = true;
	const html = await ask(f.action, { method: 'POST', body: note ? new URLSearchParams({ content }) : body });
	button.disabled = false;
	if (html === null) return; // the text stays, and so does its id
	localStorage.removeItem(`draft:${note ? 'note' : 'reply'}:${id}`);
	if (id !== talkId()) return;
	clientId = null;
	files = [];
	showFiles();
	text().value = '';
	grow();
	placeItems(html);
	toEnd();
	if (note) refreshState();
	refreshRows([id]);
}

// ---- changes -----------------------------------------------------------------------------------

async function change(f) {
	const id = talkId(), html = await ask(f.action, { method: 'POST', body: new URLSearchParams(new FormData(f)) });
	if (html === null) { refreshState(); return; }
	if (id === talkId()) swapState(html);
	refreshRows([id]);
	if (!('undo' in f.dataset)) return;
	const status = f.elements.status.value;
	toast(status === 'CLOSED' ? 'Conversation closed' : 'Conversation reopened', {
		undo: async () => {
			const back = await ask(f.action, { method: 'POST', body: new URLSearchParams({ status: status === 'CLOSED' ? 'OPEN' : 'CLOSED' }) });
			if (back !== null && id === talkId()) swapState(back);
			if (back !== null) refreshRows([id]);
		},
	});
}

async function dialogForm(f) {
	const problem = f.querySelector('.form-problem');
	problem.hidden = true;
	try {
		const html = await ask(f.action, { method: 'POST', body: new URLSearchParams(new FormData(f)), raise: true });
		if (html === null) return;
		f.closest('dialog').close();
		f.reset();
		swapState(html);
		toast(f.dataset.dialogForm);
	} catch (error) {
		problem.textContent = error.refused ? error.message : 'No connection. Nothing was changed.';
		problem.hidden = false;
		f.elements[error.field]?.focus();
	}
}

async function refreshState() {
	const id = talkId();
	if (!id) return;
	const html = await ask(`/inbox/${id}/state`, { quiet: true });
	if (html !== null && id === talkId()) swapState(html);
}

// ---- live ----------------------------------------------------------------------------------------

let changed = { rows: new Set(), items: new Set(), state: false };
let busy = false, planned = 0;

async function catchUp() {
	planned = 0;
	if (busy) return;
	busy = true;
	const { rows: talks, items: messages, state } = changed, id = talkId();
	changed = { rows: new Set(), items: new Set(), state: false };
	try {
		const work = [];
		if (messages.size && id) {
			const ids = [...messages].slice(-50).join(',');
			work.push(ask(`/inbox/${id}/items?ids=${ids}`, { quiet: true }).then((html) => html !== null && id === talkId() && placeItems(html)));
		}
		if (state && id) work.push(refreshState());
		if (talks.size > 50) work.push(reloadList());
		else work.push(refreshRows([...talks]));
		await Promise.all(work);
	} finally {
		busy = false;
		if (changed.rows.size || changed.items.size || changed.state) plan();
	}
}

// Soon, and many at once: a burst of events costs a few requests.
function plan() {
	if (!planned && !busy) planned = setTimeout(catchUp, 40);
}

document.addEventListener('kontor:event', ({ detail: event }) => {
	const talk = event.conversation_id;
	if (!talk) return;
	changed.rows.add(talk);
	if (talk === talkId()) {
		if (event.record_type === 'message') changed.items.add(event.record_id);
		else if (event.type === 'note.created') resyncThread();
		if (event.type !== 'inbox.changed' && (event.record_type !== 'message' || event.type === 'message.received')) changed.state = true;
	}
	plan();
});

async function resyncThread() {
	const id = talkId();
	if (!id) return;
	const html = await ask(`/inbox/${id}/items`, { quiet: true });
	if (html !== null && id === talkId()) placeItems(html);
}

document.addEventListener('kontor:resync', () => {
	reloadList();
	resyncThread();
	refreshState();
});

document.addEventListener('visibilitychange', () => {
	if (document.visibilityState === 'visible' && document.querySelector(`#row-${talkId()}.is-unread`)) markRead();
});

// ---- what the person does ----------------------------------------------------------------------------

root.addEventListener('click', (event) => {
	const link = event.target.closest('a[data-talk]');
	if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
		event.preventDefault();
		openTalk(link);
		return;
	}
	const at = event.target.closest('button, a');
	if (!at) return;
	if (at.matches('[data-more]')) { event.preventDefault(); loadMore(); }
	else if (at.matches('.talk-back')) { event.preventDefault(); closeTalk(); }
	else if (at.matches('#thread-new')) toEnd();
	else if (at.matches('[data-mode]')) { setMode(at.dataset.mode); text().focus(); }
	else if (at.matches('[data-retry]')) retry(at);
	else if (at.matches('#panel-toggle')) showPanel(!document.getElementById('panel').classList.contains('is-open'));
	else if (at.matches('#panel-close')) showPanel(false);
});

async function retry(button) {
	button.disabled = true;
	const html = await ask(`/inbox/${talkId()}/messages/${button.dataset.retry}/retry`, { method: 'POST' });
	button.disabled = false;
	if (html !== null) placeItems(html);
}

function showPanel(on) {
	document.getElementById('panel').classList.toggle('is-open', on);
	document.getElementById('panel-toggle').setAttribute('aria-expanded', String(on));
	(on ? document.getElementById('panel-close') : document.getElementById('panel-toggle')).focus();
}

root.addEventListener('submit', (event) => {
	const f = event.target;
	if (f.matches('.composer-form')) { event.preventDefault(); event.stopPropagation(); send(); }
	else if (f.matches('[data-change]')) { event.preventDefault(); change(f); }
	else if (f.matches('[data-dialog-form]')) { event.preventDefault(); dialogForm(f); }
	else if (f.matches('.search')) { event.preventDefault(); htmx.trigger(f.elements.q, 'search'); }
});

root.addEventListener('change', (event) => {
	if (event.target.matches('.talk-assign select')) change(event.target.form);
	else if (event.target.matches('#composer-file')) { addFiles(event.target.files); event.target.value = ''; text().focus(); }
});

root.addEventListener('input', (event) => {
	if (event.target.id !== 'composer-text') return;
	clientId = null; // another text is another message
	if (event.target.value.trim()) localStorage.setItem(draftKey(), event.target.value);
	else localStorage.removeItem(draftKey());
	grow();
});

root.addEventListener('keydown', (event) => {
	if (event.target.id !== 'composer-text' || event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
	if (phone.matches && !event.ctrlKey) return; // there Enter is a new line, the button sends
	event.preventDefault();
	send();
});

root.addEventListener('paste', (event) => {
	if (event.target.id === 'composer-text' && event.clipboardData.files.length) {
		event.preventDefault();
		addFiles(event.clipboardData.files);
	}
});
for (const name of ['dragover', 'dragleave', 'drop'])
	root.addEventListener(name, (event) => {
		const f = event.target.closest('.composer-form');
		if (!f || !event.dataTransfer.types.includes('Files')) return;
		event.preventDefault();
		f.classList.toggle('is-over', name === 'dragover');
		if (name === 'drop') addFiles(event.dataTransfer.files);
	});

document.addEventListener('keydown', (event) => {
	if (event.key === 'Escape') {
		if (document.querySelector('.talk-panel.is-open')) showPanel(false);
		return;
	}
	if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
	if (event.target.closest('input, textarea, select')) return;
	if (event.key === 'j') step(1);
	else if (event.key === 'k') step(-1);
});

// The search writes itself into the address, so that a reload shows the same.
document.addEventListener('htmx:afterSwap', (event) => {
	if (event.detail.target.id !== 'rows' && !document.getElementById('rows')) return;
	watchMore();
	markCurrent();
	history.replaceState(null, '', location.pathname + listQuery());
});

addEventListener('popstate', () => {
	if (/^\/inbox\/[0-9a-f-]{36}$/.test(location.pathname)) openTalk(location, false);
	else if (location.pathname === '/inbox') { document.getElementById('talk').replaceChildren(); markCurrent(); }
});

watchMore();
talkReady();

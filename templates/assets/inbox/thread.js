// The thread: items in their places, older and newer ones on scroll, never more
// than KEEP in the page, however long it is.

import { ask, items, parse, root, talkId, thread } from './base.js';
import { prepare } from './bubble.js';
import { rowOf } from './list.js';

const KEEP = 250; // items in the page; others are fetched again when scrolled to

const newer = () => document.getElementById('items-newer');

function atEnd() {
	const t = thread();
	return !newer() && t.scrollHeight - t.scrollTop - t.clientHeight < 80;
}

function far() {
	const t = thread();
	return Boolean(newer()) || t.scrollHeight - t.scrollTop - t.clientHeight > 600;
}

function showJump() {
	const jump = document.getElementById('thread-jump');
	if (jump) jump.hidden = !far();
}

export async function toEnd() {
	if (newer()) await reload();
	thread().scrollTop = thread().scrollHeight;
	document.getElementById('thread-new').hidden = true;
	showJump();
}

async function reload() {
	const id = talkId(), html = await ask(`/inbox/${id}/items`);
	if (html === null || id !== talkId()) return;
	fill(html);
}

function fill(html) {
	const fresh = parse(html);
	prepare(fresh);
	items().replaceChildren(fresh);
	watch();
}

// Only the first item of a day has the line above it.
function dropDoubleDays() {
	let last = null;
	for (const line of items().querySelectorAll('.day'))
		if (line.dataset.day === last) line.remove();
		else last = line.dataset.day;
}

// Put items where they belong: known ones are replaced, new ones come at the end.
export function placeItems(html) {
	const list = items(), fresh = parse(html), end = atEnd();
	let added = 0, inbound = 0;
	prepare(fresh);
	for (const item of fresh.querySelectorAll('.item')) {
		const old = document.getElementById(item.id);
		if (old) {
			item.classList.toggle('is-joined', old.classList.contains('is-joined'));
			old.replaceWith(item);
			continue;
		}
		if (item.classList.contains('item-in')) inbound++;
		if (newer()) continue; // it comes with those below
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
	}
	if (!added && !inbound) return;
	if (end) toEnd();
	else if (inbound) document.getElementById('thread-new').hidden = false;
	if (inbound) markRead();
	if (end) trimTop();
	showJump();
}

function sentinel(id, name, value) {
	let li = document.getElementById(id);
	if (!li) {
		li = document.createElement('li');
		li.id = id;
		li.className = 'items-older';
		const spinner = document.createElement('span');
		spinner.className = 'spinner';
		li.append(spinner);
		if (id === 'items-older') items().prepend(li);
		else items().append(li);
	}
	li.dataset[name] = value;
	return li;
}

function trimTop() {
	const list = [...items().querySelectorAll('.item')], cut = list.length - KEEP;
	if (cut <= 0) return;
	const t = thread(), was = t.scrollHeight - t.scrollTop;
	for (const item of list.slice(0, cut)) {
		while (item.previousElementSibling?.matches('.day, .unread-line')) item.previousElementSibling.remove();
		item.remove();
	}
	sentinel('items-older', 'before', list[cut].dataset.at);
	watch();
	t.scrollTop = t.scrollHeight - was;
}

function trimBottom() {
	const list = [...items().querySelectorAll('.item')];
	if (list.length <= KEEP) return;
	for (const item of list.slice(KEEP)) {
		while (item.previousElementSibling?.matches('.day, .unread-line')) item.previousElementSibling.remove();
		item.remove();
	}
	sentinel('items-newer', 'after', list[KEEP - 1].dataset.at);
	watch();
}

const edgeSeen = new IntersectionObserver((entries) => {
	for (const entry of entries) {
		if (!entry.isIntersecting) continue;
		if (entry.target.id === 'items-older') loadOlder();
		else loadNewer();
	}
}, { rootMargin: '300px 0px' });

function watch() {
	edgeSeen.disconnect();
	for (const id of ['items-older', 'items-newer']) {
		const edge = document.getElementById(id);
		if (edge) edgeSeen.observe(edge);
	}
}

async function loadOlder() {
	const older = document.getElementById('items-older'), id = talkId(), t = thread();
	if (!older || older.dataset.busy) return;
	older.dataset.busy = '1';
	const html = await ask(`/inbox/${id}/items?before=${encodeURIComponent(older.dataset.before)}`);
	if (id !== talkId()) return;
	delete older.dataset.busy;
	if (html === null || !older.isConnected) return;
	const fresh = parse(html), height = t.scrollHeight, top = t.scrollTop;
	fresh.querySelector('.unread-line')?.remove();
	prepare(fresh);
	older.replaceWith(fresh);
	dropDoubleDays();
	t.scrollTop = top + t.scrollHeight - height; // what was read stays where it is
	trimBottom();
	watch();
	showJump();
}

async function loadNewer() {
	const edge = newer(), id = talkId();
	if (!edge || edge.dataset.busy) return;
	edge.dataset.busy = '1';
	const html = await ask(`/inbox/${id}/items?after=${encodeURIComponent(edge.dataset.after)}`);
	if (id !== talkId()) return;
	delete edge.dataset.busy;
	if (html === null || !edge.isConnected) return;
	const fresh = parse(html);
	fresh.querySelector('#items-older')?.remove();
	prepare(fresh);
	edge.replaceWith(fresh);
	dropDoubleDays();
	trimTop();
	watch();
	showJump();
}

// A message anywhere in the thread: it is fetched with those around it.
export async function showMessage(id) {
	if (!document.getElementById(`item-${id}`)) {
		const talk = talkId(), html = await ask(`/inbox/${talk}/items?around=${encodeURIComponent(id)}`);
		if (html === null || talk !== talkId()) return;
		fill(html);
	}
	const item = document.getElementById(`item-${id}`);
	if (!item) return;
	item.scrollIntoView({ block: 'center' });
	item.classList.remove('is-shown');
	requestAnimationFrame(() => item.classList.add('is-shown'));
	showJump();
}

export function markRead() {
	if (document.visibilityState === 'visible' && talkId())
		ask(`/inbox/${talkId()}/read`, { method: 'POST', quiet: true });
}

export async function resyncThread() {
	const id = talkId();
	if (!id || newer()) return;
	const html = await ask(`/inbox/${id}/items`, { quiet: true });
	if (html !== null && id === talkId()) placeItems(html);
}

export function openThread() {
	prepare(items());
	thread().scrollTop = thread().scrollHeight;
	const line = document.getElementById('unread-line');
	if (line && line.offsetTop < thread().scrollTop) line.scrollIntoView({ block: 'start' });
	watch();
	thread().addEventListener('scroll', showJump, { passive: true });
	showJump();
	const at = /^#item-([0-9a-f-]{36})$/.exec(location.hash);
	if (at) showMessage(at[1]);
}

root.addEventListener('click', (event) => {
	if (event.target.closest('#thread-new, #thread-jump')) toEnd();
});

document.addEventListener('visibilitychange', () => {
	if (document.visibilityState === 'visible' && rowOf(talkId())?.classList.contains('is-unread')) markRead();
});

// The same for what was looked for: it is marked until the next one is.
export async function jumpTo(id) {
	await showMessage(id);
	for (const old of items().querySelectorAll('.is-found')) old.classList.remove('is-found');
	document.getElementById(`item-${id}`)?.classList.add('is-found');
}

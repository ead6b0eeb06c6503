// The list: rows that change, its next page, the mark of the open conversation.
//
// However far somebody scrolls, only the rows around what he sees are in the page;
// the others wait in `all`, in their order.

import { ask, listQuery, parse, root, rows, talkId, tell } from './base.js';

const MANY = 120; // up to here all are in the page
const AROUND = 30;

let all = [];
let height = 0; // of a row
let window_ = [0, 0];
const above = space(), below = space();

function space() {
	const li = document.createElement('li');
	li.className = 'rows-space';
	li.setAttribute('role', 'presentation');
	return li;
}

export const allRows = () => all;
export const rowOf = (id) => all.find((row) => row.dataset.id === id);

// The children of the list become these, and what stays is not touched.
function patch(wanted) {
	const list = rows();
	let at = list.firstChild;
	for (const node of wanted) {
		if (node === at) at = at.nextSibling;
		else list.insertBefore(node, at);
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}

function range() {
	if (all.length <= MANY) return [0, all.length];
	height = all.find((row) => row.isConnected && row.offsetHeight)?.offsetHeight || height || 68;
	const list = rows(), first = Math.floor(list.scrollTop / height);
	return [Math.max(0, first - AROUND), Math.min(all.length, first + Math.ceil(list.clientHeight / height) + AROUND)];
}

function render() {
	const list = rows(), focus = document.activeElement?.closest?.('.talk-row');
	let [from, to] = range();
	const at = focus ? all.indexOf(focus) : -1; // who has the focus stays
	if (at >= 0 && at < from && from - at < MANY) from = at;
	if (at >= to && at - to < MANY) to = at + 1;
	window_ = [from, to];
	above.style.height = `${from * height}px`;
	below.style.height = `${(all.length - to) * height}px`;
	patch([list.querySelector('.rows-count'), from > 0 && above, ...all.slice(from, to), to < all.length && below,
		list.querySelector('.rows-more'), list.querySelector('.rows-empty')].filter(Boolean));
	tell('rows');
}

let asked = 0;
function scrolled() {
	if (asked || all.length <= MANY) return;
	asked = requestAnimationFrame(() => {
		asked = 0;
		const [from, to] = range();
		if (Math.abs(from - window_[0]) > 10 || Math.abs(to - window_[1]) > 10) render();
	});
}

// What the server sent becomes the list.
function adopt() {
	all = [...rows().querySelectorAll('.talk-row')];
	rows().addEventListener('scroll', scrolled, { passive: true });
	watchMore();
	markCurrent();
	tell('rows');
}

export function markCurrent() {
	const id = talkId();
	for (const row of all) {
		const link = row.querySelector('.row-link');
		if (row.dataset.id === id) link.setAttribute('aria-current', 'true');
		else link.removeAttribute('aria-current');
	}
	root.classList.toggle('has-talk', Boolean(id));
}

const before = (a, b) => Number(a.dataset.leg) - Number(b.dataset.leg) || Number(b.dataset.at) - Number(a.dataset.at);

// Rows that changed: in their place, or out when the list has them no more.
function placeRows(html, ids) {
	const fresh = new Map([...parse(html).querySelectorAll('.talk-row')].map((row) => [row.dataset.id, row]));
	const focus = document.activeElement?.closest?.('.talk-row')?.dataset.id;
	for (const id of ids) {
		const old = rowOf(id), row = fresh.get(id);
		if (old) all.splice(all.indexOf(old), 1);
		if (!row) continue;
		if (row.classList.contains('is-unread')) row.classList.add('is-new');
		const at = all.findIndex((other) => before(row, other) <= 0);
		// Behind the last loaded row it will come with the next page.
		if (!old && at < 0 && rows().querySelector('.rows-more')) continue;
		all.splice(at < 0 ? all.length : at, 0, row);
	}
	render();
	if (focus) rowOf(focus)?.querySelector('a').focus({ preventScroll: true });
	markCurrent();
}

export async function refreshRows(ids) {
	if (!rows() || !ids.length) return;
	const url = new URL(`/inbox/rows${listQuery()}`, location.href);
	url.searchParams.set('ids', ids.join(','));
	const html = await ask(url, { quiet: true });
	if (html !== null) placeRows(html, ids);
}

export async function reloadList(loud = false) {
	const html = await ask(`/inbox/list${listQuery()}`, { quiet: !loud });
	if (html === null) return;
	rows().replaceWith(parse(html).getElementById('rows'));
	adopt();
}

const moreSeen = new IntersectionObserver((entries) => {
	if (entries.some((entry) => entry.isIntersecting)) loadMore();
});

function watchMore() {
	moreSeen.disconnect();
	const more = document.querySelector('.rows-more');
	if (more) moreSeen.observe(more);
}

export async function loadMore() {
	const more = document.querySelector('.rows-more');
	if (!more || more.dataset.busy) return;
	more.dataset.busy = '1';
	const url = new URL(`/inbox/list${listQuery()}`, location.href);
	url.searchParams.set('before', more.dataset.before);
	const html = await ask(url);
	delete more.dataset.busy;
	if (html === null) return;
	const fresh = parse(html), known = new Set(all.map((row) => row.dataset.id));
	const next = fresh.querySelector('.rows-more');
	all.push(...[...fresh.querySelectorAll('.talk-row')].filter((row) => !known.has(row.dataset.id)));
	if (next) more.replaceWith(next);
	else more.remove();
	render();
	markCurrent();
	watchMore();
}

// The row is brought into the page before somebody goes there.
export function showRow(row) {
	const list = rows(), at = all.indexOf(row);
	if (at >= 0 && !row.isConnected) {
		list.scrollTop = at * height;
		render();
	}
	row.scrollIntoView({ block: 'nearest' });
}

document.addEventListener('inbox:open', markCurrent);

// The search writes itself into the address, so that a reload shows the same.
document.addEventListener('htmx:afterSwap', (event) => {
	if (event.detail.target.id !== 'rows' && !document.getElementById('rows')) return;
	adopt();
	history.replaceState(null, '', location.pathname + listQuery());
});

root.addEventListener('submit', (event) => {
	if (event.target.matches('.filter-form')) {
		for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true; // short addresses
		setTimeout(() => { for (const field of event.target.elements) field.disabled = false; });
		return;
	}
	if (!event.target.matches('.search')) return;
	event.preventDefault();
	htmx.trigger(event.target.elements.q, 'search');
});

root.addEventListener('click', (event) => {
	if (!event.target.closest('[data-more]')) return;
	event.preventDefault();
	loadMore();
});

adopt();

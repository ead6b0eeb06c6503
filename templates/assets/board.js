// The board of deals: dragging by mouse, touch and keyboard, what a card offers,
// quick adding, and live changes. Words come from data attributes of the page.
import { toast } from './kontor.js';

const results = document.getElementById('results');
const says = document.getElementById('board-says');
const board = () => document.getElementById('board');
const columns = () => [...board().querySelectorAll('.column')];
const columnOf = (stage) => columns().find((c) => c.dataset.stage === stage);
const columnName = (column) => column.querySelector('h2').textContent.trim();
const cards = (column) => column.querySelector('[data-cards]');
const titleOf = (card) => card.querySelector('a').textContent;
const text = (name, value) => (board()?.dataset[`text${name}`] || '').replace('%s', value ?? '');
const rtl = () => document.documentElement.dir === 'rtl';

function tell(words) {
	if (says) says.textContent = words;
}

// POST; {ok, status, data}. A redirect means that it worked.
async function send(url, values = {}) {
	const token = document.querySelector('meta[name="csrf"]').content;
	try {
		const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(values), redirect: 'manual',
			headers: { 'X-CSRF-Token': token, Accept: 'application/json' } });
		if (answer.type === 'opaqueredirect') return { ok: true, data: {} };
		return { ok: answer.ok, status: answer.status, data: await answer.json().catch(() => ({})) };
	} catch {
		return { ok: false, status: 0, data: { error: text('Offline') } };
	}
}

// ---- places ---------------------------------------------------------------------

// Columns are in the order of arrival, the newest first; place is "time_id".
function later(a, b) {
	const [at, ai] = a.split('_'), [bt, bi] = b.split('_');
	return at === bt ? ai > bi : at.length === bt.length ? at > bt : at.length > bt.length;
}

function insert(card, column) {
	const list = cards(column);
	const after = [...list.querySelectorAll('.deal-card')].find((c) => c !== card && !later(c.dataset.place, card.dataset.place));
	const more = list.querySelector('.column-more');
	if (after) after.before(card);
	else if (more) return; // its turn comes when the column is read further
	else list.append(card);
}

const toTop = (card, column) => {
	const add = cards(column).querySelector('.quick-add');
	if (add) add.after(card); else cards(column).prepend(card);
};

function showTotals(root) {
	for (const row of root.querySelectorAll('data')) {
		const column = columnOf(row.value);
		if (!column) continue;
		column.querySelector('[data-count]').textContent = row.dataset.count;
		const amount = column.querySelector('[data-amount]'), weighted = column.querySelector('[data-weighted]');
		amount.textContent = row.dataset.amount;
		amount.title = row.dataset.amountFull;
		if (weighted) {
			weighted.textContent = row.dataset.weighted;
			weighted.closest('.column-weighted').hidden = !row.dataset.weighted;
		}
	}
	const sum = root.querySelector('output');
	if (!sum) return;
	for (const [name, value, full] of [['count', sum.dataset.count], ['amount', sum.dataset.amount, sum.dataset.amountFull],
		['weighted', sum.dataset.weighted, sum.dataset.weightedFull]]) {
		const place = results.querySelector(`[data-sum-${name}]`);
		if (!place) continue;
		place.textContent = value;
		if (full !== undefined) place.title = full;
		const line = place.closest(`[data-sum-${name}-line]`);
		if (line) line.hidden = !value;
	}
}

// ---- what changes elsewhere -----------------------------------------------------

const wanted = { ids: new Set(), tasks: new Set() };
let dragging = false, carried = null, asking = null, timer = 0, reading = false, anew = false;

const busy = () => dragging || carried;

function want(kind, id) {
	wanted[kind].add(id);
	if (wanted[kind].size > 50) anew = true;
	timer ||= setTimeout(look, 20);
}

// Only the cards that changed, and the sums.
async function look() {
	timer = 0;
	if (reading || !board()) return;
	if (busy()) return; // the hand comes first; whoever lets go looks again
	if (anew) return redraw();
	const ids = [...wanted.ids], tasks = [...wanted.tasks];
	if (!ids.length && !tasks.length) return;
	wanted.ids.clear();
	wanted.tasks.clear();
	reading = true;
	const answer = await fetch(`/deals/patch?${board().dataset.query}ids=${ids}&tasks=${tasks}`).catch(() => null);
	const html = answer?.ok ? await answer.text() : '';
	reading = false;
	if (!answer?.ok) return;
	if (busy()) {
		for (const id of ids) wanted.ids.add(id);
		for (const id of tasks) wanted.tasks.add(id);
		return;
	}
	const fresh = document.createElement('template');
	fresh.innerHTML = html;
	showTotals(fresh.content);
	const found = new Set();
	for (const card of [...fresh.content.querySelectorAll('.deal-card')]) {
		found.add(card.dataset.id);
		put(card);
	}
	for (const id of ids) if (!found.has(id)) document.getElementById(`deal-${id}`)?.remove();
	if (wanted.ids.size || wanted.tasks.size || anew) timer ||= setTimeout(look, 20);
}

function put(card) {
	const old = document.getElementById(card.id);
	const to = columnOf(card.dataset.stage);
	if (!to) { old?.remove(); return; }
	if (old?.isEqualNode(card) && old.closest('.column') === to) return;
	const focused = old?.contains(document.activeElement);
	const was = old?.closest('.column');
	if (was === to && old.dataset.place === card.dataset.place) {
		old.replaceWith(card);
	} else {
		old?.remove();
		insert(card, to);
		card.classList.add('arrived');
		card.addEventListener('animationend', () => card.classList.remove('arrived'), { once: true });
	}
	window.htmx?.process(card);
	if (focused && card.isConnected) card.querySelector('a').focus({ preventScroll: true });
	if (asking && asking.id === card.id) asking = card;
}

function redraw() {
	anew = false;
	wanted.ids.clear();
	wanted.tasks.clear();
	if (document.querySelector('dialog[open], .quick-add')) { anew = true; setTimeout(look, 1000); return; }
	const focused = document.activeElement?.closest?.('.deal-card')?.id;
	const scroll = new Map(columns().map((c) => [c.dataset.stage, cards(c).scrollTop])), aside = board().scrollLeft;
	window.htmx.ajax('GET', location.pathname + location.search, { target: '#results', swap: 'innerHTML' }).then(() => {
		if (!board()) return;
		for (const c of columns()) cards(c).scrollTop = scroll.get(c.dataset.stage) || 0;
		board().scrollLeft = aside;
		if (focused) document.getElementById(focused)?.querySelector('a').focus({ preventScroll: true });
	});
}

function released() {
	if (wanted.ids.size || wanted.tasks.size || anew) timer ||= setTimeout(look, 20);
}

// ---- moving --------------------------------------------------------------------------

const fill = (dialog, card) => {
	const place = dialog.querySelector('[data-deal]');
	if (place) place.textContent = titleOf(card);
};

// The reason of a loss; null when he thinks again.
function askReason(card) {
	const dialog = document.getElementById('lost');
	if (!dialog?.querySelector('[name="reason"]')) return Promise.resolve('');
	fill(dialog, card);
	dialog.querySelector('form').reset();
	dialog.returnValue = '';
	dialog.showModal();
	return new Promise((done) => {
		dialog.addEventListener('close', () => done(dialog.returnValue === 'lost'
			? dialog.querySelector('[name="reason"]:checked')?.value ?? '' : null), { once: true });
	});
}
document.querySelector('[data-lost-cancel]')?.addEventListener('click', () => document.getElementById('lost').close(''));

function giveBack(card, from, next) {
	const now = document.getElementById(card.id) || card;
	if (next?.isConnected && next.parentElement === cards(from)) next.before(now); else toTop(now, from);
	tell(text('NotMoved'));
}

// The card is already where it should be; from and next are where it goes when
// the answer is no. Undo moves back with the probability of before.
async function move(card, from, to, { next = null, probability = '', quiet = false } = {}) {
	if (from === to) return;
	let reason = '';
	if (to.hasAttribute('data-lost') && !quiet) {
		reason = await askReason(card);
		if (reason === null) { giveBack(card, from, next); return; }
	}
	const stage = to.dataset.stage;
	const { ok, data } = await send(`/deals/${card.dataset.id}/move?${board().dataset.query}`, { stage, probability, reason });
	if (!ok) {
		giveBack(card, from, next);
		if (Array.isArray(data.details)) showGate(card, data);
		else toast(data.error || text('Failed'), { bad: true });
		return;
	}
	want('ids', card.dataset.id);
	card.dataset.stage = stage;
	tell(text('Moved', columnName(to)));
	if (!data.moved || quiet) return;
	if (to.hasAttribute('data-won')) celebrate(card);
	const back = from.dataset.stage, was = data.moved.from_probability;
	const words = [to.hasAttribute('data-won') ? text('Won') : text('Moved', columnName(to)), ...(data.warnings || [])].join(' · ');
	toast(words, back ? { undo: () => {
		// The board may have been drawn again since.
		const now = document.getElementById(card.id) || card;
		const there = columnOf(back), here = now.closest('.column');
		if (!there || !here) return;
		toTop(now, there);
		move(now, here, there, { probability: was ?? '', quiet: true });
	} } : {});
}

function celebrate(card) {
	const now = document.getElementById(card.id) || card;
	now.classList.add('celebrate');
	setTimeout(() => document.getElementById(card.id)?.classList.remove('celebrate'), 1600);
}

// What a gate lacks, each with the way to it.
function showGate(card, data) {
	const dialog = document.getElementById('gate'), list = dialog.querySelector('[data-gate-list]');
	const row = document.getElementById('gate-row').content.firstElementChild;
	const ways = { field: (u) => `/deals/${card.dataset.id}/edit#${u.field}`, task: () => `/deals/${card.dataset.id}#tasks` };
	fill(dialog, card);
	dialog.querySelector('[data-gate-hint]').textContent = data.hint || '';
	list.replaceChildren(...data.details.map((unmet) => {
		const line = row.cloneNode(true);
		line.querySelector('[data-message]').textContent = unmet.message;
		for (const way of line.querySelectorAll('[data-for]')) {
			if (way.dataset.for !== unmet.kind) way.remove();
			else if (ways[unmet.kind]) way.href = ways[unmet.kind](unmet);
		}
		return line;
	}));
	dialog.showModal();
}

function setUpBoard() {
	showFilters();
	if (!board() || !window.Sortable) return;
	for (const list of board().querySelectorAll('[data-cards]')) {
		let next = null;
		window.Sortable.create(list, {
			group: { name: 'deals', put: () => Boolean(list.closest('.column').dataset.stage) },
			sort: false,
			draggable: '.deal-card',
			filter: '.deal-card-menu',
			preventOnFilter: false,
			animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 140,
			// The browser's own dragging would drag the link in the card.
			forceFallback: true,
			fallbackOnBody: true,
			fallbackTolerance: 4,
			delay: 180,
			delayOnTouchOnly: true,
			touchStartThreshold: 5,
			scrollSensitivity: 60,
			// From the touch on: a card that is exchanged under the finger is lost to it.
			onChoose: () => { dragging = true; },
			onUnchoose: () => {
				if (board()?.classList.contains('dragging')) return; // onEnd follows
				dragging = false;
				released();
			},
			onStart: ({ item }) => { dragging = true; next = item.nextElementSibling; board().classList.add('dragging'); },
			onEnd: ({ item, from, to }) => {
				dragging = false;
				board().classList.remove('dragging');
				if (from !== to) {
					toTop(item, to.closest('.column'));
					move(item, from.closest('.column'), to.closest('.column'), { next });
				}
				released();
			},
		});
	}
}

// By keyboard: m picks the card up, left and right carry it, Enter leaves it
// there, Escape brings it back.
function carry(card) {
	carried = { card, from: card.closest('.column'), next: card.nextElementSibling };
	card.classList.add('moving');
	tell(text('Carry', titleOf(card)));
}

function drop(keep) {
	const { card, from, next } = carried;
	const to = card.closest('.column');
	carried = null;
	card.classList.remove('moving');
	if (!keep) giveBack(card, from, next);
	else move(card, from, to, { next });
	card.querySelector('a').focus();
	released();
}

function step(card, by) {
	const all = columns().filter((c) => c.dataset.stage);
	const next = all[all.indexOf(card.closest('.column')) + by];
	if (!next) return;
	toTop(card, next);
	card.querySelector('a').focus();
	card.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	tell(columnName(next));
}

function walkTo(card, key) {
	const column = card.closest('.column');
	const within = (c) => [...cards(c).querySelectorAll('.deal-card')];
	const siblings = within(column);
	const at = siblings.indexOf(card);
	let next;
	if (key === 'ArrowDown') next = siblings[at + 1];
	else if (key === 'ArrowUp') next = siblings[at - 1];
	else {
		const all = columns();
		const by = (key === 'ArrowRight') !== rtl() ? 1 : -1;
		for (let i = all.indexOf(column) + by; all[i] && !next; i += by)
			next = within(all[i])[Math.min(at, within(all[i]).length - 1)];
	}
	next?.querySelector('a').focus();
	next?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

results?.addEventListener('keydown', (event) => {
	const card = event.target.closest('.deal-card');
	if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
	const sideways = event.key === 'ArrowLeft' || event.key === 'ArrowRight';
	if (carried) {
		if (sideways) step(carried.card, (event.key === 'ArrowRight') !== rtl() ? 1 : -1);
		else if (event.key === 'Enter' || event.key === 'm') drop(true);
		else if (event.key === 'Escape') drop(false);
		else return;
	} else if (event.key === 'm') {
		carry(card);
	} else if (event.key === '.') {
		openMenu(card, card.querySelector('[data-menu]'));
	} else if (sideways || event.key === 'ArrowUp' || event.key === 'ArrowDown') {
		walkTo(card, event.key);
	} else {
		return;
	}
	event.preventDefault();
	event.stopPropagation();
});
results?.addEventListener('focusout', () => setTimeout(() => {
	if (carried && !carried.card.contains(document.activeElement)) drop(false);
}));

// ---- what a card offers -----------------------------------------------------------------

const menu = document.getElementById('card-menu');

function openMenu(card, button) {
	asking = card;
	menu.querySelector('[data-action="open"]').href = `/deals/${card.dataset.id}`;
	menu.querySelector('[data-action="edit"]').href = `/deals/${card.dataset.id}/edit`;
	menu.showPopover();
	const at = button.getBoundingClientRect(), size = menu.getBoundingClientRect();
	const left = rtl() ? at.left : at.right - size.width;
	menu.style.left = `${Math.max(8, Math.min(left, innerWidth - size.width - 8))}px`;
	menu.style.top = `${at.bottom + size.height + 8 > innerHeight ? Math.max(8, at.top - size.height - 4) : at.bottom + 4}px`;
	menu.querySelector('[role="menuitem"]').focus();
}

menu?.addEventListener('keydown', (event) => {
	const items = [...menu.querySelectorAll('[role="menuitem"]')];
	const at = items.indexOf(document.activeElement);
	const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
	if (to === undefined) {
		if (event.key === 'Escape' || event.key === 'Tab') asking?.querySelector('a').focus();
		return;
	}
	event.preventDefault();
	event.stopPropagation();
	items[(to + items.length) % items.length].focus();
});

function openMove() {
	const dialog = document.getElementById('move');
	for (const option of dialog.querySelectorAll('[data-stage]'))
		option.toggleAttribute('aria-current', option.dataset.stage === asking.dataset.stage);
	dialog.showModal();
}

menu?.addEventListener('click', (event) => {
	const action = event.target.closest('[data-action]')?.dataset.action;
	if (!action || action === 'open' || action === 'edit') return;
	menu.hidePopover();
	if (action === 'move') { openMove(); return; }
	const dialog = document.getElementById(`quick-${action}`), form = dialog.querySelector('form');
	form.reset();
	form.querySelector('[data-error]').hidden = true;
	fill(dialog, asking);
	if (action === 'tags') form.elements.tags.value = [...asking.querySelectorAll('.deal-card-marks .pill[dir]')].map((p) => p.textContent).join(', ');
	// Sent twice it is one.
	const fresh = form.elements.new_id || form.elements.id;
	if (fresh) fresh.value = crypto.randomUUID?.() ?? '';
	dialog.showModal();
});

document.addEventListener('submit', async (event) => {
	const form = event.target.closest('[data-quick]');
	if (!form) return;
	event.preventDefault();
	const id = asking.dataset.id, problem = form.querySelector('[data-error]');
	const { ok, data } = await send(form.dataset.quick.replace(':id', id), new FormData(form));
	if (!ok) {
		problem.textContent = data.details?.message || data.error || text('Failed');
		problem.hidden = false;
		return;
	}
	form.closest('dialog').close();
	toast(text('Saved'));
	want('ids', id);
});

document.getElementById('move')?.addEventListener('click', (event) => {
	const option = event.target.closest('[data-stage]');
	if (!option) return;
	event.currentTarget.close();
	const to = columnOf(option.dataset.stage), from = asking.closest('.column'), next = asking.nextElementSibling;
	if (to === from) return;
	if (!to) { // its column is filtered away
		send(`/deals/${asking.dataset.id}/move?${board().dataset.query}`, { stage: option.dataset.stage }).then(({ ok, data }) => {
			if (ok) want('ids', asking.dataset.id);
			else toast(data.error || text('Failed'), { bad: true });
		});
		return;
	}
	toTop(asking, to);
	move(asking, from, to, { next });
	asking.querySelector('a').focus();
});

results?.addEventListener('click', (event) => {
	const dots = event.target.closest('[data-menu]'), add = event.target.closest('[data-add]');
	if (dots) openMenu(dots.closest('.deal-card'), dots);
	else if (add) openAdd(add.closest('.column'));
	else if (event.target.closest('[data-add-cancel]')) closeAdd(event.target.closest('.quick-add'));
});

// ---- a new deal at the top of a column ------------------------------------------------------

function openAdd(column) {
	document.querySelector('.quick-add')?.remove();
	const fresh = document.getElementById('quick-add').content.firstElementChild.cloneNode(true);
	fresh.dataset.id = crypto.randomUUID?.() ?? '';
	cards(column).prepend(fresh);
	cards(column).scrollTop = 0;
	fresh.dispatchEvent(new CustomEvent('kontor:fragment', { bubbles: true }));
	fresh.querySelector('input').focus();
}

function closeAdd(form) {
	const column = form.closest('.column');
	form.remove();
	column.querySelector('[data-add]').focus();
	released();
}

results?.addEventListener('submit', async (event) => {
	const form = event.target.closest('[data-quick-add]');
	if (!form) return;
	event.preventDefault();
	const box = form.closest('.quick-add'), problem = form.querySelector('[data-error]');
	const values = new FormData(form);
	values.set('stage', box.closest('.column').dataset.stage);
	values.set('pipeline', new URLSearchParams(board().dataset.query).get('pipeline') || '');
	values.set('id', box.dataset.id);
	const { ok, data } = await send('/deals/quick', values);
	if (!ok) {
		problem.textContent = data.details?.message || data.error;
		problem.hidden = false;
		return;
	}
	want('ids', data.id);
	form.reset();
	form.querySelector('[name="contact_id"]').value = '';
	problem.hidden = true;
	box.dataset.id = crypto.randomUUID?.() ?? '';
	form.elements.title.focus();
	toast(text('Saved'));
});
results?.addEventListener('keydown', (event) => {
	const box = event.target.closest('.quick-add');
	if (box && event.key === 'Escape' && !event.defaultPrevented) closeAdd(box);
});

// ---- filters ---------------------------------------------------------------------------------

function showFilters() {
	const used = Number(results?.querySelector('[data-filters]')?.dataset.filters) || 0;
	const badge = document.querySelector('[data-filters-used]');
	if (!badge) return;
	badge.textContent = used;
	badge.hidden = !used;
}

if (results) {
	setUpBoard();
	document.addEventListener('htmx:afterSwap', (event) => { if (event.target === results) setUpBoard(); });
	document.addEventListener('kontor:event', ({ detail: { record_type: type, record_id: id } }) => {
		if (!board()) return;
		if (type === 'deal') want('ids', id);
		else if (type === 'task') want('tasks', id);
	});
	document.addEventListener('kontor:resync', () => { anew = true; timer ||= setTimeout(look, 300); });
}

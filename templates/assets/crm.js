// Pages of contacts, companies, deals and settings: repeated lines of forms,
// pickers, the board.
import { toast, post } from './kontor.js';

// ---- small things ---------------------------------------------------------------

document.addEventListener('change', (event) => {
	if (event.target.matches('[data-submit]')) event.target.form.requestSubmit();
});

// A form that was changed asks before it is left.
for (const form of document.querySelectorAll('form[data-guard]')) {
	let changed = false;
	form.addEventListener('input', () => { changed = true; });
	form.addEventListener('submit', () => { changed = false; });
	addEventListener('beforeunload', (event) => { if (changed) event.preventDefault(); });
	form.querySelector('[aria-invalid="true"]')?.focus();
}

// ---- repeated lines ----------------------------------------------------------------

document.addEventListener('click', (event) => {
	const add = event.target.closest('[data-line-add]');
	const remove = event.target.closest('[data-line-remove]');
	if (add) {
		const lines = [...add.closest('[data-lines]').querySelectorAll('.line')];
		const line = lines.at(-1).cloneNode(true);
		for (const input of line.querySelectorAll('input')) input.value = '';
		lines.at(-1).after(line);
		line.querySelector('input').focus();
	} else if (remove) {
		const lines = remove.closest('[data-lines]').querySelectorAll('.line');
		const line = remove.closest('.line');
		if (lines.length > 1) {
			const next = (line.nextElementSibling?.matches('.line') ? line.nextElementSibling : line.previousElementSibling);
			line.remove();
			next?.querySelector('input')?.focus();
		} else {
			for (const input of line.querySelectorAll('input')) input.value = '';
			line.querySelector('input').focus();
		}
		remove.closest('form')?.dispatchEvent(new Event('input'));
	}
});

// ---- pickers: a text field that finds records ------------------------------------------

for (const picker of document.querySelectorAll('[data-picker]')) {
	const input = picker.querySelector('[role="combobox"]');
	const id = picker.querySelector('input[type="hidden"]');
	const list = picker.querySelector('[role="listbox"]');
	let timer, at = -1, asked = 0;

	const options = () => [...list.children];
	const mark = (n) => {
		at = n;
		options().forEach((o, i) => o.setAttribute('aria-selected', String(i === n)));
		const now = options()[n];
		if (now) {
			input.setAttribute('aria-activedescendant', now.id);
			now.scrollIntoView({ block: 'nearest' });
		} else {
			input.removeAttribute('aria-activedescendant');
		}
	};
	const show = (open) => {
		list.hidden = !open || !list.children.length;
		input.setAttribute('aria-expanded', String(!list.hidden));
		if (list.hidden) mark(-1);
	};
	const choose = (option) => {
		input.value = option.dataset.name;
		id.value = option.dataset.id;
		show(false);
		input.dispatchEvent(new Event('input', { bubbles: true }));
	};
	const find = async () => {
		const mine = ++asked;
		const answer = await fetch(`${picker.dataset.picker}?q=${encodeURIComponent(input.value.trim())}`).catch(() => null);
		if (!answer?.ok || mine !== asked) return;
		list.innerHTML = await answer.text();
		const typed = input.value.trim();
		if (picker.dataset.pickerNew && typed && !options().some((o) => o.dataset.name.toLowerCase() === typed.toLowerCase())) {
			const fresh = document.createElement('li');
			Object.assign(fresh, { id: `${list.id}-new`, className: 'picker-option', textContent: `${picker.dataset.pickerNew} “${typed}”` });
			fresh.setAttribute('role', 'option');
			Object.assign(fresh.dataset, { id: '', name: typed });
			list.append(fresh);
		}
		show(document.activeElement === input);
	};

	input.addEventListener('input', (event) => {
		if (!event.isTrusted) return;
		id.value = '';
		clearTimeout(timer);
		timer = setTimeout(find, 160);
	});
	input.addEventListener('keydown', (event) => {
		const last = list.children.length - 1;
		if (event.key === 'ArrowDown' && list.hidden) find();
		else if (event.key === 'ArrowDown') mark(at >= last ? 0 : at + 1);
		else if (event.key === 'ArrowUp' && !list.hidden) mark(at <= 0 ? last : at - 1);
		else if (event.key === 'Enter' && !list.hidden && at >= 0) choose(options()[at]);
		else if (event.key === 'Escape' && !list.hidden) { show(false); event.stopPropagation(); }
		else return;
		event.preventDefault();
	});
	input.addEventListener('blur', () => setTimeout(() => show(false), 150));
	list.addEventListener('mousedown', (event) => {
		const option = event.target.closest('[role="option"]');
		event.preventDefault();
		if (option) choose(option);
	});
}

// ---- the board ------------------------------------------------------------------------------

const results = document.getElementById('results');
const says = document.getElementById('board-says');
const board = () => document.getElementById('board');
const columns = () => [...board().querySelectorAll('.column')];
const columnName = (column) => column.querySelector('h2').textContent;
const cards = (column) => column.querySelector('[data-cards]');
const place = (card, column) => cards(column).prepend(card);
let dragging = false;

function tell(text) {
	if (says) says.textContent = text;
}

function showTotals(rows) {
	for (const row of rows) {
		const column = board()?.querySelector(`.column[data-stage="${CSS.escape(row.id)}"]`);
		if (!column) continue;
		column.querySelector('[data-count]').textContent = row.count;
		column.querySelector('[data-amount]').textContent = row.amount;
	}
}

// The card is already where it should be; `from` is where it goes when the
// server says no. Undo moves back with the probability of before.
async function move(card, from, to, { probability = '', quiet = false } = {}) {
	if (from === to) return;
	const answer = await post(`/deals/${card.dataset.id}/move?${board().dataset.query}`, { stage: to.dataset.stage, probability });
	if (!answer) {
		place(card, from);
		tell('The deal could not be moved.');
		return;
	}
	showTotals(answer.columns);
	tell(`Moved to ${columnName(to)}`);
	if (!answer.moved || quiet) return;
	const before = { stage: from.dataset.stage, probability: answer.moved.from_probability };
	toast(`Moved to ${columnName(to)}`, { undo: () => {
		// The board may have been drawn again since.
		const now = document.getElementById(card.id) || card;
		const back = board().querySelector(`.column[data-stage="${CSS.escape(before.stage)}"]`);
		const was = now.closest('.column');
		if (!back || !was) return;
		place(now, back);
		move(now, was, back, { probability: before.probability ?? '', quiet: true });
	} });
}

function setUpBoard() {
	if (!board() || !window.Sortable) return;
	for (const list of board().querySelectorAll('[data-cards]')) {
		window.Sortable.create(list, {
			group: 'deals',
			sort: false,
			draggable: '.deal-card',
			filter: '.deal-card-move',
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
			onStart: () => { dragging = true; },
			onEnd: ({ item, from, to }) => {
				dragging = false;
				if (from === to) return;
				// Columns are in the order of arrival.
				to.prepend(item);
				move(item, from.closest('.column'), to.closest('.column'));
			},
		});
	}
}

// By keyboard: m picks the card up, left and right carry it, Enter leaves it
// there, Escape brings it back. The button on the card asks for the stage.
let carried = null; // {card, from}

function carry(card) {
	carried = { card, from: card.closest('.column') };
	card.classList.add('moving');
	tell(`Moving ${card.querySelector('a').textContent}, now in ${columnName(carried.from)}. Left and right choose the stage, Enter drops, Escape cancels.`);
}

function drop(keep) {
	const { card, from } = carried;
	const to = card.closest('.column');
	carried = null;
	card.classList.remove('moving');
	if (!keep) {
		place(card, from);
		tell('Not moved');
	} else {
		move(card, from, to);
	}
	card.querySelector('a').focus();
}

function step(card, by) {
	const all = columns();
	const next = all[all.indexOf(card.closest('.column')) + by];
	if (!next) return;
	place(card, next);
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
		const by = key === 'ArrowRight' ? 1 : -1;
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
		if (sideways) step(carried.card, event.key === 'ArrowRight' ? 1 : -1);
		else if (event.key === 'Enter' || event.key === 'm') drop(true);
		else if (event.key === 'Escape') drop(false);
		else return;
	} else if (event.key === 'm') {
		carry(card);
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

const dialog = document.getElementById('move');
let asking = null;

results?.addEventListener('click', (event) => {
	const button = event.target.closest('[data-move]');
	if (!button) return;
	asking = button.closest('.deal-card');
	const stage = asking.closest('.column').dataset.stage;
	for (const option of dialog.querySelectorAll('[data-stage]'))
		option.toggleAttribute('aria-current', option.dataset.stage === stage);
	dialog.showModal();
});
dialog?.addEventListener('click', (event) => {
	const option = event.target.closest('[data-stage]');
	if (!option) return;
	dialog.close();
	const to = columns().find((c) => c.dataset.stage === option.dataset.stage);
	const from = asking.closest('.column');
	if (!to || to === from) return;
	place(asking, to);
	move(asking, from, to);
	asking.querySelector('a').focus();
});

// What others do appears by itself, except under the hand.
let refresh = 0;

function look() {
	if (dragging || carried || document.querySelector('dialog[open]')) {
		refresh = setTimeout(look, 1000);
		return;
	}
	refresh = 0;
	const focused = document.activeElement?.closest?.('.deal-card')?.id;
	const scroll = columns().map((c) => cards(c).scrollTop), aside = board().scrollLeft;
	window.htmx.ajax('GET', location.pathname + location.search, { target: '#results', swap: 'innerHTML' }).then(() => {
		columns().forEach((c, i) => { cards(c).scrollTop = scroll[i] || 0; });
		board().scrollLeft = aside;
		if (focused) document.getElementById(focused)?.querySelector('a').focus({ preventScroll: true });
	});
}

if (board()) {
	setUpBoard();
	document.addEventListener('htmx:afterSwap', (event) => { if (event.target === results) setUpBoard(); });
	const later = () => { refresh ||= setTimeout(look, 500); };
	document.addEventListener('kontor:event', (event) => { if (event.detail.record_type === 'deal') later(); });
	document.addEventListener('kontor:resync', later);
}

// ---- stages of a pipeline ------------------------------------------------------------------------

const stages = document.querySelector('[data-stages]');

if (stages) {
	window.Sortable?.create(stages, { handle: '.drag-handle', animation: 120 });
	stages.closest('form').addEventListener('click', (event) => {
		const row = event.target.closest('.stage-row');
		if (event.target.closest('[data-stage-add]')) {
			const fresh = stages.lastElementChild.cloneNode(true);
			fresh.querySelector('[name="stage_id"]').value = '';
			fresh.querySelector('[name="stage_name"]').value = '';
			fresh.querySelector('[name="stage_type"]').value = 'open';
			stages.append(fresh);
			fresh.querySelector('[name="stage_name"]').focus();
		} else if (event.target.closest('[data-stage-up]')) {
			row.previousElementSibling?.before(row);
			event.target.closest('button').focus();
		} else if (event.target.closest('[data-stage-down]')) {
			row.nextElementSibling?.after(row);
			event.target.closest('button').focus();
		} else if (event.target.closest('[data-stage-remove]') && stages.children.length > 1) {
			(row.nextElementSibling || row.previousElementSibling).querySelector('[name="stage_name"]').focus();
			row.remove();
		}
	});
}

// ---- settings: JSON in lines ---------------------------------------------------------------------------

for (const block of document.querySelectorAll('[data-json]')) {
	try { block.textContent = JSON.stringify(JSON.parse(block.textContent), null, 2); } catch { /* as it is */ }
}

// ---- time zones -----------------------------------------------------------------------------------

const zones = document.getElementById('zones');
if (zones) for (const zone of Intl.supportedValuesOf('timeZone')) zones.append(new Option(zone, zone));

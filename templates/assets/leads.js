// Leads: the board by status, why one is disqualified, converting.
import { toast, post, text } from './kontor.js';

// ---- converting ------------------------------------------------------------------

for (const part of document.querySelectorAll('[data-shown-by]')) {
	const box = document.getElementById(part.dataset.shownBy);
	const show = () => {
		part.hidden = !box.checked;
		for (const field of part.querySelectorAll('input, select')) field.disabled = !box.checked;
	};
	box.addEventListener('change', show);
	show();
}
document.querySelector('form[data-once]')?.addEventListener('submit', (event) => {
	if (event.target.dataset.sent) event.preventDefault();
	event.target.dataset.sent = 'yes';
});

// ---- the board ---------------------------------------------------------------------

const root = document.getElementById('lead-columns');
const says = document.getElementById('lead-says');
const board = () => document.getElementById('lead-board');
const columns = () => [...board().querySelectorAll('.column')];
const nameOf = (column) => column.querySelector('h2').textContent;
const list = (column) => column.querySelector('[data-cards]');
const cardsOf = (column) => [...list(column).querySelectorAll('.lead-card')];
const scoreOf = (card) => Number(card.querySelector('.score').lastChild.textContent);
const tell = (words) => { says.textContent = words; };
let dragging = false, carried = null, asking = null;

// Columns are in the order of the score.
function place(card, column) {
	const below = cardsOf(column).find((c) => c !== card && scoreOf(c) <= scoreOf(card));
	if (below) below.before(card);
	else list(column).append(card);
}

function count(column, by) {
	const shown = column.querySelector('[data-count]');
	shown.textContent = Number(shown.textContent) + by;
}

async function send(card, from, to, reason, quiet) {
	const answer = await post(`/leads/${card.dataset.id}/move`, { status: to.dataset.status, reason });
	if (!answer) {
		place(card, from);
		tell(text('failed', root));
		return;
	}
	place(card, to);
	count(from, -1);
	count(to, 1);
	tell(text('moved', root, nameOf(to)));
	if (quiet) return;
	toast(text('moved', root, nameOf(to)), { undo: () => {
		const now = document.getElementById(card.id) || card, was = now.closest('.column');
		const back = columns().find((c) => c.dataset.status === from.dataset.status);
		if (was && back && was !== back) send(now, was, back, '', true);
	} });
}

// To Converted leads through the dialog of converting, to Disqualified through its reason.
function move(card, from, to) {
	if (from === to) return place(card, from);
	if (to.hasAttribute('data-converted')) {
		place(card, from);
		location.assign(`/leads/${card.dataset.id}/convert`);
	} else if (to.dataset.status === 'Disqualified') {
		askReason(card, from, to);
	} else {
		send(card, from, to, '', false);
	}
}

function askReason(card, from, to) {
	const dialog = document.getElementById('disqualify'), form = dialog.querySelector('form');
	let kept = true;
	form.reset();
	form.onsubmit = (event) => {
		event.preventDefault();
		kept = false;
		dialog.close();
		send(card, from, to, form.elements.reason.value, false);
	};
	dialog.onclose = () => {
		if (kept) {
			place(card, from);
			tell(text('kept', root));
		}
		card.querySelector('a').focus();
	};
	dialog.showModal();
}

function setUp() {
	if (!window.Sortable) return;
	for (const cards of board().querySelectorAll('[data-cards]')) {
		window.Sortable.create(cards, {
			group: 'leads', sort: false, draggable: '.lead-card:not([data-fixed])', filter: '.deal-card-move', preventOnFilter: false,
			animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 140,
			forceFallback: true, fallbackOnBody: true, fallbackTolerance: 4,
			delay: 180, delayOnTouchOnly: true, touchStartThreshold: 5, scrollSensitivity: 60,
			onStart: () => { dragging = true; },
			onEnd: ({ item, from, to }) => {
				dragging = false;
				if (from !== to) move(item, from.closest('.column'), to.closest('.column'));
			},
		});
	}
}

function carry(card) {
	carried = { card, from: card.closest('.column') };
	card.classList.add('moving');
	tell(text('carrying', root, card.querySelector('a').textContent, nameOf(carried.from)));
}

function drop(keep) {
	const { card, from } = carried, to = card.closest('.column');
	carried = null;
	card.classList.remove('moving');
	if (keep) move(card, from, to);
	else {
		place(card, from);
		tell(text('kept', root));
	}
	card.querySelector('a').focus();
}

function step(card, by) {
	const all = columns(), next = all[all.indexOf(card.closest('.column')) + by];
	if (!next) return;
	place(card, next);
	card.querySelector('a').focus();
	card.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	tell(nameOf(next));
}

function walk(card, key, ahead) {
	const column = card.closest('.column'), own = cardsOf(column), at = own.indexOf(card);
	let next = key === 'ArrowDown' ? own[at + 1] : key === 'ArrowUp' ? own[at - 1] : undefined;
	if (ahead) {
		const all = columns();
		for (let i = all.indexOf(column) + ahead; all[i] && !next; i += ahead)
			next = cardsOf(all[i])[Math.min(at, cardsOf(all[i]).length - 1)];
	}
	next?.querySelector('a').focus();
	next?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

root?.addEventListener('keydown', (event) => {
	const card = event.target.closest('.lead-card');
	if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
	const forward = document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
	const ahead = event.key === forward ? 1 : ['ArrowLeft', 'ArrowRight'].includes(event.key) ? -1 : 0;
	if (carried) {
		if (ahead) step(carried.card, ahead);
		else if (event.key === 'Enter' || event.key === 'm') drop(true);
		else if (event.key === 'Escape') drop(false);
		else return;
	} else if (event.key === 'm' && !card.hasAttribute('data-fixed')) carry(card);
	else if (ahead || event.key === 'ArrowUp' || event.key === 'ArrowDown') walk(card, event.key, ahead);
	else return;
	event.preventDefault();
	event.stopPropagation();
});
root?.addEventListener('focusout', () => setTimeout(() => {
	if (carried && !carried.card.contains(document.activeElement)) drop(false);
}));

// The button on a card asks for the status.
const dialog = document.getElementById('lead-move');
root?.addEventListener('click', (event) => {
	const button = event.target.closest('[data-move]');
	if (!button) return;
	asking = button.closest('.lead-card');
	for (const option of dialog.querySelectorAll('[data-status]'))
		option.toggleAttribute('aria-current', option.dataset.status === asking.closest('.column').dataset.status);
	dialog.showModal();
});
dialog?.addEventListener('click', (event) => {
	const option = event.target.closest('[data-status]');
	if (!option) return;
	dialog.close();
	const to = columns().find((c) => c.dataset.status === option.dataset.status), from = asking.closest('.column');
	if (to && to !== from) {
		place(asking, to);
		move(asking, from, to);
	}
});

// What others do appears by itself, except under the hand.
let refresh = 0;

function look() {
	if (dragging || carried || document.querySelector('dialog[open]')) {
		refresh = setTimeout(look, 1000);
		return;
	}
	refresh = 0;
	const focused = document.activeElement?.closest?.('.lead-card')?.id;
	const scroll = columns().map((c) => list(c).scrollTop), aside = board().scrollLeft;
	window.htmx.ajax('GET', location.pathname + location.search, { target: '#lead-columns', swap: 'innerHTML' }).then(() => {
		columns().forEach((c, i) => { list(c).scrollTop = scroll[i] || 0; });
		board().scrollLeft = aside;
		if (focused) document.getElementById(focused)?.querySelector('a').focus({ preventScroll: true });
	});
}

if (root) {
	setUp();
	document.addEventListener('htmx:afterSwap', (event) => { if (event.target === root) setUp(); });
	const later = () => { refresh ||= setTimeout(look, 500); };
	document.addEventListener('kontor:event', (event) => { if (event.detail.record_type === 'lead') later(); });
	document.addEventListener('kontor:resync', later);
}

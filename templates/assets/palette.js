// The palette: type and go. Records come from GET /search in one request; places
// and actions are what the page declares (data-go, data-create, data-palette-actions).
import { text, toast } from './kontor.js';

const dialog = document.getElementById('palette');
const input = document.getElementById('palette-q');
const list = document.getElementById('palette-list');
const none = document.getElementById('palette-none');
let asked = 0, timer = 0, at = 0;

const items = () => [...list.querySelectorAll('.palette-item')];
const plain = (words) => words.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f\u064b-\u0652]/g, '');

function mark(n, scroll = true) {
	const all = items();
	at = all.length ? (n + all.length) % all.length : 0;
	all.forEach((one, i) => one.setAttribute('aria-selected', String(i === at)));
	if (all[at]) {
		input.setAttribute('aria-activedescendant', all[at].id);
		if (scroll) all[at].scrollIntoView({ block: 'nearest' });
	} else {
		input.removeAttribute('aria-activedescendant');
	}
}

// ---- places and actions ----------------------------------------------------------------

const words = (from) => from.dataset.goLabel || [...from.childNodes].filter((n) => !n.matches?.('svg, kbd, .shell-count'))
	.map((n) => n.textContent).join('').trim();

function commands() {
	const of = (selector, keys) => [...document.querySelectorAll(selector)]
		.map((from) => ({ from, name: words(from), icon: from.querySelector('use')?.getAttribute('href'), keys: keys(from) }));
	const own = [...dialog.querySelectorAll('[data-palette-actions] > *')]
		.filter(({ dataset: { needs } }) => !needs || document.querySelector(`[data-nav="${CSS.escape(needs)}"]`))
		.map((from) => ({ from, name: words(from), icon: from.querySelector('use')?.getAttribute('href'),
			keys: [...from.querySelectorAll('kbd')].map((key) => key.textContent) }));
	return {
		do: [...of('[data-create]', (from) => ['c', from.dataset.create]), ...own],
		go: of('[data-go]', (from) => ['g', from.dataset.go]),
	};
}

function option({ from, name, icon, keys }, i, group) {
	const one = document.createElement(from.href ? 'a' : 'div');
	one.className = 'palette-item';
	one.id = `palette-${group}-${i}`;
	one.setAttribute('role', 'option');
	one.tabIndex = -1;
	if (from.href) one.href = from.href;
	else one.run = () => from.click();
	one.innerHTML = '<svg class="icon" aria-hidden="true"><use/></svg><span class="palette-name"></span><span class="palette-keys"></span>';
	one.querySelector('use').setAttribute('href', icon);
	one.querySelector('.palette-name').textContent = name;
	for (const key of keys) {
		const kbd = document.createElement('kbd');
		kbd.textContent = key;
		one.lastChild.append(kbd, ' ');
	}
	return one;
}

function group(name) {
	const head = document.createElement('div');
	head.className = 'palette-group';
	head.setAttribute('role', 'presentation');
	head.textContent = text(name, list);
	return head;
}

function actions(typed) {
	const out = document.createDocumentFragment(), wanted = plain(typed).split(/\s+/).filter(Boolean);
	for (const [name, all] of Object.entries(commands())) {
		const fitting = all.filter((one) => wanted.every((word) => plain(one.name).includes(word)));
		if (!fitting.length) continue;
		out.append(group(name), ...fitting.map((one, i) => option(one, i, name)));
	}
	return out;
}

function all(typed) {
	const more = document.createElement('a');
	more.className = 'palette-item';
	more.id = 'palette-all';
	more.setAttribute('role', 'option');
	more.tabIndex = -1;
	more.href = `/search?q=${encodeURIComponent(typed)}`;
	more.innerHTML = '<svg class="icon" aria-hidden="true"><use href="/assets/vendor/icons.svg#list-search"/></svg><span class="palette-name"></span>';
	more.lastChild.textContent = text('all', list, typed);
	return more;
}

// ---- finding ------------------------------------------------------------------------------

// Records first, except where the words are those of an action.
function show(typed, records) {
	const found = actions(typed);
	const exact = typed && [...found.querySelectorAll('.palette-name')].some((one) => plain(one.textContent).startsWith(plain(typed)));
	const rows = document.createElement('div');
	rows.setAttribute('role', 'presentation');
	rows.innerHTML = records;
	const any = rows.querySelector('.palette-item');
	list.replaceChildren(...(exact && !any ? [found, rows] : [rows, found]));
	if (typed && any) list.append(all(typed));
	none.hidden = Boolean(items().length);
	mark(0);
}

async function find() {
	const typed = input.value.trim(), mine = ++asked;
	const answer = await fetch(`/search?q=${encodeURIComponent(typed)}`, { headers: { 'HX-Request': 'true' } }).catch(() => null);
	if (mine !== asked) return;
	if (answer?.status === 401) location.reload();
	if (!answer?.ok) toast(text('offline'), { bad: true });
	show(typed, answer?.ok ? await answer.text() : '');
	list.dataset.shown = typed;
}

input.addEventListener('input', () => {
	clearTimeout(timer);
	timer = setTimeout(find, 90);
});

// ---- choosing ---------------------------------------------------------------------------------

function choose(one, aside) {
	if (!one) return;
	if (one.run) {
		dialog.close();
		one.run();
	} else if (aside) {
		window.open(one.href, '_blank', 'noopener');
	} else {
		dialog.close();
		location.href = one.href;
	}
}

// Whoever types fast means what he typed, not what was found a moment before.
async function enter(aside) {
	if (list.dataset.shown !== input.value.trim()) {
		clearTimeout(timer);
		await find();
	}
	choose(items()[at], aside);
}

input.addEventListener('keydown', (event) => {
	if (event.key === 'ArrowDown' || (event.key === 'n' && event.ctrlKey)) mark(at + 1);
	else if (event.key === 'ArrowUp' || (event.key === 'p' && event.ctrlKey)) mark(at - 1);
	else if (event.key === 'Home' && !input.value) mark(0);
	else if (event.key === 'End' && !input.value) mark(-1);
	else if (event.key === 'PageDown') mark(Math.min(at + 8, items().length - 1));
	else if (event.key === 'PageUp') mark(Math.max(at - 8, 0));
	else if (event.key === 'Escape') dialog.close(); // not to empty the field first, as browsers do
	else if (event.key === 'Enter') enter(event.ctrlKey || event.metaKey);
	else return;
	event.preventDefault();
});
list.addEventListener('click', (event) => {
	const one = event.target.closest('.palette-item');
	if (!one || event.ctrlKey || event.metaKey) return;
	event.preventDefault();
	choose(one);
});
list.addEventListener('mousemove', (event) => {
	const one = event.target.closest('.palette-item');
	if (one && one.getAttribute('aria-selected') !== 'true') mark(items().indexOf(one), false);
});
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.querySelector('[data-palette-language]').addEventListener('click', () => document.querySelector('[data-language-toggle]').click());

export function open() {
	if (dialog.open) {
		dialog.close();
		return;
	}
	for (const other of document.querySelectorAll('dialog[open]')) other.close();
	input.value = '';
	show('', '');
	delete list.dataset.shown;
	dialog.showModal();
	input.focus();
	find();
}

// What every page of the application shares: the marked place in the
// navigation, keyboard, toasts with undo, the one event stream of this tab.
// Pages bring their own modules and use what is exported here.

const csrf = () => document.querySelector('meta[name="csrf"]').content;

// ---- words ---------------------------------------------------------------------

// A script has no words of its own: they stand in the page, in its language, as
// data-text-NAME of `at` (layout/words.html has those that every page needs).
// text('all', at, 5) puts 5 in the place of {0}.
export function text(name, at = document.getElementById('toasts'), ...values) {
	const found = at.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`] || '';
	return values.reduce((all, value, i) => all.replaceAll(`{${i}}`, value), found);
}

// Numbers and dates as the reader writes them.
export const language = document.documentElement.lang;

// ---- toasts -------------------------------------------------------------------

// toast('Deal moved', {undo: () => ..., bad: false}); `label` is another word for the button; `stay`: until it is pressed.
export function toast(words, { undo, bad = false, label = text('undo'), stay = false } = {}) {
	const line = document.createElement('div');
	line.className = bad ? 'toast-line bad' : 'toast-line';
	line.append(words);
	if (undo) {
		const button = document.createElement('button');
		button.type = 'button';
		button.textContent = label;
		button.onclick = () => { line.remove(); undo(); };
		line.append(button);
	}
	document.getElementById('toasts').append(line);
	if (!stay) setTimeout(() => line.remove(), undo ? 8000 : 4500);
}

// What an answer says that refuses: of a field that is wrong the fault itself.
export const refusal = (problem) => [problem.details?.message || problem.message || problem.error, problem.hint].filter(Boolean).join('. ');

// POST a form's worth of values; a refusal becomes a toast and null.
export async function post(url, values = {}) {
	const body = new URLSearchParams(values);
	try {
		const answer = await fetch(url, { method: 'POST', body, headers: { 'X-CSRF-Token': csrf(), Accept: 'application/json' } });
		if (answer.ok)
			return await answer.json().catch(() => ({}));
		const problem = await answer.json().catch(() => ({}));
		toast(refusal(problem) || text('failed'), { bad: true });
	} catch {
		toast(text('offline'), { bad: true });
	}
	return null;
}

document.addEventListener('htmx:configRequest', (event) => {
	event.detail.headers['X-CSRF-Token'] = csrf();
});
document.addEventListener('htmx:responseError', (event) => {
	let words = '';
	try { words = JSON.parse(event.detail.xhr.responseText).error; } catch { /* a page */ }
	toast(words || text('failed'), { bad: true });
});
document.addEventListener('htmx:sendError', () => toast(text('offline'), { bad: true }));

// A fragment that comes while somebody types into the one that it replaces: what
// was typed stays, and is saved as if it had been typed into the new one.
let typed = null;
document.addEventListener('htmx:beforeSwap', (event) => {
	const at = document.activeElement;
	const dirty = at && at.id && 'defaultValue' in at && at.value !== at.defaultValue;
	typed = dirty && event.detail.target.contains(at) ? { id: at.id, value: at.value } : null;
});
document.addEventListener('htmx:afterSwap', () => {
	const field = typed && document.getElementById(typed.id);
	if (field && field.value !== typed.value) {
		field.value = typed.value;
		field.addEventListener('blur', () => {
			if (field.value !== field.defaultValue) field.dispatchEvent(new Event('change', { bubbles: true }));
		}, { once: true });
	}
	typed = null;
});

// A script that fails takes nothing else down; whoever is in front of it may load the page again.
let broken = 0;
function failed(event) {
	// What the browser itself says of observers and extensions is nobody's concern.
	if (Date.now() - broken < 10000 || /ResizeObserver/.test(event.message || '')) return;
	broken = Date.now();
	toast(text('broken'), { bad: true, undo: () => location.reload(), label: text('reload'), stay: true });
}
addEventListener('error', (event) => { if (event.target === window) failed(event); });
addEventListener('unhandledrejection', failed);

// A toast that the last page left behind: sessionStorage.toast = 'Saved'.
if (sessionStorage.toast) {
	toast(sessionStorage.toast);
	sessionStorage.removeItem('toast');
}

// One that came with the page (?done=), which does not come again.
for (const line of document.querySelectorAll('[data-fades]')) {
	const address = new URL(location.href);
	address.searchParams.delete('done');
	history.replaceState(history.state, '', address);
	if (line.textContent.trim()) setTimeout(() => line.remove(), 4500);
	else line.remove();
}

// ---- navigation ------------------------------------------------------------------

const here = location.pathname;
// The most exact of the places that fit: Scheduling lies within Settings.
const fitting = [...document.querySelectorAll('[data-nav]')].filter(({ dataset: { nav } }) =>
	(nav === '/' ? here === '/' : here === nav || here.startsWith(nav + '/')));
fitting.sort((a, b) => b.dataset.nav.length - a.dataset.nav.length)[0]?.setAttribute('aria-current', 'page');

document.addEventListener('click', (event) => {
	const at = event.target.closest('button, a, summary');
	for (const open of document.querySelectorAll('details.shell-drop[open], details.menu[open]'))
		if (!open.contains(event.target)) open.open = false;
	if (!at) return;
	if (at.matches('[data-theme-toggle]')) {
		const next = document.documentElement.dataset.bsTheme === 'dark' ? 'light' : 'dark';
		localStorage.setItem('theme', next);
		document.documentElement.dataset.bsTheme = next;
	} else if (at.matches('[data-dialog]')) {
		document.getElementById(at.dataset.dialog)?.showModal();
	} else if (at.matches('[data-close]')) {
		at.closest('dialog')?.close();
	} else if (at.matches('[data-copy]')) {
		navigator.clipboard.writeText(at.dataset.copy).then(() => toast(text('copied')));
	}
});

// Forms that ask before they go on: data-confirm="What will happen".
document.addEventListener('submit', (event) => {
	const question = event.target.dataset.confirm;
	if (question && !confirm(question)) event.preventDefault();
	// One click, one request; htmx sees to its own (hx-disabled-elt).
	else if (!event.target.hasAttribute('hx-post')) for (const b of event.target.querySelectorAll('button:not([type="button"])'))
		setTimeout(() => { b.disabled = true; setTimeout(() => { b.disabled = false; }, 3000); });
});

// ---- keyboard ---------------------------------------------------------------------

export function typing(target) {
	return target.closest('input, textarea, select, [contenteditable]');
}

// Lists mark their rows with data-row and a link inside; arrows walk them.
function walk(step) {
	const rows = [...document.querySelectorAll('[data-row]')].filter((r) => r.offsetParent);
	if (!rows.length) return false;
	const at = rows.findIndex((r) => r.contains(document.activeElement));
	const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
	(next.matches('a, button, [tabindex]') ? next : next.querySelector('a, button'))?.focus();
	return true;
}

document.addEventListener('keydown', (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) {
		if (event.key === 'Escape' && typing(event.target)) event.target.blur();
		return;
	}
	if (document.querySelector('dialog[open]')) return;
	const own = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
	if (event.key === '/') {
		const search = document.querySelector('[data-search]');
		if (search) { event.preventDefault(); search.focus(); search.select(); }
	} else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
		if (walk(event.key === 'ArrowDown' ? 1 : -1)) event.preventDefault();
	} else if (own) {
		event.preventDefault();
		if (typing(own)) own.focus(); else own.click();
	}
});

// ---- live -------------------------------------------------------------------------

// One stream per tab. A message lists what happened, not how things are now:
// whoever cares listens for 'kontor:event' and fetches its fragment. The
// numbers have no gaps; where one shows, or after a mass change, or when the
// stream was away for long, 'kontor:resync' says that anything may have changed.
const state = document.getElementById('live-state');
const shown = document.querySelector('meta[name="seq"]'); // the last event that the page knows
let last = Number(shown?.content) || 0;
let wait = 1000;

function tell(name, detail) {
	document.dispatchEvent(new CustomEvent(name, { detail }));
}

function hear(message) {
	const { seq, events = [], more, now } = JSON.parse(message.data);
	if (now) { tell('kontor:now', now); return; } // who looks at what, who writes: true only now
	if (seq <= last) return;
	const first = events.length ? events[0].seq : seq;
	const fresh = events.filter((event) => event.seq > last);
	const gap = last && first > last + 1;
	last = seq;
	if (gap || more) tell('kontor:resync');
	else for (const event of fresh) tell('kontor:event', event);
}

let stream = null;
let away = false; // something may have been missed

function lost() {
	state.hidden = false;
	delete state.dataset.open;
	away = true;
}

function listen() {
	stream?.close();
	stream = new EventSource('/live');
	stream.onopen = () => {
		state.hidden = true;
		state.dataset.open = '';
		wait = 1000;
		if (away) tell('kontor:resync');
		away = false;
	};
	stream.onmessage = hear;
	stream.onerror = () => {
		lost();
		// The browser tries again by itself, unless the stream was refused.
		if (stream.readyState !== EventSource.CLOSED) return;
		setTimeout(listen, wait);
		wait = Math.min(wait * 2, 60000);
	};
}

if (document.querySelector('.shell-nav a')) {
	listen();
	// A stream over a network that is gone does not notice for minutes.
	addEventListener('offline', () => { stream.close(); lost(); });
	addEventListener('online', listen);
}

// The number of conversations without an answer, beside Inbox (INB-27).
const badge = document.getElementById('unanswered-count');
let counting = 0;

function count() {
	if (counting || !badge) return;
	counting = setTimeout(async () => {
		counting = 0;
		const answer = await fetch('/inbox/count').catch(() => null);
		if (!answer?.ok) return;
		const { unanswered } = await answer.json();
		badge.textContent = unanswered || '';
		badge.dataset.count = unanswered;
	}, 400);
}
document.addEventListener('kontor:resync', count);
document.addEventListener('kontor:event', ({ detail: { type } }) => {
	if (/^(message\.(received|queued|sent)|conversation\.)/.test(type)) count();
});

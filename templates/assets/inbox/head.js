// The head of the list: a new conversation, refresh, how it is laid out.

import { ask, newId, openDialog, root, say } from './base.js';
import { reloadList } from './list.js';
import { resyncThread } from './thread.js';
import { refreshState } from './talk.js';

const prefer = (fields) => ask('/inbox/preferences', { method: 'POST', body: new URLSearchParams(fields), quiet: true, keepalive: true });

async function refresh() {
	await Promise.all([reloadList(true), resyncThread(), refreshState()]);
}

function split(button) {
	const on = root.classList.contains('no-split');
	root.classList.toggle('no-split', !on);
	button.setAttribute('aria-pressed', String(on));
	prefer({ split: on ? '1' : '0' });
}

// INB-30: without the navigation, and over the whole screen where the browser allows it.
function full(on) {
	document.body.classList.toggle('inbox-full', on);
	root.querySelector('[data-list="full"]').setAttribute('aria-pressed', String(on));
	if (on) document.documentElement.requestFullscreen?.().catch(() => {});
	else if (document.fullscreenElement) document.exitFullscreen();
}
const isFull = () => document.body.classList.contains('inbox-full');
document.addEventListener('fullscreenchange', () => { if (!document.fullscreenElement && isFull()) full(false); });

// ---- a new conversation (INB-34) ----------------------------------------------------------

const dialog = document.getElementById('new-dialog');

async function begin(contact = '') {
	const html = await ask(`/inbox/new?contact=${contact}`);
	if (html === null) return;
	dialog.innerHTML = html;
	openDialog('new-dialog');
	picker(dialog.querySelector('[data-pick]'));
	dialog.querySelector(contact ? '#new-channel' : '#new-contact').focus();
}

// From the page of a contact (MSG-20).
const wanted = new URL(location.href).searchParams.get('new');
if (/^[0-9a-f-]{36}$/.test(wanted || '')) {
	history.replaceState(null, '', '/inbox');
	begin(wanted);
}

export function picker(box) {
	const [id, name] = box.querySelectorAll('input'), list = box.querySelector('ul');
	let wait = 0, at = -1;
	const options = () => [...list.querySelectorAll('[role="option"]')];
	const close = () => { list.hidden = true; name.setAttribute('aria-expanded', 'false'); name.removeAttribute('aria-activedescendant'); };
	const take = (option) => { id.value = option.dataset.id; name.value = option.dataset.name; close(); };
	const mark = (n) => {
		at = Math.max(0, Math.min(options().length - 1, n));
		options().forEach((o, i) => { o.setAttribute('aria-selected', String(i === at)); o.classList.toggle('is-at', i === at); });
		if (options()[at]) name.setAttribute('aria-activedescendant', options()[at].id);
	};
	name.addEventListener('input', () => {
		clearTimeout(wait);
		id.value = '';
		wait = setTimeout(async () => {
			const html = await ask(`${box.dataset.pick}?q=${encodeURIComponent(name.value)}`, { quiet: true });
			list.innerHTML = html || '';
			list.hidden = !options().length;
			name.setAttribute('aria-expanded', String(!list.hidden));
			if (options().length) mark(0);
		}, 150);
	});
	name.addEventListener('keydown', (event) => {
		if (list.hidden) return;
		if (event.key === 'ArrowDown') { event.preventDefault(); mark(at + 1); }
		else if (event.key === 'ArrowUp') { event.preventDefault(); mark(at - 1); }
		else if (event.key === 'Enter' && options()[at]) { event.preventDefault(); take(options()[at]); }
		else if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); close(); }
	});
	list.addEventListener('pointerdown', (event) => event.preventDefault());
	list.addEventListener('click', (event) => { const o = event.target.closest('[role="option"]'); if (o) take(o); });
	name.addEventListener('blur', close);
}

dialog.addEventListener('submit', async (event) => {
	event.preventDefault();
	const f = event.target, problem = f.querySelector('.form-problem');
	f.elements.client_id.value ||= newId();
	problem.hidden = true;
	try {
		await ask(f.action, { method: 'POST', body: new URLSearchParams(new FormData(f)), raise: true });
	} catch (error) {
		problem.textContent = error.refused ? error.message : say('offline');
		problem.hidden = false;
		f.elements[error.field]?.focus();
	}
});

// ---- what is clicked -----------------------------------------------------------------------

root.addEventListener('click', (event) => {
	const at = event.target.closest('button');
	if (!at) return;
	if (at.id === 'new-talk') begin();
	else if (at.matches('[data-list="refresh"]')) refresh();
	else if (at.matches('[data-list="split"]')) split(at);
	else if (at.matches('[data-list="full"]')) full(!isFull());
	if (at.dataset.list) at.closest('details').open = false;
});

document.addEventListener('keydown', (event) => {
	if (event.key === 'Escape' && isFull() && !document.querySelector('dialog[open], details.menu[open]')) { full(false); return; }
	if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select') || document.querySelector('dialog[open]')) return;
	if (event.key === 'F') full(!isFull());
});

// ---- swiping a row (INB-112): to the end closes, to the start snoozes for an hour -------------

let touch = null;
root.addEventListener('touchstart', (event) => {
	const row = event.target.closest('.talk-row');
	touch = row && event.touches.length === 1 ? { row, x: event.touches[0].clientX, y: event.touches[0].clientY, by: 0 } : null;
}, { passive: true });
root.addEventListener('touchmove', (event) => {
	if (!touch) return;
	const by = event.touches[0].clientX - touch.x;
	if (Math.abs(event.touches[0].clientY - touch.y) > 30 && Math.abs(touch.by) < 30) { settle(); return; }
	touch.by = Math.max(-120, Math.min(120, by));
	if (Math.abs(touch.by) < 16) return;
	touch.row.querySelector('.row-link').style.translate = `${touch.by}px 0`;
	touch.row.dataset.swipe = (touch.by > 0) === (document.dir !== 'rtl') ? 'close' : 'snooze';
}, { passive: true });
function settle() {
	if (!touch) return;
	touch.row.querySelector('.row-link').style.translate = '';
	delete touch.row.dataset.swipe;
	touch = null;
}
root.addEventListener('touchend', () => {
	if (touch && Math.abs(touch.by) > 80) {
		const action = touch.row.dataset.swipe;
		document.dispatchEvent(new CustomEvent('inbox:swipe', { detail: { id: touch.row.dataset.id, action } }));
	}
	settle();
});
root.addEventListener('touchcancel', settle);

// The menu of a message and its dialogs: reply, react, forward, copy, change, delete, task,
// deal, translation, details; and what is scheduled.

import { text as words, toast } from '../kontor.js';
import { ask, newId, root, talkId } from './base.js';
import { answer, callBack, change, recount, schedule, text } from './composer.js';
import { placeItems } from './thread.js';

const composer = () => document.getElementById('composer');
const dialog = (name) => document.getElementById(`${name}-dialog`);
const idOf = (item) => item.id.slice(5);
const saidBy = (item) => item.querySelector('.bubble-text')?.textContent || item.querySelector('.bubble-file strong')?.textContent || '';
const able = (what, item) => (composer().dataset[`able${what}`] || '').split(' ').includes(item.dataset.channel);

let current = null; // the item that a dialog is about

async function post(item, what, values = {}) {
	const id = idOf(item), html = await ask(`/inbox/${talkId()}/messages/${id}/${what}`, { method: 'POST', body: new URLSearchParams(values) });
	if (html === null) return false;
	placeItems(html);
	if (!html.includes(`item-${id}`)) document.getElementById(item.id)?.remove();
	return true;
}

// ---- the menu ---------------------------------------------------------------------

function closeMenu(focus) {
	const menu = document.querySelector('.message-menu');
	if (!menu) return;
	const button = menu.closest('.item').querySelector('[data-message-menu]');
	menu.remove();
	button.setAttribute('aria-expanded', 'false');
	if (focus) button.focus();
}

// A menu that is open stays so when its message is shown anew.
new MutationObserver((changes) => {
	for (const change of changes) for (const gone of change.removedNodes) {
		const menu = gone.nodeType === 1 && gone.matches('.item') && gone.querySelector('.message-menu');
		const item = menu && document.getElementById(gone.id);
		if (!item || item.querySelector('.message-menu')) continue;
		item.append(menu);
		item.querySelector('[data-message-menu]').setAttribute('aria-expanded', 'true');
		menu.querySelector('[role="menuitem"]').focus({ preventScroll: true });
	}
}).observe(root, { childList: true, subtree: true });

function allowed(item) {
	const out = item.classList.contains('item-out'), gone = item.classList.contains('is-deleted');
	const sent = ['SENT', 'DELIVERED', 'READ'].includes(item.dataset.status);
	return {
		react: !gone && !out && able('React', item), edit: !gone && out && sent && able('Edit', item) && item.querySelector('.bubble-text'),
		revoke: !gone && out && sent && able('Revoke', item), translate: 'translates' in composer().dataset && item.querySelector('.bubble-text, .bubble-transcript'),
		files: item.querySelector('.bubble-image, .bubble-file[download], .bubble-audio'), inbound: !out, gone,
	};
}

function openMenu(button) {
	const item = button.closest('.item'), may = allowed(item);
	closeMenu(false);
	const menu = document.getElementById('message-menu-template').content.firstElementChild.cloneNode(true);
	for (const part of menu.querySelectorAll('[data-if]')) if (!may[part.dataset.if]) part.remove();
	if (may.gone) for (const part of menu.querySelectorAll('[data-act]:not([data-act="details"])')) part.remove();
	item.append(menu);
	button.setAttribute('aria-expanded', 'true');
	menu.classList.toggle('is-up', button.getBoundingClientRect().bottom > innerHeight / 2);
	menu.querySelector('[role="menuitem"]').focus();
}

function download(item) {
	for (const link of item.querySelectorAll('.bubble-image, .bubble-file[download], .bubble-audio')) {
		const a = document.createElement('a');
		a.href = `${(link.href || link.src).split('?')[0]}?download=1`;
		a.download = '';
		a.click();
	}
}

async function details(item) {
	const html = await ask(`/inbox/${talkId()}/messages/${idOf(item)}`);
	if (html === null) return;
	document.getElementById('details-body').innerHTML = html;
	dialog('details').showModal();
}

const doings = {
	reply: (item) => answer(idOf(item), saidBy(item)),
	copy: async (item) => {
		await navigator.clipboard.writeText(saidBy(item)).catch(() => {});
		toast(words('copied'));
	},
	download,
	translate: async (item) => { if (await post(item, 'translate')) toast(words('translating', composer())); },
	edit: (item) => change(idOf(item), saidBy(item)),
	details,
	forward: (item) => {
		current = item;
		document.getElementById('forward-find').value = '';
		dialog('forward').showModal();
		targets('');
	},
	delete: (item) => {
		current = item;
		dialog('delete').querySelector('[data-delete="everywhere"]').hidden = !allowed(item).revoke;
		dialog('delete').showModal();
	},
	task: (item) => {
		current = item;
		const f = dialog('message-task').querySelector('form');
		f.dataset.id = newId();
		f.elements.title.value = saidBy(item).slice(0, 200);
		dialog('message-task').showModal();
	},
	deal: (item) => {
		const box = dialog('deal');
		if (saidBy(item)) box.querySelector('[name="title"]').value = saidBy(item).slice(0, 200);
		box.showModal();
	},
	unread: async () => {
		const done = await ask(`/inbox/${talkId()}/unread`, { method: 'POST' });
		if (done !== null) toast(words('unread', composer()));
	},
};

// ---- dialogs --------------------------------------------------------------------------

let asked = 0;

async function targets(q) {
	const mine = ++asked, html = await ask(`/inbox/${talkId()}/targets?q=${encodeURIComponent(q)}`, { quiet: true });
	if (html !== null && mine === asked) document.getElementById('forward-list').innerHTML = html;
}

async function forward(to) {
	const done = await ask(`/inbox/${talkId()}/messages/${idOf(current)}/forward`, { method: 'POST', body: new URLSearchParams({ to, client_id: newId() }) });
	if (done === null) return;
	dialog('forward').close();
	toast(words('forwarded', composer()), { label: words('open', composer()), undo: () => { location.href = `/inbox/${to}`; } });
}

async function makeTask(f) {
	const done = await ask(`/inbox/${talkId()}/messages/${idOf(current)}/task`, { method: 'POST',
		body: new URLSearchParams({ id: f.dataset.id, title: f.elements.title.value, due_date: f.elements.due_date.value }) });
	if (done === null) return;
	dialog('message-task').close();
	const { id } = JSON.parse(done);
	toast(words('task', composer()), { label: words('open', composer()), undo: () => { location.href = `/tasks/${id}`; } });
}

async function showScheduled() {
	const html = await ask(`/inbox/${talkId()}/scheduled`);
	if (html === null) return;
	document.getElementById('scheduled-list').innerHTML = html;
	if (!dialog('scheduled').open) dialog('scheduled').showModal();
}

async function reschedule(line, values) {
	const html = await ask(`/inbox/${talkId()}/messages/${line.dataset.id}/schedule`, { method: 'POST', body: new URLSearchParams(values) });
	if (html === null) return;
	placeItems(html);
	showScheduled();
	recount();
}

async function cancelScheduled(line, edit) {
	if (edit) {
		if (!await callBack(line.dataset.id)) return;
		dialog('scheduled').close();
		schedule({ scheduled_at: line.dataset.at });
	} else {
		const gone = await ask(`/inbox/${talkId()}/messages/${line.dataset.id}/delete`, { method: 'POST' });
		if (gone === null) return;
		document.getElementById(`item-${line.dataset.id}`)?.remove();
		showScheduled();
	}
	recount();
}

// ---- what the person does -----------------------------------------------------------------

root.addEventListener('click', (event) => {
	const at = event.target.closest('button');
	const open = document.querySelector('.message-menu');
	if (open && !open.contains(event.target)) closeMenu(false);
	if (!at) return;
	const item = at.closest('.item'), line = at.closest('.scheduled-list li');
	if (at.matches('[data-message-menu]')) { if (!open || !item.contains(open)) openMenu(at); }
	else if (at.matches('[data-act]')) { closeMenu(true); doings[at.dataset.act](item); }
	else if (at.matches('[data-react]')) { closeMenu(true); post(item, 'react', { emoji: at.dataset.react }); }
	else if (at.matches('[data-settle]')) post(item, 'settle');
	else if (at.matches('[data-target]')) forward(at.dataset.target);
	else if (at.matches('[data-delete]')) {
		dialog('delete').close();
		post(current, 'delete', at.dataset.delete === 'everywhere' ? { everywhere: '1' } : {});
	}
	else if (at.matches('[data-scheduled]')) showScheduled();
	else if (at.matches('[data-scheduled-now]')) reschedule(line, { now: '1' });
	else if (at.matches('[data-scheduled-cancel]')) cancelScheduled(line, false);
	else if (at.matches('[data-scheduled-edit]')) cancelScheduled(line, true);
});

document.addEventListener('keydown', (event) => {
	const menu = document.querySelector('.message-menu');
	if (!menu) return;
	const all = [...menu.querySelectorAll('[role="menuitem"]')], at = all.indexOf(document.activeElement);
	if (event.key === 'ArrowDown') all[(at + 1) % all.length].focus();
	else if (event.key === 'ArrowUp') all[(at - 1 + all.length) % all.length].focus();
	else if (event.key === 'Escape' || event.key === 'Tab') { event.stopPropagation(); closeMenu(true); }
	else return;
	event.preventDefault();
}, true);

root.addEventListener('input', (event) => {
	if (event.target.id === 'forward-find') targets(event.target.value.trim());
});

root.addEventListener('submit', (event) => {
	const f = event.target;
	if (f.matches('[data-schedule]')) {
		const values = { scheduled_at: f.elements.scheduled_at.value };
		if (f.elements.repeat.value) Object.assign(values, { repeat: f.elements.repeat.value, repeat_until: f.elements.repeat_until.value });
		schedule(values);
		f.reset();
		setTimeout(() => text().focus());
	} else if (f.matches('[data-message-task]')) { event.preventDefault(); makeTask(f); }
	else if (f.matches('[data-reschedule]')) { event.preventDefault(); reschedule(f.closest('li'), { scheduled_at: f.elements.scheduled_at.value }); }
});

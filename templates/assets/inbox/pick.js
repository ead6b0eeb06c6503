// Several conversations at once: choosing them, changing them, taking it back.

import { toast } from '../kontor.js';
import { ask, listQuery, newId, openDialog, post, root, say } from './base.js';
import { allRows, refreshRows, reloadList } from './list.js';

const bar = document.getElementById('bulk');
const picked = new Set();
let everything = false; // all of the list, also what is not loaded
let last = null;        // where shift begins

function show() {
	for (const row of allRows()) {
		const box = row.querySelector('.pick'), on = picked.has(row.dataset.id);
		box.checked = on;
		row.classList.toggle('is-picked', on);
	}
	const n = picked.size, all = allRows().length;
	bar.hidden = !n;
	root.classList.toggle('is-picking', n > 0);
	document.getElementById('bulk-count').textContent = !n ? '' : everything ? say('everything') : say('selected', n);
	const head = document.getElementById('pick-all');
	head.checked = n > 0 && n >= all;
	head.indeterminate = n > 0 && n < all;
	document.getElementById('pick-everything').hidden = everything || n < all || !document.querySelector('.rows-more');
}

function none() {
	picked.clear();
	everything = false;
	show();
}

function pickAll() {
	for (const row of allRows()) picked.add(row.dataset.id);
	show();
}

function toggle(id, on, shift) {
	const rows = allRows().map((row) => row.dataset.id);
	if (shift && last && rows.includes(last)) {
		const [a, b] = [rows.indexOf(last), rows.indexOf(id)].sort((x, y) => x - y);
		for (const one of rows.slice(a, b + 1)) if (on) picked.add(one); else picked.delete(one);
	} else if (on) picked.add(id);
	else picked.delete(id);
	if (!on) everything = false;
	last = id;
	show();
}

// ---- doing it -----------------------------------------------------------------------

function progress(change) {
	const line = document.createElement('div'), words = document.createElement('span'), meter = document.createElement('progress');
	line.className = 'toast-line';
	line.append(words, meter);
	document.getElementById('toasts').append(line);
	const set = (c) => {
		meter.max = c.total;
		meter.value = c.total - c.todo;
		words.textContent = say('running', c.total - c.todo, c.total);
		meter.setAttribute('aria-label', words.textContent);
	};
	set(change);
	return { set, end: () => line.remove() };
}

async function follow(change, ids) {
	const works = (c) => c && (c.state === 'running' || c.state === 'undoing');
	if (works(change)) {
		const shown = progress(change);
		while (works(change)) {
			await new Promise((wake) => setTimeout(wake, 700));
			const answer = await ask(`/records/conversations/changes/${change.id}`, { quiet: true, headers: { Accept: 'application/json' } });
			if (answer !== null) { change = JSON.parse(answer); shown.set(change); }
		}
		shown.end();
	}
	if (ids && ids.length <= 50) await refreshRows(ids);
	else await reloadList();
	show();
	toast(change.text, change.state === 'done' && Number(change.changed) ? {
		bad: Number(change.failed) > 0,
		undo: async () => {
			const back = await post(`/records/conversations/changes/${change.id}/undo`);
			if (back) await follow(back, ids);
		},
	} : { bad: Number(change.failed) > 0 });
}

async function change(fields, all = everything, ids = [...picked]) {
	const body = new URLSearchParams(fields);
	body.set('id', newId());
	if (all) {
		body.set('all', '1');
		body.set('address', listQuery());
	} else for (const id of ids) body.append('ids', id);
	const answer = await post('/inbox/bulk', body);
	if (!answer) return;
	none();
	await follow(answer, all ? null : ids);
}

// ---- what is clicked -------------------------------------------------------------------

root.addEventListener('click', (event) => {
	const box = event.target.closest('.pick');
	if (box) { toggle(box.value, box.checked, event.shiftKey); return; }
	const at = event.target.closest('button, input');
	if (!at) return;
	if (at.id === 'pick-all') { if (at.checked) pickAll(); else none(); }
	else if (at.id === 'pick-none') none();
	else if (at.id === 'pick-everything') { everything = true; show(); }
	else if (at.matches('[data-bulk]')) change({ action: at.dataset.bulk, ...(at.dataset.minutes ? { minutes: at.dataset.minutes } : {}) });
	else if (at.matches('[data-list="select"]')) pickAll();
	else if (at.matches('[data-list="clear"]')) openDialog('clear-dialog');
});
bar.addEventListener('submit', (event) => event.preventDefault());

document.getElementById('share-dialog').addEventListener('submit', (event) => {
	event.preventDefault();
	const members = new FormData(event.target).getAll('value');
	if (!members.length) return;
	event.target.closest('dialog').close();
	change([['action', members.length > 1 ? 'share' : 'assign'], ...members.map((m) => ['value', m])]);
	event.target.reset();
});
document.getElementById('tag-dialog').addEventListener('submit', (event) => {
	event.preventDefault();
	const tags = event.target.elements.value.value.split(',').map((t) => t.trim()).filter(Boolean);
	event.target.closest('dialog').close();
	if (tags.length) change([['action', event.submitter?.value || 'tag'], ...tags.map((t) => ['value', t])]);
	event.target.reset();
});
document.getElementById('clear-dialog').addEventListener('submit', (event) => {
	event.preventDefault();
	event.target.closest('dialog').close();
	picked.clear();
	change({ action: 'close' }, true);
});

document.addEventListener('keydown', (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
	if (event.key === 'Escape' && picked.size) { none(); return; }
	if (event.target.closest('input:not([type="checkbox"]), textarea, select')) return;
	if (event.key === 'A') pickAll();
	else if (event.key === 'x') {
		const row = document.activeElement?.closest?.('.talk-row') || document.querySelector('.row-link[aria-current]')?.closest('.talk-row');
		if (row) toggle(row.dataset.id, !picked.has(row.dataset.id), false);
	}
});

// A row that was swiped on a phone.
document.addEventListener('inbox:swipe', ({ detail: { id, action } }) => change(action === 'close' ? { action } : { action, minutes: '60' }, false, [id]));

document.addEventListener('inbox:rows', () => { if (picked.size || !bar.hidden) show(); });

// One conversation: opening and closing it, what stands around its messages, and
// changes of it.

import { toast } from '../kontor.js';
import { ask, listQuery, openDialog, parse, post, root, say, talkId, tell } from './base.js';
import { allRows, refreshRows, rowOf, showRow } from './list.js';
import { openThread, placeItems, resyncThread } from './thread.js';

// The parts of the page around the messages. The composer is left alone while
// its state is the same, so that nobody loses what he is typing.
export function swapState(html) {
	for (const part of parse(html).querySelectorAll('#talk-head, #composer, #panel')) {
		const old = document.getElementById(part.id);
		if (!old || (part.id === 'composer' && old.dataset.state === part.dataset.state && old.dataset.by === part.dataset.by)) continue;
		const focused = old.contains(document.activeElement) && document.activeElement;
		if (part.id === 'panel') {
			part.classList.toggle('is-open', old.classList.contains('is-open'));
			const typed = old.querySelector('.tag-input');
			if (typed?.value && part.querySelector('.tag-input') && old.dataset.sent !== '1') part.querySelector('.tag-input').value = typed.value;
		}
		const top = old.scrollTop;
		for (const menu of old.querySelectorAll('details[open]')) if (menu.id) part.querySelector(`#${menu.id}`)?.setAttribute('open', '');
		old.replaceWith(part);
		part.scrollTop = top;
		if (focused) (focused.dataset.key && part.querySelector(`[data-key="${CSS.escape(focused.dataset.key)}"]`) || part.querySelector(`[name="${focused.name}"]:not([type="hidden"])`))?.focus();
		tell('part', { id: part.id });
	}
}

let opening = 0;

export async function openTalk(link, push = true) {
	const turn = ++opening;
	const slow = setTimeout(() => document.querySelector('.talk')?.classList.add('is-loading'), 150);
	const html = await ask(link.pathname + link.search);
	clearTimeout(slow);
	if (turn !== opening) return;
	document.querySelector('.talk')?.classList.remove('is-loading');
	if (html === null) return;
	tell('leave');
	document.getElementById('talk').innerHTML = html;
	if (push) history.pushState(null, '', link.href);
	talkReady();
	refreshRows([talkId()]);
}

export function closeTalk() {
	const id = talkId();
	tell('leave');
	document.getElementById('talk').replaceChildren();
	history.pushState(null, '', `/inbox${listQuery()}`);
	tell('open');
	rowOf(id)?.querySelector('a').focus();
}

// j and k: the next and previous row.
export function step(by) {
	const rows = allRows();
	if (!rows.length) return;
	const at = rows.findIndex((row) => row.dataset.id === talkId());
	const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
	showRow(next);
	openTalk(next.querySelector('a'));
}

export function talkReady() {
	if (talkId()) openThread();
	tell('open');
}

// ---- changes -----------------------------------------------------------------------------------

const SAID = { CLOSED: 'closed', OPEN: 'reopened', PENDING: 'pending', RESOLVED: 'resolved' };

function fieldsOf(f, submitter) {
	const fields = new URLSearchParams(new FormData(f));
	if (submitter?.name) fields.set(submitter.name, submitter.value);
	return fields;
}

// What comes after the one that is closed, before it leaves the list.
function following(id) {
	const rows = allRows(), at = rows.findIndex((row) => row.dataset.id === id);
	return at < 0 ? null : rows[at + 1] || rows[at - 1] || null;
}

async function change(f, submitter) {
	const id = talkId(), was = document.getElementById('talk-head').dataset.status;
	const next = 'closes' in f.dataset && f.elements.status.value === 'CLOSED' && root.dataset.next ? following(id) : null;
	if (f.closest('#panel')) document.getElementById('panel').dataset.sent = '1';
	for (const menu of document.querySelectorAll('details.menu[open]')) menu.open = false;
	const html = await ask(f.action, { method: 'POST', body: fieldsOf(f, submitter) });
	if (html === null) { refreshState(); return; }
	if (id === talkId()) swapState(html);
	await refreshRows([id]);
	if (f.dataset.said && submitter?.value) toast(say(f.dataset.said));
	if (!('undo' in f.dataset)) return;
	toast(say(SAID[f.elements.status.value]), {
		undo: async () => {
			const back = await ask(f.action, { method: 'POST', body: new URLSearchParams({ status: was }) });
			if (back !== null && id === talkId()) swapState(back);
			if (back !== null) refreshRows([id]);
		},
	});
	if (next?.isConnected) openTalk(next.querySelector('a'));
}

async function dialogForm(f) {
	const problem = f.querySelector('.form-problem');
	problem.hidden = true;
	try {
		const html = await ask(f.action, { method: 'POST', body: new URLSearchParams(new FormData(f)), raise: true });
		if (html === null) return;
		f.closest('dialog').close();
		f.reset();
		swapState(html);
		toast(f.dataset.dialogForm);
	} catch (error) {
		problem.textContent = error.refused ? error.message : say('offline');
		problem.hidden = false;
		f.elements[error.field]?.focus();
	}
}

export async function refreshState() {
	const id = talkId();
	if (!id) return;
	const html = await ask(`/inbox/${id}/state`, { quiet: true });
	if (html !== null && id === talkId()) swapState(html);
}

// It leaves the page: back to the list, without the request that would read it.
async function leave(f) {
	const id = talkId();
	if (await ask(f.action, { method: 'POST' }) === null) return;
	if (id === talkId()) closeTalk();
	refreshRows([id]);
}

function showPanel(on) {
	document.getElementById('panel').classList.toggle('is-open', on);
	document.getElementById('panel-toggle').setAttribute('aria-expanded', String(on));
	(on ? document.getElementById('panel-close') : document.getElementById('panel-toggle')).focus();
}

// ---- assigning (INB-53, 54) ------------------------------------------------------------------------

async function assignDialog() {
	const id = talkId();
	if (!id) return;
	const html = await ask(`/inbox/members?selected=${document.getElementById('assign-button').dataset.assignee}`);
	if (html === null || id !== talkId()) return;
	document.getElementById('assign-dialog').innerHTML = html;
	openDialog('assign-dialog').querySelector('input').focus();
}

async function assign(to, name) {
	const id = talkId();
	document.getElementById('assign-dialog').close();
	const html = await ask(`/inbox/${id}/assign`, { method: 'POST', body: new URLSearchParams({ assignee_id: to }) });
	if (html === null) return;
	if (id === talkId()) swapState(html);
	refreshRows([id]);
	toast(to ? say('assigned', to === 'auto' || to === 'me' ? document.querySelector('#assign-button span').textContent : name) : say('unassigned'));
}

const assignDialogNode = document.getElementById('assign-dialog');
assignDialogNode.addEventListener('click', (event) => {
	const line = event.target.closest('.assign-line');
	if (line) assign(line.dataset.to, line.dataset.name);
});
assignDialogNode.addEventListener('input', (event) => {
	const words = event.target.value.trim().toLowerCase();
	for (const line of assignDialogNode.querySelectorAll('.assign-line')) line.hidden = Boolean(words) && !line.textContent.toLowerCase().includes(words);
});
assignDialogNode.addEventListener('keydown', (event) => {
	const lines = [...assignDialogNode.querySelectorAll('.assign-line:not([hidden])')], at = lines.indexOf(document.activeElement);
	if (event.key === 'Enter' && event.target.matches('input')) { event.preventDefault(); lines.find((line) => line.dataset.to.length > 4)?.click(); lines.length === 1 && lines[0].click(); }
	else if (event.key === 'ArrowDown') { event.preventDefault(); (lines[at + 1] || lines[0])?.focus(); }
	else if (event.key === 'ArrowUp') { event.preventDefault(); (lines[at - 1] || lines.at(-1))?.focus(); }
});

// ---- merging and deleting -----------------------------------------------------------------------------

const mergeDialog = document.getElementById('merge-dialog');

function mergeList() {
	const list = document.getElementById('merge-list'), others = [...document.querySelectorAll('#panel-others [data-other]')];
	list.replaceChildren(...others.map((other) => {
		const label = document.createElement('label'), box = document.createElement('input'), words = document.createElement('span');
		label.className = 'form-check';
		box.type = 'checkbox';
		box.className = 'form-check-input';
		box.name = 'others';
		box.value = other.dataset.other;
		box.checked = others.length === 1;
		words.textContent = `${other.querySelector('.panel-line').textContent.trim()} ${other.querySelector('.panel-sub').textContent.trim()}`;
		words.dir = 'auto';
		label.append(box, ' ', words);
		return label;
	}));
	document.getElementById('merge-none').hidden = others.length > 0;
	mergeDialog.querySelector('.btn-primary').disabled = !others.length;
	openDialog('merge-dialog');
}

mergeDialog.addEventListener('submit', async (event) => {
	event.preventDefault();
	const id = talkId(), fields = new URLSearchParams(new FormData(event.target));
	if (!fields.has('others')) return;
	mergeDialog.close();
	const answer = await post(`/inbox/${id}/merge`, fields);
	if (!answer) return;
	await reopen(id);
	toast(say('merged'), { undo: () => unmerge(id, answer.merges) });
});

async function reopen(id) {
	if (id === talkId()) await openTalk({ pathname: `/inbox/${id}`, search: listQuery(), href: location.href }, false);
	refreshRows([id]);
}

async function unmerge(id, merges) {
	if (!await post(`/inbox/${id}/unmerge`, new URLSearchParams(merges.map((m) => ['merges', m])))) return;
	await reopen(id);
	toast(say('unmerged'));
}

async function remove() {
	const id = talkId();
	const answer = await post(`/inbox/${id}/delete`);
	if (!answer) return;
	if (id === talkId()) closeTalk();
	refreshRows([id]);
	toast(say('deleted'), {
		undo: async () => { if (await post(`/inbox/deletions/${answer.trash}/restore`)) refreshRows([id]); },
	});
}

// ---- notes ----------------------------------------------------------------------------------------------

const noteDialog = document.getElementById('note-dialog');

function editNote(li) {
	const dialog = openDialog('note-dialog');
	dialog.dataset.note = li.dataset.note;
	dialog.querySelector('textarea').value = li.querySelector('p').textContent;
	dialog.querySelector('textarea').focus();
}

noteDialog.addEventListener('submit', async (event) => {
	event.preventDefault();
	const html = await ask(`/inbox/${talkId()}/notes/${noteDialog.dataset.note}`, { method: 'POST', body: new URLSearchParams({ content: noteDialog.querySelector('textarea').value }) });
	if (html === null) return;
	noteDialog.close();
	placeItems(html);
	refreshState();
});

async function deleteNote(li) {
	const id = talkId(), note = li.dataset.note;
	const html = await ask(`/inbox/${id}/notes/${note}/delete`, { method: 'POST' });
	if (html === null) return;
	document.getElementById(`item-${note}`)?.remove();
	swapState(html);
	toast(say('noteDeleted'), {
		undo: async () => {
			if (await ask(`/inbox/${id}/notes/${note}/restore`, { method: 'POST' }) === null || id !== talkId()) return;
			resyncThread();
			refreshState();
		},
	});
}

// ---- what is clicked ---------------------------------------------------------------------------------------

root.addEventListener('click', (event) => {
	const link = event.target.closest('a[data-talk]');
	if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
		event.preventDefault();
		openTalk(link);
		return;
	}
	const at = event.target.closest('button, a');
	if (!at) return;
	if (at.matches('.talk-back')) { event.preventDefault(); closeTalk(); }
	else if (at.matches('#panel-toggle')) showPanel(!document.getElementById('panel').classList.contains('is-open'));
	else if (at.matches('#panel-close')) showPanel(false);
	else if (at.matches('#assign-button')) assignDialog();
	else if (at.matches('#merge-button')) mergeList();
	else if (at.matches('#delete-button')) remove();
	else if (at.matches('[data-unmerge]')) unmerge(talkId(), [at.dataset.unmerge]);
	else if (at.matches('[data-note-edit]')) editNote(at.closest('[data-note]'));
	else if (at.matches('[data-note-delete]')) deleteNote(at.closest('[data-note]'));
	else if (at.matches('[data-compose]')) { showPanelIfOpen(false); compose(at.dataset.compose); }
});

function showPanelIfOpen(on) {
	if (document.querySelector('.talk-panel.is-open')) showPanel(on);
}

// The composer, for a reply or a note.
function compose(mode) {
	document.querySelector(`#composer [data-mode="${mode}"]`)?.click();
	document.getElementById('composer-text')?.focus();
}

root.addEventListener('submit', (event) => {
	const f = event.target;
	if (f.matches('[data-change]')) { event.preventDefault(); change(f, event.submitter); }
	else if (f.matches('[data-leave]')) { event.preventDefault(); leave(f); }
	else if (f.matches('[data-dialog-form]')) { event.preventDefault(); dialogForm(f); }
});
// Tab in a field is not what its form's first button means: Enter in the field of tags adds.
root.addEventListener('keydown', (event) => {
	if (event.key !== 'Enter' || !event.target.matches('.tag-input')) return;
	event.preventDefault();
	if (event.target.value.trim()) change(event.target.form, event.target);
});

document.addEventListener('click', (event) => {
	const at = event.target.closest('[data-dialog]');
	const dialog = at && document.getElementById(at.dataset.dialog);
	if (dialog) for (const field of dialog.querySelectorAll('[data-new-id]')) field.value = crypto.randomUUID?.() || '';
	if (at?.closest('details.menu')) at.closest('details.menu').open = false;
});

document.addEventListener('keydown', (event) => {
	if (event.key === 'Escape') {
		const menu = document.querySelector('details.menu[open]');
		if (menu) { menu.open = false; menu.querySelector('summary').focus(); }
		else showPanelIfOpen(false);
		return;
	}
	if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
	if (event.target.closest('input:not([type="checkbox"]), textarea, select, [contenteditable]')) return;
	if (event.key === 'j') step(1);
	else if (event.key === 'k') step(-1);
	else if (event.key === 'n' && talkId()) { event.preventDefault(); compose('note'); }
});

addEventListener('popstate', () => {
	if (/^\/inbox\/[0-9a-f-]{36}$/.test(location.pathname)) openTalk(location, false);
	else if (location.pathname === '/inbox') { tell('leave'); document.getElementById('talk').replaceChildren(); tell('open'); }
});

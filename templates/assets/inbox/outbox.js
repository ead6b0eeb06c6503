// INB-113: answers that were written while there was no connection. They wait here, survive a
// reload, and go out by themselves when it is back; each has the id that makes it one message
// however often it is sent. Files are not kept: a message with files stays in the composer.

import { text as words, toast } from '../kontor.js';
import { ask, items, root, talkId } from './base.js';
import { placeItems, toEnd } from './thread.js';
import { refreshRows } from './list.js';

const KEY = `outbox:${root.dataset.me}`;

const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) || []; } catch { return []; } };
const write = (list) => (list.length ? localStorage.setItem(KEY, JSON.stringify(list)) : localStorage.removeItem(KEY));
const without = (id) => write(read().filter((one) => one.fields.client_id !== id));

// What waits stands at the end of its thread.
export function showKept() {
	for (const old of document.querySelectorAll('.kept')) old.remove();
	if (!items()) return;
	for (const { fields } of read().filter((one) => one.talk === talkId())) {
		const li = document.getElementById('kept-item').content.cloneNode(true).firstElementChild;
		li.dataset.kept = fields.client_id;
		li.querySelector('.bubble-text').textContent = fields.content;
		items().append(li);
	}
}

export function keep(talk, body) {
	write([...read(), { talk, fields: Object.fromEntries(body) }]);
	showKept();
	toEnd();
}

async function deliver({ talk, fields }) {
	const body = new FormData();
	for (const [name, value] of Object.entries(fields)) body.append(name, value);
	const html = await ask(`/inbox/${talk}/messages`, { method: 'POST', body, raise: true });
	if (html === null) return; // the sign-in has ended: it waits until somebody is here again
	without(fields.client_id);
	if (talk === talkId()) placeItems(html);
	showKept();
	refreshRows([talk]);
}

let busy = false;

async function flush() {
	if (busy || !read().length) return;
	busy = true;
	try {
		for (const one of read()) {
			try {
				await deliver(one);
			} catch (error) {
				if (!error.refused) break; // still away
				without(one.fields.client_id);
				const draft = `draft:reply:${one.talk}`; // what was refused can be read and changed
				localStorage.setItem(draft, [localStorage.getItem(draft), one.fields.content].filter(Boolean).join('\n'));
				showKept();
				toast(error.message, { bad: true });
			}
		}
	} finally {
		busy = false;
	}
}

root.addEventListener('click', (event) => {
	const li = event.target.closest('[data-kept-drop]')?.closest('.kept');
	if (!li) return;
	const one = read().find((x) => x.fields.client_id === li.dataset.kept);
	without(li.dataset.kept);
	showKept();
	if (one) toast(words('keptDropped', root), { undo: () => { write([...read(), one]); showKept(); flush(); } });
});

addEventListener('online', flush);
addEventListener('storage', (event) => { if (event.key === KEY) showKept(); });
document.addEventListener('kontor:resync', flush);
document.addEventListener('inbox:open', showKept);
setTimeout(flush, 0); // what waited when the page was left

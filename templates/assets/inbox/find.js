// Finding in a thread: next and previous, also of messages that are not loaded.

import { text as words } from '../kontor.js';
import { ask, root, talkId } from './base.js';
import { jumpTo } from './thread.js';

let ids = [], at = -1, timer = 0;

const form = () => document.getElementById('thread-find');

function say() {
	const out = form().querySelector('.thread-find-count');
	out.textContent = !form().elements.q.value.trim() ? '' : ids.length ? words('of', out, at + 1, ids.length) : words('none', out);
}

async function go(by) {
	if (!ids.length) return;
	at = Math.max(0, Math.min(ids.length - 1, at + by));
	say();
	await jumpTo(ids[at]);
}

async function find() {
	const q = form().elements.q.value.trim();
	ids = [];
	at = -1;
	if (q) {
		const answer = await ask(`/inbox/${talkId()}/find?q=${encodeURIComponent(q)}`, { quiet: true });
		if (answer === null || q !== form().elements.q.value.trim()) return;
		({ ids } = JSON.parse(answer));
	}
	say();
	go(1);
}

export function openFind() {
	if (!form()) return;
	form().hidden = false;
	form().elements.q.focus();
	form().elements.q.select();
}

function close() {
	form().hidden = true;
	ids = [];
	document.getElementById('thread').focus();
}

root.addEventListener('input', (event) => {
	if (!event.target.closest('#thread-find')) return;
	clearTimeout(timer);
	timer = setTimeout(find, 250);
});

root.addEventListener('submit', (event) => {
	if (event.target.id !== 'thread-find') return;
	event.preventDefault();
	if (at < 0) find();
	else go(1);
});

root.addEventListener('keydown', (event) => {
	if (event.target.closest('#thread-find') && event.key === 'Escape') { event.stopPropagation(); close(); }
});

root.addEventListener('click', (event) => {
	const button = event.target.closest('[data-find], [data-thread-find], [data-jump]');
	if (!button) return;
	if (button.matches('[data-thread-find]')) openFind();
	else if (button.matches('[data-jump]')) jumpTo(button.dataset.jump);
	else if (button.dataset.find === '0') close();
	else go(Number(button.dataset.find));
});

// /inbox/:id?message=: from the list of results.
document.addEventListener('inbox:open', () => {
	const wanted = new URL(location.href).searchParams.get('message');
	if (wanted && talkId()) jumpTo(wanted);
});

// A place or a contact card as a message (MSG-7, MSG-8).

import { ask, newId, say, talkId } from './base.js';
import { picker } from './head.js';
import { refreshRows } from './list.js';
import { placeItems, toEnd } from './thread.js';

async function send(form) {
	const id = talkId(), problem = form.querySelector('.form-problem'), body = new FormData(form);
	const channel = document.querySelector('.composer-form')?.elements.channel;
	form.dataset.client ||= newId(); // a second try is the same message
	body.append('client_id', form.dataset.client);
	if (channel) body.append('channel', channel.value);
	problem.hidden = true;
	try {
		const html = await ask(`/inbox/${id}/messages`, { method: 'POST', body, raise: true });
		if (html === null) return;
		form.closest('dialog').close();
		form.reset();
		delete form.dataset.client;
		if (id === talkId()) { placeItems(html); toEnd(); }
		refreshRows([id]);
	} catch (error) {
		problem.textContent = error.refused ? error.message : say('offline');
		problem.hidden = false;
		form.querySelector('input:not([type="hidden"])').focus();
	}
}

for (const form of document.querySelectorAll('[data-special]')) {
	const pick = form.querySelector('[data-pick]');
	if (pick) picker(pick);
	form.addEventListener('submit', (event) => { event.preventDefault(); send(form); });
	form.addEventListener('input', () => { delete form.dataset.client; });
}

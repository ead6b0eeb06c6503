// One message in the thread: its links, pictures that are gone, trying again.

import { ask, root, talkId } from './base.js';
import { placeItems } from './thread.js';

const URL_PATTERN = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

// Addresses in messages become links; what a customer wrote stays text otherwise.
function linkify(scope) {
	for (const p of scope.querySelectorAll('.bubble-text:not([data-linked])')) {
		p.dataset.linked = '1';
		const text = p.textContent, parts = [];
		let end = 0;
		for (const match of text.matchAll(URL_PATTERN)) {
			const a = document.createElement('a');
			a.href = match[0];
			a.textContent = match[0];
			a.target = '_blank';
			a.rel = 'noopener noreferrer nofollow';
			parts.push(text.slice(end, match.index), a);
			end = match.index + match[0].length;
		}
		if (parts.length) p.replaceChildren(...parts, text.slice(end));
	}
}

// Items that are about to be shown.
export function prepare(scope) {
	linkify(scope);
	for (const picture of scope.querySelectorAll('.bubble-image img')) picture.addEventListener('error', () => picture.closest('a').classList.add('is-broken'));
}

async function retry(button) {
	button.disabled = true;
	const html = await ask(`/inbox/${talkId()}/messages/${button.dataset.retry}/retry`, { method: 'POST' });
	button.disabled = false;
	if (html !== null) placeItems(html);
}

root.addEventListener('click', (event) => {
	const button = event.target.closest('[data-retry]');
	if (button) retry(button);
});

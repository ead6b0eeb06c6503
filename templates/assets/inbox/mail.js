// Mails in the thread: a frame as high as what it shows, pictures on demand.

import { root } from './base.js';

const HIGHEST = 6000;

// The frame has our origin and no scripts; its "load" does not bubble.
root.addEventListener('load', (event) => {
	const frame = event.target;
	if (!frame.matches?.('iframe.mail-frame')) return;
	const page = frame.contentDocument?.documentElement;
	if (page) frame.style.blockSize = `${Math.min(page.scrollHeight + 8, HIGHEST)}px`;
}, true);

root.addEventListener('click', (event) => {
	event.target.closest?.('[data-mail-images]')?.closest('.mail-note').setAttribute('hidden', '');
});

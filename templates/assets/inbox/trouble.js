// INB-119: why a message may be missing. What the page knows itself is put in here.

import { ask, openDialog, root } from './base.js';

const dialog = document.getElementById('trouble-dialog');

function showState() {
	const away = !document.getElementById('live-state').hidden;
	const filters = [...root.querySelectorAll('.chip')].map((chip) => chip.textContent.trim().replace(/\s+/g, ' '));
	const words = root.querySelector('.search [name="q"]').value.trim();
	if (words) filters.push(words);
	dialog.querySelector('[data-when-away]').hidden = !away;
	dialog.querySelector('[data-when-live]').hidden = away;
	dialog.querySelector('[data-when-filtered]').hidden = !filters.length;
	dialog.querySelector('[data-when-whole]').hidden = filters.length > 0;
	dialog.querySelector('[data-filters]').textContent = filters.join(', ');
}

root.addEventListener('click', async (event) => {
	if (!event.target.closest('[data-list="trouble"]')) return;
	const html = await ask('/inbox/trouble');
	if (html === null) return;
	dialog.innerHTML = html;
	showState();
	openDialog('trouble-dialog');
});

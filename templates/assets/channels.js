// Settings of channels: parts of a page that follow what happens, and dead
// letters that can be taken back.

import { post, text, toast } from './kontor.js';

for (const a of document.querySelectorAll('.channel-tabs a'))
	if (a.pathname === location.pathname) a.setAttribute('aria-current', 'page');

// A part names the record types that it cares about and where it comes from.
for (const part of document.querySelectorAll('[data-live]')) {
	const cares = part.dataset.live.split(' ');
	let due = 0;

	async function refresh() {
		due = 0;
		const at = document.activeElement;
		// Nobody's typing is taken away from under his hands.
		if (part.contains(at) && at.matches('input, textarea, select') && at.value !== at.defaultValue) return;
		const query = part.dataset.address === location.pathname ? location.search : '';
		const answer = await fetch(part.dataset.address + query, { headers: { 'HX-Request': 'true' } }).catch(() => null);
		if (!answer?.ok) return;
		const focus = part.contains(at) && at.id;
		const open = [...part.querySelectorAll('details')].map((one) => one.open);
		part.innerHTML = await answer.text();
		part.querySelectorAll('details').forEach((one, i) => { one.open = Boolean(open[i]); });
		window.htmx?.process(part);
		if (focus) document.getElementById(focus)?.focus();
	}
	// Figures are added up a moment after what they count.
	const soon = (wait = 500) => { if (!due) due = setTimeout(refresh, wait); };
	let later = 0;

	document.addEventListener('kontor:event', ({ detail: { record_type: type } }) => {
		if (!cares.includes(type)) return;
		soon();
		clearTimeout(later);
		later = setTimeout(refresh, 4500);
	});
	document.addEventListener('kontor:resync', () => soon());
	part.addEventListener('refresh', () => soon());
	if (part.querySelector('[data-soon]')) soon(300);
	later = setTimeout(refresh, 4500); // what happened just before the page came
}

// Discarding is undone rather than asked about.
document.querySelector('.dead-letters')?.addEventListener('submit', async (event) => {
	const form = event.target.closest('.dead-discard');
	if (!form) return;
	event.preventDefault();
	const row = form.closest('li'), list = row.parentElement;
	const letter = { source: row.dataset.source, id: row.dataset.id, json: 1 };
	if (!await post('/settings/channels/dead/discard', letter)) return;
	row.hidden = true;
	toast(text('discarded', list), { undo: async () => { if (await post('/settings/channels/dead/discard', { ...letter, back: 1 })) row.hidden = false; } });
});

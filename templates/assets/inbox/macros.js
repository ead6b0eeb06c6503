// Macros: one click, several actions, and the way back.

import { toast } from '../kontor.js';
import { ask, newId, post, root, say, talkId } from './base.js';
import { refreshRows } from './list.js';
import { refreshState } from './talk.js';
import { resyncThread } from './thread.js';

function fill() {
	const at = document.getElementById('macros'), list = document.getElementById('macro-list');
	if (at && list && !at.children.length) at.append(list.content.cloneNode(true));
}
document.addEventListener('inbox:open', fill);
document.addEventListener('inbox:part', ({ detail }) => { if (detail.id === 'talk-head') fill(); });

async function after(id) {
	await Promise.all([id === talkId() && resyncThread(), refreshState(), refreshRows([id])]);
}

async function run(button) {
	const id = talkId(), name = button.querySelector('span').textContent;
	document.getElementById('macro-menu').open = false;
	const answer = await post(`/inbox/${id}/macro`, { macro: button.dataset.macro, run: newId() });
	if (!answer) return;
	await after(id);
	toast(say('macro', name), {
		undo: async () => {
			const back = await post(`/inbox/runs/${answer.run}/undo`);
			if (!back) return;
			const html = await ask(`/inbox/${id}/items`, { quiet: true });
			if (html !== null && id === talkId()) drop(html);
			await after(id);
			toast(say(back.whole ? 'macroUndone' : 'macroPart'), { bad: !back.whole });
		},
	});
}

// What was taken back is no more in the newest items.
function drop(html) {
	const list = document.getElementById('items'), last = [...list.querySelectorAll('.item')].slice(-20);
	for (const item of last) if (!html.includes(`id="${item.id}"`)) item.remove();
}

root.addEventListener('click', (event) => {
	const button = event.target.closest('[data-macro]');
	if (button) run(button);
});
// Opened by its key, it is walked with the arrows.
root.addEventListener('keydown', (event) => {
	const menu = event.target.closest('#macro-menu, #snooze-menu, #talk-menu, #more-menu, #sort-menu, #views-menu');
	if (!menu?.open || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
	event.preventDefault();
	event.stopPropagation();
	const all = [...menu.querySelectorAll('.menu-list button, .menu-list a')].filter((x) => x.offsetParent), at = all.indexOf(document.activeElement);
	all[(at + (event.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length]?.focus();
});
root.addEventListener('toggle', (event) => {
	if (event.target.matches?.('#macro-menu, #snooze-menu') && event.target.open) event.target.querySelector('.menu-list button, .menu-list a')?.focus();
}, true);

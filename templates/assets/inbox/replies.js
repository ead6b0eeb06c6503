// Quick replies: "/" at the beginning of a word opens the menu, typing on searches, Enter or
// Tab puts the chosen one in its place, with its image.

import { ask, root, talkId } from './base.js';
import { insert, text } from './composer.js';
import { addKnown } from './files.js';

let at = -1, asked = 0, typed = null, timer = 0;

const menu = () => document.getElementById('replies-menu');
const options = () => [...menu().querySelectorAll('[role="option"]')];
const isOpen = () => menu() && !menu().hidden;

function mark(n) {
	at = n;
	options().forEach((o, i) => o.setAttribute('aria-selected', String(i === n)));
	const now = options()[n];
	if (now) {
		text().setAttribute('aria-activedescendant', now.id);
		now.scrollIntoView({ block: 'nearest' });
	} else {
		text().removeAttribute('aria-activedescendant');
	}
}

function close() {
	typed = null;
	asked++;
	if (!menu()) return;
	menu().hidden = true;
	mark(-1);
}

async function find(q) {
	const mine = ++asked;
	const html = await ask(`/inbox/${talkId()}/replies?q=${encodeURIComponent(q)}`, { quiet: true });
	if (html === null || mine !== asked) return;
	menu().innerHTML = html;
	menu().hidden = false;
	mark(options().length ? 0 : -1);
}

// The word behind "/" that stands before the cursor, or null.
function word() {
	const t = text(), before = t.value.slice(0, t.selectionStart);
	return /(?:^|\s)\/([^\s/]*)$/.exec(before)?.[1] ?? null;
}

function choose(option) {
	const eat = typed === null ? 0 : typed.length + 1;
	insert(option.dataset.text, eat);
	if (option.dataset.image) addKnown([{ id: option.dataset.image, kind: 'image', name: option.querySelector('strong').textContent }]);
	ask(`/templates/${option.dataset.id}/mark`, { method: 'POST', quiet: true, body: new URLSearchParams({ used: '1' }) });
	close();
	// What is left to fill in is selected, ready to be written over.
	const open = text().value.search(/\{\{\s*[a-z_]\w*\s*\}\}/i);
	if (open >= 0) text().setSelectionRange(open, text().value.indexOf('}}', open) + 2);
}

root.addEventListener('input', (event) => {
	if (event.target.id !== 'composer-text') return;
	const now = text().form.classList.contains('is-note') ? null : word();
	if (now === null) { if (isOpen() || typed !== null) close(); return; }
	typed = now;
	clearTimeout(timer);
	timer = setTimeout(() => { if (typed !== null) find(typed); }, 100);
});

root.addEventListener('keydown', (event) => {
	if (event.target.id !== 'composer-text' || !isOpen()) return;
	const last = options().length - 1;
	if (event.key === 'ArrowDown') mark(at >= last ? 0 : at + 1);
	else if (event.key === 'ArrowUp') mark(at <= 0 ? last : at - 1);
	else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0) choose(options()[at]);
	else if (event.key === 'Escape') { event.stopPropagation(); close(); }
	else return;
	event.preventDefault();
}, true);

root.addEventListener('mousedown', (event) => {
	const option = event.target.closest('.reply-option');
	if (!option) return;
	event.preventDefault();
	choose(option);
});

root.addEventListener('click', (event) => {
	if (event.target.closest('[data-replies]')) {
		text().focus();
		if (isOpen()) close();
		else { typed = null; find(''); }
	} else if (isOpen() && !event.target.closest('#replies-menu, #composer-text')) close();
});

document.addEventListener('inbox:open', () => { typed = null; at = -1; });

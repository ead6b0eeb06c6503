// Settings of the inbox: the browser is asked before it may show anything on the
// desktop, and actions of a macro are added, moved and taken away.

import { toast } from './kontor.js';

const desktop = document.getElementById('desktop');
desktop?.addEventListener('change', async () => {
	if (!desktop.checked || !('Notification' in window)) return;
	if (await Notification.requestPermission() === 'granted') return;
	desktop.checked = false;
	toast(desktop.dataset.denied, { bad: true });
});

const lines = document.getElementById('macro-lines');

// Only the field that the action needs. All stay in the form: they belong together by their place.
function fit(line) {
	const needs = line.querySelector('select[name="do"]').selectedOptions[0].dataset.field;
	for (const part of line.querySelectorAll('[data-part]')) part.hidden = part.dataset.part !== needs;
}

if (lines) {
	for (const select of lines.querySelectorAll('select[data-value]'))
		if ([...select.options].some((o) => o.value === select.dataset.value)) select.value = select.dataset.value;
	for (const line of lines.children) fit(line);
	lines.addEventListener('change', (event) => { if (event.target.name === 'do') fit(event.target.closest('.macro-line')); });
	document.getElementById('macro-add').addEventListener('click', () => {
		lines.append(document.getElementById('macro-blank').content.cloneNode(true));
		fit(lines.lastElementChild);
		lines.lastElementChild.querySelector('select').focus();
	});
	lines.addEventListener('click', (event) => {
		const at = event.target.closest('button'), line = at?.closest('.macro-line');
		if (!line) return;
		if (at.dataset.move === 'up') line.previousElementSibling?.before(line);
		else if (at.dataset.move === 'down') line.nextElementSibling?.after(line);
		else if ('remove' in at.dataset && lines.children.length > 1) { line.remove(); lines.querySelector('select').focus(); return; }
		at.focus();
	});
}

// Pages of contacts, companies, deals and settings: repeated lines of forms,
// pickers.
import { toast, post, text } from './kontor.js';
import './drafts.js';

// ---- small things ---------------------------------------------------------------

document.addEventListener('change', (event) => {
	if (event.target.matches('[data-submit]')) event.target.form.requestSubmit();
});

// A form that was changed asks before it is left.
for (const form of document.querySelectorAll('form[data-guard]')) {
	let changed = false;
	form.addEventListener('input', () => { changed = true; });
	form.addEventListener('submit', () => { changed = false; });
	addEventListener('beforeunload', (event) => { if (changed) event.preventDefault(); });
	form.querySelector('[aria-invalid="true"]')?.focus();
}

// ---- repeated lines ----------------------------------------------------------------

document.addEventListener('click', (event) => {
	const add = event.target.closest('[data-line-add]');
	const remove = event.target.closest('[data-line-remove]');
	if (add) {
		const lines = [...add.closest('[data-lines]').querySelectorAll('.line')];
		const line = lines.at(-1).cloneNode(true);
		for (const input of line.querySelectorAll('input')) input.value = '';
		lines.at(-1).after(line);
		line.querySelector('input').focus();
	} else if (remove) {
		const lines = remove.closest('[data-lines]').querySelectorAll('.line');
		const line = remove.closest('.line');
		if (lines.length > 1) {
			const next = (line.nextElementSibling?.matches('.line') ? line.nextElementSibling : line.previousElementSibling);
			line.remove();
			next?.querySelector('input')?.focus();
		} else {
			for (const input of line.querySelectorAll('input')) input.value = '';
			line.querySelector('input').focus();
		}
		remove.closest('form')?.dispatchEvent(new Event('input'));
	}
});

// ---- pickers: a text field that finds records ------------------------------------------

function setUpPicker(picker) {
	const input = picker.querySelector('[role="combobox"]');
	const id = picker.querySelector('input[type="hidden"]');
	const list = picker.querySelector('[role="listbox"]');
	let timer, at = -1, asked = 0;

	const options = () => [...list.children];
	const mark = (n) => {
		at = n;
		options().forEach((o, i) => o.setAttribute('aria-selected', String(i === n)));
		const now = options()[n];
		if (now) {
			input.setAttribute('aria-activedescendant', now.id);
			now.scrollIntoView({ block: 'nearest' });
		} else {
			input.removeAttribute('aria-activedescendant');
		}
	};
	const show = (open) => {
		list.hidden = !open || !list.children.length;
		input.setAttribute('aria-expanded', String(!list.hidden));
		if (list.hidden) mark(-1);
	};
	const choose = (option) => {
		input.value = option.dataset.name;
		id.value = option.dataset.id;
		show(false);
		input.dispatchEvent(new Event('input', { bubbles: true }));
		if ('pickerSubmit' in picker.dataset) id.dispatchEvent(new Event('change', { bubbles: true }));
	};
	const find = async () => {
		const mine = ++asked;
		const answer = await fetch(`${picker.dataset.picker}?q=${encodeURIComponent(input.value.trim())}`).catch(() => null);
		if (!answer?.ok || mine !== asked) return;
		list.innerHTML = await answer.text();
		const typed = input.value.trim();
		if (picker.dataset.pickerNew && typed && !options().some((o) => o.dataset.name.toLowerCase() === typed.toLowerCase())) {
			const fresh = document.createElement('li');
			Object.assign(fresh, { id: `${list.id}-new`, className: 'picker-option', textContent: `${picker.dataset.pickerNew} “${typed}”` });
			fresh.setAttribute('role', 'option');
			Object.assign(fresh.dataset, { id: '', name: typed });
			list.append(fresh);
		}
		show(document.activeElement === input);
	};

	input.addEventListener('input', (event) => {
		if (!event.isTrusted) return;
		id.value = '';
		clearTimeout(timer);
		timer = setTimeout(find, 160);
	});
	input.addEventListener('keydown', (event) => {
		const last = list.children.length - 1;
		if (event.key === 'ArrowDown' && list.hidden) find();
		else if (event.key === 'ArrowDown') mark(at >= last ? 0 : at + 1);
		else if (event.key === 'ArrowUp' && !list.hidden) mark(at <= 0 ? last : at - 1);
		else if (event.key === 'Enter' && !list.hidden && at >= 0) choose(options()[at]);
		else if (event.key === 'Escape' && !list.hidden) { show(false); event.stopPropagation(); }
		else return;
		event.preventDefault();
	});
	input.addEventListener('blur', () => setTimeout(() => show(false), 150));
	list.addEventListener('mousedown', (event) => {
		const option = event.target.closest('[role="option"]');
		event.preventDefault();
		if (option) choose(option);
	});
}
for (const picker of document.querySelectorAll('[data-picker]')) setUpPicker(picker);
// Markup that came later says so: element.dispatchEvent(new CustomEvent('kontor:fragment', {bubbles: true})).
document.addEventListener('kontor:fragment', (event) => {
	for (const picker of event.target.querySelectorAll('[data-picker]')) setUpPicker(picker);
});

// ---- settings: JSON in lines ---------------------------------------------------------------------------

for (const block of document.querySelectorAll('[data-json]')) {
	try { block.textContent = JSON.stringify(JSON.parse(block.textContent), null, 2); } catch { /* as it is */ }
}

// ---- time zones -----------------------------------------------------------------------------------

const zones = document.getElementById('zones');
if (zones) for (const zone of Intl.supportedValuesOf('timeZone')) zones.append(new Option(zone, zone));

// ---- tags: the last word is completed ------------------------------------------------

for (const input of document.querySelectorAll('input[data-tags]')) {
	const list = document.createElement('datalist');
	list.id = `${input.id}-known`;
	input.after(list);
	input.setAttribute('list', list.id);
	let timer;
	input.addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(async () => {
			const words = input.value.split(',');
			const last = words.pop().trim();
			const answer = last && await fetch(`/tags/options?q=${encodeURIComponent(last)}`).catch(() => null);
			if (!answer?.ok) return;
			const before = words.map((w) => `${w.trim()}, `).join('');
			list.replaceChildren(...(await answer.json()).map((name) => Object.assign(document.createElement('option'), { value: before + name })));
		}, 160);
	});
}

// ---- undo of a deletion ----------------------------------------------------------------

// The page before deleted a record: ?restore=contacts/ID beside its toast.
const deleted = new URL(location.href).searchParams.get('restore');
if (deleted && /^[a-z]+\/[0-9a-f-]{36}$/.test(deleted)) {
	const button = Object.assign(document.createElement('button'), { type: 'button', textContent: text('undo') });
	button.onclick = async () => { if (await post(`/trash/${deleted}`)) location.href = `/${deleted}`; };
	document.querySelector('#toasts [data-fades]')?.append(button);
	const here = new URL(location.href);
	here.searchParams.delete('restore');
	history.replaceState(history.state, '', here);
}

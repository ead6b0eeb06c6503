// Cells that are changed in place, in lists and on the pages of records:
// fcgi/app/records.h says what a cell is. Double click, Enter or F2 opens its
// editor, Enter saves, Esc leaves; a touch screen has the two buttons.
const csrf = () => document.querySelector('meta[name="csrf"]').content;

function address(cell) {
	const own = cell.dataset.cell;
	return '/records/' + (own.includes('/') ? own : `${cell.closest('[data-record]').dataset.record}/${own}`);
}

let open = null; // {cell, before, form}

function close(html) {
	if (!open) return;
	const { cell, before } = open;
	open = null;
	cell.classList.remove('editing');
	cell.innerHTML = html ?? before;
	cell.focus({ preventScroll: true });
}

const values = (form) => new URLSearchParams(new FormData(form)).toString();

function fault(form, text) {
	const line = form.querySelector('.field-error');
	line.textContent = text;
	line.hidden = false;
	form.querySelector('.form-control, .form-select')?.setAttribute('aria-invalid', 'true');
}

async function save(cell, form) {
	if (form.dataset.busy) return;
	form.dataset.busy = '1';
	let answer, said = {};
	try {
		answer = await fetch(address(cell), { method: 'POST', body: new URLSearchParams(new FormData(form)),
			headers: { 'X-CSRF-Token': csrf(), Accept: 'application/json' } });
		said = await answer.json().catch(() => ({}));
	} catch { /* no connection */ }
	delete form.dataset.busy;
	if (open?.form !== form) return;
	if (answer?.ok) {
		close(said.html);
		cell.dispatchEvent(new CustomEvent('kontor:cell', { bubbles: true, detail: { field: cell.dataset.cell, ...said } }));
	} else if (answer?.status === 409 && said.theirs !== undefined) {
		form.elements.version.value = said.version;
		form.elements.was.value = said.was;
		const theirs = form.querySelector('.cell-theirs');
		theirs.querySelector('[data-theirs]').innerHTML = said.theirs; // rendered by our own template
		theirs.hidden = false;
		open.before = said.theirs;
		open.first = null;
		fault(form, said.error);
		theirs.querySelector('[data-take]').focus();
	} else {
		fault(form, said.error || form.dataset.error);
	}
}

// A record chosen by typing its name.
function picker(box, form) {
	const [id, name] = box.querySelectorAll('input');
	const list = box.querySelector('ul');
	let wait = 0;
	const choose = (option) => {
		id.value = option?.dataset.id ?? '';
		if (option) name.value = option.dataset.name;
		list.hidden = true;
		name.setAttribute('aria-expanded', 'false');
	};
	name.addEventListener('input', () => {
		clearTimeout(wait);
		id.value = '';
		wait = setTimeout(async () => {
			const answer = await fetch(`${box.dataset.cellPicker}?q=${encodeURIComponent(name.value)}`, { headers: { 'HX-Request': 'true' } });
			if (!answer.ok) return;
			list.innerHTML = await answer.text();
			list.hidden = !list.children.length;
			name.setAttribute('aria-expanded', String(!list.hidden));
			list.firstElementChild?.setAttribute('aria-selected', 'true');
		}, 150);
	});
	name.addEventListener('keydown', (event) => {
		const at = list.querySelector('[aria-selected="true"]');
		if (list.hidden || !at) return;
		if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
			const next = event.key === 'ArrowDown' ? at.nextElementSibling : at.previousElementSibling;
			if (next) { at.removeAttribute('aria-selected'); next.setAttribute('aria-selected', 'true'); next.scrollIntoView({ block: 'nearest' }); }
		} else if (event.key === 'Enter') {
			choose(at);
		} else {
			return;
		}
		event.preventDefault();
		event.stopPropagation();
	});
	list.addEventListener('mousedown', (event) => {
		event.preventDefault();
		const option = event.target.closest('[role="option"]');
		if (option) { choose(option); save(open.cell, form); }
	});
}

export async function edit(cell) {
	if (open?.cell === cell) return;
	if (open) close();
	const answer = await fetch(address(cell), { headers: { 'HX-Request': 'true' } }).catch(() => null);
	if (!answer?.ok || open) return;
	const before = cell.innerHTML;
	cell.classList.add('editing');
	cell.innerHTML = await answer.text();
	const form = cell.querySelector('form');
	open = { cell, before, form, first: values(form) };
	const box = form.querySelector('[data-cell-picker]');
	if (box) picker(box, form);
	const field = form.querySelector('.form-control, .form-select');
	field.focus();
	field.select?.();
}

document.addEventListener('dblclick', (event) => {
	const cell = event.target.closest('[data-cell]');
	if (cell && !event.target.closest('form, a')) { event.preventDefault(); edit(cell); }
});
document.addEventListener('click', (event) => {
	const at = event.target;
	if (at.closest('[data-cell-edit]')) { edit(document.querySelector(at.closest('[data-cell-edit]').dataset.cellEdit)); return; }
	if (!open?.form.contains(at)) return;
	if (at.closest('[data-cancel], [data-take]')) close();
});
document.addEventListener('submit', (event) => {
	if (event.target !== open?.form) return;
	event.preventDefault();
	event.stopPropagation();
	save(open.cell, open.form);
}, true);
document.addEventListener('keydown', (event) => {
	if (open?.form.contains(event.target)) {
		if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); close(); } else if (event.key === 'Enter' && event.target.matches('textarea') && !event.shiftKey) {
			event.preventDefault();
			save(open.cell, open.form);
		} else if (event.key === 'Enter' && event.target.matches('select')) {
			event.preventDefault();
			save(open.cell, open.form);
		}
		return;
	}
	if ((event.key === 'Enter' || event.key === 'F2') && event.target.matches?.('[data-cell]')) {
		event.preventDefault();
		edit(event.target);
	}
}, true);
// Left without a word: what was changed is saved, as in a spreadsheet.
document.addEventListener('focusout', () => setTimeout(() => {
	if (!open || open.form.contains(document.activeElement) || !document.hasFocus()) return;
	if (!open.form.querySelector('.field-error').hidden) return;
	if (values(open.form) === open.first) close(); else save(open.cell, open.form);
}));

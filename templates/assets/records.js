// Lists of records: dialogs, filters, selection, changes of many records with
// their progress and undo. Cells are cells.js; words come from the page.
import { toast, post } from './kontor.js';

const results = document.getElementById('results');
const bar = document.getElementById('bulk-bar');
const dialog = document.getElementById('records-dialog');
const kind = results.dataset.kind, path = results.dataset.path;
const state = () => document.getElementById('list-state').dataset;
const withView = () => (state().view ? `v=${state().view}&${state().state}` : state().state);

const go = (query) => window.htmx.ajax('GET', `${path}?${query}`, { target: '#results', swap: 'innerHTML' })
	.then(() => history.pushState({ htmx: true }, '', `${path}?${query}`));
const refresh = () => window.htmx.ajax('GET', location.pathname + location.search, { target: '#results', swap: 'innerHTML' });

// ---- dialogs --------------------------------------------------------------------

async function show(address) {
	const answer = await fetch(address, { headers: { 'HX-Request': 'true' } }).catch(() => null);
	if (!answer?.ok) { toast(bar.dataset.textFailed, { bad: true }); return; }
	dialog.innerHTML = await answer.text();
	const title = dialog.querySelector('h2');
	title.id = 'records-dialog-title';
	dialog.setAttribute('aria-labelledby', title.id);
	for (const menu of document.querySelectorAll('details.menu[open]')) menu.open = false;
	const filter = dialog.querySelector('[data-filter]');
	if (filter) fit(filter);
	for (const box of dialog.querySelectorAll('[data-filter-picker]')) picker(box);
	for (const said of dialog.querySelectorAll('[data-selected]')) said.textContent = selectedText();
	const mine = dialog.querySelector('[data-of-selection]');
	if (mine && picked().length && !everything) { mine.hidden = false; mine.querySelector('input').checked = true; }
	if (!dialog.open) dialog.showModal();
	dialog.querySelector('input:not([type="hidden"]):not([type="radio"]), select')?.focus();
}

function picker(box) {
	const [id, name] = box.querySelectorAll('input');
	const list = box.querySelector('ul');
	let wait = 0;
	const take = (option) => {
		if (!option) return;
		id.value = option.dataset.id;
		name.value = option.dataset.name;
		list.hidden = true;
	};
	name.addEventListener('input', () => {
		clearTimeout(wait);
		id.value = '';
		wait = setTimeout(async () => {
			const answer = await fetch(`${box.dataset.filterPicker}?q=${encodeURIComponent(name.value)}`, { headers: { 'HX-Request': 'true' } });
			list.innerHTML = answer.ok ? await answer.text() : '';
			list.hidden = !list.children.length;
			name.setAttribute('aria-expanded', String(!list.hidden));
		}, 150);
	});
	name.addEventListener('keydown', (event) => {
		if (event.key === 'Enter' && !list.hidden) { event.preventDefault(); take(list.firstElementChild); }
	});
	list.addEventListener('click', (event) => take(event.target.closest('[role="option"]')));
}

// ---- filters -------------------------------------------------------------------------

// Only the inputs that the condition needs.
function fit(form) {
	const needs = form.elements.op.selectedOptions[0].dataset.values;
	for (const part of form.querySelectorAll('[data-for]')) {
		part.hidden = part.dataset.for !== needs;
		for (const field of part.querySelectorAll('input, select')) field.disabled = part.hidden;
	}
}

let editing = null; // the filter that the dialog replaces

function applyFilter(form) {
	const values = new FormData(form).getAll('v').map((v) => v.trim()).filter(Boolean).map((v) => v.replace(/[\\,]/g, '\\$&'));
	const op = form.elements.op;
	const needs = op.selectedOptions[0].dataset.values;
	if (needs !== 'none' && !values.length) { form.querySelector('[data-for]:not([hidden]) :is(input, select)')?.focus(); return; }
	const value = needs === 'one' || needs === 'days' ? values[0].replace(/\\([\\,])/g, '$1') : values.join(',');
	const query = new URLSearchParams(withView());
	const kept = query.getAll('f').filter((f) => f && f !== editing);
	query.delete('f');
	for (const f of kept) query.append('f', f);
	query.append('f', `${form.dataset.filter}:${op.value}:${needs === 'none' ? '' : value}`);
	dialog.close();
	go(query);
}

// ---- selection ---------------------------------------------------------------------------

let everything = false; // all that fit the filters
let last = null;        // where shift begins

const boxes = () => [...results.querySelectorAll('.pick')];
const picked = () => boxes().filter((b) => b.checked).map((b) => b.value);

function selectedText() {
	return everything ? bar.dataset.textAll.replace('%n', state().total) : bar.dataset.textSelected.replace('%n', picked().length);
}

function selection() {
	const all = boxes(), n = picked().length;
	if (n < all.length) everything = false;
	bar.hidden = !n;
	bar.querySelector('.bulk-count').textContent = n ? selectedText() : '';
	bar.querySelector('[data-total]').textContent = state().total;
	bar.querySelector('[data-select-all]').hidden = everything || n < all.length || state().beyond === undefined;
	const head = results.querySelector('[data-pick-page]');
	if (head) { head.checked = n > 0 && n === all.length; head.indeterminate = n > 0 && n < all.length; }
	for (const box of all) box.closest('[data-row]').classList.toggle('picked', box.checked);
	document.body.classList.toggle('has-selection', n > 0);
}

results.addEventListener('click', (event) => {
	const box = event.target.closest('.pick');
	if (box) {
		const all = boxes();
		if (event.shiftKey && last && all.includes(last)) {
			const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((x, y) => x - y);
			for (const one of all.slice(a, b + 1)) one.checked = box.checked;
		}
		last = box;
		selection();
	} else if (event.target.closest('[data-pick-page]')) {
		for (const one of boxes()) one.checked = event.target.checked;
		selection();
	}
});

function none() {
	everything = false;
	for (const box of boxes()) box.checked = false;
	selection();
}

// ---- changes of many records --------------------------------------------------------------

function progress(change) {
	const line = document.createElement('div');
	line.className = 'toast-line';
	const words = document.createElement('span'), meter = document.createElement('progress');
	line.append(words, meter);
	document.getElementById('toasts').append(line);
	const set = (c) => {
		meter.max = c.total;
		meter.value = c.total - c.todo;
		words.textContent = bar.dataset.textRunning.replace('%n', c.total - c.todo).replace('%m', c.total);
		meter.setAttribute('aria-label', words.textContent);
	};
	set(change);
	return { set, end: () => line.remove() };
}

async function follow(change) {
	if (change.state === 'running' || change.state === 'undoing') {
		const shown = progress(change);
		while (change && (change.state === 'running' || change.state === 'undoing')) {
			await new Promise((wake) => setTimeout(wake, 500));
			change = await fetch(`/records/${kind}/changes/${change.id}`, { headers: { Accept: 'application/json' } })
				.then((answer) => (answer.ok ? answer.json() : null)).catch(() => change);
			if (change) shown.set(change);
		}
		shown.end();
	}
	if (!change) return;
	none();
	await refresh();
	toast(change.text, change.state === 'done' && change.changed ? { undo: () => undo(`/records/${kind}/changes/${change.id}/undo`), bad: change.failed > 0 && !change.changed } : { bad: change.failed > 0 });
}

async function undo(address) {
	const change = await post(address);
	if (change) await follow(change);
}

async function change(fields) {
	const body = new URLSearchParams(fields);
	body.set('id', crypto.randomUUID());
	if (everything) {
		body.set('all', '1');
		body.set('state', state().state);
	} else if (!body.has('ids')) {
		for (const id of picked()) body.append('ids', id);
	}
	const answer = await post(`/records/${kind}/bulk`, body);
	if (answer) { if (dialog.open) dialog.close(); await follow(answer); }
}

// ---- what is clicked ------------------------------------------------------------------------

const dialogs = {
	export: () => `export?${state().state}`,
	columns: () => `columns?${withView()}`,
	changes: () => 'changes',
	view: () => `views/new?${state().state}`,
	rename: () => `views/new?rename=1&${withView()}`,
};

document.addEventListener('click', (event) => {
	const at = event.target.closest('button, a');
	if (!at) return;
	const data = at.dataset;
	if (data.open && dialogs[data.open]) show(`/records/${kind}/${dialogs[data.open]()}`);
	else if (data.filterKey) { editing = null; show(`/records/${kind}/filter?f=${encodeURIComponent(data.filterKey)}`); }
	else if (data.filterEdit) { editing = data.filterEdit; show(`/records/${kind}/filter?f=${encodeURIComponent(data.filterEdit)}`); }
	else if (data.bulk === 'opt_in' || data.bulk === 'opt_out') change({ action: data.bulk });
	else if (data.bulk) show(`/records/${kind}/bulk?action=${data.bulk}`);
	else if (data.merge) location.href = `${data.merge}?ids=${picked().join(',')}`;
	else if (data.deleteOne) change({ action: 'delete', ids: data.deleteOne });
	else if (data.undo) { dialog.close(); undo(data.undo); }
	else if (data.selectAll !== undefined) { everything = true; selection(); }
	else if (data.selectNone !== undefined) none();
	else if (data.call) fetch(data.call, { method: 'POST', keepalive: true, headers: { 'X-CSRF-Token': document.querySelector('meta[name="csrf"]').content, Accept: 'application/json' } });
	else if (data.up !== undefined || data.down !== undefined) {
		const item = at.closest('li');
		if (data.up !== undefined) item.previousElementSibling?.before(item); else item.nextElementSibling?.after(item);
		at.focus();
	}
});

dialog.addEventListener('change', (event) => {
	if (event.target.name === 'op') fit(event.target.form);
	if (event.target.matches('[data-bulk-key]') && event.target.value)
		show(`/records/${kind}/bulk?action=set&key=${encodeURIComponent(event.target.value)}`);
	if (event.target.matches('[data-sharing]')) event.target.form.elements.sharing.value = event.target.checked ? 'yes' : 'no';
});

dialog.addEventListener('submit', (event) => {
	const form = event.target;
	if (form.matches('.filter-form')) {
		event.preventDefault();
		applyFilter(form);
	} else if (form.matches('.bulk-form')) {
		event.preventDefault();
		change(new FormData(form));
	} else if (form.matches('.export-form')) {
		event.preventDefault();
		const fields = new FormData(form), of = fields.get('of');
		const query = new URLSearchParams(of === 'filter' ? form.dataset.state : '');
		query.set('format', fields.get('format'));
		for (const f of fields.getAll('field')) query.append('field', f);
		if (of === 'all') query.set('all', '1');
		if (of === 'selection') for (const id of picked()) query.append('ids', id);
		dialog.close();
		location.href = `/records/${kind}/export?${query}`;
	}
});

// Columns in another order by dragging.
let dragged = null;
dialog.addEventListener('dragstart', (event) => { dragged = event.target.closest('.column-item'); });
dialog.addEventListener('dragover', (event) => {
	const over = event.target.closest('.column-item');
	if (!dragged || !over || over === dragged) return;
	event.preventDefault();
	const { top, height } = over.getBoundingClientRect();
	if (event.clientY < top + height / 2) over.before(dragged); else over.after(dragged);
});
dialog.addEventListener('drop', (event) => event.preventDefault());
dialog.addEventListener('dragend', () => { dragged = null; });

// The arrows walk over the cells of the table; from the name to the right into them.
document.addEventListener('keydown', (event) => {
	const at = event.target.closest?.('tr[data-row] > th, tr[data-row] > td[data-cell]');
	if (!at || event.target.closest('form') || event.ctrlKey || event.metaKey || event.altKey) return;
	const cells = [...at.parentElement.querySelectorAll('th, [data-cell]')];
	const rtl = document.documentElement.dir === 'rtl';
	const i = cells.indexOf(at);
	let next = null;
	if (event.key === (rtl ? 'ArrowLeft' : 'ArrowRight')) next = cells[i + 1];
	else if (event.key === (rtl ? 'ArrowRight' : 'ArrowLeft')) next = cells[i - 1];
	else if (i && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
		const row = event.key === 'ArrowDown' ? at.parentElement.nextElementSibling : at.parentElement.previousElementSibling;
		next = row && [...row.querySelectorAll('th, [data-cell]')][i];
	} else if (event.key === ' ' && at.matches('th')) {
		at.parentElement.querySelector('.pick').click();
		event.preventDefault();
		return;
	}
	if (!next) return;
	event.preventDefault();
	event.stopPropagation();
	(next.matches('th') ? next.querySelector('a') : next).focus();
}, true);

document.addEventListener('htmx:afterSettle', (event) => {
	if (event.target !== results) return;
	const q = document.getElementById('q'), sort = document.getElementById('sort');
	if (document.activeElement !== q) q.value = state().q;
	sort.value = state().sort;
	everything = false;
	selection();
});
selection();

// Pages of tasks: quick adding, the check mark, menus of a row, many at once, the
// board and the calendar by mouse, touch and keyboard, the panel beside a list.
import { toast, post, text } from './kontor.js';

const words = document.getElementById('task-words');
const say = (name, ...values) => text(name, words, ...values);
const says = document.getElementById('board-says');
const tell = (line) => { if (says) says.textContent = line; };
const results = document.getElementById('results');
const panel = document.getElementById('task-panel');
const body = document.getElementById('task-panel-body');
const itemOf = (at) => at?.closest('[data-task]');

// ---- looking again ------------------------------------------------------------------

let dragging = false;
let carried = null; // {item, from, place}
let waiting = 0;

const pageOf = () => location.pathname + location.search;

// Somebody who writes into a task is not disturbed by news of it.
const writing = () => document.activeElement?.matches('#task-body input:not([type="checkbox"]), #task-body textarea, #task-needs input');

// Detail pages are their own fragment; lists are #results.
function refresh() {
	waiting = 0;
	if (dragging || carried || document.querySelector('.task-menu:popover-open') || writing()) {
		waiting = setTimeout(refresh, 800);
		return Promise.resolve();
	}
	const picked = new Set([...document.querySelectorAll('.task-pick:checked')].map((p) => p.value));
	const focused = itemOf(document.activeElement)?.id;
	const control = document.activeElement?.dataset?.menu;
	const open = panel?.open && body.querySelector('[data-detail]');
	const jobs = [];
	if (open) jobs.push(window.htmx.ajax('GET', `/tasks/${open.dataset.detail}`, { target: '#task-panel-body', swap: 'innerHTML', headers: { 'X-Refresh': '1' } }));
	const page = document.querySelector('.task-page [data-detail]');
	if (page) jobs.push(window.htmx.ajax('GET', location.pathname, { target: '#task-body', swap: 'outerHTML', headers: { 'X-Task-Page': '1', 'X-Refresh': '1' } }));
	if (results) jobs.push(window.htmx.ajax('GET', pageOf(), { target: '#results', swap: 'innerHTML' }));
	return Promise.all(jobs).then(() => {
		for (const pick of document.querySelectorAll('.task-pick')) pick.checked = picked.has(pick.value);
		showPicked();
		const again = focused && document.getElementById(focused);
		if (again && document.activeElement === document.body)
			(control && again.querySelector(`[data-menu="${control}"]`) || again.querySelector('.task-title, a'))?.focus({ preventScroll: true });
	});
}
// It may have been asked for before he began.
document.addEventListener('htmx:beforeSwap', (event) => {
	if (!event.detail.requestConfig?.headers?.['X-Refresh'] || !writing()) return;
	event.detail.shouldSwap = false;
	later();
});
const later = () => { waiting ||= setTimeout(refresh, 300); };

document.addEventListener('kontor:event', ({ detail }) => {
	if (detail.record_type === 'task' || detail.type === 'note.created') later();
});
document.addEventListener('kontor:resync', later);
document.addEventListener('click', (event) => {
	if (event.target.closest('[data-refresh]')) refresh();
});

// ---- changing, and taking it back ---------------------------------------------------------

async function undo(values) {
	if (await post('/tasks/undo', values)) refresh();
}

function changed(answer, line, quiet) {
	if (quiet) return;
	const values = answer.trash ? { trash: answer.trash } : { before: JSON.stringify(answer.before) };
	toast(line, { undo: () => undo(values) });
}

async function set(id, values, line) {
	const answer = await post(`/tasks/${id}/set`, values);
	if (answer) changed(answer, line);
	await refresh();
	return answer;
}

async function remove(id) {
	const answer = await post(`/tasks/${id}/delete`);
	if (!answer) return;
	changed(answer, say('deleted'));
	const page = document.querySelector('.task-page');
	if (page && page.querySelector(`[data-detail="${id}"]`)) {
		sessionStorage.toast = say('deleted');
		location.href = '/tasks';
		return;
	}
	if (panel?.open && body.querySelector(`[data-detail="${id}"]`)) panel.close();
	refresh();
}

// ---- the check mark ---------------------------------------------------------------------------

document.addEventListener('click', (event) => {
	const check = event.target.closest('[data-check]');
	if (!check) return;
	event.preventDefault();
	const item = itemOf(check), row = check.closest('.task-row');
	const done = check.value === 'Complete';
	check.classList.toggle('is-checked', done);
	check.setAttribute('aria-pressed', String(done));
	row?.classList.toggle('is-done', done);
	set(item.dataset.task, { status: check.value }, say(done ? 'completed' : 'reopened'));
});

document.addEventListener('click', async (event) => {
	const claim = event.target.closest('[data-claim]');
	if (!claim) return;
	event.preventDefault();
	const id = itemOf(claim).dataset.task;
	if (await post(`/tasks/${id}/claim`)) toast(say('claimed'));
	refresh();
});

document.addEventListener('click', async (event) => {
	const plan = event.target.closest('[data-plan]');
	if (!plan) return;
	const ids = [...plan.closest('.task-group').querySelectorAll('[data-task]')].map((i) => i.dataset.task);
	const answer = await post('/tasks/bulk', { ids: ids.join(), due: plan.dataset.plan });
	if (answer) changed(answer, say('many', answer.n));
	refresh();
});

// ---- menus of a row, and of many ----------------------------------------------------------------

let menuFor = null; // the task, or the bar of many

function place(menu, button) {
	const at = button.getBoundingClientRect(), own = menu.getBoundingClientRect();
	const rtl = document.documentElement.dir === 'rtl';
	const x = rtl ? at.left : at.right - own.width;
	menu.style.left = `${Math.max(8, Math.min(x, innerWidth - own.width - 8))}px`;
	const below = at.bottom + 4 + own.height < innerHeight;
	menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - own.height - 4)}px`;
}

document.addEventListener('click', (event) => {
	const button = event.target.closest('[data-menu]');
	if (!button) return;
	const menu = document.getElementById(`menu-${button.dataset.menu}`);
	menuFor = { item: itemOf(button), bar: button.closest('.bulk-bar'), button };
	// A popover under an open dialog would be behind it.
	(button.closest('dialog') || document.body).append(menu);
	menu.showPopover();
	place(menu, button);
	const data = menuFor.item?.dataset;
	for (const option of menu.querySelectorAll('[data-set]'))
		option.toggleAttribute('aria-current', Boolean(data) && data[option.dataset.set] === option.dataset.value);
	for (const link of menu.querySelectorAll('[data-go-task]')) link.href = `/tasks/${data?.task}${link.dataset.goTask}`;
	const at = menu.querySelector('input[type="datetime-local"]');
	if (at) at.value = data?.due || '';
	menu.querySelector('[data-set], a')?.focus();
});

function close() {
	document.querySelector('.task-menu:popover-open')?.hidePopover();
	if (menuFor?.button.isConnected) menuFor.button.focus({ preventScroll: true });
}

async function choose(values) {
	const target = menuFor;
	close();
	if (target.bar) await bulk(values);
	else await set(target.item.dataset.task, values, say(values.status === 'Complete' ? 'completed' : 'saved'));
}

document.addEventListener('click', (event) => {
	const option = event.target.closest('[data-set]');
	if (option) choose({ [option.dataset.set]: option.dataset.value });
	const gone = event.target.closest('[data-delete]');
	if (gone) {
		const id = (gone.closest('.task-menu') ? menuFor.item : itemOf(gone)).dataset.task;
		close();
		remove(id);
	}
});
document.addEventListener('submit', (event) => {
	const form = event.target;
	if (!form.matches('[data-due-form]')) return;
	event.preventDefault();
	choose({ due: form.querySelector('input').value });
});
document.addEventListener('keydown', (event) => {
	const menu = event.target.closest?.('.task-menu');
	if (!menu) return;
	const items = [...menu.querySelectorAll('button, a, input')];
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if (step && !event.target.matches('input')) {
		items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
	} else if (event.key === 'Escape') {
		close();
	} else {
		return;
	}
	event.preventDefault();
	event.stopImmediatePropagation();
}, true);

// ---- many at once ------------------------------------------------------------------------------------

const bar = document.getElementById('task-bulk');
let all = false;
let lastPick = null;

const picks = () => [...document.querySelectorAll('.task-pick')];

function showPicked() {
	if (!bar) return;
	const n = picks().filter((p) => p.checked).length;
	if (!n) all = false;
	bar.hidden = !n;
	bar.querySelector('[data-selected]').textContent = all ? bar.querySelector('[data-select-all]').textContent : say('selected', n);
	document.body.classList.toggle('picking', n > 0);
}

async function bulk(values) {
	const ids = picks().filter((p) => p.checked).map((p) => p.value).join();
	const answer = await post(`/tasks/bulk${all ? location.search : ''}`, all ? { ...values, all: '1' } : { ...values, ids });
	if (!answer) return;
	for (const pick of picks()) pick.checked = false;
	changed(answer, say(values.delete ? 'manydeleted' : 'many', answer.n));
	showPicked();
	refresh();
}

document.addEventListener('click', (event) => {
	const pick = event.target.closest('.task-pick');
	if (pick) {
		// Shift takes everything in between.
		const list = picks(), from = list.indexOf(lastPick), to = list.indexOf(pick);
		if (event.shiftKey && from >= 0)
			for (const p of list.slice(Math.min(from, to), Math.max(from, to) + 1)) p.checked = pick.checked;
		lastPick = pick;
		all = false;
		showPicked();
	} else if (event.target.closest('[data-bulk]')) {
		event.preventDefault();
		const button = event.target.closest('[data-bulk]');
		bulk({ [button.name]: button.value });
	} else if (event.target.closest('[data-select-page], [data-select-all]')) {
		all = Boolean(event.target.closest('[data-select-all]'));
		for (const p of picks()) p.checked = true;
		showPicked();
	} else if (event.target.closest('[data-select-none]')) {
		for (const p of picks()) p.checked = false;
		showPicked();
	}
});
document.addEventListener('keydown', (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, .task-menu, dialog')) return;
	const row = event.target.closest('.task-row[data-task]');
	const keys = { x: '.task-pick', d: '[data-menu="due"]', p: '[data-menu="priority"]', a: '[data-menu="assignee"]', ' ': '[data-check]' };
	const at = row && keys[event.key] && event.target.matches('.task-title') && row.querySelector(keys[event.key]);
	if (!at) return;
	event.preventDefault();
	event.stopImmediatePropagation();
	at.click();
}, true);

// ---- one line becomes a task ---------------------------------------------------------------------------

const quick = document.querySelector('[data-quick]');

quick?.addEventListener('submit', async (event) => {
	event.preventDefault();
	event.stopPropagation();
	const field = quick.elements.text, id = quick.elements.id;
	if (!field.value.trim() || quick.dataset.busy) return;
	quick.dataset.busy = '1';
	const task = await post('/tasks/quick', { text: field.value, id: id.value });
	delete quick.dataset.busy;
	if (!task) return;
	field.value = '';
	id.value = crypto.randomUUID();
	const line = document.createElement('span'), link = document.createElement('a');
	line.append(say('added', [task.title, [task.due, task.time].filter(Boolean).join(' '), task.is_mine ? '' : task.assignee].filter(Boolean).join(' · ')), ' ');
	link.href = `/tasks/${task.id}`;
	link.textContent = say('open');
	line.append(link);
	toast(line, { undo: async () => { if (await post(`/tasks/${task.id}/delete`)) refresh(); } });
	refresh();
});

// ---- the panel beside a list -------------------------------------------------------------------------------

function openPanel(id) {
	body.replaceChildren();
	panel.querySelector('[data-full]').href = `/tasks/${id}`;
	if (!panel.open) panel.showModal();
	return window.htmx.ajax('GET', `/tasks/${id}`, { target: '#task-panel-body', swap: 'innerHTML' });
}
document.addEventListener('click', (event) => {
	const link = event.target.closest('a[data-open]');
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button || dragging) return;
	event.preventDefault();
	openPanel(itemOf(link).dataset.task);
});
panel?.addEventListener('click', (event) => { if (event.target === panel) panel.close(); });
// A menu lives in the dialog while it is open there.
panel?.addEventListener('close', () => {
	for (const menu of panel.querySelectorAll('.task-menu')) document.body.append(menu);
});

// ---- board and calendar: dragging ----------------------------------------------------------------------------

const places = () => [...document.querySelectorAll('#task-board .column, #cal .cal-day')];
const cards = (at) => at.querySelector('[data-cards]');
const nameOf = (at) => at.querySelector('h2')?.textContent || at.querySelector('h3 .visually-hidden')?.textContent;
const valueOf = (at) => (at.dataset.status ? { status: at.dataset.status } : { due: at.dataset.day });

async function drop(item, from, to) {
	if (from === to) return;
	const answer = await post(`/tasks/${item.dataset.task}/set`, valueOf(to));
	if (!answer) {
		cards(from).prepend(item);
		tell(say('stayed'));
		return;
	}
	tell(say('dropped', nameOf(to)));
	changed(answer, say('dropped', nameOf(to)));
	later();
}

function setUp() {
	if (!window.Sortable) return;
	for (const list of document.querySelectorAll('#task-board [data-cards], #cal [data-cards]')) {
		window.Sortable.create(list, {
			group: 'tasks', sort: false, draggable: '[data-task]', filter: '.task-card-menu', preventOnFilter: false,
			animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 140, forceFallback: true, fallbackOnBody: true,
			fallbackTolerance: 4, delay: 180, delayOnTouchOnly: true, touchStartThreshold: 5, scrollSensitivity: 60,
			onStart: () => { dragging = true; },
			onEnd: ({ item, from, to }) => {
				setTimeout(() => { dragging = false; });
				if (from === to) return;
				to.prepend(item);
				drop(item, from.closest('.column, .cal-day'), to.closest('.column, .cal-day'));
			},
		});
	}
}
// The scripts are deferred; Sortable may come after this module.
if (document.readyState === 'complete') setUp(); else addEventListener('load', setUp);
document.addEventListener('htmx:afterSwap', (event) => { if (event.target === results) setUp(); });

// By keyboard: m picks it up, arrows carry it, Enter leaves it, Escape brings it back.
function carry(item) {
	carried = { item, from: item.closest('.column, .cal-day') };
	item.classList.add('moving');
	tell(say('carry', item.dataset.title));
}
function putDown(keep) {
	const { item, from } = carried, to = item.closest('.column, .cal-day');
	carried = null;
	item.classList.remove('moving');
	if (keep) drop(item, from, to);
	else {
		cards(from).prepend(item);
		tell(say('stayed'));
	}
	item.querySelector('a').focus();
}
function step(key) {
	const list = places(), at = list.indexOf(carried.item.closest('.column, .cal-day'));
	const row = carried.from.matches('.cal-day') ? 7 : 0;
	const forward = document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
	const by = key === 'ArrowDown' ? row : key === 'ArrowUp' ? -row : key === forward ? 1 : -1;
	const next = list[at + by];
	if (!next || !by) return;
	cards(next).prepend(carried.item);
	carried.item.querySelector('a').focus();
	carried.item.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	tell(nameOf(next));
}
results?.addEventListener('keydown', (event) => {
	const item = event.target.closest('.task-card, .cal-task');
	if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
	if (carried) {
		if (event.key.startsWith('Arrow')) step(event.key);
		else if (event.key === 'Enter' || event.key === 'm') putDown(true);
		else if (event.key === 'Escape') putDown(false);
		else return;
	} else if (event.key === 'm') {
		carry(item);
	} else {
		return;
	}
	event.preventDefault();
	event.stopPropagation();
}, true);
results?.addEventListener('focusout', () => setTimeout(() => {
	if (carried && !carried.item.contains(document.activeElement)) putDown(false);
}));

// ---- forms -----------------------------------------------------------------------------------------------------

document.addEventListener('click', (event) => {
	if (!event.target.closest('[data-no-due]')) return;
	for (const id of ['due_day', 'due_time']) document.getElementById(id).value = '';
	document.getElementById('due_day').dispatchEvent(new Event('input', { bubbles: true }));
});
document.querySelector('[data-repeat]')?.addEventListener('change', (event) => {
	document.querySelector('[data-rule]').hidden = event.target.value !== 'custom';
});

// The address of the export follows the filters.
document.addEventListener('htmx:pushedIntoHistory', () => {
	const link = document.querySelector('[data-export]');
	if (link) link.href = `/tasks/export${location.search}`;
});

// Pickers of a fragment that came later (crm.js).
document.addEventListener('htmx:load', (event) => event.target.dispatchEvent?.(new CustomEvent('kontor:fragment', { bubbles: true })));

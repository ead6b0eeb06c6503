// The editor of a pipeline: stages that move, gates and tasks that open, a
// preview that follows, and the way back from a removal.
const form = document.querySelector('[data-pipeline]');
const list = form.querySelector('[data-stage-cards]');
const said = form.querySelector('[data-said]');
const cards = () => [...list.children].filter((c) => 'stageCard' in c.dataset);
const blank = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const changed = () => form.dispatchEvent(new Event('input', { bubbles: true }));
const field = (card, name) => card.querySelector(`[name="${name}"]`);

// ---- preview, facts, titles that a gate may name -----------------------------------

function icon(name) {
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
	svg.setAttribute('class', 'icon');
	svg.setAttribute('aria-hidden', 'true');
	use.setAttribute('href', `/assets/vendor/icons.svg#${name}`);
	svg.append(use);
	return svg;
}

function column(card) {
	const li = document.createElement('li');
	const bar = document.createElement('span'), name = document.createElement('span'), facts = document.createElement('span');
	bar.className = 'preview-bar';
	bar.style.background = field(card, 'stage_color').value;
	name.className = 'preview-name';
	name.textContent = field(card, 'stage_name').value || '…';
	facts.className = 'preview-facts';
	facts.append(`${Number(field(card, 'stage_probability').value || 0).toLocaleString(document.documentElement.lang)} %`);
	if (field(card, 'gate_mode').value !== 'none') facts.append(icon('shield-lock'));
	if (card.querySelector('.task-line')) facts.append(icon('checklist'));
	li.append(bar, name, facts);
	return li;
}

function refresh() {
	form.querySelector('[data-preview]').replaceChildren(...cards().map(column));
	for (const card of cards()) {
		const gate = field(card, 'gate_mode').value !== 'none', tasks = card.querySelectorAll('.task-line').length;
		card.querySelector('[data-gate]').hidden = !gate;
		card.querySelector('[data-fact="gate"]').hidden = !gate;
		card.querySelector('[data-fact="tasks"]').hidden = !tasks;
		card.querySelector('[data-fact="tasks"] b').textContent = tasks.toLocaleString(document.documentElement.lang);
		// What is not asked is not sent.
		for (const input of card.querySelectorAll('.gate-line [name]')) input.disabled = !gate;
	}
	document.getElementById('task-titles').replaceChildren(...[...new Set([...form.querySelectorAll('[name="task_title"]')]
		.map((t) => t.value.trim()).filter(Boolean))].map((title) => Object.assign(document.createElement('option'), { value: title })));
	for (const select of form.querySelectorAll('.stage-gone select')) fillTargets(select);
}

// ---- moving ------------------------------------------------------------------------------

function place(card) {
	said.textContent = `${list.dataset.textMoved} ${(cards().indexOf(card) + 1).toLocaleString(document.documentElement.lang)}`;
	changed();
}

window.Sortable?.create(list, { handle: '.drag-handle', animation: 120, draggable: '.stage-card', onEnd: (event) => place(event.item) });
form.addEventListener('keydown', (event) => {
	const grip = event.target.closest('[data-stage-grip]');
	if (!grip || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
	event.preventDefault();
	const card = grip.closest('.stage-card'), all = cards(), at = all.indexOf(card);
	const other = all[at + (event.key === 'ArrowUp' ? -1 : 1)];
	if (!other) return;
	if (event.key === 'ArrowUp') other.before(card);
	else other.after(card);
	grip.focus();
	place(card);
});

// ---- removing, and the way back ------------------------------------------------------------

function fillTargets(select) {
	const chosen = select.value, source = select.closest('.stage-gone').card;
	const stay = cards().filter((c) => field(c, 'stage_id').value);
	select.replaceChildren(...stay.map((c) => Object.assign(document.createElement('option'),
		{ value: field(c, 'stage_id').value, textContent: field(c, 'stage_name').value })));
	const type = field(source, 'stage_type').value;
	const like = stay.find((c) => field(c, 'stage_type').value === type) || stay[0];
	select.value = stay.some((c) => field(c, 'stage_id').value === chosen) ? chosen : like && field(like, 'stage_id').value;
}

function remove(card) {
	if (cards().length < 2) return;
	const gone = blank('gone-stage'), deals = Number(card.dataset.deals || 0);
	gone.card = card;
	gone.querySelector('.gone-name').textContent = field(card, 'stage_name').value;
	card.replaceWith(gone);
	if (deals && field(card, 'stage_id').value) {
		gone.querySelector('[data-gone-move]').hidden = false;
		for (const input of gone.querySelectorAll('[name]')) input.disabled = false;
		gone.querySelector('[name="move_from"]').value = field(card, 'stage_id').value;
		fillTargets(gone.querySelector('select'));
	}
	gone.querySelector('[data-stage-undo]').focus();
	changed();
}

function restore(gone) {
	const { card } = gone;
	gone.replaceWith(card);
	card.querySelector('[data-stage-remove]').focus();
	changed();
}

// ---- clicks ----------------------------------------------------------------------------------

function open(card, yes) {
	card.querySelector('.stage-more').hidden = !yes;
	card.querySelector('[data-stage-more]').setAttribute('aria-expanded', String(yes));
}

function addTo(box, id, name) {
	const line = blank(id);
	box.append(line);
	line.querySelector(`[name="${name}"]`).focus();
	changed();
}

const clicks = {
	stageAdd() {
		const card = blank('blank-stage'), open_ = cards().filter((c) => field(c, 'stage_type').value === 'open');
		// Before won and lost, where it belongs.
		if (open_.length) open_.at(-1).after(card);
		else list.append(card);
		field(card, 'stage_name').focus();
		changed();
	},
	stageMore(button, card) { open(card, card.querySelector('.stage-more').hidden); },
	stageRemove(button, card) { remove(card); },
	stageUndo(button) { restore(button.closest('.stage-gone')); },
	conditionAdd(button, card) { addTo(card.querySelector('[data-conditions]'), 'blank-condition', 'cond_kind'); },
	taskAdd(button, card) { addTo(card.querySelector('[data-tasks]'), 'blank-task', 'task_title'); },
	lineDrop(button) {
		const line = button.closest('li'), next = line.nextElementSibling?.querySelector('button') || line.closest('.stage-part').querySelector('.btn-link');
		line.remove();
		next?.focus();
		changed();
	},
};

form.addEventListener('click', (event) => {
	const button = event.target.closest('button');
	if (!button) return;
	for (const [what, act] of Object.entries(clicks))
		if (what in button.dataset) act(button, button.closest('.stage-card'));
});

form.addEventListener('change', (event) => {
	if (event.target.name === 'cond_kind') event.target.closest('.gate-line').dataset.kind = event.target.value;
	if (event.target.name === 'gate_mode' && event.target.value !== 'none') {
		const card = event.target.closest('.stage-card');
		if (!card.querySelector('.gate-line')) card.querySelector('[data-conditions]').append(blank('blank-condition'));
	}
	if (event.target.name === 'stage_type') {
		const percent = field(event.target.closest('.stage-card'), 'stage_probability');
		if (event.target.value === 'won') percent.value = 100;
		else if (event.target.value === 'lost') percent.value = 0;
	}
});
form.addEventListener('input', refresh);
form.addEventListener('change', refresh);
// An editor who may not save reads.
if (!form.querySelector('[data-save]'))
	for (const input of form.querySelectorAll('input, select, button')) input.disabled = true;
refresh();

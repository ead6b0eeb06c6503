// What is typed into a form of a record is not lost: not when the session ends
// under it, not by leaving the page, not by the way back. It is kept in this tab
// until it is saved. Forms: data-guard.
//
// A form that was sent and comes back empty (a sign-in came between) is filled
// again; one that is reached by the way back has the id that it was sent with, so
// that sending it again makes no second record.
import { text, toast } from './kontor.js';

const key = (form) => `draft:${new URL(form.action, location.href).pathname}`;
const read = (name) => { try { return JSON.parse(sessionStorage[name] || 'null'); } catch { return null; } };
const kept = (field) => field.name && !['_csrf'].includes(field.name) && !['file', 'password', 'submit', 'button'].includes(field.type);

// Values in the order of the fields: repeated names follow each other.
function values(form) {
	return [...form.elements].filter(kept).map((f) => [f.name, ['checkbox', 'radio'].includes(f.type) ? f.checked : f.value, f.type]);
}

function store(form, state) {
	try {
		sessionStorage[key(form)] = JSON.stringify({ state, at: Date.now(), values: values(form) });
	} catch { /* no room: then there is no draft */ }
}

// Lines of repeated fields that the page does not have are added by their button.
function makeRoom(form, draft) {
	const counts = {};
	for (const [name, , type] of draft.values) if (type !== 'radio') counts[name] = (counts[name] || 0) + 1;
	for (const [name, n] of Object.entries(counts)) {
		for (let i = form.querySelectorAll(`[name="${CSS.escape(name)}"]`).length; i && i < n; i++)
			form.querySelector(`[name="${CSS.escape(name)}"]`).closest('[data-lines]')?.querySelector('[data-line-add]')?.click();
	}
}

function fill(form, draft) {
	makeRoom(form, draft);
	const fields = [...form.elements].filter(kept);
	for (const [name, value, type] of draft.values) {
		const at = fields.findIndex((f) => f.name === name && f.type === type);
		if (at < 0) continue;
		const [field] = fields.splice(at, 1);
		if (typeof value === 'boolean') field.checked = value;
		else field.value = value;
	}
}

// Everything that was sent and did not come back was saved; so was what comes
// back to a page that says so (?done=saved).
for (const name of Object.keys(sessionStorage).filter((k) => k.startsWith('draft:'))) {
	const draft = read(name);
	if (draft?.state === 'sent' && name !== `draft:${location.pathname}`)
		sessionStorage[name] = JSON.stringify({ ...draft, state: 'done' });
}

const arrival = performance.getEntriesByType('navigation')[0];
const saved = /[?&]done=/.test(arrival?.name ?? '');

for (const form of document.querySelectorAll('form[data-guard]')) {
	const draft = read(key(form));
	const back = arrival?.type === 'back_forward';
	const answered = form.querySelector('.alert-danger, .clash, [aria-invalid="true"]');
	if (draft && !(saved && draft.state === 'sent') && !answered && (draft.state !== 'done' || back)) {
		setTimeout(() => fill(form, draft)); // once the buttons of the form work
		if (draft.state !== 'done' && document.getElementById('toasts')) toast(text('draft'));
	} else if (draft) {
		sessionStorage.removeItem(key(form));
	}
	let timer;
	form.addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(() => store(form, 'typed'), 200);
	});
	form.addEventListener('submit', () => {
		clearTimeout(timer);
		store(form, 'sent');
	});
	form.querySelector('.form-actions a.btn')?.addEventListener('click', () => {
		clearTimeout(timer);
		sessionStorage.removeItem(key(form));
	});
}

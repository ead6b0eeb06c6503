// The page of one record, whatever its kind: composer and timeline, files, calls.
import { refusal, text, toast } from './kontor.js';

const csrf = () => document.querySelector('meta[name="csrf"]').content;
const timeline = document.getElementById('timeline');

// A form's fields to its address; the answer is a piece of HTML, or null after a toast.
async function send(url, body) {
	try {
		const answer = await fetch(url, { method: 'POST', body, headers: { 'X-CSRF-Token': csrf(), 'HX-Request': 'true', Accept: 'application/json, text/html;q=0.9' } });
		if (answer.ok) return await answer.text();
		const problem = await answer.json().catch(() => ({}));
		toast(refusal(problem) || text('failed'), { bad: true });
	} catch {
		toast(text('offline'), { bad: true });
	}
	return null;
}

const piece = (html) => {
	const box = document.createElement('template');
	box.innerHTML = html;
	return box.content;
};

// ---- composer ------------------------------------------------------------------

const composer = document.querySelector('[data-composer]');
const tabs = composer ? [...composer.querySelectorAll('[role="tab"]')] : [];

function compose(name, focus = true) {
	const tab = document.getElementById(`tab-${name}`);
	if (!tab) return;
	for (const t of tabs) {
		const here = t === tab;
		t.setAttribute('aria-selected', String(here));
		t.tabIndex = here ? 0 : -1;
		document.getElementById(t.getAttribute('aria-controls')).hidden = !here;
	}
	if (!focus) return;
	const panel = document.getElementById(tab.getAttribute('aria-controls'));
	panel.scrollIntoView({ block: 'center' });
	panel.querySelector('input:not([type="hidden"]), textarea, select')?.focus();
}

composer?.addEventListener('click', (event) => {
	const tab = event.target.closest('[role="tab"]');
	if (tab) compose(tab.id.slice(4));
});
composer?.addEventListener('keydown', (event) => {
	if (event.target.getAttribute('role') !== 'tab') {
		// Ctrl+Enter sends, wherever one is writing.
		if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
		return;
	}
	const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
	if (!step) return;
	const forward = document.documentElement.dir === 'rtl' ? -step : step;
	const next = tabs[(tabs.indexOf(event.target) + forward + tabs.length) % tabs.length];
	compose(next.id.slice(4), false);
	next.focus();
	event.preventDefault();
});
document.addEventListener('click', (event) => {
	const to = event.target.closest('[data-compose]');
	if (!to) return;
	const mail = document.getElementById('mail-to');
	if (to.dataset.compose === 'mail' && mail && !mail.value) mail.value = to.dataset.to || mail.list?.options[0]?.value || '';
	compose(to.dataset.compose);
});

// The entry stands there at once; when the server says no it goes, and what was
// typed is back in its fields.
composer?.addEventListener('submit', async (event) => {
	const form = event.target;
	event.preventDefault();
	if (form.dataset.busy) return;
	form.dataset.busy = '1';
	const body = new FormData(form);
	const pending = document.getElementById('timeline-pending').content.cloneNode(true).firstElementChild;
	pending.querySelector('.note-body').textContent = body.get('content') || body.get('title') || '';
	timeline.querySelector('.timeline-empty')?.remove();
	timeline.prepend(pending);
	const kept = [...form.elements].map((e) => [e, e.value, e.checked]);
	form.reset();
	const html = await send(form.action, new URLSearchParams(body));
	delete form.dataset.busy;
	if (html === null) {
		pending.remove();
		for (const [e, value, checked] of kept) { if (e.type !== 'hidden') { e.value = value; e.checked = checked; } }
		form.querySelector('textarea, input:not([type="hidden"])')?.focus();
		return;
	}
	form.elements.new_id.value = crypto.randomUUID();
	pending.replaceWith(piece(html));
	if (form.action.endsWith('/task')) location.reload();
});

// ---- timeline --------------------------------------------------------------------

const filter = document.querySelector('[data-timeline-filter]');
if (filter) {
	if (filter.dataset.value !== 'all') filter.value = filter.dataset.value;
	filter.addEventListener('change', async () => {
		const answer = await fetch(`${filter.dataset.timelineFilter}?only=${filter.value}`, { headers: { 'HX-Request': 'true' } }).catch(() => null);
		if (!answer?.ok) return;
		timeline.innerHTML = await answer.text();
		window.htmx?.process(timeline);
		const here = new URL(location.href);
		if (filter.value) here.searchParams.set('only', filter.value);
		else here.searchParams.delete('only');
		history.replaceState(history.state, '', here);
	});
}

timeline?.addEventListener('submit', async (event) => {
	const form = event.target;
	const entry = form.closest('.timeline-item');
	if (form.matches('[data-note-save]')) {
		event.preventDefault();
		const written = form.elements.content.value.trim();
		if (await send(form.action, new URLSearchParams(new FormData(form))) === null) return;
		entry.querySelector('.note-body').textContent = written;
		form.closest('details').open = false;
		toast(timeline.dataset.textSaved);
	} else if (form.matches('[data-note-delete]')) {
		event.preventDefault();
		const after = entry.nextElementSibling;
		entry.remove();
		if (await send(form.action, new URLSearchParams()) === null) {
			timeline.insertBefore(entry, after);
			return;
		}
		toast(timeline.dataset.textDeleted, { undo: async () => {
			if (await send(`/notes/${form.dataset.noteDelete}/restore`, new URLSearchParams()) !== null) timeline.insertBefore(entry, after);
		} });
	} else if (form.matches('[data-call-save]')) {
		event.preventDefault();
		const body = new URLSearchParams(new FormData(form));
		body.set('kind', timeline.dataset.kind);
		body.set('of', timeline.dataset.id);
		const html = await send(form.action, body);
		if (html !== null) entry.replaceWith(piece(html));
	}
});

// ---- calls -----------------------------------------------------------------------

// The dialer opens as the link says; beside it the call is recorded.
document.addEventListener('click', async (event) => {
	const link = event.target.closest('a[data-call]');
	if (!link) return;
	const html = await send(link.dataset.call, new URLSearchParams({ phone: link.href.slice(4), new_id: crypto.randomUUID() }));
	if (html !== null) {
		timeline?.querySelector('.timeline-empty')?.remove();
		timeline?.prepend(piece(html));
	}
});

// ---- files -----------------------------------------------------------------------

const files = document.querySelector('[data-files]');

function upload(list) {
	const progress = files.querySelector('.files-progress');
	const body = new FormData();
	for (const file of list) {
		if (file.size > 25 * 1024 * 1024) {
			toast(`${file.name}: ${files.dataset.textLarge}`, { bad: true });
			return;
		}
		body.append('file', file, file.name || 'image.png');
	}
	// fetch() tells nothing of an upload's progress.
	const request = new XMLHttpRequest();
	request.open('POST', files.dataset.files);
	request.setRequestHeader('X-CSRF-Token', csrf());
	request.setRequestHeader('HX-Request', 'true');
	request.upload.onprogress = (e) => { if (e.lengthComputable) progress.value = e.loaded / e.total * 100; };
	request.onloadend = () => {
		progress.hidden = true;
		if (request.status === 200) document.getElementById('files-list').innerHTML = request.responseText;
		else toast(files.dataset.textFailed, { bad: true });
	};
	progress.hidden = false;
	progress.value = 0;
	request.send(body);
}

if (files) {
	files.addEventListener('change', (event) => {
		if (event.target.type === 'file' && event.target.files.length) {
			upload(event.target.files);
			event.target.value = '';
		}
	});
	for (const name of ['dragenter', 'dragover']) document.addEventListener(name, (event) => {
		if (![...event.dataTransfer.types].includes('Files')) return;
		event.preventDefault();
		files.classList.add('is-over');
	});
	document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) files.classList.remove('is-over'); });
	document.addEventListener('drop', (event) => {
		files.classList.remove('is-over');
		if (!event.dataTransfer.files.length) return;
		event.preventDefault();
		upload(event.dataTransfer.files);
	});
	document.addEventListener('paste', (event) => {
		if (event.clipboardData?.files.length) upload(event.clipboardData.files);
	});
	files.addEventListener('submit', async (event) => {
		const form = event.target.closest('[data-file-delete]');
		if (!form) return;
		event.preventDefault();
		const html = await send(form.action, new URLSearchParams());
		if (html === null) return;
		const list = document.getElementById('files-list');
		list.innerHTML = html;
		toast(files.dataset.textRemoved, { undo: async () => {
			const back = await send(files.dataset.files, new URLSearchParams({ file_id: form.dataset.fileDelete }));
			if (back !== null) list.innerHTML = back;
		} });
	});
	files.addEventListener('click', (event) => {
		const link = event.target.closest('[data-preview]');
		if (!link || event.ctrlKey || event.metaKey) return;
		event.preventDefault();
		const dialog = document.getElementById('preview');
		const view = document.createElement(link.dataset.preview === 'image' ? 'img' : 'iframe');
		view.src = link.href;
		if (view.matches('img')) view.alt = link.dataset.name;
		else view.title = link.dataset.name;
		dialog.querySelector('h2').textContent = link.dataset.name;
		dialog.querySelector('[data-preview-download]').href = link.pathname + '?download=1';
		dialog.querySelector('.preview-body').replaceChildren(view);
		dialog.showModal();
	});
	document.getElementById('preview').addEventListener('close', (event) => event.target.querySelector('.preview-body').replaceChildren());
}

// ---- merging -------------------------------------------------------------------------

// The last column shows what the record will have.
const merge = document.querySelector('[data-merge]');
if (merge) {
	const show = () => {
		for (const row of merge.querySelectorAll('tr[data-field]')) {
			if ('united' in row.dataset) {
				const all = new Set([...row.querySelectorAll('[data-value]')].flatMap((v) => v.textContent === '–' ? [] : v.textContent.split(', ')));
				row.querySelector('.merge-result').textContent = [...all].join(', ') || '–';
			} else {
				row.querySelector('.merge-result').textContent = row.querySelector('input:checked')?.parentNode.querySelector('[data-value]').textContent || '–';
			}
		}
	};
	merge.addEventListener('change', (event) => {
		if (event.target.name === 'primary') {
			// The one that stays has its own values, where it has some.
			for (const choice of merge.querySelectorAll(`tbody input[value="${CSS.escape(event.target.value)}"]`))
				if (choice.parentNode.querySelector('[data-value]').textContent !== '–') choice.checked = true;
		}
		show();
	});
	show();
}

// What a cell shows elsewhere on the page (the head, the telephone's links) is read anew.
document.addEventListener('kontor:cell', (event) => {
	if (/\/(first_name|last_name|title|status|phones|emails)$/.test(event.detail.field)) location.reload();
});

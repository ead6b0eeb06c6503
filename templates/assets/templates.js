// Quick replies: the list with copying and deletion, the form with its preview.

import { post, refusal, text as words, toast } from './kontor.js';

// ---- the list ------------------------------------------------------------------------

const results = document.getElementById('results'), box = document.getElementById('delete-templates');

const ticked = () => [...document.querySelectorAll('.templates-table [name="ids"]:checked')];

function counted() {
	const button = document.querySelector('[data-delete-selected]');
	if (button) button.disabled = !ticked().length;
}

function ask(title, what, values) {
	const head = box.querySelector('h2');
	head.textContent = words(title, head);
	box.querySelector('[data-what]').textContent = what;
	box.querySelector('[data-values]').replaceChildren(...values.map(([name, value]) => Object.assign(document.createElement('input'), { type: 'hidden', name, value })));
	box.showModal();
}

async function copy(button) {
	await navigator.clipboard.writeText(button.dataset.copyText).catch(() => {});
	toast(words('copied', results));
}

async function favourite(button) {
	const on = button.getAttribute('aria-pressed') !== 'true';
	const done = await post(`/templates/${button.closest('tr').dataset.id}/mark`, { on: on ? '1' : '' });
	if (done === null) return;
	button.setAttribute('aria-pressed', String(on));
	button.classList.toggle('is-on', on);
}

if (results) {
	document.addEventListener('click', (event) => {
		const at = event.target.closest('button');
		if (!at) return;
		if (at.matches('[data-copy-text]')) copy(at);
		else if (at.matches('[data-favourite]')) favourite(at);
		else if (at.matches('[data-delete-one]')) {
			box.querySelector('form').action = `/templates/${at.dataset.deleteOne}/delete`;
			ask('one', at.closest('tr').dataset.name, []);
		} else if (at.matches('[data-delete-selected]')) {
			box.querySelector('form').action = '/templates/delete';
			ask('some', ticked().map((t) => t.closest('tr').dataset.name).join(', '), ticked().map((t) => ['ids', t.value]));
		} else if (at.matches('[data-delete-all]')) {
			box.querySelector('form').action = '/templates/delete';
			ask('all', document.querySelector('[data-total]')?.dataset.total || '0', [['all', '1'], ['q', document.getElementById('q').value]]);
		}
	});
	document.addEventListener('change', (event) => {
		if (event.target.matches('[data-all]')) for (const t of document.querySelectorAll('.templates-table [name="ids"]')) t.checked = event.target.checked;
		counted();
	});
	document.addEventListener('htmx:afterSwap', counted);
}

// ---- the form --------------------------------------------------------------------------

const form = document.querySelector('[data-template-form]');

function setUpForm() {
	const { text, image } = form.elements, save = form.querySelector('[data-save]'), preview = form.querySelector('[data-preview]');
	const problem = form.querySelector('[data-image-problem]'), bar = form.querySelector('progress'), remove = form.querySelector('[data-image-remove]');
	let running = 0;

	const show = () => {
		preview.querySelector('p').textContent = text.value;
		let picture = preview.querySelector('img');
		if (image.value && !picture) { picture = Object.assign(document.createElement('img'), { alt: '' }); preview.prepend(picture); }
		if (picture && image.value) picture.src = `/files/${image.value}`;
		if (picture && !image.value) picture.remove();
		remove.hidden = !image.value;
		save.disabled = running > 0 || !text.value.trim();
	};
	const upload = (file) => {
		problem.hidden = true;
		if (!file) return;
		if (!/^image\/(jpeg|png|webp|gif)$/.test(file.type) || file.size > 5242880) {
			problem.textContent = words('tooLarge', form);
			problem.hidden = false;
			return;
		}
		const rq = new XMLHttpRequest(), body = new FormData();
		body.append('image', file);
		running++;
		show();
		rq.open('POST', '/templates/image');
		rq.setRequestHeader('X-CSRF-Token', document.querySelector('meta[name="csrf"]').content);
		rq.setRequestHeader('Accept', 'application/json');
		rq.upload.onprogress = (event) => { bar.hidden = false; bar.value = event.total ? event.loaded * 100 / event.total : 0; };
		rq.onloadend = () => {
			running--;
			bar.hidden = true;
			let answer = {};
			try { answer = JSON.parse(rq.responseText); } catch { /* no answer */ }
			if (answer.id) image.value = answer.id;
			else { problem.textContent = refusal(answer) || words('failed'); problem.hidden = false; }
			show();
		};
		rq.send(body);
	};

	text.addEventListener('input', show);
	form.addEventListener('click', (event) => {
		const variable = event.target.closest('[data-variable]');
		if (event.target.closest('[data-image-remove]')) { image.value = ''; show(); }
		if (!variable) return;
		text.setRangeText(`{{${variable.dataset.variable}}}`, text.selectionStart, text.selectionEnd, 'end');
		text.focus();
		show();
	});
	form.querySelector('#image-file').addEventListener('change', (event) => { upload(event.target.files[0]); event.target.value = ''; });
	for (const name of ['dragover', 'dragleave', 'drop'])
		form.addEventListener(name, (event) => {
			if (!event.dataTransfer?.types.includes('Files')) return;
			event.preventDefault();
			form.querySelector('[data-drop]').classList.toggle('is-over', name === 'dragover');
			if (name === 'drop') upload(event.dataTransfer.files[0]);
		});
	form.addEventListener('submit', (event) => { if (running) event.preventDefault(); });
	show();
}

if (form) setUpForm();

// What the parts of the inbox share: where things are, and asking the server.
//
// The parts tell each other by events of the document: inbox:open (a thread is
// shown, or none), inbox:part (detail.id of a part of the page was exchanged), inbox:rows (the list
// shows other rows).

import { refusal, text, toast } from '../kontor.js';

export const root = document.getElementById('inbox');
export const phone = matchMedia('(max-width: 56rem)');

const csrf = document.querySelector('meta[name="csrf"]').content;

export const rows = () => document.getElementById('rows');
export const thread = () => document.getElementById('thread');
export const items = () => document.getElementById('items');
export const talkId = () => document.querySelector('.talk')?.dataset.talkId;
export const listQuery = () => rows()?.dataset.query || '';

// Words of the page: say('closed'), say('selected', 5).
export const say = (name, ...values) => text(name, root, ...values);

export function tell(name, detail) {
	document.dispatchEvent(new CustomEvent(`inbox:${name}`, { detail }));
}

// A fragment of ours, or null after a toast that says what went wrong.
export async function ask(url, options = {}) {
	try {
		const answer = await fetch(url, {
			...options,
			headers: { 'HX-Request': 'true', 'X-CSRF-Token': csrf, Accept: 'text/html, application/json', ...options.headers },
		});
		const away = answer.headers.get('HX-Redirect');
		if (away || answer.redirected) { location.href = away || answer.url; return null; }
		if (answer.ok) return await answer.text();
		const problem = await answer.json().catch(() => ({}));
		const error = new Error(refusal(problem) || say('failed'));
		error.field = problem.details?.field;
		error.refused = true;
		throw error;
	} catch (error) {
		if (options.quiet) return null;
		if (options.raise) throw error;
		toast(error.refused ? error.message : say('offline'), { bad: true });
		return null;
	}
}

export function parse(html) {
	const template = document.createElement('template');
	template.innerHTML = html;
	return template.content;
}

export function newId() {
	if (crypto.randomUUID) return crypto.randomUUID();
	const b = crypto.getRandomValues(new Uint8Array(16)); // pages without TLS have no randomUUID
	b[6] = (b[6] & 15) | 64;
	b[8] = (b[8] & 63) | 128;
	const hex = [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

// POST of fields; the answer as json, or null after a toast.
export async function post(url, fields = {}) {
	const answer = await ask(url, { method: 'POST', body: new URLSearchParams(fields), headers: { Accept: 'application/json' } });
	if (answer === null) return null;
	try { return JSON.parse(answer || '{}'); } catch { return {}; }
}

export function openDialog(id) {
	const dialog = document.getElementById(id);
	for (const menu of document.querySelectorAll('details.menu[open]')) menu.open = false;
	for (const field of dialog.querySelectorAll('[data-new-id]')) field.value = newId();
	if (!dialog.open) dialog.showModal();
	return dialog;
}

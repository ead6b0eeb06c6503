// Files of the message that is being written: chosen, dropped, pasted, recorded, or here
// already (of a quick reply, of a message that was called back). What the channel does not
// take is refused before it is sent anywhere.

import { text as words, toast } from '../kontor.js';
import { root } from './base.js';

const MAX = 25 * 1024 * 1024, MOST = 10;

let files = []; // File, or {id, kind, name} of one that is here
const listeners = [];

const composer = () => document.getElementById('composer');

export const chosen = () => files;
export const onFiles = (call) => listeners.push(call);

// The most bytes of a type, as channel_limit_for has them.
function limitOf(type) {
	for (const [types, max] of JSON.parse(composer().dataset.limits || '[]'))
		if (!types || types.split(' ').includes(type)) return Math.min(max, MAX);
	return MAX;
}

const clock = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;

function picture(file) {
	const type = file.type || '';
	if (file.id && file.kind === 'image') return Object.assign(document.createElement('img'), { src: `/files/${file.id}`, alt: '' });
	if (file.id) return null;
	if (/^image\/(jpeg|png|gif|webp)$/.test(type)) return Object.assign(document.createElement('img'), { src: URL.createObjectURL(file), alt: '' });
	if (file.seconds) return Object.assign(document.createElement('audio'), { src: URL.createObjectURL(file), controls: true });
	return null;
}

export function showFiles() {
	const list = document.querySelector('.composer-files');
	if (!list) return;
	for (const old of list.querySelectorAll('[src^="blob:"]')) URL.revokeObjectURL(old.src);
	list.replaceChildren(...files.map((file, i) => {
		const li = document.createElement('li'), name = document.createElement('span'), remove = document.createElement('button');
		name.textContent = file.seconds ? words('voice', composer(), clock(file.seconds)).replace(/ s$/, '') : file.name;
		remove.type = 'button';
		remove.setAttribute('aria-label', words('remove', composer(), name.textContent));
		remove.innerHTML = '<svg class="icon" aria-hidden="true"><use href="/assets/vendor/icons.svg#x"/></svg>';
		remove.onclick = () => { files.splice(i, 1); changed(); document.getElementById('composer-text').focus(); };
		li.append(...[picture(file)].filter(Boolean), name, remove);
		return li;
	}));
}

function changed() {
	showFiles();
	for (const call of listeners) call();
}

export function addFiles(list) {
	if (!document.getElementById('composer-file')) return;
	for (const file of list) {
		const most = limitOf(file.type);
		if (file.size > most) toast(words('tooLarge', composer(), file.name, composer().dataset.channel, Math.floor(most / 1048576)), { bad: true });
		else if (files.length >= MOST) { toast(words('tooMany', composer()), { bad: true }); break; }
		else files.push(file);
	}
	changed();
}

// [{id, kind, name}]
export function addKnown(list) {
	files.push(...list.slice(0, MOST - files.length));
	changed();
}

export function clearFiles() {
	files = [];
	changed();
}

export function intoForm(body) {
	for (const file of files)
		if (file.id) body.append('file', `${file.kind}:${file.id}`);
		else body.append('files', file, file.name);
}

// ---- a voice message --------------------------------------------------------------

const VOICE = [['audio/ogg;codecs=opus', 'ogg'], ['audio/mp4', 'm4a'], ['audio/webm;codecs=opus', 'webm']];
let recorder = null;

async function record(button) {
	if (recorder) { recorder.stop(); return; }
	const [type, ending] = VOICE.find(([t]) => window.MediaRecorder?.isTypeSupported(t)) || [];
	let stream;
	try {
		if (!type) throw new Error('none');
		stream = await navigator.mediaDevices.getUserMedia({ audio: true });
	} catch {
		toast(words('noMic', composer()), { bad: true });
		return;
	}
	const parts = [], began = Date.now();
	recorder = new MediaRecorder(stream, { mimeType: type });
	recorder.ondataavailable = (event) => parts.push(event.data);
	recorder.onstop = () => {
		for (const track of stream.getTracks()) track.stop();
		recorder = null;
		button.setAttribute('aria-pressed', 'false');
		const file = new File(parts, `voice.${ending}`, { type: type.split(';')[0] });
		file.seconds = Math.max(1, Math.round((Date.now() - began) / 1000));
		if (file.size) addFiles([file]);
	};
	recorder.start();
	button.setAttribute('aria-pressed', 'true');
}

// ---- what the person does ----------------------------------------------------------

root.addEventListener('click', (event) => {
	const button = event.target.closest('[data-voice]');
	if (button) record(button);
});

root.addEventListener('change', (event) => {
	if (event.target.id !== 'composer-file') return;
	addFiles(event.target.files);
	event.target.value = '';
	document.getElementById('composer-text').focus();
});

root.addEventListener('paste', (event) => {
	if (event.target.id !== 'composer-text' || !event.clipboardData.files.length) return;
	event.preventDefault();
	addFiles(event.clipboardData.files);
});

for (const name of ['dragover', 'dragleave', 'drop'])
	root.addEventListener(name, (event) => {
		const talk = event.target.closest('.talk'), form = talk?.querySelector('.composer-form');
		if (!form || !event.dataTransfer?.types.includes('Files')) return;
		event.preventDefault();
		form.classList.toggle('is-over', name === 'dragover');
		if (name === 'drop' && !form.classList.contains('is-note')) addFiles(event.dataTransfer.files);
	});

// A new message is told: by a sound, on the desktop when nobody looks at the tab,
// and by a number in its title. Which ones, each chooses for himself.

import { language } from '../kontor.js';
import { ask, parse, root, say, talkId } from './base.js';

const title = document.title;
let unseen = 0, audio = null;

function setTitle() {
	document.title = unseen ? `(${unseen.toLocaleString(language)}) ${title}` : title;
}

// Two short tones. A browser lets a page sound only after somebody has touched it.
function ring() {
	try {
		audio ||= new AudioContext();
		for (const [at, pitch] of [[0, 880], [0.13, 1175]]) {
			const tone = audio.createOscillator(), loud = audio.createGain();
			tone.frequency.value = pitch;
			loud.gain.setValueAtTime(0.0001, audio.currentTime + at);
			loud.gain.exponentialRampToValueAtTime(0.12, audio.currentTime + at + 0.02);
			loud.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + at + 0.16);
			tone.connect(loud).connect(audio.destination);
			tone.start(audio.currentTime + at);
			tone.stop(audio.currentTime + at + 0.18);
		}
	} catch { /* no sound here */ }
}

function desktop(id, name, words) {
	if (!root.dataset.desktop || !('Notification' in window) || Notification.permission !== 'granted') return;
	const notice = new Notification(say('newMessage', name), { body: words, tag: id, lang: language });
	notice.onclick = () => { window.focus(); document.querySelector(`#row-${CSS.escape(id)} a`)?.click() ?? (location.href = `/inbox/${id}`); };
}

// The rows tell whose conversation it is and what it says.
async function arrived(id) {
	const seen = document.visibilityState === 'visible' && document.hasFocus();
	if (seen && id === talkId()) return;
	const html = await ask(`/inbox/rows?view=all&ids=${id}`, { quiet: true });
	const row = html === null ? null : parse(html).querySelector('.talk-row');
	if (!row) return;
	const whose = row.dataset.assignee, mine = !whose || whose === root.dataset.me;
	if (document.visibilityState !== 'visible') { unseen++; setTitle(); }
	const which = root.dataset.sound;
	if (which === 'none' || (which !== 'all' && !mine)) return;
	if (which) ring();
	if (!seen) desktop(id, row.querySelector('.row-name').textContent, row.querySelector('.row-preview').textContent.trim());
}

let waiting = new Set(), planned = 0;
document.addEventListener('kontor:event', ({ detail: event }) => {
	if (event.type !== 'message.received' || !event.conversation_id) return;
	waiting.add(event.conversation_id);
	planned ||= setTimeout(() => {
		const ids = [...waiting];
		waiting = new Set();
		planned = 0;
		for (const id of ids.slice(0, 3)) arrived(id);
	}, 300);
});

document.addEventListener('visibilitychange', () => {
	if (document.visibilityState !== 'visible') return;
	unseen = 0;
	setTitle();
});

// The chat of a site beside its settings, as it will look. The words come from
// where the site gets them.

import { text } from './kontor.js';

const form = document.getElementById('chat-form');
const place = document.getElementById('preview');
const choices = document.getElementById('preview-only').elements;
const words = new Map(); // by language

async function base(language) {
	if (!words.has(language)) {
		const own = language === 'auto' ? document.documentElement.lang : language;
		const answer = await fetch(`${place.dataset.address}?lang=${own}`).catch(() => null);
		words.set(language, answer?.ok ? await answer.json() : null);
	}
	return words.get(language);
}

let turn = 0;
async function show() {
	const mine = ++turn;
	const f = form.elements;
	const config = await base(f.language.value);
	if (mine !== turn || !config || !window.KontorChat) return;
	place.dataset.view = choices.view.value;
	window.KontorChat.preview(place, { ...config, title: f.title.value || place.dataset.name, greeting: f.greeting.value, color: f.color.value,
		position: f.position.value, ask_name: f.ask_name.value, ask_email: f.ask_email.value, consent: f.consent.value,
		offline: f.offline.value || f.offline.placeholder, online: !choices.away.checked, active: true,
		sample: [{ id: 1, mine: true, text: text('mine', place), at: Date.now() - 60000 }, { id: 2, mine: false, text: text('theirs', place), at: Date.now() }] });
}

form.addEventListener('input', show);
for (const choice of choices) choice.addEventListener('input', show);
show();

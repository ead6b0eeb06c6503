// How much is left until an answer is promised, or how late it is.

import { say } from './base.js';

function words(ms) {
	const min = Math.floor(ms / 60000);
	if (min < 60) return say('minutes', min);
	if (min < 2880) return say('hours', Math.floor(min / 60), min % 60);
	return say('days', Math.floor(min / 1440));
}

function tick() {
	for (const chip of document.querySelectorAll('[data-sla]')) {
		const left = Number(chip.dataset.sla) - Date.now();
		const text = left >= 0 ? say('left', words(left)) : say('late', words(-left));
		if (chip.textContent !== text) chip.textContent = text;
		chip.classList.toggle('is-soon', left >= 0 && left < 900000);
		chip.classList.toggle('is-late', left < 0);
	}
}
setInterval(tick, 10000);
for (const name of ['inbox:rows', 'inbox:open', 'inbox:part']) document.addEventListener(name, tick);
tick();

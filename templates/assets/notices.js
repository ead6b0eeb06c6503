// The panel behind the bell, and notices that the browser itself shows.
import { post } from './kontor.js';

const panel = document.getElementById('notices');
const rows = panel.querySelector('[data-notices]');
const none = panel.querySelector('[data-none]');
const headers = { 'HX-Request': 'true' };
let bell;

async function fill() {
	const answer = await fetch('/notifications', { headers }).catch(() => null);
	if (!answer?.ok) return;
	rows.innerHTML = await answer.text();
	none.hidden = Boolean(rows.querySelector('.notice-item'));
}

function close(back) {
	panel.hidden = true;
	bell.setAttribute('aria-expanded', 'false');
	if (back) bell.focus();
}

export async function toggle(from) {
	bell = from;
	if (!panel.hidden) return close(true);
	await fill();
	panel.hidden = false;
	bell.setAttribute('aria-expanded', 'true');
	panel.querySelector('a, button')?.focus();
}

panel.addEventListener('keydown', (event) => { if (event.key === 'Escape') close(true); });
document.addEventListener('click', (event) => {
	if (!panel.hidden && !panel.contains(event.target) && !event.target.closest('#bell')) close(false);
});
document.addEventListener('kontor:event', ({ detail: { type } }) => {
	if (type === 'notification.changed' && !panel.hidden) setTimeout(fill, 300);
});
panel.addEventListener('submit', async (event) => {
	event.preventDefault();
	if (await post(event.target.action)) fill();
});

// The newest one, by its words, while another window is in front.
export async function announce() {
	const answer = await fetch('/notifications?show=unread', { headers }).catch(() => null);
	if (!answer?.ok) return;
	const found = document.createElement('div');
	found.innerHTML = await answer.text();
	const first = found.querySelector('.notice-item');
	if (!first || sessionStorage.announced >= first.dataset.id) return;
	sessionStorage.announced = first.dataset.id;
	const shown = new Notification('Kontor', { body: first.querySelector('p').textContent.trim().replace(/\s+/g, ' '), tag: first.dataset.id, icon: '/assets/icon.svg' });
	shown.onclick = () => {
		window.focus();
		const link = first.querySelector('a');
		if (link) location.href = link.href;
	};
}

// The frame of every page: the drawer of a phone, going and creating by key, the
// help that lists what the page has, the badges, the bell, what was open lately.
// The palette comes when it is first asked for.
import { typing } from './kontor.js';

// ---- the drawer of a phone ---------------------------------------------------------

const more = document.querySelector('[data-more]');

function drawer(open) {
	document.body.classList.toggle('nav-open', open);
	more?.setAttribute('aria-expanded', String(open));
}
more?.addEventListener('click', () => drawer(more.getAttribute('aria-expanded') !== 'true'));
document.addEventListener('click', (event) => {
	if (document.body.classList.contains('nav-open') && !event.target.closest('.shell-side')) drawer(false);
});

// ---- help: what this page can, in its own words ------------------------------------------

const help = document.getElementById('help');
const label = (at) => at.dataset.keyLabel || at.dataset.goLabel || at.getAttribute('aria-label') || at.textContent.trim()
	|| at.getAttribute('placeholder') || (at.title || '').replace(/ \([^)]*\)$/, '');

function line(keys, words) {
	const row = document.createElement('div'), dt = document.createElement('dt'), dd = document.createElement('dd');
	for (const key of keys) {
		const kbd = document.createElement('kbd');
		kbd.textContent = key;
		dt.append(kbd, ' ');
	}
	dd.textContent = words;
	row.append(dt, dd);
	return row;
}

function fill(name, rows) {
	const part = help.querySelector(`[data-help-${name}]`);
	part.querySelector('dl').replaceChildren(...rows);
	part.hidden = !rows.length;
}

const words = (at) => [...at.childNodes].filter((n) => n.nodeType === 3 || !n.matches?.('kbd, svg, .shell-count, .shell-beta'))
	.map((n) => n.textContent).join('').trim();

export function showHelp() {
	const own = [...document.querySelectorAll('#content [data-key]')].filter((at) => at.offsetParent);
	const lists = [...document.querySelectorAll('dl[data-keys] > div')].map((row) => row.cloneNode(true));
	const search = document.querySelector('#content [data-search]');
	fill('page', [...own.map((at) => line([at.dataset.key], label(at))), ...lists]);
	fill('go', [...document.querySelectorAll('[data-go]')].map((at) => line(['g', at.dataset.go], at.dataset.goLabel || words(at))));
	fill('create', [...document.querySelectorAll('[data-create]')].map((at) => line(['c', at.dataset.create], words(at))));
	help.querySelector('kbd + kbd')?.closest('dl').querySelectorAll('div')[1].toggleAttribute('hidden', !search);
	if (!help.open) help.showModal();
}

document.addEventListener('click', (event) => {
	if (event.target.closest('[data-help]')) {
		document.getElementById('palette')?.close();
		showHelp();
	}
});

// ---- g: go, c: create ----------------------------------------------------------------------

const menu = document.getElementById('shell-new');
let going = 0; // when g was pressed

function create(key) {
	const at = menu.querySelector(`[data-create="${CSS.escape(key)}"]`);
	if (at) location.href = at.href;
	return Boolean(at);
}

document.addEventListener('keydown', (event) => {
	if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
		event.preventDefault();
		openPalette();
		return;
	}
	if (event.key === 'Escape') {
		for (const open of document.querySelectorAll('details.shell-drop[open]')) {
			open.open = false;
			open.querySelector('summary').focus();
		}
		if (document.body.classList.contains('nav-open')) {
			drawer(false);
			more.focus();
		}
		return;
	}
	if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)
		|| document.querySelector('dialog[open]')) return;
	if (going && Date.now() - going < 1500) {
		const to = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
		going = 0;
		if (to) {
			event.preventDefault();
			event.stopImmediatePropagation();
			location.href = to.href;
			return;
		}
	}
	if (menu?.open && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
		const items = [...menu.querySelectorAll('.dropdown-item')];
		const at = items.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
		items[(at + items.length) % items.length].focus();
		event.preventDefault();
		event.stopImmediatePropagation();
	} else if (menu?.open && create(event.key)) {
		event.preventDefault();
		event.stopImmediatePropagation();
	} else if (event.key === 'g') {
		going = Date.now();
	} else if (event.key === 'c' && menu && !document.querySelector('#content [data-key="c"]')) {
		event.preventDefault();
		
		menu.open = true;
		menu.querySelector('.dropdown-item')?.focus();
	} else if (event.key === '?') {
		showHelp();
	}
}, true);

// ---- the palette -----------------------------------------------------------------------------

async function openPalette() {
	const { open } = await import('./palette.js');
	open();
}

document.addEventListener('click', (event) => {
	if (!event.target.closest('[data-palette]') || event.ctrlKey || event.metaKey) return;
	event.preventDefault();
	openPalette();
});

// ---- what was open lately: ids in a cookie, which the server turns into names -------------------

const kinds = { contacts: 'c', companies: 'o', deals: 'd', leads: 'l', tasks: 't', quotes: 'q', inbox: 'i', products: 'p' };
const path = /^\/(\w+)\/([0-9a-f-]{36})$/.exec(location.pathname);

if (path && kinds[path[1]]) {
	const one = kinds[path[1]] + path[2].replaceAll('-', '');
	const before = (/(?:^|; )kontor_recent=([0-9a-z.]*)/.exec(document.cookie)?.[1] || '').split('.');
	const now = [one, ...before.filter((other) => /^[a-z][0-9a-f]{32}$/.test(other) && other !== one)].slice(0, 8);
	document.cookie = `kontor_recent=${now.join('.')}; path=/; max-age=7776000; samesite=lax${location.protocol === 'https:' ? '; secure' : ''}`;
}

// ---- badges: what is asked again when something has happened ------------------------------------

// {"count": n} of the address becomes the number in the badge.
function badge(id, url, concerns) {
	const at = document.getElementById(id);
	let asking = 0;
	if (!at) return;
	const ask = () => {
		asking ||= setTimeout(async () => {
			asking = 0;
			const answer = await fetch(url, { headers: { Accept: 'application/json' } }).catch(() => null);
			if (!answer?.ok) return;
			const { due, count = due } = await answer.json();
			at.textContent = count ? (count > 99 ? '99+' : count) : '';
		}, 300);
	};
	document.addEventListener('kontor:resync', ask);
	document.addEventListener('kontor:event', ({ detail }) => { if (concerns(detail)) ask(); });
}

const bell = document.getElementById('bell');
const mine = (event) => event.type === 'notification.changed' && event.record_id === bell?.dataset.me;

badge('tasks-count', '/tasks/count', (event) => event.record_type === 'task');
badge('notices-count', '/notifications/count', mine);

// ---- the bell: the newest notices beside it -------------------------------------------------------

bell?.addEventListener('click', async (event) => {
	if (event.ctrlKey || event.metaKey || matchMedia('(max-width: 56rem)').matches) return;
	event.preventDefault();
	const { toggle } = await import('./notices.js');
	toggle(bell);
});
// Somebody allowed the browser to show them while another window is in front.
document.addEventListener('kontor:event', async ({ detail }) => {
	if (!mine(detail) || localStorage.notices !== 'browser' || window.Notification?.permission !== 'granted' || !document.hidden) return;
	const { announce } = await import('./notices.js');
	announce();
});

// The page of notices asks for the browser's leave.
const leave = document.querySelector('[data-notices-ask]');
if (leave && 'Notification' in window) {
	leave.hidden = localStorage.notices === 'browser' && Notification.permission === 'granted' || Notification.permission === 'denied';
	leave.addEventListener('click', async () => {
		if (await Notification.requestPermission() === 'granted') {
			localStorage.notices = 'browser';
			leave.hidden = true;
		}
	});
}

// A browser that was allowed to tell while no page is open is subscribed for who
// has signed in, once per tab.
if (bell && localStorage.push !== 'off' && sessionStorage.pushed !== bell.dataset.me && window.Notification?.permission === 'granted' && 'serviceWorker' in navigator) {
	sessionStorage.pushed = bell.dataset.me;
	import('./push.js').then(({ renew }) => renew()).catch(() => null);
}

// Bookings and event types: menus of rows, dialogs that ask before something
// is done, ends that follow starts, links that follow titles.

// ---- menus -----------------------------------------------------------------------

function place(menu) {
	const button = menu.querySelector('summary').getBoundingClientRect();
	const list = menu.querySelector('.menu-list');
	const { width, height } = list.getBoundingClientRect();
	const below = button.bottom + 4 + height <= innerHeight;
	list.style.top = `${Math.max(8, below ? button.bottom + 4 : button.top - 4 - height)}px`;
	list.style.left = `${Math.min(innerWidth - width - 8, Math.max(8, button.right - width))}px`;
}

const opened = () => document.querySelector('.row-menu[open]');

function close({ focus = false } = {}) {
	const menu = opened();
	if (!menu) return;
	menu.open = false;
	if (focus) menu.querySelector('summary').focus();
}

document.addEventListener('toggle', (event) => {
	if (event.target.matches?.('.row-menu') && event.target.open) place(event.target);
}, true);
addEventListener('scroll', () => close(), true);
addEventListener('resize', () => close());
document.addEventListener('keydown', (event) => {
	const menu = opened();
	if (!menu) return;
	const items = [...menu.querySelectorAll('.menu-list a, .menu-list button')];
	const at = items.indexOf(document.activeElement);
	if (event.key === 'Escape') close({ focus: true });
	else if (event.key === 'ArrowDown') items[(at + 1) % items.length].focus();
	else if (event.key === 'ArrowUp') items[at <= 0 ? items.length - 1 : at - 1].focus();
	else return;
	event.preventDefault();
	event.stopPropagation();
}, true);
document.addEventListener('focusin', (event) => {
	if (opened() && !opened().contains(event.target)) close();
});

// ---- dialogs ----------------------------------------------------------------------

const here = () => location.pathname + location.search;

document.addEventListener('click', (event) => {
	const button = event.target.closest('[data-ask]');
	if (!button) return;
	const dialog = document.getElementById(`ask-${button.dataset.ask}`);
	const form = dialog.querySelector('form');
	const back = form.elements.back, bookings = dialog.querySelector('[data-bookings]');
	form.action = button.dataset.action;
	dialog.querySelector('[data-name]').textContent = button.dataset.name;
	// A page of the booking itself is gone with it.
	if (back) back.value = button.dataset.ask === 'delete' && location.pathname !== '/bookings' ? '/bookings' : here();
	if (bookings) {
		const n = Number(button.dataset.count);
		bookings.textContent = n === 0 ? 'and no booking with it' : n === 1 ? 'and 1 booking with it' : `and ${n} bookings with it`;
	}
	const menu = opened();
	close();
	dialog.addEventListener('close', () => (menu?.querySelector('summary') || button).focus(), { once: true });
	dialog.showModal();
});

document.addEventListener('submit', (event) => {
	if (!event.target.matches('[data-back]')) return;
	const back = document.createElement('input');
	Object.assign(back, { type: 'hidden', name: 'back', value: here() });
	event.target.append(back);
});

// ---- the end goes along with the start ----------------------------------------------

const start = document.querySelector('[data-start]'), end = document.querySelector('[data-end]');

// Clock times without a zone: as if they were UTC.
const clock = (text) => (text ? Date.parse(`${text}Z`) : NaN);

if (start && end) {
	let length = clock(end.value) - clock(start.value);
	start.addEventListener('input', () => {
		const at = clock(start.value);
		if (at && length > 0) end.value = new Date(at + length).toISOString().slice(0, 16);
	});
	end.addEventListener('input', () => {
		const now = clock(end.value) - clock(start.value);
		if (now > 0) length = now;
	});
}

// ---- the link of a new event type follows its title -----------------------------------

const title = document.querySelector('[data-slug-from]'), slug = document.getElementById('slug');

function showSlug() {
	document.querySelector('[data-slug-shown]').textContent = slug.value;
}

if (title && slug) {
	let own = slug.value !== '' || !slug.matches('[data-slug]');
	slug.addEventListener('input', () => { own = slug.value !== ''; showSlug(); });
	title.addEventListener('input', () => {
		if (own) return;
		slug.value = title.value.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
			.replace(/[^a-z0-9]+/g, '-').slice(0, 60).replace(/^-+|-+$/g, '');
		showSlug();
	});
}

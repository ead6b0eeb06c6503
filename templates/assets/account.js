// Pages before signing in and of one's own account: showing a password, the
// browser's time zone, links that confirm themselves, links of the API.

for (const button of document.querySelectorAll('[data-reveal]')) {
	const input = document.getElementById(button.dataset.reveal);
	button.addEventListener('click', () => {
		const shown = input.type === 'text';
		input.type = shown ? 'password' : 'text';
		button.setAttribute('aria-pressed', String(!shown));
		button.setAttribute('aria-label', shown ? 'Show password' : 'Hide password');
		button.querySelector('use').setAttribute('href', `/assets/vendor/icons.svg#${shown ? 'eye' : 'eye-off'}`);
	});
}

// Two passwords that differ are told before they are sent.
for (const again of document.querySelectorAll('input[name="confirm"]')) {
	const first = again.form.querySelector('input[name="password"]');
	const check = () => again.setCustomValidity(again.value && again.value !== first.value ? 'The two passwords differ' : '');
	again.addEventListener('input', check);
	first.addEventListener('input', check);
}

for (const zone of document.querySelectorAll('[data-zone]'))
	zone.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;

// The link in a mail was the click; a reader of mails that only looks runs no script.
document.querySelector('form[data-send]')?.requestSubmit();

document.querySelector('form [aria-invalid="true"]')?.focus();

// A link of the API brings its session behind the #; the password goes the API's way.
const reset = document.querySelector('form[data-session]');
const session = new URLSearchParams(location.hash.slice(1));
if (reset && session.get('access_token')) {
	history.replaceState(null, '', location.pathname);
	reset.hidden = false;
	document.querySelector('[data-no-session]').hidden = true;
	reset.addEventListener('submit', async (event) => {
		event.preventDefault();
		const problem = reset.querySelector('[data-problem]');
		const token = session.get('access_token');
		const answer = await fetch('/auth/v1/user', { method: 'PUT',
			headers: { 'Content-Type': 'application/json', apikey: token, Authorization: `Bearer ${token}` },
			body: JSON.stringify({ password: reset.elements.password.value }) });
		if (answer.ok) {
			location.href = '/login?why=reset';
		} else {
			problem.textContent = (await answer.json().catch(() => ({}))).message || 'That did not work. Try again.';
			problem.hidden = false;
		}
	});
} else if (reset && session.get('error')) {
	location.replace('/login?why=link');
} else if (!reset && session.get('type') === 'recovery') {
	location.replace(`/reset-password${location.hash}`); // it was not told where to lead
}

for (const tab of document.querySelectorAll('[data-subtab]'))
	if (tab.pathname === location.pathname) tab.setAttribute('aria-current', 'page');
document.querySelector('[data-subtab][aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

// A link that was made just now is copied by itself; where the browser forbids
// it, the button beside it does.
const fresh = document.querySelector('[data-copy-now]');
if (fresh) navigator.clipboard?.writeText(fresh.dataset.copy).then(() => import('/assets/kontor.js'))
	.then(({ toast }) => toast('The link is copied'), () => {});

// Slots: rows with numbers in their names.
const slots = document.querySelector('[data-slots]');
if (slots) {
	const renumber = () => [...slots.children].forEach((row, n) => {
		for (const input of row.querySelectorAll('input')) input.name = input.name.replace(/\d+$/, n);
	});
	const clear = (row) => {
		for (const input of row.querySelectorAll('input')) if (input.type === 'checkbox') input.checked = false; else input.value = '';
	};
	document.querySelector('[data-slot-add]').addEventListener('click', () => {
		const row = slots.lastElementChild.cloneNode(true);
		clear(row);
		slots.append(row);
		renumber();
		row.querySelector('input').focus();
	});
	slots.addEventListener('click', (event) => {
		const row = event.target.closest('[data-slot-remove]')?.closest('[data-slot]');
		if (!row) return;
		if (slots.children.length > 1) row.remove(); else clear(row);
		renumber();
		slots.dispatchEvent(new Event('input', { bubbles: true }));
	});
	renumber();
}

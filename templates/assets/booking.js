// Booking pages work without this. It tells the server the browser's time
// zone once, changes the zone without a button, and stops double sending.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const select = document.getElementById('tz');

if (zone && !document.cookie.includes('kontor_tz=')) {
	document.cookie = `kontor_tz=${encodeURIComponent(zone)}; path=/schedule; max-age=31536000; samesite=lax`;
	// Some browsers keep no cookies: only once, and only where it makes a difference.
	if (select && select.value !== zone && !new URLSearchParams(location.search).has('tz') &&
			document.cookie.includes('kontor_tz='))
		location.reload();
}
if (select) {
	select.form.querySelector('button').hidden = true;
	select.addEventListener('change', () => {
		document.cookie = `kontor_tz=${encodeURIComponent(select.value)}; path=/schedule; max-age=31536000; samesite=lax`;
		select.form.submit();
	});
}
for (const form of document.querySelectorAll('form[data-once]'))
	form.addEventListener('submit', () => {
		const button = form.querySelector('button[type=submit]');
		button.setAttribute('aria-busy', 'true');
		setTimeout(() => { button.disabled = true; });
	});
addEventListener('pageshow', () => {
	for (const button of document.querySelectorAll('form[data-once] button[disabled]')) {
		button.disabled = false;
		button.removeAttribute('aria-busy');
	}
});

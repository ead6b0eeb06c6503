// A web form in a frame of another site: says how high it is, and what came of it.
const tell = (data) => { if (parent !== window) parent.postMessage(data, '*'); };
new ResizeObserver(() => tell({ height: Math.ceil(document.body.scrollHeight) })).observe(document.body);
const thanks = document.querySelector('[data-thanks]');
if (thanks) tell({ key: thanks.dataset.key, redirect: thanks.dataset.redirect });
// Pressed twice is sent once, which the form's id sees to as well.
document.querySelector('form')?.addEventListener('submit', (event) => {
	if (event.target.dataset.sent) event.preventDefault();
	event.target.dataset.sent = 'yes';
});
document.querySelector('[aria-invalid="true"]')?.focus();

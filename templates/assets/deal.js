// The page of a deal: lost asks why; what others change is shown by itself.
const lost = document.getElementById('lost');
let path = null;

document.addEventListener('submit', (event) => {
	const form = event.target.closest('[data-stage-path]'), to = event.submitter;
	if (!form || !to?.hasAttribute('data-lost') || to.hasAttribute('aria-current') || form.elements.reason.value) return;
	if (!lost.querySelector('[name="reason"]')) return;
	event.preventDefault();
	event.stopPropagation(); // nothing has been sent yet
	path = { form, to };
	lost.querySelector('form').reset();
	lost.returnValue = '';
	lost.showModal();
}, true);
lost?.addEventListener('close', () => {
	const chosen = lost.querySelector('[name="reason"]:checked');
	if (lost.returnValue !== 'lost' || !chosen || !path) return;
	path.form.elements.reason.value = chosen.value;
	path.form.requestSubmit(path.to);
});

// Head, facts and histories; not under somebody's fingers.
let timer = 0;

function look() {
	timer = 0;
	const live = document.getElementById('deal-live'), at = document.activeElement;
	if (document.querySelector('dialog[open], .cell-form') || at?.closest('#deal-live')) {
		timer = setTimeout(look, 1500);
		return;
	}
	const cell = at?.dataset?.cell;
	if (cell) document.addEventListener('htmx:afterSettle', () =>
		document.querySelector(`[data-cell="${CSS.escape(cell)}"]`)?.focus({ preventScroll: true }), { once: true });
	window.htmx.trigger(live, 'deal-changed');
}
document.addEventListener('kontor:event', ({ detail: { record_type: type, record_id: id } }) => {
	if (type === 'deal' && id === document.getElementById('deal-live')?.dataset.deal) timer ||= setTimeout(look, 150);
});

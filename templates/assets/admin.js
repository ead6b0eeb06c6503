// Pages of the settings: where one is in their menu, and forms in dialogs that
// come back with a mistake.

const here = location.pathname;
const tabs = [...document.querySelectorAll('[data-tab]')]
	.filter((a) => here === a.pathname || here.startsWith(`${a.pathname}/`));
tabs.sort((a, b) => b.pathname.length - a.pathname.length)[0]?.setAttribute('aria-current', 'page');

document.querySelector('dialog[data-open]')?.showModal();

// A field is shown only for some values of a choice: data-for="select multi_select".
for (const choice of document.querySelectorAll('[data-decides]')) {
	const show = () => {
		for (const part of choice.form.querySelectorAll('[data-for]'))
			part.hidden = !part.dataset.for.split(' ').includes(choice.value);
	};
	choice.addEventListener('change', show);
	show();
}

// A select that comes back with the value that was chosen before.
for (const select of document.querySelectorAll('select[data-value]'))
	if (select.dataset.value) select.value = select.dataset.value;

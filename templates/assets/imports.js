// A file to import: dropped or chosen, its size judged before it is sent, with
// the way it has gone shown.
import './crm.js';

for (const form of document.querySelectorAll('form[data-upload]')) {
	const input = form.querySelector('input[type="file"]');
	const drop = form.querySelector('[data-drop]');
	const name = form.querySelector('[data-name]');
	const problem = form.querySelector('[data-problem]');
	const bar = form.querySelector('progress');
	const button = form.querySelector('.btn-primary');
	const idle = button.textContent;

	const tell = (text) => {
		problem.textContent = text;
		problem.hidden = !text;
	};
	const fits = () => {
		const file = input.files[0];
		if (file) name.textContent = file.name;
		const large = file && file.size > Number(form.dataset.max);
		tell(large ? form.dataset.textLarge : '');
		return file && !large;
	};
	const busy = (on) => {
		button.disabled = on;
		button.textContent = on ? form.dataset.textBusy : idle;
		bar.hidden = !on;
		bar.value = 0;
	};

	input.addEventListener('change', fits);
	for (const type of ['dragover', 'dragenter']) drop.addEventListener(type, (event) => {
		event.preventDefault();
		drop.classList.add('over');
	});
	for (const type of ['dragleave', 'drop']) drop.addEventListener(type, () => drop.classList.remove('over'));
	drop.addEventListener('drop', (event) => {
		event.preventDefault();
		if (!event.dataTransfer.files.length) return;
		input.files = event.dataTransfer.files;
		fits();
	});
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		if (!fits() || button.disabled) return;
		const request = new XMLHttpRequest();
		request.upload.addEventListener('progress', (p) => { if (p.lengthComputable) bar.value = 100 * p.loaded / p.total; });
		request.addEventListener('load', () => {
			const page = request.response;
			if (request.status < 300) {
				location.assign(request.responseURL);
				return;
			}
			busy(false);
			const told = page?.querySelector('[data-problem]:not([hidden])') ?? page?.querySelector('main h1');
			tell(told?.textContent.trim() || form.dataset.textFailed);
		});
		request.addEventListener('error', () => { busy(false); tell(form.dataset.textFailed); });
		request.responseType = 'document';
		request.open('POST', form.action);
		busy(true);
		request.send(new FormData(form));
	});
}

// For a site of the tenant: puts a web form there, as high as it is.
//	<script src="https://kontor.example.com/f.js" data-form="TOKEN" async></script>
(() => {
	const script = document.currentScript, base = new URL(script.src).origin;
	const frame = document.createElement('iframe');
	frame.src = `${base}/f/${encodeURIComponent(script.dataset.form)}?embed=1&page=${encodeURIComponent(location.href)}`;
	frame.title = script.dataset.title || 'Form';
	Object.assign(frame.style, { width: '100%', height: '30rem', border: '0', colorScheme: 'normal' });
	script.after(frame);
	addEventListener('message', ({ origin, source, data }) => {
		if (origin !== base || source !== frame.contentWindow || !data) return;
		if (data.height) frame.style.height = `${data.height}px`;
		if (data.key && window.kontor) window.kontor.known(data.key);
		if (/^https?:/.test(data.redirect || '')) location.assign(data.redirect);
	});
})();

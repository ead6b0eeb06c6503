// For a site of the tenant: counts the visits of a lead that is known (by the
// link of a mail, or because it has just sent a form) and has agreed. Until
// kontor.consent() was called nothing is stored and nothing is sent.
//	<script src="https://kontor.example.com/t.js" async></script>
//	kontor.consent()   when the visitor agrees; kontor.withdraw() when no longer
//	kontor.visit()     a page that was shown without being loaded
(() => {
	const base = new URL(document.currentScript.src).origin, form = /^[0-9a-f]{32}$/;
	let key = new URLSearchParams(location.search).get('kl') || '', agreed = false;
	const known = () => /(?:^|; )kontor_lead=([0-9a-f]{32})/.exec(document.cookie)?.[1];
	const keep = () => {
		if (!form.test(key)) return;
		document.cookie = `kontor_lead=${key}; path=/; max-age=15552000; samesite=lax${location.protocol === 'https:' ? '; secure' : ''}`;
	};
	const visit = () => {
		const lead = known();
		if (!lead || navigator.globalPrivacyControl || navigator.doNotTrack === '1') return;
		new Image().src = `${base}/t.gif?k=${lead}&u=${encodeURIComponent(location.origin + location.pathname)}&n=${encodeURIComponent(document.title)}&z=${Date.now()}`;
	};
	window.kontor = {
		consent() { agreed = true; keep(); visit(); },
		withdraw() { agreed = false; key = ''; document.cookie = 'kontor_lead=; path=/; max-age=0'; },
		known(lead) { key = lead; if (agreed || known()) keep(); },
		visit,
	};
	visit();
})();

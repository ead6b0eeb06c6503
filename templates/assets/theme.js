// Light or dark before the first paint: what was chosen here, else what the
// system says. Runs in <head>, therefore small and not a module.
(function () {
	var media = matchMedia('(prefers-color-scheme: dark)');
	function apply() {
		var chosen = localStorage.getItem('theme');
		document.documentElement.dataset.bsTheme = chosen || (media.matches ? 'dark' : 'light');
	}
	media.addEventListener('change', apply);
	apply();
})();

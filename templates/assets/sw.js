// The service worker: shows a notice that comes while no page is in front of
// anybody (web push), and opens its page. It keeps nothing and answers no request.

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
	let notice = {};
	try { notice = event.data.json(); } catch { /* an empty one still says that there is something */ }
	event.waitUntil((async () => {
		const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
		// Who looks at a page of ours sees it there.
		if (windows.some((one) => one.focused)) return;
		await self.registration.showNotification('Kontor', { body: notice.body || '', tag: notice.id, lang: notice.lang, dir: notice.dir || 'auto',
			icon: '/assets/icon.svg', data: { url: notice.url || '/notifications' } });
	})());
});

self.addEventListener('notificationclick', (event) => {
	event.notification.close();
	const { url } = event.notification.data || {};
	event.waitUntil((async () => {
		const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
		const open = windows.find((one) => 'navigate' in one);
		if (!open) return self.clients.openWindow(url || '/notifications');
		await open.focus();
		return open.navigate(url || '/notifications');
	})());
});

// The browser has exchanged its subscription: tell the installation of the new
// one when a page is opened next (push.js renews it at every sign-in).
self.addEventListener('pushsubscriptionchange', (event) => {
	event.waitUntil(self.registration.pushManager.subscribe(event.oldSubscription?.options).catch(() => null));
});

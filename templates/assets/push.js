// Notices in this browser while no page is open (web push): subscribing it,
// and the page /profile/notifications that turns that on and off.
import { post, text, toast } from './kontor.js';

export const supported = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

const bytes = (base64url) => Uint8Array.from(atob(base64url.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const same = (a, b) => a && b && a.byteLength === b.byteLength && new Uint8Array(a).every((v, i) => v === b[i]);

// "Firefox on Linux": enough to know one's browsers apart.
function device() {
	const { userAgent: agent } = navigator;
	const found = (list) => list.find(([part]) => agent.includes(part))?.[1];
	const browser = found([['Edg/', 'Edge'], ['OPR/', 'Opera'], ['SamsungBrowser', 'Samsung Internet'], ['Firefox', 'Firefox'], ['Chrome', 'Chrome'], ['Safari', 'Safari']]);
	const system = found([['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']]);
	return [browser, system].filter(Boolean).join(' · ');
}

async function worker() {
	await navigator.serviceWorker.register('/sw.js');
	return navigator.serviceWorker.ready;
}

// Ask the browser for a subscription with the installation's key and hand it in.
export async function subscribe(key) {
	const { pushManager } = await worker();
	let subscription = await pushManager.getSubscription();
	if (subscription && !same(subscription.options.applicationServerKey, bytes(key))) {
		await subscription.unsubscribe(); // made with the key of before
		subscription = null;
	}
	subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
	const { endpoint, keys } = subscription.toJSON();
	return post('/profile/notifications/subscribe', { endpoint, p256dh: keys.p256dh, auth: keys.auth, device: device() });
}

async function unsubscribe() {
	const registration = await navigator.serviceWorker.getRegistration('/');
	const subscription = await registration?.pushManager.getSubscription();
	if (subscription) {
		await post('/profile/notifications/unsubscribe', { endpoint: subscription.endpoint });
		await subscription.unsubscribe();
	}
	localStorage.push = 'off';
}

// After a sign-in: a browser that was allowed to is subscribed by itself, for
// whoever is there now.
export async function renew() {
	const answer = await fetch('/profile/notifications/key', { headers: { Accept: 'application/json' } }).catch(() => null);
	if (answer?.ok) await subscribe((await answer.json()).key).catch(() => null);
}

// ---- the page ---------------------------------------------------------------------

const page = document.querySelector('[data-push]');
if (page) {
	const show = (name) => {
		for (const line of page.querySelectorAll('[data-push-state]')) line.hidden = line.dataset.pushState !== name;
	};
	const on = page.querySelector('[data-push-on]'), off = page.querySelector('[data-push-off]');
	const now = async () => {
		const registration = supported && await navigator.serviceWorker.getRegistration('/');
		const subscribed = Boolean(await registration?.pushManager.getSubscription());
		const state = !supported ? 'unsupported' : Notification.permission === 'denied' ? 'denied'
			: subscribed && Notification.permission === 'granted' ? 'on' : 'off';
		show(state);
		on.hidden = state !== 'off';
		off.hidden = state !== 'on';
	};
	on.addEventListener('click', async () => {
		if (await Notification.requestPermission() !== 'granted') return now();
		localStorage.push = 'on';
		try {
			if (await subscribe(page.dataset.push)) location.reload();
		} catch {
			toast(text('failed', page), { bad: true });
		}
	});
	off.addEventListener('click', async () => {
		await unsubscribe();
		location.reload();
	});
	now();
}

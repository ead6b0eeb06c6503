// The chat on a site:
//
//	<script src="https://kontor.example/chat/widget.js" data-channel="..." async></script>
//
// Who is signed in at the site may be named: data-user-id, data-user-name,
// data-user-email and data-user-hash, the HMAC-SHA256 in hex, under the channel's
// identity secret, of the id, a line feed and the address (of the id alone the
// address is no proof of who it is); or later KontorChat.identify({ id, hash, name, email }).
//
// Everything lives in a shadow root. There is no inline style and no eval: the
// page's policy needs this origin in script-src and connect-src (img-src for
// pictures). No cookie is set, and nothing is kept before the visitor begins;
// then localStorage has the token of his chat.
(() => {
	const script = document.currentScript;
	const base = new URL(script.src).origin;

	const css = `
:host { all: initial; position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; --c: #1f4fd8; --on: #fff;
	--bg: #fff; --fg: #17202c; --soft: #eef1f6; --line: #d5dbe5; --muted: #566072; --bad: #a3231b; color-scheme: light;
	font: 15px/1.45 system-ui, sans-serif; color: var(--fg); }
:host([data-side="left"]) { inset-inline: 20px auto; }
:host([data-inside]) { position: relative; inset: auto; display: block; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 3px solid var(--c); outline-offset: 2px; }
.launch { position: relative; display: grid; place-items: center; width: 56px; height: 56px; margin-inline-start: auto; color: var(--on); background: var(--c);
	border: 0; border-radius: 50%; box-shadow: 0 4px 16px #0004; }
:host([data-side="left"]) .launch { margin-inline: 0 auto; }
.launch svg { width: 26px; height: 26px; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-width: 22px; padding: 0 6px; font-size: 13px; font-weight: 700;
	line-height: 22px; color: #fff; text-align: center; background: #b3261e; border-radius: 11px; }
.box { display: flex; flex-direction: column; width: 360px; max-width: calc(100vw - 40px); height: 540px; max-height: calc(100vh - 110px);
	margin-block-end: 12px; overflow: hidden; background: var(--bg); border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 8px 32px #0003; }
header { display: flex; gap: 8px; align-items: center; padding: 12px 16px; color: var(--on); background: var(--c); }
header h2 { flex: 1; margin: 0; font-size: 16px; font-weight: 600; }
header button { display: grid; place-items: center; width: 32px; height: 32px; color: inherit; background: none; border: 0; border-radius: 8px; }
header button:focus-visible, .launch:focus-visible { outline-color: var(--fg); box-shadow: 0 0 0 3px #fff; }
.log { flex: 1; padding: 16px; overflow-y: auto; overscroll-behavior: contain; }
.log ol { display: flex; flex-direction: column; gap: 8px; padding: 0; margin: 0; list-style: none; }
.log li { max-width: 85%; padding: 8px 12px; white-space: pre-wrap; background: var(--soft); border-radius: 12px; border-end-start-radius: 4px; align-self: flex-start; overflow-wrap: anywhere; }
.log li.mine { color: var(--on); background: var(--c); border-radius: 12px; border-end-end-radius: 4px; align-self: flex-end; }
.log li.mine :focus-visible { outline-color: var(--on); }
.log small { display: block; font-size: 12px; color: var(--muted); }
.log .mine small { color: inherit; }
.log li.failed { border: 2px solid var(--bad); }
.log li a { color: inherit; }
.log li button { padding: 2px 8px; margin-block-start: 4px; color: var(--fg); background: var(--bg); border: 1px solid var(--line); border-radius: 6px; }
.log img { display: block; max-width: 100%; max-height: 220px; border-radius: 8px; }
.gone { font-style: italic; }
.note { padding: 8px 16px; margin: 0; font-size: 13px; color: var(--muted); border-block-end: 1px solid var(--line); }
.greet { padding: 16px 16px 0; margin: 0; white-space: pre-wrap; }
.typing { min-height: 20px; padding: 0 16px; margin: 0; font-size: 13px; color: var(--muted); }
form { display: grid; gap: 10px; padding: 16px; overflow-y: auto; }
form.write { display: flex; gap: 6px; align-items: flex-end; padding: 10px; border-block-start: 1px solid var(--line); }
label { display: block; margin-block-end: 4px; font-size: 14px; font-weight: 600; }
label i { font-style: normal; font-weight: 400; color: var(--muted); }
label.tick { display: flex; gap: 8px; font-weight: 400; }
input:not([type=checkbox]), textarea { width: 100%; padding: 8px 10px; background: var(--bg); border: 1px solid var(--muted); border-radius: 8px; }
textarea { flex: 1; min-height: 40px; max-height: 120px; resize: none; }
.bad { margin: 2px 0 0; font-size: 13px; font-weight: 400; color: var(--bad); }
.go { padding: 9px 14px; font-weight: 600; color: var(--on); background: var(--c); border: 0; border-radius: 8px; }
.go[disabled] { opacity: .6; }
.icon { display: grid; flex: none; place-items: center; width: 40px; height: 40px; background: none; border: 0; border-radius: 8px; }
.icon svg { width: 20px; height: 20px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-color-scheme: dark) { :host { --bg: #161a21; --fg: #e7ebf2; --soft: #262d38; --line: #343c49; --muted: #a7b0bf; --bad: #ff8a80; color-scheme: dark; } }
@media (max-width: 480px) { :host(:not([data-inside])[data-open]) { inset: 0; } :host(:not([data-inside])) .box { width: 100vw; max-width: none; height: 100dvh; max-height: none; margin: 0; border: 0; border-radius: 0; }
	:host(:not([data-inside])[data-open]) .launch { display: none; } }
@media (prefers-reduced-motion: no-preference) { .box { animation: up .15s ease-out; } @keyframes up { from { opacity: 0; transform: translateY(8px); } } }
`;

	const paths = {
		chat: 'M4 21v-13a3 3 0 0 1 3 -3h10a3 3 0 0 1 3 3v6a3 3 0 0 1 -3 3h-9l-4 4M8 9h8M8 13h6',
		close: 'M18 6l-12 12M6 6l12 12',
		send: 'M10 14l11 -11M21 3l-6.5 18a.55 .55 0 0 1 -1 0l-3.500 -7l-7 -3.500a.55 .55 0 0 1 0 -1l18 -6.500',
		clip: 'M15 7l-6.500 6.500a1.500 1.500 0 0 0 3 3l6.500 -6.500a3 3 0 0 0 -6 -6l-6.500 6.500a4.500 4.500 0 0 0 9 9l6.500 -6.500',
	};

	// make('p', { className: 'x' }, 'text', node): an element.
	function make(name, props = {}, ...inside) {
		const el = document.createElement(name);
		for (const [key, value] of Object.entries(props)) {
			if (key in el && typeof value !== 'undefined') el[key] = value;
			else if (value !== undefined && value !== null) el.setAttribute(key, value);
		}
		el.append(...inside.filter((one) => one !== null && one !== undefined && one !== ''));
		return el;
	}

	function icon(name) {
		const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
		for (const [k, v] of Object.entries({ viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' }))
			svg.setAttribute(k, v);
		const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
		path.setAttribute('d', paths[name]);
		svg.append(path);
		return svg;
	}

	// Black or white, whichever is read better on the colour.
	function readable(color) {
		const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16) / 255)
			.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
	}

	class Chat {
		constructor(channel, user, place) {
			this.channel = channel;
			this.user = user;
			this.key = `kontor-chat:${channel}`;
			this.place = place; // of a preview
			this.messages = new Map();
			this.waiting = []; // to be sent, one after the other
			this.isOpen = false;
			this.unread = 0;
		}

		// ---- talking to Kontor ----------------------------------------------

		get token() {
			try { return localStorage.getItem(this.key); } catch { return this.kept || null; }
		}

		set token(value) {
			this.kept = value;
			try {
				if (value) localStorage.setItem(this.key, value);
				else localStorage.removeItem(this.key);
			} catch { /* the browser keeps nothing: the chat lasts as long as the page */ }
		}

		async ask(path, { body, form, query = '' } = {}) {
			const headers = {};
				if (this.token && path !== 'config') headers.Authorization = `Bearer ${this.token}`;
			if (body) headers['Content-Type'] = 'application/json';
			const answer = await fetch(`${base}/chat/${this.channel}/${path}${query}`, { method: body || form ? 'POST' : 'GET', headers,
				body: form || (body ? JSON.stringify(body) : undefined), credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' });
			const data = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
			if (!answer.ok) throw Object.assign(new Error(data.details?.message || data.message || data.error || ''), { status: answer.status, field: data.details?.field });
			return data;
		}

		// ---- drawing ------------------------------------------------------------

		draw(config) {
			this.config = config;
			const w = config.words;
			const host = this.host = make('div');
			host.lang = config.language;
			host.dir = config.language === 'ar' ? 'rtl' : 'ltr';
			const root = this.root = host.attachShadow({ mode: 'open' });
			const sheet = new CSSStyleSheet();
			sheet.replaceSync(css);
			root.adoptedStyleSheets = [sheet];
			this.dress(config);
			this.launch = make('button', { className: 'launch', type: 'button', 'aria-expanded': 'false', 'aria-label': w.open, onclick: () => this.toggle() }, icon('chat'));
			this.badge = make('span', { className: 'badge', hidden: true });
			this.launch.append(this.badge);
			this.box = make('section', { className: 'box', hidden: true, role: 'dialog', 'aria-label': config.title });
			this.box.addEventListener('keydown', (event) => { if (event.key === 'Escape') { event.stopPropagation(); this.toggle(false); } });
			this.head = make('h2', {}, config.title);
			this.note = make('p', { className: 'note', hidden: config.online }, config.offline);
			this.body = make('div');
			this.body.style.setProperty('display', 'contents');
			this.box.append(make('header', {}, this.head, make('button', { type: 'button', 'aria-label': w.close, onclick: () => this.toggle(false) }, icon('close'))), this.note, this.body);
			root.append(this.box, this.launch);
			if (this.place) host.dataset.inside = '';
			(this.place || document.body).append(host);
			this.fill();
		}

		dress(config) {
			this.host.style.setProperty('--c', config.color);
			this.host.style.setProperty('--on', readable(config.color));
			this.host.dataset.side = config.position;
		}

		fill() {
			if (this.token || this.place?.dataset.view === 'talk') this.drawTalk();
			else this.drawStart();
		}

		field(name, type, must, value) {
			const w = this.config.words;
			const input = make('input', { name, type, required: must, autocomplete: name, value: value || '', id: name, maxLength: 200 });
			return make('div', {}, make('label', { htmlFor: name }, w[name], must ? '' : make('i', {}, ` (${w.optional})`)), input, make('p', { className: 'bad', id: `${name}-bad`, hidden: true }));
		}

		drawStart() {
			const c = this.config, w = c.words, user = this.user || {};
			const form = make('form', { noValidate: true });
			if (c.ask_name !== 'no') form.append(this.field('name', 'text', c.ask_name === 'must', user.name));
			if (c.ask_email !== 'no') form.append(this.field('email', 'email', c.ask_email === 'must', user.email));
			if (c.consent) form.append(make('div', {}, make('label', { className: 'tick' }, make('input', { type: 'checkbox', name: 'consent', id: 'consent', required: true }), make('span', {}, c.consent)), make('p', { className: 'bad', id: 'consent-bad', hidden: true })));
			const go = make('button', { className: 'go' }, w.start);
			form.append(make('p', { className: 'bad', role: 'alert', id: 'form-bad', hidden: true }), go);
			form.addEventListener('submit', (event) => { event.preventDefault(); if (!this.place) this.begin(form, go); });
			this.body.replaceChildren(c.greeting ? make('p', { className: 'greet' }, c.greeting) : '', form);
		}

		complain(form, field, words) {
			const at = form.elements[field];
			const line = form.querySelector(`#${at ? field : 'form'}-bad`);
			line.textContent = words;
			line.hidden = false;
			if (!at) return;
			at.setAttribute('aria-invalid', 'true');
			at.setAttribute('aria-describedby', line.id);
			at.focus();
		}

		async begin(form, go) {
			for (const line of form.querySelectorAll('.bad')) line.hidden = true;
			for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
			const empty = [...form.elements].find((el) => el.required && !(el.type === 'checkbox' ? el.checked : el.value.trim()));
			if (empty) { this.complain(form, empty.name, this.config.words.needed); return; }
			go.disabled = true;
			const body = { name: form.elements.name?.value || this.user?.name || '', email: this.user?.email || form.elements.email?.value || '', consent: Boolean(form.elements.consent?.checked), page: location.href };
			if (this.user?.id) Object.assign(body, { user_id: this.user.id, user_hash: this.user.hash });
			try {
				this.token = (await this.ask('session', { body })).token;
				this.drawTalk();
				this.input.focus();
				await this.look();
			} catch (error) {
				this.complain(form, error.field, error.message || this.config.words.failed);
			}
			go.disabled = false;
		}

		drawTalk() {
			const w = this.config.words;
			this.list = make('ol');
			this.log = make('div', { className: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': w.log, tabIndex: 0 }, this.list);
			this.typing = make('p', { className: 'typing', 'aria-live': 'polite' });
			this.input = make('textarea', { rows: 1, 'aria-label': w.write, placeholder: w.write, maxLength: 10000 });
			this.file = make('input', { type: 'file', className: 'sr', tabIndex: -1, 'aria-hidden': 'true', onchange: () => this.attach() });
			const form = make('form', { className: 'write' }, make('button', { type: 'button', className: 'icon', 'aria-label': w.attach, onclick: () => this.file.click() }, icon('clip')), this.file, this.input, make('button', { className: 'icon', 'aria-label': w.send }, icon('send')));
			form.addEventListener('submit', (event) => { event.preventDefault(); this.write(); });
			this.input.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.write(); } });
			this.input.addEventListener('input', () => {
				this.input.style.setProperty('height', 'auto');
				this.input.style.setProperty('height', `${Math.min(this.input.scrollHeight + 2, 120)}px`);
				this.tell();
			});
			this.body.replaceChildren(this.log, this.typing, form);
			if (this.config.greeting) this.list.append(make('li', {}, this.config.greeting));
		}

		line(m) {
			const w = this.config.words;
			const el = make('li', { className: m.mine ? 'mine' : '' });
			el.append(make('span', { className: 'sr' }, `${m.mine ? w.you : m.author || w.team}: `));
			if (m.gone) el.append(make('span', { className: 'gone' }, w.gone));
			if (m.text) el.append(m.text);
			for (const f of m.files || []) {
				const url = `${base}/chat/${this.channel}/file/${f.id}?v=${this.visitor}&k=${this.fileKey}`;
				const link = make('a', { href: url, target: '_blank', rel: 'noopener' }, f.name);
				if (f.kind === 'image' && /^image\/(png|jpeg|gif|webp)$/.test(f.type))
					link.replaceChildren(make('img', { src: url, alt: f.name, loading: 'lazy', onerror() { this.replaceWith(f.name); } }));
				el.append(link);
			}
			if (m.at) el.append(make('small', {}, new Date(m.at).toLocaleTimeString(this.config.language, { hour: '2-digit', minute: '2-digit' })));
			return el;
		}

		// Each message once, by its own id or that which this page gave it.
		put(m) {
			const id = m.client || m.id;
			const known = this.messages.get(id);
			const text = JSON.stringify([m.text, m.files, m.gone, m.failed]);
			if (known?.text === text) return false;
			const el = this.line(m);
			if (m.failed) {
				el.classList.add('failed');
				el.append(make('small', { role: 'alert' }, m.failed), make('button', { type: 'button', onclick: () => m.again() }, this.config.words.again));
			}
			if (known) known.el.replaceWith(el);
			else {
				const later = [...this.messages.values()].filter((one) => one.at > m.at).sort((a, b) => a.at - b.at)[0];
				if (later) later.el.before(el); else this.list.append(el);
			}
			this.messages.set(id, { el, text, at: m.at });
			return !known;
		}

		// ---- the conversation -----------------------------------------------------

		get seen() { return this.isOpen && document.visibilityState === 'visible'; }

		async look() {
			if (this.looking) { this.lookAgain = true; return; }
			this.looking = true;
			try {
				const got = await this.ask('thread', { query: this.seen ? '?seen=1' : '' });
				this.visitor = got.visitor;
				this.fileKey = got.file_key;
				this.note.hidden = got.online;
				let fresh = false;
				const below = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
				for (const m of got.thread.messages) fresh = this.put(m) || fresh;
				if (fresh && below) this.log.scrollTop = this.log.scrollHeight;
				if (fresh) this.typing.textContent = '';
				this.count(got.thread.unread);
				this.listen(got.stream);
			} catch (error) {
				if (error.status === 401) this.end();
			}
			this.looking = false;
			if (this.lookAgain) { this.lookAgain = false; this.look(); }
		}

		count(n) {
			this.unread = n;
			this.badge.hidden = !n;
			this.badge.textContent = n > 99 ? '99+' : n;
			this.launch.setAttribute('aria-label', n ? `${this.config.words.open}. ${this.config.words.unread.replace('{0}', n)}` : this.config.words.open);
		}

		// The stream says "look again"; without one the page looks by itself.
		listen(stream) {
			if (this.stream?.url?.endsWith(stream) && this.stream.readyState !== 2) return;
			this.stream?.close();
			clearInterval(this.poll);
			this.poll = setInterval(() => { if (document.visibilityState === 'visible' && this.stream?.readyState !== 1) this.look(); }, 6000);
			if (typeof EventSource === 'undefined') return;
			this.stream = new EventSource(`${base}/chat/${this.channel}/live?key=${stream}`);
			this.stream.onmessage = (event) => {
				let type = '';
				try { type = JSON.parse(event.data).type; } catch { return; }
				if (type === 'typing') this.showTyping();
				else this.look();
			};
			this.stream.onopen = () => { if (this.wasAway) this.look(); this.wasAway = false; };
			this.stream.onerror = () => { this.wasAway = true; };
		}

		showTyping() {
			this.typing.textContent = this.config.words.typing;
			clearTimeout(this.quiet);
			this.quiet = setTimeout(() => { this.typing.textContent = ''; }, 6000);
		}

		tell() {
			if (this.place || !this.token || Date.now() - (this.told || 0) < 3000 || !this.messages.size) return;
			this.told = Date.now();
			this.ask('typing', { body: {} }).catch(() => {});
		}

		write() {
			const text = this.input.value.trim();
			if (!text || this.place) return;
			this.input.value = '';
			this.input.style.setProperty('height', 'auto');
			this.queue({ text });
		}

		attach() {
			const file = this.file.files[0];
			this.file.value = '';
			if (!file || this.place) return;
			if (file.size > 10 * 1024 * 1024) {
				this.typing.textContent = this.config.words.large;
				return;
			}
			this.queue({ text: '', file });
		}

		queue(what) {
			const m = { ...what, client: crypto.randomUUID ? crypto.randomUUID() : uuid(), mine: true, at: Date.now() };
			this.put({ ...m, files: null, text: m.text || m.file?.name });
			this.log.scrollTop = this.log.scrollHeight;
			this.waiting.push(m);
			this.send();
		}

		// In order; a repeated one is the same message by its id.
		async send() {
			if (this.sending) return;
			this.sending = true;
			while (this.waiting.length) {
				const m = this.waiting[0];
				try {
					if (m.file) {
						const form = new FormData();
						for (const [k, v] of Object.entries({ client: m.client, text: m.text, page: location.href, file: m.file })) form.append(k, v);
						await this.ask('files', { form });
					} else {
						await this.ask('messages', { body: { client: m.client, text: m.text, page: location.href } });
					}
					this.waiting.shift();
					this.messages.get(m.client).text = ''; // the next look has the whole of it
				} catch (error) {
					if (error.status === 401) { this.end(); break; }
					if (!error.status && (m.tries = (m.tries || 0) + 1) < 6) {
						this.typing.textContent = this.config.words.offline;
						await new Promise((wake) => { setTimeout(wake, 1000 * 2 ** m.tries); addEventListener('online', wake, { once: true }); });
						continue;
					}
					this.waiting.shift();
					this.put({ ...m, files: null, text: m.text || m.file?.name, failed: error.message || this.config.words.failed, again: () => {
						m.tries = 0;
						this.put({ ...m, files: null, text: m.text || m.file?.name });
						this.waiting.push(m);
						this.send();
					} });
				}
			}
			this.sending = false;
			this.look();
		}

		end() {
			this.token = null;
			this.stream?.close();
			clearInterval(this.poll);
			this.messages.clear();
			this.drawStart();
			this.complain(this.body.querySelector('form'), '', this.config.words.ended);
		}

		toggle(open = !this.isOpen) {
			this.isOpen = open;
			this.box.hidden = !open;
			this.host.toggleAttribute('data-open', open);
			this.launch.setAttribute('aria-expanded', String(open));
			if (open) {
				if (this.log) this.log.scrollTop = this.log.scrollHeight;
				if (!this.place) (this.input?.isConnected ? this.input : this.body.querySelector('input, button'))?.focus();
				if (this.token && !this.place) this.look();
			} else if (!this.place) this.launch.focus();
		}
	}

	// Where the page is not protected by TLS the browser makes no ids.
	function uuid() {
		const b = crypto.getRandomValues(new Uint8Array(16));
		b[6] = (b[6] & 15) | 64;
		b[8] = (b[8] & 63) | 128;
		const hex = [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
		return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
	}

	let chat = null;

	async function start({ channel, userId, userHash, userName, userEmail }) {
		chat = new Chat(channel, userId || userName || userEmail ? { id: userId, hash: userHash, name: userName, email: userEmail } : null);
		const lang = document.documentElement.lang.slice(0, 2);
		const config = await chat.ask('config', { query: lang ? `?lang=${lang}` : '' }).catch(() => null);
		if (!config?.active) return;
		if (document.readyState === 'loading') await new Promise((ready) => document.addEventListener('DOMContentLoaded', ready, { once: true }));
		chat.draw(config);
		document.addEventListener('visibilitychange', () => { if (chat.token && document.visibilityState === 'visible') chat.look(); });
		if (chat.token) chat.look();
	}

	window.KontorChat = {
		open: () => chat?.host && chat.toggle(true),
		close: () => chat?.host && chat.toggle(false),
		identify(user) {
			if (!chat) return;
			// Another person at this browser is another chat.
			if (chat.user?.id && chat.user.id !== user.id) chat.token = null;
			chat.user = user;
			if (chat.host && !chat.token) chat.fill();
		},
		// Of the settings page: how it looks, without a conversation.
		preview(place, config) {
			place.replaceChildren();
			const shown = new Chat('preview', null, place);
			shown.draw(config);
			shown.toggle(true);
			if (place.dataset.view === 'talk' && config.sample) for (const m of config.sample) shown.put(m);
		},
	};
	if (script.dataset.channel) start(script.dataset);
})();

// Live: events say what changed, the page fetches it, many changes at once.

import { ask, talkId } from './base.js';
import { refreshRows, reloadList } from './list.js';
import { refreshState } from './talk.js';
import { placeItems, resyncThread } from './thread.js';

let changed = { rows: new Set(), items: new Set(), state: false };
let busy = false, planned = 0;

async function catchUp() {
	planned = 0;
	if (busy) return;
	busy = true;
	const { rows: talks, items: messages, state } = changed, id = talkId();
	changed = { rows: new Set(), items: new Set(), state: false };
	try {
		const work = [];
		if (messages.size && id) {
			const ids = [...messages].slice(-50).join(',');
			work.push(ask(`/inbox/${id}/items?ids=${ids}`, { quiet: true }).then((html) => html !== null && id === talkId() && placeItems(html)));
		}
		if (state && id) work.push(refreshState());
		if (talks.size > 50) work.push(reloadList());
		else work.push(refreshRows([...talks]));
		await Promise.all(work);
	} finally {
		busy = false;
		if (changed.rows.size || changed.items.size || changed.state) plan();
	}
}

// Soon, and many at once: a burst of events costs a few requests.
function plan() {
	if (!planned && !busy) planned = setTimeout(catchUp, 40);
}

document.addEventListener('kontor:event', ({ detail: event }) => {
	const talk = event.conversation_id;
	if (!talk) return;
	changed.rows.add(talk);
	if (talk === talkId()) {
		if (event.record_type === 'message') changed.items.add(event.record_id);
		else if (event.type === 'note.created') resyncThread();
		if ((event.record_type !== 'message' || event.type === 'message.received')) changed.state = true;
	}
	plan();
});

document.addEventListener('kontor:resync', () => {
	reloadList();
	resyncThread();
	refreshState();
});

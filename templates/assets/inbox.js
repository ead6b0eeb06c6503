// The inbox, of its parts: inbox/list.js, talk.js (one conversation), thread.js,
// bubble.js and message.js (one message), composer.js, files.js, replies.js (quick replies),
// find.js, live.js, mail.js (of e-mail) and others. They share inbox/base.js.

import './inbox/list.js';
import './inbox/head.js';
import './inbox/pick.js';
import './inbox/thread.js';
import './inbox/composer.js';
import './inbox/macros.js';
import './inbox/here.js';
import './inbox/notify.js';
import './inbox/clock.js';
import './inbox/replies.js';
import './inbox/message.js';
import './inbox/find.js';
import './inbox/live.js';
import './inbox/mail.js';
import './inbox/outbox.js';
import './inbox/special.js';
import './inbox/trouble.js';
import { talkReady } from './inbox/talk.js';

talkReady();

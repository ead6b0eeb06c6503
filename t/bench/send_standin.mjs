// A provider that takes 50 ms for each message and notes when each came.
import http from 'node:http';

const came = [];
http.createServer((rq, rs) => {
	if (rq.url === '/stats') {
		rs.end(JSON.stringify(came));
		return;
	}
	came.push(performance.timeOrigin + performance.now());
	rq.resume();
	setTimeout(() => {
		rs.setHeader('Content-Type', 'application/json');
		rs.end(JSON.stringify({ messaging_product: 'whatsapp', messages: [{ id: `wamid.bench.${process.pid}.${came.length}.${Math.random()}` }] }));
	}, 50);
}).listen(0, '127.0.0.1', function () { console.log(`listening 127.0.0.1 ${this.address().port}`); });

// SPDX-License-Identifier: BSD-2-Clause
// client.js - requests to an Express application whose sessions are session-file-store's: DIRECTORY VERB ARGUMENT...
'use strict';
const http = require('http');
const express = require('express');
const session = require('express-session');
const FileStore = require('session-file-store')(session);
const helpers = require('session-file-store/lib/session-file-helpers');
const signature = require('cookie-signature');

const [directory, verb, ...rest] = process.argv.slice(2);
const secret = 'a test';
// It collects when it is told to, not by the clock.
const store = new FileStore({ path: directory, ttl: Number(process.env.LIFETIME), reapInterval: -1, logFn() {} });
const app = express();

app.use(session({ store, secret, resave: false, saveUninitialized: false, rolling: true }));
app.get('/create', (q, r) => { q.session.v = q.query.id; r.send(q.sessionID); });
app.get('/load', (q, r) => r.send(String(q.session.v ?? 'none')));
app.get('/counted', (q, r) => r.send(String(q.session.n ?? 'none')));
app.get('/update', (q, r) => {
	const is_his = q.sessionID === q.query.id;
	q.session.v = q.query.value;
	q.session.save((e) => r.send(e ? String(e) : is_his ? 'ok' : 'begun anew'));
});
app.get('/touch', (q, r) => r.send(q.session.v === undefined ? 'none' : 'ok'));
app.get('/regenerate', (q, r) => {
	const { v } = q.session;
	q.session.regenerate((e) => { q.session.v = v; r.send(e ? String(e) : q.sessionID); });
});
app.get('/destroy', (q, r) => {
	if (q.sessionID === q.query.id)
		q.session.destroy((e) => r.send(e ? String(e) : 'ok'));
	else
		r.send('none');
});
app.get('/add', (q, r) => { q.session.n = (q.session.n ?? 0) + 1; r.send('ok'); });
app.use((e, q, r, next) => r.send(String(e)));

function ask(port, what, id, value) {
	const query = new URLSearchParams({ id: id ?? '', value: value ?? '' });
	const headers = what === 'create' ? {} : { cookie: 'connect.sid=' + encodeURIComponent('s:' + signature.sign(id ?? '', secret)) };
	return new Promise((done, failed) => {
		const q = http.get({ port, path: '/' + what + '?' + query, headers }, (r) => {
			let text = '';
			r.on('data', (d) => { text += d; });
			r.on('end', () => done(text));
		});
		q.on('error', failed);
	});
}

async function count(port, id, n) {
	for (let i = 0; i < n; i++) {
		const said = await ask(port, 'add', id);
		if (said !== 'ok')
			return said;
	}
	return 'ok';
}

async function each(port, what, value, ...ids) {
	const said = [];
	for (const id of ids)
		said.push(await ask(port, what, id, value));
	return said.join('\n');
}

function collect() {
	return new Promise((done) => helpers.reap(store.options, () => done('ok')));
}

const server = http.createServer({ maxHeaderSize: 65536 }, app).listen(0, '127.0.0.1', async () => {
	const { port } = server.address();
	const said = verb === 'count' ? await count(port, rest[0], Number(rest[1]))
		: verb === 'each' ? await each(port, ...rest)
		: verb === 'collect' ? await collect() : await ask(port, verb, ...rest);
	console.log(said);
	// It says that it is done while it still deletes files.
	if (verb === 'collect')
		server.close();
	else
		process.exit(0);
});

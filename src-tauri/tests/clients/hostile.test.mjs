// Inputs no honest client sends. Each is refused with a 4xx, never with a 5xx, a hang or a success, and the server
// is as good as new afterwards.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Engine, signInByHand } from './harness.mjs';

const MEGABYTE = 'x'.repeat(1 << 20);
const BAD_UTF8 = Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28]);
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

/** Sends a request as it stands. A server may close on an oversized one instead of reading it to the end. */
async function send({ method = 'POST', url, headers, body, mayClose = false }) {
  try {
    const response = await fetch(url, { method, headers, body, redirect: 'manual', signal: AbortSignal.timeout(15_000) });
    const text = await response.text();
    return { status: response.status, text };
  } catch (error) {
    const code = error.cause?.code ?? error.code;
    if (mayClose && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code)) return { closed: true };
    if (error.name === 'TimeoutError') return { hung: true };
    throw error;
  }
}

const forms = (path, good) => {
  const [first] = Object.keys(good);
  const query = new URLSearchParams(good).toString();
  return [
    { name: 'nothing', body: '' },
    { name: `${first} twice`, body: `${query}&${first}=again` },
    { name: 'a megabyte in one value', body: `${query}&extra=${MEGABYTE}`, mayClose: true },
    { name: 'a megabyte in the first value', body: `${first}=${MEGABYTE}`, mayClose: true },
    { name: 'ten thousand parameters', body: Array.from({ length: 10_000 }, (_, i) => `p${i}=v`).join('&'), mayClose: true },
    { name: 'bytes that are not UTF-8', body: Buffer.concat([Buffer.from(`${first}=`), BAD_UTF8]) },
    { name: 'escapes that are not UTF-8', body: `${query.replace(/=[^&]*/, '=%FF%FE')}` },
    { name: 'a NUL and line breaks', body: `${query.replace(/=[^&]*/, '=a%00b%0D%0Aset-cookie:x')}` },
    { name: 'broken escapes', body: `${first}=%zz%` },
    { name: 'JSON where a form belongs', body: JSON.stringify(good), headers: JSON_TYPE },
    { name: 'a form with no type', body: Buffer.from(query), headers: {} },
  ].map((input) => ({ headers: FORM_TYPE, ...input, path }));
};

const json = (path, extra = {}) =>
  [
    { name: 'nothing', body: '' },
    { name: 'not JSON', body: '{"a":' },
    { name: 'null', body: 'null' },
    { name: 'a number', body: '17' },
    { name: 'an empty list', body: '[]' },
    { name: 'a list a hundred thousand deep', body: DEEP },
    { name: 'an object ten thousand deep', body: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}` },
    { name: 'bytes that are not UTF-8', body: Buffer.concat([Buffer.from('{"a":"'), BAD_UTF8, Buffer.from('"}')]) },
    { name: 'five megabytes', body: JSON.stringify({ a: MEGABYTE.repeat(5) }), mayClose: true },
    { name: 'another type', body: '<a/>', headers: { 'content-type': 'text/xml' } },
  ].map((input) => ({ ...input, headers: { ...JSON_TYPE, ...input.headers, ...extra }, path }));

const registration = (value) => JSON.stringify({ redirect_uris: ['http://localhost:9/cb'], ...value });
const REGISTRATIONS = [
  ['no redirect URIs', '{}'],
  ['redirect URIs of the wrong type', registration({ redirect_uris: { a: 1 } })],
  ['a redirect URI that is a script', registration({ redirect_uris: ['javascript:alert(1)'] })],
  ['a redirect URI with a fragment', registration({ redirect_uris: ['https://a.example/cb#x'] })],
  ['a redirect URI with a user name', registration({ redirect_uris: ['https://a@b.example/cb'] })],
  ['a redirect URI over plain http', registration({ redirect_uris: ['http://b.example/cb'] })],
  ['ten thousand redirect URIs', registration({ redirect_uris: Array.from({ length: 10_000 }, (_, i) => `http://localhost:9/${i}`) })],
  ['a megabyte of a name', registration({ client_name: MEGABYTE })],
  ['a name of the wrong type', registration({ client_name: ['a'] })],
].map(([name, body]) => ({ name, body, headers: JSON_TYPE, path: '/register', mayClose: true }));

const query = (path, name, search, mayClose = false) => ({ method: 'GET', name, path: `${path}?${search}`, mayClose });
const AUTHORIZE = { client_id: 'nobody', redirect_uri: 'http://localhost:9/cb', response_type: 'code', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' };
const GETS = [
  query('/authorize', 'nothing', ''),
  query('/authorize', 'an unknown client', new URLSearchParams(AUTHORIZE)),
  query('/authorize', 'two clients', `${new URLSearchParams(AUTHORIZE)}&client_id=other`),
  query('/authorize', 'escapes that are not UTF-8', 'client_id=%FF%FE&redirect_uri=%C3%28'),
  query('/authorize', 'a client id of ten thousand characters', `client_id=${'x'.repeat(10_000)}`),
  query('/authorize', 'a megabyte', `client_id=${MEGABYTE}`, true),
  query('/authorize', 'a client id that is an address of ours', `client_id=${encodeURIComponent('https://localhost/x')}`),
  query('/authorize', 'a client id that is a link-local address', `client_id=${encodeURIComponent('https://169.254.169.254/latest/meta-data')}`),
  query('/consent', 'nothing', ''),
  query('/consent', 'a path', 'grant=../../etc/passwd'),
  query('/consent', 'a megabyte', `grant=${MEGABYTE}`, true),
  query('/auth/callback', 'nothing', ''),
  query('/auth/callback', 'a state never given', 'code=x&state=y'),
  query('/auth/callback', 'two states', 'code=x&state=y&state=z'),
  query('/auth/callback', 'escapes that are not UTF-8', 'code=%FF&state=%FE'),
];

/** Bytes on a socket: what an HTTP library would not let us send. Resolves to the status line, or '' if closed. */
function raw(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let got = '';
    socket.setTimeout(15_000, () => socket.destroy() && resolve('no answer'));
    socket.on('data', (data) => {
      got += data.toString('latin1');
      if (got.includes('\r\n')) socket.destroy();
    });
    socket.on('close', () => resolve(got.split('\r\n')[0]));
    socket.on('error', (error) => (['ECONNRESET', 'EPIPE'].includes(error.code) ? resolve('') : reject(error)));
  });
}

const memory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

test('hostile inputs', { timeout: 300_000 }, async (t) => {
  const engine = await Engine.forTest(t);
  const { access_token: token, client_id } = await signInByHand(engine.base);
  const bearer = { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream' };

  const groups = {
    'GET pages': GETS,
    '/register': [...json('/register'), ...REGISTRATIONS],
    '/token': [
      ...forms('/token', { grant_type: 'authorization_code', code: 'x', client_id, code_verifier: 'x'.repeat(43), redirect_uri: 'http://localhost:9/callback' }),
      ...forms('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id }),
    ],
    '/authorize': forms('/authorize', AUTHORIZE),
    '/consent': forms('/consent', { grant: 'grant_x', csrf: 'x', decision: 'approve' }),
    '/revoke': forms('/revoke', { client_id: 'nobody', token: 'x' }),
    '/mcp without a token': json('/mcp'),
    '/mcp with a token': json('/mcp', bearer),
    '/mcp with a token that is not one': ['', 'x', MEGABYTE.slice(0, 8000), 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', `${token}x`].map((bad) => ({
      name: `"${bad.slice(0, 20)}"`, path: '/mcp', body: '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers: { ...JSON_TYPE, ...bearer, authorization: `Bearer ${bad}` },
    })),
  };
  for (const [group, inputs] of Object.entries(groups)) {
    await t.test(group, async () => {
      const wrong = [];
      for (const input of inputs) {
        const { status, text, closed, hung } = await send({ ...input, url: engine.base + input.path });
        if (hung) wrong.push(`${input.name}: no answer`);
        else if (!closed && (status < 400 || status > 499)) wrong.push(`${input.name}: answered ${status}: ${text.slice(0, 200)}`);
        else if (text?.length > 65_536) wrong.push(`${input.name}: the answer repeats what was sent`);
      }
      assert.deepEqual(wrong, []);
    });
  }

  await t.test('bytes that are not HTTP', async () => {
    const { port } = new URL(engine.base);
    const host = `Host: localhost:${port}\r\n`;
    const heads = {
      noise: BAD_UTF8.toString('latin1').repeat(100) + '\r\n\r\n',
      'no Host': 'GET / HTTP/1.1\r\n\r\n',
      'two Hosts': `GET /healthz HTTP/1.1\r\n${host}Host: evil.example\r\n\r\n`,
      'two lengths': `POST /token HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      'a header of a megabyte': `GET / HTTP/1.1\r\n${host}X: ${MEGABYTE}\r\n\r\n`,
      'ten thousand headers': `GET / HTTP/1.1\r\n${host}${'X: y\r\n'.repeat(10_000)}\r\n`,
      'another Host': 'GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: evil.example\r\n\r\n',
      'an absolute target elsewhere': `GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
    };
    const wrong = [];
    for (const [name, bytes] of Object.entries(heads)) {
      const line = await raw(port, Buffer.from(bytes, 'latin1'));
      if (line !== '' && !/^HTTP\/1\.[01] 4\d\d /.test(line)) wrong.push(`${name}: ${line}`);
    }
    assert.deepEqual(wrong, []);
  });

  await t.test('and afterwards everything works and nothing was kept', async () => {
    assert.equal((await fetch(`${engine.base}/healthz`)).status, 200);
    const again = await signInByHand(engine.base);
    assert.ok(again.access_token);
    if (process.platform === 'linux') assert.ok(memory(engine.child.pid) < 200_000, `${memory(engine.child.pid)} kB resident`);
    assert.doesNotMatch(engine.log(), /panicked/);
  });
});

// The fake browser itself: it must fail where a real one would, or the tests that rely on it prove nothing.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Browser } from './browser.mjs';
import { decode, readPage } from './html.mjs';

/** A server from `{ 'METHOD /path': (request, body) => [status, headers, body] }`, on a free port. */
async function serve(t, routes) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const route = routes[`${request.method} ${new URL(request.url, 'http://x').pathname}`] ?? (() => [404, {}, 'nothing here']);
    const [status, headers, text] = route(request, body);
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://localhost:${server.address().port}`;
}

const BACK = 'http://localhost:9/callback';
const FORM = '<form method=post><input type=hidden name=a value="1 &amp; 2"><button name=d value=no>Deny</button><button name=d value=yes>Allow it</button></form>';
const home = (headers = {}, page = FORM) => ({ 'GET /': () => [200, headers, page], 'POST /': () => [303, { location: `${BACK}?code=x` }, ''] });

test('a page is read as a browser reads it', () => {
  const { forms } = readPage(`<!-- <form> -->${FORM.replace('method=post', 'method="POST" action="/x?a=1&amp;b=2"')}`);
  assert.equal(forms.length, 1);
  assert.equal(forms[0].action, '/x?a=1&b=2');
  assert.deepEqual(forms[0].fields, [['a', '1 & 2', 'hidden']]);
  assert.deepEqual(forms[0].choices.map((c) => c.label), ['Deny', 'Allow it']);
  assert.equal(decode('&lt;&#39;&#x41;&nope;'), "<'A&nope;");
});

test('it presses the button that approves, and only sends what the form has', async (t) => {
  let sent;
  const base = await serve(t, { ...home(), 'POST /': (_, body) => [303, { location: `${BACK}?code=${(sent = body) && 1}` }, ''] });
  const back = await new Browser().signIn(base, BACK);
  assert.equal(back.href, `${BACK}?code=1`);
  assert.equal(sent, 'a=1+%26+2&d=yes');
});

test('a form-action that names only us stops the redirect back to the client', async (t) => {
  const base = await serve(t, home({ 'content-security-policy': "default-src 'none'; form-action 'self'" }));
  await assert.rejects(new Browser().signIn(base, BACK), /form-action/);
});

test('no-referrer makes the form say Origin: null, as in Chrome', async (t) => {
  for (const [policy, expected] of [['no-referrer', 'null'], ['strict-origin', /^http:\/\/localhost/]]) {
    let origin;
    const base = await serve(t, { ...home({ 'referrer-policy': policy }), 'POST /': (request) => [303, { location: BACK + ((origin = request.headers.origin) && '') }, ''] });
    await new Browser().signIn(base, BACK);
    assert.match(origin, new RegExp(expected));
  }
});

test('cookies cross ports but not hosts, and Strict ones do not cross sites', async (t) => {
  let seen;
  const other = await serve(t, { 'GET /': (request) => [302, { location: `${BACK}?code=${(seen = request.headers.cookie ?? 'none') && 1}` }, ''] });
  const there = (target) => ({ 'GET /': () => [302, { 'set-cookie': ['a=1; SameSite=Strict; Path=/', 'b=2; SameSite=Lax; Path=/', 'c=3; Path=/other'], location: target }, ''] });
  await new Browser().signIn(await serve(t, there(other)), BACK);
  assert.equal(seen, 'a=1; b=2');
  await new Browser().signIn(await serve(t, there(other.replace('localhost', '127.0.0.1'))), BACK);
  assert.equal(seen, 'none');
});

test('it says where a person would be stuck', async (t) => {
  const base = await serve(t, { 'GET /': () => [400, {}, '<h1>This link is too old</h1>'] });
  await assert.rejects(new Browser().signIn(base, BACK), /HTTP 400.*This link is too old/);
  const blank = await serve(t, { 'GET /': () => [200, {}, '<p>Nothing</p>'] });
  await assert.rejects(new Browser().signIn(blank, BACK), /nothing to press/);
});

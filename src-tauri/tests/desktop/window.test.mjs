// The real window: what its pages may ask of the shell, and what they may not.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { rpc, signInByHand } from '../clients/harness.mjs';
import { Desk, until } from './desk.mjs';
import { drive } from './webdriver.mjs';

test('the pages reach the engine and the preferences through the shell', async (t) => {
  const desk = await Desk.forTest(t);
  const page = await drive(t, desk);
  const ask = (command, payload = {}) => page.invoke('rpc', { command, payload });
  const status = await until('a running engine', async () => {
    const { ok } = await ask('status');
    return ok?.state.is === 'running' && ok;
  });
  assert.equal(status.mcp_url, `http://localhost:${desk.port}/mcp`);
  assert.deepEqual((await ask('list_sessions')).ok, []);
  const { refused } = await ask('no_such_thing');
  assert.deepEqual(Object.keys(refused).sort(), ['code', 'hint', 'message']);

  const { ok: first } = await ask('desktop_preferences');
  assert.deepEqual(first.key, { is: 'keyring' });
  const { ok: changed } = await ask('set_desktop_preferences', { theme: 'dark', notify: { tunnel: false } });
  assert.deepEqual(changed, { ...first, theme: 'dark', notify: { ...first.notify, tunnel: false } });
  await until('a dark page', () => page.run("return matchMedia('(prefers-color-scheme: dark)').matches"));
  assert.equal((await ask('set_desktop_preferences', { theme: 'pink' })).refused.code, 'bad_request');

  await page.run("window.heard = []; const channel = window.__TAURI_INTERNALS__.transformCallback((message) => window.heard.push(message)); window.__TAURI_INTERNALS__.invoke('subscribe', { channel: `__CHANNEL__:${channel}` });");
  await pause(300);
  await ask('set_paused', { paused: true });
  await until('the event', () => page.run("return JSON.stringify(window.heard).includes('\"status_changed\"') && JSON.stringify(window.heard).includes('\"paused\":true')"));
});

test('what happens on the wire shows in the window, a revoked session is cut off, and all of it is there after a restart', async (t) => {
  const desk = await Desk.forTest(t);
  const data = join(desk.home, 'data');
  const page = await drive(t, desk, { args: ['--data-dir', data] });
  await until('the server answers', () => desk.answers());
  const base = `http://localhost:${desk.port}`;
  const call = async (token) => (await rpc(`${base}/mcp`, token, 'tools/call', { name: 'get_user_info', arguments: {} })).status;
  const shows = (where, words) => until(`${words} on ${where}`, () => page.run('return document.body.innerText.includes(arguments[0])', words));
  const go = (where) => page.run('location.hash = arguments[0]', where);
  const press = (words) =>
    until(`a button ${words}`, () => page.run("const button = [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === arguments[0]); button?.click(); return Boolean(button)", words));

  await go('#/log');
  const tokens = await signInByHand(base);
  await shows('the timeline', 'the client has yet to make its first call');
  assert.equal(await call(tokens.access_token), 200);
  await shows('the timeline', 'Connected as Ada Lindqvist in');
  for (const step of ['Register', 'Authorize', 'Consent', 'Entra', 'Callback', 'Token', 'First call']) await shows('the timeline', step);
  desk.screenshot('window-log');

  const { ok: sessions } = await page.invoke('rpc', { command: 'list_sessions', payload: {} });
  const { ok: claims } = await page.invoke('rpc', { command: 'session_claims', payload: { session: sessions[0].session } });
  await go(`#/claims?session=${sessions[0].session}`);
  // As the practice tenant issued them.
  for (const words of [claims.id_claims.oid, claims.id_claims.preferred_username, claims.access_claims.scp, claims.issued_claims.sid]) await shows('the claims', words);
  assert.equal(claims.id_claims.preferred_username, 'ada@practice.example');

  await go('#/sessions');
  await shows('the sessions', 'Ada Lindqvist');
  await page.run("document.querySelector('main input[type=checkbox], main [role=checkbox]').click()");
  await press('Revoke');
  await until('the question', () => page.run("return document.querySelector('[role=alertdialog]') !== null"));
  await page.run("[...document.querySelectorAll('[role=alertdialog] button')].find((one) => one.textContent.trim() === 'Revoke').click()");
  await until('the client is cut off', async () => (await call(tokens.access_token)) === 401, 1000);

  await page.end();
  const again = await drive(t, desk, { args: ['--data-dir', data] });
  await until('the server answers', () => desk.answers());
  const kept = async (command) => (await again.invoke('rpc', { command, payload: {} })).ok;
  assert.deepEqual((await kept('list_sessions')).map(({ session, state }) => [session, state.why]), [[sessions[0].session, 'revoked_by_owner']]);
  assert.ok((await kept('list_attempts')).some(({ person, verdict }) => person?.name === 'Ada Lindqvist' && verdict.is === 'ended'));
});

test('the key moves into a file, under a passphrase and back, and the server starts again with it', async (t) => {
  const desk = await Desk.forTest(t);
  const data = join(desk.home, 'data');
  const page = await drive(t, desk, { args: ['--data-dir', data] });
  const rpc = async (command, payload = {}) => (await page.invoke('rpc', { command, payload })).ok;
  const jwks = async () => {
    await until('the server answers', () => desk.answers());
    return (await fetch(`http://localhost:${desk.port}/jwks`)).json();
  };
  const before = await jwks();
  assert.deepEqual((await rpc('use_key_file')).key, { is: 'file' });
  assert.ok(existsSync(join(data, 'master.key')));
  assert.deepEqual(await jwks(), before);
  const passphrase = 'four unrelated words';
  assert.deepEqual((await rpc('set_passphrase', { passphrase })).key, { is: 'passphrase' });
  assert.ok(!existsSync(join(data, 'master.key')));
  assert.ok(!readFileSync(join(data, 'master.key.sealed'), 'utf8').includes(passphrase));
  assert.deepEqual(await jwks(), before);
  assert.equal((await page.invoke('rpc', { command: 'unlock', payload: { passphrase: 'something else' } })).refused.code, 'passphrase_wrong');
  assert.deepEqual((await rpc('use_keyring')).key, { is: 'keyring' });
  assert.ok(!existsSync(join(data, 'master.key.sealed')));
  assert.deepEqual(await jwks(), before);
});

test('the pages can reach nothing else and go nowhere', async (t) => {
  const desk = await Desk.forTest(t);
  const page = await drive(t, desk);
  for (const [command, payload] of [
    ['plugin:opener|open_url', { url: 'https://example.com/' }],
    ['plugin:clipboard-manager|read_text', {}],
    ['plugin:dialog|save', { options: {} }],
    ['plugin:autostart|enable', {}],
    ['plugin:notification|notify', { options: { title: 'x' } }],
    ['plugin:window|destroy', {}],
    ['plugin:webview|create_webview_window', { options: { label: 'x' } }],
    ['plugin:event|emit', { event: 'x' }],
  ]) {
    assert.match(String((await page.invoke(command, payload)).refused), /not allowed|not found/, command);
  }
  for (const url of ['file:///etc/passwd', 'javascript:alert(1)', 'https://me:secret@example.com/', 'x']) {
    assert.equal((await page.invoke('open_external', { url })).refused.code, 'not_a_link', url);
  }
  const home = await page.url();
  for (const script of ["location.href = 'https://example.com/'", `location.href = 'http://localhost:${desk.port}/'`, "window.open('https://example.com/')", "document.body.insertAdjacentHTML('beforeend', '<a id=out target=_blank href=\"https://example.com/\">x</a>'); document.getElementById('out').click()"]) {
    await page.run(script);
    await pause(300);
    assert.equal(new URL(await page.url()).host, new URL(home).host, script);
    assert.equal(desk.windows(), 1, script);
  }
  const inline = await page.run("const script = document.createElement('script'); script.textContent = 'window.ran = true'; document.body.append(script); return window.ran === true");
  assert.equal(inline, false, 'no script but our own');
  const style = await page.run("const style = document.createElement('style'); style.textContent = 'body { --sneaked: 1 }'; document.head.append(style); return getComputedStyle(document.body).getPropertyValue('--sneaked')");
  assert.equal(style, '', 'no style but our own');
  assert.equal(await page.run("return typeof window.__TAURI__"), 'undefined');
});

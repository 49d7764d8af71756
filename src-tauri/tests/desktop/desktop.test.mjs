// The real app on a real desktop: tray, menu, window, and how it ends.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { killGroup } from '../../scripts/process.mjs';
import { Engine } from '../clients/harness.mjs';
import { Desk, processes, until } from './desk.mjs';

const labels = async (desk) => (await desk.menu()).map(({ label }) => label);

test('the app starts in the tray, and its menu says how it stands', async (t) => {
  const desk = await Desk.forTest(t);
  const app = await desk.app({ args: ['--hidden'] });
  await until('the menu says that it runs', async () => (await labels(desk))[0] === 'Running, practice tenant');
  assert.deepEqual(await labels(desk), ['Running, practice tenant', 'Copy MCP URL', 'Tunnel to the internet', 'Sessions (0)', 'Pause all access', 'Open window', 'Start at login', 'Quit']);
  const [status] = await desk.menu();
  assert.equal(status.enabled, false, 'the status line is no button');
  assert.equal(desk.windows(), 0, 'started at login there is no window');
  assert.deepEqual(desk.webProcesses(app), [], 'and no web view');
  desk.screenshot('tray-running');
});

test('a closed window gives its web view back, and comes back within a second', async (t) => {
  const desk = await Desk.forTest(t);
  const app = await desk.app();
  await until('the window', () => desk.windows() === 1);
  await until('its web view', () => desk.webProcesses(app).length === 1);
  await pause(1000);
  desk.screenshot('window');
  desk.resize(900, 640);
  await until('the new size', () => desk.geometry().width === 900);
  for (let turn = 0; turn < 3; turn += 1) {
    desk.closeWindow();
    await until('no window', () => desk.windows() === 0);
    await until('no web view', () => desk.webProcesses(app).length === 0);
    assert.ok(await desk.answers(), 'the server goes on');
    const began = performance.now();
    await desk.choose('Open window');
    await until('the window again', () => desk.windows() === 1);
    const took = performance.now() - began;
    assert.ok(took < 1000, `it took ${took} ms`);
    await until('the size it was left with', () => desk.geometry().width === 900);
  }
});

test('a second launch shows the window of the first', async (t) => {
  const desk = await Desk.forTest(t);
  const app = await desk.app({ args: ['--hidden'] });
  await desk.tray();
  const hidden = await desk.runApp({ args: ['--hidden'], env: app.settings });
  assert.equal(hidden.code, 0, hidden.output);
  await pause(500);
  assert.equal(desk.windows(), 0, 'a login shows nothing');
  const second = await desk.runApp({ env: app.settings });
  assert.equal(second.code, 0, second.output);
  await until('the window', () => desk.windows() === 1);
  assert.ok(await desk.answers(), 'the first was not disturbed');
});

test('pausing turns every request away until it is taken back', async (t) => {
  const desk = await Desk.forTest(t);
  await desk.app({ args: ['--hidden'] });
  const mcp = async () => (await fetch(`http://localhost:${desk.port}/mcp`, { method: 'POST' })).status;
  assert.notEqual(await mcp(), 503);
  await desk.choose('Pause all access');
  await until('a refusal', async () => (await mcp()) === 503);
  await until('the menu says so', async () => (await desk.menu()).find(({ label }) => label === 'Pause all access').checked);
  assert.match((await labels(desk))[0], /^Paused/);
  desk.screenshot('tray-paused');
  await desk.choose('Pause all access');
  await until('an answer', async () => (await mcp()) !== 503);
});

test('start at login is what the operating system has, and starts without a window', async (t) => {
  const desk = await Desk.forTest(t);
  const data = join(desk.home, 'elsewhere');
  await desk.app({ args: ['--hidden', '--data-dir', data] });
  const entry = join(desk.home, '.config', 'autostart', 'just-mcp-oauth-proxy.desktop');
  await desk.choose('Start at login');
  await until('an autostart entry', () => existsSync(entry));
  const text = readFileSync(entry, 'utf8');
  assert.match(text, /^Exec=.*just-mcp-oauth-proxy"? .*--hidden/m);
  assert.ok(text.includes(data), 'with the same data folder');
  await until('the tick', async () => (await desk.menu()).find(({ label }) => label === 'Start at login').checked);
  await desk.choose('Start at login');
  await until('no autostart entry', () => !existsSync(entry));
});

for (const [way, end] of [
  ['the menu', (desk) => desk.choose('Quit')],
  ['SIGTERM', (_, app) => process.kill(app.pid, 'SIGTERM')],
]) {
  test(`quitting by ${way} ends everything, and the next start finds the same key`, async (t) => {
    const desk = await Desk.forTest(t);
    const data = join(desk.home, 'data');
    const app = await desk.app({ args: ['--data-dir', data] });
    await until('a web view', () => desk.webProcesses(app).length === 1);
    const key = await (await fetch(`http://localhost:${desk.port}/jwks`)).json();
    await end(desk, app);
    const { code } = await app.ended;
    assert.equal(code, 0, app.log());
    await until('no process of ours', () => processes(/WebKit(Web|Network)Process/).every(({ parent }) => parent !== app.pid));
    assert.ok(!existsSync(join(data, 'master.key')), 'the key is in the keyring, not in a file');
    await assert.rejects(desk.answers());
    await desk.app({ args: ['--data-dir', data, '--hidden'] });
    assert.deepEqual(await (await fetch(`http://localhost:${desk.port}/jwks`)).json(), key, 'signed with the key of the keyring');
  });
}

test('a port that is taken is said in the menu, and the app stays', async (t) => {
  const [first, second] = [await Desk.forTest(t), await Desk.forTest(t)];
  await first.app({ args: ['--hidden'] });
  second.port = first.port;
  await second.app({ args: ['--hidden'], wait: false });
  await until('the menu says so', async () => /^Not running: .*already in use/.test((await labels(second))[0]));
  assert.ok((await labels(second)).includes('Needs attention (1)'));
  second.screenshot('tray-attention');
  await second.choose('Needs attention (1)');
  await until('the window', () => second.windows() === 1);
});

test('beside a server without a window on the same data folder the app says so', async (t) => {
  const server = await Engine.forTest(t);
  const desk = await Desk.forTest(t);
  await desk.app({ args: ['--hidden', '--data-dir', join(server.folder, 'data')], wait: false });
  await until('the menu says so', async () => /^Not running: another server runs on the data folder/.test((await labels(desk))[0]));
  assert.equal((await fetch(`${server.base}/healthz`)).status, 200, 'the first was not disturbed');
});

test('a secret that ends soon is told of once, also after a restart', async (t) => {
  const desk = await Desk.forTest(t);
  const [heard, ends] = [desk.notices(), new Date(Date.now() + 5.5 * 24 * 3600 * 1000).toISOString().slice(0, 10)];
  const id = (digit) => `${digit.repeat(8)}-0000-4000-8000-000000000001`;
  const env = { JMOP_ENTRA_TENANT: id('1'), JMOP_ENTRA_CLIENT_ID: id('2'), JMOP_ENTRA_CLIENT_SECRET: 'abC8Q~0123456789abcdefghijklmnopqrstuvwx', JMOP_ENTRA_CLIENT_SECRET_EXPIRES: ends };
  const about = () => heard.filter(({ title }) => title.startsWith('The client secret expires in '));
  const app = await desk.app({ args: ['--hidden'], env });
  await until('the notice', () => about().length === 1);
  assert.match(about()[0].text, /nobody is signed out/);
  await desk.choose('Quit');
  await app.ended;
  await desk.app({ args: ['--hidden'], env });
  await until('the menu says that it runs', async () => /^Running/.test((await labels(desk))[0]));
  await pause(500);
  assert.equal(about().length, 1, 'what was told is not told again');
});

test('without a keyring the app says so and makes no key elsewhere', async (t) => {
  const desk = await Desk.forTest(t, { keyring: 'none' });
  const data = join(desk.home, 'data');
  await desk.app({ args: ['--hidden', '--data-dir', data], wait: false });
  await until('the menu says so', async () => /^Not running: no keyring/.test((await labels(desk))[0]));
  assert.ok(!existsSync(join(data, 'master.key')));
  assert.ok(!existsSync(join(data, 'proxy.db')), 'no database without a key');
});

test('a key file of the server without a window is used as it is', async (t) => {
  const desk = await Desk.forTest(t, { keyring: 'none' });
  const data = join(desk.home, 'data');
  mkdirSync(data);
  writeFileSync(join(data, 'master.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  await desk.app({ args: ['--hidden', '--data-dir', data] });
  assert.ok(existsSync(join(data, 'proxy.db')));
});

test('without a display it says so in one line, and what to do', async (t) => {
  const none = await Desk.forTest(t, { display: false, bus: false, keyring: 'none' });
  for (const env of [{}, { DISPLAY: ':4711' }]) {
    const { code, output } = await none.runApp({ env });
    assert.equal(code, 1);
    assert.match(output, /^error: .*just-mcp-oauth-proxyd serve/m);
    assert.ok(!/panicked/.test(output), output);
  }
});

test('without a session bus it runs, with its window', async (t) => {
  const desk = await Desk.forTest(t, { bus: false, keyring: 'none' });
  const app = await desk.app({ env: { JMOP_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') } });
  await until('the window', () => desk.windows() === 1);
  desk.closeWindow();
  const late = setTimeout(() => killGroup(app), 15_000);
  const { code } = await app.ended;
  clearTimeout(late);
  assert.equal(code, 0, 'nobody could get at it any more, so it ends');
});

// Every page of the window in real Chromium against the real server: it shows, it fits, it keeps nobody out, and what
// happens on the wire shows on it by itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { rpc, signInByHand } from '../clients/harness.mjs';
import { barriers, comeIn, go, house, photograph } from './window.mjs';

const PAGES = ['home', 'entra', 'sessions', 'claims', 'log', 'settings'];
const SIZES = [
  { width: 1280, height: 800 },
  { width: 720, height: 520 },
];

test('every page shows in both sizes and themes, and keeps nobody out', async (t) => {
  const { engine, browser } = await house(t);
  const tokens = await signInByHand(engine.base);
  await rpc(engine.mcpUrl, tokens.access_token, 'tools/call', { name: 'get_user_info', arguments: {} });
  const seen = await comeIn(browser, engine);
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await seen.emulateMedia({ colorScheme });
    for (const viewport of SIZES) {
      await seen.setViewportSize(viewport);
      for (const name of PAGES) {
        await go(seen, name);
        const shot = `${name}-${viewport.width}-${colorScheme}`;
        await photograph(seen, shot);
        found.push(...(await barriers(seen)).map((barrier) => `${shot}: ${barrier}`));
        const wide = await seen.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) found.push(`${shot}: ${wide} px wider than the window`);
      }
    }
  }
  assert.deepEqual(found, []);
  assert.deepEqual(seen.troubles, []);
});

test('a sign-in shows by itself, step by step, and revoking cuts it off', async (t) => {
  const { engine, browser } = await house(t);
  const page = await comeIn(browser, engine);
  await go(page, 'log');
  const tokens = await signInByHand(engine.base);
  await rpc(engine.mcpUrl, tokens.access_token, 'tools/call', { name: 'version', arguments: {} });
  await page.getByText(/Connected as Ada Lindqvist in/).first().waitFor();

  await go(page, 'sessions');
  await page.getByText('Ada Lindqvist').first().waitFor();
  await go(page, 'claims');
  await page.getByText('preferred_username').first().waitFor();
  const body = await page.evaluate(() => document.body.textContent);
  for (const secret of [tokens.access_token, tokens.refresh_token]) assert.ok(!body.includes(secret), 'a token is on the page');

  await go(page, 'sessions');
  await page.getByRole('checkbox').first().waitFor();
  await page.getByRole('checkbox').nth(0).check();
  await page.getByRole('button', { name: /revoke/i }).first().click();
  await page.getByRole('alertdialog').getByRole('button', { name: /revoke/i }).click();
  await page.getByText('1 session revoked').waitFor();
  assert.equal((await rpc(engine.mcpUrl, tokens.access_token, 'tools/list', {})).status, 401);
  assert.deepEqual(page.troubles, []);
});

test('everything is reached by keyboard alone', async (t) => {
  const { engine, browser } = await house(t);
  const page = await comeIn(browser, engine);
  const reached = [];
  for (let step = 0; step < 60 && reached.length < PAGES.length; step++) {
    await page.keyboard.press('Tab');
    const href = await page.evaluate(() => document.activeElement?.getAttribute('href') ?? '');
    const name = PAGES.find((one) => href === `#/${one}`);
    if (name && !reached.includes(name)) reached.push(name);
  }
  assert.deepEqual(reached, PAGES);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'focus follows to the page');
});

test('a setting is saved with its effects shown, and the server starts again behind the page', async (t) => {
  const { engine, browser } = await house(t);
  const page = await comeIn(browser, engine);
  const answer = await page.evaluate(async () => {
    const response = await fetch('/rpc/save_settings', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ changes: { 'server.callback_path': '/signed-in' } }) });
    return response.json();
  });
  assert.equal(answer.saved, true, JSON.stringify(answer));
  await go(page, 'entra');
  await page.getByText(/localhost:\d+\/signed-in/).first().waitFor();
});

test('whoever did not come by the link gets neither pages nor answers', async (t) => {
  const { engine, browser } = await house(t);
  const origin = new URL(engine.consoleUrl).origin;
  const page = await (await browser.newContext()).newPage();
  const answer = await page.goto(origin);
  assert.equal(answer.status(), 401);
  await page.getByText('does not know this browser').waitFor();
  const refused = async (path, init) => (await fetch(origin + path, init)).status;
  const json = { 'content-type': 'application/json' };
  assert.equal(await refused('/rpc/status', { method: 'POST', headers: json, body: '{}' }), 401);
  assert.equal(await refused('/rpc/status', { method: 'POST', headers: { ...json, authorization: 'Bearer jmt_wrong' }, body: '{}' }), 401);
  assert.equal(await refused('/rpc/status', { method: 'POST', headers: { ...json, origin: 'https://evil.example' }, body: '{}' }), 403);
  assert.equal(await refused('/events'), 401);
  assert.equal(await refused('/assets/index.js'), 401);
  // The listener that clients reach has no such thing, whatever is shown there.
  assert.equal((await fetch(`${engine.base}/rpc/status`, { method: 'POST', headers: json, body: '{}' })).status, 404);
});

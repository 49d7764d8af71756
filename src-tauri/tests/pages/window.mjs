// The window's pages in a real browser, over the console of a real server: opened by its link, watched for anything that
// goes wrong behind the page, and photographed.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { Engine, ROOT } from '../clients/harness.mjs';

/** Where photographs are kept to be looked at. */
export const SHOTS = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'screenshots', 'pages');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Nothing of this browser leaves the machine.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A server with a console and a browser, gone when the test is over. */
export async function house(t) {
  const engine = await Engine.forTest(t, { console: '127.0.0.1:0' });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  t.after(() => browser.close());
  return { engine, browser };
}

/** A page of a browser that came in by a link; `page.troubles` is what went wrong behind it. */
export async function comeIn(browser, engine, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.troubles = [];
  page.on('console', (message) => message.type() === 'error' && page.troubles.push(message.text()));
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('requestfailed', (request) => /net::ERR_ABORTED/.test(request.failure().errorText) || page.troubles.push(`${request.url()}: ${request.failure().errorText}`));
  await page.goto(engine.consoleUrl);
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
  return page;
}

/** Goes to a page of the window and waits until it shows what it has. */
export async function go(page, name) {
  await page.evaluate((hash) => void (location.hash = hash), `#/${name}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
}

/** What axe finds that would keep somebody out: serious and critical, named with where it is. */
export async function barriers(page) {
  // Through the debugger: the pages' own policy lets no script in, and should not.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).slice(0, 5).join(' | ')}`);
}

export async function photograph(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

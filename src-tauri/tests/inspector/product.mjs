// An MCP Inspector as people install it, and the browser they use it in: started, watched, photographed, gone when the
// test is over. The sign-in is done here, on our own pages; how an Inspector is operated is in v1.mjs and v2.mjs.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { killGroup, start } from '../../scripts/process.mjs';
import { cleanEnvironment, Engine, freePort, ROOT, temporaryFolder } from '../clients/harness.mjs';

/** Where photographs are kept to be looked at. */
const SHOTS = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'screenshots', 'inspector');
const PACKAGES = join(ROOT, 'node_modules');
// Inspectors want Node 22.19, and start further programs called `node`: the one among the npm packages goes first.
const OWN_NODE = join(PACKAGES, '.bin', 'node');
const NODE = existsSync(OWN_NODE) ? OWN_NODE : process.execPath;
const LIMIT = 30_000;

// Nothing of this browser leaves the machine: no other name has an address. Answering strangers' requests in the test
// instead would make Playwright answer CORS preflights too, and whether we answer those right is half of the proof.
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...['--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
];

/** Version of the package in a folder of node_modules. */
export const version = (folder) => JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')).version;

/** Version of `name` as the package in `folder` gets it: its own copy, or the one that all share. */
export function dependency(folder, name) {
  const own = join(folder, 'node_modules', name);
  return version(existsSync(join(PACKAGES, own)) ? own : name);
}

/** Starts `node_modules/<folder>/<entry>`; resolves once it has said where its page is. */
async function startInspector(t, folder, entry) {
  const settings = {
    PATH: [dirname(NODE), process.env.PATH].join(delimiter),
    HOME: temporaryFolder(t, 'inspector'),
    CLIENT_PORT: String(await freePort()),
    SERVER_PORT: String(await freePort()),
    MCP_AUTO_OPEN_ENABLED: 'false',
    MCP_INSPECTOR_SECRET_STORE: 'memory', // without it, a machine without a keyring gets a file and a question
  };
  const child = start(NODE, [join(PACKAGES, folder, entry)], { env: cleanEnvironment(settings) });
  t.after(async () => {
    killGroup(child);
    await child.ended;
  });
  const inspector = { output: '', proxy: `http://localhost:${settings.SERVER_PORT}` };
  inspector.url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the Inspector said no URL within ${LIMIT} ms\n${inspector.output}`)), LIMIT);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        inspector.output += text;
        const said = /up and running at:\s+(http\S+)\s/.exec(inspector.output);
        if (said) resolve(said[1]);
      });
    }
    child.ended.then(({ code }) => reject(new Error(`the Inspector ended with ${code}\n${inspector.output}`))).finally(() => clearTimeout(late));
  });
  return inspector;
}

/** What the page asked of our server: who was sent to sign in, and whether it speaks to `/mcp` itself. */
function watch(page, engine) {
  const seen = { signIns: 0, calls: 0, troubles: [] };
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url() === engine.mcpUrl) seen.calls += 1;
  });
  page.on('framenavigated', (frame) => {
    if (frame === page.mainFrame() && frame.url().startsWith(`${engine.base}/consent?`)) seen.signIns += 1;
  });
  page.on('console', (message) => message.type() === 'error' && seen.troubles.push(message.text()));
  page.on('pageerror', (error) => seen.troubles.push(String(error)));
  return seen;
}

/** A server, an Inspector and a browser with its page open: `{ engine, inspector, page, seen }`. */
export async function visit(t, { folder, entry }) {
  const engine = await Engine.forTest(t);
  const inspector = await startInspector(t, folder, entry);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 1100 } });
  page.setDefaultTimeout(LIMIT);
  const seen = watch(page, engine);
  await page.goto(inspector.url);
  return { engine, inspector, page, seen };
}

/** What a person does once the Inspector has sent them here: allow it, and say who they are. */
export async function signIn({ page, engine, inspector }) {
  await page.waitForURL((url) => url.origin === engine.base && url.pathname === '/consent');
  await page.getByText('MCP Inspector').first().waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((url) => url.origin === engine.practiceUrl);
  await page.getByRole('button', { name: 'Ada Lindqvist' }).click();
  await page.waitForURL((url) => url.origin === new URL(inspector.url).origin);
}

export async function photograph(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

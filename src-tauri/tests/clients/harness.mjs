// The engine under test as a process: started on free ports and a data folder of its own, stopped or killed, and
// started again as the same server. Nothing here knows how the engine works; it speaks its command line and HTTP.

import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { killGroup, start } from '../../scripts/process.mjs';
import { Browser } from './browser.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const BINARY = process.env.JMOP_TEST_BINARY ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'just-mcp-oauth-proxyd');
const START_LIMIT = 30_000;

/** A folder that is gone when the test is over. */
export function temporaryFolder(t, name) {
  const folder = mkdtempSync(join(tmpdir(), `jmop-${name}-`));
  t?.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Our environment without what would configure the engine or send local requests to a proxy. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(FASTMCP_|JMOP_|PROXY_MCP_URL|CORS_ALLOW|https?_proxy|all_proxy|node_test_context|RUST_LOG$)/i.test(name));
  return { ...Object.fromEntries(kept), NO_PROXY: '*', ...extra };
}

const withTimeout = (promise, ms, what) => {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export class Engine {
  #listen;
  #practice = '127.0.0.1:0';
  #cookie;

  /** `args` are added to the command line; `folder` is its home, data and log. Without `practice` the settings say who people are. */
  constructor({ folder, args = [], env = {}, binary = BINARY, listen = '127.0.0.1:0', console = 'off', practice = true }) {
    this.#listen = listen;
    if (!practice) this.#practice = null;
    Object.assign(this, { folder, args, env, binary, console, logFile: join(folder, 'engine.log') });
  }

  /** Starts an engine on the practice tenant that is stopped, and its folder removed, when the test is over. */
  static async forTest(t, options = {}) {
    const engine = new Engine({ folder: temporaryFolder(t, 'engine'), ...options });
    t.after(() => engine.kill());
    await engine.start();
    return engine;
  }

  /** Starts, or starts again on the ports of the first time. Resolves when the ready line is there. */
  async start() {
    const began = process.hrtime.bigint();
    const log = openSync(this.logFile, 'a');
    const home = { HOME: this.folder, XDG_CONFIG_HOME: this.folder, XDG_DATA_HOME: this.folder };
    const args = ['serve', '--listen', this.#listen, ...(this.#practice ? ['--practice', this.#practice] : []), '--console', this.console, '--data-dir', join(this.folder, 'data'), ...this.args];
    this.child = start(this.binary, args, { stdio: ['ignore', 'pipe', log], env: cleanEnvironment({ ...home, ...this.env }) });
    const failed = this.child.ended.then(({ code, error }) => {
      throw new Error(`the engine ended with ${error?.message ?? code} before it was ready\n${this.log().slice(-3000)}`);
    });
    failed.catch(() => {});
    this.stdout = [];
    const ready = new Promise((resolve) => {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        this.stdout.push(line);
        if (line.startsWith('ready ')) resolve(line);
      });
    });
    const line = await withTimeout(Promise.race([ready, failed]), START_LIMIT, 'the start of the engine');
    this.startMs = Number(process.hrtime.bigint() - began) / 1e6;
    const facts = Object.fromEntries(line.split(' ').slice(1).map((fact) => [fact.slice(0, fact.indexOf('=')), fact.slice(fact.indexOf('=') + 1)]));
    this.mcpUrl = facts.mcp;
    this.base = new URL(facts.mcp).origin;
    this.practiceUrl = facts.practice;
    this.consoleUrl = facts.console;
    this.#listen = this.#listen.replace(/:\d+$/, `:${new URL(facts.mcp).port}`);
    if (this.#practice) this.#practice = `127.0.0.1:${new URL(facts.practice).port}`;
    return this;
  }

  /** SIGTERM; resolves to the exit code. */
  async stop() {
    killGroup(this.child, 'SIGTERM');
    return (await withTimeout(this.child.ended, 15_000, 'the stop of the engine')).code;
  }

  /** SIGKILL: no chance to write anything. */
  async kill() {
    if (!this.child) return;
    killGroup(this.child, 'SIGKILL');
    await this.child.ended;
  }

  /** One command of the console, as its pages send it. */
  async command(name, payload = {}) {
    if (!this.#cookie) {
      const opened = await fetch(this.consoleUrl, { redirect: 'manual', signal: limit() });
      this.#cookie = opened.headers.getSetCookie()[0].split(';')[0];
    }
    const { origin } = new URL(this.consoleUrl);
    const headers = { cookie: this.#cookie, origin, 'content-type': 'application/json' };
    return answer(await fetch(`${origin}/rpc/${name}`, { method: 'POST', signal: limit(), headers, body: JSON.stringify(payload) }));
  }

  log() {
    return readFileSync(this.logFile, 'utf8');
  }
}

/** A loopback port nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Registers, signs in and redeems the code with plain HTTP: a token without any SDK. */
export async function signInByHand(base, { browser = new Browser(), redirectUri = 'http://localhost:9/callback', client, resource = `${base}/mcp` } = {}) {
  const registered = client ?? (await postJson(`${base}/register`, { client_name: 'By hand', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }));
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const state = base64url(crypto.getRandomValues(new Uint8Array(16)));
  const query = { response_type: 'code', client_id: registered.client_id, redirect_uri: redirectUri, code_challenge: challenge, code_challenge_method: 'S256', state, resource };
  const back = await browser.signIn(`${base}/authorize?${new URLSearchParams(query)}`);
  if (back.searchParams.get('state') !== state) throw new Error('the state did not come back');
  const code = back.searchParams.get('code');
  if (!code) throw new Error(`no code came back: ${back.searchParams.get('error')} ${back.searchParams.get('error_description')}`);
  const tokens = await postForm(`${base}/token`, { grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: registered.client_id, code_verifier: verifier, resource });
  return { ...tokens, client_id: registered.client_id, code };
}

async function answer(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 400)}`);
  return text ? JSON.parse(text) : undefined;
}

const limit = () => AbortSignal.timeout(20_000);

export async function postJson(url, value) {
  return answer(await fetch(url, { method: 'POST', signal: limit(), headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }));
}

export async function postForm(url, values) {
  return answer(await fetch(url, { method: 'POST', signal: limit(), body: new URLSearchParams(values) }));
}

/** One JSON-RPC request of the 2025-11-25 era without a session. Returns the raw response. */
export function rpc(mcpUrl, token, method, params = {}) {
  return fetch(mcpUrl, {
    method: 'POST',
    signal: limit(),
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
}

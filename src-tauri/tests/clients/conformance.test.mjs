// The official conformance suite, against our authorization server and our MCP endpoint.
//
// Our own server has two tools and no resources or prompts, so scenarios about those fail. They are listed with their
// reasons in conformance-expected.json; a failure that is not listed fails here, and so does a listed one that passes.
// The suite needs Node 22, which comes as an npm package.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { killGroup, run, start } from '../../scripts/process.mjs';
import { bearerProxy } from './bearer-proxy.mjs';
import { Browser, deliver } from './browser.mjs';
import { cleanEnvironment, Engine, freePort, postJson, ROOT, signInByHand, temporaryFolder } from './harness.mjs';

const SUITE = join(ROOT, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js');
const NODE = Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : join(ROOT, 'node_modules', '.bin', 'node');
const EXPECTED = JSON.parse(readFileSync(join(ROOT, 'src-tauri', 'tests', 'conformance-expected.json'), 'utf8'));
const LIMIT = 240_000;

/** What the suite wrote: `[{ scenario, id, status, message }]`. Folders are named after kind, scenario and time. */
function results(folder, kind) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('checks.json'))
    .flatMap((path) => {
      const scenario = path.replace(new RegExp(`^${kind}-`), '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
      return JSON.parse(readFileSync(join(folder, path), 'utf8')).map(({ id, status, errorMessage }) => ({ scenario, id, status, message: errorMessage }));
    });
}

test('conformance: authorization server', { timeout: LIMIT }, async (t) => {
  const engine = await Engine.forTest(t);
  const folder = temporaryFolder(t, 'conformance');
  const port = await freePort();
  const redirect = `http://127.0.0.1:${port}/callback`;
  const { client_id } = await postJson(`${engine.base}/register`, { client_name: 'Conformance', redirect_uris: [redirect], token_endpoint_auth_method: 'none' });
  const args = ['authorization', '--url', engine.base, '--client-id', client_id, '--resource', engine.mcpUrl, '-p', String(port), '-o', folder];
  const suite = start(NODE, [SUITE, ...args], { env: cleanEnvironment() });
  let output = '';
  let opened;
  for (const stream of [suite.stdout, suite.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      const url = /^(http\S+\/authorize\?\S+)\n/m.exec(output);
      // The suite waits five minutes for its callback; if nobody gets there, it need not.
      if (url && !opened) opened = new Browser().signIn(url[1]).then(deliver).catch((error) => killGroup(suite) ?? error);
    });
  }
  const { code } = await suite.ended;
  assert.ok(!((await opened) instanceof Error), (await opened)?.message);
  const checks = results(folder, 'authorization-server');
  assert.deepEqual(checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO'), [], output);
  assert.deepEqual([...new Set(checks.map(({ scenario }) => scenario))].sort(), ['authorization-code-grant', 'authorization-server-metadata-endpoint'], output);
  assert.equal(code, 0, output);
});

for (const revision of ['2025-11-25', '2026-07-28']) {
  test(`conformance: MCP server, ${revision}`, { timeout: LIMIT }, async (t) => {
    const engine = await Engine.forTest(t);
    const folder = temporaryFolder(t, 'conformance');
    const { access_token: token } = await signInByHand(engine.base);
    const proxy = await bearerProxy(engine.mcpUrl, token);
    t.after(proxy.close);
    const { output, timedOut } = await run(NODE, [SUITE, 'server', '--url', proxy.url, '--requirements', revision, '-o', folder], { limit: LIMIT - 20_000, quiet: true, env: cleanEnvironment() });
    assert.ok(!timedOut, output.slice(-3000));
    const checks = results(folder, 'server');
    const failed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
    const expected = EXPECTED[revision];
    const listed = ({ scenario, id }) => expected.some((e) => e.scenario === scenario && e.checks.includes(id));
    const surprises = failed.filter((check) => !listed(check));
    assert.deepEqual(surprises, [], 'failures that conformance-expected.json does not list');
    const mended = expected.flatMap(({ scenario, checks: ids }) => ids.filter((id) => !failed.some((f) => f.scenario === scenario && f.id === id)).map((id) => `${scenario}: ${id}`));
    assert.deepEqual(mended, [], 'listed in conformance-expected.json, but these pass: remove them there');
    const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
    assert.ok(passed > 0, output.slice(-3000));
    t.diagnostic(`${passed} checks passed, ${failed.length} fail as listed`);
  });
}

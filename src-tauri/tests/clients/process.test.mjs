// The server as a process: its ready line, its signals, and what a kill in the middle of a sign-in costs.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../scripts/process.mjs';
import { Browser } from './browser.mjs';
import { cleanEnvironment, Engine, postForm, postJson, rpc, signInByHand, temporaryFolder } from './harness.mjs';

const AT_ONCE = ['--practice-sign-in', 'ada'];

test('it says where it is on one line and nothing else on stdout', async (t) => {
  const engine = await Engine.forTest(t);
  await engine.stop();
  assert.equal(engine.stdout.length, 1, engine.stdout.join('\n'));
  assert.match(engine.stdout[0], /^ready mcp=http:\/\/localhost:\d+\/mcp console=off practice=http:\/\/localhost:\d+$/);
});

test('SIGTERM ends it with 0, and it comes back at the same place', async (t) => {
  const engine = await Engine.forTest(t);
  const before = engine.mcpUrl;
  assert.equal(await engine.stop(), 0);
  await engine.start();
  assert.equal(engine.mcpUrl, before);
});

test('a script signs in without the practice page, but not without our own', async (t) => {
  const engine = await Engine.forTest(t, { args: AT_ONCE });
  const browser = new Browser();
  const { access_token: token } = await signInByHand(engine.base, { browser });
  assert.equal((await rpc(engine.mcpUrl, token, 'tools/list')).status, 200);
  assert.equal(browser.pages.length, 1, browser.pages.map(({ title }) => title).join(', '));
  assert.equal(new URL(browser.pages[0].url).origin, engine.base);
});

test('killed between code and token, it still redeems the code once it is back, and only once', async (t) => {
  const engine = await Engine.forTest(t, { args: AT_ONCE });
  const redirect = 'http://localhost:9/callback';
  const verifier = 'a'.repeat(43);
  const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url');
  const { client_id } = await postJson(`${engine.base}/register`, { redirect_uris: [redirect], token_endpoint_auth_method: 'none' });
  const query = new URLSearchParams({ response_type: 'code', client_id, redirect_uri: redirect, code_challenge: challenge, code_challenge_method: 'S256', state: 's' });
  const back = await new Browser().signIn(`${engine.base}/authorize?${query}`);
  await engine.kill();
  await engine.start();
  const redeem = (proof) => postForm(`${engine.base}/token`, { grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: redirect, client_id, code_verifier: proof });
  const tokens = await redeem(verifier);
  const list = async () => (await rpc(engine.mcpUrl, tokens.access_token, 'tools/list')).status;
  assert.equal(await list(), 200);
  // A client that posts twice by mistake is only refused; somebody without the verifier stole the code, and what it
  // bought ends (RFC 6749, 4.1.2).
  await assert.rejects(redeem(verifier), /400.*invalid_grant/);
  assert.equal(await list(), 200);
  await assert.rejects(redeem('b'.repeat(43)), /400.*invalid_grant/);
  assert.equal(await list(), 401);
});

test('ten people signing in at once do not get in each other\'s way', async (t) => {
  const engine = await Engine.forTest(t);
  const people = ['ada', 'ben', 'gus'];
  const names = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const person = people[i % people.length];
      const { access_token: token } = await signInByHand(engine.base, { browser: new Browser({ person }) });
      const { result } = await (await rpc(engine.mcpUrl, token, 'tools/call', { name: 'get_user_info', arguments: {} })).json();
      return [person, result.structuredContent.name.split(' ')[0].toLowerCase()];
    }),
  );
  for (const [wanted, said] of names) assert.equal(said, wanted);
});

test('check tells what is wrong with an app registration, and changes nothing', async (t) => {
  const engine = await Engine.forTest(t);
  const folder = temporaryFolder(t, 'check');
  const tenant = new URL(engine.practiceUrl);
  const check = async (env, ...args) => {
    const home = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const settings = { JMOP_ENTRA_AUTHORITY: tenant.origin, JMOP_ENTRA_TENANT: 'ac71ce00-0000-4000-8000-000000000001', JMOP_ENTRA_CLIENT_ID: 'ac71ce00-0000-4000-8000-00000000c11e', JMOP_LOG: 'off', ...env };
    return run(engine.binary, ['check', ...args], { env: cleanEnvironment({ ...home, ...settings }), limit: 20_000, quiet: true });
  };
  const wrong = await check({ JMOP_ENTRA_CLIENT_SECRET: 'not~the~secret' });
  assert.equal(wrong.code, 1, wrong.output);
  assert.match(wrong.output, /^ok +authority /m);
  assert.match(wrong.output, /^FAILED +credential .*AADSTS7000215/m);
  assert.match(wrong.output, /^FAILED +redirect_uri .*AADSTS50011/m);
  assert.ok(!wrong.output.includes('not~the~secret'));
  const { steps, passed } = JSON.parse((await check({ JMOP_ENTRA_TENANT: '00000000-0000-0000-0000-000000000000' }, '--json')).output);
  assert.deepEqual([passed, steps.map(({ about, outcome, code }) => [about, outcome, code])], [false, [['authority', 'passed', null], ['tenant', 'failed', 90002]]]);
  const practice = await run(engine.binary, ['check', '--practice'], { env: cleanEnvironment({ HOME: folder, JMOP_LOG: 'off' }), limit: 20_000, quiet: true });
  assert.equal(practice.code, 0, practice.output);
  assert.deepEqual(readdirSync(folder), [], 'not even a folder was made');
});

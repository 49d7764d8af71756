// The life of a connection, told once for every client: register, sign in, call, refresh, survive a killed server,
// be revoked, sign in again.
//
// A client under test is an object with
//   connect()        connects, signing in if it is asked to
//   tools()          names of the tools it is shown
//   call(name)       `{ text, data }` of the tool's answer
//   close()
//   expire()         while closed: makes it hold an access token that no longer works
//   stored()         `{ client_id, access_token, refresh_token }` as it keeps them
//   signIns()        how often it sent somebody to the browser
//   person()         what the sign-in page called the person
//   secrets()        what its browser was given and nobody else may see

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine, rpc, temporaryFolder } from './harness.mjs';
import { record } from './record.mjs';

const PERSON = /^ada\b/i;

export function tellStory(name, makeClient) {
  test(name, { timeout: 180_000 }, async (t) => {
    const succeeded = record(name);
    let failures = 0;
    // Talkative, so that the last chapter has something to look through. Not so rmcp: it prints whole answers.
    const engine = await Engine.forTest(t, { env: { JMOP_LOG: 'trace,sqlx=trace,hyper=trace' } });
    const client = await makeClient({ mcpUrl: engine.mcpUrl, folder: temporaryFolder(t, 'client'), t });
    t.after(() => client.close());
    const seen = new Set();
    const remember = () => Object.entries(client.stored()).forEach(([key, value]) => key !== 'client_id' && seen.add(value));

    const chapter = async (title, body) => {
      await t.test(title, async () => {
        try {
          await body();
        } catch (error) {
          failures += 1;
          error.message += `\n--- end of the engine's log ---\n${engine.log().slice(-2500)}`;
          throw error;
        }
      });
    };

    await chapter('registers, signs in and is shown the tools', async () => {
      await client.connect();
      assert.equal(client.signIns(), 1);
      assert.deepEqual((await client.tools()).sort(), ['get_user_info', 'version']);
      remember();
    });

    await chapter('calls version and learns who signed in', async () => {
      assert.match((await client.call('version')).text, /\d+\.\d+\.\d+/);
      const { text, data } = await client.call('get_user_info');
      const said = data?.name ?? JSON.parse(text).name;
      assert.match(said, PERSON);
      if (client.person()) assert.ok(client.person().includes(said), `the tenant said "${client.person()}", the tool says "${said}"`);
    });

    await chapter('refreshes an expired token without asking anybody', async () => {
      const before = client.stored();
      await client.close();
      await client.expire();
      await client.connect();
      assert.match((await client.call('version')).text, /\d/);
      assert.equal(client.signIns(), 1);
      const after = client.stored();
      assert.notEqual(after.access_token, before.access_token);
      assert.notEqual(after.refresh_token, before.refresh_token, 'refresh tokens rotate (OAuth 2.1, 4.3.1)');
      remember();
    });

    await chapter('goes on after the server was killed and started again', async () => {
      const { client_id: id } = client.stored();
      await client.close();
      await engine.kill();
      await engine.start();
      await client.connect();
      assert.match((await client.call('get_user_info')).text, /ada/i);
      await client.close();
      await client.expire();
      await client.connect();
      assert.match((await client.call('version')).text, /\d/);
      assert.equal(client.signIns(), 1, 'nobody signs in again');
      assert.equal(client.stored().client_id, id, 'nothing registers again');
      remember();
    });

    await chapter('is turned away once its token is revoked, and signs in again', async () => {
      const { client_id, access_token, refresh_token } = client.stored();
      await client.close();
      const revoked = await fetch(`${engine.base}/revoke`, { method: 'POST', body: new URLSearchParams({ token: refresh_token, token_type_hint: 'refresh_token', client_id }) });
      assert.equal(revoked.status, 200);
      const refused = await rpc(engine.mcpUrl, access_token, 'tools/list');
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate'), /^Bearer .*resource_metadata="/);
      await client.connect();
      assert.equal(client.signIns(), 2);
      assert.match((await client.call('get_user_info')).text, /ada/i);
      remember();
    });

    await chapter('leaves no token, code, cookie or name in the log', async () => {
      const log = engine.log();
      assert.ok(log.includes('TRACE'), 'the log is not talkative');
      for (const secret of [...seen, ...client.secrets()]) assert.ok(!log.includes(secret), 'a token, code or cookie is in the log');
      assert.equal(/^.*\b(ada|lindqvist)\b.*$/im.exec(log)?.[0], undefined, 'a name is in the log');
    });
    if (failures === 0) succeeded();
  });
}

/** A tool's answer in the form the story wants. Throws what the tool reports as an error. */
export function toolAnswer(result) {
  const text = (result.content ?? []).map((part) => part.text ?? '').join('\n');
  if (result.isError) throw new Error(`the tool reports an error: ${text}`);
  return { text, data: result.structuredContent };
}

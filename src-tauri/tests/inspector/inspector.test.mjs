// The MCP Inspector, every version that people still run and each way it connects, in a real browser against the real server:
// enter the URL, connect, sign in, call a tool, see who it says you are; and go on after the server was restarted.
//
// 0.17.1 is there twice. Its package asks for any SDK of the 1.x line: who installs it today gets today's, who installed it
// when it came out has 1.20.1 in npx's cache. The two recognise a 401 and read the answer to a notification differently.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { record } from '../clients/record.mjs';
import { dependency, photograph, signIn, version, visit } from './product.mjs';
import { v1 } from './v1.mjs';
import { v2 } from './v2.mjs';

const SDK = '@modelcontextprotocol/sdk';
const V1 = 'cli/build/cli.js';
const V2 = 'clients/launcher/build/index.js';
const ADA = /\bname"?: *"Ada Lindqvist"/;
const OURS = /\bname"?: *"just-mcp-oauth-proxy"/;

// In this mode alone the page makes refreshes with the headers of its MCP requests: two content types in one line.

/** `direct`: the page speaks to `/mcp` itself. */
const WAYS = [
  ...['inspector-0.17.1', 'inspector-0.17.1-sdk-1.20.1', 'inspector-1.0.3'].flatMap((folder) => [
    { folder, entry: V1, way: 'proxy', direct: false, operate: (house) => v1(house, 'Via Proxy') },
    { folder, entry: V1, way: 'direct', direct: true, operate: (house) => v1(house, 'Direct') },
  ]),
  { folder: 'inspector-2.12.0', entry: V2, way: 'web', direct: false, operate: v2 },
];

test('the packages are what their names say', () => {
  for (const { folder } of WAYS) assert.ok(folder.startsWith(`inspector-${version(folder)}`), `${folder} is ${version(folder)}`);
  assert.equal(dependency('inspector-0.17.1-sdk-1.20.1', SDK), '1.20.1');
  assert.match(dependency('inspector-0.17.1', SDK), /^1\.32\./, 'what its range resolves to today');
});

for (const { folder, entry, way, direct, operate } of WAYS) {
  const name = `${folder.replace(/^inspector-/, '')}-${way}`;
  test(`Inspector ${name}`, { timeout: 240_000 }, async (t) => {
    const succeeded = record(`inspector-${name}`);
    const house = await visit(t, { folder, entry });
    const { engine, page, seen } = house;
    const it = operate(house);
    let broken = false; // then the rest would only wait in vain

    const chapter = (title, body) =>
      t.test(title, { skip: broken }, async () => {
        try {
          await body();
        } catch (error) {
          broken = true;
          await photograph(page, `${name}-failed`);
          const parts = { "the page's errors": seen.troubles.join('\n'), 'what the Inspector said': house.inspector.output, "the engine's log": engine.log() };
          const rest = Object.entries(parts).map(([what, text]) => `\n--- end of ${what} ---\n${text.slice(-2500)}`);
          throw new Error(error.message + rest.join(''), { cause: error });
        }
      });

    await chapter('is sent to sign in, and comes back connected', async () => {
      await it.enter();
      await it.connect();
      await signIn(house);
      await it.connected();
    });

    await chapter('lists the tools and learns who signed in', async () => {
      await it.listTools();
      await it.call('get_user_info', ADA);
      await page.getByText('Ada Lindqvist').first().scrollIntoViewIfNeeded();
      await photograph(page, name);
      assert.equal(seen.calls > 0, direct, 'whether the page itself called the server');
    });

    await chapter('goes on in the same page after the server was killed and started again', async () => {
      await engine.kill();
      await engine.start();
      await it.call('version', OURS);
      await it.call('get_user_info', ADA);
    });

    await chapter('connects again', async () => {
      await it.disconnect();
      await it.connect();
      await it.connected();
      await it.listTools();
      await it.call('get_user_info', ADA);
    });

    if (it.expire) {
      await chapter('refreshes an expired token', async () => {
        await it.disconnect();
        await it.expire();
        await it.connect();
        await it.connected();
        await it.listTools();
        await it.call('get_user_info', ADA);
      });
    }

    await chapter('asked nobody to sign in a second time', () => {
      assert.equal(seen.signIns, 1);
      assert.equal(engine.log().match(/ client_registered /g)?.length, 1, 'it registered once');
    });
    if (!broken) succeeded();
  });
}

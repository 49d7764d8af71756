// The pictures of the README, taken of the real window on a desktop of its own: `node src-tauri/scripts/screenshots.mjs`
// after `cargo build -p desktop`.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { postJson, rpc, signInByHand } from '../tests/clients/harness.mjs';
import { Desk, until } from '../tests/desktop/desk.mjs';
import { drive } from '../tests/desktop/webdriver.mjs';
import { ROOT } from './setup.mjs';

const last = [];
const t = { after: (job) => last.unshift(job) };
try {
  const desk = await Desk.forTest(t, { panel: false });
  Object.assign(desk, { port: 4242, practicePort: 4243 });
  const page = await drive(t, desk);
  await until('the server answers', () => desk.answers());
  const base = `http://localhost:${desk.port}`;
  const redirectUri = 'http://localhost:6274/oauth/callback';
  const client = await postJson(`${base}/register`, { client_name: 'MCP Inspector', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' });
  await rpc(`${base}/mcp`, undefined, 'initialize');
  await fetch(`${base}/.well-known/oauth-protected-resource/mcp`);
  const { access_token: token } = await signInByHand(base, { client, redirectUri });
  await rpc(`${base}/mcp`, token, 'tools/call', { name: 'get_user_info', arguments: {} });
  for (const [name, hash, words] of [
    ['home', '#/home', '1 live session'],
    ['log', '#/log', 'Connected as Ada'],
    ['claims', '#/claims', 'preferred_username'],
  ]) {
    await page.run('location.hash = arguments[0]', hash);
    await until(words, () => page.run('return document.body.innerText.includes(arguments[0])', words));
    await pause(500); // what moves has come to rest
    spawnSync('scrot', ['-o', '-u', join(ROOT, 'src-tauri', 'docs', 'images', `${name}.png`)], { env: desk.env, timeout: 10_000 });
  }
} finally {
  for (const job of last) await job();
}

// The keyring as the app uses it, against a real one in every state. The checks themselves are written in Rust, beside
// what they check; here is the desktop they need.

import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../../scripts/process.mjs';
import { ROOT } from '../clients/harness.mjs';
import { Desk } from './desk.mjs';

async function check(desk, name) {
  const args = ['test', '--locked', '-p', 'desktop', '--', '--ignored', '--exact', `key::tests::${name}`];
  const { code, output } = await run('cargo', args, { cwd: ROOT, limit: 1_800_000, quiet: true, env: { ...process.env, ...desk.env, HOME: process.env.HOME, CARGO_TERM_COLOR: 'never' } });
  assert.equal(code, 0, output.slice(-4000));
  assert.match(output, /^test result: ok\. 1 passed/m, 'the check was there and ran');
}

const withKeyring = (t, keyring) => Desk.forTest(t, { keyring, display: false });

test('an unlocked keyring keeps one key for each data folder, and gives it back', async (t) => check(await withKeyring(t, 'unlocked'), 'keyring_unlocked'));

test('a locked keyring is told from a missing key', async (t) => check(await withKeyring(t, 'unlocked'), 'keyring_locked'));

test('a session without a keyring is said to have none', async (t) => check(await withKeyring(t, 'none'), 'keyring_missing'));

test('a keyring that does not answer is waited for only so long', async (t) => {
  const desk = await withKeyring(t, 'unlocked');
  process.kill(desk.keyring.pid, 'SIGSTOP');
  await check(desk, 'keyring_silent');
});

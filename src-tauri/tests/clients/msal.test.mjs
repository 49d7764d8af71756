// The practice tenant as Microsoft's own library sees it: MSAL for Python, in a process of its own (msal_client.py). What MSAL
// takes from Entra it must get here.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanEnvironment, Engine, ROOT } from './harness.mjs';
import { run } from '../../scripts/process.mjs';

const PYTHON = process.env.JMOP_TEST_PYTHON ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'venv', 'bin', 'python');
const SCRIPT = join(ROOT, 'src-tauri', 'tests', 'clients', 'msal_client.py');

/** Flows that MSAL goes through; each prints one line when it got what it wanted. */
const FLOWS = ['code', 'refresh', 'on-behalf-of', 'certificate', 'wrong-secret', 'device-code'];

test('MSAL for Python finds an Entra it knows', { timeout: 120_000 }, async (t) => {
  const engine = await Engine.forTest(t, { args: ['--practice-sign-in', 'ada'] });
  for (const flow of FLOWS) {
    await t.test(flow, async () => {
      const { code, output } = await run(PYTHON, [SCRIPT, flow, engine.practiceUrl, `${engine.base}/auth/callback`], { limit: 60_000, env: cleanEnvironment() });
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`^${flow}: good$`, 'm'));
    });
  }
});

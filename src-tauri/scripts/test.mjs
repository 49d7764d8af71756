// `npm test`: sets up what is missing, then checks everything. `npm test -- NAME...` runs only the stages so named.
// Every stage has a time limit; the last line is `N passed, N failed`, counting tests and checks alike.

import { join } from 'node:path';
import { readdirSync } from 'node:fs';
import { run } from './process.mjs';
import { Missing, needCargo, needNpmPackages, needPython, needSystemPackages, newNode, ROOT, TARGET, works } from './setup.mjs';

const MINUTE = 60_000;
const TESTS = join('src-tauri', 'tests');
const total = { passed: 0, failed: 0 };
const failedStages = [];

/** Adds up `test result: ok. 3 passed; 0 failed` (cargo), `3 tests run: 3 passed` (nextest), `pass 3` (Node). */
function count(output) {
  const sum = (pattern) => [...output.matchAll(pattern)].reduce((all, [, n]) => all + Number(n), 0);
  const plain = output.replace(/\x1b\[[\d;]*m/g, '');
  output = plain;
  return {
    passed: sum(/^test result: .*? (\d+) passed/gm) + sum(/tests? run: (\d+) passed/g) + sum(/^ℹ pass (\d+)$/gm),
    failed: sum(/^test result: .*? (\d+) failed/gm) + sum(/tests? run: .*?(\d+) failed/g) + sum(/^ℹ (?:fail|cancelled) (\d+)$/gm),
  };
}

async function cargo(args, minutes, env = {}) {
  return run('cargo', args, { cwd: ROOT, limit: minutes * MINUTE, env: { ...process.env, CARGO_TERM_COLOR: 'never', ...env } });
}

// Plain cargo commands work on the default members: all that builds without a webview.
const stages = {
  async setup() {
    needSystemPackages();
    needCargo('fmt', 'clippy');
    await needNpmPackages();
    await needPython('venv', join(ROOT, TESTS, 'requirements.txt'));
    return { code: 0, output: '' };
  },
  fmt: () => cargo(['fmt', '--check'], 5),
  clippy: () => cargo(['clippy', '--locked', '--all-targets', '--', '-D', 'warnings'], 45),
  doc: () => cargo(['doc', '--locked', '--no-deps'], 30, { RUSTDOCFLAGS: '-D warnings' }),
  async rust() {
    if (!works('cargo', 'nextest', '--version')) return cargo(['test', '--locked', '--no-fail-fast'], 60);
    const tests = await cargo(['nextest', 'run', '--locked', '--no-fail-fast'], 60);
    const docs = await cargo(['test', '--locked', '--doc'], 20); // nextest runs no examples in comments
    return { ...docs, code: tests.code || docs.code, output: tests.output + docs.output };
  },
  build: () => cargo(['build', '--locked', '-p', 'headless'], 45),
  clients() {
    const folder = join(TESTS, 'clients');
    const files = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.test.mjs')).map((name) => join(folder, name));
    const env = { ...process.env, JMOP_TEST_PYTHON: join(TARGET, 'venv', 'bin', 'python') };
    return run(newNode(), ['--test', '--test-reporter=spec', '--test-timeout=360000', ...files], { cwd: ROOT, limit: 30 * MINUTE, env });
  },
};

async function stage(name, body) {
  console.log(`\n=== ${name} ===`);
  const began = Date.now();
  let result;
  try {
    result = await body();
  } catch (error) {
    console.log(error instanceof Missing ? error.message : error.stack);
    result = { code: 1, output: '' };
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const found = count(result.output);
  const ok = result.code === 0 && found.failed === 0;
  // A check without tests counts as one; so does a stage that broke before it could count.
  if (found.passed + found.failed === 0 || (!ok && found.failed === 0)) found[ok ? 'passed' : 'failed'] += 1;
  total.passed += found.passed;
  total.failed += found.failed;
  if (!ok) failedStages.push(name);
  console.log(`--- ${name}: ${ok ? 'ok' : result.timedOut ? 'took too long' : 'failed'}, ${found.passed} passed, ${found.failed} failed, ${seconds} s`);
  return ok;
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in stages));
if (unknown.length) {
  console.error(`No stage is called ${unknown.join(', ')}. There are: ${Object.keys(stages).join(', ')}.`);
  process.exit(2);
}
for (const [name, body] of Object.entries(stages)) {
  if (chosen.length && !chosen.includes(name) && name !== 'setup') continue;
  const ok = await stage(name, body);
  if (!ok && name === 'setup') break; // nothing after it could tell more
}
if (failedStages.length) console.log(`\nFailed: ${failedStages.join(', ')}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

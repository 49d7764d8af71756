// `npm test`: sets up what is missing, then checks everything. `npm test -- NAME...` runs only the stages so named.
// Every stage has a time limit; the last line is `N passed, N failed`, counting tests and checks alike.

import { join } from 'node:path';
import { readdirSync } from 'node:fs';
import { run } from './process.mjs';
import { DESKTOP_TEST, Missing, needCargo, needNpmPackages, needPython, needSshd, needSystemPackages, newNode, PAGES_TEST, ROOT, TARGET, works } from './setup.mjs';

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
    passed: sum(/^test result: .*? (\d+) passed/gm) + sum(/tests? run: (\d+) passed/g) + sum(/^ℹ pass (\d+)$/gm) + sum(/^ +Tests .*?(\d+) passed/gm),
    failed: sum(/^test result: .*? (\d+) failed/gm) + sum(/tests? run: .*?(\d+) failed/g) + sum(/^ℹ (?:fail|cancelled) (\d+)$/gm) + sum(/^ +Tests .*?(\d+) failed/gm),
  };
}

/** The test files of a folder below src-tauri/tests, by Node's own runner. */
function nodeTests(name, minutes, env = {}) {
  const folder = join(TESTS, name);
  const files = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.test.mjs')).map((file) => join(folder, file));
  const options = { cwd: ROOT, limit: minutes * MINUTE, env: { ...process.env, ...env } };
  return run(newNode(), ['--test', '--test-reporter=spec', '--test-timeout=360000', ...files], options);
}

/** One after the other until one fails. */
async function each(...steps) {
  let output = '';
  for (const step of steps) {
    const result = await step();
    output += result.output;
    if (result.code !== 0) return { ...result, output };
  }
  return { code: 0, output };
}

const npm = (script) => run('npm', ['run', '--silent', script], { cwd: ROOT, limit: 10 * MINUTE });

async function cargo(args, minutes, env = {}) {
  return run('cargo', args, { cwd: ROOT, limit: minutes * MINUTE, env: { ...process.env, CARGO_TERM_COLOR: 'never', ...env } });
}

// Plain cargo commands work on the default members: all that builds without a webview.
const stages = {
  async setup() {
    needSystemPackages();
    process.env.JMOP_SSHD = needSshd();
    needCargo('fmt', 'clippy');
    await needNpmPackages();
    await needPython('venv', join(ROOT, TESTS, 'requirements.txt'));
    return { code: 0, output: '' };
  },
  // First of all: the programs have the pages built in.
  ui: () => each(() => npm('ui:check'), () => npm('ui:test'), () => npm('ui:build')),
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
  clients: () => nodeTests('clients', 30, { JMOP_TEST_PYTHON: join(TARGET, 'venv', 'bin', 'python') }),
  // The pages in a real browser, over the console of the real server.
  pages() {
    needSystemPackages(PAGES_TEST);
    return nodeTests('pages', 15);
  },
  // The MCP Inspector of several years, operated in a real browser as people do.
  inspector() {
    needSystemPackages(PAGES_TEST);
    return nodeTests('inspector', 15);
  },
  // The app in a real window, under a display, a bus and a panel of its own.
  async desktop() {
    needSystemPackages(DESKTOP_TEST);
    return each(
      () => cargo(['clippy', '--locked', '-p', 'desktop', '--all-targets', '--', '-D', 'warnings'], 45),
      () => cargo(['test', '--locked', '-p', 'desktop'], 45),
      () => cargo(['build', '--locked', '-p', 'desktop'], 45),
      // The one without a window, to stand beside it.
      () => cargo(['build', '--locked', '-p', 'headless'], 45),
      () => nodeTests('desktop', 20),
    );
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

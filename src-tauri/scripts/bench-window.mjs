// `npm run bench -- window`: what the desktop app weighs and how fast it is there, and whether the auth log stays smooth with
// 100,000 events in it. The app runs on a desktop of its own; memory is the proportional set size of all its processes.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from './process.mjs';
import { DESKTOP_TEST, Missing, needCargo, needNpmPackages, needSystemPackages, PAGES_TEST, ROOT, TARGET } from './setup.mjs';

const RELEASE = join(TARGET, 'release');
const MB = 1_000_000;
/** Until processes have settled. */
const SETTLE = 3000;

async function build() {
  needCargo();
  needSystemPackages(DESKTOP_TEST);
  needSystemPackages(PAGES_TEST);
  await needNpmPackages();
  for (const [command, args] of [
    ['npm', ['run', '--silent', 'ui:build', '--', '--logLevel', 'warn']],
    ['cargo', ['build', '--locked', '--release', '-p', 'desktop', '-p', 'headless']],
  ]) {
    if ((await run(command, args, { cwd: ROOT, limit: 3_600_000 })).code !== 0) throw new Missing(`${command} ${args.join(' ')} failed: see above.`);
  }
}

/** A process and all below it. */
function family(pid) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [[Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop().split(' ')[1])]];
      } catch {
        return []; // it ended while we looked
      }
    });
  const found = [pid];
  for (const one of found) found.push(...parents.filter(([, parent]) => parent === one).map(([child]) => child));
  return found;
}

const pssMb = (pid) => family(pid).reduce((sum, one) => sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))[1]) / 1024, 0);

/** When a process was started, in ms since the epoch; the kernel counts in hundredths of a second since boot. */
function startedAt(pid) {
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[19]);
  const upMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  return Date.now() - upMs + ticks * 10;
}

/** As `node:test` would hand it in: what is to be done at the end. */
function ending() {
  const last = [];
  return { after: (job) => last.unshift(job), end: async () => { for (const job of last) await job(); } };
}

async function measureApp(rounds) {
  process.env.JMOP_TEST_DESKTOP = join(RELEASE, 'just-mcp-oauth-proxy');
  const { Desk, processes, until } = await import('../tests/desktop/desk.mjs');
  const { drive } = await import('../tests/desktop/webdriver.mjs');
  const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const ready = [];
  const paint = [];
  let memory;
  for (let round = 0; round < rounds; round += 1) {
    const t = ending();
    const desk = await Desk.forTest(t);
    try {
      const app = await desk.app({ args: ['--hidden'] });
      ready.push(app.readyMs);
      if (round > 0) continue;
      await pause(SETTLE);
      const never = pssMb(app.pid);
      await desk.choose('Open window');
      await until('the window', () => desk.windows() === 1);
      await pause(SETTLE);
      const open = pssMb(app.pid);
      desk.closeWindow();
      await until('no web view', () => desk.webProcesses(app).length === 0);
      await pause(SETTLE);
      const closed = pssMb(app.pid);
      await pause(60_000);
      memory = { never, open, closed, minuteLater: pssMb(app.pid) };
    } finally {
      await t.end();
    }
  }
  for (let round = 0; round < rounds; round += 1) {
    const t = ending();
    try {
      const desk = await Desk.forTest(t);
      const page = await drive(t, desk);
      const painted = await until('a first paint', () => page.run("const [entry] = performance.getEntriesByName('first-contentful-paint'); return entry && performance.timeOrigin + entry.startTime"));
      const [app] = processes(new RegExp(`^${process.env.JMOP_TEST_DESKTOP}`));
      paint.push(painted - startedAt(app.pid));
    } finally {
      await t.end();
    }
  }
  return { readyMs: median(ready), paintMs: median(paint), ...memory };
}

/** The log with as many events as it keeps of strangers, and then with a thousand more every second. */
async function measureLog(events) {
  const { Engine } = await import('../tests/clients/harness.mjs');
  const { comeIn } = await import('../tests/pages/window.mjs');
  const { chromium } = await import('playwright-core');
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const folder = mkdtempSync(join(tmpdir(), 'jmop-bench-log-'));
  const engine = new Engine({ folder, console: '127.0.0.1:0', binary: join(RELEASE, 'just-mcp-oauth-proxyd') });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'] });
  try {
    await engine.start();
    // A refused registration is one event, and never the same as the one before.
    const refuse = async () => (await fetch(`${engine.base}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).arrayBuffer();
    let sent = 0;
    await Promise.all(Array.from({ length: 32 }, async () => { while (sent < events) { sent += 1; await refuse(); } }));
    const page = await comeIn(browser, engine);
    await page.evaluate(() => void (location.hash = '#/log?view=stream'));
    await page.getByRole('list', { name: 'Events, newest first' }).waitFor();
    const ask = (command, payload = {}) => page.evaluate(async ([name, body]) => (await fetch(`/rpc/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json(), [command, payload]);
    const { dropped_events: dropped } = await ask('status');
    const [{ seq }] = await ask('list_events', { limit: 1 });
    const honest = seq + dropped === sent;

    // Down to the oldest, page by page, as a person would drag the bar.
    const loaded = await page.evaluate(async () => {
      const list = document.querySelector('[role=list][aria-label^="Events"]');
      const frame = () => new Promise((resolve) => setTimeout(resolve, 20));
      for (let still = 0, height = 0; still < 100; ) {
        list.scrollTop = list.scrollHeight;
        await frame();
        still = list.scrollHeight === height ? still + 1 : 0;
        height = list.scrollHeight;
      }
      return Number(list.querySelector('[aria-setsize]')?.getAttribute('aria-setsize'));
    });
    const frames = (act) =>
      page.evaluate(async (script) => {
        const list = document.querySelector('[role=list][aria-label^="Events"]');
        const act = new Function('list', 'n', script);
        const times = [];
        let last = performance.now();
        for (let n = 0; n < 300; n += 1) {
          act(list, n);
          const now = await new Promise(requestAnimationFrame).then(() => performance.now());
          times.push(now - last);
          last = now;
        }
        return times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)];
      }, act);
    const scrollP95 = await frames('list.scrollTop = (list.scrollHeight / 300) * n');
    const filterP95 = await frames(
      "if (n % 30) return; const field = document.querySelector('input[type=search], input[role=searchbox], main input'); const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set; set.call(field, 'registration'.slice(0, 1 + n / 30)); field.dispatchEvent(new Event('input', { bubbles: true }));",
    );

    // A window that has all it may keep must not grow any more.
    const devtools = await page.context().newCDPSession(page);
    const heapMb = async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      return (await devtools.send('Runtime.getHeapUsage')).usedSize / MB;
    };
    const flood = async (seconds) => {
      for (let second = 0; second < seconds; second += 1) await Promise.all([pause(1000), ...Array.from({ length: 1000 }, (_, i) => pause(i).then(refuse))]);
    };
    await flood(5);
    const before = await heapMb();
    await flood(20);
    return { sent, honest, dropped, loaded, scrollP95, filterP95, heapMb: before, grownMb: (await heapMb()) - before };
  } finally {
    await browser.close();
    await engine.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function debMb() {
  const folder = join(RELEASE, 'bundle', 'deb');
  const deb = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.deb')) : undefined;
  return deb && statSync(join(folder, deb)).size / MB;
}

/** Measures, and judges against what the app promises. */
export async function benchWindow(quick) {
  await build();
  const app = await measureApp(quick ? 1 : 5);
  const log = await measureLog(quick ? 5_000 : 100_000);
  const less = (what, value, target, unit) => ({ what, value, target, unit, met: value === undefined ? undefined : value <= target });
  return {
    app,
    log,
    verdicts: [
      less('app, start to ready', app.readyMs, 250, ' ms'),
      less('app, start to first paint', app.paintMs, 1200, ' ms'),
      less('app, memory, window never opened', app.never, 70, ' MB'),
      less('app, memory, window open', app.open, 270, ' MB'),
      less('app, memory, window closed again', app.closed, 130, ' MB'),
      less('app, memory, a minute later', app.minuteLater, 130, ' MB'),
      less('installer (.deb)', debMb(), 12, ' MB'),
      less(`log of ${log.loaded} events, frame while scrolling, p95`, log.scrollP95, 50, ' ms'),
      less(`log of ${log.loaded} events, frame while filtering, p95`, log.filterP95, 50, ' ms'),
      less(`log at 1,000 events/s, heap grown in 20 s (of ${log.heapMb.toFixed(0)} MB)`, log.grownMb, 10, ' MB'),
      less('events neither in the log nor counted as dropped', log.honest ? 0 : 1, 0, ''),
    ],
  };
}

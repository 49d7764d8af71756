// `npm run bench`: how fast the server is, next to the same tools without sign-in, a bare HTTP answer and FastMCP.
// Load comes from wrk in a process of its own; rows take turns in rounds, and medians are shown, so that a busy
// machine hits all alike. Misses are printed as misses. Numbers go to target/bench.json as well.
// `npm run bench -- --quick` measures less of everything, to see whether the bench itself works; `-- server`, `-- outside`
// and `-- window` do one part.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { Browser } from '../tests/clients/browser.mjs';
import { Engine, postJson, rpc, signInByHand } from '../tests/clients/harness.mjs';
import { benchOutside } from './bench-outside.mjs';
import { benchWindow } from './bench-window.mjs';
import { run } from './process.mjs';
import { example, fastmcp } from './rivals.mjs';
import { Missing, needCargo, needSystemPackages, ROOT, TARGET, works } from './setup.mjs';

const QUICK = process.argv.includes('--quick');
const PARTS = ['server', 'outside', 'window'].filter((part) => process.argv.includes(part));
const measures = (part) => PARTS.length === 0 || PARTS.includes(part);
const SIZE = QUICK ? { rounds: 1, seconds: 2, starts: 3, signIns: 40, clients: 500, sessions: 50 } : { rounds: 5, seconds: 4, starts: 10, signIns: 300, clients: 10_000, sessions: 1000 };
const CONNECTIONS = 32;
const TARGETS = { throughput: 0.9, p99: 1.15, fastmcp: 60, startMs: 150, idleMb: 25, loadedMb: 60 };
const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'version', arguments: {} } };

const folders = [];
const folder = (name) => {
  folders.push(mkdtempSync(join(tmpdir(), `jmop-bench-${name}-`)));
  return folders.at(-1);
};
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const fixed = (number, digits = 1) => (number === undefined ? '-' : number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }));

async function prepare() {
  needCargo();
  needSystemPackages();
  if (!works('sh', '-c', 'command -v wrk')) {
    if (!works('apt-get', '--version')) throw new Missing('wrk is missing (https://github.com/wg/wrk): install it, then run this again.');
    const sudo = process.getuid() === 0 ? [] : ['sudo'];
    console.log(`Installing with ${[...sudo, 'apt-get'].join(' ')}: wrk`);
    const [command, ...args] = [...sudo, 'apt-get', 'install', '-y', '-qq', 'wrk'];
    if (spawnSync(command, args, { stdio: 'inherit', timeout: 300_000 }).status !== 0) throw new Missing('apt-get could not install wrk: install it by hand, then run this again.');
  }
  const build = await run('cargo', ['build', '--locked', '--release', '-p', 'headless', '-p', 'mcp', '--bins', '--examples'], { cwd: ROOT, limit: 3_600_000 });
  if (build.code !== 0) throw new Missing('The release build failed: see above.');
}

/** `tools/call version` for `seconds` over keep-alive connections. */
async function load({ url, token }, seconds, { connections = CONNECTIONS, host, stopAfter, pauseMs } = {}) {
  const script = join(ROOT, 'src-tauri', 'scripts', 'wrk-post.lua');
  const wishes = { BENCH_TOKEN: token, BENCH_HOST: host, BENCH_STOP_AFTER: stopAfter, BENCH_PAUSE_MS: pauseMs };
  const env = { ...process.env, BENCH_BODY: JSON.stringify(CALL), ...Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)) };
  const { output } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url], { limit: seconds * 1000 + 30_000, quiet: true, env });
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (!line) throw new Error(`wrk said nothing usable about ${url}:\n${output.slice(0, 500)}`);
  return JSON.parse(line);
}

/** Every row in turn, round after round. */
async function compare(rows) {
  const seen = Object.fromEntries(rows.map(({ name }) => [name, []]));
  for (const row of rows) {
    const sample = await rpc(row.url, row.token, CALL.method, CALL.params);
    const text = await sample.text();
    if (sample.status !== 200 || !text.includes('"result"')) throw new Error(`${row.name} answers ${sample.status}: ${text.slice(0, 300)}`);
    await load(row, 1); // warm up
  }
  for (let round = 0; round < SIZE.rounds; round += 1) {
    for (const row of rows) seen[row.name].push(await load(row, SIZE.seconds));
    process.stdout.write('.');
  }
  console.log();
  return rows.map(({ name }) => {
    const of = (key) => median(seen[name].map((result) => result[key]));
    return { name, perSecond: of('perSecond'), p50ms: of('p50ms'), p99ms: of('p99ms'), bad: seen[name].reduce((all, { bad }) => all + bad, 0) };
  });
}

/** Does `job(i)` for 0..count with `width` at a time. */
async function many(count, width, job) {
  let next = 0;
  const worker = async () => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const status = (pid, field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const residentMb = (engine) => status(engine.child.pid, 'VmRSS');

/** CPU milliseconds the process has used: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const binary = join(TARGET, 'release', 'just-mcp-oauth-proxyd');
const engineIn = (name, args = []) => new Engine({ folder: folder(name), args, binary });
const register = (engine, i) => postJson(`${engine.base}/register`, { client_name: `Client ${i}`, redirect_uris: ['http://localhost:9/callback'], token_endpoint_auth_method: 'none' });

async function measureStart() {
  const engine = engineIn('start');
  await engine.start();
  await engine.stop();
  const times = [];
  for (let i = 0; i < SIZE.starts; i += 1) {
    await engine.start();
    times.push(engine.startMs);
    await engine.stop();
  }
  await engine.start();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const idleMb = residentMb(engine);
  await engine.stop();
  return { startMs: median(times), idleMb };
}

/** Whole sign-ins: authorize, consent, practice tenant, callback, token. The script is part of what is measured. */
async function measureSignIns() {
  const engine = await engineIn('signins', ['--practice-sign-in', 'ada']).start();
  const client = await register(engine, 0);
  const signIn = () => signInByHand(engine.base, { browser: new Browser(), client });
  await many(10, 4, signIn);
  const [began, used] = [Date.now(), cpuMs(engine.child.pid)];
  await many(SIZE.signIns, 8, signIn);
  const seconds = (Date.now() - began) / 1000;
  const cpu = (cpuMs(engine.child.pid) - used) / SIZE.signIns;
  await engine.stop();
  return { perSecond: SIZE.signIns / seconds, engineCpuMs: cpu };
}

async function measureLoaded() {
  const engine = await engineIn('loaded', ['--practice-sign-in', 'ada']).start();
  const clients = [];
  await many(SIZE.clients, CONNECTIONS, async (i) => clients.push(await register(engine, i)));
  await many(SIZE.sessions, 8, async (i) => {
    const { access_token: token } = await signInByHand(engine.base, { browser: new Browser(), client: clients[i % clients.length] });
    const answer = await rpc(engine.mcpUrl, token, CALL.method, CALL.params);
    if (answer.status !== 200) throw new Error(`a fresh session is answered with ${answer.status}`);
    await answer.arrayBuffer();
  });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const loadedMb = residentMb(engine);
  const peakMb = status(engine.child.pid, 'VmHWM');
  await engine.kill();
  await engine.start(); // a full database
  const result = { loadedMb, peakMb, startMsFull: engine.startMs };
  await engine.stop();
  return result;
}

async function measureRows() {
  const engine = await engineIn('rows').start();
  const { access_token: token } = await signInByHand(engine.base);
  const ours = { name: 'ours, signed in', url: engine.mcpUrl, token };
  const others = [
    ['(a) the same tools, no sign-in', () => example('bare')],
    ['(b) a bare JSON answer', () => example('raw')],
    ['(c) FastMCP with its OAuth proxy', () => fastmcp(engine.binary, folder('fastmcp'))],
  ];
  const rows = [ours];
  const absent = [];
  for (const [name, begin] of others) {
    try {
      rows.push({ name, ...(await begin()) });
    } catch (error) {
      absent.push(name);
      console.log(`${name} could not be measured: ${error.message} ${error.cause ?? ""}`);
    }
  }
  try {
    return { rows: await compare(rows), absent };
  } finally {
    for (const row of rows) await row.stop?.();
    await engine.stop();
  }
}

function verdicts({ rows, start, loaded }) {
  const [ours, ...rest] = rows;
  const row = (letter) => rest.find(({ name }) => name.startsWith(`(${letter})`));
  const [bare, fast] = [row('a'), row('c')];
  const at = (what, value, target, better, unit = '') => ({ what, value, target, unit, met: value === undefined ? undefined : better === 'more' ? value >= target : value <= target });
  return [
    at('throughput, of (a)', bare && ours.perSecond / bare.perSecond, TARGETS.throughput, 'more', 'x'),
    at('p99, of (a)', bare && ours.p99ms / bare.p99ms, TARGETS.p99, 'less', 'x'),
    at('throughput, of (c)', fast && ours.perSecond / fast.perSecond, TARGETS.fastmcp, 'more', 'x'),
    at('start to ready', start.startMs, TARGETS.startMs, 'less', ' ms'),
    at('memory, idle', start.idleMb, TARGETS.idleMb, 'less', ' MB'),
    at(`memory, ${SIZE.clients} clients and ${SIZE.sessions} sessions`, loaded.loadedMb, TARGETS.loadedMb, 'less', ' MB'),
  ];
}

function print({ rows, signIns, loaded }) {
  const ours = rows[0];
  console.log(`\n${'tools/call version, 32 connections'.padEnd(36)}${'req/s'.padStart(10)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'ours is'.padStart(10)}${'failed'.padStart(8)}`);
  for (const row of rows) console.log(row.name.padEnd(36) + fixed(row.perSecond, 0).padStart(10) + fixed(row.p50ms, 2).padStart(9) + fixed(row.p99ms, 2).padStart(9) + `${fixed(ours.perSecond / row.perSecond, 2)}x`.padStart(10) + String(row.bad).padStart(8));
  console.log(`\nSign-ins: ${fixed(signIns.perSecond)} a second with the script on the same machine; ${fixed(signIns.engineCpuMs, 2)} ms of CPU each, practice tenant included`);
  console.log(`Memory at its highest while loaded: ${fixed(loaded.peakMb)} MB; start with that database: ${fixed(loaded.startMsFull)} ms\n`);
}

function judge(judged) {
  for (const { what, value, target, unit, met } of judged) console.log(`${met === undefined ? 'NOT MEASURED' : met ? 'met   ' : 'MISSED'}  ${what.padEnd(62)}${fixed(value, 2).padStart(9)}${unit}  (target ${target}${unit})`);
}

async function benchPublic() {
  const place = folder('outside');
  const make = (options) => new Engine({ folder: place, args: ['--practice-sign-in', 'ada'], binary, ...options });
  const seen = await benchOutside({ quick: QUICK, folder: place, make, load, memoryMb: residentMb, call: CALL });
  const { p50ms, p99ms, streams, turnedAway } = seen;
  console.log(`\nBy the public address: p50 of a call ${fixed(p50ms.ruled, 3)} ms with the rules, ${fixed(p50ms.plain, 3)} ms without; ${streams.answered} of ${streams.held} held requests answered`);
  console.log(`In a flood of which up to ${fixed(turnedAway, 0)} requests a minute were turned away: p99 on this computer ${fixed(p99ms.flooded, 2)} ms, ${fixed(p99ms.quiet, 2)} ms without\n`);
  return seen;
}

async function benchServer() {
  const start = await measureStart();
  const { rows, absent } = await measureRows();
  const signIns = await measureSignIns();
  const loaded = await measureLoaded();
  print({ rows, signIns, loaded });
  return { rows, absent, start, signIns, loaded, verdicts: verdicts({ rows, start, loaded }) };
}

try {
  if (measures('server') || measures('outside')) await prepare();
  const server = measures('server') ? await benchServer() : undefined;
  const outside = measures('outside') ? await benchPublic() : undefined;
  const window = measures('window') ? await benchWindow(QUICK) : undefined;
  console.log();
  judge([...(server?.verdicts ?? []), ...(outside?.verdicts ?? []), ...(window?.verdicts ?? [])]);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(join(TARGET, 'bench.json'), `${JSON.stringify({ machine, size: SIZE, server, outside, window }, null, 2)}\n`);
} catch (error) {
  console.error(error instanceof Missing ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

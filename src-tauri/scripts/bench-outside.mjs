// The part of `npm run bench` about the public address: what the listener of the tunnel costs, what it holds, and what a
// flood there does to this computer. The tunnel is a script that says a name; a proxy of ours leads that name to loopback,
// with a certificate of its own, so that the server sees itself from outside as it would on the internet.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { createServer as createTls } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, signInByHand } from '../tests/clients/harness.mjs';

const NAME = 'bench.example';
const TARGETS = { rules: 1.3, flooded: 2, grownMb: 20, openMs: 5000, closeMs: 1000 };
/** All that come by a tunnel of unknown make share 2400 requests and 80 more a second: what is measured stays below. */
const CALLS = 250;
const STREAMS = 500;
const FLOOD = { connections: 16, pauseMs: 8 };

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Leads `https://bench.example` to the listener of the tunnel. */
async function front(folder, port) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`, '-addext', 'basicConstraints=critical,CA:FALSE'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  const inside = createTls({ key: readFileSync(key), cert: readFileSync(cert) }, (from, to) => {
    const { method, url: path, headers } = from;
    const passed = request({ port: port(), host: '127.0.0.1', method, path, headers }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    passed.on('error', () => to.destroy());
    from.pipe(passed);
  });
  const proxy = createServer();
  proxy.on('connect', ({ url }, socket) => {
    if (url !== `${NAME}:443`) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.on('error', () => {});
    inside.emit('connection', socket);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { cert, address: `http://127.0.0.1:${proxy.address().port}`, close };
}

/** A server that can be made public. `make` starts one with these options. */
export async function publicEngine(folder, make) {
  const said = join(folder, 'port');
  const script = join(folder, 'opens');
  writeFileSync(script, `#!/bin/sh\nprintf %s "$1" > ${said}\necho https://${NAME}\nexec sleep 3600\n`, { mode: 0o755 });
  const ingress = () => (existsSync(said) ? Number(readFileSync(said, 'utf8')) : 0);
  const way = await front(folder, ingress);
  const env = {
    HTTPS_PROXY: way.address,
    NO_PROXY: '',
    SSL_CERT_FILE: way.cert,
    JMOP_TUNNEL_PROVIDER: 'command',
    JMOP_TUNNEL_COMMAND: `${script} {port}`,
    JMOP_CLIENTS_PAIRING: 'off',
  };
  // It starts again with the address of the tunnel, and has to be found where it was.
  const engine = await make({ env, console: '127.0.0.1:0', listen: `127.0.0.1:${await freePort()}` }).start();
  return { engine, ingress, close: way.close };
}

const began = () => performance.now();

async function until(what, limitMs, holds) {
  const since = began();
  while (!(await holds())) {
    if (began() - since > limitMs) throw new Error(`${what} took longer than ${limitMs} ms`);
    await pause(10);
  }
  return began() - since;
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

async function open(engine) {
  const since = began();
  await engine.command('set_tunnel', { on: true, practice_is_fine: true });
  await until('until it is reachable', 60_000, async () => (await engine.command('status')).tunnel.is === 'reachable');
  return began() - since;
}

async function close(engine, port) {
  const since = began();
  await engine.command('set_tunnel', { on: false });
  await until('until it is closed', 60_000, async () => !(await listens(port)));
  return began() - since;
}

/** Requests of which only half was sent for a while: each holds a connection and a handler. Gives how many were answered. */
async function holds(port, token, body, heldMs) {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  const half = Math.floor(body.length / 2);
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'content-length': body.length, 'mcp-protocol-version': '2025-11-25' };
  const sent = [];
  const answers = Array.from({ length: STREAMS }, () => {
    const asked = request({ agent, port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers });
    const answered = new Promise((resolve) => {
      asked.on('response', (answer) => {
        answer.setEncoding('utf8');
        let text = '';
        answer.on('data', (piece) => (text += piece));
        answer.on('end', () => resolve(answer.statusCode === 200 && text.includes('"result"')));
      });
      asked.on('error', () => resolve(false));
    });
    asked.flushHeaders();
    asked.write(body.slice(0, half));
    sent.push(asked);
    return answered;
  });
  await pause(heldMs);
  const held = sent.filter(({ destroyed, res }) => !destroyed && !res).length;
  for (const asked of sent) asked.end(body.slice(half));
  const answered = (await Promise.all(answers)).filter(Boolean).length;
  return { held, answered };
}

/** `load` runs wrk; `memoryMb` says what the process has. */
export async function benchOutside({ quick, folder, make, load, memoryMb, call }) {
  const { engine, ingress, close: closeFront } = await publicEngine(folder, make);
  const rounds = quick ? 1 : 5;
  try {
    const [opened, closed] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0) closed.push(await close(engine, ingress()));
      opened.push(await open(engine));
    }
    const by = `http://127.0.0.1:${ingress()}`;
    const { access_token: token } = await signInByHand(by, { resource: `https://${NAME}/mcp` });
    const { access_token: local } = await signInByHand(engine.base);
    const main = engine.base.replace('localhost', '127.0.0.1');

    const streams = await holds(ingress(), token, JSON.stringify(call), quick ? 500 : 3000);

    const p50 = { ruled: [], plain: [] };
    const calls = (url) => load({ url: `${url}/mcp`, token }, 1, { connections: 1, host: NAME, stopAfter: CALLS });
    for (let round = 0; round < rounds; round += 1) {
      for (const [row, url] of [['ruled', by], ['plain', main]]) {
        const seen = await calls(url);
        if (seen.bad > 0) throw new Error(`${seen.bad} calls by ${row} failed`);
        p50[row].push(seen.p50ms);
      }
    }

    const seconds = quick ? 2 : 4;
    const p99 = { quiet: [], flooded: [] };
    const before = memoryMb(engine);
    let [most, turnedAway] = [before, 0];
    for (let round = 0; round < rounds; round += 1) {
      const here = () => load({ url: engine.mcpUrl, token: local }, seconds, { connections: 4 });
      p99.quiet.push((await here()).p99ms);
      const flood = load({ url: `${by}/mcp` }, seconds + 1, { connections: FLOOD.connections, pauseMs: FLOOD.pauseMs });
      await pause(500);
      p99.flooded.push((await here()).p99ms);
      await flood;
      turnedAway = Math.max(turnedAway, (await engine.command('status')).turned_away);
      most = Math.max(most, memoryMb(engine));
    }
    closed.push(await close(engine, ingress()));
    const result = {
      openMs: median(opened),
      closeMs: median(closed),
      p50ms: { ruled: median(p50.ruled), plain: median(p50.plain) },
      streams,
      p99ms: { quiet: median(p99.quiet), flooded: median(p99.flooded) },
      turnedAway,
      grownMb: most - before,
    };
    return { ...result, verdicts: verdicts(result) };
  } finally {
    await engine.stop();
    closeFront();
  }
}

function verdicts({ openMs, closeMs, p50ms, streams, p99ms, grownMb }) {
  const less = (what, value, target, unit) => ({ what, value, target, unit, met: value <= target });
  const every = (what, value) => ({ what, value, target: STREAMS, unit: '', met: value === STREAMS });
  return [
    less('public, p50 of a call with the rules, of one without', p50ms.ruled / p50ms.plain, TARGETS.rules, 'x'),
    every('public, requests held at once', streams.held),
    every('public, of them answered', streams.answered),
    less('public, p99 on this computer in a flood, of the one without', p99ms.flooded / p99ms.quiet, TARGETS.flooded, 'x'),
    less('public, memory grown in the flood', grownMb, TARGETS.grownMb, ' MB'),
    less('public, switch on to reachable', openMs, TARGETS.openMs, ' ms'),
    less('public, switch off to closed', closeMs, TARGETS.closeMs, ' ms'),
  ];
}

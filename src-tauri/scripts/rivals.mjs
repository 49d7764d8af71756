// What the bench measures ourselves against: the same tools without sign-in, a bare HTTP answer, and FastMCP with its
// own OAuth proxy. Each is started on loopback and hands over its address and, where it wants one, a token.

import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment, Engine, freePort, signInByHand } from '../tests/clients/harness.mjs';
import { killGroup, start } from './process.mjs';
import { needPython, ROOT, TARGET } from './setup.mjs';

const START_LIMIT = 60_000;

// The practice tenant's one app registration; it is the same in every installation and opens nothing else.
const APP = { tenant: 'ac71ce00-0000-4000-8000-000000000001', id: 'ac71ce00-0000-4000-8000-00000000c11e', secret: 'practice~client~secret~opens~nothing' };

/** An example of the `mcp` crate, which prints its address as the first line with a URL. */
export async function example(name) {
  const child = start(join(TARGET, 'release', 'examples', name), ['127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnvironment() });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /https?:\/\/\S+/.exec(line);
      if (found) resolve(found[0]);
    });
    child.ended.then(({ code, error }) => reject(new Error(`${name} ended with ${error?.message ?? code}`)));
    setTimeout(() => reject(new Error(`${name} did not say where it listens`)), START_LIMIT).unref();
  });
  return { url, child, stop: () => killGroup(child) };
}

async function answers(url) {
  for (const end = Date.now() + START_LIMIT; Date.now() < end; ) {
    const ok = await fetch(url, { signal: AbortSignal.timeout(2000) }).then((r) => r.status < 500, () => false);
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`nothing answers at ${url}`);
}

/**
 * FastMCP, signed in to through its OAuth proxy at a practice tenant of its own. A tenant knows one redirect URI, that
 * of the engine it belongs to; so that engine takes the port on another loopback address, and FastMCP has the rest.
 */
export async function fastmcp(binary, folder) {
  const python = await needPython('venv-bench', join(ROOT, 'src-tauri', 'tests', 'requirements-bench.txt'));
  const port = await freePort();
  const engine = await new Engine({ folder, binary, listen: `127.0.0.2:${port}` }).start();
  const tenant = `${new URL(engine.practiceUrl).origin}/${APP.tenant}`;
  const script = join(ROOT, 'src-tauri', 'tests', 'bench_fastmcp.py');
  const log = openSync(join(folder, 'fastmcp.log'), 'a');
  const child = start(python, [script, String(port), tenant, APP.id, APP.secret, `api://${APP.id}`], { stdio: ['ignore', log, log], env: cleanEnvironment({ FASTMCP_HOME: folder, HOME: folder }) });
  const stop = () => {
    killGroup(child);
    return engine.stop();
  };
  try {
    const base = `http://localhost:${port}`;
    const metadata = `${base}/.well-known/oauth-authorization-server`;
    await Promise.race([answers(metadata), child.ended.then(({ code }) => Promise.reject(new Error(`FastMCP ended with ${code}`)))]);
    const { access_token: token } = await signInByHand(base);
    return { url: `http://127.0.0.1:${port}/mcp`, token, stop };
  } catch (error) {
    await stop();
    error.message += `\n${readFileSync(join(folder, 'fastmcp.log'), 'utf8').slice(-1500)}`;
    throw error;
  }
}

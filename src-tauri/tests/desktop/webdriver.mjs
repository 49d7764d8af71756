// As much WebDriver as these tests need, spoken to WebKitWebDriver, which starts the app itself.

import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../clients/harness.mjs';
import { start } from '../../scripts/process.mjs';
import { BINARY } from './desk.mjs';

/** Resolves to a session in the app's window. With the test's end, app and driver end. */
export async function drive(t, desk, { args = [] } = {}) {
  const port = await freePort();
  desk.port ??= await freePort();
  desk.practicePort ??= await freePort();
  const env = { ...desk.env, TAURI_WEBVIEW_AUTOMATION: 'true', JMOP_SERVER_LISTEN: `127.0.0.1:${desk.port}`, JMOP_PRACTICE_LISTEN: `127.0.0.1:${desk.practicePort}` };
  const driver = start('WebKitWebDriver', [`--port=${port}`], { env, stdio: 'ignore' });
  desk.keep(driver);
  const base = `http://127.0.0.1:${port}`;
  const send = async (method, path, body) => {
    const response = await fetch(`${base}${path}`, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(20_000) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  for (let tries = 0; !(await send('GET', '/status').catch(() => false)); tries += 1) {
    if (tries > 100) throw new Error('WebKitWebDriver does not answer');
    await pause(50);
  }
  const { sessionId } = await send('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary: BINARY, args } } } });
  const at = `/session/${sessionId}`;
  t.after(() => send('DELETE', at).catch(() => {}));
  const run = (script, ...values) => send('POST', `${at}/execute/sync`, { script, args: values });
  return {
    run,
    /** Ends the app, and waits until it is gone. */
    end: async () => {
      await send('DELETE', at);
      for (let tries = 0; await desk.answers().catch(() => false); tries += 1) {
        if (tries > 200) throw new Error('the app did not end');
        await pause(50);
      }
    },
    url: () => send('GET', `${at}/url`),
    /** Calls a command of the shell the way the pages do; `{ ok }` or `{ refused }`. */
    invoke: (command, payload = {}) =>
      send('POST', `${at}/execute/async`, {
        script: 'const [command, payload, done] = arguments; window.__TAURI_INTERNALS__.invoke(command, payload).then((ok) => done({ ok: ok === undefined ? null : ok }), (refused) => done({ refused }));',
        args: [command, payload],
      }),
  };
}

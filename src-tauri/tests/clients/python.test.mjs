// The Python SDK, in a process of its own (python_client.py).

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './browser.mjs';
import { cleanEnvironment, ROOT } from './harness.mjs';
import { Lines } from './lines.mjs';
import { tellStory, toolAnswer } from './story.mjs';

const PYTHON = process.env.JMOP_TEST_PYTHON ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'venv', 'bin', 'python');
const SCRIPT = join(ROOT, 'src-tauri', 'tests', 'clients', 'python_client.py');

tellStory('Python SDK', ({ mcpUrl, folder }) => {
  const file = join(folder, 'kept.json');
  const browser = new Browser();
  let expired = false;
  let lines;
  return {
    async connect() {
      lines = new Lines(PYTHON, [SCRIPT, mcpUrl, file, ...(expired ? ['expired'] : [])], { env: cleanEnvironment() });
      expired = false;
      for (;;) {
        const message = await lines.next();
        if (message.connected) return;
        lines.send({ back: (await browser.signIn(message.open)).href });
      }
    },
    async tools() {
      lines.send({ do: 'tools' });
      return (await lines.next()).tools;
    },
    async call(name) {
      lines.send({ do: name });
      return toolAnswer(await lines.next());
    },
    close: async () => lines?.close(),
    expire: () => void (expired = true),
    stored() {
      const { client, tokens } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
      return { client_id: client.client_id, access_token: tokens.access_token, refresh_token: tokens.refresh_token };
    },
    signIns: () => browser.signIns,
    person: () => browser.clicked.find((label) => /ada/i.test(label)),
    secrets: () => browser.secrets(),
  };
});

// mcp-remote: how a client that only speaks stdio (Claude Desktop's config file) reaches us, started by the very entry that the
// card of Claude Desktop has. It opens "the browser" itself, which is open-browser.mjs here, in a process of its own with
// cookies of its own.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { desktopFile, SERVER_NAME } from '../../../ui/pages/home/links.ts';
import { cleanEnvironment, ROOT } from './harness.mjs';
import { Lines } from './lines.mjs';
import { tellStory, toolAnswer } from './story.mjs';

const OPEN = join(ROOT, 'src-tauri', 'tests', 'clients', 'open-browser.mjs');
const DESKTOP = /^(DISPLAY|WAYLAND_DISPLAY|XDG_CURRENT_DESKTOP|DESKTOP_SESSION|KDE_|GNOME_|DBUS_)/;

tellStory('mcp-remote', ({ mcpUrl, folder }) => {
  const opened = join(folder, 'opened.log');
  const home = { HOME: folder, MCP_REMOTE_CONFIG_DIR: join(folder, 'config'), BROWSER: OPEN, JMOP_BROWSER_LOG: opened };
  // Without a desktop, xdg-open asks $BROWSER.
  const env = Object.fromEntries(Object.entries(cleanEnvironment(home)).filter(([name]) => !DESKTOP.test(name)));
  let lines;
  let id = 0;

  const kept = (ending) => {
    const name = readdirSync(home.MCP_REMOTE_CONFIG_DIR, { recursive: true }).find((path) => path.endsWith(ending));
    return join(home.MCP_REMOTE_CONFIG_DIR, name);
  };
  const request = async (method, params) => {
    id += 1;
    const asked = id;
    lines.send({ jsonrpc: '2.0', id, method, params });
    const { result, error } = await lines.next((message) => message.id === asked);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };

  return {
    async connect() {
      // From here npx takes the copy that is installed, and asks no registry.
      const { command, args } = JSON.parse(desktopFile(mcpUrl)).mcpServers[SERVER_NAME];
      lines = new Lines(command, args, { env, cwd: ROOT });
      await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'story', version: '1.0.0' } });
      lines.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    },
    tools: async () => (await request('tools/list', {})).tools.map((tool) => tool.name),
    call: async (name) => toolAnswer(await request('tools/call', { name, arguments: {} })),
    close: async () => lines?.close(),
    expire() {
      const file = kept('tokens.json');
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), expires_at: 1 }));
    },
    stored() {
      const { client_id } = JSON.parse(readFileSync(kept('client_info.json'), 'utf8'));
      const { access_token, refresh_token } = JSON.parse(readFileSync(kept('tokens.json'), 'utf8'));
      return { client_id, access_token, refresh_token };
    },
    signIns: () => (existsSync(opened) ? readFileSync(opened, 'utf8').split('\n').filter((line) => line === 'opened').length : 0),
    // The browser is another process.
    person: () => undefined,
    secrets: () => [],
  };
});

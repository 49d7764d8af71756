// What is pasted into clients or opened in them, made of nothing but the address of this server.

export const SERVER_NAME = 'just-mcp';

/** Visual Studio Code asks before it adds the server. */
export function codeLink(url: string): string {
  return `vscode:mcp/install?${encodeURIComponent(JSON.stringify({ name: SERVER_NAME, type: 'http', url }))}`;
}

/** Cursor asks before it adds the server. Its config is base64 of what would stand under the name in mcp.json. */
export function cursorLink(url: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ url }));
  const config = btoa(String.fromCharCode(...bytes));
  return `cursor://anysphere.cursor-deeplink/mcp/install?name=${SERVER_NAME}&config=${encodeURIComponent(config)}`;
}

/** `.vscode/mcp.json` */
export const codeFile = (url: string): string => pretty({ servers: { [SERVER_NAME]: { type: 'http', url } } });

/** `mcp.json` of Cursor. */
export const cursorFile = (url: string): string => pretty({ mcpServers: { [SERVER_NAME]: { url } } });

/** `claude_desktop_config.json` knows only programs, so a bridge runs between. */
export const desktopFile = (url: string): string =>
  pretty({ mcpServers: { [SERVER_NAME]: { command: 'npx', args: ['-y', 'mcp-remote', url] } } });

export const claudeCommand = (url: string): string => `claude mcp add --transport http ${SERVER_NAME} ${url}`;
export const claudeLogin = `claude mcp login ${SERVER_NAME}`;
/** `~/.codex/config.toml` has the same in its own form; the command writes it. */
export const codexCommand = (url: string): string => `codex mcp add ${SERVER_NAME} --url ${url}`;
export const codexLogin = `codex mcp login ${SERVER_NAME}`;

export const geminiCommand = (url: string): string => `gemini mcp add --scope user --transport http ${SERVER_NAME} ${url}`;
export const geminiLogin = `/mcp auth ${SERVER_NAME}`;

/** `~/.copilot/mcp-config.json` */
export const copilotFile = (url: string): string =>
  pretty({ mcpServers: { [SERVER_NAME]: { type: 'http', url, tools: ['*'] } } });

/** `mcp.json` of GitHub Copilot in a JetBrains IDE. */
export const jetbrainsFile = (url: string): string => pretty({ servers: { [SERVER_NAME]: { url } } });

export const inspectorCommand = 'npx @modelcontextprotocol/inspector';
export const bridgeCommand = (url: string): string => `npx -y mcp-remote ${url}`;

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

import { describe, expect, it } from 'vitest';

import { recognise, type Known } from './recognise';

const traits = (id: string | null, name: string | null, user_agent: string | null = null) => ({ id, name, user_agent });

describe('recognise', () => {
  it.each<[Known | null, string | null, string | null, string | null]>([
    ['claude', 'https://claude.ai/oauth/mcp-oauth-client-metadata', 'Claude', 'Claude-User'],
    ['claude', 'jmop_c_1', 'Claude', 'python-httpx/0.28.1'],
    ['claude', 'jmop_c_1', null, 'Claude-User'],
    ['bridge', 'jmop_c_1', 'MCP CLI Proxy', 'undici'],
    ['bridge', 'jmop_c_1', 'MCP CLI Client', null],
    ['claude-code', 'https://claude.ai/oauth/claude-code-client-metadata', null, null],
    ['claude-code', 'jmop_c_1', 'Claude Code (just-mcp-oauth-proxy)', 'Bun/1.4.4'],
    ['claude-code', 'jmop_c_1', null, 'claude-code/2.1.330 (sdk-cli)'],
    ['chatgpt', 'https://chatgpt.com/oauth/client.json', null, null],
    ['chatgpt', 'https://chatgpt.com/oauth/AbCdEf123456/client.json', null, null],
    ['chatgpt', 'jmop_c_1', 'ChatGPT', 'Python/3.14 aiohttp/3.13.5'],
    ['chatgpt', 'jmop_c_1', null, 'openai-mcp/1.0.0'],
    ['vscode', 'https://vscode.dev/oauth/client-metadata.json', null, null],
    ['vscode', 'https://insiders.vscode.dev/oauth/client-metadata.json', null, null],
    ['vscode', 'jmop_c_1', 'Visual Studio Code - Insiders', null],
    ['vscode', 'jmop_c_1', null, 'Visual Studio Code/1.121.0'],
    ['cursor', 'https://cursor.com/oauth/mcp-client.json', null, null],
    ['cursor', 'ci-cursor', 'Cursor', null],
    ['inspector', 'jmop_c_1', 'MCP Inspector', 'node-fetch'],
    ['codex', 'https://chatgpt.com/oauth/codex/client.json', null, null],
    ['codex', 'https://chatgpt.com/oauth/codex/O4Cml3C-woZn/client.json', null, null],
    ['codex', 'jmop_c_1', 'Codex', null],
    ['codex', 'jmop_c_1', null, 'codex-mcp-client/0.169.0'],
    ['gemini', 'jmop_c_1', 'Gemini CLI MCP Client', null],
    ['copilot-cli', 'https://github.com/copilot/cli/client-metadata.json', null, null],
    ['copilot-cli', 'jmop_c_1', 'GitHub Copilot CLI', null],
    ['copilot-jetbrains', 'jmop_c_1', 'GitHub Copilot', null],
    ['copilot-studio', 'jmop_c_1', 'Microsoft Copilot Studio', null],
    ['goose', 'https://goose-docs.ai/oauth/client-metadata.json', null, null],
    ['goose', 'jmop_c_1', 'goose', null],
  ])('%s: %s, %s, %s', (client, id, name, agent) => {
    expect(recognise(traits(id, name, agent))).toBe(client);
  });

  it.each([
    ['a client of another vendor', 'jmop_c_1', 'Zed', null],
    ['a document beside that of a well-known client', 'https://github.com/evil/cli/client-metadata.json', 'GitHub Copilot CLI', null],
    ['a name that only begins alike', 'jmop_c_1', 'Claudette', null],
    ['a name that only contains one', 'jmop_c_1', 'Not MCP Inspector', null],
    ['nothing', null, null, null],
  ])('not %s', (_, id, name, agent) => {
    expect(recognise(traits(id, name, agent))).toBeNull();
  });

  it('believes the verified document, not the name beside it', () => {
    expect(recognise(traits('https://evil.example/client.json', 'Claude', 'Claude-User'))).toBeNull();
    expect(recognise(traits('https://vscode.dev/oauth/client-metadata.json', 'ChatGPT'))).toBe('vscode');
    expect(recognise(traits('https://evil.example/https://claude.ai/oauth/mcp-oauth-client-metadata', null))).toBeNull();
  });
});

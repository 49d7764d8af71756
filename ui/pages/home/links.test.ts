import { describe, expect, it } from 'vitest';

import * as links from './links';

const URL_OF_US = 'http://localhost:4242/mcp';

describe('deep links', () => {
  it('tells Visual Studio Code name, type and address as JSON', () => {
    const [scheme, query] = links.codeLink(URL_OF_US).split('?');
    expect(scheme).toBe('vscode:mcp/install');
    expect(JSON.parse(decodeURIComponent(query!))).toEqual({ name: 'just-mcp', type: 'http', url: URL_OF_US });
  });

  it('tells Cursor the address as base64 of JSON', () => {
    const link = new URL(links.cursorLink('https://bücher.example/mcp?a=ÿ>>'));
    expect(link.protocol).toBe('cursor:');
    expect(link.hostname + link.pathname).toBe('anysphere.cursor-deeplink/mcp/install');
    expect(link.searchParams.get('name')).toBe('just-mcp');
    const bytes = Uint8Array.from(atob(link.searchParams.get('config')!), (char) => char.charCodeAt(0));
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({ url: 'https://bücher.example/mcp?a=ÿ>>' });
  });
});

describe('files', () => {
  it('are JSON with the shape each client reads', () => {
    expect(JSON.parse(links.codeFile(URL_OF_US)).servers['just-mcp']).toEqual({ type: 'http', url: URL_OF_US });
    expect(JSON.parse(links.cursorFile(URL_OF_US)).mcpServers['just-mcp']).toEqual({ url: URL_OF_US });
  });

  it('say to each Copilot what it reads', () => {
    expect(JSON.parse(links.copilotFile(URL_OF_US)).mcpServers['just-mcp']).toEqual({ type: 'http', url: URL_OF_US, tools: ['*'] });
    expect(JSON.parse(links.jetbrainsFile(URL_OF_US)).servers['just-mcp']).toEqual({ url: URL_OF_US });
  });

  it('lets Claude Desktop run the bridge on our address', () => {
    const { command, args } = JSON.parse(links.desktopFile(URL_OF_US)).mcpServers['just-mcp'];
    expect([command, ...args]).toEqual(['npx', '-y', 'mcp-remote', URL_OF_US]);
  });
});

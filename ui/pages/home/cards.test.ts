import { screen, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost } from '../../host/fake';
import { CLIENTS } from '../../host/fixtures';
import { mountApp } from '../../test/render';
import { GUIDES, isOutOfReach } from './guides';

const LOCAL = 'http://localhost:4242/mcp';
const OUTSIDE = 'https://calm-harbour-31.trycloudflare.com/mcp';

/** A busy window in which only this client is connected. */
const withClient = (id: string, name: string) => {
  const host = fakeHost('busy');
  const session = host.world.sessions.find(({ state }) => state.is === 'live')!;
  host.world.sessions = [{ ...session, client: { ...CLIENTS.inspector, id, name } }];
  host.world.attempts = [];
  return host;
};
const card = (name: RegExp) => screen.findByRole('button', { name });
const cards = async () => {
  const region = within(await screen.findByRole('region', { name: 'Connect a client' }));
  return region.getAllByRole('heading', { level: 3 }).map((heading) => heading.textContent!.trim());
};

describe('guides', () => {
  it.each(GUIDES.map((guide) => [guide.name, guide] as const))('%s has steps that end in a sign-in or name the address', (_, guide) => {
    for (const addresses of [
      { local: LOCAL, outside: OUTSIDE },
      { local: LOCAL, outside: null },
    ]) {
      const ways = guide.ways(addresses);
      expect(ways.length > 0).toBe(!isOutOfReach(guide, addresses));
      const text = JSON.stringify(ways);
      if (ways.length > 0) expect(text).toContain(guide.reach === 'outside' ? OUTSIDE : LOCAL);
      if (addresses.outside === null) expect(text).not.toContain('trycloudflare');
      for (const step of ways.flatMap(({ steps }) => steps)) expect(step.text).toMatch(/[.:]$/);
    }
  });

  it('are of one client each', () => {
    const known = GUIDES.filter(({ client }) => client !== 'claude-desktop').flatMap((guide) => guide.known);
    expect(new Set(known).size).toBe(known.length);
  });
});

describe('cards', () => {
  it('show the well-known clients, and the rest when asked to', async () => {
    const { user } = mountApp('empty');
    const few = await cards();
    expect(few).toHaveLength(8);
    expect(few[0]).toContain('Claude Desktop');
    const more = await card(/^More clients/);
    expect(more.textContent).toContain('Codex, Gemini CLI');
    expect(more.getAttribute('aria-expanded')).toBe('false');
    await user.click(more);
    expect(await cards()).toHaveLength(GUIDES.length);
    await user.click(await card(/^Gemini CLI/));
    expect(await screen.findByText('/mcp auth just-mcp')).toBeTruthy();
    await user.click(await card(/^Fewer clients/));
    expect((await cards()).join()).toContain('Gemini CLI');
    await user.click(await card(/^Gemini CLI/));
    expect((await cards()).join()).not.toContain('Gemini CLI');
  });

  it('bring a client forward that somebody came with', async () => {
    mountApp(withClient('https://chatgpt.com/oauth/codex/client.json', 'Codex'));
    expect((await card(/^Codex/)).textContent).toContain('Connected');
    expect((await card(/^More clients/)).textContent).not.toContain('Codex');
  });

  it('do not take whoever comes by mcp-remote for Claude Desktop', async () => {
    const { user } = mountApp(withClient('jmop_c_1', 'MCP CLI Proxy'));
    for (const name of [/^Claude Desktop/, /^Anything else/]) {
      const perhaps = await card(name);
      expect(perhaps.textContent).toContain('Perhaps, by mcp-remote');
      expect(perhaps.textContent).not.toContain('Connected,');
      await user.click(perhaps);
      expect(screen.getByText(/does not say for which client it came/)).toBeTruthy();
    }
    expect((await card(/^Claude Code/)).textContent).not.toContain('erhaps');
  });
});

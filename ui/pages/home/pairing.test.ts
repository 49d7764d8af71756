import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { pairings } from '../../host/fixtures';
import { mountApp } from '../../test/render';

describe('new clients that wait for a code', () => {
  it('are shown with their code, what is verified of them, and where they go', async () => {
    mountApp('pairing');
    const section = within(await screen.findByRole('region', { name: 'New clients ask for access' }));
    const claude = within(section.getByRole('listitem', { name: 'Claude' }));
    expect(claude.getByText('482 913')).toBeTruthy();
    expect(claude.getByText(/Published by claude.ai/)).toBeTruthy();
    const copilot = within(section.getByRole('listitem', { name: 'Copilot Studio' }));
    expect(copilot.getByText('006 740')).toBeTruthy();
    expect(copilot.getByText(/not verified/)).toBeTruthy();
  });

  it('can be refused, one by one', async () => {
    const { host, user } = mountApp('pairing');
    await user.click(await screen.findByRole('button', { name: 'Refuse Claude' }));
    await screen.findByRole('region', { name: 'A new client asks for access' });
    expect(host.calls.filter(({ command }) => command === 'refuse_pairing').map(({ payload }) => payload)).toEqual([{ grant: 'grant_first' }]);
    await user.click(screen.getByRole('button', { name: 'Refuse Copilot Studio' }));
    await waitFor(() => expect(screen.queryByRole('region', { name: /asks? for access/ })).toBeNull());
  });

  it('are all in reach, those on this computer first, however many a stranger begins', async () => {
    const { user } = mountApp('pairing_flood');
    const section = within(await screen.findByRole('region', { name: 'New clients ask for access' }));
    expect(section.getAllByRole('listitem')).toHaveLength(5);
    expect(section.getAllByRole('listitem')[0]!.textContent).toContain('in a browser on this computer');
    expect(section.getByText(/And 12 more/)).toBeTruthy();
    expect(section.getByText('006 740 205 118')).toBeTruthy();
    await user.click(section.getByRole('button', { name: 'Show all 17' }));
    expect(section.getAllByRole('listitem')).toHaveLength(17);
    expect(section.getAllByText('Asks from 198.51.100.77').length).toBe(15);
  });

  it('are asked for a longer code after too many wrong ones, until the owner has enough of that', async () => {
    const { host, user } = mountApp('pairing_flood');
    await screen.findByText('Too many wrong codes were typed from outside');
    await user.click(screen.getByRole('button', { name: 'Ask for six digits again' }));
    await waitFor(() => expect(screen.queryByText('Too many wrong codes were typed from outside')).toBeNull());
    expect(host.calls.some(({ command }) => command === 'shorten_codes')).toBe(true);
  });

  it('are told of on other pages, once', async () => {
    const { host } = mountApp('entra', '#/sessions');
    await screen.findByRole('heading', { name: 'Sessions' });
    const [claude] = pairings(Date.now());
    host.emit('pairings_changed', [claude!]);
    await screen.findByText('Claude asks for access');
    expect(screen.queryByText('482 913')).toBeNull();
  });

  it('are gone once their time is over', async () => {
    const { host } = mountApp('entra');
    await screen.findByRole('region', { name: 'Public internet' });
    host.emit('pairings_changed', pairings(Date.now() - 100_000));
    const section = within(await screen.findByRole('region', { name: 'A new client asks for access' }));
    expect(section.queryByRole('listitem', { name: 'Copilot Studio' })).toBeNull();
  });
});

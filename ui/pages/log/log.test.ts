import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost } from '../../host/fake';
import { HostError } from '../../host/host';
import { mountApp } from '../../test/render';

const DOWN = new HostError('store_unavailable', 'The store does not answer', 'Try again in a moment.');
const cards = () => screen.findAllByRole('article');
const card = (name: RegExp) => screen.findByRole('article', { name });
const rows = () => within(screen.getByRole('list', { name: 'Events, newest first' })).getAllByRole('listitem');

describe('timeline', () => {
  it('tells each attempt in ten steps and a verdict', async () => {
    mountApp('busy', '#/log');
    const refused = await card(/MCP Inspector/);
    expect(within(refused).getAllByRole('button', { name: /^(?:Discovery|Challenge|Register|Authorize|Consent|Entra|Callback|Token|First call|Refresh):/ })).toHaveLength(10);
    expect(refused.textContent).toContain('Entra refused: the client secret expired (AADSTS7000222)');
    expect(refused.textContent).toContain('Create a new secret');
  });

  it('goes through the steps with the arrow keys, and tells each in full', async () => {
    const { user } = mountApp('busy', '#/log');
    const bar = within(within(await card(/MCP Inspector/)).getByRole('toolbar', { name: 'Steps' }));
    bar.getByRole('button', { name: /^Discovery/ }).focus();
    await user.keyboard('{ArrowRight}{ArrowRight}');
    expect(document.activeElement?.textContent).toContain('Register: done, after 24 ms');
    await user.click(bar.getByRole('button', { name: /^Entra/ }));
    expect((await bar.findByRole('tooltip')).textContent).toContain('AADSTS7000222: the client secret keys are expired');
  });

  it('opens its events, and one of them in full', async () => {
    const { user } = mountApp('busy', '#/log');
    const refused = await card(/MCP Inspector/);
    await user.click(within(refused).getByRole('button', { name: /Show events/ }));
    await user.click(await within(refused).findByRole('button', { name: /AADSTS7000222: the client/ }));
    const drawer = await screen.findByRole('dialog', { name: 'Upstream refused' });
    expect(drawer.textContent).toContain('Result');
    await user.click(within(drawer).getByRole('button', { name: 'Close' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('copies a report without names, and opens the page where it is mended', async () => {
    const { host, user } = mountApp('busy', '#/log');
    const refused = await card(/MCP Inspector/);
    await user.click(within(refused).getByRole('button', { name: /Copy report/ }));
    await waitFor(() => expect(host.copied).toHaveLength(1));
    expect(host.copied[0]).toContain('AADSTS7000222');
    expect(host.copied[0]).not.toMatch(/Ben|Okafor|@/);
    await user.click(within(refused).getByRole('button', { name: /^Open Certificates & secrets/ }));
    expect(host.opened[0]).toContain('/Credentials/appId/');
  });

  it('narrows by verdict and by words, and shows all again', async () => {
    const { user } = mountApp('busy', '#/log');
    await cards();
    await user.click(screen.getByRole('radio', { name: 'Silent' }));
    expect(await cards()).toHaveLength(2);
    await user.type(screen.getByRole('searchbox', { name: 'Search attempts' }), 'nobody has this');
    await user.click(await screen.findByRole('button', { name: 'Show all attempts' }));
    expect((await cards()).length).toBeGreaterThan(5);
  });

  it('opens the attempt a link leads to, and says when it is gone', async () => {
    const { unmount } = mountApp('busy', '#/log?attempt=att_secret');
    await screen.findByRole('button', { name: /Hide events of MCP Inspector/ });
    unmount();
    mountApp('busy', '#/log?attempt=att_gone');
    await screen.findByText(/no longer in the log/);
  });
});

describe('stream', () => {
  it('lists events, newest first, and shows one in full', async () => {
    const { host, user } = mountApp('busy', '#/log?view=stream');
    await screen.findByRole('list', { name: 'Events, newest first' });
    expect(rows()).toHaveLength(host.world.events.length);
    await user.click(within(rows()[0]!).getByRole('button'));
    const drawer = within(await screen.findByRole('dialog'));
    await user.click(drawer.getByRole('button', { name: 'Copy as JSON event as JSON' }));
    expect(JSON.parse(host.copied[0]!)).toMatchObject({ seq: host.world.events[0]!.seq });
    await user.click(drawer.getByRole('link', { name: 'See its attempt' }));
    await screen.findByRole('button', { name: /Hide events/ });
  });

  it('narrows by level, phase and client, and shows all again', async () => {
    const { user } = mountApp('busy', '#/log?view=stream');
    const level = await screen.findByRole('combobox', { name: 'Level' });
    await user.selectOptions(level, 'Errors');
    await waitFor(() => expect(rows().length).toBeLessThan(10));
    await user.selectOptions(screen.getByRole('combobox', { name: 'Phase' }), 'Entra');
    await user.selectOptions(screen.getByRole('combobox', { name: 'Client' }), 'MCP Inspector');
    await waitFor(() => expect(rows()).toHaveLength(1));
    await user.selectOptions(screen.getByRole('combobox', { name: 'Phase' }), 'Token');
    await user.click(await screen.findByRole('button', { name: 'Show all events' }));
    await waitFor(() => expect(rows().length).toBeGreaterThan(20));
  });

  it('holds new events back while it is paused', async () => {
    const { host, user } = mountApp('busy', '#/log?view=stream');
    await user.click(await screen.findByRole('button', { name: 'Pause' }));
    const before = rows().length;
    host.emit('events_recorded', [{ ...host.world.events[0]!, seq: 9001, summary: 'A new one' }]);
    await user.click(await screen.findByRole('button', { name: 'Show 1 new' }));
    await waitFor(() => expect(rows()).toHaveLength(before + 1));
    expect(screen.getByRole('button', { name: 'Pause' })).toBeTruthy();
  });

  it('exports what is shown as CSV', async () => {
    const { host, user } = mountApp('busy', '#/log?view=stream');
    await user.selectOptions(await screen.findByRole('combobox', { name: 'Level' }), 'Errors');
    await user.click(screen.getByRole('button', { name: 'Export' }));
    await user.click(await screen.findByRole('menuitem', { name: /As CSV/ }));
    await screen.findByText(/events exported/);
    const [file] = host.saved;
    expect(file!.name).toMatch(/\.csv$/);
    expect(file!.text.trimEnd().split('\r\n').slice(1).every((line) => line.includes(',error,'))).toBe(true);
  });

  it('shows why it could not be read, and reads it again', async () => {
    const host = fakeHost();
    host.fail('list_events', DOWN);
    const { user } = mountApp(host, '#/log?view=stream');
    await screen.findByText('Try again in a moment.');
    host.fail('list_events', null);
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await screen.findByRole('list', { name: 'Events, newest first' });
  });

  it('says what to do when there is nothing', async () => {
    mountApp('empty', '#/log?view=stream');
    await screen.findByText('No events yet');
    expect(screen.getByRole('link', { name: 'See how to connect a client' })).toBeTruthy();
  });
});

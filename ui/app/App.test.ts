import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import { fakeHost } from '../host/fake';
import { HostError } from '../host/host';
import { mountApp } from '../test/render';

const heading = (name: string) => screen.findByRole('heading', { level: 1, name });

describe('navigation', () => {
  it.each([
    ['#/home', 'Home'],
    ['#/entra', 'Entra'],
    ['#/sessions', 'Sessions'],
    ['#/claims', 'Claims'],
    ['#/log', 'Auth log'],
    ['#/settings', 'Settings'],
    ['#/nowhere', 'Home'],
  ])('%s opens the page %s, once in the document', async (hash, name) => {
    mountApp('busy', hash);
    await heading(name);
    expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1);
    expect(screen.getAllByRole('link', { current: 'page' })).toHaveLength(1);
  });

  it('moves focus to the heading of the page that opens, and not at the start', async () => {
    const { user } = mountApp();
    await heading('Home');
    expect(document.activeElement).toBe(document.body);
    await user.click(screen.getByRole('link', { name: /^Settings/ }));
    const settings = await heading('Settings');
    await waitFor(() => expect(document.activeElement).toBe(settings));
  });

  it('goes to the fifth page with Ctrl+5, and stays with Ctrl+9', async () => {
    const { user } = mountApp();
    await heading('Home');
    await user.keyboard('{Control>}5{/Control}');
    await heading('Auth log');
    await user.keyboard('{Control>}9{/Control}');
    await heading('Auth log');
  });

  it('skips to the heading from the first tab stop', async () => {
    const { user } = mountApp();
    const home = await heading('Home');
    await user.tab();
    expect(document.activeElement?.textContent).toBe('Skip to content');
    await user.keyboard('{Enter}');
    expect(document.activeElement).toBe(home);
  });
});

describe('banners', () => {
  it('tells what failed, and uses the port that is offered', async () => {
    const { host, user } = mountApp('port_taken');
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Port 4242 is taken by node');
    await user.click(within(alert).getByRole('button', { name: 'Use port 4245' }));
    expect(host.calls).toContainEqual({
      command: 'save_settings',
      payload: { changes: { 'server.listen': '127.0.0.1:4245' } },
    });
  });

  it('restarts a stopped engine, and goes when it runs', async () => {
    const { user } = mountApp('stopped');
    await user.click(await screen.findByRole('button', { name: 'Restart' }));
    await waitFor(() => expect(screen.queryByText('The server is stopped.')).toBeNull());
  });

  it('resumes when all is paused', async () => {
    const { host, user } = mountApp('paused');
    await user.click(await screen.findByRole('button', { name: 'Resume' }));
    await waitFor(() => expect(screen.queryByText('All access is paused.')).toBeNull());
    expect(host.world.status.paused).toBe(false);
  });

  it('marks the practice tenant, and not the real one', async () => {
    const { unmount } = mountApp('busy');
    await screen.findByText('Practice tenant.');
    unmount();
    mountApp('entra');
    await screen.findByText('on this computer', { selector: '.about' });
    expect(screen.queryByText('Practice tenant.')).toBeNull();
  });

  it('says that the server is public, and leaves an address of one\'s own to the settings', async () => {
    mountApp('public');
    await screen.findByText('This server is public.');
    expect(screen.queryByRole('button', { name: 'Switch off' })).toBeNull();
  });

  it('goes on saying so while the server starts again with the address of its tunnel', async () => {
    const { host } = mountApp('tunnel_up', '#/log');
    await screen.findByText('This server is public.');
    host.emit('status_changed', { ...host.world.status, state: { is: 'starting' }, mcp_url: null, public_url: null, public_mcp_url: null });
    await screen.findByText('One moment', { selector: '.about' });
    expect(screen.getByText('This server is public.')).toBeTruthy();
  });

  it('says that a browser was shut out, and what opens it again', async () => {
    mountApp('locked_out');
    expect((await screen.findByRole('alert')).textContent).toContain('Open a new console link');
  });

  it('reads everything again when the connection is back', async () => {
    const { host } = mountApp();
    await screen.findByText('Practice tenant.');
    host.connect({ is: 'lost', retry_at: Date.now() + 5000 });
    await screen.findByText('The connection is lost.');
    host.world.attempts = [];
    const before = host.calls.filter(({ command }) => command === 'list_attempts').length;
    host.connect({ is: 'open' });
    await screen.findByText('Nobody has connected yet');
    expect(host.calls.filter(({ command }) => command === 'list_attempts')).toHaveLength(before + 1);
  });

  it('offers to try again when not even the status could be read', async () => {
    const host = fakeHost();
    host.fail('status', new HostError('unreachable', 'the server does not answer', 'check that it is running'));
    const { user } = mountApp(host);
    const again = await screen.findByRole('button', { name: 'Try again' });
    host.fail('status', null);
    await user.click(again);
    await screen.findByText('Practice tenant.');
  });
});

describe('pages on every state', () => {
  const hashes = ['#/home', '#/entra', '#/sessions', '#/claims?session=ses_01Lk3vWq8', '#/log', '#/settings'];

  it.each(hashes)('%s shows the error with a next step, and what is there after trying again', async (hash) => {
    const { host, user } = mountApp('broken', hash);
    const [again] = await screen.findAllByRole('button', { name: 'Try again' });
    expect(screen.getAllByText(/The store does not answer/).length).toBeGreaterThan(0);
    for (const command of ['list_sessions', 'list_attempts', 'list_events', 'list_clients', 'settings', 'session_claims'] as const) {
      host.fail(command, null);
    }
    await user.click(again!);
    await waitFor(() => expect(screen.queryByText(/The store does not answer/)).toBeNull());
  });

  it.each([
    ['#/home', 'Nobody has connected yet', 'Give it to a client.'],
    ['#/sessions', 'Nobody is connected', 'See how to connect a client'],
    ['#/claims', 'No session to look into', 'See how to connect a client'],
    ['#/log', 'No attempts yet', 'See how to connect a client'],
  ])('%s says what to do when there is nothing', async (hash, title, next) => {
    mountApp('empty', hash);
    expect(await screen.findByText(title)).toBeTruthy();
    expect(screen.getByText(next)).toBeTruthy();
  });

  it.each(hashes)('%s says that it is loading', async (hash) => {
    mountApp('loading', hash);
    expect((await screen.findAllByText('Loading')).length).toBeGreaterThan(0);
  });
});

describe('live', () => {
  it('shows an attempt as its events come', async () => {
    const { host } = mountApp('busy', '#/home');
    await screen.findByText(/Waiting for somebody to allow/);
    const running = host.world.attempts[0]!;
    running.verdict = { is: 'connected', sentence: 'Connected as Ben Okafor in 9.0 s', hint: null, code: null, fixer: null, remedies: [] };
    host.emit('events_recorded', [{ ...host.world.events[0]!, seq: 9001, attempt: running.attempt }]);
    await screen.findByText('Connected as Ben Okafor in 9.0 s');
  });

  it('counts a session that begins, which no status tells of by itself', async () => {
    const { host } = mountApp('busy', '#/home');
    await screen.findByText(/7 live sessions/);
    host.world.status = { ...host.world.status, sessions: 8 };
    host.emit('events_recorded', [{ ...host.world.events[0]!, seq: 9001, session: 'ses_new' }]);
    await screen.findByText(/8 live sessions/);
    expect(screen.getByRole('link', { name: /Sessions/ }).textContent).toContain('8');
  });

  it('follows the status', async () => {
    const { host } = mountApp('entra');
    await screen.findByText('on this computer', { selector: '.about' });
    host.emit('status_changed', { ...host.world.status, state: { is: 'failed', code: 'panicked', message: 'the engine stopped by itself', hint: 'press Restart', offer: null } });
    expect((await screen.findByRole('alert')).textContent).toContain('The engine stopped by itself.');
  });

  it('stops listening and ticking when the window goes', async () => {
    const clear = vi.spyOn(globalThis, 'clearInterval');
    const { host, unmount } = mountApp();
    await waitFor(() => expect(host.calls.map(({ command }) => command)).toContain('desktop_preferences'));
    unmount();
    expect(clear).toHaveBeenCalled();
    const before = host.calls.length;
    host.emit('events_recorded', host.world.events);
    host.emit('status_changed', { ...host.world.status, started_at: 1 });
    await new Promise((done) => setTimeout(done, 400));
    expect(host.calls.length).toBe(before);
  });
});

describe('theme', () => {
  it('is put on the document and kept in the preferences of the desktop app', async () => {
    const { host, user } = mountApp('busy', '#/settings');
    await screen.findByText('Practice tenant.');
    await user.click(screen.getByRole('radio', { name: 'Dark' }));
    expect(document.documentElement.dataset.theme).toBe('dark');
    await waitFor(() => expect(host.world.preferences.theme).toBe('dark'));
  });

  it('comes from the preferences at the start', async () => {
    const host = fakeHost();
    host.world.preferences.theme = 'light';
    mountApp(host);
    await waitFor(() => expect(document.documentElement.dataset.theme).toBe('light'));
  });
});

import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost, type FakeHost, type FakeState } from '../../host/fake';
import { outsideCheck, programs, SERVER_KEY, tiedSessions, TUNNELS, withTunnel } from '../../host/fakeTunnel';
import { HostError } from '../../host/host';
import { reachOf } from '../../state/reach';
import { mountApp } from '../../test/render';
import { FIELDS } from '../draft/fields';
import { howLongItLasts, notesOf, optionLabel, outsideSummary, tiedWords, tunnelWords, whoGetsIn } from './tunnel';

const section = async () => within(await screen.findByRole('region', { name: 'Public internet' }));
const turner = async () => (await section()).getByRole<HTMLInputElement>('switch', { name: 'Public internet' });
/** The line that unfolds the choice of providers. */
const choice = async () => (await section()).findByRole('button', { expanded: false, name: /tunnel|ngrok|command|SSH|Funnel|zrok/ });
const provider = async () => {
  const found = (await section()).queryByRole<HTMLSelectElement>('combobox', { name: 'Provider' });
  if (found) return found;
  (await choice()).click();
  return (await section()).findByRole<HTMLSelectElement>('combobox', { name: 'Provider' });
};
const turned = (host: FakeHost) => host.calls.filter(({ command }) => command === 'set_tunnel').map(({ payload }) => payload);
const saved = (host: FakeHost) => host.calls.filter(({ command }) => command === 'save_settings').map(({ payload }) => payload);

describe('how the tunnel stands', () => {
  it.each<[FakeState, string, string, boolean]>([
    ['entra', 'Off', 'Only clients on this computer', false],
    ['tunnel_starting', 'Opening', 'The provider is asked for an address', true],
    ['tunnel_up', 'Open, being checked', 'looked at from outside', true],
    ['tunnel_doubt', 'Open, but in doubt', 'Clients cannot get past such a page', true],
    ['tunnel_reachable', 'Reachable', 'clients elsewhere reach this server', true],
    ['tunnel_lost', 'Lost, being opened again', 'failed to dial edge', true],
    ['tunnel_unopened', 'Not open yet, being tried again', 'The name of the server is not known', true],
    ['tunnel_refused', 'Refused', 'Paste the authtoken from dashboard.ngrok.com/get-started/your-authtoken', false],
  ])('%s is told as %s', async (state, word, text, on) => {
    mountApp(state);
    const told = document.getElementById((await turner()).getAttribute('aria-describedby')!)!;
    expect(told.getAttribute('role')).toBe('status');
    expect(within(told).getByText(word)).toBeTruthy();
    expect(told.textContent).toContain(text);
    expect((await turner()).checked).toBe(on);
  });

  it.each<[FakeState, boolean]>([
    ['entra', false],
    ['tunnel_starting', false],
    ['tunnel_up', true],
    ['tunnel_reachable', true],
    ['tunnel_lost', true],
    ['tunnel_refused', false],
  ])('%s has a public MCP URL to copy: %s', async (state, has) => {
    const { host, user } = mountApp(state);
    await turner();
    const copy = (await section()).queryByRole('button', { name: 'Copy public MCP URL' });
    expect(copy !== null).toBe(has);
    if (!copy) return;
    await user.click(copy);
    expect(host.copied).toEqual(['https://calm-harbour-31.trycloudflare.com/mcp']);
  });

  it('follows as it opens, and keeps what is on the page while the server starts again', async () => {
    const { host, user } = mountApp('entra');
    await user.click(await screen.findByRole('button', { name: /Cursor/ }));
    const { status } = host.world;
    const become = (next: typeof status) => host.emit('status_changed', (host.world.status = next));
    become({ ...status, tunnel: TUNNELS.tunnel_starting });
    await (await section()).findByText('Opening');
    become({ ...status, tunnel: TUNNELS.tunnel_up, state: { is: 'starting' }, mcp_url: null, started_at: null });
    await (await section()).findByText('Open, being checked');
    expect(screen.getByRole('button', { name: /Cursor/ }).getAttribute('aria-expanded')).toBe('true');
    become({ ...withTunnel(status, TUNNELS.tunnel_reachable), started_at: status.now });
    await (await section()).findByText('Reachable');
    expect(screen.getByRole('button', { name: /Cursor/ }).getAttribute('aria-expanded')).toBe('true');
  });

  it('tells the rail and the banner the same', async () => {
    const { host } = mountApp('tunnel_reachable');
    await screen.findByText('and public', { selector: '.about' });
    await screen.findByText('This server is public.');
    host.emit('status_changed', withTunnel(host.world.status, TUNNELS.tunnel_lost));
    await screen.findByText('on this computer; the tunnel is lost', { selector: '.about' });
    await screen.findByText('The tunnel is lost.');
    host.emit('status_changed', withTunnel(host.world.status, TUNNELS.tunnel_refused));
    await screen.findByText('on this computer; the tunnel was refused', { selector: '.about' });
    expect(screen.queryByText('The tunnel is lost.')).toBeNull();
  });
});

describe('the switch', () => {
  it('opens at a tenant of one\'s own without a question', async () => {
    const { host, user } = mountApp('entra');
    await user.click(await turner());
    await (await section()).findByText('Opening');
    expect(turned(host)).toEqual([{ on: true }]);
    expect(screen.queryByRole('alertdialog')).toBeNull();
  });

  it('asks for a word on the practice tenant', async () => {
    const { host, user } = mountApp('busy');
    await user.click(await turner());
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Public, with the practice tenant?' }));
    const go = dialog.getByRole<HTMLButtonElement>('button', { name: 'Switch on' });
    expect(go.disabled).toBe(true);
    expect(turned(host)).toEqual([{ on: true }]);
    await user.type(dialog.getByRole('textbox'), 'anybody');
    await user.click(go);
    await (await section()).findByText('Opening');
    expect(turned(host).at(-1)).toEqual({ on: true, practice_is_fine: true });
  });

  it('stays off on the practice tenant after Cancel', async () => {
    const { host, user } = mountApp('busy');
    await user.click(await turner());
    await user.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
    expect((await turner()).checked).toBe(false);
    expect(turned(host)).toHaveLength(1);
  });

  it('closes', async () => {
    const { host, user } = mountApp('tunnel_reachable');
    await user.click(await turner());
    await (await section()).findByText('Off');
    expect(turned(host)).toEqual([{ on: false }]);
  });

  it('is switched off by the banner, on every page', async () => {
    const { host, user } = mountApp('tunnel_reachable', '#/log');
    await user.click(await screen.findByRole('button', { name: 'Switch off' }));
    await waitFor(() => expect(screen.queryByText('This server is public.')).toBeNull());
    expect(turned(host)).toEqual([{ on: false }]);
  });

  it('says why it did not turn, and what to do', async () => {
    const host = fakeHost('entra');
    host.fail('set_tunnel', new HostError('not_opened', '`zrok` is not installed on this computer', 'install it from zrok.io'));
    const { user } = mountApp(host);
    await user.click(await turner());
    const alert = await (await section()).findByRole('alert');
    expect(alert.textContent).toContain('“zrok” is not installed on this computer.');
    expect(alert.textContent).toContain('Install it from zrok.io.');
    expect((await turner()).checked).toBe(false);
    host.fail('set_tunnel', null);
    await user.click(await turner());
    await waitFor(async () => expect((await section()).queryByRole('alert')).toBeNull());
  });

  it('is where a client that needs a public address leads', async () => {
    const { user } = mountApp('empty');
    await user.click(await screen.findByRole('button', { name: /ChatGPT/ }));
    await user.click(screen.getByRole('button', { name: 'Switch on the tunnel' }));
    expect(document.activeElement).toBe(await turner());
  });

  it('is where a link from the settings leads', async () => {
    const { user } = mountApp('busy', '#/settings?part=tunnel');
    await user.click(await screen.findByRole('link', { name: 'Go to the switch' }));
    await waitFor(async () => expect(document.activeElement).toBe(await turner()));
  });
});

describe('an address of one\'s own', () => {
  it('is shown as set in the settings, without a switch', async () => {
    mountApp('public');
    const own = await section();
    expect(await own.findByText(/https:\/\/mcp\.contoso\.example is set in the settings/)).toBeTruthy();
    expect(own.queryByRole('switch')).toBeNull();
    expect(own.queryByRole('combobox')).toBeNull();
    expect(own.getByRole('button', { name: 'Copy public MCP URL' })).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Switch off' })).toBeNull();
  });
});

describe('the choice of a provider, folded', () => {
  const folded = async () => expect((await choice()).getAttribute('aria-expanded')).toBe('false');
  const shown = async () => (await section()).findByRole<HTMLSelectElement>('combobox', { name: 'Provider' });
  const line = async () => (await section()).getByRole('button', { expanded: true, name: /^Through/ });

  it('unfolds when the switch did not turn, and stays so while another one is chosen', async () => {
    const host = fakeHost('entra');
    host.fail('set_tunnel', new HostError('not_opened', '`cloudflared` is not installed on this computer', 'install it'));
    const { user } = mountApp(host);
    await folded();
    await user.click(await turner());
    const provider = await shown();
    await user.selectOptions(provider, 'ssh');
    await (await section()).findByRole('textbox', { name: 'Your own server' });
    expect((await section()).queryByRole('alert')).toBeNull();
    expect(provider.isConnected && provider.value).toBe('ssh');
    expect((await line()).textContent).toContain('another choice is not saved yet');
    provider.focus();
    await user.selectOptions(provider, 'cloudflared');
    expect(document.activeElement).toBe(provider);
    await waitFor(async () => expect((await line()).textContent).not.toContain('not saved'));
    expect(await shown()).toBe(provider);
  });

  it('unfolds when the provider refused, and stays so when that is over', async () => {
    const { user } = mountApp('tunnel_refused');
    const provider = await shown();
    await user.selectOptions(provider, 'cloudflared');
    await (await section()).findByText('Off');
    expect(await shown()).toBe(provider);
  });

  it('can be folded whatever is wrong, and loses nothing that is typed', async () => {
    const { host, user } = mountApp('tunnel_refused');
    await shown();
    const typed = await (await section()).findByRole<HTMLInputElement>('textbox', { name: 'Host name' });
    await user.type(typed, 'mine.ngrok-free.app');
    const fold = await line();
    const id = fold.getAttribute('aria-controls')!;
    expect(document.getElementById(id)!.contains(typed)).toBe(true);
    await user.click(fold);
    await folded();
    expect((await section()).queryByRole('combobox', { name: 'Provider' })).toBeNull();
    expect(fold.hasAttribute('aria-controls')).toBe(false);
    await user.click(fold);
    expect((await section()).getByRole<HTMLInputElement>('textbox', { name: 'Host name' }).value).toBe('mine.ngrok-free.app');
    expect(saved(host)).toEqual([]);
  });

  it('unfolds again when the switch is pressed before what was chosen is saved', async () => {
    const { host, user } = mountApp('entra');
    await user.click(await choice());
    await user.selectOptions(await shown(), 'ssh');
    await user.click(await line());
    await folded();
    await user.click(await turner());
    await (await section()).findByRole('textbox', { name: 'Your own server' });
    expect(turned(host)).toEqual([]);
  });
});

describe('the provider', () => {
  it('marks stable addresses and what is not on this computer', async () => {
    mountApp('entra');
    const names = within(await provider()).getAllByRole('option').map(({ textContent }) => textContent);
    expect(names).toContain('Cloudflare quick tunnel');
    expect(names).toContain('ngrok · stable address');
    expect(names).toContain('Tailscale Funnel · stable address · not on this computer');
    expect(names).toContain('A command of your own');
  });

  it('is saved when it is chosen, with its install hint if it is not there', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'devtunnel');
    const shown = await section();
    expect(await shown.findByText(/Install devtunnel from aka\.ms/)).toBeTruthy();
    expect(saved(host)).toEqual([{ changes: { 'tunnel.provider': 'devtunnel' } }]);
    host.world.programs.find(({ id }) => id === 'devtunnel')!.found = true;
    await user.click(shown.getByRole('button', { name: 'Look again' }));
    await waitFor(() => expect(shown.queryByText(/Install devtunnel/)).toBeNull());
  });

  it('offers what works right away instead of one that is not there', async () => {
    const { host, user } = mountApp('entra');
    host.world.programs.find(({ id }) => id === 'cloudflared')!.found = false;
    await user.selectOptions(await provider(), 'devtunnel');
    const shown = await section();
    await user.click(await shown.findByRole('button', { name: 'Use localhost.run (SSH)' }));
    await waitFor(() => expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.provider': 'localhost-run' } }));
    await waitFor(() => expect(shown.queryByText('Not found on this computer.')).toBeNull());
  });

  it('takes back what was said of a refused one', async () => {
    const { host, user } = mountApp('tunnel_refused');
    await user.selectOptions(await provider(), 'cloudflared');
    await (await section()).findByText('Off');
    expect(turned(host)).toEqual([{ on: false }]);
  });

  it('is a command of one\'s own only once there is one', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'command');
    const shown = await section();
    const command = await shown.findByRole<HTMLInputElement>('textbox', { name: 'Command' });
    expect(saved(host)).toEqual([]);
    await user.type(command, 'serve it');
    await user.click(shown.getByRole('button', { name: 'Save' }));
    expect(await shown.findByText(/does not say where our port belongs/)).toBeTruthy();
    await user.type(command, ' {{port}');
    await user.click(shown.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(shown.queryByRole('button', { name: 'Save' })).toBeNull());
    expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.provider': 'command', 'tunnel.command': 'serve it {port}' } });
    expect((await provider()).value).toBe('command');
  });

  it('takes a host name where one can be asked for', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'ngrok');
    const shown = await section();
    const name = await shown.findByRole('textbox', { name: 'Host name' });
    await user.type(name, 'nodots{Enter}');
    expect(await shown.findByText(/is no host name/)).toBeTruthy();
    await user.clear(name);
    await user.type(name, 'mine.ngrok-free.app{Enter}');
    await waitFor(() => expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.domain': 'mine.ngrok-free.app' } }));
  });

  it('is a server of one\'s own once it is known where that is', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'ssh');
    const shown = await section();
    const server = await shown.findByRole('textbox', { name: 'Your own server' });
    expect(saved(host)).toEqual([]);
    await user.type(server, '-oProxyCommand=id{Enter}');
    expect(await shown.findByText(/is no server/)).toBeTruthy();
    await user.clear(server);
    await user.type(server, 'tunnel@203.0.113.9{Enter}');
    expect(await shown.findByText(/nothing says under which name/i)).toBeTruthy();
    await user.type(shown.getByRole('textbox', { name: 'Host name' }), 'mcp.contoso.example');
    const port = shown.getByRole<HTMLInputElement>('textbox', { name: 'Port on the server' });
    expect(port.value).toBe('8080');
    await user.click(shown.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(shown.queryByRole('button', { name: 'Save' })).toBeNull());
    expect(saved(host).at(-1)).toEqual({
      changes: { 'tunnel.provider': 'ssh', 'tunnel.ssh_server': 'tunnel@203.0.113.9', 'tunnel.domain': 'mcp.contoso.example' },
    });
    expect((await provider()).value).toBe('ssh');
    await user.type(shown.getByRole('textbox', { name: 'SSH key file' }), '/home/ada/.ssh/tunnel{Enter}');
    await waitFor(() => expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.ssh_key': '/home/ada/.ssh/tunnel' } }));
  });

  it('is a name of one\'s own at Cloudflare once there is one', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'cloudflared-named');
    const shown = await section();
    expect(saved(host)).toEqual([]);
    // Not the one that was saved before.
    await user.click(await turner());
    expect((await shown.findByRole('alert')).textContent).toContain('What is chosen below is not saved yet');
    expect(turned(host)).toEqual([]);
    await user.type(await shown.findByRole('textbox', { name: 'Host name' }), 'mcp.contoso.example{Enter}');
    await waitFor(() =>
      expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.provider': 'cloudflared-named', 'tunnel.domain': 'mcp.contoso.example' } }),
    );
    expect((await provider()).value).toBe('cloudflared-named');
    await user.click(await turner());
    await waitFor(() => expect(turned(host)).toEqual([{ on: true }]));
  });

  it('takes the authtoken where there is no program to install, and keeps it to itself', async () => {
    const { host, user } = mountApp('entra');
    await user.selectOptions(await provider(), 'ngrok');
    const shown = await section();
    expect((await shown.findByText(/Needs nothing installed/)).textContent).toContain('Another choice restarts the server');
    expect(shown.queryByText('Not found on this computer.')).toBeNull();
    await user.click(await turner());
    expect((await shown.findByRole('alert')).textContent).toContain('Ngrok wants the authtoken of your account');
    const token = await shown.findByLabelText<HTMLInputElement>('Authtoken');
    expect(token.type).toBe('password');
    expect(shown.queryByRole('button', { name: 'Save' })).toBeNull();
    await user.type(token, 'ngrok config add-authtoken 2abcSecret');
    expect(shown.getByText('Saving restarts the server; clients reconnect by themselves.')).toBeTruthy();
    await user.click(shown.getByRole('button', { name: 'Save' }));
    expect(await shown.findByText(/is no authtoken of ngrok/)).toBeTruthy();
    await user.clear(token);
    await user.type(token, '2abcSecret{Enter}');
    await waitFor(() => expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.ngrok_authtoken': '2abcSecret' } }));
    await waitFor(() => expect(shown.getByLabelText<HTMLInputElement>('Authtoken').value).toBe('A secret is kept'));
    expect(screen.getByText('The server starts again; clients reconnect by themselves.')).toBeTruthy();
    expect(shown.queryByRole('button', { name: 'Save' })).toBeNull();
    expect(shown.queryByRole('alert')).toBeNull();
    await user.click(await turner());
    await shown.findByText('Opening');
    // Removed again as it was kept.
    await user.click(await turner());
    await user.click(await shown.findByRole('button', { name: 'Remove' }));
    await user.click(shown.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(saved(host).at(-1)).toEqual({ changes: { 'tunnel.ngrok_authtoken': '' } }));
  });

  it('cannot be changed while the tunnel is on, nor where the environment gives it', async () => {
    const { unmount } = mountApp('tunnel_up');
    await (await section()).findByText('Switch off to choose another.');
    expect((await section()).queryByRole('combobox')).toBeNull();
    unmount();
    const host = fakeHost('entra');
    const row = host.world.settings.rows.find(({ key }) => key === 'tunnel.provider')!;
    Object.assign(row, { locked: true, given: true, source: { is: 'environment', variable: 'JMOP_TUNNEL_PROVIDER' } });
    mountApp(host);
    await waitFor(async () => expect((await provider()).disabled).toBe(true));
    expect((await section()).getByText(/JMOP_TUNNEL_PROVIDER/)).toBeTruthy();
  });

  it('says that it is looking, and offers to look again when that failed', async () => {
    const host = fakeHost('entra');
    const go = host.hold('tunnel');
    const { unmount } = mountApp(host);
    await (await section()).findByText(/Looking which providers/);
    go();
    await provider();
    unmount();
    host.fail('tunnel', new HostError('unreachable', 'the server does not answer', 'check that it is running'));
    const { user } = mountApp(host);
    const again = await (await section()).findByRole('button', { name: 'Try again' });
    host.fail('tunnel', null);
    await user.click(again);
    await provider();
  });

  it('has the same name in the settings', () => {
    const { options } = FIELDS['tunnel.provider'];
    expect(options.filter(({ value }) => value !== 'command')).toEqual(programs().map(({ id, name }) => ({ value: id, label: name })));
  });
});

describe('the key of a server', () => {
  it('stands beside the address while the tunnel is on', async () => {
    const { host, user } = mountApp('tunnel_by_ssh');
    const shown = await section();
    expect(await shown.findByText(SERVER_KEY.fingerprint)).toBeTruthy();
    expect(shown.getByText(/pinned when it was first used/).textContent).toContain(SERVER_KEY.server);
    await user.click(shown.getByRole('button', { name: 'Copy fingerprint of the server\'s key' }));
    expect(host.copied).toEqual([SERVER_KEY.fingerprint]);
  });

  it('is nothing where no server has one', async () => {
    mountApp('tunnel_reachable');
    await turner();
    await (await section()).findByText('Switch off to choose another.');
    expect((await section()).queryByText('Server key')).toBeNull();
  });

  it('is trusted anew after a question, which switches the tunnel on', async () => {
    const { host, user } = mountApp('tunnel_other_key');
    const shown = await section();
    const { pinned, shown: now } = TUNNELS.tunnel_other_key.changed_key;
    expect(await shown.findByText(pinned)).toBeTruthy();
    expect(shown.getByText(now)).toBeTruthy();
    const trusted = () => host.calls.filter(({ command }) => command === 'trust_server_key');
    await user.click(shown.getByRole('button', { name: 'Trust the new ECDSA key' }));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Trust the new ECDSA key?' }));
    expect(dialog.getByText(now)).toBeTruthy();
    await user.click(dialog.getByRole('button', { name: 'Cancel' }));
    expect(trusted()).toEqual([]);
    await user.click(shown.getByRole('button', { name: 'Trust the new ECDSA key' }));
    await user.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'Trust it' }));
    await shown.findByText('Opening');
    expect(trusted()).toEqual([{ command: 'trust_server_key', payload: { fingerprint: now } }]);
    expect(turned(host)).toEqual([{ on: true }]);
    expect(shown.queryByRole('button', { name: 'Trust the new ECDSA key' })).toBeNull();
  });
});

describe('words', () => {
  it('say honestly who gets in', () => {
    expect(whoGetsIn('this-computer', 'practice')).toContain('nobody elsewhere gets past the first page');
    expect(whoGetsIn('anywhere', 'entra')).toContain('only those your tenant lets in');
    expect(whoGetsIn('anywhere', 'practice')).toContain('whoever comes can choose an account');
  });

  it('say what becomes of the address', () => {
    const [quick, ngrok] = programs();
    expect(howLongItLasts(quick)).toContain('must then be given the new one');
    expect(howLongItLasts(ngrok)).toContain('stays the same');
    expect(howLongItLasts(undefined)).toContain('If the address changes');
    expect(optionLabel(ngrok!)).toBe('ngrok · stable address');
  });

  it('end in a full stop', () => {
    for (const state of [{ is: 'off' } as const, ...Object.values(TUNNELS)]) {
      const { text, hint } = tunnelWords(state);
      expect([text, hint ?? '.'].every((part) => part.endsWith('.')), state.is).toBe(true);
    }
  });
});

describe('a public address that may lead nobody here', () => {
  it.each<[FakeState, string, string]>([
    ['tunnel_doubt', 'Running, and the public address is in doubt.', 'The public address is in doubt.'],
    ['tunnel_lost', 'Running, and the tunnel is lost.', 'The tunnel is lost.'],
    ['tunnel_unopened', 'Running, and the tunnel is not open.', 'The tunnel is not open.'],
  ])('%s is not said to be public', async (state, title, banner) => {
    mountApp(state);
    const heading = await screen.findByRole('heading', { name: title });
    expect(heading.closest('.hero')!.querySelector('.lamp')!.classList).toContain('warn');
    expect(screen.getByText(banner)).toBeTruthy();
    expect(screen.queryByText('This server is public.')).toBeNull();
  });
});

describe('the last look from outside', () => {
  it('stays when the page is left, with its time', async () => {
    const { user } = mountApp('tunnel_reachable');
    await user.click(await screen.findByRole('button', { name: 'Look from outside' }));
    await screen.findByRole('button', { name: 'Look again' });
    location.hash = '#/sessions';
    await screen.findByRole('heading', { name: 'Sessions' });
    location.hash = '#/home';
    expect(await screen.findByRole('button', { name: 'Look again' })).toBeTruthy();
    expect(screen.getByText(/^Looked/)).toBeTruthy();
  });
});

describe('reach', () => {
  it('is by the tunnel, by an address of one\'s own, or nowhere', () => {
    const url = 'https://a.example';
    expect(reachOf({ tunnel: { is: 'off' }, public_url: null })).toEqual({ is: 'here' });
    expect(reachOf({ tunnel: { is: 'off' }, public_url: url })).toEqual({ is: 'public', address: url, tunnel: false, doubt: null });
    expect(reachOf({ tunnel: { is: 'reachable', url, notes: [] }, public_url: null })).toEqual({ is: 'public', address: url, tunnel: true, doubt: null });
    expect(reachOf({ tunnel: { is: 'up', url, reason: 'no answer', hint: null }, public_url: url })).toMatchObject({ is: 'public', doubt: 'no answer' });
    expect(reachOf({ tunnel: TUNNELS.tunnel_unopened, public_url: null })).toEqual({ is: 'unopened' });
    expect(reachOf({ tunnel: { is: 'starting' }, public_url: null })).toEqual({ is: 'here' });
    expect(reachOf({ tunnel: { is: 'starting' }, public_url: url })).toEqual({ is: 'lost' });
  });
});

describe('what else is told of an open tunnel', () => {
  it('is when it closes, how many are turned away, and the address for a camera', async () => {
    mountApp('tunnel_busy');
    const internet = await section();
    expect((await internet.findByText(/Switches off by itself/)).textContent).toMatch(/in 41 min/);
    expect(internet.getByText(/^12 requests from the internet were turned away in the last minute/)).toBeTruthy();
    expect(internet.getByRole('img', { name: 'QR code of the public MCP URL' }).querySelector('path')?.getAttribute('d')).toMatch(/^M\d+ \d+h1v1h-1z/);
  });

  it('is no code while it is not reachable', async () => {
    mountApp('tunnel_up');
    await turner();
    expect((await section()).queryByRole('img', { name: /QR code/ })).toBeNull();
  });

  it('is why it closed', async () => {
    mountApp('tunnel_closed');
    expect(await (await section()).findByText('It switched off by itself: this computer has slept.')).toBeTruthy();
  });
});

describe('the look from outside', () => {
  const look = async () => (await section()).findByRole('button', { name: 'Look from outside' });

  it('is told whole, and what is only to know is no failure', async () => {
    const { user } = mountApp('tunnel_noted');
    const internet = await section();
    expect(await internet.findByText('People who sign in see a page of the provider before ours.', { exact: false })).toBeTruthy();
    expect(internet.getByText('Reachable')).toBeTruthy();
    await user.click(await look());
    const found = within(await internet.findByRole('list', { name: 'What was found from outside' }));
    expect(found.getAllByRole('listitem').map((item) => item.textContent)).toHaveLength(6);
    expect(internet.getByText('Clients get through, and there is something to know.')).toBeTruthy();
    expect(found.getByText('Browsers').closest('li')!.textContent).toContain('to know');
    expect(internet.getByRole('button', { name: 'Look again' })).toBeTruthy();
  });

  it('says what stops clients', async () => {
    const { user } = mountApp('tunnel_doubt');
    await user.click(await look());
    expect(await (await section()).findByText('Clients cannot connect by this address.')).toBeTruthy();
  });

  it('is there for an address of one\'s own, and says why it cannot be done', async () => {
    const { host, user } = mountApp('public');
    const button = await look();
    host.fail('look_outside', new HostError('unreachable', 'the server does not answer', 'check that it is running'));
    await user.click(button);
    const again = await (await section()).findByRole('button', { name: 'Try again' });
    host.fail('look_outside', null);
    await user.click(again);
    expect(await (await section()).findByText('Clients and browsers get through.')).toBeTruthy();
  });

  it('is of no use without an address', async () => {
    mountApp('entra');
    await provider();
    expect((await section()).queryByRole('button', { name: 'Look from outside' })).toBeNull();
  });

  it('is forgotten once the address is another', async () => {
    const { host, user } = mountApp('tunnel_reachable');
    await user.click(await look());
    await (await section()).findByText('Clients and browsers get through.');
    const url = 'https://other-name-7.trycloudflare.com';
    host.emit('status_changed', (host.world.status = withTunnel(host.world.status, { is: 'reachable', url, notes: [] })));
    await waitFor(async () => expect((await section()).queryByText('Clients and browsers get through.')).toBeNull());
  });

  it('has a word for what is not known', () => {
    const status = fakeHost('tunnel_reachable').world.status;
    const check = outsideCheck(status);
    expect(outsideSummary({ ...check, steps: check.steps.map((step) => ({ ...step, outcome: 'unknown' })) }).text).toBe('It could not be seen.');
    expect(notesOf(TUNNELS.tunnel_up)).toEqual([]);
  });
});

describe('sessions of another public address', () => {
  it('are told when the address is another one, with their names, until they are ended', async () => {
    const { host, user } = mountApp('tunnel_moved');
    const internet = await section();
    expect(await internet.findByText('The public address changed')).toBeTruthy();
    expect(internet.getByText('3 sessions of ChatGPT and Claude have to connect again with the new URL.')).toBeTruthy();
    await user.click(internet.getByText('Which sessions'));
    expect(internet.getByText(/, Ben Okafor/).textContent).toContain('by https://quiet-meadow-12.trycloudflare.com');
    await user.click(internet.getByRole('button', { name: 'End them' }));
    await user.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'End' }));
    await waitFor(async () => expect((await section()).queryByText('The public address changed')).toBeNull());
    expect(host.calls.find(({ command }) => command === 'end_sessions')?.payload).toEqual({ sessions: tiedSessions().map(({ session }) => session) });
  });

  it('are told before the switch, and do not stand in its way', async () => {
    const { host, user } = mountApp('tunnel_tied');
    const internet = await section();
    await internet.findByText(/3 sessions of ChatGPT and Claude came by https:\/\/quiet-meadow-12.*This provider gives another address/);
    await user.selectOptions(await provider(), 'ngrok');
    await internet.findByText(/They go on if this provider gives that address again\./);
    await user.click(await turner());
    await waitFor(() => expect(turned(host)).toEqual([{ on: true }]));
  });

  it('are counted in words', () => {
    const [one, two, three] = tiedSessions();
    expect(tiedWords([one!], 'https://a.example', false)).toEqual({
      title: 'The public address changed',
      text: 'One session of Claude has to connect again with the new URL.',
    });
    expect(tiedWords([{ ...one!, client: null }], null, true).text).toMatch(/^One session of a client without a name came by .*It goes on if/);
    expect(tiedWords([one!, { ...two!, address: 'https://b.example' }], null, false).text).toContain('came by earlier public addresses.');
    const many = ['a', 'b', 'c', 'd'].map((client) => ({ ...three!, client }));
    expect(tiedWords(many, 'https://a.example', false).text).toContain('of a, b and 2 more clients have');
  });
});

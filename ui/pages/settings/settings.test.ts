import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost, PASSPHRASE, type FakeHost } from '../../host/fake';
import { settings } from '../../host/fixtures';
import { HostError } from '../../host/host';
import { mountApp } from '../../test/render';
import { isEntra, isTunnel, onlyFor, wordsOf } from '../draft/fields';
import { bundleText } from './bundle';
import { WINDOW } from './inside';

const DOWN = new HostError('store_unavailable', 'The store does not answer', 'Try again in a moment.');

/** The page with everything read. */
async function open(state: Parameters<typeof mountApp>[0] = 'busy', part?: string) {
  const mounted = mountApp(state, part === undefined ? '#/settings' : `#/settings?part=${part}`);
  await screen.findByLabelText('Listen address');
  return mounted;
}

const part = (name: string) => within(screen.getByRole('region', { name }));
const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const saved = (host: FakeHost) => host.calls.filter(({ command }) => command === 'save_settings').map(({ payload }) => payload);
const describedBy = (element: HTMLElement) =>
  (element.getAttribute('aria-describedby') ?? '')
    .split(' ')
    .map((id) => document.getElementById(id)?.textContent)
    .join(' ');

describe('what is there', () => {
  const keys = settings().rows.map(({ key }) => key);

  it.each(keys.filter((key) => !isEntra(key) && key !== 'server.sign_in'))('has a field for %s', async (key) => {
    const { user } = await open();
    const [provider] = onlyFor(key) ?? [];
    if (provider) await user.selectOptions(part('Tunnel').getByRole('combobox', { name: 'Provider' }), provider);
    expect(field(wordsOf(key).label)).toBeTruthy();
    expect(wordsOf(key).label).not.toBe(key);
  });

  it.each(wordsOf('tunnel.provider').options ?? [])('asks of the tunnel by $value what that needs, and no more', async ({ value }) => {
    const { user } = await open();
    await user.selectOptions(part('Tunnel').getByRole('combobox', { name: 'Provider' }), value);
    const asked = keys.filter((key) => isTunnel(key) && part('Tunnel').queryByLabelText(wordsOf(key).label));
    expect(asked).toEqual(keys.filter((key) => isTunnel(key) && (onlyFor(key)?.includes(value) ?? true)));
  });

  it('has a choice of where people sign in', async () => {
    await open();
    const choice = screen.getByRole('group', { name: 'Where people sign in' });
    expect(within(choice).getAllByRole('radio')).toHaveLength(2);
    expect(within(choice).getByRole<HTMLInputElement>('radio', { name: /On this computer/ }).checked).toBe(true);
  });

  it('leaves those of Entra to their page', async () => {
    await open();
    for (const key of keys.filter(isEntra)) expect(screen.queryByLabelText(wordsOf(key).label), key).toBeNull();
  });

  it('shows one that it does not know by its key and the own words of the engine', async () => {
    const host = fakeHost();
    const [row] = host.world.settings.rows;
    host.world.settings.rows.push({ ...row!, key: 'server.brand_new', doc: 'does what `server.listen` does not.', text: '', default: '' });
    await open(host);
    expect(describedBy(field('server.brand_new'))).toContain('Does what “Listen address” does not.');
  });

  it('says by which variable or flag a setting is locked', async () => {
    await open('locked_settings');
    const listen = field('Listen address');
    expect(listen.readOnly).toBe(true);
    expect(describedBy(listen)).toContain('--listen');
    const days = field('Days to keep the auth log');
    expect(days.readOnly).toBe(true);
    expect(describedBy(days)).toContain('JMOP_STORAGE_EVENT_DAYS');
    const choice = screen.getByRole<HTMLFieldSetElement>('group', { name: 'Where people sign in' });
    expect(choice.disabled).toBe(true);
    expect(describedBy(choice)).toContain('JMOP_SERVER_SIGN_IN');
    expect(screen.getByRole<HTMLInputElement>('switch', { name: 'Pause all access' }).disabled).toBe(true);
    expect(part('Server').getByText(/JMOP_SERVER_PAUSED/)).toBeTruthy();
    expect(screen.getByRole<HTMLSelectElement>('combobox', { name: 'Practice tenant' }).disabled).toBe(true);
  });

  it('is without keyring, start at login and notifications where there is no desktop app', async () => {
    const { host } = await open('console');
    expect(screen.getByRole('region', { name: 'Appearance' })).toBeTruthy();
    for (const name of ['Master key', 'This app']) expect(screen.queryByRole('region', { name })).toBeNull();
    expect(screen.queryByRole('switch', { name: 'Start at login' })).toBeNull();
    const index = within(screen.getByRole('navigation', { name: 'Parts of the settings' }));
    expect(index.queryByRole('link', { name: 'Master key' })).toBeNull();
    expect(host.calls.map(({ command }) => command)).not.toContain('desktop_preferences');
  });

  it('says that it is loading, and keeps what needs no settings', async () => {
    mountApp('loading', '#/settings');
    await waitFor(() => expect(part('Server').getByText('Loading')).toBeTruthy());
    expect(screen.getByRole('radio', { name: 'Dark' })).toBeTruthy();
    expect(screen.queryByRole('region', { name: 'Storage' })).toBeNull();
    expect(screen.queryByRole('link', { name: 'Storage' })).toBeNull();
  });

  it('shows why settings could not be read, and reads them again', async () => {
    const { host, user } = mountApp('broken', '#/settings');
    await waitFor(() => expect(part('Server').getByRole('alert').textContent).toContain('The store does not answer'));
    host.fail('settings', null);
    await user.click(part('Server').getByRole('button', { name: 'Try again' }));
    await screen.findByLabelText('Listen address');
    expect(screen.getByRole('link', { name: 'Storage' })).toBeTruthy();
  });
});

describe('the index', () => {
  it('leads to a part and marks it', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('link', { name: 'Files' }));
    await waitFor(() => expect((document.activeElement as HTMLElement).dataset['part']).toBe('files'));
    expect(screen.getByRole('link', { name: 'Files' }).getAttribute('aria-current')).toBe('true');
    expect(location.hash).toBe('#/settings?part=files');
  });

  it.each(['server', 'key', 'about'])('is led to %s by a link', async (name) => {
    await open('busy', name);
    await waitFor(() => expect((document.activeElement as HTMLElement).dataset['part']).toBe(name));
  });

  it('ignores a part that is not there', async () => {
    await open('console', 'key');
    await new Promise((done) => setTimeout(done, 50));
    expect((document.activeElement as HTMLElement).dataset['part']).toBeUndefined();
  });
});

describe('changing settings', () => {
  it('is reviewed with its effects, saved, and done with', async () => {
    const { host, user } = await open();
    await user.type(field('Listen address'), '127.0.0.1:5000');
    await user.clear(field('Redirect URIs'));
    await user.type(field('Redirect URIs'), 'http://127.0.0.1/back');
    const bar = within(screen.getByRole('region', { name: 'Unsaved changes' }));
    expect(bar.getByText('2 unsaved changes')).toBeTruthy();
    await user.click(bar.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog', { name: 'Save these changes?' });
    expect(dialog.textContent).toContain('127.0.0.1:4242 becomes→ 127.0.0.1:5000');
    expect(dialog.textContent).toContain('Configured client 1: Redirect URIs');
    expect(dialog.textContent).toContain('The MCP URL becomes http://localhost:5000/mcp');
    expect(saved(host)).toEqual([]);
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await screen.findByText('Saved');
    expect(saved(host)).toEqual([{ changes: { 'server.listen': '127.0.0.1:5000', 'client.1.redirect_uris': 'http://127.0.0.1/back' } }]);
    expect(screen.queryByRole('region', { name: 'Unsaved changes' })).toBeNull();
    expect(field('Listen address').value).toBe('127.0.0.1:5000');
  });

  it('has the default back with an empty field', async () => {
    const host = fakeHost();
    const row = host.world.settings.rows.find(({ key }) => key === 'storage.event_days')!;
    Object.assign(row, { text: '7', given: true, source: { is: 'file', path: 'settings.toml', line: 3 } });
    const { user } = await open(host);
    await user.clear(field('Days to keep the auth log'));
    await user.click(screen.getByRole('button', { name: 'Review' }));
    expect((await screen.findByRole('alertdialog')).textContent).toContain('7 becomes→ 30');
    await user.click(screen.getByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(saved(host)).toEqual([{ changes: { 'storage.event_days': '' } }]));
  });

  it.each([
    ['Listen address', 'nonsense', 'is not an address with a port'],
    ['Public address', 'http://mcp.example.com', 'use the https URL'],
    ['Public address', 'https://mcp.example.com', 'could sign in as anybody'],
    ['Callback path', 'callback', 'does not begin with a slash'],
    ['Browser origins', '*', 'would let every web page'],
    ['Events to keep', '-1', 'is not a number'],
  ])('shows beside %s what is wrong with %s while typing, and leads there instead of saving', async (label, text, wrong) => {
    const { host, user } = await open();
    await user.type(field(label), text);
    await waitFor(() => expect(field(label).getAttribute('aria-invalid')).toBe('true'));
    expect(describedBy(field(label)).toLowerCase()).toContain(wrong.toLowerCase());
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await waitFor(() => expect(document.activeElement).toBe(field(label)));
    expect(screen.queryByRole('alertdialog')).toBeNull();
    expect(saved(host)).toEqual([]);
  });

  it('opens what is rarely needed when something in it is wrong', async () => {
    const host = fakeHost();
    host.world.settings.problems = [{ field: 'console.listen', code: 'not-loopback', message: '`0.0.0.0:4244` can be reached', hint: 'write `127.0.0.1:4244`', source: { is: 'window' } }];
    await open(host);
    const details = field('Console address').closest('details')!;
    await waitFor(() => expect(details.open).toBe(true));
    expect(field('Console address').getAttribute('aria-invalid')).toBe('true');
  });

  it('names problems that are not on this page, and where they are mended', async () => {
    const host = fakeHost('entra');
    host.world.settings.problems = [{ field: 'entra.tenant', code: 'missing', message: 'the tenant ID is missing', hint: 'copy it', source: { is: 'window' } }];
    await open(host);
    const notice = part('Server').getByRole('alert');
    expect(notice.textContent).toContain('Tenant: The tenant ID is missing. Copy it');
    expect(within(notice).getByRole('link', { name: 'Go to Entra' })).toBeTruthy();
  });

  it('names a slip in the file that no page has a field for', async () => {
    const host = fakeHost();
    host.world.settings.problems = [{ field: 'server.lisen', code: 'unknown-key', message: 'there is no such setting', hint: 'did you mean `server.listen`?', source: { is: 'window' } }];
    await open(host);
    const notice = part('Server').getByRole('alert');
    expect(notice.textContent).toContain('server.lisen: There is no such setting');
    expect(within(notice).queryByRole('link')).toBeNull();
  });

  it('chooses where people sign in, the practice tenant and a flag', async () => {
    const { host, user } = await open();
    await user.click(screen.getByRole('radio', { name: /From anywhere/ }));
    await user.selectOptions(screen.getByRole('combobox', { name: 'Practice tenant' }), 'Until an Entra tenant is given');
    await user.click(screen.getByRole('switch', { name: 'Client metadata from this computer' }));
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).toContain('off becomes→ on');
    expect(dialog.textContent).toContain('Always becomes→ Until an Entra tenant is given');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await waitFor(() =>
      expect(saved(host)).toEqual([
        { changes: { 'server.sign_in': 'anywhere', 'identity.practice': '', 'clients.documents_from_loopback': 'true' } },
      ]),
    );
  });

  it('is discarded at once', async () => {
    const { host, user } = await open();
    await user.type(field('Public address'), 'https://mcp.example.com');
    await user.click(screen.getByRole('button', { name: 'Discard' }));
    expect(field('Public address').value).toBe('');
    expect(screen.queryByRole('region', { name: 'Unsaved changes' })).toBeNull();
    expect(saved(host)).toEqual([]);
  });

  it('is one draft with the Entra page', async () => {
    const { user } = await open();
    await user.type(field('Callback path'), '/signed-in');
    await user.click(screen.getByRole('link', { name: 'Entra' }));
    await screen.findByRole('heading', { level: 1, name: 'Entra' });
    expect((await screen.findByLabelText<HTMLInputElement>('Callback path')).value).toBe('/signed-in');
    expect(screen.getByText('1 unsaved change')).toBeTruthy();
    await user.click(screen.getByRole('link', { name: 'Settings' }));
    expect((await screen.findByLabelText<HTMLInputElement>('Callback path')).value).toBe('/signed-in');
  });

  it('says so when it could not be checked', async () => {
    const { host, user } = await open();
    host.fail('check_settings', DOWN);
    await user.type(field('Callback path'), '/x');
    await screen.findByText(/The store does not answer. Review asks again/);
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await screen.findByText('Try again in a moment.');
    expect(screen.queryByRole('alertdialog')).toBeNull();
  });

  it('stays in its dialog and says why when it could not be saved', async () => {
    const { host, user } = await open();
    host.fail('save_settings', new HostError('not_saved', 'the settings file cannot be written', 'check that it is yours'));
    await user.type(field('Callback path'), '/x');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    expect((await within(dialog).findByRole('alert')).textContent).toContain('check that it is yours');
    host.fail('save_settings', null);
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await screen.findByText('Saved');
  });

  it('pauses at once, without a draft', async () => {
    const { host, user } = await open();
    await user.click(screen.getByRole('switch', { name: 'Pause all access' }));
    await waitFor(() => expect(host.world.status.paused).toBe(true));
    expect(saved(host)).toEqual([]);
    host.fail('set_paused', DOWN);
    await user.click(screen.getByRole('switch', { name: 'Pause all access' }));
    await screen.findByText('The store does not answer');
    expect(screen.getByRole<HTMLInputElement>('switch', { name: 'Pause all access' }).checked).toBe(true);
  });
});

describe('which clients may come', () => {
  it('is decided by hosts, beside the configured clients and not among the rare settings of the server', async () => {
    await open();
    const rules = part('Clients');
    for (const label of ['Hosts clients may come from', 'Hosts clients may not come from', 'Client IDs that outlive the database']) {
      expect(rules.getByLabelText(label)).toBeTruthy();
      expect(part('Server').queryByLabelText(label)).toBeNull();
    }
  });
});

describe('configured clients', () => {
  it('says that there are none', async () => {
    await open('empty');
    expect(part('Clients').getByText('None is configured.')).toBeTruthy();
  });

  it('are added with what they need', async () => {
    const { host, user } = await open('empty');
    await user.click(screen.getByRole('button', { name: 'Add a client' }));
    await waitFor(() => expect(document.activeElement).toBe(field('ID')));
    await user.keyboard('my-client');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    // What is missing is said where it belongs.
    await waitFor(() => expect(document.activeElement).toBe(field('Redirect URIs')));
    await user.keyboard('https://client.example.com/callback');
    await user.type(field('Secret, as SHA-256'), 'hash-of-it');
    await user.selectOptions(field('How it sends its secret'), 'In the body (client_secret_post)');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).not.toContain('hash-of-it');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await screen.findByText('Saved');
    expect(saved(host)).toEqual([
      {
        changes: {
          'client.1.id': 'my-client',
          'client.1.redirect_uris': 'https://client.example.com/callback',
          'client.1.secret_sha256': 'hash-of-it',
          'client.1.auth': 'client_secret_post',
        },
      },
    ]);
    expect(part('Clients').getByText('my-client', { selector: 'summary *' })).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Leave this client out' })).toBeNull();
  });

  it('are left out again before they were saved', async () => {
    const { user } = await open();
    await user.click(screen.getByRole('button', { name: 'Add a client' }));
    await waitFor(() => expect(document.activeElement?.tagName).toBe('INPUT'));
    await user.keyboard('second');
    await screen.findByText('1 unsaved change');
    await user.click(screen.getByRole('button', { name: 'Leave this client out' }));
    expect(screen.queryByRole('region', { name: 'Unsaved changes' })).toBeNull();
    expect(part('Clients').queryByText('second')).toBeNull();
  });
});

describe('this app', () => {
  it.each([
    ['Start at login', { start_at_login: false }],
    ['Notify: A new client asks for access', { notify: { new_client: false } }],
    ['Notify: Somebody must sign in again', { notify: { sign_in_again: false } }],
    ['Notify: The tunnel needs a look', { notify: { tunnel: false } }],
    ['Notify: A credential ends soon', { notify: { secret_expiry: false } }],
  ])('%s is switched off', async (name, change) => {
    const { host, user } = await open();
    await user.click(await screen.findByRole('switch', { name }));
    await waitFor(() => expect(host.calls).toContainEqual({ command: 'set_desktop_preferences', payload: change }));
    await waitFor(() => expect(screen.getByRole<HTMLInputElement>('switch', { name }).checked).toBe(false));
    expect(host.world.preferences).toMatchObject(change);
  });

  it('offers each notification that the app sends', async () => {
    const { host } = await open();
    await screen.findByRole('switch', { name: 'Start at login' });
    expect(screen.getAllByRole('switch', { name: /^Notify/ })).toHaveLength(Object.keys(host.world.preferences.notify).length);
  });

  it('goes back when it could not be switched, and says what to do', async () => {
    const { host, user } = await open();
    host.fail('set_desktop_preferences', new HostError('autostart_failed', 'start at login could not be changed', 'change it in the settings of your desktop'));
    const box = await screen.findByRole<HTMLInputElement>('switch', { name: 'Start at login' });
    await user.click(box);
    await screen.findByText('Change it in the settings of your desktop');
    expect(box.checked).toBe(true);
  });

  it('says that preferences are loading, and why they could not be read', async () => {
    const host = fakeHost();
    const answer = host.hold('desktop_preferences');
    const { user } = await open(host);
    expect(part('This app').getByText('Loading')).toBeTruthy();
    host.fail('desktop_preferences', DOWN);
    answer();
    await waitFor(() => expect(part('This app').getByRole('alert')).toBeTruthy());
    expect(part('Master key').getByRole('alert')).toBeTruthy();
    host.fail('desktop_preferences', null);
    await user.click(part('This app').getByRole('button', { name: 'Try again' }));
    await screen.findByRole('switch', { name: 'Start at login' });
  });
});

describe('the master key', () => {
  const key = () => part('Master key');
  const place = (name: RegExp) => key().getByRole<HTMLInputElement>('radio', { name });

  async function openKey(state: Parameters<typeof mountApp>[0] = 'busy') {
    const mounted = await open(state);
    await waitFor(() => expect(key().getByText('now')).toBeTruthy());
    return mounted;
  }

  it('goes from the keyring into a file and back', async () => {
    const { host, user } = await openKey();
    expect(place(/In the keyring/).checked).toBe(true);
    await user.click(place(/In a key file/));
    expect(host.world.preferences.key.is).toBe('keyring');
    await user.click(key().getByRole('button', { name: 'Move it to a key file' }));
    await screen.findByText('The master key is in a key file now');
    expect(host.world.preferences.key.is).toBe('file');
    await user.click(place(/In the keyring/));
    await user.click(key().getByRole('button', { name: 'Move it to the keyring' }));
    await screen.findByText('The master key is in the keyring now');
    expect(host.world.preferences.key.is).toBe('keyring');
  });

  it('stays where it is when that is cancelled', async () => {
    const { host, user } = await openKey();
    await user.click(place(/In a key file/));
    await user.click(key().getByRole('button', { name: 'Cancel' }));
    expect(place(/In the keyring/).checked).toBe(true);
    expect(host.calls.map(({ command }) => command)).not.toContain('use_key_file');
  });

  it('goes under a passphrase that was typed twice and is long enough', async () => {
    const { host, user } = await openKey();
    await user.click(place(/Under a passphrase/));
    const submit = key().getByRole('button', { name: 'Put it under this passphrase' });
    await user.click(submit);
    expect(describedBy(field('New passphrase'))).toContain('No passphrase yet');
    await user.type(field('New passphrase'), 'short');
    await user.type(field('New passphrase again'), 'shorf');
    await user.click(submit);
    await waitFor(() => expect(describedBy(field('New passphrase'))).toContain('The two are not the same'));
    await user.clear(field('New passphrase again'));
    await user.type(field('New passphrase again'), 'short{Enter}');
    await waitFor(() => expect(describedBy(field('New passphrase'))).toContain('fewer than 10 characters'));
    expect(describedBy(field('New passphrase'))).toContain('Choose a longer one');
    for (const label of ['New passphrase', 'New passphrase again']) {
      await user.clear(field(label));
      await user.type(field(label), PASSPHRASE);
    }
    await user.click(submit);
    await screen.findByText('The master key is under the passphrase now');
    expect(host.world.preferences.key.is).toBe('passphrase');
    expect(screen.queryByLabelText('New passphrase')).toBeNull();
    await user.click(key().getByRole('button', { name: 'Change the passphrase' }));
    expect(field('New passphrase').value).toBe('');
  });

  it('shows a refusal where it was asked for, with its hint', async () => {
    const { host, user } = await openKey();
    host.fail('use_key_file', new HostError('key_file_taken', '`master.key` already holds another master key', 'move that file away'));
    await user.click(place(/In a key file/));
    await user.click(key().getByRole('button', { name: 'Move it to a key file' }));
    const alert = await key().findByRole('alert');
    expect(alert.textContent).toContain('already holds another master key');
    expect(alert.textContent).toContain('Move that file away');
    await user.click(place(/In the keyring/));
    expect(key().queryByRole('alert')).toBeNull();
  });

  it('cannot be moved where the environment gives it', async () => {
    await open('locked_settings');
    await key().findByText('JMOP_MASTER_KEY');
    expect(key().queryByRole('radio')).toBeNull();
  });

  it('is unlocked here, and moved only then', async () => {
    const { user } = await openKey('key_locked');
    expect(place(/In a key file/).matches(':disabled, fieldset:disabled *')).toBe(true);
    await user.type(field('Passphrase of the master key'), 'wrong');
    await user.click(key().getByRole('button', { name: 'Unlock' }));
    await waitFor(() => expect(describedBy(field('Passphrase of the master key'))).toContain('That is not the passphrase'));
    await user.clear(field('Passphrase of the master key'));
    await user.type(field('Passphrase of the master key'), `${PASSPHRASE}{Enter}`);
    await waitFor(() => expect(screen.queryByLabelText('Passphrase of the master key')).toBeNull());
    expect(place(/In a key file/).matches(':disabled, fieldset:disabled *')).toBe(false);
  });
});

describe('files', () => {
  it('are copied by their paths', async () => {
    const { host, user } = await open();
    await user.click(screen.getByRole('button', { name: 'Copy data folder' }));
    await user.click(screen.getByRole('button', { name: 'Copy settings file' }));
    expect(host.copied).toEqual([host.world.status.data_dir, host.world.status.settings_file]);
  });

  it('says what to do where there is no folder', async () => {
    const host = fakeHost();
    host.world.status.data_dir = '';
    await open(host);
    expect(part('Files').getByText(/Give one under Storage/)).toBeTruthy();
  });

  it('are read again by a restart', async () => {
    const { host, user } = await open();
    await user.click(part('Files').getByRole('button', { name: 'Restart' }));
    await screen.findByText('Started again');
    expect(host.calls.map(({ command }) => command)).toContain('restart');
    host.fail('restart', DOWN);
    await user.click(part('Files').getByRole('button', { name: 'Restart' }));
    await screen.findByText('The store does not answer');
  });
});

describe('reset', () => {
  it.each([
    ['Clear', 'events', 'Every attempt and every event'],
    ['Forget sessions', 'sessions', '7 are live'],
    ['Forget clients', 'clients', 'Every client that registered itself'],
  ])('%s says what is lost and forgets it', async (verb, what, loss) => {
    const { host, user } = await open();
    await waitFor(() => expect(screen.getByRole('link', { name: /Sessions/ }).textContent).toContain('7'));
    await user.click(part('Reset').getByRole('button', { name: verb }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).toContain(loss);
    expect(host.calls.map(({ command }) => command)).not.toContain('forget');
    await user.click(within(dialog).getByRole('button', { name: verb }));
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
    expect(host.calls).toContainEqual({ command: 'forget', payload: { what } });
    const { events, sessions, clients } = host.world;
    expect({ events, sessions, clients: clients.filter(({ kind }) => kind !== 'static') }).toMatchObject({ [what]: [] });
  });

  it('of everything wants its word', async () => {
    const { host, user } = await open();
    await user.click(part('Reset').getByRole('button', { name: 'Reset everything' }));
    const dialog = within(await screen.findByRole('alertdialog'));
    const go = dialog.getByRole<HTMLButtonElement>('button', { name: 'Reset everything' });
    expect(go.disabled).toBe(true);
    await user.type(dialog.getByLabelText('Type “everything” to confirm'), 'everythin{Enter}');
    expect(go.disabled).toBe(true);
    expect(host.calls.map(({ command }) => command)).not.toContain('forget');
    await user.type(dialog.getByLabelText('Type “everything” to confirm'), 'g{Enter}');
    await screen.findByText('Everything is forgotten');
    expect(host.calls).toContainEqual({ command: 'forget', payload: { what: 'everything' } });
    // The word is not kept for the next time.
    await user.click(part('Reset').getByRole('button', { name: 'Reset everything' }));
    expect((await screen.findByLabelText<HTMLInputElement>('Type “everything” to confirm')).value).toBe('');
  });

  it('is cancelled with the keyboard, and focus goes back', async () => {
    const { host, user } = await open();
    const button = part('Reset').getByRole('button', { name: 'Forget sessions' });
    button.focus();
    await user.keyboard('{Enter}');
    await screen.findByRole('alertdialog');
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
    await waitFor(() => expect(document.activeElement).toBe(button));
    expect(host.calls.map(({ command }) => command)).not.toContain('forget');
  });

  it('says in its dialog why it failed', async () => {
    const { host, user } = await open();
    host.fail('forget', DOWN);
    await user.click(part('Reset').getByRole('button', { name: 'Clear' }));
    const dialog = await screen.findByRole('alertdialog');
    await user.click(within(dialog).getByRole('button', { name: 'Clear' }));
    expect((await within(dialog).findByRole('alert')).textContent).toContain('Try again in a moment.');
  });
});

describe('about', () => {
  it('tells version and licence, and opens the licence', async () => {
    const { host, user } = await open();
    expect(part('About').getByText('Version 0.1.0')).toBeTruthy();
    expect(part('About').getByText('Apache License 2.0')).toBeTruthy();
    await user.click(part('About').getByRole('button', { name: 'Read it' }));
    expect(host.opened).toEqual(['https://www.apache.org/licenses/LICENSE-2.0']);
  });

  it('shows what is inside', async () => {
    const { user } = await open();
    await user.click(part('About').getByRole('button', { name: 'Show licences' }));
    const drawer = within(await screen.findByRole('dialog', { name: 'What is inside' }));
    for (const name of ['svelte', 'tauri', 'rmcp', 'SQLite']) expect(drawer.getByText(name)).toBeTruthy();
  });

  it.each(WINDOW.map(({ name, licence }) => [name, licence]))('states the licence of %s as it does itself', (name, licence) => {
    const root = createRequire(import.meta.url).resolve.paths(name)!.find((folder) => {
      try {
        return readFileSync(`${folder}/${name}/package.json`);
      } catch {
        return false;
      }
    })!;
    expect(JSON.parse(readFileSync(`${root}/${name}/package.json`, 'utf8')).license).toBe(licence);
  });

  it('saves the support bundle as one text file', async () => {
    const { host, user } = await open();
    await user.click(part('About').getByRole('button', { name: 'Save' }));
    await screen.findByText('Support bundle saved');
    const [file] = host.saved;
    expect(file!.name).toMatch(/^just-mcp-oauth-proxy-0\.1\.0-\d+\.txt$/);
    for (const part of ['=== status.json ===', '=== settings.txt ===', '=== events.ndjson ===']) expect(file!.text).toContain(part);
  });

  it('says nothing when the person chose no place for it, and what to do when it failed', async () => {
    const host = fakeHost();
    host.saveFile = () => Promise.resolve(false);
    const { user } = await open(host);
    await user.click(part('About').getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(host.calls.map(({ command }) => command)).toContain('support_bundle'));
    await waitFor(() => expect(part('About').getByRole('button', { name: 'Save' }).getAttribute('aria-busy')).toBeNull());
    expect(screen.queryByText('Support bundle saved')).toBeNull();
    host.fail('support_bundle', DOWN);
    await user.click(part('About').getByRole('button', { name: 'Save' }));
    await screen.findByText('Try again in a moment.');
  });

  it('puts the files of the bundle one after the other', () => {
    const text = bundleText({ name: 'b', files: [{ name: 'one', text: '1\n\n' }, { name: 'two', text: '' }] });
    expect(text).toBe('Support bundle b\nNo secrets and no names of people are in it.\n\n=== one ===\n1\n\n=== two ===\n(empty)\n');
  });
});

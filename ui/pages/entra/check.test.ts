import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import type { CheckStep, TestSignIn } from '../../host/api';
import { fakeHost, type FakeHost } from '../../host/fake';
import { settings } from '../../host/fixtures';
import { HostError } from '../../host/host';
import { mountApp } from '../../test/render';
import { placed, said, summary, toldStep, toneOf } from './check';
import { isAsked } from './check.svelte';

const NOTHING = { code: null, fixer: null, remedies: [] };
const LOCAL = 'http://localhost:4242/auth/callback';
const step = (more: Partial<CheckStep>): CheckStep => ({ about: 'credential', outcome: 'failed', what: 'no', hint: null, code: null, fixer: null, remedies: [], ...more });
const checks = (host: FakeHost) => host.calls.filter(({ command }) => command === 'check_entra').length;

async function open(state: Parameters<typeof mountApp>[0], hash = '#/entra') {
  const mounted = mountApp(state, hash);
  await screen.findByRole('heading', { level: 1, name: 'Entra' });
  return mounted;
}

const panel = async () => within(await screen.findByRole('region', { name: 'Check' }));

async function checked(state: Parameters<typeof mountApp>[0]) {
  const mounted = await open(state);
  await mounted.user.click(await screen.findByRole('button', { name: 'Check' }));
  return { ...mounted, list: within(await screen.findByRole('list', { name: 'What was checked' })) };
}

describe('a check', () => {
  it('is never made by itself', async () => {
    const { host } = await open('entra');
    (await panel()).getByText('Not checked yet.');
    expect(checks(host)).toBe(0);
  });

  it('says that it goes on, and is made once however often it is asked for', async () => {
    const host = fakeHost('entra');
    const answer = host.hold('check_entra');
    const { user } = await open(host);
    const button = await screen.findByRole('button', { name: 'Check' });
    await user.click(button);
    await screen.findByText('Checking. This can take some seconds.');
    expect(button.getAttribute('aria-busy')).toBe('true');
    await user.click(button);
    expect(checks(host)).toBe(1);
    answer();
    await screen.findByText('Everything is as it should be.');
  });

  it('tells what is good, step by step', async () => {
    const { list } = await checked('entra');
    expect(list.getAllByRole('listitem')).toHaveLength(7);
    expect(list.getAllByText('good')).toHaveLength(7);
    list.getByText(`${LOCAL} is registered.`);
    expect((await panel()).getByRole('status').textContent).toContain('Everything is as it should be.');
    expect(document.querySelector('.content [aria-invalid]')).toBeNull();
  });

  it('tells what is wrong with the fix, its number, the way to the portal and what to register', async () => {
    const { host, user, list } = await checked('entra_wrong');
    screen.getByText('2 things are wrong.');
    expect(list.getAllByText('wrong')).toHaveLength(2);
    list.getByText('AADSTS7000222');
    list.getByText(/Create a new secret under/);
    await user.click(list.getByRole('button', { name: 'Copy Redirect URI to register' }));
    expect(host.copied).toEqual([LOCAL]);
    await user.click(list.getByRole('button', { name: 'Open Certificates & secrets for Client ID and credential' }));
    expect(host.opened).toEqual([expect.stringContaining('/Credentials/appId/')]);
  });

  it('puts what is wrong next to its field', async () => {
    await checked('entra_wrong');
    const secret = screen.getByLabelText<HTMLInputElement>('Client secret');
    expect(secret.getAttribute('aria-invalid')).toBe('true');
    const words = secret.getAttribute('aria-describedby')!.split(' ').map((id) => document.getElementById(id)?.textContent);
    expect(words.join(' ')).toContain('The client secret has expired (AADSTS7000222).');
    const uris = within(screen.getByRole('region', { name: 'Redirect URI' }));
    uris.getByText(/The redirect URI is not registered for this app \(AADSTS50011\)\./);
    expect(screen.getByLabelText('Tenant').hasAttribute('aria-invalid')).toBe(false);
  });

  it('stops at a directory that is not there, and says so at the tenant until another is typed', async () => {
    const host = fakeHost('entra');
    host.world.registration.tenant = 'fabrikam.onmicrosoft.com';
    const { user } = await checked(host);
    screen.getByText(/The rest can be looked at once the directory answers/);
    const tenant = screen.getByLabelText<HTMLInputElement>('Tenant');
    expect(tenant.getAttribute('aria-invalid')).toBe('true');
    await user.clear(tenant);
    await user.type(tenant, 'fabrikam.onmicrosoft.com');
    expect(tenant.hasAttribute('aria-invalid')).toBe(false);
  });

  it('says what cannot be known', async () => {
    const { list } = await checked('public');
    screen.getByText('Nothing wrong was found, and one thing is not known.');
    list.getByText('not known');
    list.getByText('Make a test sign-in to see.');
  });

  it('opens no link that is none of the web', async () => {
    const host = fakeHost('entra');
    host.world.registration = { ...host.world.registration, secret: 'expired' };
    const call = host.call;
    host.call = async (command, payload) => {
      const answer = await call(command, payload);
      return command === 'check_entra' ? ({ steps: [step({ remedies: [{ does: 'open', page: 'a trap', url: 'javascript:alert(1)' }] })], passed: false } as typeof answer) : answer;
    };
    const { list } = await checked(host);
    expect(list.queryByRole('button')).toBeNull();
  });

  it('says why it cannot be made, and tries again', async () => {
    const { host, user } = await open('entra_unchecked');
    await user.click(await screen.findByRole('button', { name: 'Check' }));
    const alert = within(await screen.findByRole('alert'));
    alert.getByText('A setting cannot be used: “Listen address”: “4242” is not an address with a port');
    alert.getByText('Correct it, then check again');
    host.fail('check_entra', null);
    await user.click(alert.getByRole('button', { name: 'Try again' }));
    await screen.findByText('Everything is as it should be.');
  });

  it('has nothing to say at the practice tenant, and nothing to ask before anything is given', async () => {
    await checked('busy');
    screen.getByText('There is nothing to check.');
    screen.getByText('People sign in at the practice tenant, which needs no set-up.');
  });

  it('is not offered on a first run', async () => {
    await open('empty');
    await screen.findByLabelText('Tenant');
    expect(screen.queryByRole('button', { name: 'Check' })).toBeNull();
  });

  it('is still there after a look at another page', async () => {
    await checked('entra_wrong');
    location.hash = '#/log';
    await screen.findByRole('heading', { level: 1, name: 'Auth log' });
    location.hash = '#/entra';
    await screen.findByText('2 things are wrong.');
  });
});

describe('a test sign-in', () => {
  const LINK = /^http:\/\/localhost:4242\/test-sign-in\?key=/;
  const wishes = (host: FakeHost) => host.calls.filter(({ command }) => command === 'check_entra').map(({ payload }) => payload);

  async function begun(state: Parameters<typeof mountApp>[0] = 'entra') {
    const mounted = await open(state);
    const check = await panel();
    await mounted.user.click(check.getByRole('button', { name: 'Test sign-in' }));
    await check.findByText('Waiting for a sign-in.');
    return { ...mounted, check };
  }

  /** As the server does when the browser is back. */
  function comesBack(host: FakeHost, ended: Extract<TestSignIn, { is: 'ended' }>) {
    host.world.testing = ended;
    host.emit('events_recorded', []);
  }

  it('waits with a link to open or to copy', async () => {
    const { host, user, check } = await begun();
    check.getByText('It is good for 10 more minutes.');
    await user.click(check.getByRole('button', { name: 'Copy Link of the test sign-in' }));
    await user.click(check.getByRole('button', { name: 'Open in the browser' }));
    expect(host.copied).toEqual([expect.stringMatching(LINK)]);
    expect(host.opened).toEqual(host.copied);
    await check.findByText('The browser is at the sign-in page.');
    expect(check.getByRole('button', { name: 'Test sign-in' })).toHaveProperty('disabled', true);
    expect(checks(host)).toBe(0);
  });

  it('that passes finishes the list', async () => {
    const { host, check, user } = await begun();
    comesBack(host, { is: 'ended', passed: true, what: 'the test sign-in passed, and nothing of it was kept', hint: null, ...NOTHING, unsaved: false });
    await check.findByText(/The test sign-in passed, and nothing of it was kept\./);
    const list = within(await check.findByRole('list', { name: 'What was checked' }));
    list.getByText('It has every scope this server requires.');
    list.getByText('Whoever signed in may come in.');
    expect(check.queryByRole('button', { name: 'Open in the browser' })).toBeNull();
    // A check without one says only what is known without one.
    await user.click(check.getByRole('button', { name: 'Check again' }));
    await waitFor(() => expect(check.queryByText('Whoever signed in may come in.')).toBeNull());
    expect(wishes(host)).toEqual([{ signed_in: true }, {}]);
  });

  it('that ends while a check goes on is told once that is over', async () => {
    const { host, check, user } = await begun();
    const answer = host.hold('check_entra');
    await user.click(check.getByRole('button', { name: 'Check' }));
    comesBack(host, { is: 'ended', passed: true, what: 'the test sign-in passed, and nothing of it was kept', hint: null, ...NOTHING, unsaved: false });
    await waitFor(() => expect(check.queryByText('Waiting for a sign-in.')).toBeNull());
    answer();
    await check.findByText(/The test sign-in passed, and nothing of it was kept\./);
    expect(wishes(host)).toEqual([{}, { signed_in: true }]);
  });

  it('that is refused is the step that failed, with its fix', async () => {
    const host = fakeHost('entra');
    host.world.registration.consent = false;
    const { check } = await begun(host);
    comesBack(host, { is: 'ended', passed: false, what: 'Nobody has consented.', hint: 'Consent.', ...NOTHING, unsaved: false });
    await check.findByText('One thing is wrong.');
    const list = within(check.getByRole('list', { name: 'What was checked' }));
    list.getByText('AADSTS65001');
    list.getByText(/press Grant admin consent/);
  });

  it('can be stopped, and says so', async () => {
    const { user, check } = await begun();
    await user.click(check.getByRole('button', { name: 'Stop' }));
    const list = within(await check.findByRole('list', { name: 'What was checked' }));
    list.getByText('The test sign-in was cancelled.');
    list.getByText('Begin another test sign-in to see the rest.');
  });

  it('that a restart ended is told as that', async () => {
    const { host, check } = await begun();
    host.world.testing = { is: 'idle' };
    host.emit('status_changed', { ...host.world.status, started_at: Date.now() });
    within(await check.findByRole('alert')).getByText('The server started again, so the test sign-in is over');
    expect(check.queryByText('Waiting for a sign-in.')).toBeNull();
  });

  it('that waits is still there after a reload', async () => {
    await open('entra_testing');
    (await panel()).getByText('Waiting for a sign-in.');
  });

  it('that nobody finishes is over when its time is', async () => {
    const host = fakeHost('entra_testing');
    if (host.world.testing.is !== 'waiting') throw new Error('it waits');
    host.world.testing.expires_at = Date.now() - 1;
    const before = host.call;
    host.call = async (command, payload) => {
      const answer = await before(command, payload);
      if (command === 'test_sign_in') host.world.testing = { is: 'ended', passed: false, what: 'nobody opened the link of the test sign-in within 10 minutes', hint: null, ...NOTHING, unsaved: false };
      return answer;
    };
    await open(host);
    const list = within(await (await panel()).findByRole('list', { name: 'What was checked' }));
    list.getByText('Nobody opened the link of the test sign-in within 10 minutes.');
  });

  it('says why it cannot begin, and needs a server that runs', async () => {
    const host = fakeHost('entra');
    host.fail('begin_test_sign_in', new HostError('not_checked', 'access is paused, so nobody can sign in', 'resume it'));
    const { user } = await open(host);
    const check = await panel();
    await user.click(check.getByRole('button', { name: 'Test sign-in' }));
    within(await check.findByRole('alert')).getByText('Access is paused, so nobody can sign in');
    host.emit('status_changed', { ...host.world.status, state: { is: 'stopped' } });
    await waitFor(() => expect(check.getByRole('button', { name: 'Test sign-in' })).toHaveProperty('disabled', true));
  });
});

describe('changes', () => {
  const SECRET = 'hunter2~value';
  const changes = { 'entra.client_secret': SECRET };

  async function typed() {
    const mounted = await checked('entra_wrong');
    await mounted.user.click(screen.getByRole('button', { name: 'Replace' }));
    await mounted.user.type(screen.getByLabelText('Client secret'), SECRET);
    return { ...mounted, check: await panel() };
  }

  it('that are not saved are checked as they stand, and what was found of them is good once they are saved', async () => {
    const { host, user, check } = await typed();
    check.getByText('One change is not saved yet. What is found below is about the settings before your last change.');
    screen.getByText('2 things are wrong.');
    await user.click(check.getByRole('button', { name: 'Check again' }));
    await check.findByText('One thing is wrong.');
    check.getByText('One change is not saved yet. Check and test sign-in use it all the same.');
    expect(host.calls.filter(({ command }) => command === 'check_entra').map(({ payload }) => payload)).toEqual([{}, { changes }]);
    await user.click(check.getByRole('button', { name: 'Review and save' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(check.queryByText(/not saved yet/)).toBeNull());
    check.getByText('One thing is wrong.');
    expect(screen.queryByText('Saved. See whether Entra accepts the new settings.')).toBeNull();
  });

  it('that are saved without a check are worth one', async () => {
    const { host, user, check } = await typed();
    await user.click(check.getByRole('button', { name: 'Review and save' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    // What was found is about the old secret.
    await check.findByText('Saved. See whether Entra accepts the new settings.');
    expect(screen.queryByText('2 things are wrong.')).toBeNull();
    expect(checks(host)).toBe(1);
    const again = check.getByRole('button', { name: 'Check' });
    await waitFor(() => expect(document.activeElement).toBe(again));
  });

  it('that are not saved are what a test sign-in is made with, and saving is what is left when it passes', async () => {
    const host = fakeHost('entra');
    const { user } = await open(host);
    await user.click(await screen.findByRole('button', { name: 'Replace' }));
    await user.type(screen.getByLabelText('Client secret'), SECRET);
    const check = await panel();
    await user.click(check.getByRole('button', { name: 'Test sign-in' }));
    await check.findByText(/It is made with the changes that were not saved when it began/);
    expect(host.calls.find(({ command }) => command === 'begin_test_sign_in')?.payload).toEqual({ changes });
    host.world.testing = { is: 'ended', passed: true, what: 'the test sign-in passed with the changes, which are not saved yet; nothing of it was kept', hint: null, ...NOTHING, unsaved: true };
    host.emit('events_recorded', []);
    await check.findByText('It works with what you typed. One change is not saved yet.');
    // The server knows what it was made with.
    expect(host.calls.filter(({ command }) => command === 'check_entra').map(({ payload }) => payload)).toEqual([{ signed_in: true }]);
    await user.click(check.getByRole('button', { name: 'Review and save' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(check.queryByText(/not saved yet\.$/)).toBeNull());
    check.getByText('Whoever signed in may come in.');
  });

  it('that cannot be used are named instead of tested', async () => {
    const { host, user } = await open('entra');
    const tenant = await screen.findByLabelText<HTMLInputElement>('Tenant');
    await user.clear(tenant);
    await user.type(tenant, 'not a tenant');
    const check = await panel();
    await user.click(check.getByRole('button', { name: 'Test sign-in' }));
    within(await check.findByRole('alert')).getByText('A setting cannot be used: “Tenant”: “not a tenant” is not a directory id');
    expect(host.world.testing.is).toBe('idle');
    // It is about what stood there.
    await user.clear(tenant);
    await user.type(tenant, 'contoso.onmicrosoft.com');
    await waitFor(() => expect(check.queryByRole('alert')).toBeNull());
  });

  it('that move the redirect URI are tested by the one in force, and that is said', async () => {
    const { user } = await open('entra');
    await user.type(await screen.findByLabelText('Callback path'), '/elsewhere');
    const check = await panel();
    await user.click(check.getByRole('button', { name: 'Test sign-in' }));
    await check.findByText(/It comes back to the redirect URI in force/);
    check.getByText('http://localhost:4242/elsewhere');
  });

  it('of a window that was closed meanwhile are nothing that a result could be told of', async () => {
    const host = fakeHost('entra_testing');
    if (host.world.testing.is !== 'waiting') throw new Error('it waits');
    host.world.testing.unsaved = true;
    await open(host);
    const check = await panel();
    check.getByText('Waiting for a sign-in.');
    host.world.testing = { is: 'ended', passed: true, what: 'it passed', hint: null, ...NOTHING, unsaved: true };
    host.emit('events_recorded', []);
    within(await check.findByRole('alert')).getByText('The test sign-in was made with changes that this window no longer has');
    expect(checks(host)).toBe(0);
  });

  it('of what nobody checks suggest nothing', async () => {
    const { user } = await open('entra');
    await user.click(await screen.findByRole('button', { name: 'Switch to practice' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await screen.findByText('The practice tenant is in force');
    expect(screen.queryByText(/See whether Entra accepts/)).toBeNull();
  });

  it('made elsewhere leave no old findings behind', async () => {
    const { host } = await checked('entra_wrong');
    const row = host.world.settings.rows.find(({ key }) => key === 'entra.tenant')!;
    row.text = 'fabrikam.onmicrosoft.com';
    host.emit('status_changed', { ...host.world.status, started_at: Date.now() });
    await screen.findByText('The settings have changed since the last check.');
    expect(screen.getByLabelText('Client secret').hasAttribute('aria-invalid')).toBe(false);
  });

  it('of settings that it does not look at leave it as it is, whatever was taken back before', async () => {
    const { user } = await checked('entra');
    await user.click(screen.getByRole('button', { name: 'Replace' }));
    await user.click(screen.getByRole('button', { name: 'Keep the old one' }));
    await user.click(screen.getByRole('tab', { name: 'Tools' }));
    await user.type(await screen.findByLabelText('Scopes of version'), 'read');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Unsaved changes' })).toBeNull());
    await user.click(screen.getByRole('tab', { name: 'Your tenant' }));
    await (await panel()).findByText('Everything is as it should be.');
  });

  it.each([
    ['entra.tenant', true],
    ['access.people', true],
    ['identity.practice', true],
    ['server.listen', true],
    ['server.cors_origins', false],
    ['server.paused', false],
    ['tunnel.provider', false],
  ])('of %s make its answer an old one: %s', (key, old) => expect(isAsked(key)).toBe(old));

  it('of who may sign in are worth one', async () => {
    const { user } = await open('entra');
    await user.type(await screen.findByLabelText('Groups'), '9a1b6c1e-0000-4000-8000-000000000001');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await (await panel()).findByText('Saved. See whether Entra accepts the new settings.');
  });

  it('of an imported .env are worth a check too', async () => {
    const { user } = await open('empty');
    await user.click(screen.getByRole('button', { name: 'Import' }));
    await user.click(await screen.findByLabelText('Contents of the file'));
    await user.paste('JMOP_ENTRA_TENANT=contoso.onmicrosoft.com\nJMOP_ENTRA_CLIENT_ID=3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11');
    await user.click(await screen.findByRole('button', { name: 'Import and restart' }));
    await screen.findByText('Saved. See whether Entra accepts the new settings.');
  });

  it('while it is being checked make the answer an old one', async () => {
    const host = fakeHost('entra');
    const answer = host.hold('check_entra');
    const { user } = await open(host);
    await user.click(await screen.findByRole('button', { name: 'Check' }));
    await host.call('save_settings', { changes: { 'entra.tenant': 'fabrikam.onmicrosoft.com' } });
    await screen.findByDisplayValue('fabrikam.onmicrosoft.com');
    answer();
    await screen.findByText('The settings have changed since the last check.');
  });
});

describe('findings', () => {
  const { rows } = settings();
  const fieldOf = (more: Partial<CheckStep>, of = rows) => placed([step(more)], [LOCAL], of)[0]!;
  const given = (key: string, text: string | null, is = true) => rows.map((row) => (row.key === key ? { ...row, text, given: is } : row));

  it.each([
    [{ about: 'authority' }, 'entra.authority'],
    [{ about: 'tenant' }, 'entra.tenant'],
    [{ about: 'keys' }, 'entra.authority'],
    [{ about: 'credential', code: 7_000_215 }, 'entra.client_secret'],
    [{ about: 'credential', code: 700_016 }, 'entra.client_id'],
    [{ about: 'something_new' }, null],
  ])('%o belong to %s', (more, field) => expect(fieldOf(more).field).toBe(field));

  it('belong to the file where the secret is in one', () => {
    const inFile = given('entra.client_secret_file', '/run/secret').map((row) => (row.key === 'entra.client_secret' ? { ...row, given: false } : row));
    expect(fieldOf({ about: 'credential' }, inFile).field).toBe('entra.client_secret_file');
  });

  it('about redirect URIs name the one they are about', () => {
    const steps = [step({ about: 'keys' }), step({ about: 'redirect_uri' }), step({ about: 'redirect_uri' }), step({ about: 'redirect_uri' })];
    expect(placed(steps, [LOCAL, 'https://x/cb'], rows).map(({ redirectUri }) => redirectUri)).toEqual([null, LOCAL, 'https://x/cb', null]);
    expect(fieldOf({ about: 'credential', code: 9_002_327 })).toMatchObject({ field: null, redirectUri: LOCAL });
  });

  it('read as sentences, and addresses stay as they are', () => {
    expect(said('its signing keys can be read')).toBe('Its signing keys can be read.');
    expect(said(`${LOCAL} is registered`)).toBe(`${LOCAL} is registered.`);
    expect(said('the directory is there: https://login.example/v2.0')).toBe('The directory is there: https://login.example/v2.0');
    expect(toldStep(step({ what: 'Refused with AADSTS1.', code: 1 })).message).toBe('Refused with AADSTS1.');
  });

  it('are counted', () => {
    expect(summary([step({}), step({ outcome: 'unknown' })])).toBe('One thing is wrong.');
    expect(summary([step({ outcome: 'unknown' }), step({ outcome: 'unknown' })])).toContain('2 things are not known');
  });

  it('are good only if every one is', () => {
    const [passed, noted, failed] = (['passed', 'noted', 'failed'] as const).map((outcome) => step({ outcome }));
    expect([[passed!], [passed!, noted!], [noted!, failed!]].map(toneOf)).toEqual(['good', 'off', 'bad']);
  });

  it('that never come are an error of the host', async () => {
    const host = fakeHost('entra');
    host.fail('check_entra', new HostError('unreachable', 'the server does not answer', null));
    const { user } = await open(host);
    await user.click(await screen.findByRole('button', { name: 'Check' }));
    await screen.findByText('The server does not answer');
  });
});

import { screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import type { Creation } from '../../host/api';
import { fakeHost } from '../../host/fake';
import { HostError } from '../../host/host';
import { mountApp } from '../../test/render';

async function open(state: Parameters<typeof mountApp>[0] = 'empty') {
  const mounted = mountApp(state, '#/entra?view=guide');
  await screen.findByRole('radio', { name: 'Create it now' });
  return mounted;
}

const said = () => document.body.textContent?.replace(/\s+/g, ' ');

const CALLS = [
  { what: 'Register the application', method: 'POST', path: '/v1.0/applications' },
  { what: 'Make a client secret', method: 'POST', path: '/v1.0/applications/{id}/addPassword' },
];
const UNDO = [{ what: 'Delete the application', method: 'DELETE', path: '/v1.0/applications/{id}' }];
const FAILED: Creation = {
  is: 'failed',
  what: 'This account may not register applications in this directory.',
  hint: 'Sign in as somebody who may.',
  code: null,
  remedies: [],
  undone: { is: 'left', name: 'Proxy', client_id: 'c-1', tag: 't-1', link: 'https://entra.microsoft.com/#x' },
  calls: CALLS,
  done: 1,
};

describe('an app registration', () => {
  it('is made after a sign-in and a look at the plan', async () => {
    const { host, user } = await open();
    await user.type(screen.getByLabelText('Name of the app registration'), 'Mine');
    await user.click(screen.getByRole('radio', { name: 'Any organization' }));
    await user.click(screen.getByRole('button', { name: 'Sign in and see the plan' }));
    await screen.findByText('HJKTWXBCD');
    expect(host.calls).toContainEqual({ command: 'begin_creation', payload: { name: 'Mine', any_directory: true, practice: false } });
    await user.click(screen.getByRole('button', { name: 'Copy the code and open the page' }));
    expect([host.copied.at(-1), host.opened.at(-1)]).toEqual(['HJKTWXBCD', 'https://microsoft.com/devicelogin']);

    host.emit('creation_changed', (host.world.creating.state = { is: 'planned', tenant: 't-1', name: 'Ada', username: 'ada@contoso.com', calls: CALLS, undo: UNDO }));
    await screen.findByText('POST /v1.0/applications/{id}/addPassword');
    await screen.findByText('DELETE /v1.0/applications/{id}', { selector: 'code' });
    expect(screen.getByText('(ada@contoso.com)', { exact: false })).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Create it' }));
    host.emit('creation_changed', { is: 'making', calls: CALLS, done: 1, left: { is: 'nothing' } });
    await waitFor(() => expect(screen.getAllByLabelText('done')).toHaveLength(1));
    host.emit('creation_changed', { is: 'done', tenant: 't-1', client_id: 'c-1', saved: true, secret_ends: '2028-11-25T10:00:00Z', is_owner: false });
    await screen.findByText('Done. People sign in with it now');
    expect(document.body.textContent).toContain('2028-11-25');
    expect(document.body.textContent).toContain('You are not listed as its owner');
  });

  it('that failed says what is left, and where', async () => {
    const host = fakeHost('empty');
    host.world.creating.state = FAILED;
    const { user } = await open(host);
    await screen.findByText('This account may not register applications in this directory');
    expect(said()).toContain('“Proxy”, client ID c-1, is still there');
    await user.click(screen.getByRole('button', { name: 'Open App registrations' }));
    expect(host.opened).toEqual(['https://entra.microsoft.com/#x']);
    await user.click(screen.getByRole('button', { name: 'It is deleted' }));
    await screen.findByRole('button', { name: 'Sign in and see the plan' });
    expect(host.calls).toContainEqual({ command: 'close_creation', payload: {} });
  });

  it.each([
    [{ is: 'left', name: 'Proxy', client_id: null, tag: 'proxy-1', link: null }, 'one that has the tag proxy-1 in its manifest'],
    [{ is: 'removed', name: 'Proxy', client_id: 'c-1', for_good: true }, 'removed again, for good'],
    [{ is: 'removed', name: 'Proxy', client_id: 'c-1', for_good: false }, 'For 30 days “Proxy” can be restored'],
    [{ is: 'nothing' }, 'Nothing was made'],
  ] as const)('that failed says exactly what there is: %o', async (undone, what) => {
    const host = fakeHost('empty');
    host.world.creating.state = { ...FAILED, undone };
    await open(host);
    await screen.findByText('This account may not register applications in this directory');
    expect(said()).toContain(what);
  });

  it('that cannot be begun says why', async () => {
    const { host, user } = await open();
    host.fail('begin_creation', new HostError('not_created', '`entra.tenant` is set by the environment', 'take it out there'));
    await user.click(screen.getByRole('button', { name: 'Sign in and see the plan' }));
    await screen.findByText(/set by the environment/);
  });

  it('is a text to copy or save, in each form', async () => {
    const { host, user } = await open();
    for (const [way, file] of [
      ['az script', 'register.sh'],
      ['Manifest', 'manifest.json'],
      ['Terraform', 'registration.tf'],
      ['Bicep', 'registration.bicep'],
    ] as const) {
      await user.click(screen.getByRole('radio', { name: way }));
      await user.click(await screen.findByRole('button', { name: `Save as ${file}` }));
    }
    expect(host.saved.map(({ name }) => name)).toEqual(['register.sh', 'manifest.json', 'registration.tf', 'registration.bicep']);
    expect(host.saved[1]?.text).toContain('requestedAccessTokenVersion');
  });
});

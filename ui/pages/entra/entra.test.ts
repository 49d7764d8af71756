import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost, type FakeHost } from '../../host/fake';
import { mountApp } from '../../test/render';

const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const saved = (host: FakeHost) => host.calls.filter(({ command }) => command === 'save_settings').map(({ payload }) => payload);

async function open(state: Parameters<typeof mountApp>[0] = 'busy', view?: string) {
  const mounted = mountApp(state, view === undefined ? '#/entra' : `#/entra?view=${view}`);
  await screen.findByRole('heading', { level: 1, name: 'Entra' });
  return mounted;
}

describe('your tenant', () => {
  it('is entered, reviewed and saved, and the secret is never among the words', async () => {
    const { host, user } = await open('empty');
    await user.type(await screen.findByLabelText('Tenant'), 'contoso.onmicrosoft.com');
    await user.type(field('Client ID'), '3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11');
    await user.type(field('Client secret'), 'hunter2~value');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).toContain('none becomes→ a new one');
    expect(dialog.textContent).toContain('People sign in somewhere else from now on');
    expect(dialog.textContent).not.toContain('hunter2');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await screen.findByText('Microsoft Entra is in force');
    expect(saved(host)).toHaveLength(1);
    expect(screen.getByDisplayValue('A secret is kept')).toBeTruthy();
  });

  it('leads to what is wrong instead of saving', async () => {
    const { host, user } = await open('entra');
    const tenant = await screen.findByLabelText<HTMLInputElement>('Tenant');
    await user.clear(tenant);
    await user.type(tenant, 'not a tenant');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await waitFor(() => expect(document.activeElement).toBe(tenant));
    expect(tenant.getAttribute('aria-invalid')).toBe('true');
    expect(saved(host)).toEqual([]);
  });

  it('names problems of the other page, and leads to the part they are mended in', async () => {
    const host = fakeHost('entra');
    host.world.settings.problems = [{ field: 'storage.events', code: 'not-a-number', message: '`x` is not a number', hint: 'write digits only', source: { is: 'window' } }];
    await open(host);
    const notice = await screen.findByRole('alert');
    expect(notice.textContent).toContain('Events to keep: “x” is not a number. Write digits only');
    expect(within(notice).getByRole<HTMLAnchorElement>('link').getAttribute('href')).toBe('#/settings?part=storage');
  });

  it('is put in force from the practice tenant, after saying what that does', async () => {
    const { host, user } = await open();
    await user.click(await screen.findByRole('button', { name: 'Switch to Entra' }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).toContain('Always becomes→ Until an Entra tenant is given');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(saved(host)).toEqual([{ changes: { 'identity.practice': '' } }]));
  });
});

describe('practice tenant', () => {
  it('has its faults and people switched, and its address for scripts', async () => {
    const { host, user } = await open('busy', 'practice');
    await user.click(await screen.findByRole('switch', { name: 'Slow' }));
    await waitFor(() => expect(host.calls).toContainEqual({ command: 'set_fault', payload: { fault: 'slow', on: true } }));
    await user.click(screen.getByRole('switch', { name: 'Ben Okafor can sign in' }));
    await waitFor(() => expect(host.calls).toContainEqual({ command: 'set_person', payload: { person: 'ben', disabled: true } }));
    await user.type(field('Sign in without asking'), 'ada');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(saved(host)).toEqual([{ changes: { 'practice.sign_in': 'ada' } }]));
  });

  it('is switched to where Entra is in force', async () => {
    const { user } = await open('entra', 'practice');
    await screen.findByText('The practice tenant is off');
    await user.click(screen.getByRole('button', { name: 'Switch to the practice tenant' }));
    await screen.findByRole('alertdialog', { name: 'Save these changes?' });
  });
});

describe('import', () => {
  it('shows what a .env would change before it does, and never its secret', async () => {
    const { host, user } = await open('empty');
    await user.click(screen.getByRole('button', { name: 'Import' }));
    const drawer = within(await screen.findByRole('dialog', { name: 'Import' }));
    await user.click(drawer.getByLabelText('Contents of the file'));
    await user.paste(
      'FASTMCP_SERVER_AUTH_AZURE_TENANT_ID=contoso.onmicrosoft.com\nFASTMCP_SERVER_AUTH_AZURE_CLIENT_ID=3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11\nFASTMCP_SERVER_AUTH_AZURE_CLIENT_SECRET=hunter2~value\nOTHER=1',
    );
    await drawer.findByText('What the file sets');
    expect(drawer.getByText('a secret, not shown')).toBeTruthy();
    expect(drawer.getByText('OTHER')).toBeTruthy();
    expect(document.body.textContent).not.toContain('hunter2');
    await user.click(drawer.getByRole('button', { name: 'Import and restart' }));
    await screen.findByText('Imported');
    expect(host.calls.map(({ command }) => command)).toContain('save_env');
  });

  it('takes a manifest too, and says what is wrong with the registration', async () => {
    const { host, user } = await open('empty');
    await user.click(screen.getByRole('button', { name: 'Import' }));
    const drawer = within(await screen.findByRole('dialog', { name: 'Import' }));
    await user.click(drawer.getByLabelText('Contents of the file'));
    const client = '3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11';
    await user.paste(JSON.stringify({ appId: client, publisherDomain: 'contoso.onmicrosoft.com', web: { redirectUris: [] } }));
    await drawer.findByText('Mend in the app registration, or nobody can sign in');
    expect(drawer.getByText(client)).toBeTruthy();
    expect(host.calls.map(({ command }) => command)).toContain('read_env');
  });
});

describe('tools', () => {
  it('shows what each needs, and to the eyes of somebody whether they could call it and why not', async () => {
    const { user } = await open('entra', 'tools');
    const table = await screen.findByRole('table', { name: 'Tools and what they need' });
    expect(within(table).getByText('admin')).toBeTruthy();
    expect(within(table).queryByText('Yes')).toBeNull();
    await user.selectOptions(field('View as'), screen.getByRole('option', { name: /^Ben Okafor/ }));
    expect(await within(table).findByText('Yes')).toBeTruthy();
    expect(table.textContent).toContain('needs the app role “Admin”, which the person does not have');
  });

  it('is where the needs of a tool are entered', async () => {
    const { host, user } = await open('entra', 'tools');
    await user.type(await screen.findByLabelText('App roles of get_user_info'), 'Reader');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(saved(host)).toEqual([{ changes: { 'tools.get_user_info_roles': 'Reader' } }]));
  });
});

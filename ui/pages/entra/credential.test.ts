import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import type { SettingRow, Status } from '../../host/api';
import { fakeHost } from '../../host/fake';
import { credentialNotice } from '../../state/credential';
import { mountApp } from '../../test/render';
import { chosenKind } from './credential';

async function open(state: Parameters<typeof mountApp>[0] = 'entra') {
  const mounted = mountApp(state, '#/entra');
  await screen.findByRole('radio', { name: /^Client secret/ });
  return mounted;
}

const radio = (name: string) => screen.getByRole<HTMLInputElement>('radio', { name: new RegExp(`^${name}`) });

describe('the credential', () => {
  it('shows the fields of the chosen kind only, the secret first', async () => {
    const { user } = await open('empty');
    expect(radio('Client secret').checked).toBe(true);
    expect(screen.getByLabelText('Secret expires on')).toBeTruthy();
    expect(screen.queryByLabelText('Next client secret')).toBeNull();
    await user.click(radio('Managed identity'));
    expect(screen.getByLabelText('Identity')).toBeTruthy();
    expect(screen.queryByLabelText('Client secret', { selector: 'input[type=password]' })).toBeNull();
    await user.click(radio('Federated token file'));
    expect(screen.getByLabelText('Token file')).toBeTruthy();
    await user.click(radio('None'));
    expect(screen.queryByLabelText('Token file')).toBeNull();
  });

  it('asks for the secret again beside its field where the cloud is another', async () => {
    const { host, user } = await open();
    await user.selectOptions(screen.getByLabelText('Cloud'), 'US Government');
    const told = await screen.findByText(/Type the secret again: the sign-in host changed/);
    expect(told.closest('[data-field]')?.getAttribute('data-field')).toBe('entra.client_secret');
    await user.click(screen.getByRole('button', { name: 'Check' }));
    await screen.findByText(/a setting cannot be used/i);
    expect(host.calls.some(({ command }) => command === 'save_settings')).toBe(false);
  });

  it('takes the next secret beside the one that is kept', async () => {
    const { host, user } = await open();
    await user.type(screen.getByLabelText('Next client secret'), 'next~value');
    await user.click(screen.getByRole('button', { name: 'Review' }));
    const dialog = await screen.findByRole('alertdialog');
    expect(dialog.textContent).not.toContain('next~value');
    await user.click(within(dialog).getByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(host.calls).toContainEqual({ command: 'save_settings', payload: { changes: { 'entra.next_client_secret': 'next~value' } } }));
  });

  it('is a certificate made with one click, to download and to copy, and counts once that is saved', async () => {
    const { host, user } = await open();
    await user.click(radio('Certificate'));
    await user.click(screen.getByRole('button', { name: 'Make a certificate' }));
    await screen.findByText(/expires in 36\d days/);
    const [made] = host.world.certificates;
    expect(screen.getByText(made?.thumbprint ?? '')).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Download .cer' }));
    await waitFor(() => expect(host.saved).toEqual([{ name: 'just-mcp-oauth-proxy.cer', text: made?.pem }]));
    await user.click(screen.getByRole('button', { name: 'Copy Certificate' }));
    expect(host.copied).toEqual([made?.pem]);
    await user.click(screen.getByRole('button', { name: 'Make the next one' }));
    await screen.findByText(/The one before it/);
    await user.click(screen.getByRole('button', { name: 'Review' }));
    await user.click(await screen.findByRole('button', { name: 'Save and restart' }));
    await waitFor(() => expect(host.calls).toContainEqual({ command: 'save_settings', payload: { changes: { 'entra.credential': 'certificate' } } }));
  });

  it('offers nothing but a new one once the certificate has expired', async () => {
    const { user } = await open('entra_certificate_ended');
    await screen.findByText(/\(expired\)/);
    expect(screen.queryByRole('button', { name: 'Download .cer' })).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Make a new one' }));
    await screen.findByRole('button', { name: 'Download .cer' });
  });

  it('is told on every page 30 days before its end, and plainly once it is over', async () => {
    mountApp('entra_secret_ends', '#/sessions');
    await screen.findByText(/The client secret expires in 1[12] days/);
    const host = fakeHost('entra_secret_ended');
    const { status } = host.world;
    const at = (kind: string, days: number, fell_back = false): Status => ({
      ...status,
      credential: { kind, expires_at: status.now + days * 24 * 3_600_000, fell_back },
    });
    const told = (status: Status) => credentialNotice(status, status.now);
    expect(told(status)).toMatchObject({ tone: 'bad', title: 'The client secret has expired.' });
    expect(told(at('certificate', 1))).toMatchObject({ tone: 'warn', title: 'The certificate expires tomorrow.' });
    expect(told(at('certificate', 0.5))).toMatchObject({ title: 'The certificate expires today.' });
    expect(told(at('secret', 30))).toBeNull();
    expect(told(at('secret', -3, true))).toMatchObject({ tone: 'warn', title: 'Entra refuses the client secret.' });
    expect(told({ ...status, credential: null })).toBeNull();
  });

  it('counts by itself as the engine does', () => {
    const { rows } = fakeHost('empty').world.settings;
    const given = (key: string): SettingRow[] => rows.map((row) => (row.key === key ? { ...row, given: true } : row));
    expect(chosenKind(rows, {}, false)).toBe('secret');
    expect(chosenKind(rows, {}, true)).toBe('certificate');
    expect(chosenKind(given('entra.client_secret'), {}, true)).toBe('secret');
    expect(chosenKind(given('entra.client_secret'), { 'entra.client_secret': '' }, true)).toBe('certificate');
    expect(chosenKind(given('entra.certificate_file'), {}, false)).toBe('certificate');
    expect(chosenKind(rows, { 'entra.credential': 'none' }, true)).toBe('none');
  });
});

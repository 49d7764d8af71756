import { screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import type { Remedy, RemedyField } from '../../host/api';
import { fakeHost } from '../../host/fake';
import { mountApp, mountPart } from '../../test/render';
import Remedies from './Remedies.svelte';
import { CHANGES } from './remedies';

const change = (setting: RemedyField, to: string | null = null): Remedy => ({ does: 'change', setting, to });
const FIELDS = Object.keys(CHANGES) as RemedyField[];

/** Of a credential that is a secret, as the fixtures have it, there is no certificate to see. */
const inSight = (field: RemedyField) => (field === 'entra.certificate' ? 'entra.credential' : field);

/** The log, where the newest attempt was refused with these ways out. */
function open(...remedies: Remedy[]) {
  const host = fakeHost('entra');
  host.world.attempts = host.world.attempts.slice(0, 1).map((row) => ({
    ...row,
    client_name: 'Claude Code',
    verdict: { is: 'refused', sentence: 'Entra refused', hint: null, code: null, fixer: null, remedies },
  }));
  return mountApp(host, '#/log');
}

describe('a setting that mends a refusal', () => {
  it.each(FIELDS)('%s is gone to on the Entra page, with the keyboard in it', async (field) => {
    mountApp('entra', `#/entra?field=${field}`);
    await waitFor(() => expect(document.activeElement?.closest('[data-field]')?.getAttribute('data-field')).toBe(inSight(field)));
    expect(document.activeElement!.matches('input, select, textarea')).toBe(true);
    // Asked for again, it is gone to again.
    expect(location.hash).toBe('#/entra');
  });

  it.each(FIELDS)('%s has a button that leads there', async (field) => {
    const { user } = mountPart(Remedies, { remedies: [change(field)], about: 'Ada' }, fakeHost('entra'));
    await user.tab();
    expect(document.activeElement).toBe(screen.getByRole('button', { name: `${CHANGES[field]} for Ada` }));
    await user.keyboard('{Enter}');
    expect(location.hash).toBe(`#/entra?field=${field}`);
  });

  it('is filled in where there is one text only, and is not saved by that', async () => {
    const { user, host } = open({ does: 'change', setting: 'server.sign_in', to: 'anywhere' });
    await user.click(await screen.findByRole('button', { name: 'Sign in from anywhere for Claude Code' }));
    const radio = await screen.findByRole<HTMLInputElement>('radio', { name: /^From anywhere/ });
    await waitFor(() => expect(document.activeElement).toBe(radio));
    expect(radio.checked).toBe(true);
    expect(host.calls.some(({ command }) => command === 'save_settings')).toBe(false);
  });
});

describe('a remedy', () => {
  it('opens the page of the portal', async () => {
    const url = 'https://entra.microsoft.us/#view/x/appId/app-1';
    const { user, host } = mountPart(Remedies, { remedies: [{ does: 'open', page: 'Authentication', url }], about: 'Ada' });
    await user.click(screen.getByRole('button', { name: 'Open Authentication for Ada' }));
    expect(host.opened).toEqual([url]);
  });

  it('signs in once more and leads to the link', async () => {
    const { user, host } = open({ does: 'sign_in' });
    await user.click(await screen.findByRole('button', { name: 'Test sign-in for Claude Code' }));
    await waitFor(() => expect(document.activeElement?.textContent).toContain('Open in the browser'));
    expect(host.calls.filter(({ command }) => command === 'begin_test_sign_in')).toHaveLength(1);
  });

  it('that leads nowhere, or is done already, is not offered', async () => {
    open({ does: 'open', page: 'a trap', url: 'javascript:alert(1)' }, change('server.sign_in', 'this-computer'), change('entra.tenant'));
    await screen.findByRole('button', { name: 'Change the tenant for Claude Code' });
    expect(screen.getAllByRole('button', { name: /for Claude Code$/ })).toHaveLength(1);
  });
});

import { screen, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost, type FakeState } from '../../host/fake';
import { mountApp } from '../../test/render';

/** Of a server that nobody has used. */
async function open(state: FakeState) {
  const host = fakeHost(state);
  Object.assign(host.world, { sessions: [], attempts: [] });
  const { user } = mountApp(host);
  return { user, host, steps: within(await screen.findByRole('region', { name: 'First steps' })) };
}

describe('the first steps at a tenant of one’s own', () => {
  it('begin with whether Entra accepts the settings, and lead to what is wrong', async () => {
    const { user, steps } = await open('entra_wrong');
    await user.click(steps.getByRole('button', { name: 'Check' }));
    const mend = await steps.findByRole('link', { name: 'See what, and how to mend it' });
    expect(steps.getByText(/things? (?:is|are) wrong./)).toBeTruthy();
    await user.click(mend);
    expect(await screen.findByRole('heading', { level: 1, name: 'Entra' })).toBeTruthy();
    expect(screen.getByRole('list', { name: 'What was checked' })).toBeTruthy();
  });

  it('keep the keyboard where it was while it checks and after', async () => {
    const { user, host, steps } = await open('entra');
    const answer = host.hold('check_entra');
    const button = steps.getByRole('button', { name: 'Check' });
    await user.click(button);
    await steps.findByText('Checking. This can take some seconds.');
    expect(button.getAttribute('aria-busy')).toBe('true');
    expect(document.activeElement).toBe(button);
    answer();
    await steps.findByRole('link', { name: 'See each step' });
    expect(document.activeElement).toBe(steps.getByRole('button', { name: 'Check again' }));
    expect(button.closest('[role=status]')).toBeNull();
  });

  it('call nothing good that is not known', async () => {
    const { user, steps } = await open('public');
    await user.click(steps.getByRole('button', { name: 'Check' }));
    await steps.findByText(/one thing is not known/);
    expect(steps.getByRole('status').querySelector('.lamp.off')).not.toBeNull();
  });

  it('say so when all is well', async () => {
    const { user, steps } = await open('entra');
    await user.click(steps.getByRole('button', { name: 'Check' }));
    expect(await steps.findByRole('link', { name: 'See each step' })).toBeTruthy();
    expect(steps.queryByText(/wrong./)).toBeNull();
  });

  it('have nothing to check at the practice tenant', async () => {
    const { host, steps } = await open('empty');
    expect(steps.queryByRole('button')).toBeNull();
    expect(host.calls.map(({ command }) => command)).not.toContain('check_entra');
  });
});

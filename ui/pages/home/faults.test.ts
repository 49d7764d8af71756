import { screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost } from '../../host/fake';
import { mountApp } from '../../test/render';

describe('a fault of the practice tenant', () => {
  it('is told on Home while it is on, and is switched off there', async () => {
    const { host, user } = mountApp('busy', '#/home');
    await screen.findByText(/of the practice tenant is on/);
    await user.click(screen.getByRole('button', { name: 'Switch it off' }));
    await waitFor(() => expect(screen.queryByText(/of the practice tenant is on/)).toBeNull());
    expect(host.calls.filter(({ command }) => command === 'set_fault').map(({ payload }) => payload)).toEqual([{ fault: 'expired-secret', on: false }]);
  });

  it('is nothing to tell of where there is none, or no practice tenant', async () => {
    const host = fakeHost('entra');
    mountApp(host, '#/home');
    await screen.findByText('Connect a client');
    expect(screen.queryByText(/of the practice tenant/)).toBeNull();
    expect(host.calls.some(({ command }) => command === 'practice')).toBe(false);
  });
});

import { screen, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { FIXERS } from '../../host/api';
import { fakeHost } from '../../host/fake';
import { mountApp } from '../../test/render';

const NOTHING = { code: null, remedies: [] };

describe('the drawer of a session', () => {
  it('ends what the last refresh met before it says who can fix it', async () => {
    const host = fakeHost();
    const row = host.world.sessions.find(({ state }) => state.is === 'live')!;
    row.refresh = { ...NOTHING, at: host.world.now, ok: false, detail: 'Entra did not answer within 10 s', fixer: 'nobody' };
    mountApp(host, `#/sessions?session=${row.session}`);
    await within(await screen.findByRole('dialog')).findByText(`Entra did not answer within 10 s. ${FIXERS.nobody}`);
  });

  it('ends why the session did before it says who can fix it', async () => {
    const host = fakeHost();
    const row = host.world.sessions[0]!;
    row.state = { ...NOTHING, is: 'ended', at: host.world.now, why: 'refused', reason: 'the account is disabled', fixer: 'tenant_admin' };
    mountApp(host, `#/sessions?session=${row.session}`);
    const reason = await within(await screen.findByRole('dialog')).findByText(/The account is disabled/);
    expect(reason.textContent).toContain(`The account is disabled. ${FIXERS.tenant_admin}`);
  });
});

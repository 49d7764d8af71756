import { screen, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { fakeHost } from '../../host/fake';
import { mountApp } from '../../test/render';
import { groupsOf } from './groups';

describe('groups', () => {
  it.each([
    [{ groups: ['b', 'a', 'a', 7] }, {}, [], { is: 'named', names: ['a', 'b'] }],
    [{}, { groups: ['Engineering'] }, [], { is: 'named', names: ['Engineering'] }],
    [{ _claim_names: { groups: 'src1' } }, {}, ['group-overage'], { is: 'too_many' }],
    [{ groups: [] }, { hasgroups: true }, ['group-overage'], { is: 'too_many' }],
    [{}, {}, [], { is: 'unsaid' }],
  ])('of %j and %j with %j', (access_claims, id_claims, badges, told) => {
    expect(groupsOf({ access_claims, id_claims, badges })).toEqual(told);
  });

  it('are in the drawer of a live session', async () => {
    const host = fakeHost();
    const live = host.world.sessions.find(({ state }) => state.is === 'live')!;
    mountApp(host, `#/sessions?session=${live.session}`);
    const drawer = within(await screen.findByRole('dialog'));
    await drawer.findByText('Engineering');
    expect(host.calls.filter(({ command }) => command === 'session_claims')).toHaveLength(1);
  });
});

import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { HostError } from '../../host/host';
import { visits } from '../../host/fixtures';
import { mountApp } from '../../test/render';
import { merged, who } from './visits';

const table = async () => within(await screen.findByRole('table', { name: 'What came in from outside' }));
const rowsOf = (shown: Awaited<ReturnType<typeof table>>) => shown.getAllByRole('row').slice(1);

describe('what came in from outside', () => {
  it('shows who asked for what, what came of it and how often', async () => {
    const { user } = mountApp('tunnel_busy');
    const shown = await table();
    const [claude, stranger, flood] = rowsOf(shown);
    expect(claude!.textContent).toMatch(/Claude.*from 203\.0\.113\.24.*POST \/mcp.*Answered.*214 ×/s);
    expect(stranger!.textContent).toMatch(/198\.51\.100\.77.*and other addresses.*Nothing is served there.*404.*1,482 ×/s);
    expect(flood!.textContent).toMatch(/600 at once, then 20 a second.*429/s);
    expect(shown.getByText('says the request, from 192.0.2.10')).toBeTruthy();
    expect(rowsOf(shown)).toHaveLength(6);
    await user.click(screen.getByRole('button', { name: 'Show all 8' }));
    expect(rowsOf(shown)).toHaveLength(8);
  });

  it('is live: what comes again counts up in front, what is new is added', async () => {
    const { host } = mountApp('tunnel_busy');
    const shown = await table();
    const jwks = visits(Date.now()).find(({ path }) => path === '/jwks')!;
    host.emit('visits_changed', [{ ...jwks, count: 13 }, { ...jwks, id: 99, path: '/evil/<img src=x>', status: 404 }]);
    await waitFor(() => expect(rowsOf(shown)[0]!.textContent).toContain('13 ×'));
    expect(rowsOf(shown)[1]!.textContent).toContain('/evil/<img src=x>');
    expect(document.querySelector('img[src="x"]')).toBeNull();
  });

  it('says so while nobody came, is out of the way while nobody can, and what went wrong', async () => {
    const open = mountApp('tunnel_reachable');
    await screen.findByText('Nobody has come in yet');
    open.unmount();
    const off = mountApp('entra');
    await screen.findByRole('region', { name: 'Public internet' });
    expect(screen.queryByRole('region', { name: 'From outside' })).toBeNull();
    off.unmount();
    const broken = mountApp('tunnel_reachable', '#/sessions');
    broken.host.fail('visits', new HostError('store_unavailable', 'the store does not answer', 'try again'));
    location.hash = '#/home';
    await within(await screen.findByRole('region', { name: 'From outside' })).findByText(/store does not answer/i);
  });

  it('never keeps more than the engine does', () => {
    const [one] = visits(0);
    const many = Array.from({ length: 400 }, (_, id) => ({ ...one!, id: id + 100 }));
    expect(merged(many, [one!])).toHaveLength(300);
    expect(merged([one!], [{ ...one!, count: 300 }])).toEqual([{ ...one!, count: 300 }]);
  });

  it('trusts a name only with a token', () => {
    expect(who({ client: 'Claude', proven: false, from: null })).toEqual({ name: 'Claude', about: 'says the request' });
    expect(who({ client: null, proven: false, from: null })).toEqual({ name: 'Somebody', about: 'the tunnel does not say from where' });
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { fakeHost } from './fake';
import { HostError, isWebLink, type Connection } from './host';
import { httpHost } from './http';

describe('HostError', () => {
  it('takes what the engine serialises', () => {
    const error = HostError.of({ code: 'not_found', message: 'there is no such session', hint: 'look again' });
    expect(error).toMatchObject({ code: 'not_found', message: 'there is no such session', hint: 'look again' });
  });

  it.each([null, undefined, 'text', 42, {}, { code: 1, message: 'x' }, new TypeError('boom')])(
    'never shows %o as it is, and still says what to do',
    (thrown) => {
      const error = HostError.of(thrown);
      expect(error.code).toBe('unreadable');
      expect(error.message).not.toContain('boom');
      expect(error.hint).not.toBeNull();
    },
  );
});

describe('isWebLink', () => {
  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,x', 'vscode://x', '', 'x', '//host'])('refuses %s', (url) =>
    expect(isWebLink(url)).toBe(false),
  );
  it.each(['https://claude.ai/', 'http://localhost:4242/mcp'])('takes %s', (url) => expect(isWebLink(url)).toBe(true));
});

class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }

  close() {
    this.closed = true;
  }
}

describe('httpHost', () => {
  let fetched: { url: string; init: RequestInit }[] = [];
  let answer: () => Response | Promise<Response>;

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    FakeSource.all = [];
    fetched = [];
    answer = () => Response.json({ paused: false });
  });
  afterEach(() => void vi.useRealTimers());

  const start = () => {
    const connections: Connection[] = [];
    const host = httpHost({
      fetch: (async (url: string, init: RequestInit) => {
        fetched.push({ url, init });
        return answer();
      }) as typeof fetch,
      EventSource: FakeSource as unknown as typeof EventSource,
      now: Date.now,
    });
    host.onConnection((connection) => connections.push(connection));
    return { host, connections };
  };

  it('posts a command as JSON and answers what the server does', async () => {
    const { host } = start();
    await expect(host.call('set_paused', { paused: true })).resolves.toEqual({ paused: false });
    expect(fetched[0]!.url).toBe('/rpc/set_paused');
    expect(fetched[0]!.init).toMatchObject({ method: 'POST', body: '{"paused":true}' });
  });

  it('rejects with what the engine says', async () => {
    answer = () => Response.json({ code: 'not_found', message: 'no', hint: 'look' }, { status: 404 });
    await expect(start().host.call('status', {})).rejects.toMatchObject({ code: 'not_found', hint: 'look' });
  });

  it('says so when the answer is somebody else\'s page', async () => {
    answer = () => new Response('<html>', { status: 502 });
    await expect(start().host.call('status', {})).rejects.toMatchObject({ code: 'unreadable' });
  });

  it('says so when nothing answers', async () => {
    answer = () => Promise.reject(new TypeError('Failed to fetch'));
    await expect(start().host.call('status', {})).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is locked out by 401, and does not knock again', async () => {
    const { host, connections } = start();
    answer = () => new Response(null, { status: 401 });
    await expect(host.call('status', {})).rejects.toMatchObject({ code: 'locked_out' });
    expect(connections.at(-1)).toEqual({ is: 'locked_out' });
    FakeSource.all[0]!.onerror!();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSource.all).toHaveLength(1);
  });

  it('tells the events of the stream, and leaves out what does not read', () => {
    const { host } = start();
    const heard: unknown[] = [];
    const stop = host.on('events_recorded', (rows) => heard.push(rows));
    const source = FakeSource.all[0]!;
    source.dispatchEvent(new MessageEvent('events_recorded', { data: '[]' }));
    source.dispatchEvent(new MessageEvent('events_recorded', { data: '{' }));
    source.dispatchEvent(new MessageEvent('status_changed', { data: '{}' }));
    stop();
    source.dispatchEvent(new MessageEvent('events_recorded', { data: '[]' }));
    expect(heard).toEqual([[]]);
  });

  it('comes back with growing pauses, and begins anew once it was open', async () => {
    const { connections } = start();
    const waits: number[] = [];
    const fail = async () => {
      FakeSource.all.at(-1)!.onerror!();
      await vi.advanceTimersByTimeAsync(0);
      const lost = connections.at(-1);
      if (lost?.is !== 'lost') throw new Error('not lost');
      waits.push(lost.retry_at - Date.now());
      await vi.advanceTimersByTimeAsync(waits.at(-1)!);
    };
    for (let index = 0; index < 7; index += 1) await fail();
    FakeSource.all.at(-1)!.onopen!();
    expect(connections.at(-1)).toEqual({ is: 'open' });
    await fail();
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 500]);
    expect(FakeSource.all.slice(0, -1).every(({ closed }) => closed)).toBe(true);
  });
});

describe('fakeHost', () => {
  it('shares no objects with whoever asks', async () => {
    const host = fakeHost();
    const rows = await host.call('list_sessions', {});
    rows.length = 0;
    expect((await host.call('list_sessions', {})).length).toBe(12);
  });

  it('pages attempts as the engine does', async () => {
    const host = fakeHost();
    const all = await host.call('list_attempts', {});
    const rest = await host.call('list_attempts', { before: all[1]!.last_seq });
    expect(rest).toEqual(all.slice(2));
  });

  it('keeps every secret to itself', async () => {
    const host = fakeHost();
    await host.call('save_settings', { changes: { 'entra.client_secret': 'hunter2~value' } });
    const preview = await host.call('read_env', { text: 'FASTMCP_SERVER_AUTH_AZURE_CLIENT_SECRET="hunter2~value"\nOTHER=1' });
    expect(preview.changes).toEqual({ 'entra.client_secret': { masked: true } });
    expect(preview.ignored).toEqual(['OTHER']);
    expect(JSON.stringify([await host.call('settings', {}), preview])).not.toContain('hunter2');
  });

  it('reads a pasted token without asking anybody', async () => {
    const encode = (value: object) => btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_');
    const token = `${encode({ alg: 'EdDSA' })}.${encode({ aud: 'http://localhost:4242/mcp', exp: 4_000_000_000 })}.sig`;
    const told = await fakeHost().call('inspect_token', { token });
    expect(told.findings.every(({ ok }) => ok)).toBe(true);
    await expect(fakeHost().call('inspect_token', { token: 'nonsense' })).rejects.toBeInstanceOf(HostError);
  });
});

import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { fakeHost } from '../host/fake';
import { PEOPLE, sessions, status } from '../host/fixtures';
import { HostError } from '../host/host';
import { App } from './app.svelte';
import { Attempts } from './attempts.svelte';
import { Clock } from './clock.svelte';
import { LiveEvents } from './events.svelte';
import { initials, personName } from './people';
import { Resource } from './resource.svelte';
import { href, parse } from './router.svelte';
import { duration, exactTime, relativeTime } from './time';
import { Toasts } from './toasts.svelte';
import { sessionCondition } from './words';

const NOW = 1_800_000_000_000;

describe('relativeTime', () => {
  it.each([
    [0, 'now'],
    [-1_999, 'now'],
    [-12_000, '12 s ago'],
    [-60_000, '1 min ago'],
    [-3_599_999, '59 min ago'],
    [-3_600_000, '1 h ago'],
    [-86_400_000, '1 day ago'],
    [-3 * 86_400_000, '3 days ago'],
    [180_000, 'in 3 min'],
  ])('%i ms away is "%s"', (away, text) => expect(relativeTime(NOW + away, NOW)).toBe(text));

  it('gives the date of what is long ago', () => {
    expect(relativeTime(NOW - 200 * 86_400_000, NOW)).toMatch(/^\d{1,2} \w+ 2026$/);
  });

  it('knows the second exactly', () => expect(exactTime(NOW)).toMatch(/\d{2}:\d{2}:\d{2}/));
});

describe('duration', () => {
  it.each([
    [0.4, '0 ms'],
    [84, '84 ms'],
    [999.7, '1.0 s'],
    [4_100, '4.1 s'],
    [9_960, '10 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [3_599_400, '59 min 59 s'],
    [7_500_000, '2 h 5 min'],
    [3 * 86_400_000, '3 days'],
  ])('%f ms is "%s"', (ms, text) => expect(duration(ms)).toBe(text));
});

describe('people', () => {
  it.each([
    [PEOPLE.ada, 'AL'],
    [PEOPLE.long, 'MH'],
    [PEOPLE.layla, 'لا'],
    [PEOPLE.nameless, '?'],
    [{ ...PEOPLE.ada, name: null }, 'A'],
    [{ ...PEOPLE.ada, name: 'Émile' }, 'É'],
    [{ ...PEOPLE.ada, name: '🦊 42' }, '?'],
  ])('initials of %o', (person, text) => expect(initials(person)).toBe(text));

  it('falls back to what is known', () => {
    expect(personName({ ...PEOPLE.ada, name: null })).toBe('ada@practice.example');
    expect(personName(PEOPLE.nameless)).toBe(PEOPLE.nameless.object);
  });
});

describe('router', () => {
  it('reads what it writes', () => {
    const place = parse(href('claims', { session: 'a b&c=d', attempt: undefined }));
    expect(place.page).toBe('claims');
    expect([...place.query]).toEqual([['session', 'a b&c=d']]);
  });

  it('leads home from anywhere unknown', () => {
    for (const hash of ['', '#', '#/', '#/constructor', '#//home', 'home2']) expect(parse(hash).page).toBe('home');
  });
});

describe('Resource', () => {
  it('keeps what it has when reading again fails', async () => {
    let fails = false;
    const resource = new Resource(async () => {
      if (fails) throw new HostError('x', 'no');
      return 1;
    });
    await vi.waitFor(() => expect(resource.data).toBe(1));
    fails = true;
    await resource.reload();
    expect(resource.data).toBe(1);
    expect(resource.error?.message).toBe('no');
    expect(resource.loading).toBe(false);
  });

  it('counts only the answer to the newest question', async () => {
    const answers: ((value: number) => void)[] = [];
    const resource = new Resource(() => new Promise<number>((done) => answers.push(done)));
    const second = resource.reload();
    answers[1]!(2);
    await second;
    answers[0]!(1);
    await Promise.resolve();
    expect(resource.data).toBe(2);
  });
});

describe('LiveEvents', () => {
  const row = (seq: number) => ({ ...fakeHost().world.events[0]!, seq });
  const template = row(0);

  it('keeps the newest first and counts what fell out', () => {
    const events = new LiveEvents(3);
    events.add([1, 2].map((seq) => ({ ...template, seq })));
    events.flush();
    events.add([3, 4, 5].map((seq) => ({ ...template, seq })));
    events.flush();
    expect(events.rows.map(({ seq }) => seq)).toEqual([5, 4, 3]);
    expect(events.fallen).toBe(2);
    expect(events.total).toBe(5);
  });

  it('is bounded before it is drawn, too', () => {
    const events = new LiveEvents(100);
    for (let index = 0; index < 1000; index += 1) events.add(Array.from({ length: 10 }, () => template));
    events.flush();
    expect(events.rows).toHaveLength(100);
    expect(events.total).toBe(10_000);
    expect(events.fallen).toBe(9_900);
  });
});

describe('Attempts', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks once for a burst of events', async () => {
    const host = fakeHost('busy', NOW);
    const attempts = new Attempts(host);
    await attempts.reload();
    const [first, second] = host.world.attempts;
    const event = host.world.events[0]!;
    for (let index = 0; index < 50; index += 1) {
      attempts.add([
        { ...event, attempt: first!.attempt },
        { ...event, attempt: second!.attempt },
        { ...event, attempt: null },
      ]);
    }
    host.world.attempts[1] = { ...second!, last_at: NOW + 5 };
    await vi.advanceTimersByTimeAsync(200);
    expect(host.calls).toHaveLength(2);
    expect(host.calls[1]!.payload).toEqual({ ids: [first!.attempt, second!.attempt], limit: 50 });
    expect(attempts.data![0]!.attempt).toBe(second!.attempt);
  });

  it('looks at running attempts by itself, because silence sends no event', async () => {
    const host = fakeHost('busy', NOW);
    const attempts = new Attempts(host);
    await attempts.reload();
    const stop = attempts.watch();
    await vi.advanceTimersByTimeAsync(5_200);
    stop();
    expect(host.calls.at(-1)!.payload).toEqual({ ids: ['att_running'], limit: 50 });
    const before = host.calls.length;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(host.calls).toHaveLength(before);
  });

  it('asks again by itself after the server was starting when it was asked', async () => {
    const host = fakeHost('busy', NOW);
    const attempts = new Attempts(host);
    host.fail('list_attempts', new HostError('not_running', 'the server is not running'));
    await attempts.reload();
    expect(attempts.error).not.toBeNull();
    const stop = attempts.watch();
    host.fail('list_attempts', null);
    await vi.advanceTimersByTimeAsync(5_200);
    stop();
    expect(attempts.error).toBeNull();
    expect(attempts.data?.length).toBeGreaterThan(0);
  });
});

describe('App', () => {
  it('keeps the newer status when a late answer comes, and takes one after the clock was set back', () => {
    const app = new App(fakeHost('busy', NOW));
    const at = (now: number, paused: boolean) => app.setStatus({ ...status(now, 0), paused });
    at(NOW, true);
    at(NOW - 100, false);
    expect(app.status?.paused).toBe(true);
    at(NOW - 3_600_000, false);
    expect(app.status?.paused).toBe(false);
  });
});

describe('Clock', () => {
  it('follows the engine where the clocks differ, and not where only the answer was slow', () => {
    vi.useFakeTimers({ now: NOW });
    const clock = new Clock();
    clock.follow(NOW + 500);
    expect(clock.now).toBe(NOW);
    clock.follow(NOW + 90_000);
    flushSync();
    expect(clock.now).toBe(NOW + 90_000);
    vi.useRealTimers();
  });
});

describe('Toasts', () => {
  it('says a thing once, however often it happens', () => {
    const toasts = new Toasts();
    for (let index = 0; index < 3; index += 1) toasts.error(new HostError('x', 'The store does not answer'));
    expect(toasts.all).toHaveLength(1);
  });

  it('keeps errors and lets the rest go', () => {
    vi.useFakeTimers();
    const toasts = new Toasts();
    toasts.say('saved');
    toasts.error(new HostError('x', 'no'));
    vi.advanceTimersByTime(60_000);
    expect(toasts.all.map(({ message }) => message)).toEqual(['No']);
    vi.useRealTimers();
  });
});

describe('sessionCondition', () => {
  it('has a word for every session of the fixtures', () => {
    const words = new Set(sessions(NOW).map((row) => sessionCondition(row, NOW).is));
    expect(words).toEqual(new Set(['live', 'idle', 'expiring', 'sign_in_needed', 'ended']));
  });
});

// Everything the window knows, in one place. Components and pages take it with `useApp()`:
//
//   const app = useApp();
//   app.host.call('restart', {})             a command; rejects with HostError (show it with app.toasts.guard)
//   app.status      the engine's newest Status, or undefined until the first answer; app.statusError
//   app.connection  whether events arrive
//   app.sessions    Resource<SessionRow[]>, kept up to date; so are app.attempts and app.settings
//   app.pairings    new clients that wait for a code, as long as it is good
//   app.events      the newest live events
//   app.look        the last look from outside
//   app.clock.now   ticks each second
//   app.theme, app.toasts, app.router

import { getContext, onDestroy, setContext } from 'svelte';

import type { OutsideCheck, PairingRow, SessionRow, SettingsForm, Status } from '../host/api';
import type { Connection, Host } from '../host/host';
import { Attempts } from './attempts.svelte';
import { Clock } from './clock.svelte';
import { LiveEvents } from './events.svelte';
import { Resource } from './resource.svelte';
import { Router } from './router.svelte';
import { Theme } from './theme.svelte';
import { Toasts } from './toasts.svelte';

/** Calls count up without an event. */
const SESSIONS_AGAIN = 10_000;
const SESSIONS_PAUSE = 200;
/** By how much an answer may come after an event that is newer, in ms. */
const LATE = 10_000;

/** What a look from outside found, and when. */
export interface Look {
  found: OutsideCheck;
  at: number;
}

export class App {
  readonly clock = new Clock();
  readonly toasts = new Toasts();
  readonly router = new Router();
  readonly events = new LiveEvents();
  readonly theme: Theme;
  readonly sessions: Resource<SessionRow[]>;
  readonly attempts: Attempts;
  readonly settings: Resource<SettingsForm>;
  connection: Connection = $state.raw({ is: 'connecting' });
  look: Look | null = $state.raw(null);
  readonly #status: Resource<Status>;
  #pairings: PairingRow[] = $state.raw([]);
  #sessionsTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly host: Host) {
    this.theme = new Theme(host);
    this.#status = new Resource(() => host.call('status', {}), { at_once: false });
    this.sessions = new Resource(() => host.call('list_sessions', {}), { at_once: false });
    this.settings = new Resource(() => host.call('settings', {}), { at_once: false });
    this.attempts = new Attempts(host);
  }

  get status(): Status | undefined {
    return this.#status.data;
  }

  get statusError() {
    return this.#status.error;
  }

  get pairings(): PairingRow[] {
    return this.#pairings.filter(({ expires_at }) => this.clock.now < expires_at);
  }

  /**
   * What a command answered or an event said. An answer may come after a newer event: that stays. One far older is
   * taken, for the computer's clock was set back.
   */
  setStatus(status: Status): void {
    const late = (this.status?.now ?? 0) - status.now;
    if (late > 0 && late < LATE) return;
    this.#status.set(status);
    this.clock.follow(status.now);
  }

  /** Reads everything, and listens; the answer stops it. */
  start(): () => void {
    let wasOpen = false;
    const stops = [
      this.clock.start(),
      this.router.start(),
      this.attempts.watch(),
      this.host.on('status_changed', (status) => {
        const restarted = status.started_at !== this.status?.started_at;
        this.setStatus(status);
        if (restarted) void this.reload();
        else this.#sessionsSoon();
      }),
      this.host.on('pairings_changed', (rows) => {
        const known = new Set(this.#pairings.map(({ grant }) => grant));
        this.#pairings = rows;
        const [asks] = rows.filter(({ grant }) => !known.has(grant));
        if (asks && this.router.page !== 'home') this.toasts.say(`${asks.client_name ?? 'A new client'} asks for access`, 'Its code is on the page Home.');
      }),
      this.host.on('events_recorded', (rows) => {
        this.events.add(rows);
        this.attempts.add(rows);
        if (rows.some(({ session }) => session !== null)) this.#sessionsSoon();
      }),
      this.host.onConnection((connection) => {
        const again = connection.is === 'open' && this.connection.is === 'lost' && wasOpen;
        wasOpen ||= connection.is === 'open';
        this.connection = connection;
        // What happened meanwhile came with no event.
        if (again) void this.reload();
      }),
    ];
    const sessions = setInterval(() => {
      if (!document.hidden && this.sessions.data?.some(({ state }) => state.is === 'live')) void this.sessions.reload();
    }, SESSIONS_AGAIN);
    stops.push(() => clearInterval(sessions), () => clearTimeout(this.#sessionsTimer));
    void this.reload().then(() => this.status && this.theme.read(this.status).catch(() => undefined));
    return () => stops.forEach((stop) => stop());
  }

  async reload(): Promise<void> {
    const status = this.#readStatus();
    // What cannot be read now comes with the next event.
    const pairings = this.host.call('pairings', {}).then((rows) => (this.#pairings = rows), () => undefined);
    await Promise.all([status, pairings, this.sessions.reload(), this.attempts.reload(), this.settings.reload()]);
  }

  async #readStatus(): Promise<void> {
    await this.#status.reload();
    if (this.status) this.clock.follow(this.status.now);
  }

  #sessionsSoon(): void {
    this.#sessionsTimer ??= setTimeout(() => {
      this.#sessionsTimer = undefined;
      void this.sessions.reload();
      // How many are live is in the status, which nobody sends when a session begins or ends.
      void this.#readStatus();
    }, SESSIONS_PAUSE);
  }
}

const KEY = Symbol('app');

/** For App.svelte, and for tests of single components. Lives as long as the component that calls it. */
export function provideApp(host: Host): App {
  const app = new App(host);
  setContext(KEY, app);
  onDestroy(app.start());
  return app;
}

export function useApp(): App {
  const app = getContext<App | undefined>(KEY);
  if (!app) throw new Error('useApp() outside of App.svelte');
  return app;
}

// How the window reaches the engine. Pages never import this: they take `useApp()` from state/app.svelte.ts, and its
// `host`. There are three hosts: tauri.ts (the desktop window), http.ts (a browser at the console) and fake.ts
// (fixtures). `choose.ts` picks one.

import type { Commands, Events } from './api';

export type Command = keyof Commands;
export type Request<K extends Command> = Commands[K][0];
export type Answer<K extends Command> = Commands[K][1];

export interface Host {
  readonly kind: 'desktop' | 'browser' | 'fake';
  /** Runs a command of the engine. Rejects with a `HostError`, never with anything else. */
  call<K extends Command>(command: K, payload: Request<K>): Promise<Answer<K>>;
  /** Listens to an event; the answer stops it. */
  on<K extends keyof Events>(event: K, listener: (payload: Events[K]) => void): () => void;
  /** Tells how the events arrive, at once and at every change; the answer stops it. */
  onConnection(listener: (connection: Connection) => void): () => void;
  /** Opens a link in the person's own browser. */
  openExternal(url: string): Promise<void>;
  /** Puts a text on the clipboard. */
  copy(text: string): Promise<void>;
  /** Gives a text to the person as a file; `false` if they thought better of it. */
  saveFile(name: string, mime: string, text: string): Promise<boolean>;
}

/** Whether events arrive. Without them the window shows what was true when they stopped. */
export type Connection =
  | { is: 'connecting' }
  | { is: 'open' }
  /** Tried again at `retry_at` (ms since the epoch). */
  | { is: 'lost'; retry_at: number }
  /** The console's cookie is no longer good: only a new link helps. */
  | { is: 'locked_out' };

/** Why a command was not carried out: what happened, and the next step. */
export class HostError extends Error {
  override readonly name = 'HostError';

  constructor(
    /** What a page may branch on; nobody matches the text. */
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  /** Whatever was thrown or answered, as an error that can be shown. */
  static of(thrown: unknown): HostError {
    if (thrown instanceof HostError) return thrown;
    if (isWire(thrown)) return new HostError(thrown.code, thrown.message, thrown.hint ?? null);
    return new HostError('unreadable', 'The engine gave an answer that does not read', 'Restart the app. If it happens again, save a support bundle in Settings.');
  }
}

/** `{code, message, hint}` as the engine serialises it. */
function isWire(value: unknown): value is { code: string; message: string; hint?: string | null } {
  const wire = value as { code?: unknown; message?: unknown } | null;
  return typeof wire === 'object' && wire !== null && typeof wire.code === 'string' && typeof wire.message === 'string';
}

/** Only these may leave the window: anything else in a link comes from a client's own words. */
export function isWebLink(url: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

export const NOT_A_LINK = new HostError('not_a_link', 'This is not a web address', 'Only http and https links can be opened.');
export const NO_CLIPBOARD = new HostError('no_clipboard', 'The clipboard cannot be reached', 'Select the text and copy it with the keyboard.');

/** Calls every listener of one event; one that throws does not stop the others. */
export class Listeners<T> {
  readonly #all = new Set<(payload: T) => void>();

  add(listener: (payload: T) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(payload: T): void {
    for (const listener of [...this.#all]) {
      try {
        listener(payload);
      } catch (thrown) {
        reportError(thrown);
      }
    }
  }
}

/** Listeners of events by name. */
export class EventListeners {
  readonly #byName = new Map<keyof Events, Listeners<unknown>>();

  on<K extends keyof Events>(event: K, listener: (payload: Events[K]) => void): () => void {
    const listeners = this.#byName.get(event) ?? new Listeners<unknown>();
    this.#byName.set(event, listeners);
    return listeners.add(listener as (payload: unknown) => void);
  }

  tell(event: string, payload: unknown): void {
    this.#byName.get(event as keyof Events)?.tell(payload);
  }
}

/** The newest value, told to whoever listens. */
export class Signal<T> {
  readonly #listeners = new Listeners<T>();

  constructor(private value: T) {}

  get current(): T {
    return this.value;
  }

  set(value: T): void {
    this.value = value;
    this.#listeners.tell(value);
  }

  on(listener: (value: T) => void): () => void {
    listener(this.value);
    return this.#listeners.add(listener);
  }
}

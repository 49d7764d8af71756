// The newest attempts, kept up to date: an event names the attempt it belongs to, and that attempt is read again. A
// running one is also read again by itself, because silence sends no event.

import type { AttemptRow, EventRow } from '../host/api';
import type { Host } from '../host/host';
import { Resource } from './resource.svelte';

const PAGE = 50;
/** Events come in bursts: one question per burst. */
const PAUSE = 150;
const WATCH = 5000;

export class Attempts extends Resource<AttemptRow[]> {
  /** Whether older ones may be there. */
  more: boolean = $state(true);
  readonly #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: Host) {
    super(() => host.call('list_attempts', { limit: PAGE }), { at_once: false });
  }

  override async reload(): Promise<void> {
    this.more = true;
    await super.reload();
    if ((this.data?.length ?? 0) < PAGE) this.more = false;
  }

  /** Rejects if they could not be read. */
  async readMore(): Promise<void> {
    const last = this.data?.at(-1);
    if (!last || !this.more) return;
    const older = await this.host.call('list_attempts', { before: last.last_seq, limit: PAGE });
    this.more = older.length === PAGE;
    this.#merge(older);
  }

  /** Reads one that may be older than all that are here. Rejects if it could not be read. */
  async find(attempt: string): Promise<void> {
    if (this.data?.some((row) => row.attempt === attempt)) return;
    this.#merge(await this.host.call('list_attempts', { ids: [attempt], limit: 1 }));
  }

  /** The answer stops it. */
  watch(): () => void {
    const timer = setInterval(() => {
      if (document.hidden) return;
      // The server was starting when it was asked.
      if (this.error) void this.reload();
      for (const row of this.data ?? []) if (row.verdict.is === 'running') this.#changed.add(row.attempt);
      this.#later();
    }, WATCH);
    return () => {
      clearInterval(timer);
      clearTimeout(this.#timer);
    };
  }

  add(events: readonly EventRow[]): void {
    for (const { attempt } of events) if (attempt !== null) this.#changed.add(attempt);
    this.#later();
  }

  #later(): void {
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => void this.#read(), PAUSE);
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    const ids = [...this.#changed].slice(0, PAGE);
    for (const id of ids) this.#changed.delete(id);
    try {
      this.#merge(await this.host.call('list_attempts', { ids, limit: PAGE }));
    } catch {
      // The next event, the next look or the person's own "Try again" asks once more; the banner tells if all is lost.
    }
    this.#later();
  }

  #merge(rows: readonly AttemptRow[]): void {
    const byId = new Map((this.data ?? []).map((row) => [row.attempt, row]));
    for (const row of rows) byId.set(row.attempt, row);
    this.data = [...byId.values()].sort((a, b) => b.last_at - a.last_at || b.last_seq - a.last_seq);
  }
}

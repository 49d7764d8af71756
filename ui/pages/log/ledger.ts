// The newest part of the log in memory, newest first and bounded. It takes events from two sides: live ones as they come,
// and pages of the log. What comes by both is known by its position in the log.

import type { EventRow } from '../../host/api';

export interface Entry {
  readonly row: EventRow;
  /** Since the event before it in the same attempt, if that is here. */
  ms: number | null;
  /** Fell out at the old end. */
  gone: boolean;
}

/** What a page of the log brought. */
export interface Merged {
  added: Entry[];
  /** All of it is older than what was there, so the rest kept its place. */
  appended: boolean;
}

export class Ledger {
  /** Newest first. Never changed in place: a change makes a new array. */
  entries: readonly Entry[] = [];
  /** How many fell out at the old end. */
  fallen = 0;
  /** Position of the oldest row read. */
  oldest: number | undefined;
  /** Positions of all that is here. */
  readonly #known = new Set<number>();
  readonly #newestOf = new Map<string, Entry>();
  readonly #oldestOf = new Map<string, Entry>();

  constructor(private readonly most: number) {}

  get full(): boolean {
    return this.entries.length >= this.most;
  }

  /** Rows as they happen, oldest first. Answers what was new, newest first. */
  add(batch: readonly EventRow[]): Entry[] {
    const fresh: Entry[] = [];
    for (const row of batch) {
      if (this.#known.has(row.seq)) continue;
      const entry = this.#enter(row);
      this.#linkNewer(entry);
      fresh.push(entry);
    }
    fresh.reverse();
    if (fresh.length > 0) this.#replace([...fresh, ...this.entries]);
    return fresh;
  }

  /** A page of the log, newest first. */
  merge(page: readonly EventRow[]): Merged {
    const added: Entry[] = [];
    for (const row of page) {
      this.oldest = Math.min(this.oldest ?? row.seq, row.seq);
      if (!this.#known.has(row.seq)) added.push(this.#enter(row));
    }
    const appended = this.#areOlder(added);
    if (appended) {
      for (const entry of added) this.#linkOlder(entry);
      this.#replace([...this.entries, ...added]);
    } else {
      this.#replace([...this.entries, ...added].sort((a, b) => b.row.seq - a.row.seq));
      this.#linkAll();
    }
    return { added, appended };
  }

  #areOlder(added: readonly Entry[]): boolean {
    const [last, first] = [this.entries.at(-1), added[0]];
    return last !== undefined && (first === undefined || first.row.seq < last.row.seq);
  }

  #enter(row: EventRow): Entry {
    const entry: Entry = { row, ms: null, gone: false };
    this.#known.add(row.seq);
    return entry;
  }

  #replace(entries: Entry[]): void {
    for (const entry of entries.splice(this.most)) {
      entry.gone = true;
      this.fallen += 1;
      this.#known.delete(entry.row.seq);
      const attempt = entry.row.attempt;
      if (attempt === null) continue;
      if (this.#newestOf.get(attempt) === entry) this.#newestOf.delete(attempt);
      if (this.#oldestOf.get(attempt) === entry) this.#oldestOf.delete(attempt);
    }
    this.entries = entries;
  }

  #linkNewer(entry: Entry): void {
    const attempt = entry.row.attempt;
    if (attempt === null) return;
    const before = this.#newestOf.get(attempt);
    if (before) entry.ms = between(before, entry);
    else this.#oldestOf.set(attempt, entry);
    this.#newestOf.set(attempt, entry);
  }

  #linkOlder(entry: Entry): void {
    const attempt = entry.row.attempt;
    if (attempt === null) return;
    const after = this.#oldestOf.get(attempt);
    if (after) after.ms = between(entry, after);
    else this.#newestOf.set(attempt, entry);
    this.#oldestOf.set(attempt, entry);
  }

  #linkAll(): void {
    this.#newestOf.clear();
    this.#oldestOf.clear();
    for (const entry of this.entries) {
      entry.ms = null;
      this.#linkOlder(entry);
    }
  }
}

const between = (before: Entry, after: Entry): number => Math.max(0, after.row.at - before.row.at);

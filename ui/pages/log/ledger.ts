// The newest part of the log in memory, newest first and bounded. It takes events from two sides: live ones as they come,
// and pages of the log. A live row may have no position yet (`seq` 0), because the live stream is ahead of the log; when
// the log gives it one, the two are known to be the same by what they say.

import type { EventRow } from '../../host/api';

export interface Entry {
  /** Stays for as long as the row does, whether or not it has a position. */
  readonly key: number;
  row: EventRow;
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
  #next = 1;
  readonly #numbered = new Map<number, Entry>();
  /** Rows that the log had before the live stream told them; their live twins are yet to come. */
  #early = new Map<string, Entry[]>();
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
      const known = row.seq > 0 ? this.#numbered.has(row.seq) : this.#early.get(print(row))?.pop() !== undefined;
      if (known) continue;
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
    const unnumbered = byPrint(this.entries.filter(({ row }) => row.seq === 0));
    const added: Entry[] = [];
    for (const row of page) {
      this.oldest = Math.min(this.oldest ?? row.seq, row.seq);
      if (this.#numbered.has(row.seq)) continue;
      // The newest page comes first, so the oldest of equal live rows is the last to be matched.
      const twin = unnumbered.get(print(row))?.shift();
      if (twin) {
        twin.row = row;
        this.#numbered.set(row.seq, twin);
      } else {
        added.push(this.#enter(row));
      }
    }
    const appended = this.#areOlder(added);
    if (appended) {
      for (const entry of added) this.#linkOlder(entry);
      this.#replace([...this.entries, ...added]);
    } else {
      this.#early = byPrint(added);
      this.#replace([...this.entries, ...added].sort(byTime));
      this.#linkAll();
    }
    return { added, appended };
  }

  #areOlder(added: readonly Entry[]): boolean {
    const [last, first] = [this.entries.at(-1), added[0]];
    return last !== undefined && last.row.seq > 0 && (first === undefined || first.row.seq < last.row.seq);
  }

  #enter(row: EventRow): Entry {
    const entry: Entry = { key: this.#next++, row, ms: null, gone: false };
    if (row.seq > 0) this.#numbered.set(row.seq, entry);
    return entry;
  }

  #replace(entries: Entry[]): void {
    for (const entry of entries.splice(this.most)) {
      entry.gone = true;
      this.fallen += 1;
      this.#numbered.delete(entry.row.seq);
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

const place = ({ row }: Entry): number => (row.seq > 0 ? row.seq : Infinity);

function byTime(a: Entry, b: Entry): number {
  if (a.row.at !== b.row.at) return b.row.at - a.row.at;
  return place(a) === place(b) ? b.key - a.key : place(b) - place(a);
}

/** The same may have happened twice, even in one millisecond. */
function byPrint(entries: readonly Entry[]): Map<string, Entry[]> {
  const found = new Map<string, Entry[]>();
  for (const entry of entries) {
    const same = found.get(print(entry.row));
    if (same) same.push(entry);
    else found.set(print(entry.row), [entry]);
  }
  return found;
}

function print(row: EventRow): string {
  return JSON.stringify([row.at, row.event, row.attempt, row.origin, row.client, row.grant, row.session, row.person?.object, row.details]);
}

// The live table: what is in the ledger, narrowed by the filter. Live events wait while somebody reads (paused, or scrolled
// away from the top), so that nothing moves under the eye. What the live stream could not deliver is read from the log.

import type { EventRow } from '../../host/api';
import { HostError, type Host } from '../../host/host';
import { EVERYTHING, clientOf, matcher, narrows, type EventFilter } from './events';
import { Ledger, type Entry } from './ledger';

/** Rows kept in the window. */
export const MOST = 100_000;
/** Live rows that wait while somebody reads; beyond that they are read from the log afterwards. */
const MOST_WAITING = 10_000;
const FIRST_PAGE = 200;
const PAGE = 500;
const CATCH_UP_PAGE = 1000;
/** Pages read at once in search of something to show. */
const SEARCH_PAGES = 10;
const ENOUGH = 30;
/** The log is a little behind the live stream: what was missed there may not be written yet. */
const SETTLE = 1000;
/** Clients to choose from. Anybody may register, so there may be any number of them. */
const MOST_CLIENTS = 100;
/** Live rows are taken in this often. */
const BEAT = 100;
/** A search gives way to the next frame after this long. */
const SLICE = 6;

export class EventStream {
  shown: readonly Entry[] = $state.raw([]);
  /** Rows in memory, whatever the filter. */
  total: number = $state(0);
  /** Rows that fell out of memory; they are still in the log. */
  fallen: number = $state(0);
  /** New rows that wait, as far as they pass the filter. */
  waiting: number = $state(0);
  paused: boolean = $state(false);
  /** The first page was read. */
  ready: boolean = $state(false);
  error: HostError | null = $state.raw(null);
  /** Older rows may be in the log. */
  more: boolean = $state(true);
  readingOlder: boolean = $state(false);
  olderError: HostError | null = $state.raw(null);
  /** Events that came too fast for this window. */
  missed: number = $state(0);
  /** They are being read from the log. */
  catchingUp: boolean = $state(false);
  /** It could not be. */
  catchUpError: HostError | null = $state.raw(null);
  searching: boolean = $state(false);
  /** Those seen so far, by name. */
  clients: readonly string[] = $state.raw([]);

  readonly #ledger: Ledger;
  #filter: EventFilter = EVERYTHING;
  #matches: (row: EventRow) => boolean = () => true;
  #incoming: EventRow[] = [];
  #away = false;
  #beat: ReturnType<typeof setTimeout> | undefined;
  /** Up to this position nothing is missing. */
  #solid: number | undefined;
  /** Something after that is; counted, because more may be missed while it is read. */
  #gaps = 0;
  #search = 0;
  /** Entries that came while a search was under way, newest first. */
  #meanwhile: Entry[] = [];
  readonly #clients = new Set<string>();
  #stopped = false;

  constructor(
    private readonly host: Pick<Host, 'call' | 'on' | 'onConnection'>,
    most: number = MOST,
    private readonly mostWaiting: number = MOST_WAITING,
  ) {
    this.#ledger = new Ledger(most);
  }

  get full(): boolean {
    // `shown` changes with the ledger, which is not reactive itself.
    void this.total;
    return this.#ledger.full;
  }

  /** Listens first and reads then, so that nothing falls between. The answer stops it. */
  start(): () => void {
    let lost = false;
    const stops = [
      this.host.on('events_recorded', (rows) => this.#arrive(rows)),
      this.host.on('events_missed', ({ missed }) => {
        this.missed += missed;
        this.#gap();
      }),
      this.host.onConnection((connection) => {
        if (connection.is === 'open' && lost) this.#gap();
        lost = connection.is === 'lost' || (lost && connection.is !== 'open');
      }),
    ];
    void this.open();
    return () => {
      this.#stopped = true;
      this.#search += 1;
      clearTimeout(this.#beat);
      for (const stop of stops) stop();
    };
  }

  /** Reads the newest page; again after it failed. */
  async open(): Promise<void> {
    try {
      const page = await this.host.call('list_events', { limit: FIRST_PAGE });
      this.#take(page);
      this.#solid = Math.max(this.#solid ?? 0, page[0]?.seq ?? 0);
      this.more = page.length === FIRST_PAGE;
      this.error = null;
      this.ready = true;
      // What was told before this window listened, and written after this page was read.
      this.#gap();
    } catch (thrown) {
      this.error = HostError.of(thrown);
    }
  }

  /** The next older pages: one, or with a filter as many as it takes to find something. */
  async readOlder(): Promise<void> {
    if (this.readingOlder || !this.more || !this.ready || this.full) return;
    this.readingOlder = true;
    const before = this.shown.length;
    try {
      for (let pages = 0; pages < SEARCH_PAGES && this.more && !this.full; pages++) {
        const from = this.#ledger.oldest;
        const page = await this.host.call('list_events', { limit: PAGE, ...(from === undefined ? {} : { before: from }) });
        if (this.#stopped) return;
        this.#take(page);
        this.more = page.length === PAGE;
        if (this.shown.length - before >= ENOUGH) break;
      }
      this.olderError = null;
    } catch (thrown) {
      this.olderError = HostError.of(thrown);
    } finally {
      this.readingOlder = false;
    }
  }

  narrow(filter: EventFilter): void {
    this.#filter = filter;
    this.#matches = matcher(filter);
    this.waiting = this.#held ? this.#incoming.filter(this.#matches).length : 0;
    void this.#refilter();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#release();
  }

  /** Whether the person has scrolled away from the newest row. */
  away(is: boolean): void {
    if (this.#away === is) return;
    this.#away = is;
    if (!is) this.#release();
  }

  /** Reads what was missed; again after that failed. */
  async catchUp(): Promise<void> {
    if (this.catchingUp || this.#gaps === 0 || this.#stopped) return;
    this.catchingUp = true;
    try {
      await new Promise((done) => setTimeout(done, SETTLE));
      while (this.#gaps > 0 && !this.#stopped) {
        const gaps = this.#gaps;
        await this.#readDownToSolid();
        this.#gaps -= gaps;
      }
      this.catchUpError = null;
    } catch (thrown) {
      this.catchUpError = HostError.of(thrown);
    } finally {
      this.catchingUp = false;
    }
  }

  get #held(): boolean {
    return this.paused || this.#away;
  }

  #arrive(rows: readonly EventRow[]): void {
    this.#incoming.push(...rows);
    if (this.#held) {
      this.waiting += rows.filter(this.#matches).length;
      const over = this.#incoming.length - this.mostWaiting;
      if (over > 0) {
        this.#incoming.splice(0, over);
        this.#gaps += 1;
      }
    } else {
      this.#beat ??= setTimeout(() => this.#flush(), BEAT);
    }
  }

  #gap(): void {
    this.#gaps += 1;
    if (!this.#held) void this.catchUp();
  }

  #release(): void {
    if (this.#held) return;
    this.#flush();
    if (this.#gaps > 0) void this.catchUp();
  }

  #flush(): void {
    clearTimeout(this.#beat);
    this.#beat = undefined;
    if (this.#held) return;
    this.waiting = 0;
    if (this.#incoming.length === 0) return;
    const rows = this.#incoming;
    this.#incoming = [];
    const fresh = this.#ledger.add(rows);
    // A gap before these rows is not closed by them.
    if (this.#gaps === 0) for (const { seq } of rows) this.#solid = Math.max(this.#solid ?? 0, seq);
    this.#know(fresh);
    if (this.searching) this.#meanwhile = [...fresh, ...this.#meanwhile];
    else this.#show(narrows(this.#filter) ? [...fresh.filter(({ row }) => this.#matches(row)), ...this.shown] : this.#ledger.entries);
    this.#count();
  }

  async #readDownToSolid(): Promise<void> {
    let before: number | undefined;
    let newest = this.#solid ?? 0;
    let read = 0;
    for (;;) {
      const page = await this.host.call('list_events', { limit: CATCH_UP_PAGE, ...(before === undefined ? {} : { before }) });
      if (this.#stopped) return;
      this.#take(page);
      read += page.length;
      newest = Math.max(newest, page[0]?.seq ?? 0);
      const last = page.at(-1);
      if (!last || page.length < CATCH_UP_PAGE || last.seq <= (this.#solid ?? 0) || read >= MOST) break;
      before = last.seq;
    }
    this.#solid = newest;
  }

  #take(page: readonly EventRow[]): void {
    const { added, appended } = this.#ledger.merge(page);
    this.#know(added);
    this.#count();
    if (!narrows(this.#filter)) this.#show(this.#ledger.entries);
    else if (appended && !this.searching) this.#show([...this.shown, ...added.filter(({ row }) => this.#matches(row))]);
    else void this.#refilter();
  }

  /** Goes through everything a slice at a time, so that typing and scrolling stay smooth. */
  async #refilter(): Promise<void> {
    const search = ++this.#search;
    this.#meanwhile = [];
    if (!narrows(this.#filter)) {
      this.searching = false;
      this.#show(this.#ledger.entries);
      return;
    }
    this.searching = true;
    const all = this.#ledger.entries;
    const found: Entry[] = [];
    let until = performance.now() + SLICE;
    for (const [index, entry] of all.entries()) {
      if (index % 64 === 0 && performance.now() > until) {
        await nextTask();
        if (search !== this.#search) return;
        until = performance.now() + SLICE;
      }
      if (this.#matches(entry.row)) found.push(entry);
    }
    this.searching = false;
    this.#show([...this.#meanwhile.filter(({ row }) => this.#matches(row)), ...found]);
    this.#meanwhile = [];
  }

  #show(entries: readonly Entry[]): void {
    // What fell out of memory is at the old end.
    const end = entries.findLastIndex(({ gone }) => !gone) + 1;
    this.shown = end === entries.length ? entries : entries.slice(0, end);
  }

  #count(): void {
    this.total = this.#ledger.entries.length;
    this.fallen = this.#ledger.fallen;
  }

  #know(entries: readonly Entry[]): void {
    const before = this.#clients.size;
    for (const { row } of entries) {
      if (this.#clients.size >= MOST_CLIENTS) break;
      const client = clientOf(row);
      if (client !== null) this.#clients.add(client);
    }
    if (this.#clients.size > before) this.clients = [...this.#clients].sort((a, b) => a.localeCompare(b));
  }
}

/** After whatever the browser has to do. */
const nextTask = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

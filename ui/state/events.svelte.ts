// The newest events, newest first, as they come. Bounded: what falls out is still in the log (`list_events`). `dropped` is
// what the engine could not write down at all, and is never guessed.
//
// A thousand events a second must not redraw a thousand times: they are taken in once per frame.

import type { EventRow } from '../host/api';

const MOST = 2000;

export class LiveEvents {
  rows: readonly EventRow[] = $state.raw([]);
  /** How many came since the window opened. */
  total: number = $state(0);
  /** How many of them are no longer in `rows`. */
  fallen: number = $state(0);
  #waiting: EventRow[] = [];
  #frame: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly most: number = MOST) {}

  add(batch: readonly EventRow[]): void {
    this.#waiting.push(...batch);
    // What cannot be shown need not wait in memory, even while the window is hidden and no frame comes.
    const over = this.#waiting.length - this.most;
    if (over > 0) {
      this.#waiting.splice(0, over);
      this.fallen += over;
    }
    this.total += batch.length;
    this.#frame ??= setTimeout(() => this.flush(), 16);
  }

  flush(): void {
    clearTimeout(this.#frame);
    this.#frame = undefined;
    if (this.#waiting.length === 0) return;
    const all = [...this.#waiting.reverse(), ...this.rows];
    this.#waiting = [];
    this.fallen += Math.max(0, all.length - this.most);
    this.rows = all.slice(0, this.most);
  }

  clear(): void {
    this.#waiting = [];
    this.rows = [];
    this.total = 0;
    this.fallen = 0;
  }
}

// One tick for every relative time in the window. It stands still while nobody looks, and follows the engine's clock, so
// that "12 s ago" is right in a browser whose clock is wrong.

const TICK = 1000;
/** Below this it is the way the answer took. */
const NOTICEABLE = 2000;

export class Clock {
  now: number = $state(Date.now());
  #ahead = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The answer stops it. */
  start(): () => void {
    const follow = () => {
      clearInterval(this.#timer);
      if (document.hidden) return;
      this.#tick();
      this.#timer = setInterval(() => this.#tick(), TICK);
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      clearInterval(this.#timer);
      document.removeEventListener('visibilitychange', follow);
    };
  }

  /** What time it is where the engine runs. */
  follow(engine: number): void {
    const ahead = engine - Date.now();
    this.#ahead = Math.abs(ahead) < NOTICEABLE ? 0 : ahead;
    this.#tick();
  }

  #tick(): void {
    this.now = Date.now() + this.#ahead;
  }
}

// Something read from the engine: loading, there, or failed. Show it with components/Loaded.svelte.
//   const clients = new Resource(() => app.host.call('list_clients', {}));   // reads at once
//   clients.data; clients.error; clients.reload(); clients.set(newer);

import { HostError } from '../host/host';

export class Resource<T> {
  data: T | undefined = $state.raw();
  error: HostError | null = $state.raw(null);
  loading: boolean = $state(false);
  readonly #read: () => Promise<T>;
  /** Only the answer to the newest question counts. */
  #asked = 0;

  constructor(read: () => Promise<T>, { at_once = true } = {}) {
    this.#read = read;
    if (at_once) void this.reload();
  }

  /** Never rejects: a failure is in `error`, and what was there before stays. */
  async reload(): Promise<void> {
    const question = ++this.#asked;
    this.loading = true;
    try {
      const data = await this.#read();
      if (question !== this.#asked) return;
      this.data = data;
      this.error = null;
    } catch (thrown) {
      if (question === this.#asked) this.error = HostError.of(thrown);
    } finally {
      if (question === this.#asked) this.loading = false;
    }
  }

  /** What a command answered is newer than whatever is still being read. */
  set(data: T): void {
    this.#asked += 1;
    this.data = data;
    this.error = null;
    this.loading = false;
  }
}

// Copying with a confirmation that goes away by itself; a failure is a toast.

import type { App } from './app.svelte';

const SHOWN = 2000;

export class CopyState {
  copied: boolean = $state(false);
  readonly #app: Pick<App, 'host' | 'toasts'>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(app: Pick<App, 'host' | 'toasts'>) {
    this.#app = app;
  }

  async copy(text: string): Promise<void> {
    try {
      await this.#app.host.copy(text);
    } catch (thrown) {
      this.#app.toasts.error(thrown);
      return;
    }
    this.copied = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.copied = false), SHOWN);
  }
}

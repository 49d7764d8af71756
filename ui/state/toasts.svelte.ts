// What just happened. `app.toasts.say('Session revoked')`, `app.toasts.error(thrown)`, and around a command
// `await app.toasts.guard(() => app.host.call(..))`, which answers undefined after it has shown the error.

import { HostError } from '../host/host';

export interface Toast {
  id: number;
  tone: 'good' | 'bad';
  message: string;
  hint: string | null;
}

const LIFE = 5000;
const MOST = 4;

export class Toasts {
  all: Toast[] = $state([]);
  #next = 1;

  say(message: string, hint: string | null = null): void {
    const id = this.#add('good', message, hint);
    setTimeout(() => this.close(id), LIFE);
  }

  /** Stays until closed: a person must be able to read what to do. */
  error(thrown: unknown): void {
    const { message, hint } = HostError.of(thrown);
    this.#add('bad', message, hint);
  }

  async guard<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (thrown) {
      this.error(thrown);
      return undefined;
    }
  }

  close(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  #add(tone: Toast['tone'], message: string, hint: string | null): number {
    const id = this.#next++;
    const others = this.all.filter((toast) => toast.message !== message || toast.hint !== hint);
    this.all = [...others, { id, tone, message: sentence(message), hint: hint === null ? null : sentence(hint) }].slice(-MOST);
    return id;
  }
}

/** The engine's messages begin in lower case, so that they can stand inside a line. */
export const sentence = (text: string): string => text.charAt(0).toLocaleUpperCase('en') + text.slice(1);

/** The same with its full stop, which they have not either. */
export const full = (text: string): string => (/[.!?]$/.test(text) ? sentence(text) : `${sentence(text)}.`);

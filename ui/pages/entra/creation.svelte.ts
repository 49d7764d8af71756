// The making of an app registration, as the engine tells it, and what was chosen for it. It outlives the page.

import type { Creation, CreationWish } from '../../host/api';
import { HostError } from '../../host/host';
import type { App } from '../../state/app.svelte';
import type { Draft } from '../draft/draft.svelte';

export type TextForm = 'az' | 'manifest' | 'terraform' | 'bicep';
export type Way = 'now' | 'portal' | TextForm;

export class Making {
  way: Way = $state('now');
  name = $state('');
  who: 'one' | 'any' = $state('one');
  state: Creation = $state.raw({ is: 'idle' });
  /** Why a command was not carried out. */
  error: HostError | null = $state.raw(null);
  busy = $state(false);

  constructor(private readonly app: App) {
    app.host.on('creation_changed', (state) => this.#take(state));
    void this.#ask('creation', {});
  }

  get wish(): CreationWish {
    return { ...(this.name.trim() === '' ? {} : { name: this.name.trim() }), any_directory: this.who === 'any' };
  }

  begin(practice: boolean): Promise<void> {
    const wish: CreationWish = { ...this.wish, practice };
    return this.#ask('begin_creation', wish);
  }

  confirm = () => this.#ask('confirm_creation', {});
  /** What was made is removed. */
  cancel = () => this.#ask('cancel_creation', {});
  /** Somebody has seen what came of it. */
  close = () => this.#ask('close_creation', {});

  async #ask<K extends 'creation' | 'begin_creation' | 'confirm_creation' | 'cancel_creation' | 'close_creation'>(command: K, payload: K extends 'begin_creation' ? CreationWish : Record<string, never>) {
    this.busy = command !== 'creation';
    try {
      const state = await this.app.host.call(command, payload as never);
      // What an event said since is newer.
      if (command === 'creation' || command === 'begin_creation') this.#take(state);
      else if (state.is === 'idle') this.#take(state);
      this.error = null;
    } catch (thrown) {
      if (command !== 'creation') this.error = HostError.of(thrown);
    } finally {
      this.busy = false;
    }
  }

  #take(state: Creation) {
    const finished = state.is === 'done' && this.state.is !== 'done';
    this.state = state;
    if (finished && state.is === 'done' && state.saved) void this.app.settings.reload();
  }
}

/** What is typed and can be shown: no secret. */
export function typedPlainly(draft: Draft): { [key: string]: string } {
  const plain = (key: string) => draft.row(key)?.exposure === 'plain';
  return Object.fromEntries(Object.entries(draft.changes).filter(([key]) => plain(key)));
}

const all = new WeakMap<App, Making>();

export function creationOf(app: App): Making {
  let making = all.get(app);
  if (!making) all.set(app, (making = new Making(app)));
  return making;
}

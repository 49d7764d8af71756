// The last check of the app registration. It outlives the page, as the draft does; what was found out about settings that
// have changed since is not shown any more.

import type { EntraCheck } from '../../host/api';
import { HostError } from '../../host/host';
import type { App } from '../../state/app.svelte';
import { draftOf, type Draft } from '../draft/draft.svelte';
import { readable } from '../draft/fields';
import type { ToldProblem } from '../draft/words';
import { placed, toldStep, type Found } from './check';

interface Told {
  /** The settings it is about. */
  of: string;
  at: number;
  answer: EntraCheck | HostError;
}

export class Check {
  running: boolean = $state(false);
  /** Settings were saved that nobody has checked. */
  suggested: boolean = $state(false);
  #told: Told | null = $state.raw(null);
  readonly #draft: Draft;

  constructor(private readonly app: App) {
    this.#draft = draftOf(app);
  }

  /** Whether there is an answer about settings as they were. */
  get outdated(): boolean {
    return this.#told !== null && this.#current === null;
  }

  get at(): number | null {
    return this.#current?.at ?? null;
  }

  /** Why it could not be checked. */
  get error(): HostError | null {
    const answer = this.#current?.answer;
    return answer instanceof HostError ? answer : null;
  }

  /** `null` as long as nothing was found out. */
  get found(): Found[] | null {
    const answer = this.#current?.answer;
    if (!answer || answer instanceof HostError) return null;
    return placed(answer.steps, this.app.status?.callback_urls ?? [], this.app.settings.data?.rows ?? []);
  }

  get failed(): Found[] {
    return this.found?.filter(({ outcome }) => outcome === 'failed') ?? [];
  }

  /** What is wrong with the setting as it is kept. What cannot even be saved comes first. */
  finding(key: string): ToldProblem | null {
    if (key in this.#draft.changes || this.#draft.problems.length > 0) return null;
    const step = this.failed.find(({ field }) => field === key);
    return step ? toldStep(step) : null;
  }

  async run(): Promise<void> {
    if (this.running) return;
    const of = this.#settings;
    this.running = true;
    this.suggested = false;
    const answer = await this.app.host.call('check_entra', {}).catch(legible);
    this.#told = { of, at: this.app.clock.now, answer };
    this.running = false;
  }

  get #current(): Told | null {
    return this.#told?.of === this.#settings ? this.#told : null;
  }

  /** All that an answer depends on. A secret may be another one although nothing shows it, hence the count. */
  get #settings(): string {
    const rows = (this.app.settings.data?.rows ?? []).filter(({ key }) => /^(entra|identity|server)\./.test(key));
    return JSON.stringify([this.#draft.saves, rows.map(({ key, text, given }) => [key, text, given])]);
  }
}

function legible(thrown: unknown): HostError {
  const { code, message, hint } = HostError.of(thrown);
  return new HostError(code, readable(message), hint && readable(hint));
}

const checks = new WeakMap<App, Check>();

export function checkOf(app: App): Check {
  const check = checks.get(app) ?? new Check(app);
  checks.set(app, check);
  return check;
}

/** Whether saving these asks for a check: they are what it looks at. */
export const isChecked = (key: string): boolean =>
  key.startsWith('entra.') || ['identity.practice', 'server.listen', 'server.public_url', 'server.sign_in', 'server.callback_path'].includes(key);

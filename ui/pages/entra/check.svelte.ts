// The last check of the app registration. It outlives the page, as the draft does; what was found out about settings that
// have changed since is not shown any more.

import type { EntraCheck, TestSignIn } from '../../host/api';
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
  /** What came of the test sign-in that is in it. */
  test: Ended | null;
}

type Waiting = Extract<TestSignIn, { is: 'waiting' }>;
type Ended = Extract<TestSignIn, { is: 'ended' }>;
type AboutTest = 'begin_test_sign_in' | 'test_sign_in' | 'cancel_test_sign_in';

export class Check {
  running: boolean = $state(false);
  /** Settings were saved that nobody has checked. */
  suggested: boolean = $state(false);
  /** The test sign-in that somebody has to finish. */
  waiting: Waiting | null = $state.raw(null);
  /** Why there is none. */
  testError: HostError | null = $state.raw(null);
  beginning: boolean = $state(false);
  #told: Told | null = $state.raw(null);
  readonly #draft: Draft;

  constructor(private readonly app: App) {
    this.#draft = draftOf(app);
    // Whatever a sign-in comes to is in the auth log, and a restart ends it.
    const look = () => this.waiting && this.lookAtTest();
    app.host.on('events_recorded', look);
    app.host.on('events_missed', look);
    app.host.on('status_changed', look);
    void this.lookAtTest();
  }

  /** What came of the test sign-in, as far as it is in what was found. */
  get test(): Ended | null {
    return this.#current?.test ?? null;
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

  async run(test: Ended | null = null): Promise<void> {
    if (this.running) return;
    const of = this.#settings;
    this.running = true;
    this.suggested = false;
    const answer = await this.app.host.call('check_entra', test ? { signed_in: true } : {}).catch(legible);
    this.#told = { of, at: this.app.clock.now, answer, test };
    this.running = false;
  }

  async beginTest(): Promise<void> {
    this.beginning = true;
    this.testError = null;
    await this.#ask('begin_test_sign_in');
    this.beginning = false;
  }

  lookAtTest = (): Promise<void> => this.#ask('test_sign_in');
  cancelTest = (): Promise<void> => this.#ask('cancel_test_sign_in');

  async #ask(command: AboutTest): Promise<void> {
    const state = await this.app.host.call(command, {}).catch(legible);
    const waited = this.waiting !== null;
    if (state instanceof HostError) {
      // A look that fails says nothing; the next one may.
      if (command !== 'test_sign_in') this.testError = state;
      return;
    }
    this.waiting = state.is === 'waiting' ? state : null;
    if (state.is === 'ended' && waited) await this.run(state);
    if (state.is === 'idle' && waited) this.testError = STARTED_AGAIN;
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

const STARTED_AGAIN = new HostError('not_checked', 'The server started again, so the test sign-in is over', 'Begin another one.');

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

// The last check of the app registration, with what is typed and not saved. It outlives the page, as the draft does; what was
// found out about settings that were saved otherwise since is not shown any more.

import type { Changes, CheckWish, EntraCheck, TestSignIn } from '../../host/api';
import { HostError } from '../../host/host';
import type { App } from '../../state/app.svelte';
import { draftOf, type Draft } from '../draft/draft.svelte';
import { readable } from '../draft/fields';
import type { ToldProblem } from '../draft/words';
import { placed, toldStep, type Found } from './check';

/** The settings that an answer is about. */
interface About {
  /** With what was typed. */
  typed: Standing;
  /** As they were kept. */
  kept: Standing;
}

interface Told {
  about: About;
  at: number;
  answer: EntraCheck | HostError;
  /** What came of the test sign-in that is in it. */
  test: Ended | null;
}

type Standing = Readonly<Record<string, string>>;
type Waiting = Extract<TestSignIn, { is: 'waiting' }>;
type Ended = Extract<TestSignIn, { is: 'ended' }>;

export class Check {
  running: boolean = $state(false);
  /** Settings were saved that nobody has checked. */
  suggested: boolean = $state(false);
  /** The test sign-in that somebody has to finish. */
  waiting: Waiting | null = $state.raw(null);
  #testError: { error: HostError; about: About } | null = $state.raw(null);
  /** What the test sign-in is made with, if it was begun here. */
  #begun: About | null = null;
  beginning: boolean = $state(false);
  /** The check that runs. */
  #underWay: Promise<void> = Promise.resolve();
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

  /** Why there is no test sign-in. */
  get testError(): HostError | null {
    return this.#testError && alike(this.#testError.about.typed, this.#now.typed) ? this.#testError.error : null;
  }

  /** Whether there is an answer about settings as they were. */
  get outdated(): boolean {
    return this.#told !== null && this.#current === null;
  }

  /** Whether the answer is about the settings as they stand here, typed or kept. */
  get upToDate(): boolean {
    return this.#told !== null && alike(this.#told.about.typed, this.#now.typed);
  }

  get at(): number | null {
    return this.#current?.at ?? null;
  }

  /** Why it could not be checked. */
  get error(): HostError | null {
    const answer = this.upToDate ? this.#told?.answer : null;
    return answer instanceof HostError ? answer : null;
  }

  /** `null` as long as nothing was found out. */
  get found(): Found[] | null {
    const answer = this.#current?.answer;
    if (!answer || answer instanceof HostError) return null;
    return placed(answer.steps, answer.redirect_uris, this.app.settings.data?.rows ?? []);
  }

  get failed(): Found[] {
    return this.found?.filter(({ outcome }) => outcome === 'failed') ?? [];
  }

  /** What is wrong with the setting as it stands here. What cannot even be saved comes first. */
  finding(key: string): ToldProblem | null {
    if (this.#draft.problems.length > 0 || this.#told?.about.typed[key] !== this.#now.typed[key]) return null;
    const step = this.failed.find(({ field }) => field === key);
    return step ? toldStep(step) : null;
  }

  run = (): Promise<void> => this.#run(this.#now, withChanges(this.#asking()), null);

  async beginTest(): Promise<void> {
    this.beginning = true;
    this.#testError = null;
    this.#begun = this.#now;
    const begun = await this.app.host.call('begin_test_sign_in', withChanges(this.#asking())).catch(legible);
    if (begun instanceof HostError) {
      this.#begun = null;
      this.#noTest(begun);
    } else await this.#note(begun);
    this.beginning = false;
  }

  /** A look that fails says nothing; the next one may. */
  async lookAtTest(): Promise<void> {
    const state = await this.app.host.call('test_sign_in', {}).catch(legible);
    if (!(state instanceof HostError)) await this.#note(state);
  }

  async cancelTest(): Promise<void> {
    const state = await this.app.host.call('cancel_test_sign_in', {}).catch(legible);
    if (state instanceof HostError) this.#noTest(state);
    else await this.#note(state);
  }

  async #note(state: TestSignIn): Promise<void> {
    const waited = this.waiting !== null;
    this.waiting = state.is === 'waiting' ? state : null;
    if (!waited) return;
    if (state.is === 'waiting') return;
    const begun = this.#begun;
    this.#begun = null;
    if (state.is === 'idle') this.#noTest(STARTED_AGAIN);
    // A window that was closed meanwhile has forgotten what was typed.
    else if (state.unsaved && !begun) this.#noTest(FORGOTTEN);
    else {
      // One that began before the sign-in ended knows nothing of it.
      while (this.running) await this.#underWay;
      await this.#run(begun ?? this.#now, { signed_in: true }, state);
    }
  }

  #run(about: About, wish: CheckWish, test: Ended | null): Promise<void> {
    if (!this.running) this.#underWay = this.#ask(about, wish, test);
    return this.#underWay;
  }

  async #ask(about: About, wish: CheckWish, test: Ended | null): Promise<void> {
    this.running = true;
    this.suggested = false;
    const answer = await this.app.host.call('check_entra', wish).catch(legible);
    this.#told = { about, at: this.app.clock.now, answer, test };
    this.running = false;
  }

  #noTest(error: HostError): void {
    this.#testError = { error, about: this.#now };
  }

  /** What is typed; from now on what is missing is wrong. */
  #asking(): Changes {
    if (this.#draft.count > 0) this.#draft.asked = true;
    return this.#draft.meant;
  }

  get #current(): Told | null {
    return this.#told && (this.upToDate || alike(this.#told.about.kept, this.#now.kept)) ? this.#told : null;
  }

  get #now(): About {
    return { typed: asked(this.#draft.standing()), kept: asked(this.#draft.standing({})) };
  }
}

const withChanges = (changes: Changes): CheckWish => (Object.keys(changes).length > 0 ? { changes } : {});

/** Besides those of Entra and of who may come in: which tenant is asked, and what the redirect URIs are made of. */
const ASKED: ReadonlySet<string> = new Set(['identity.practice', 'server.listen', 'server.public_url', 'server.sign_in', 'server.callback_path']);

/** Whether an answer depends on it, so that one that was saved otherwise is worth another check. */
export const isAsked = (key: string): boolean => key.startsWith('entra.') || key.startsWith('access.') || ASKED.has(key);

const asked = (standing: Standing): Standing => Object.fromEntries(Object.entries(standing).filter(([key]) => isAsked(key)));

const alike = (one: Standing, other: Standing): boolean => JSON.stringify(one) === JSON.stringify(other);

const FORGOTTEN = new HostError('not_checked', 'The test sign-in was made with changes that this window no longer has', 'Type them again and begin another one.');
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

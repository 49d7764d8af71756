// What a person has typed and not saved, on the Entra page and in Settings: there is one settings file, so there is one
// draft. It outlives the page, so that a look at the log loses nothing; it ends with the window.

import type { Changes, Checked, Problem, SettingRow } from '../../host/api';
import { HostError } from '../../host/host';
import type { App } from '../../state/app.svelte';
import { changesOf, worthShowing } from './changes';
import { CLIENT_FIELDS, clientKey } from './fields';
import { practiceIsMeant } from './identity';

const PAUSE = 400;

export class Draft {
  #typed: Record<string, string> = $state.raw({});
  /** Numbers of configured clients that are about to be. */
  #newClients: readonly number[] = $state.raw([]);
  /** Somebody asked to save: from now on what is missing is wrong. */
  asked: boolean = $state(false);
  checking: boolean = $state(false);
  checked: Checked | null = $state.raw(null);
  /** Why the changes could not be checked. */
  error: HostError | null = $state.raw(null);
  /** Counts up when everything typed is thrown away, so that fields can forget too. */
  generation: number = $state(0);
  /** Counts up when settings were saved. */
  saves: number = $state(0);
  /** Which text is meant, by number: nothing else tells one secret from another. */
  #typedAs: Readonly<Record<string, number>> = $state.raw({});
  #keptAs: Readonly<Record<string, number>> = $state.raw({});
  #texts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #question = 0;

  constructor(private readonly app: Pick<App, 'host' | 'settings'>) {}

  get typed(): Readonly<Record<string, string>> {
    return this.#typed;
  }

  get rows(): readonly SettingRow[] {
    const kept = this.app.settings.data?.rows ?? [];
    return this.#newClients.length === 0 ? kept : [...kept, ...this.#newClients.flatMap(rowsOfClient)];
  }

  /** Numbers of the configured clients, those about to be at the end. */
  get clients(): number[] {
    return [...new Set(this.rows.flatMap(({ key }) => clientKey(key)?.number ?? []))];
  }

  isNewClient(number: number): boolean {
    return this.#newClients.includes(number);
  }

  addClient(): number {
    const number = Math.max(0, ...this.clients) + 1;
    this.#newClients = [...this.#newClients, number];
    return number;
  }

  /** Takes back one that was about to be. */
  dropClient(number: number): void {
    this.#newClients = this.#newClients.filter((one) => one !== number);
    this.#typed = Object.fromEntries(Object.entries(this.#typed).filter(([key]) => clientKey(key)?.number !== number));
    this.#checkSoon();
  }

  get changes(): Changes {
    return changesOf(this.rows, this.#typed);
  }

  /**
   * What is asked of Entra: where the practice tenant stays in force the engine asks nothing of Entra's settings, and whoever
   * types them wants to know all the same.
   */
  get meant(): Changes {
    const typesEntra = Object.keys(this.changes).some((key) => key.startsWith('entra.'));
    return this.practice && typesEntra ? { ...this.changes, 'identity.practice': 'off' } : this.changes;
  }

  /** What each setting comes to with what is typed, or with what is kept only. Of a secret, which one it is by number. */
  standing(typed: Changes = this.changes): Readonly<Record<string, string>> {
    const of = (row: SettingRow): string => {
      const text = typed[row.key];
      if (row.exposure === 'plain') return text || (text === undefined && row.text) || row.default;
      if (text === undefined) return row.given ? `${this.#keptAs[row.key] ?? 0}` : '';
      return text === '' ? '' : `${this.#typedAs[row.key] ?? 0}`;
    };
    return Object.fromEntries(this.rows.map((row) => [row.key, of(row)]));
  }

  get count(): number {
    return Object.keys(this.changes).length;
  }

  /** Of what is typed, or while nothing is, of what is kept. */
  get problems(): Problem[] {
    if (this.count === 0) return this.app.settings.data?.problems ?? [];
    return this.checked ? worthShowing(this.checked.problems, this.#typed, this.asked) : [];
  }

  /** Whether sign-in is at the practice tenant once this is saved. */
  get practice(): boolean {
    return practiceIsMeant(this.rows, this.#typed);
  }

  row(key: string): SettingRow | undefined {
    return this.rows.find((row) => row.key === key);
  }

  problem(key: string): Problem | null {
    return this.problems.find(({ field }) => field === key) ?? null;
  }

  /** `null` takes back what was typed. */
  set(key: string, text: string | null): void {
    const { [key]: _, ...others } = this.#typed;
    this.#typed = text === null ? others : { ...others, [key]: text };
    this.#typedAs = { ...this.#typedAs, [key]: ++this.#texts };
    this.#checkSoon();
  }

  /** These were saved by another way: what was typed of them is older. */
  overtaken(keys: readonly string[]): void {
    this.saves += 1;
    this.#keptAs = { ...this.#keptAs, ...Object.fromEntries(keys.map((key) => [key, ++this.#texts])) };
    for (const key of keys) this.set(key, null);
  }

  /** Puts sign-in there. What decides by itself is left to decide. */
  signInAt(where: 'practice' | 'entra'): void {
    const wanted = where === 'practice';
    // The first that leads there: nothing typed, the practice tenant left to decide by itself, or said outright.
    for (const text of [null, '', wanted ? 'on' : 'off']) {
      this.set('identity.practice', text);
      if (this.practice === wanted) return;
    }
  }

  discard(): void {
    clearTimeout(this.#timer);
    this.#question += 1;
    this.#typed = {};
    this.#newClients = [];
    this.asked = false;
    this.checking = false;
    this.checked = null;
    this.error = null;
    this.generation += 1;
  }

  /** What saving would do, asked now. Rejects with a `HostError`. */
  async review(): Promise<Checked> {
    this.asked = true;
    return this.#check(this.changes);
  }

  /** Answers whether it was saved; if not, the problems stand next to their fields. Rejects with a `HostError`. */
  async save(): Promise<boolean> {
    const changes = this.changes;
    const typedAs = this.#typedAs;
    const { saved, problems, effects } = await this.app.host.call('save_settings', { changes });
    if (!saved) {
      this.checked = { problems, effects };
      return false;
    }
    await this.app.settings.reload();
    this.saves += 1;
    this.#keptAs = { ...this.#keptAs, ...Object.fromEntries(Object.keys(changes).map((key) => [key, typedAs[key] ?? 0])) };
    this.discard();
    return true;
  }

  #checkSoon(): void {
    clearTimeout(this.#timer);
    this.#question += 1;
    this.checking = this.count > 0;
    if (!this.checking) {
      this.checked = null;
      this.error = null;
      return;
    }
    this.#timer = setTimeout(() => void this.#checkTyped(), PAUSE);
  }

  async #checkTyped(): Promise<void> {
    await this.#check(this.meant).catch(() => undefined);
  }

  /** Only the answer to the newest question is shown. */
  async #check(changes: Changes): Promise<Checked> {
    clearTimeout(this.#timer);
    const question = ++this.#question;
    const newest = () => question === this.#question;
    this.checking = true;
    try {
      const checked = await this.app.host.call('check_settings', { changes });
      if (newest()) {
        this.checked = checked;
        this.error = null;
      }
      return checked;
    } catch (thrown) {
      if (newest()) this.error = HostError.of(thrown);
      throw thrown;
    } finally {
      if (newest()) this.checking = false;
    }
  }
}

const drafts = new WeakMap<App, Draft>();

export function draftOf(app: App): Draft {
  const draft = drafts.get(app) ?? new Draft(app);
  drafts.set(app, draft);
  return draft;
}

/** The fields of a client that nothing is known of yet. */
const rowsOfClient = (number: number): SettingRow[] =>
  Object.keys(CLIENT_FIELDS).map((name) => ({
    key: `client.${number}.${name}`,
    doc: '',
    default: '',
    shape: name === 'redirect_uris' ? 'list' : 'text',
    exposure: name === 'secret_sha256' ? 'hidden' : 'plain',
    variable: `JMOP_CLIENT_${number}_${name.toUpperCase()}`,
    text: '',
    given: false,
    source: { is: 'default' },
    locked: false,
  }));

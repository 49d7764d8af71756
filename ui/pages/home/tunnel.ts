// How the tunnel stands, and what being public means, as sentences.

import type { OutsideCheck, Status, TiedSession, TunnelProgram, TunnelState } from '../../host/api';
import { full } from '../../state/toasts.svelte';
import type { Tone } from '../../state/words';
import { readable } from '../draft/fields';

/** The provider that is a command of a person's own. */
export const OWN = 'command';
/** The provider that is a server of a person's own. */
export const SSH = 'ssh';
/** The provider that opens a name of a person's own at Cloudflare, and nothing without one. */
export const CLOUDFLARED_NAMED = 'cloudflared-named';
/** What a setting that is saved here does to the server: the end of a sentence before, and a sentence after. */
export const RESTARTS = 'restarts the server; clients reconnect by themselves.';
export const RESTARTED = 'The server starts again; clients reconnect by themselves.';
/** Those that open with one press where their program is: no account, nothing to type in. */
const AT_ONCE: ReadonlySet<string> = new Set(['cloudflared', 'localhost-run', 'pinggy', 'serveo']);

/** What works right away on this computer, for whoever has chosen what is not there. */
export const atOnce = (programs: readonly TunnelProgram[]) => programs.find(({ id, found }) => found && AT_ONCE.has(id));

export interface TunnelWords {
  tone: Tone;
  word: string;
  text: string;
  /** The next step. */
  hint: string | null;
}

const said = (text: string): string => full(readable(text));

export function tunnelWords(state: TunnelState): TunnelWords {
  switch (state.is) {
    case 'off':
      return { tone: 'off', word: 'Off', text: 'Only clients on this computer reach this server.', hint: null };
    case 'starting':
      return { tone: 'busy', word: 'Opening', text: 'The provider is asked for an address. This takes a few seconds.', hint: null };
    case 'up':
      return state.reason === null
        ? { tone: 'busy', word: 'Open, being checked', text: 'There is an address; whether it leads here is looked at from outside.', hint: null }
        : { tone: 'warn', word: 'Open, but in doubt', text: said(state.reason), hint: state.hint === null ? null : said(state.hint) };
    case 'reachable':
      return { tone: 'good', word: 'Reachable', text: 'Seen from outside: clients elsewhere reach this server.', hint: null };
    case 'lost':
      return { tone: 'warn', word: state.was_open ? 'Lost, being opened again' : 'Not open yet, being tried again', text: said(state.reason), hint: said(state.hint) };
    case 'refused':
      return { tone: 'bad', word: 'Refused', text: state.changed_key === null ? said(state.reason) : 'The server shows another key than the one that was pinned.', hint: said(state.hint) };
  }
}

/** What to know although clients get through. */
export const notesOf = (state: TunnelState): { text: string; hint: string }[] =>
  state.is === 'reachable' ? state.notes.map(({ reason, hint }) => ({ text: said(reason), hint: said(hint) })) : [];

/** What a look from outside came to. */
export function outsideSummary({ steps, passed }: OutsideCheck): { tone: Tone; text: string } {
  if (!passed) return { tone: 'bad', text: 'Clients cannot connect by this address.' };
  if (steps.some(({ outcome }) => outcome === 'unknown')) return { tone: 'off', text: 'It could not be seen.' };
  return steps.some(({ outcome }) => outcome === 'noted')
    ? { tone: 'warn', text: 'Clients get through, and there is something to know.' }
    : { tone: 'good', text: 'Clients and browsers get through.' };
}

/** Sessions of an address that is not in use: what becomes of them. */
export function tiedWords(tied: readonly TiedSession[], address: string | null, stable: boolean): { title: string | null; text: string } {
  const names = [...new Set(tied.map(({ client }) => client ?? 'a client without a name'))].sort();
  const of = names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more clients` : joined(names);
  const one = tied.length === 1;
  const what = `${one ? 'One session' : `${tied.length} sessions`} of ${of}`;
  if (address !== null) {
    return { title: 'The public address changed', text: `${what} ${one ? 'has' : 'have'} to connect again with the new URL.` };
  }
  const [first = ''] = tied.map(({ address }) => address);
  const by = tied.every(({ address }) => address === first) ? first : 'earlier public addresses';
  const then = stable
    ? `${one ? 'It goes' : 'They go'} on if this provider gives that address again.`
    : `This provider gives another address, so ${one ? 'it has' : 'they have'} to connect again then; one with a stable address spares you that.`;
  return { title: null, text: `${what} came by ${by}. ${then}` };
}

const joined = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** Of the last minute. */
export const turnedAway = (count: number): string =>
  count === 1
    ? 'One request from the internet was turned away in the last minute, because there were too many.'
    : `${count.toLocaleString('en')} requests from the internet were turned away in the last minute, because there were too many.`;

/** Who gets in once anybody can reach it. */
export function whoGetsIn(signIn: string, identity: Status['identity']): string {
  if (signIn !== 'anywhere') return 'People sign in on this computer: nobody elsewhere gets past the first page.';
  return identity === 'entra'
    ? 'People sign in from anywhere: only those your tenant lets in get further.'
    : 'People sign in from anywhere, and at the practice tenant whoever comes can choose an account.';
}

/** Whether clients keep working after the tunnel was off. `undefined` is a command of one's own. */
export function howLongItLasts(program: TunnelProgram | undefined): string {
  if (program === undefined) return 'If the address changes, clients must be given the new one.';
  return program.stable ? 'The address stays the same, so clients keep working.' : 'The address changes: clients must then be given the new one.';
}

/** "ED25519 key" */
export const keyOf = (kind: string | null): string => (kind === null ? 'key' : `${kind} key`);

export function optionLabel({ name, stable, found }: TunnelProgram): string {
  return [name, stable && 'stable address', !found && 'not on this computer'].filter(Boolean).join(' · ');
}

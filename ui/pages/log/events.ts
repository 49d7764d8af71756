// What a row of the log is called, what came of it, and whether it is what somebody looks for.

import type { EventRow, Json, Level, PersonRow, Step } from '../../host/api';
import { stepName, type Tone } from '../../state/words';

export const LEVEL_TONES: Record<Level, Tone> = { info: 'off', warn: 'warn', error: 'bad' };

export interface EventFilter {
  level: Level | 'all';
  step: Step | 'all';
  /** As in `clientOf`. */
  client: string | null;
  search: string;
}

export const EVERYTHING: EventFilter = { level: 'all', step: 'all', client: null, search: '' };

export const narrows = ({ level, step, client, search }: EventFilter): boolean =>
  level !== 'all' || step !== 'all' || client !== null || search.trim() !== '';

/** A client registers anew on every computer, so it goes by its name; without one, by its id. */
export const clientOf = ({ client, client_name }: Pick<EventRow, 'client' | 'client_name'>): string | null => client_name ?? client;

/** Every word must be somewhere in the row, so that a few of them find it whatever their order. */
export function matcher(filter: EventFilter): (row: EventRow) => boolean {
  const words = wordsOf(filter.search);
  return (row) =>
    (filter.level === 'all' || row.level === filter.level) &&
    (filter.step === 'all' || row.step === filter.step) &&
    (filter.client === null || clientOf(row) === filter.client) &&
    (words.length === 0 || containsAll(textOf(row), words));
}

export const wordsOf = (search: string): string[] => search.toLowerCase().split(/\s+/).filter(Boolean);

export const containsAll = (text: string, words: readonly string[]): boolean => words.every((word) => text.includes(word));

function textOf(row: EventRow): string {
  return [
    row.event,
    stepName(row.step),
    row.level,
    row.summary,
    row.client_name,
    row.client,
    personText(row.person),
    row.origin,
    row.attempt,
    row.session,
    row.user_agent,
    eventResult(row),
  ]
    .join('\n')
    .toLowerCase();
}

export const personText = (person: PersonRow | null): string =>
  person === null ? '' : [person.name, person.username, person.object].filter(Boolean).join('\n');

/** `token_issued` as "Token issued". */
export const eventName = (event: string): string => (event.charAt(0).toUpperCase() + event.slice(1)).replaceAll('_', ' ');

/** What came of it in a word: a code where there is one, because that is what one looks up. */
export function eventResult({ level, details }: Pick<EventRow, 'level' | 'details'>): string {
  const cause = inside(details['refusal']) ?? inside(details['ended']) ?? details;
  const code = cause['code'];
  if (typeof code === 'number') return `AADSTS${code}`;
  for (const name of ['error', 'why', 'reason'] as const) {
    const text = cause[name];
    if (typeof text === 'string' && text !== '') return text;
  }
  return { info: 'ok', warn: 'warning', error: 'failed' }[level];
}

function inside(value: Json | undefined): { [name: string]: Json } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

/** Every field that is there, in the order in which one reads them. */
export function fieldsOf(row: EventRow): { name: string; value: string }[] {
  const fields: [name: string, value: string | number | null][] = [
    ['Event', row.event],
    ['Level', row.level],
    ['Phase', stepName(row.step)],
    ['Result', eventResult(row)],
    ['Client', row.client_name],
    ['Client id', row.client],
    ['Person', row.person?.name ?? null],
    ['Sign-in name', row.person?.username ?? null],
    ['Object id', row.person?.object ?? null],
    ['Tenant', row.person?.tenant ?? null],
    ['Origin', row.origin],
    ['User agent', row.user_agent],
    ['Attempt', row.attempt],
    ['Grant', row.grant],
    ['Session', row.session],
    ['Position in the log', row.seq],
    ...Object.entries(row.details).map(([name, value]): [string, string] => [name, plain(value)]),
  ];
  const shown = fields.flatMap(([name, value]) => (value === null || value === '' ? [] : [{ name, value: String(value) }]));
  // A detail may be called like one of ours; both are shown, and lists need names that differ.
  const seen = new Map<string, number>();
  return shown.map(({ name, value }) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return { name: times === 1 ? name : `${name} (${times})`, value };
  });
}

const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** "17:21:31.084": to the millisecond, because the steps of one attempt lie that near. */
export function clockTime(at: number): string {
  const time = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

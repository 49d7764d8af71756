// An attempt as text that can be pasted into a support request: what happened and when, and nothing of who. People's
// names, sign-in names and addresses are left out, ids are shortened so far that they can be compared but not used.

import { FIXERS, type AttemptRow, type AttemptStep, type EventRow, type PersonRow } from '../../host/api';
import { duration } from '../../state/time';
import { stepName, stepState } from '../../state/words';
import { eventResult } from './events';

export function report(row: AttemptRow, events: readonly EventRow[] | null, version: string): string {
  const redact = redactor([row.person, ...(events ?? []).map(({ person }) => person)]);
  const { verdict } = row;
  const head: [name: string, value: string | null][] = [
    ['Attempt', short(row.attempt)],
    ['Verdict', `${verdict.is}: ${redact(verdict.sentence)}`],
    ['Hint', verdict.hint === null ? null : redact(verdict.hint)],
    ['Who can fix it', verdict.fixer === null ? null : FIXERS[verdict.fixer]],
    ['Code', verdict.code === null ? null : `AADSTS${verdict.code}`],
    ['Client', redact(row.client_name ?? 'without a name')],
    ['Client id', row.client === null ? null : clientId(row.client)],
    ['User agent', row.user_agent === null ? null : redact(row.user_agent)],
    ['Person', row.person === null ? 'not known' : `known${row.person.guest ? ', a guest' : ''}`],
    ['Origin', row.origin],
    ['Session', row.session === null ? null : short(row.session)],
    ['Started', new Date(row.started_at).toISOString()],
    ['Last sign of it', new Date(row.last_at).toISOString()],
    ['App', `Just MCP OAuth Proxy ${version}`],
  ];
  return [
    'Sign-in attempt',
    ...head.flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`])),
    '',
    'Steps',
    ...row.steps.map((step, index) => stepLine(step, index, redact)),
    '',
    ...eventLines(row, events, redact),
    '',
  ].join('\n');
}

function stepLine({ step, state, ms, detail }: AttemptStep, index: number, redact: Redact): string {
  const facts = [stepState(state), ms === null ? null : duration(ms), detail === null ? null : redact(detail)];
  return `${String(index + 1).padStart(2)}. ${stepName(step)}: ${facts.filter((fact) => fact !== null).join(', ')}`;
}

function eventLines(row: AttemptRow, events: readonly EventRow[] | null, redact: Redact): string[] {
  if (events === null) return ['Events could not be read.'];
  if (events.length === 0) return ['No events are left in the log.'];
  const lines = [...events].reverse().map((event) => {
    const after = Math.max(0, event.at - row.started_at);
    return `+${(after / 1000).toFixed(3)} s  ${event.level}  ${event.event}  ${redact(eventResult(event))}  ${redact(event.summary)}`;
  });
  return ['Events', ...lines];
}

// === redaction ===

type Redact = (text: string) => string;

const MAIL = /[^\s@<>()[\]"',;:]+@[^\s@<>()[\]"',;:]+/gu;
const TENANT_DOMAIN = /\b[a-z0-9-]+\.onmicrosoft\.(?:com|us|de|cn)\b/gi;
const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const GUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi;
/** Our own ids have a prefix; anything long that nobody speaks is an id or worse. */
const OWN_ID = /\b(?:att|attempt|grant|ses|session|jmop|jm[a-z])_[\w-]{8,}/g;
const LONG = /(?=[\w-]*\d)[\w-]{24,}(?:\.[\w-]+)*/g;
const SOMEBODY = 'the person';

/** Knows the people of one attempt; of everybody else it knows what an address looks like. */
export function redactor(people: readonly (PersonRow | null)[]): Redact {
  const whole = new Set<string>();
  const parts = new Set<string>();
  for (const person of people) {
    if (!person) continue;
    for (const id of [person.username, person.username?.split('@')[0], person.name]) if (id) whole.add(id);
    for (const word of person.name?.split(/[\s,]+/u) ?? []) if ([...word].length > 1) parts.add(word);
  }
  // The longest first, or a name would be left without its end. A single word counts as written only: "Will" may be a
  // person, "will" is not.
  const names = anyOf(whole, 'giu');
  const words = anyOf(parts, 'gu');
  return (text) => {
    const mails = text.replace(MAIL, 'an address');
    const named = [names, words].reduce((text, pattern) => (pattern ? text.replace(pattern, SOMEBODY) : text), mails);
    return named
      .replace(/the person(?:[\s,]+the person)+/g, SOMEBODY)
      .replace(TENANT_DOMAIN, 'a tenant')
      .replace(ADDRESS, 'an address')
      .replace(GUID, short)
      .replace(OWN_ID, short)
      .replace(LONG, short);
  };
}

function anyOf(texts: ReadonlySet<string>, flags: string): RegExp | null {
  if (texts.size === 0) return null;
  const longest = [...texts].sort((a, b) => b.length - a.length).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${longest.join('|')})(?![\\p{L}\\p{N}_])`, flags);
}

/** Enough to tell two apart. Our own ids keep their prefix. */
export function short(id: string): string {
  const prefix = /^[a-z]+_(?:[a-z]_)?/.exec(id)?.[0] ?? '';
  const rest = id.slice(prefix.length);
  return rest.length <= 6 ? id : `${prefix}${rest.slice(0, 6)}…`;
}

/** The id of a client with a metadata document is its public address, of which the host says it all. */
function clientId(id: string): string {
  const url = URL.canParse(id) ? new URL(id) : null;
  return url?.protocol === 'https:' ? `https://${url.host}/…` : short(id);
}

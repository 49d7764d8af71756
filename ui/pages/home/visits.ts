// What came in from outside, as a person reads it.

import type { VisitRow } from '../../host/api';
import type { Tone } from '../../state/words';

/** Strangers can make more lines than a person reads at a glance. */
export const MOST_SHOWN = 6;
/** The engine keeps no more. */
const MOST_KEPT = 300;

/** The news in front, in the place of what they add to. */
export function merged(rows: readonly VisitRow[], news: readonly VisitRow[]): VisitRow[] {
  const newer = new Set(news.map(({ id }) => id));
  return [...news, ...rows.filter(({ id }) => !newer.has(id))].slice(0, MOST_KEPT);
}

/** A name alone proves nothing: anybody can say it. */
export function who({ client, proven, from }: Pick<VisitRow, 'client' | 'proven' | 'from'>): { name: string; about: string | null } {
  const place = from === null ? null : `from ${from}`;
  if (client === null) return { name: from ?? 'Somebody', about: from === null ? 'the tunnel does not say from where' : null };
  return { name: client, about: proven ? place : ['says the request', place].filter(Boolean).join(', ') };
}

const TONES: Record<VisitRow['verdict'], Tone> = {
  served: 'good',
  asked_to_sign_in: 'busy',
  refused: 'off',
  limited: 'warn',
  unavailable: 'warn',
};

export const visitTone = ({ verdict }: Pick<VisitRow, 'verdict'>): Tone => TONES[verdict];

export const times = (count: number): string => `${count.toLocaleString('en')} ×`;

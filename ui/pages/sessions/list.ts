// Which sessions are shown, in which order, and under which headings. Pure: `now` is handed in.

import type { PersonRow, SessionClient, SessionRow } from '../../host/api';
import { clientName, personName } from '../../state/people';
import { sessionCondition } from '../../state/words';
import { registrationWord } from './client';

export type View = 'flat' | 'person' | 'client';

export interface Group {
  key: string;
  rows: SessionRow[];
  /** How many there are, shown or not. */
  total: number;
  about: { is: 'connected' } | { is: 'ended' } | { is: 'person'; person: PersonRow } | { is: 'client'; client: SessionClient };
}

export const isLive = (row: SessionRow): boolean => row.state.is === 'live';

/** Rows in which each word of the filter occurs somewhere. */
export function matching(rows: readonly SessionRow[], filter: string, now: number): SessionRow[] {
  const wanted = fold(filter).split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return [...rows];
  return rows.filter((row) => {
    const text = fold(textOf(row, now));
    return wanted.every((word) => text.includes(word));
  });
}

function textOf(row: SessionRow, now: number): string {
  const { person, client } = row;
  return [
    personName(person),
    person.username,
    person.object,
    person.tenant,
    person.guest ? 'guest' : null,
    clientName(client),
    client.id,
    client.verified_host,
    client.blocked ? 'blocked' : null,
    registrationWord(client.kind),
    sessionCondition(row, now).word,
    row.origin,
    ...row.scopes,
  ]
    .filter((part) => part !== null)
    .join('\n');
}

/** Letters without case and accents, so that "lindqvist" and "Éva" are found as they are typed. */
const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** Live ones first, the one used last on top. */
export function inOrder(rows: readonly SessionRow[]): SessionRow[] {
  return [...rows].sort((a, b) => Number(isLive(b)) - Number(isLive(a)) || lastSeen(b) - lastSeen(a) || (a.session < b.session ? -1 : 1));
}

const lastSeen = (row: SessionRow): number => (row.state.is === 'ended' ? row.state.at : row.active_at);

export function grouped(rows: readonly SessionRow[], view: View): Group[] {
  const groups = new Map<string, Group>();
  for (const row of inOrder(rows)) {
    const { key, about } = placeOf(row, view);
    const group = groups.get(key) ?? { key, about, rows: [], total: 0 };
    group.rows.push(row);
    group.total += 1;
    groups.set(key, group);
  }
  return [...groups.values()];
}

function placeOf(row: SessionRow, view: View): Pick<Group, 'key' | 'about'> {
  switch (view) {
    case 'flat':
      return isLive(row) ? { key: 'connected', about: { is: 'connected' } } : { key: 'ended', about: { is: 'ended' } };
    case 'person':
      // An object id is unique in its tenant only.
      return { key: `${row.person.tenant} ${row.person.object}`, about: { is: 'person', person: row.person } };
    case 'client':
      return { key: row.client.id, about: { is: 'client', client: row.client } };
  }
}

/** The first so many rows of all groups, so that a server with thousands of sessions opens at once. */
export function firstOf(groups: readonly Group[], most: number): Group[] {
  let left = most;
  return groups.flatMap((group) => {
    const rows = group.rows.slice(0, left);
    left -= rows.length;
    return rows.length > 0 ? [{ ...group, rows }] : [];
  });
}

/** "1 session", "12 sessions". */
export const sessionCount = (count: number): string => `${count} ${count === 1 ? 'session' : 'sessions'}`;

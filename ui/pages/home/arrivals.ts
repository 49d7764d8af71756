// Which cards have somebody: a live session, or a sign-in under way.

import type { AttemptRow, SessionRow } from '../../host/api';
import type { Guide } from './guides';
import { recognise, type Known } from './recognise';

export type Arrival =
  | { is: 'connected'; at: number; sessions: number }
  /** Somebody is signing in this moment. */
  | { is: 'connecting' };

/** `undefined` where nobody is. A session counts more than an attempt: a second sign-in does not undo the first. */
export function arrivalOf(guide: Guide, sessions: readonly SessionRow[], attempts: readonly AttemptRow[]): Arrival | undefined {
  const agents = new Map(attempts.map(({ attempt, user_agent }) => [attempt, user_agent]));
  const fits = (known: Known | null) => guide.known.includes(known);
  const live = sessions.filter(
    ({ state, client, attempt }) =>
      state.is === 'live' && fits(recognise({ id: client.id, name: client.name, user_agent: agents.get(attempt) ?? null })),
  );
  if (live.length > 0) {
    return { is: 'connected', at: Math.max(...live.map(({ active_at }) => active_at)), sessions: live.length };
  }
  const coming = attempts.some(
    ({ verdict, client, client_name, user_agent }) =>
      verdict.is === 'running' && client !== null && fits(recognise({ id: client, name: client_name, user_agent })),
  );
  return coming ? { is: 'connecting' } : undefined;
}

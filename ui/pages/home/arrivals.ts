// Which cards have somebody: a live session, or a sign-in under way.

import type { AttemptRow, SessionRow } from '../../host/api';
import type { Guide } from './guides';
import { recognise, type Known } from './recognise';

export type Arrival =
  | { is: 'connected'; at: number; sessions: number }
  /** Somebody is connected by mcp-remote, and it may be this client: the bridge does not say. */
  | { is: 'perhaps'; at: number }
  /** Somebody is signing in this moment. */
  | { is: 'connecting' };

/** `undefined` where nobody is. A session counts more than an attempt: a second sign-in does not undo the first. */
export function arrivalOf(guide: Guide, sessions: readonly SessionRow[], attempts: readonly AttemptRow[]): Arrival | undefined {
  const agents = new Map(attempts.map(({ attempt, user_agent }) => [attempt, user_agent]));
  const fits = (known: Known | null) => guide.known.includes(known);
  const live = sessions
    .filter(({ state }) => state.is === 'live')
    .map(({ client, attempt, active_at }) => ({
      known: recognise({ id: client.id, name: client.name, user_agent: agents.get(attempt) ?? null }),
      active_at,
    }));
  const last = (some: typeof live) => Math.max(...some.map(({ active_at }) => active_at));
  const certain = live.filter(({ known }) => fits(known));
  if (certain.length > 0) return { is: 'connected', at: last(certain), sessions: certain.length };
  const coming = attempts.some(
    ({ verdict, client, client_name, user_agent }) =>
      verdict.is === 'running' && client !== null && fits(recognise({ id: client, name: client_name, user_agent })),
  );
  if (coming) return { is: 'connecting' };
  const bridges = guide.bridged ? live.filter(({ known }) => known === 'bridge') : [];
  return bridges.length > 0 ? { is: 'perhaps', at: last(bridges) } : undefined;
}

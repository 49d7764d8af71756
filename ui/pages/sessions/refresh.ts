// How long an access token still lasts, and whether its session is refreshed as it should be. Pure: `now` is handed in.

import type { SessionRow } from '../../host/api';
import type { Tone } from '../../state/words';
import { duration, relativeTime } from '../../state/time';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** From here on every second is shown. */
const CLOSE = 5 * MINUTE;

/** What is left, as people watch it: "2 h 5 min", "22 min", "4 min 59 s", "0 s". */
export function countdown(until: number, now: number): string {
  const left = Math.max(0, until - now);
  if (left >= HOUR) return duration(left);
  if (left >= CLOSE) return `${Math.floor(left / MINUTE)} min`;
  const seconds = Math.ceil(left / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** When the access token ends, in a line. */
export function accessLine(row: SessionRow, now: number): string {
  return row.access_expires_at > now
    ? `Access ends in ${countdown(row.access_expires_at, now)}`
    : `Access ended ${relativeTime(row.access_expires_at, now)}`;
}

export interface RefreshHealth {
  tone: Tone;
  /** The last refresh and its result. */
  last: string;
  /** When the next one is due. */
  next: string;
}

export function refreshHealth(row: SessionRow, now: number): RefreshHealth {
  const { refresh } = row;
  const ended = row.state.is === 'ended';
  const failed = refresh?.ok === false;
  const overdue = row.access_expires_at <= now;
  return {
    tone: failed ? 'warn' : ended || overdue || refresh === null ? 'off' : 'good',
    last: refresh === null ? 'Not refreshed yet' : `${failed ? 'Refresh failed' : 'Refreshed'} ${relativeTime(refresh.at, now)}`,
    next: nextRefresh(row, now, ended, overdue),
  };
}

function nextRefresh(row: SessionRow, now: number, ended: boolean, overdue: boolean): string {
  if (ended) return 'None; the client must sign in again';
  if (!overdue) return `Due in ${countdown(row.access_expires_at, now)}`;
  return `Overdue for ${duration(now - row.access_expires_at)}; the client refreshes when it is used again`;
}

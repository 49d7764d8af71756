// Times and spans as people read them. English, whatever the system speaks: so is everything else in the window.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "now", "12 s ago", "in 3 min", "2 days ago", "3 Nov 2026". */
export function relativeTime(at: number, now: number): string {
  const away = Math.abs(now - at);
  if (away < 2 * SECOND) return 'now';
  if (away >= 30 * DAY) return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
  const span = coarse(away);
  return at <= now ? `${span} ago` : `in ${span}`;
}

function coarse(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  const days = Math.floor(ms / DAY);
  return days === 1 ? '1 day' : `${days} days`;
}

/** "Tue 24 Nov 2026, 17:21:31" in this computer's time zone. */
export function exactTime(at: number): string {
  return new Date(at).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

/** "84 ms", "4.1 s", "3 min 20 s", "2 h 5 min", "3 days". */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / SECOND).toFixed(1)} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 60) return `${seconds} s`;
  if (ms < HOUR) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(ms / MINUTE);
  if (ms < DAY) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return coarse(ms);
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

// The whole log as a file: read page by page, filtered as the table is, one event per line.

import type { EventRow } from '../../host/api';
import type { Host } from '../../host/host';
import { eventResult, matcher, type EventFilter } from './events';

export type ExportFormat = 'ndjson' | 'csv';

export interface ExportProgress {
  /** Rows of the log read so far. */
  read: number;
  /** Those that go into the file. */
  kept: number;
}

const PAGE = 1000;
const MIME: Record<ExportFormat, string> = { ndjson: 'application/x-ndjson', csv: 'text/csv' };

/** `undefined` if it was stopped or the person chose no place for the file. Rejects if the log could not be read. */
export async function exportLog(
  host: Pick<Host, 'call' | 'saveFile'>,
  format: ExportFormat,
  filter: EventFilter,
  now: number,
  tell: (progress: ExportProgress) => void,
  signal: AbortSignal,
): Promise<ExportProgress | undefined> {
  const wanted = matcher(filter);
  const line = format === 'csv' ? csvLine : (row: EventRow) => JSON.stringify(row);
  const lines: string[] = format === 'csv' ? [COLUMNS.map(([name]) => csvCell(name)).join(',')] : [];
  const progress = { read: 0, kept: 0 };
  let before: number | undefined;
  for (;;) {
    const page = await host.call('list_events', { limit: PAGE, ...(before === undefined ? {} : { before }) });
    if (signal.aborted) return undefined;
    for (const row of page) {
      progress.read += 1;
      if (!wanted(row)) continue;
      progress.kept += 1;
      lines.push(line(row));
    }
    tell({ ...progress });
    const last = page.at(-1);
    if (!last || page.length < PAGE || last.seq === before) break;
    before = last.seq;
  }
  // RFC 4180 ends lines so; readers of NDJSON want a single line feed.
  const end = format === 'csv' ? '\r\n' : '\n';
  const text = lines.length === 0 ? '' : lines.join(end) + end;
  const saved = await host.saveFile(fileName(format, now), MIME[format], text);
  return saved ? progress : undefined;
}

export function fileName(format: ExportFormat, now: number): string {
  return `auth-log-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '')}Z.${format}`;
}

const COLUMNS: readonly [name: string, value: (row: EventRow) => string | number | null][] = [
  ['seq', (row) => row.seq],
  ['time', (row) => new Date(row.at).toISOString()],
  ['level', (row) => row.level],
  ['phase', (row) => row.step],
  ['event', (row) => row.event],
  ['result', eventResult],
  ['summary', (row) => row.summary],
  ['client', (row) => row.client],
  ['client_name', (row) => row.client_name],
  ['person', (row) => row.person?.name ?? null],
  ['username', (row) => row.person?.username ?? null],
  ['object', (row) => row.person?.object ?? null],
  ['tenant', (row) => row.person?.tenant ?? null],
  ['origin', (row) => row.origin],
  ['attempt', (row) => row.attempt],
  ['session', (row) => row.session],
  ['user_agent', (row) => row.user_agent],
  ['details', (row) => JSON.stringify(row.details)],
];

const csvLine = (row: EventRow): string => COLUMNS.map(([, value]) => csvCell(value(row))).join(',');

/** A client chooses its own name, and a spreadsheet runs what begins with one of these as a formula. */
const FORMULA = /^[\s\p{C}]*[=+\-@\t\r\n＝＋－＠]/u;

export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const harmless = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

// Which attempts are shown.

import type { AttemptRow } from '../../host/api';
import { containsAll, personText, wordsOf } from './events';

export type AttemptFilter = 'all' | 'connected' | 'refused' | 'silent' | 'running';

export const ATTEMPT_FILTERS: readonly { value: AttemptFilter; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'connected', label: 'Connected' },
  { value: 'refused', label: 'Refused' },
  { value: 'silent', label: 'Silent' },
  { value: 'running', label: 'Running' },
];

export function attemptsShown(rows: readonly AttemptRow[], filter: AttemptFilter, search: string): AttemptRow[] {
  const words = wordsOf(search);
  return rows.filter(
    (row) => (filter === 'all' || row.verdict.is === filter) && (words.length === 0 || containsAll(textOf(row), words)),
  );
}

function textOf(row: AttemptRow): string {
  return [
    row.client_name,
    row.client,
    personText(row.person),
    row.origin,
    row.user_agent,
    row.attempt,
    row.session,
    row.verdict.is,
    row.verdict.sentence,
    row.verdict.hint,
    row.verdict.code === null ? '' : `AADSTS${row.verdict.code}`,
    ...row.steps.map(({ detail }) => detail),
  ]
    .join('\n')
    .toLowerCase();
}

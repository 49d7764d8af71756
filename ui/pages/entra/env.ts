// What a `.env` file would change, as a person reads it before importing.

import type { Changes, EnvPreview, SettingRow } from '../../host/api';
import { labelOf, lockReason } from '../draft/fields';

export interface EnvLine {
  key: string;
  label: string;
  /** Never a secret. */
  text: string;
  /** Why the line will have no effect, if something stronger sets the same. */
  overruled: string | null;
}

export function envLines(preview: EnvPreview, rows: readonly SettingRow[]): EnvLine[] {
  return Object.entries(preview.changes).map(([key, change]) => {
    const row = rows.find((row) => row.key === key);
    const text = typeof change === 'string' ? change || 'the default again' : 'a secret, not shown';
    return { key, label: labelOf(key), text, overruled: row ? lockReason(row) : null };
  });
}

/** What can be asked about before importing: everything but the secrets, which the window was not told. */
export const plainChanges = (preview: EnvPreview): Changes =>
  Object.fromEntries(Object.entries(preview.changes).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** A `.env` is small; anything else was chosen by mistake. */
export const MOST_BYTES = 64 * 1024;

// What a person typed, compared with what is kept: what would be saved, and which problems to show while typing.

import type { Changes, Problem, SettingRow } from '../../host/api';
import { labelOf, wordsOf } from './fields';

export type Typed = Readonly<Record<string, string>>;

/** What stands in the field. A default is a placeholder, so that an empty field means the default. */
export function shown(row: SettingRow, typed: Typed): string {
  const text = row.locked ? undefined : typed[row.key];
  return text ?? (row.given ? (row.text ?? '') : '');
}

/** What counts: what stands in the field, or else the default. */
export function effective(row: SettingRow, typed: Typed): string {
  return shown(row, typed).trim() || row.default;
}

/** The texts that differ from what is kept. */
export function changesOf(rows: readonly SettingRow[], typed: Typed): Changes {
  return Object.fromEntries(
    rows.flatMap((row) => {
      const text = typed[row.key];
      if (text === undefined || row.locked || !differs(row, text)) return [];
      return [[row.key, row.exposure === 'secret' ? text : text.trim()]];
    }),
  );
}

function differs(row: SettingRow, text: string): boolean {
  if (text.trim() === '') return row.given;
  if (row.exposure !== 'plain') return true;
  return normal(row, text) !== normal(row, row.text ?? '');
}

const normal = (row: SettingRow, text: string): string =>
  row.shape === 'list' ? text.split(/[\s,]+/).filter(Boolean).join(' ') : text.trim();

export interface ChangeLine {
  key: string;
  label: string;
  from: string;
  to: string;
}

/** The changes as a person reads them before saving. A secret is never among the words. */
export function linesOf(rows: readonly SettingRow[], changes: Changes): ChangeLine[] {
  return Object.entries(changes).map(([key, text]) => {
    const row = rows.find((row) => row.key === key);
    if (row && row.exposure !== 'plain') {
      return { key, label: labelOf(key), from: row.given ? 'kept' : 'none', to: text === '' ? 'removed' : 'a new one' };
    }
    return { key, label: labelOf(key), from: said(row, row?.text ?? ''), to: said(row, text || row?.default || '') };
  });
}

/** As the field itself says it. */
function said(row: SettingRow | undefined, text: string): string {
  const choice = row && wordsOf(row.key).options?.find(({ value }) => value === text);
  if (choice) return choice.label;
  if (row?.shape === 'flag') return text === 'true' ? 'on' : 'off';
  return text || 'none';
}

/**
 * The problems worth showing. While somebody fills in an empty form, fields they have not come to yet are not wrong;
 * once they ask to save, everything that is missing is.
 */
export function worthShowing(problems: readonly Problem[], typed: Typed, asked: boolean): Problem[] {
  return problems.filter(({ code, field }) => asked || code !== 'missing' || typed[field] !== undefined);
}

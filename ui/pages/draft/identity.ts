// Who says who people are, with the settings as typed: the practice tenant or Entra.

import type { SettingRow } from '../../host/api';
import { effective, type Typed } from './changes';

/** Fields whose being given means that Entra is wanted, as long as the practice tenant is left to decide by itself. */
const MEANT = ['entra.client_id', 'entra.tenant', 'entra.client_secret', 'entra.client_secret_file'];

const isGiven = (row: SettingRow, typed: Typed): boolean => {
  const text = typed[row.key];
  return text === undefined || row.locked ? row.given : text.trim() !== '';
};

/** Whether anything of an app registration is given. */
export const entraIsGiven = (rows: readonly SettingRow[], typed: Typed): boolean =>
  rows.some((row) => MEANT.includes(row.key) && isGiven(row, typed));

/** Whether the practice tenant would be in force with these settings. */
export function practiceIsMeant(rows: readonly SettingRow[], typed: Typed): boolean {
  const row = rows.find(({ key }) => key === 'identity.practice');
  const text = row ? effective(row, typed).toLowerCase() : 'auto';
  if (['on', 'true', 'yes', '1'].includes(text)) return true;
  if (['off', 'false', 'no', '0'].includes(text)) return false;
  return !entraIsGiven(rows, typed);
}

// What the engine makes of Entra's settings, as far as the fixtures need it: who is in force, and the commonest mistakes.

import type { Changes, Problem, SettingRow } from './api';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i;
const MEANT = ['entra.client_id', 'entra.tenant', 'entra.client_secret', 'entra.client_secret_file'];

/** Whether the practice tenant is in force with these settings. */
export function practiceInForce(rows: readonly SettingRow[], changes: Changes = {}): boolean {
  const choice = textOf(rows, changes, 'identity.practice');
  if (choice === 'on' || choice === 'off') return choice === 'on';
  return !rows.some(({ key, given }) => MEANT.includes(key) && (changes[key] === undefined ? given : changes[key] !== ''));
}

/** Of what the changes lead to; the practice tenant asks for none of it. */
export function entraProblems(rows: readonly SettingRow[], changes: Changes): Problem[] {
  if (practiceInForce(rows, changes)) return [];
  const problems: Problem[] = [];
  const refuse = (field: string, code: string, message: string, hint: string) => problems.push({ field, code, message, hint, source: { is: 'window' } });
  const tenant = textOf(rows, changes, 'entra.tenant');
  if (tenant === '') {
    refuse('entra.tenant', 'missing', 'the directory is missing', 'copy the Directory (tenant) ID from the Overview page of the app registration');
  } else if (!GUID.test(tenant) && !DOMAIN.test(tenant) && !['organizations', 'common', 'consumers'].includes(tenant)) {
    refuse('entra.tenant', 'not-a-tenant', `\`${tenant}\` is not a directory id`, 'copy the Directory (tenant) ID from the Overview page of the app registration');
  }
  const client = textOf(rows, changes, 'entra.client_id');
  if (client === '') {
    refuse('entra.client_id', 'missing', 'the application is missing', 'copy the Application (client) ID from the Overview page of the app registration');
  } else if (!GUID.test(client)) {
    refuse('entra.client_id', 'not-a-client-id', `\`${client}\` is not an application id`, 'copy the Application (client) ID from the Overview page of the app registration');
  }
  if (GUID.test(changes['entra.client_secret'] ?? '')) {
    const hint = 'under *Certificates & secrets*, create a new client secret and paste its Value; the Value is shown only once (AADSTS7000215)';
    refuse('entra.client_secret', 'secret-id', "you pasted the secret's ID, not its Value", hint);
  }
  return problems;
}

function textOf(rows: readonly SettingRow[], changes: Changes, key: string): string {
  const row = rows.find((row) => row.key === key);
  return changes[key] ?? row?.text ?? '';
}

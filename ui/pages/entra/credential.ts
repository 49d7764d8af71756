// The ways in which the app proves itself to Entra, and which of them counts with the settings as typed.

import type { SettingRow } from '../../host/api';
import { effective, type Typed } from '../draft/changes';

export const KEY = 'entra.credential';

export const KINDS = [
  { value: 'secret', label: 'Client secret', about: 'A text from the portal. The quickest to set up; it expires after two years at most.' },
  { value: 'certificate', label: 'Certificate', about: 'The private key stays here, the portal gets the public half: nothing secret is copied.' },
  { value: 'managed-identity', label: 'Managed identity', about: 'For a server in Azure, whose identity the registration trusts. Nothing to renew.' },
  { value: 'federated-token', label: 'Federated token file', about: 'For Kubernetes and other platforms with workload identity. Nothing to renew.' },
  { value: 'none', label: 'None', about: 'A registration on the platform “Mobile and desktop”, which proves nothing.' },
] as const;
export type Kind = (typeof KINDS)[number]['value'];

/** `auto` is the secret that is given, or else the certificate; while nothing is, the first that people think of. */
export function chosenKind(rows: readonly SettingRow[], typed: Typed, hasCertificate: boolean): Kind {
  const row = (key: string) => rows.find((row) => row.key === key);
  const choice = row(KEY);
  const text = choice ? effective(choice, typed).toLowerCase() : 'auto';
  const named = KINDS.find(({ value }) => value === text);
  if (named) return named.value;
  const given = (key: string) => (typed[key] === undefined || row(key)?.locked ? (row(key)?.given ?? false) : typed[key].trim() !== '');
  if (given('entra.client_secret') || given('entra.client_secret_file')) return 'secret';
  return hasCertificate || given('entra.certificate') || given('entra.certificate_file') ? 'certificate' : 'secret';
}

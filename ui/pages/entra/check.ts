// What Check answers, in words, and where on the page each finding belongs.

import type { CheckStep, SettingRow, StepOutcome } from '../../host/api';
import { readable } from '../draft/fields';
import type { ToldProblem } from '../draft/words';
import { chosenKind, type Kind } from './credential';

export interface Found extends CheckStep {
  /** Key of the setting it is mended in; `null` where that is in the portal only. */
  field: string | null;
  /** The redirect URI it is about. */
  redirectUri: string | null;
}

const NAMES: Record<string, string> = {
  authority: 'Sign-in host',
  tenant: 'Directory',
  keys: 'Signing keys',
  clock: 'Clock',
  application: 'Application',
  credential: 'Client ID and credential',
  next_credential: 'Next credential',
  redirect_uri: 'Redirect URI',
  platform: 'Platform',
  api: 'API and scopes',
  consent: 'Consent',
  token: 'Access token',
  sign_in: 'Sign-in',
  access: 'Who may sign in',
  practice: 'Practice tenant',
  public_url: 'Address',
  public_port: 'Port',
  public_metadata: 'Metadata',
  public_challenge: 'Challenge',
  public_stream: 'Streams',
  public_page: 'Browsers',
};

/** In their order, while nothing is known of them yet. */
export const LOOKED_AT = ['authority', 'tenant', 'keys', 'clock', 'application', 'credential', 'redirect_uri', 'api', 'token'] as const;

export const stepName = (about: string): string => NAMES[about] ?? about;

export const OUTCOMES: Record<StepOutcome, string> = { passed: 'good', noted: 'to know', failed: 'wrong', unknown: 'not known' };

/** AADSTS numbers that the credential is refused with, although something else is to be mended. */
const OF_CLIENT_ID = [700_016, 7_000_229];
const OF_REDIRECT_URI = [50_011, 9_002_327];
/** It is not the scope that is not there, but its API. */
const OF_THE_API = [500_011, 650_057, 9_010_010];

/** The steps about redirect URIs come in the order of `urls`. */
export function placed(steps: readonly CheckStep[], urls: readonly string[], rows: readonly SettingRow[]): Found[] {
  let nth = 0;
  return steps.map((step) => {
    if (step.about === 'redirect_uri') return { ...step, field: null, redirectUri: urls[nth++] ?? null };
    if (step.code !== null && OF_REDIRECT_URI.includes(step.code)) return { ...step, field: null, redirectUri: urls[0] ?? null };
    return { ...step, field: fieldOf(step, rows), redirectUri: null };
  });
}

/** It is mended where the redirect URIs are registered. */
export const isAboutRedirect = ({ about, redirectUri }: Found): boolean => about === 'redirect_uri' || redirectUri !== null;

function fieldOf({ about, code }: CheckStep, rows: readonly SettingRow[]): string | null {
  const row = (key: string) => rows.find((row) => row.key === key);
  switch (about) {
    case 'tenant':
      return 'entra.tenant';
    case 'authority':
    case 'keys':
      return 'entra.authority';
    case 'application':
      return 'entra.client_id';
    case 'api':
      return code !== null && OF_THE_API.includes(code) ? 'entra.identifier_uri' : 'entra.required_scopes';
    case 'credential':
      if (code !== null && OF_CLIENT_ID.includes(code)) return 'entra.client_id';
      return fieldOfKind(chosenKind(rows, {}, row('entra.certificate')?.given ?? false), row);
    case 'next_credential':
      return row('entra.next_client_secret')?.given ? 'entra.next_client_secret' : 'entra.certificate';
    default:
      return null;
  }
}

function fieldOfKind(kind: Kind, row: (key: string) => SettingRow | undefined): string {
  switch (kind) {
    case 'secret':
      return row('entra.client_secret_file')?.given && !row('entra.client_secret')?.given ? 'entra.client_secret_file' : 'entra.client_secret';
    case 'certificate':
      return 'entra.certificate';
    case 'federated-token':
      return 'entra.federated_token_file';
    case 'managed-identity':
      return 'entra.managed_identity';
    case 'none':
      return 'entra.credential';
  }
}

/** An address keeps its small letter at the beginning, and gets no full stop at the end. */
export function said(text: string): string {
  const stop = /https?:\S+$/.test(text) || /[.!?]$/.test(text) ? '' : '.';
  return (/^https?:/.test(text) ? text : readable(text)) + stop;
}

/** `null` where there is none, or the sentence has it already. */
export const codeOf = ({ code, what }: CheckStep): string | null => (code === null || what.includes(`AADSTS${code}`) ? null : `AADSTS${code}`);

/** As a field shows it. */
export function toldStep(step: CheckStep): ToldProblem {
  const code = codeOf(step);
  const sentence = said(step.what);
  return { message: code ? `${sentence.replace(/\.$/, '')} (${code}).` : sentence, hint: step.hint && said(step.hint) };
}

/** Of the whole: good is only what is so in every step. */
export function toneOf(steps: readonly CheckStep[]): 'good' | 'bad' | 'off' {
  if (steps.some(({ outcome }) => outcome === 'failed')) return 'bad';
  return steps.every(({ outcome }) => outcome === 'passed') ? 'good' : 'off';
}

/** The whole in one sentence. */
export function summary(steps: readonly CheckStep[]): string {
  const count = (outcome: StepOutcome) => steps.filter((step) => step.outcome === outcome).length;
  const failed = count('failed');
  const unknown = count('unknown');
  if (failed > 0) return failed === 1 ? 'One thing is wrong.' : `${failed} things are wrong.`;
  if (steps.every(({ about }) => about === 'practice')) return 'There is nothing to check.';
  if (unknown > 0) return `Nothing wrong was found, and ${unknown === 1 ? 'one thing is' : `${unknown} things are`} not known.`;
  return 'Everything is as it should be.';
}

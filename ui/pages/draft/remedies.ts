// Ways out of a refusal, as buttons say them. All settings that they change are at home on the Entra page.

import type { Remedy, RemedyField } from '../../host/api';
import { isWebLink } from '../../host/host';
import { effective } from './changes';
import type { Draft } from './draft.svelte';

/** Every one there is, or this does not compile. */
export const CHANGES: Record<RemedyField, string> = {
  'entra.tenant': 'Change the tenant',
  'entra.client_id': 'Change the client ID',
  'entra.authority': 'Change the cloud',
  'entra.credential': 'Change the credential',
  'entra.client_secret': 'Enter a new secret',
  'entra.certificate': 'See the certificate',
  'entra.identifier_uri': 'Change the identifier URI',
  'entra.required_scopes': 'Change the scopes',
  'entra.extra_authorize_scopes': 'Change the extra scopes',
  'entra.allowed_tenants': 'Allow the tenant',
  'access.people': 'Add the person',
  'access.guests': 'Let guests in',
  'server.sign_in': 'Change where people sign in',
};

const CHANGES_TO: Record<string, string> = {
  'this-computer': 'Sign in on this computer',
  anywhere: 'Sign in from anywhere',
};

export function wordsOfRemedy(remedy: Remedy): string {
  switch (remedy.does) {
    case 'open':
      return `Open ${remedy.page}`;
    case 'change':
      return (remedy.to !== null && CHANGES_TO[remedy.to]) || CHANGES[remedy.setting];
    case 'sign_in':
      return 'Test sign-in';
  }
}

/** Without those that lead nowhere, and those that are done already. */
export const worthOffering = (remedies: readonly Remedy[], draft: Pick<Draft, 'row'>): Remedy[] =>
  remedies.filter((remedy) => {
    if (remedy.does === 'open') return isWebLink(remedy.url);
    if (remedy.does === 'sign_in') return true;
    const row = draft.row(remedy.setting);
    return remedy.to === null || !row || effective(row, {}) !== remedy.to;
  });

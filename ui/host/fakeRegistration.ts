// The making of an app registration on made-up data: the texts, and the steps one after the other.

import type { Changes, Creation, CreationWish, Finding, PlannedCall, RegistrationTexts, RegistrationWish } from './api';
import { HostError } from './host';

const CALLS: PlannedCall[] = [
  { what: 'Register the application with its redirect URI, asking for version 2 tokens', method: 'POST', path: '/v1.0/applications' },
  { what: 'Give its API a name and the scope that clients ask for', method: 'PATCH', path: '/v1.0/applications/{id}' },
  { what: 'Make it known to the directory, so that people can sign in', method: 'POST', path: '/v1.0/servicePrincipals' },
  { what: 'Make you its owner, unless you are that already or the directory does not let you', method: 'POST', path: '/v1.0/applications/{id}/owners/$ref' },
  { what: 'Make a client secret; it goes straight into this program and is shown nowhere', method: 'POST', path: '/v1.0/applications/{id}/addPassword' },
];
const UNDO: PlannedCall[] = [
  { what: 'Look for the application, if an answer was lost', method: 'GET', path: '/v1.0/applications' },
  { what: 'Delete the application', method: 'DELETE', path: '/v1.0/applications/{id}' },
  { what: 'Delete it and its service principal for good', method: 'DELETE', path: '/v1.0/directory/deletedItems/{id}' },
];
const NAME = 'Just MCP OAuth Proxy';
const TENANT = '6babcaad-604b-40ac-a9d7-9fd97c0b779f';
const CLIENT = '3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11';
/** How long the other side takes for each step, in ms. */
const STEP = 900;

export function registrationTexts({ name = 'Just MCP OAuth Proxy', any_directory = false }: RegistrationWish, urls: readonly string[]): RegistrationTexts {
  const audience = any_directory ? 'AzureADMultipleOrgs' : 'AzureADMyOrg';
  const manifest = {
    api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [{ value: 'read', type: 'User', isEnabled: true }] },
    displayName: name,
    signInAudience: audience,
    web: { redirectUris: urls },
  };
  return {
    name,
    redirect_uris: [...urls],
    scopes: ['read'],
    az: `#!/usr/bin/env bash\n# Makes the app registration "${name}" in Microsoft Entra ID.\nset -euo pipefail\n\naz ad app create --display-name '${name}' --sign-in-audience ${audience} --web-redirect-uris ${urls.map((url) => `'${url}'`).join(' ')}\n`,
    manifest: `${JSON.stringify(manifest, null, 2)}\n`,
    terraform: `resource "azuread_application" "proxy" {\n  display_name     = "${name}"\n  sign_in_audience = "${audience}"\n}\n`,
    bicep: `resource proxy 'Microsoft.Graph/applications@v1.0' = {\n  displayName: '${name}'\n  signInAudience: '${audience}'\n}\n`,
  };
}

export interface Creating {
  state: Creation;
  timer?: ReturnType<typeof setTimeout> | undefined;
  practice: boolean;
}

/** `tell` passes a state on; `save` makes the values the settings. */
export function creationCommands(creating: Creating, tell: (state: Creation) => Creation, save: (tenant: string, client: string) => void) {
  const to = (state: Creation) => tell((creating.state = state));
  const soon = (next: () => void) => (creating.timer = setTimeout(next, STEP));
  const make = (done: number) => {
    if (done === CALLS.length) {
      if (!creating.practice) save(TENANT, CLIENT);
      to({ is: 'done', tenant: TENANT, client_id: CLIENT, saved: !creating.practice, secret_ends: '2028-11-25T10:00:00Z', is_owner: true });
      return;
    }
    const tag = 'just-mcp-oauth-proxy-bWFkZSBoZXJl';
    const client_id = done > 0 ? CLIENT : null;
    to({ is: 'making', calls: CALLS, done, left: { is: 'left', name: NAME, client_id, tag, link: null } });
    soon(() => make(done + 1));
  };
  return {
    creation: () => creating.state,
    begin_creation: ({ practice = false }: CreationWish) => {
      creating.practice = practice;
      const link = practice ? 'http://localhost:4243/device' : 'https://microsoft.com/devicelogin';
      soon(() => soon(() => soon(() => to({ is: 'planned', tenant: TENANT, name: 'Ada Lindqvist', username: 'ada@contoso.com', calls: CALLS, undo: UNDO }))));
      return to({ is: 'sign_in', code: 'HJKTWXBCD', link, expires_at: Date.now() + 15 * 60_000 });
    },
    confirm_creation: () => {
      if (creating.state.is !== 'planned') throw new HostError('not_created', 'There is no plan to agree to', 'Begin again and sign in first.');
      make(0);
      return creating.state;
    },
    cancel_creation: () => {
      clearTimeout(creating.timer);
      if (creating.state.is === 'done' || creating.state.is === 'failed') return creating.state;
      if (creating.state.is !== 'making') return to({ is: 'idle' });
      const { done, left } = creating.state;
      to({ is: 'undoing', calls: CALLS, done, left });
      const undone = { is: 'removed', name: NAME, client_id: CLIENT, for_good: true } as const;
      soon(() => to({ is: 'failed', what: 'It was stopped.', hint: 'Begin again when you want to.', code: null, remedies: [], undone, calls: CALLS, done }));
      return creating.state;
    },
    close_creation: () => to({ is: 'idle' }),
  };
}

interface Manifest {
  appId?: string;
  publisherDomain?: string;
  web?: { redirectUris?: string[] };
}

/** What of a manifest becomes settings. */
export function manifestValues(text: string): Changes {
  const { appId, publisherDomain } = JSON.parse(text) as Manifest;
  if (!appId) throw new HostError('bad_request', 'there is no `appId` in it', 'export it under App registrations > your app > Manifest > Download');
  return { 'entra.client_id': appId, ...(publisherDomain ? { 'entra.tenant': publisherDomain } : {}) };
}

export function manifestFindings(text: string, urls: readonly string[]): Finding[] {
  const registered = (JSON.parse(text) as Manifest).web?.redirectUris ?? [];
  const missing = urls.filter((url) => !registered.includes(url));
  const hint = 'Under Authentication, add it on the platform Web, character for character.';
  return missing.map((url) => ({ ok: false, text: `${url} is not registered (AADSTS50011).`, hint, remedies: [] }));
}

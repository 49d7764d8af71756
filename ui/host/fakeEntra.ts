// What the engine makes of Entra's settings, and Entra of them, as far as the fixtures need it: who is in force, the
// commonest mistakes, and what a check finds.

import type { Changes, CheckStep, EntraCheck, Problem, Remedy, RemedyField, SettingRow, TestSignIn } from './api';
import { HostError } from './host';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i;
const MEANT = ['entra.client_id', 'entra.tenant', 'entra.client_secret', 'entra.client_secret_file'];

/** Whether the practice tenant is in force with these settings. */
export function practiceInForce(rows: readonly SettingRow[], changes: Changes = {}): boolean {
  const choice = textOf(rows, changes, 'identity.practice');
  if (choice === 'on' || choice === 'off') return choice === 'on';
  return !rows.some(({ key, given }) => MEANT.includes(key) && (changes[key] === undefined ? given : changes[key] !== ''));
}

/** Of what the changes lead to; the practice tenant asks for no more than that a kept secret stays with its host. */
export function entraProblems(rows: readonly SettingRow[], changes: Changes): Problem[] {
  const problems: Problem[] = [];
  const refuse = (field: string, code: string, message: string, hint: string) => problems.push({ field, code, message, hint, source: { is: 'window' } });
  const kept = (key: string) => changes[key] === undefined && rows.some((row) => row.key === key && row.given);
  if (textOf(rows, changes, 'entra.authority') !== textOf(rows, {}, 'entra.authority')) {
    const message = 'type the secret again: the sign-in host changed, and the saved one is not sent to another';
    const hint = 'paste its Value, or clear the field if another credential is meant';
    for (const key of ['entra.client_secret', 'entra.next_client_secret'].filter(kept)) refuse(key, 'secret-of-another-host', message, hint);
  }
  if (practiceInForce(rows, changes)) return problems;
  const tenant = textOf(rows, changes, 'entra.tenant');
  if (tenant === '') {
    refuse('entra.tenant', 'missing', 'the tenant ID is missing', 'copy the Directory (tenant) ID from the Overview page of the app registration');
  } else if (!GUID.test(tenant) && !DOMAIN.test(tenant) && !['organizations', 'common', 'consumers'].includes(tenant)) {
    refuse('entra.tenant', 'not-a-tenant', `\`${tenant}\` is not a directory id`, 'copy the Directory (tenant) ID from the Overview page of the app registration');
  }
  const client = textOf(rows, changes, 'entra.client_id');
  if (client === '') {
    refuse('entra.client_id', 'missing', 'the client ID is missing', 'copy the Application (client) ID from the Overview page of the app registration');
  } else if (!GUID.test(client)) {
    refuse('entra.client_id', 'not-a-client-id', `\`${client}\` is not an application id`, 'copy the Application (client) ID from the Overview page of the app registration');
  }
  if (GUID.test(changes['entra.client_secret'] ?? '')) {
    const hint = 'under *Certificates & secrets*, create a new client secret and paste its Value; the Value is shown only once (AADSTS7000215)';
    refuse('entra.client_secret', 'secret-id', "you pasted the secret's ID, not its Value", hint);
  }
  return problems;
}

/** The app registration as Entra has it. */
export interface Registration {
  /** Domain or ID of the only directory there is. */
  tenant: string;
  secret: 'good' | 'expired';
  redirectUris: string[];
  /** Those that Entra answers about with a page that says nothing. */
  unseen: string[];
  /** Whether anybody agreed that the app may see who signs in. */
  consent: boolean;
}

const TENANT = 'contoso.onmicrosoft.com';
const DIRECTORY = '6babcaad-604b-40ac-a9d7-9fd97c0b779f';
const BLADES = 'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~';

export const registration = (): Registration => ({
  tenant: TENANT,
  secret: 'good',
  redirectUris: ['http://localhost:4242/auth/callback'],
  unseen: ['https://mcp.contoso.example/auth/callback'],
  consent: true,
});

export const wrongRegistration = (): Registration => ({ tenant: TENANT, secret: 'expired', redirectUris: [], unseen: [], consent: false });

const page = (page: string, url: string): Remedy => ({ does: 'open', page, url });
const change = (setting: RemedyField, to: string | null = null): Remedy => ({ does: 'change', setting, to });

/** What stands in the way of asking. */
function refuseUnusable(rows: readonly SettingRow[], changes: Changes, hint: string): void {
  const [problem] = entraProblems(rows, changes);
  if (problem) throw new HostError('not_checked', `a setting cannot be used: \`${problem.field}\`: ${problem.message}`, hint);
}

/** Of the settings as they are kept, with these changes. */
export function checkEntra(rows: readonly SettingRow[], changes: Changes, urls: readonly string[], { tenant, secret: kept, redirectUris, unseen, consent }: Registration, tested: TestSignIn | null = null): EntraCheck {
  refuseUnusable(rows, changes, 'correct it, then check again');
  const secret = changes['entra.client_secret'] ? 'good' : kept;
  const step = (about: string, outcome: CheckStep['outcome'], what: string, more?: Partial<CheckStep>): CheckStep => ({ about, outcome, what, hint: null, code: null, fixer: null, remedies: [], ...more });
  const answer = (steps: CheckStep[]): EntraCheck => ({ steps, passed: steps.every(({ outcome }) => outcome !== 'failed'), redirect_uris: [...urls] });
  if (practiceInForce(rows, changes)) return answer([step('practice', 'passed', 'people sign in at the practice tenant, which needs no set-up'), ...testedSteps(tested, consent)]);
  const blade = (name: string) => `${BLADES}/${name}/appId/${textOf(rows, changes, 'entra.client_id')}`;
  const reached = step('authority', 'passed', 'the sign-in host answers: https://login.microsoftonline.com');
  if (textOf(rows, changes, 'entra.tenant') !== tenant) {
    const hint = 'Compare the tenant ID in the settings with App registrations > your app > Overview, and check that the authority is the cloud it lives in.';
    return answer([reached, step('tenant', 'failed', 'The directory was not found.', { hint, code: 90002, fixer: 'app_owner', remedies: [change('entra.tenant'), change('entra.authority'), page('Overview', blade('Overview'))] })]);
  }
  const expired = 'Create a new secret under App registrations > your app > Certificates & secrets and paste its Value into the settings.';
  const unregistered =
    'Under App registrations > your app > Authentication, add the redirect URI shown in the settings, character for character, on platform Web.';
  return answer([
    reached,
    step('tenant', 'passed', `the directory is there: https://login.microsoftonline.com/${DIRECTORY}/v2.0`),
    step('keys', 'passed', 'its signing keys can be read'),
    step('clock', 'passed', 'the clock of this computer agrees with it, 0 s apart'),
    step('application', 'passed', 'the directory knows the client ID'),
    secret === 'good'
      ? step('credential', 'passed', 'client ID and client secret are accepted')
      : step('credential', 'failed', 'The client secret has expired.', { hint: expired, code: 7_000_222, fixer: 'app_owner', remedies: [page('Certificates & secrets', blade('Credentials')), change('entra.client_secret')] }),
    ...urls.map((url) => {
      if (redirectUris.includes(url)) return step('redirect_uri', 'passed', `${url} is registered`);
      if (unseen.includes(url)) {
        const what = `whether ${url} is registered cannot be seen: the provider answers with a page`;
        return step('redirect_uri', 'unknown', what, { hint: 'make a test sign-in to see', remedies: [{ does: 'sign_in' }] });
      }
      const more: Partial<CheckStep> = { hint: unregistered, code: 50_011, fixer: 'app_owner', remedies: [page('Authentication', blade('Authentication')), change('server.sign_in', 'this-computer')] };
      return step('redirect_uri', 'failed', 'The redirect URI is not registered for this app.', more);
    }),
    ...testedSteps(tested, consent),
  ]);
}

const NO_CONSENT = {
  what: 'Nobody has consented to the permissions of this app.',
  hint: 'Under API permissions, press Grant admin consent, or let people consent for themselves.',
  code: 65_001,
  fixer: 'tenant_admin',
  remedies: [page('API permissions', `${BLADES}/CallAnAPI`)],
} satisfies Partial<CheckStep>;
/** Of a test sign-in that no refusal ended. */
const NOTHING = { code: null, fixer: null, remedies: [] };

/** What only a sign-in shows. */
function testedSteps(tested: TestSignIn | null, consent: boolean): CheckStep[] {
  const step = (about: string, outcome: CheckStep['outcome'], what: string, more?: Partial<CheckStep>): CheckStep => ({ about, outcome, what, hint: null, code: null, fixer: null, remedies: [], ...more });
  if (tested?.is !== 'ended') return [];
  if (!tested.passed && consent) return [step('sign_in', 'unknown', tested.what, { hint: tested.hint })];
  if (!consent) return [step('consent', 'failed', NO_CONSENT.what, NO_CONSENT)];
  return [
    step('consent', 'passed', "the consent to this app's permissions is there"),
    step('platform', 'passed', 'the redirect URI is on the right platform'),
    step('api', 'passed', 'the API is there'),
    step('token', 'passed', 'it is meant for this app'),
    step('token', 'passed', 'it has every scope this server requires'),
    step('token', 'passed', 'it is of version 2.0'),
    step('token', 'passed', "it is a member's, with 2 groups and no app roles"),
    step('sign_in', 'passed', 'whoever signed in may come in'),
  ];
}

export const waitingTest = (now: number, unsaved = false, moves_to: string | null = null): TestSignIn => ({ is: 'waiting', link: 'http://localhost:4242/test-sign-in?key=jmb_dGhlIGtleSBvZiBhIHRlc3Qgc2lnbi1pbiBvbmx5', opened: false, expires_at: now + 10 * 60_000, unsaved, moves_to });

export const endedTest = ({ consent }: Registration, unsaved = false): TestSignIn => {
  const passed = unsaved ? 'the test sign-in passed with the changes, which are not saved yet; nothing of it was kept' : 'the test sign-in passed, and nothing of it was kept';
  return consent ? { is: 'ended', passed: true, what: passed, hint: null, ...NOTHING, unsaved } : { is: 'ended', passed: false, ...NO_CONSENT, unsaved };
};

/** The changes of the last test sign-in are the server's to remember. */
export function testCommands(world: { testing: TestSignIn; tried: Changes; settings: { rows: SettingRow[] } }) {
  return {
    begin_test_sign_in: ({ changes = {} }: { changes?: Changes }) => {
      if (Object.keys(changes).length > 0) refuseUnusable(world.settings.rows, changes, 'correct it, then begin the test sign-in again');
      world.tried = changes;
      const path = changes['server.callback_path'];
      return (world.testing = waitingTest(Date.now(), Object.keys(changes).length > 0, path === undefined ? null : `http://localhost:4242${path || '/auth/callback'}`));
    },
    test_sign_in: () => world.testing,
    cancel_test_sign_in: () => {
      if (world.testing.is === 'waiting') world.testing = { is: 'ended', passed: false, what: 'the test sign-in was cancelled', hint: 'begin another test sign-in to see the rest', ...NOTHING, unsaved: world.testing.unsaved };
      return world.testing;
    },
  };
}

function textOf(rows: readonly SettingRow[], changes: Changes, key: string): string {
  const row = rows.find((row) => row.key === key);
  return changes[key] ?? row?.text ?? '';
}

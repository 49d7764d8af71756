// A server in the middle of its life, for designing and for tests. Everything is told from one moment, `now`.

import type {
  AttemptRow,
  AttemptStep,
  CertificateRow,
  ClientRow,
  DesktopPreferences,
  EventRow,
  Level,
  PairingRow,
  PersonRow,
  PracticeState,
  Fixer,
  Remedy,
  SessionClaims,
  SessionClient,
  SessionRow,
  SettingsForm,
  Status,
  Step,
  StepState,
  ToolRow,
  Verdict,
  VisitRow,
} from './api';
import { TUNNEL_URL } from './fakeTunnel';

const NOTHING = { code: null, fixer: null, remedies: [] };
/** What the engine's table has of a number. */
const REFUSALS: Record<number, { fixer: Fixer; remedies: Remedy[] }> = {
  7000222: {
    fixer: 'app_owner',
    remedies: [
      { does: 'open', page: 'Certificates & secrets', url: 'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Credentials/appId/app-1' },
      { does: 'change', setting: 'entra.client_secret', to: null },
    ],
  },
  50057: {
    fixer: 'tenant_admin',
    remedies: [{ does: 'open', page: 'Users', url: 'https://entra.microsoft.com/#view/Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers' }],
  },
  50076: { fixer: 'person', remedies: [{ does: 'sign_in' }] },
};
const refusal = (code: number | null) => ({ ...NOTHING, ...(code === null ? {} : REFUSALS[code]), code });

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const TENANT = 'ac71ce00-0000-4000-8000-000000000001';
const OTHER_TENANT = '07e47e00-0000-4000-8000-000000000002';
const APP = 'ac71ce00-0000-4000-8000-00000000c11e';
const MCP_URL = 'http://localhost:4242/mcp';
export const OWN_ADDRESS = 'https://mcp.contoso.example';

export const STEPS: readonly Step[] = [
  'discovery',
  'challenge',
  'registration',
  'authorize',
  'consent',
  'upstream',
  'callback',
  'token',
  'first_call',
  'refresh',
];

// === people and clients ===

const person = (object: string, name: string | null, username: string | null, more?: Partial<PersonRow>): PersonRow => ({
  object: `ac71ce00-0000-4000-8000-0000000000${object}`,
  tenant: TENANT,
  name,
  username,
  guest: false,
  roles: [],
  ...more,
});

export const PEOPLE = {
  ada: person('a1', 'Ada Lindqvist', 'ada@practice.example', { roles: ['Admin', 'Member'] }),
  ben: person('b2', 'Ben Okafor', 'ben@practice.example', { roles: ['Member'] }),
  gus: person('c3', 'Gus Moreau', 'gus@partner.example', { guest: true }),
  dora: person('d4', 'Dora Haas', 'dora@practice.example'),
  olga: person('e5', 'Olga Novak', 'olga@other.example', { tenant: OTHER_TENANT }),
  layla: person('f6', 'ليلى بنت عبد الرحمن', 'layla@practice.example'),
  long: person(
    'a7',
    'Maximiliane Freifrau von und zu Hohenstein-Wallerstein-Oettingen',
    'maximiliane.freifrau.von.und.zu.hohenstein-wallerstein@subsidiary.practice.example',
  ),
  nameless: person('a8', null, null),
} satisfies Record<string, PersonRow>;

const client = (id: string, name: string | null, more?: Partial<SessionClient>): SessionClient => ({
  id,
  name,
  kind: 'dynamic',
  verified_host: null,
  uri: null,
  blocked: false,
  ...more,
});

export const CLIENTS = {
  claude: client('https://claude.ai/oauth/mcp-oauth-client-metadata', 'Claude', {
    kind: 'document',
    verified_host: 'claude.ai',
    uri: 'https://claude.ai',
  }),
  inspector: client('jmop_c_7Q2m9xKcJ4pTtVw1', 'MCP Inspector', { uri: 'https://github.com/modelcontextprotocol/inspector' }),
  code: client('jmop_c_Hf83bYlqRr20sDaa', 'Claude Code (just-mcp-oauth-proxy)'),
  chatgpt: client('jmop_c_PzVn55sQeXw81LkM', 'ChatGPT', { uri: 'https://chatgpt.com' }),
  cursor: client('ci-cursor', 'Cursor', { kind: 'static' }),
  blocked: client('jmop_c_0000wW8rTyUu77Aa', 'Totally Honest Assistant', { blocked: true }),
  nameless: client('jmop_c_Nn31mL0oPq92Rr44', null),
} satisfies Record<string, SessionClient>;

// === status ===

export function status(now: number, sessions: number): Status {
  return {
    state: { is: 'running' },
    paused: false,
    mcp_url: MCP_URL,
    public_url: null,
    public_mcp_url: null,
    tunnel: { is: 'off' },
    tunnel_closes_at: null,
    tunnel_closed_because: null,
    long_codes_until: null,
    turned_away: 0,
    callback_urls: ['http://localhost:4242/auth/callback'],
    practice_url: `http://localhost:4243/${TENANT}`,
    identity: 'practice',
    tenant: TENANT,
    client_id: APP,
    credential: null,
    version: '0.1.0',
    started_at: now - 3 * HOUR - 12 * MINUTE,
    now,
    dropped_events: 0,
    sessions,
    desktop: true,
    data_dir: '/home/ada/.local/share/just-mcp-oauth-proxy',
    settings_file: '/home/ada/.config/just-mcp-oauth-proxy/settings.toml',
  };
}

export const withEntra = (status: Status): Status => ({
  ...status,
  identity: 'entra',
  practice_url: null,
  tenant: 'contoso.onmicrosoft.com',
  client_id: '3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11',
  credential: { kind: 'secret', expires_at: status.now + 200 * DAY, fell_back: false },
});

/** As the engine makes them; the public half only. */
export const certificate = (now: number, number: number, days = 365): CertificateRow => ({
  thumbprint: ['7C1F0A9E4B3D2C5A6F8E9D0B1A2C3D4E5F607182', '19E3B5D7F90A2C4E6081A3C5E7092B4D6F8113A5'][number % 2] ?? '',
  subject: 'CN=Just MCP OAuth Proxy',
  starts_at: now - DAY,
  expires_at: now + days * DAY,
  pem: '-----BEGIN CERTIFICATE-----\nMIIC6zCCAdOgAwIBAgIQUm9vdCBvZiBub3RoaW5nIGF0IGFsbDANBgkqhkiG9w0B\n-----END CERTIFICATE-----\n',
});

// === sessions ===

export function sessions(now: number): SessionRow[] {
  let number = 0;
  const row = (who: PersonRow, what: SessionClient, age: number, idle: number, more?: Partial<SessionRow>): SessionRow => {
    number += 1;
    const refreshed = now - Math.min(idle + 4 * MINUTE, age);
    return {
      session: `ses_${String(number).padStart(2, '0')}Lk3vWq8`,
      attempt: `att_${String(number).padStart(2, '0')}Xy7mNp2`,
      person: who,
      client: what,
      state: { is: 'live' },
      scopes: ['read'],
      origin: 'local',
      resource: MCP_URL,
      calls: 0,
      created_at: now - age,
      active_at: now - idle,
      refreshed_at: refreshed,
      access_expires_at: refreshed + HOUR,
      expires_at: refreshed + 90 * DAY,
      refresh: null,
      ...more,
    };
  };
  const ended = (ago: number, why: string, reason: string, code: number | null = null): Partial<SessionRow> => ({
    state: { is: 'ended', at: now - ago, why, reason, ...refusal(code) },
  });
  return [
    row(PEOPLE.ada, CLIENTS.claude, 2 * HOUR, 12 * SECOND, {
      calls: 148,
      origin: 'public',
      resource: `${TUNNEL_URL}/mcp`,
      scopes: ['read', 'write'],
      refresh: { at: now - 38 * MINUTE, ok: true, detail: null, ...NOTHING },
    }),
    row(PEOPLE.ada, CLIENTS.inspector, 20 * MINUTE, 4 * MINUTE, { calls: 3 }),
    row(PEOPLE.ben, CLIENTS.code, 3 * HOUR, 70 * SECOND, {
      calls: 2310,
      refresh: { at: now - 14 * MINUTE, ok: true, detail: null, ...NOTHING },
    }),
    row(PEOPLE.gus, CLIENTS.chatgpt, 5 * HOUR, 6 * MINUTE, {
      calls: 17,
      origin: 'public',
      resource: `${TUNNEL_URL}/mcp`,
      refreshed_at: now - 57 * MINUTE,
      access_expires_at: now + 3 * MINUTE,
      refresh: { at: now - 57 * MINUTE, ok: true, detail: null, ...NOTHING },
    }),
    row(PEOPLE.layla, CLIENTS.claude, 40 * MINUTE, 2 * MINUTE, { calls: 31 }),
    row(PEOPLE.long, CLIENTS.nameless, 26 * HOUR, 9 * HOUR, {
      calls: 5,
      refreshed_at: now - 9 * HOUR,
      access_expires_at: now - 8 * HOUR,
      refresh: {
        at: now - 8 * HOUR,
        ok: false,
        detail: 'Entra did not answer within 10 s; the client is asked to try again',
        ...NOTHING,
      },
    }),
    row(PEOPLE.nameless, CLIENTS.cursor, 6 * DAY, 2 * DAY, { calls: 0, scopes: ['read', 'files.read.all', 'tickets.manage'] }),
    row(PEOPLE.dora, CLIENTS.code, 2 * DAY, 26 * HOUR, {
      calls: 64,
      refresh: { at: now - 25 * HOUR, ok: true, detail: null, ...NOTHING },
      ...ended(25 * HOUR, 'upstream_refused', 'The account is disabled (AADSTS50057). An administrator can enable it under Users > the account > Account status.', 50057),
    }),
    row(PEOPLE.ben, CLIENTS.chatgpt, 9 * DAY, 3 * DAY, {
      calls: 12,
      ...ended(3 * DAY, 'sign_in_needed', 'Multi-factor authentication is required, because of a policy or a new place (AADSTS50076). Connect again and complete the second factor.', 50076),
    }),
    row(PEOPLE.gus, CLIENTS.blocked, 4 * HOUR, 4 * HOUR, {
      calls: 1,
      ...ended(4 * HOUR, 'revoked_by_owner', 'the owner of this server ended the session; connect again to sign in'),
    }),
    row(PEOPLE.ada, CLIENTS.code, 30 * DAY, 12 * DAY, {
      calls: 940,
      ...ended(12 * DAY, 'refresh_reused', 'a refresh token was used again, which can mean it was stolen; connect again to sign in'),
    }),
    row(PEOPLE.olga, CLIENTS.inspector, 20 * DAY, 20 * DAY, {
      calls: 2,
      ...ended(20 * DAY, 'revoked_by_client', 'the client signed out; connect again to sign in'),
    }),
  ];
}

export function clients(now: number): ClientRow[] {
  return Object.values(CLIENTS).map((row, index) => ({
    id: row.id,
    kind: row.kind ?? 'dynamic',
    name: row.name,
    uri: row.uri,
    verified_host: row.verified_host,
    redirects: row === CLIENTS.claude ? ['https://claude.ai/api/mcp/auth_callback'] : ['http://127.0.0.1/callback'],
    redirects_total: 1,
    auth_method: 'none',
    scopes: ['read'],
    created_at: row.kind === 'static' ? null : now - index * HOUR - 20 * MINUTE,
    approved_at: row === CLIENTS.blocked ? null : now - index * HOUR,
    blocked: row.blocked,
  }));
}

const NOTES: SessionClaims['notes'] = {
  iss: { meaning: 'Who issued the token', source: 'The tenant the person signed in at' },
  aud: { meaning: 'Who the token is for', source: 'The client id of the app registration' },
  oid: { meaning: 'The person, the same in every app of the tenant', source: 'The directory' },
  tid: { meaning: 'The tenant', source: 'The directory' },
  sub: { meaning: 'The person, different in every app', source: 'Made from the app and the person' },
  name: { meaning: 'Display name; people can change it', source: 'The profile' },
  preferred_username: { meaning: 'Sign-in name; can change, so nothing is decided by it', source: 'The profile' },
  roles: { meaning: 'App roles assigned to the person', source: 'Enterprise application, Users and groups' },
  scp: { meaning: 'What the app may do for the person', source: 'Expose an API' },
  amr: { meaning: 'How the person proved who they are', source: 'The sign-in' },
  exp: { meaning: 'When the token ends', source: 'Token lifetime of the issuer' },
  ver: { meaning: 'Version of the token', source: 'requestedAccessTokenVersion in the app manifest' },
};

export function claims(row: SessionRow, now: number): SessionClaims {
  const seconds = (at: number) => Math.floor(at / SECOND);
  const issuer = `https://login.microsoftonline.com/${row.person.tenant}/v2.0`;
  const who = {
    oid: row.person.object,
    tid: row.person.tenant,
    sub: 'fQx2cV0mZk1Yw8uB7rTnLs5dHa9gEjPo3iKqXvNbMtU',
    ...(row.person.name === null ? {} : { name: row.person.name }),
    ...(row.person.username === null ? {} : { preferred_username: row.person.username }),
  };
  const times = { iat: seconds(row.refreshed_at), nbf: seconds(row.refreshed_at), exp: seconds(row.access_expires_at) };
  return {
    issuer,
    id_claims: { iss: issuer, aud: APP, ...who, ...times, amr: ['pwd', 'mfa'], ver: '2.0' },
    access_claims: { iss: issuer, aud: APP, azp: APP, ...who, ...times, scp: row.scopes.join(' '), roles: ['Admin', 'Member'], groups: ['Engineering', '5c1d7a90-0000-4000-8000-0000000000e7'], ver: '2.0' },
    issued_claims: {
      iss: new URL(row.resource).origin,
      aud: row.resource,
      sub: row.person.object,
      client_id: row.client.id,
      scope: row.scopes.join(' '),
      sid: row.session,
      ...times,
    },
    access_expires_at: now + 51 * MINUTE,
    badges: ['v2', 'mfa', 'app-roles', ...(row.person.guest ? ['guest'] : [])],
    notes: NOTES,
  };
}

// === attempts ===

interface Told {
  state: StepState;
  /** Since the step before. */
  ms?: number;
  detail?: string;
}

const done = (ms: number, detail?: string): Told => ({ state: 'done', ms, ...(detail === undefined ? {} : { detail }) });
const skipped: Told = { state: 'skipped' };
const pending: Told = { state: 'pending' };
const failed = (ms: number, detail: string): Told => ({ state: 'failed', ms, detail });
const waiting = (detail: string): Told => ({ state: 'waiting', detail });

function steps(start: number, told: readonly Told[]): AttemptStep[] {
  let at = start;
  return STEPS.map((step, index) => {
    const { state, ms = null, detail = null } = told[index] ?? pending;
    at += ms ?? 0;
    return { step, state, at: ms === null ? null : at, ms, detail };
  });
}

export function attempts(now: number): AttemptRow[] {
  let seq = 900;
  const row = (
    name: string,
    ago: number,
    what: SessionClient,
    who: PersonRow | null,
    told: readonly Told[],
    verdict: Verdict,
    more?: Partial<AttemptRow>,
  ): AttemptRow => {
    const started_at = now - ago;
    const made = steps(started_at, told);
    const times = made.flatMap((step) => (step.at === null ? [] : [step.at]));
    seq -= 20;
    return {
      attempt: `att_${name}`,
      started_at,
      last_at: Math.max(started_at, ...times),
      last_seq: seq,
      origin: 'local',
      client: what.id,
      client_name: what.name,
      person: who,
      session: null,
      user_agent: 'node',
      steps: made,
      verdict,
      ...more,
    };
  };
  const verdict = (is: Verdict['is'], sentence: string, hint: string | null = null, code: number | null = null): Verdict => ({
    is,
    sentence,
    hint,
    ...refusal(code),
  });
  return [
    row(
      'running',
      9 * SECOND,
      CLIENTS.code,
      null,
      [done(4), done(9), done(31), done(820), waiting('The consent page is open in the browser'), pending, pending, pending, pending, pending],
      verdict('running', 'Waiting for somebody to allow Claude Code on the consent page'),
    ),
    row(
      '01Xy7mNp2',
      2 * HOUR,
      CLIENTS.claude,
      PEOPLE.ada,
      [done(12), done(80), skipped, done(140), done(1630), done(1210), done(410), done(390), done(228), done(HOUR)],
      verdict('connected', 'Connected as Ada Lindqvist in 4.1 s'),
      { origin: 'public', session: 'ses_01Lk3vWq8', user_agent: 'Claude-User' },
    ),
    row(
      'secret',
      2 * HOUR + 20 * MINUTE,
      CLIENTS.inspector,
      PEOPLE.ben,
      [done(6), done(11), done(24), done(300), done(2100), failed(640, 'AADSTS7000222: the client secret keys are expired')],
      verdict(
        'refused',
        'Entra refused: the client secret expired (AADSTS7000222)',
        'Create a new secret under Certificates & secrets and paste its value on the Entra page.',
        7000222,
      ),
    ),
    row(
      'silent',
      5 * HOUR,
      CLIENTS.chatgpt,
      PEOPLE.gus,
      [done(20), done(94), done(41), done(220), done(1900), done(1400), done(350), waiting('No request for 60 s'), pending, pending],
      verdict(
        'silent',
        'Signed in, but the client never fetched its token (60 s)',
        'Remove the connector in ChatGPT and add it again; its browser tab may have been closed too early.',
      ),
      { origin: 'public', user_agent: 'openai-mcp/1.0.0' },
    ),
    row(
      'declined',
      7 * HOUR,
      CLIENTS.blocked,
      null,
      [done(9), done(14), done(33), done(510), failed(4200, 'Denied on the consent page')],
      verdict('refused', 'Somebody chose Deny on the consent page', 'If that was a mistake, connect again in the client.'),
      { origin: 'public', user_agent: 'python-httpx/0.28' },
    ),
    row(
      'discovery',
      11 * HOUR,
      CLIENTS.nameless,
      null,
      [done(5), failed(12, 'No client has come back since')],
      verdict('silent', 'A client read where to sign in and never came back', 'Many clients do this once while a person types the address.'),
      { client: null, client_name: null, user_agent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/148.0 Safari/537.36' },
    ),
    row(
      'layla',
      40 * MINUTE + DAY,
      CLIENTS.claude,
      PEOPLE.layla,
      [done(8), done(60), skipped, done(120), skipped, done(900), done(300), done(280), done(190), pending],
      verdict('connected', 'Connected as ليلى بنت عبد الرحمن in 1.9 s'),
      { session: 'ses_05Lk3vWq8' },
    ),
    row(
      'ended',
      2 * DAY,
      CLIENTS.code,
      PEOPLE.dora,
      [done(8), done(60), done(22), done(120), done(1500), done(900), done(300), done(280), done(190), failed(22 * HOUR, 'AADSTS50057: the account is disabled')],
      verdict('ended', 'The session ended: the account is disabled in Entra (AADSTS50057)', 'An administrator can enable the account under Users.', 50057),
      { session: 'ses_08Lk3vWq8' },
    ),
  ];
}

// === events ===

const HAPPENED: Record<Step, { event: string; summary: string }> = {
  discovery: { event: 'metadata_read', summary: 'read where to sign in' },
  challenge: { event: 'challenged', summary: 'called without a token and was told where to sign in' },
  registration: { event: 'client_registered', summary: 'registered' },
  authorize: { event: 'authorize_started', summary: 'asked to sign somebody in' },
  consent: { event: 'consent_approved', summary: 'was allowed on the consent page' },
  upstream: { event: 'sent_to_upstream', summary: 'sent its person to Entra' },
  callback: { event: 'signed_in', summary: 'has a person who signed in' },
  token: { event: 'token_issued', summary: 'fetched its token' },
  first_call: { event: 'first_call', summary: 'made its first call' },
  refresh: { event: 'refreshed', summary: 'refreshed its token' },
};
const REFUSED: Partial<Record<Step, string>> = {
  consent: 'consent_declined',
  upstream: 'upstream_refused',
  refresh: 'session_ended',
};

/** The log that belongs to the attempts, newest first. */
export function events(rows: readonly AttemptRow[]): EventRow[] {
  const all = rows.flatMap((row) =>
    row.steps.filter((step) => step.at !== null).map((step) => eventOf(row, step)),
  );
  all.sort((a, b) => a.at - b.at);
  return all.map((event, index) => ({ ...event, seq: index + 1 })).reverse();
}

export function eventOf(row: AttemptRow, step: AttemptStep): EventRow {
  const refused = step.state === 'failed';
  const level: Level = refused ? (step.step === 'challenge' ? 'warn' : 'error') : 'info';
  const { event, summary } = HAPPENED[step.step];
  const known = STEPS.indexOf(step.step) >= STEPS.indexOf('callback');
  return {
    seq: 0,
    at: step.at ?? row.last_at,
    step: step.step,
    event: refused ? (REFUSED[step.step] ?? event) : event,
    level,
    summary: refused ? (step.detail ?? summary) : `${row.client_name ?? 'A client'} ${summary}`,
    attempt: row.attempt,
    origin: row.origin,
    client: row.client,
    client_name: row.client_name,
    grant: null,
    session: known ? row.session : null,
    person: known ? row.person : null,
    user_agent: row.user_agent,
    details: step.ms === null ? {} : { ms: step.ms },
  };
}

// === practice tenant ===

export function practice(): PracticeState {
  const resident = (key: string, name: string, about: string, more?: Partial<PracticeState['people'][number]>) => ({
    key,
    name,
    username: `${key}@practice.example`,
    tenant: TENANT,
    about,
    disabled: false,
    ...more,
  });
  const fault = (fault: string, explanation: string, on = false) => ({ fault, on, explanation });
  return {
    people: [
      resident('ada', 'Ada Lindqvist', 'Administrator'),
      resident('ben', 'Ben Okafor', 'Member'),
      resident('gus', 'Gus Moreau', 'Guest', { username: 'gus@partner.example' }),
      resident('dora', 'Dora Haas', 'Member', { disabled: true }),
      resident('olga', 'Olga Novak', 'Another tenant', { username: 'olga@other.example', tenant: OTHER_TENANT }),
    ],
    faults: [
      fault('expired-secret', 'The client secret has expired: the token endpoint answers AADSTS7000222.', true),
      fault('wrong-redirect-uri', 'No redirect URI is registered: the sign-in page shows AADSTS50011.'),
      fault('missing-consent', 'Nobody consented to the app: the token endpoint answers AADSTS65001.'),
      fault('mfa-required', 'The token endpoint wants a second factor (AADSTS50076) until a sign-in carries the claims it asks for.'),
      fault('disabled-at-refresh', 'Every account is disabled once signed in: a refresh answers AADSTS50057.'),
      fault('v1-tokens', 'Access tokens are of version 1.0: sts issuer, api:// audience, the user name in upn.'),
      fault('clock-skew', "The tenant's clock is 10 minutes fast: nbf and iat lie in the future."),
      fault('throttled', 'Too many requests: 429 with Retry-After: 7.'),
      fault('slow', 'Every answer takes 40 seconds.'),
    ],
  };
}

// === settings ===

export function settings(): SettingsForm {
  type Row = SettingsForm['rows'][number];
  const row = (key: string, preset: string, doc: string, more?: Partial<Row>): Row => ({
    key,
    doc,
    default: preset,
    shape: 'text',
    exposure: 'plain',
    variable: `JMOP_${key.replaceAll('.', '_').toUpperCase()}`,
    text: preset,
    given: false,
    source: { is: 'default' },
    locked: false,
    ...more,
  });
  const file = '/home/ada/.config/just-mcp-oauth-proxy/settings.toml';
  const inFile = (text: string, line: number): Partial<Row> => ({ text, given: true, source: { is: 'file', path: file, line } });
  const inEnvironment = (text: string | null, variable: string): Partial<Row> => ({
    text,
    given: true,
    locked: true,
    source: { is: 'environment', variable },
  });
  return {
    file,
    problems: [],
    rows: [
      row('server.listen', '127.0.0.1:4242', 'Address and port of the MCP and OAuth server; port 0 picks a free one.'),
      row('server.public_url', '', 'The https origin under which clients on the internet reach this server, if any.'),
      row('server.sign_in', 'this-computer', 'Where people who come by the public URL sign in: `this-computer` or `anywhere`.'),
      row('server.callback_path', '/auth/callback', 'Path of the redirect URI that the app registration lists.'),
      row('server.cors_origins', '', "Browser origins that may call the server, besides the well-known clients'.", { shape: 'list' }),
      row('server.paused', 'false', 'Turns everybody away until it is switched off again; nobody is signed out by it.', { shape: 'flag' }),
      row('tunnel.provider', 'cloudflared', 'What the switch to the public internet starts: `cloudflared`, `ngrok`, `tailscale`, `devtunnel`, `zrok`, `localhost-run`, `pinggy`, `serveo`, `ssh`, or `command`.'),
      row('tunnel.command', '', 'With `command`: a program that prints an https address, with `{port}` where ours belongs.'),
      row('tunnel.domain', '', 'A host name of your own at the provider, where it can be asked for (ngrok), or in front of your own server (`ssh`); without one, a sish server says it.'),
      row('tunnel.ssh_server', '', 'With `ssh`: your own server, `user@host:port`; user and port may be left out.'),
      row('tunnel.ssh_key', '', 'With `ssh`: the private key file to use; without one, those of the agent and of `~/.ssh`.'),
      row('tunnel.ssh_listen', '8080', 'With `ssh`: the port there that leads here, for the web server in front; for sish a name and a port, `mine:80`.'),
      row('tunnel.ngrok_authtoken', '', 'With `ngrok`: the authtoken of your account, from dashboard.ngrok.com/get-started/your-authtoken. Never in the file.', { exposure: 'secret', text: null }),
      row('tunnel.ngrok_server', '', "With `ngrok`: host and port of a server that your account has to itself; ngrok's own unless given."),
      row('tunnel.ngrok_ca_file', '', "With `ngrok`: PEM file with the certificate authorities that vouch for that server, or for whoever opens encrypted connections on the way; ngrok's own unless given."),
      row('tunnel.auto_off', 'never', 'When the tunnel closes by itself: `never`, `1h` or `8h` after it was switched on, or `sleep`, once this computer has slept.'),
      row('console.listen', '127.0.0.1:4244', 'Loopback address and port of the control console, or `off`.'),
      row('clients.allowed_hosts', '', 'Hosts that clients may come from: where a published client has its metadata document, and where a registered one is answered over https. `*.example.com` means every name below; none means any host.', { shape: 'list' }),
      row('clients.blocked_hosts', '', 'Hosts that clients may not come from, whatever is allowed.', { shape: 'list' }),
      row('clients.self_contained_ids', 'false', 'Seals each registration into its `client_id`, so that clients that registered themselves go on without the database; such ids are a few hundred characters long.', { shape: 'flag' }),
      row('clients.pairing', 'auto', 'Whether a client that nobody used before and that comes by the public URL needs a code, which the window or the console shows: `on`, `off`, or `auto` (on with a tunnel, or where people sign in on this computer, if there is a window or a console).'),
      row('clients.documents_from_loopback', 'false', 'Lets client ID metadata documents come from loopback addresses; for tests only.', { shape: 'flag' }),
      row('identity.practice', 'auto', 'Sign in at the built-in practice tenant: `on`, `off`, or `auto` (on while neither tenant, client id nor client secret is given).', inFile('on', 2)),
      row('practice.listen', '127.0.0.1:4243', 'Loopback address and port of the practice tenant.'),
      row('practice.sign_in', '', 'Person whom the practice tenant signs in without asking, for scripts.'),
      row('entra.authority', 'https://login.microsoftonline.com', "Sign-in host: another Microsoft cloud's, or any OpenID Connect server."),
      row('entra.tenant', '', 'Directory (tenant) id, a verified domain, or `organizations`, `common` or `consumers`.', inFile('contoso.onmicrosoft.com', 4)),
      row('entra.client_id', '', 'Application (client) id of the app registration.', inEnvironment('3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11', 'JMOP_ENTRA_CLIENT_ID')),
      row('entra.credential', 'auto', 'How the app proves itself: `secret`, `certificate`, `federated-token`, `managed-identity` or `none` (platform "Mobile and desktop"); `auto` is the secret or else the certificate that is given, or none.'),
      row('entra.client_secret', '', 'Value of the client secret. Never in the file.', {
        exposure: 'secret',
        text: null,
        given: true,
        source: { is: 'vault' },
      }),
      row('entra.client_secret_file', '', 'File that holds nothing but the client secret, instead of the secret.'),
      row('entra.client_secret_expires', '', 'Day on which the client secret expires, `2027-05-24`, to be told in time; Entra itself does not say.', inFile('2027-06-12', 6)),
      row('entra.next_client_secret', '', 'Value of the client secret that comes next: tried when Entra refuses the first, so that nobody is signed out.', { exposure: 'secret', text: null }),
      row('entra.certificate', '', 'Certificate and its private key as PEM, the newest first; the Entra page makes one. Never in the file.', { exposure: 'secret', text: null }),
      row('entra.certificate_file', '', 'PEM or PFX file with the certificate, instead of the certificate.'),
      row('entra.certificate_key_file', '', 'PEM file with its private key, where that is a file of its own.'),
      row('entra.certificate_password', '', 'Password of a PFX file. Never in the file.', { exposure: 'secret', text: null }),
      row('entra.federated_token_file', '', 'With `federated-token`: file with a token of another provider that the app trusts (workload identity); read whenever it is used.'),
      row('entra.managed_identity', '', "With `managed-identity`: client id of a user-assigned identity of this Azure server; the system's unless given."),
      row('entra.identifier_uri', '', 'Application ID URI that prefixes the scopes; `api://{client_id}` at Microsoft, no prefix elsewhere.'),
      row('entra.required_scopes', 'read', 'Scopes of the exposed API that a token must have, by their short names.', { shape: 'list', ...inFile('read write', 7) }),
      row('entra.extra_authorize_scopes', '', 'Scopes of other resources to ask consent for while signing in; a bare name means Microsoft Graph.', { shape: 'list' }),
      row('entra.allowed_tenants', '', 'Directory ids people may come from; none means the one in `entra.tenant`, or any if that names many.', { shape: 'list' }),
      row('access.people', '', 'People who may sign in: object ids, or user names of members of the home directory.', { shape: 'list', ...inFile('ada@practice.example', 20) }),
      row('access.groups', '', 'Object ids of groups whose members may sign in.', { shape: 'list' }),
      row('access.roles', '', 'Values of app roles whose holders may sign in.', { shape: 'list', ...inFile('Member', 21) }),
      row('access.guests', 'true', 'Whether guests of the directory may sign in.', { shape: 'flag' }),
      row('access.prompt', 'as-needed', 'Whether people are asked although Entra knows them: `as-needed`, `select-account` or `login`.'),
      row('access.login_hint', '', 'User name that the sign-in page begins with, such as `ada@contoso.com`.'),
      row('access.domain_hint', '', 'Domain whose own sign-in page people are taken to at once, such as `contoso.com`.'),
      row('tools.get_user_info_scopes', '', 'Scopes of the exposed API that `get_user_info` needs, all of them, beyond the required ones.', { shape: 'list' }),
      row('tools.get_user_info_roles', '', 'App roles of which `get_user_info` needs one.', { shape: 'list' }),
      row('tools.version_scopes', '', 'Scopes of the exposed API that `version` needs, all of them, beyond the required ones.', { shape: 'list', ...inFile('admin', 23) }),
      row('tools.version_roles', '', 'App roles of which `version` needs one.', { shape: 'list', ...inFile('Admin', 24) }),
      row('storage.data_dir', '', "Folder of everything that is kept; the platform's data folder unless given."),
      row('storage.database_url', '', '`sqlite:<file>` (relative to the data folder; `proxy.db` there unless given), or `memory` for tests.'),
      row('storage.unapproved_clients', '20000', 'Registered clients to keep that nobody ever approved.', { shape: 'number' }),
      row('storage.open_grants', '20000', 'Unfinished sign-ins to keep.', { shape: 'number' }),
      row('storage.events', '200000', 'Rows of the sign-in log to keep.', { shape: 'number' }),
      row('storage.event_days', '30', 'Days to keep the sign-in log.', { shape: 'number' }),
      row('client.1.id', '', '`client_id` of a client that is configured instead of registering itself.', inFile('ci-cursor', 12)),
      row('client.1.name', '', 'What the consent page calls it.', inFile('Cursor', 13)),
      row('client.1.redirect_uris', '', 'Its redirect URIs; `https://host/path/*` stands for one more path segment.', {
        shape: 'list',
        ...inFile('http://127.0.0.1/callback', 14),
      }),
      row('client.1.secret_sha256', '', 'base64url of the SHA-256 of its secret; none for a public client.', { exposure: 'hidden', text: null }),
      row('client.1.auth', '', '`none`, `client_secret_basic` or `client_secret_post`; with a secret `client_secret_basic` unless given.'),
    ],
  };
}

/** Set from outside, as a server is that somebody else looks after. */
export function fromOutside(form: SettingsForm): SettingsForm {
  const by: Record<string, SettingsForm['rows'][number]['source']> = {
    'server.listen': { is: 'command_line', flag: '--listen' },
    'server.paused': { is: 'environment', variable: 'JMOP_SERVER_PAUSED' },
    'server.sign_in': { is: 'environment', variable: 'JMOP_SERVER_SIGN_IN' },
    'storage.event_days': { is: 'environment', variable: 'JMOP_STORAGE_EVENT_DAYS' },
    'identity.practice': { is: 'command_line', flag: '--practice' },
  };
  const rows = form.rows.map((row) => (by[row.key] ? { ...row, given: true, locked: true, source: by[row.key]! } : row));
  return { ...form, rows };
}

/** One setting as the window changed it. */
export function given(form: SettingsForm, key: string, text: string): SettingsForm {
  const rows = form.rows.map((row) => (row.key === key ? { ...row, text, given: true, source: { is: 'window' } as const } : row));
  return { ...form, rows };
}

/** Of a first run: nothing is given yet. */
export function untouched(form: SettingsForm): SettingsForm {
  const rows = form.rows.filter(({ key }) => !key.startsWith('client.')).map((row) => ({
    ...row,
    text: row.exposure === 'plain' ? row.default : null,
    given: false,
    locked: false,
    source: { is: 'default' } as const,
  }));
  return { ...form, rows };
}

/** The same settings without the practice tenant in front of them. */
export function entraInForce(form: SettingsForm): SettingsForm {
  const rows = form.rows.map((row) =>
    row.key === 'identity.practice' ? { ...row, text: row.default, given: false, source: { is: 'default' } as const } : row,
  );
  return { ...form, rows };
}

export function preferences(): DesktopPreferences {
  return {
    start_at_login: true,
    theme: 'system',
    notify: { new_client: true, sign_in_again: true, tunnel: true, secret_expiry: true },
    key: { is: 'keyring' },
  };
}

// === tools ===

/** What the settings above make of the tools, seen by nobody or by somebody. */
export function tools(eyes?: SessionRow): ToolRow[] {
  const base = ['read', 'write'];
  const needs: [ToolRow['name'], string, string[], string[]][] = [
    ['get_user_info', 'Who is signed in', [], []],
    ['version', 'Server version', ['admin'], ['Admin']],
  ];
  return needs.map(([name, title, more, roles]) => {
    const scopes = [...base, ...more];
    const row = { name, title, scopes, roles };
    if (!eyes) return { ...row, view: null };
    const unassigned = roles.length > 0 && !roles.some((role) => eyes.person.roles.includes(role));
    const lacking = more.some((scope) => !eyes.scopes.includes(scope));
    const why = unassigned
      ? 'this tool needs the app role `Admin`, which the person does not have; an administrator can assign it under Enterprise applications > this app > Users and groups, and it counts from the next refresh on'
      : lacking
        ? `the client has to ask for \`${scopes.join(' ')}\`, which it does when it is told so by the first call`
        : null;
    return { ...row, view: { allowed: why === null, why } };
  });
}

/** One whose document is published, and one that registered itself. */
export const pairings = (now: number): PairingRow[] => [
  {
    grant: 'grant_first',
    client: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
    client_name: 'Claude',
    verified_host: 'claude.ai',
    here: true,
    from: null,
    destination: 'claude.ai',
    code: '482913',
    expires_at: now + 281_000,
  },
  {
    grant: 'grant_second',
    client: 'client_7f3kq2',
    client_name: 'Copilot Studio',
    verified_host: null,
    here: false,
    from: '203.0.113.24',
    destination: 'global.consent.azure-apim.net',
    code: '006740',
    expires_at: now + 64_000,
  },
];

/** Of somebody who tries the address, behind those of other people. */
export const manyPairings = (now: number): PairingRow[] => [
  ...pairings(now).map((row) => (row.here ? row : { ...row, code: `${row.code}205118` })),
  ...Array.from({ length: 15 }, (_, n) => ({
    grant: `grant_flood_${n}`,
    client: `client_flood_${n}`,
    client_name: 'Claude',
    verified_host: null,
    here: false,
    from: '198.51.100.77',
    destination: 'evil.example',
    code: String(100_000_000_000 + n * 7_919_313_337),
    expires_at: now + 200_000 + n * 1_000,
  })),
];

/** A client at work, one that begins, and strangers. */
export function visits(now: number): VisitRow[] {
  const row = (id: number, ago: number, more: Partial<VisitRow>): VisitRow => ({
    id,
    from: null,
    client: null,
    proven: false,
    method: 'GET',
    path: '/mcp',
    various: false,
    status: 200,
    verdict: 'served',
    told: 'Answered.',
    count: 1,
    first_at: now - ago - 60_000,
    last_at: now - ago,
    ...more,
  });
  return [
    row(9, 2_000, { client: 'Claude', proven: true, from: '203.0.113.24', method: 'POST', count: 214 }),
    row(8, 4_000, {
      from: '198.51.100.77',
      path: '/wp-admin/setup-config.php',
      various: true,
      status: 404,
      verdict: 'refused',
      told: 'Nothing is served there.',
      count: 1_482,
    }),
    row(7, 4_500, {
      from: '198.51.100.77',
      path: '/.git/config',
      various: true,
      status: 429,
      verdict: 'limited',
      told: 'Too many requests from there: 600 at once, then 20 a second, so that nobody alone keeps this computer busy.',
      count: 3_120,
    }),
    row(6, 41_000, { client: 'ChatGPT', path: '/authorize', status: 303, from: '192.0.2.10' }),
    row(5, 44_000, {
      method: 'POST',
      status: 401,
      verdict: 'asked_to_sign_in',
      told: 'It showed no token and was asked to sign in.',
      from: '192.0.2.10',
      count: 3,
    }),
    row(4, 300_000, {
      method: 'POST',
      status: 403,
      verdict: 'refused',
      told: 'A web page that may not call this server; server.cors_origins says which may.',
      from: '2001:db8:4:1::/64',
    }),
    row(3, 301_000, { path: '/jwks', count: 12 }),
    row(2, 900_000, { path: '/.well-known/oauth-authorization-server', from: '192.0.2.10', count: 4 }),
  ];
}

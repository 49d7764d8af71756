// A host in memory, on fixtures. `npm run ui:dev` shows it in a browser: http://127.0.0.1:5173/?state=<state>, with the
// states below. Tests steer it: `host.world` is what the engine would hold, `fail` and `hold` make commands fail or
// never answer, `emit` sends an event.

import type { AttemptRow, CertificateRow, Changes, Checked, Claims, ClientRow, Commands, DesktopPreferences, EventRow, Events, PairingRow, PracticeState, ServerKey, SessionRow, SettingRow, SettingsForm, Status, TestSignIn, TiedSession, TunnelProgram, TunnelState, VisitRow } from './api';
import { creationCommands, manifestFindings, manifestValues, registrationTexts, type Creating } from './fakeRegistration';
import { checkEntra, endedTest, entraProblems, practiceInForce, registration, testCommands, waitingTest, wrongRegistration, type Registration } from './fakeEntra';
import { effectsOf, serverProblems } from './fakeServer';
import { isTunnelState, NOT_SHOWN, outsideCheck, programs, publicly, refusalOf, SERVER_KEY, tiedSessions, tunnelForm, tunnelProblems, TUNNELS, withTunnel } from './fakeTunnel';
import * as fixtures from './fixtures';
import type { Answer, Command, Connection, Host, Request } from './host';
import { EventListeners, HostError, NOT_A_LINK, Signal, isWebLink } from './host';

export const STATES = [
  'busy',
  'live',
  'empty',
  'loading',
  'broken',
  'entra',
  'entra_wrong',
  'entra_slow',
  'entra_unchecked',
  'entra_certificate',
  'entra_certificate_ended',
  'entra_secret_ends',
  'entra_secret_ended',
  'entra_fell_back',
  'entra_testing',
  'public',
  'tunnel_starting',
  'tunnel_up',
  'tunnel_doubt',
  'tunnel_unopened',
  'tunnel_reachable',
  'tunnel_noted',
  'tunnel_lost',
  'tunnel_refused',
  'tunnel_other_key',
  'tunnel_by_ssh',
  'tunnel_busy',
  'tunnel_closed',
  'tunnel_moved',
  'tunnel_tied',
  'pairing',
  'pairing_flood',
  'paused',
  'starting',
  'stopped',
  'port_taken',
  'key_locked',
  'locked_settings',
  'console',
  'lost',
  'locked_out',
] as const;
export type FakeState = (typeof STATES)[number];

/** Everything the engine would hold. Tests change it freely. */
export interface FakeWorld {
  now: number;
  status: Status;
  sessions: SessionRow[];
  clients: ClientRow[];
  attempts: AttemptRow[];
  events: EventRow[];
  practice: PracticeState | null;
  settings: SettingsForm;
  /** What Entra would say to a check. */
  registration: Registration;
  testing: TestSignIn;
  /** What the last test sign-in was made with beyond what is kept. */
  tried: Changes;
  /** The app registration that is being made. */
  creating: Creating;
  /** New clients that wait for a code. */
  pairings: PairingRow[];
  /** What came in from outside. */
  visits: VisitRow[];
  /** What could open a tunnel. */
  programs: TunnelProgram[];
  /** Of the server that the tunnel goes to by SSH. */
  server_key: ServerKey | null;
  /** Sessions of another public address. */
  tied: TiedSession[];
  /** Whose private keys are kept. */
  certificates: CertificateRow[];
  preferences: DesktopPreferences;
}

export interface FakeHost extends Host {
  readonly world: FakeWorld;
  /** Every command so far. */
  readonly calls: { command: Command; payload: unknown }[];
  readonly copied: string[];
  readonly opened: string[];
  readonly saved: { name: string; text: string }[];
  /** Lets a command fail until it is called with `null`. */
  fail(command: Command, error: HostError | null): void;
  /** Lets a command wait until the answer is called. */
  hold(command: Command): () => void;
  emit<K extends keyof Events>(event: K, payload: Events[K]): void;
  connect(connection: Connection): void;
}

const STORE_DOWN = new HostError('store_unavailable', 'The store does not answer', 'Try again in a moment; if it stays, look at the server\'s log.');
const NO_SESSION = new HostError('not_found', 'There is no such session', 'A session is forgotten 30 days after its end.');
const CLAIMS_GONE = new HostError(
  'not_found',
  'The claims of this session are gone: they are dropped when a session ends',
  'Let the client connect again.',
);

export function stateOf(search: string): FakeState {
  const wanted = new URLSearchParams(search).get('state');
  return STATES.find((state) => state === wanted) ?? 'busy';
}

export function fakeHost(state: FakeState = 'busy', now: number = Date.now()): FakeHost {
  const world = worldOf(state, now);
  const events = new EventListeners();
  const connection = new Signal<Connection>(connectionOf(state, now));
  const failures = new Map<Command, HostError>();
  const held = new Map<Command, Promise<void>>();
  const host: FakeHost = {
    kind: 'fake',
    world,
    calls: [],
    copied: [],
    opened: [],
    saved: [],
    call: async <K extends Command>(command: K, payload: Request<K>): Promise<Answer<K>> => {
      host.calls.push({ command, payload });
      await held.get(command);
      const failure = failures.get(command);
      if (failure) throw failure;
      // As over a wire: nobody shares objects with the engine.
      return structuredClone(await answers[command](payload));
    },
    on: (event, listener) => events.on(event, listener),
    onConnection: (listener) => connection.on(listener),
    openExternal: async (url) => {
      if (!isWebLink(url)) throw NOT_A_LINK;
      host.opened.push(url);
      if (world.testing.is === 'waiting' && url === world.testing.link) signInSoon(world, host);
    },
    copy: async (text) => {
      host.copied.push(text);
    },
    saveFile: async (name, _mime, text) => {
      host.saved.push({ name, text });
      return true;
    },
    fail: (command, error) => {
      if (error) failures.set(command, error);
      else failures.delete(command);
    },
    hold: (command) => {
      let resolve = () => {};
      held.set(command, new Promise<void>((done) => (resolve = done)));
      return () => {
        held.delete(command);
        resolve();
      };
    },
    // A status carries the time it is told at, as that of the engine does.
    emit: (event, payload) =>
      events.tell(event, structuredClone(event === 'status_changed' ? { ...payload, now: Date.now() } : payload)),
    connect: (next) => connection.set(next),
  };
  const answers = answersOf(world, host);
  if (state === 'loading') for (const command of READING) host.hold(command);
  if (state === 'broken') for (const command of READING) host.fail(command, STORE_DOWN);
  if (state === 'entra_slow') host.hold('check_entra');
  if (state === 'entra_unchecked') host.fail('check_entra', NOT_CHECKED);
  if (state === 'live') goOn(host);
  return host;
}

const READING: readonly Command[] = ['list_sessions', 'list_attempts', 'list_events', 'list_clients', 'settings', 'practice', 'session_claims'];

function worldOf(state: FakeState, now: number): FakeWorld {
  const attempts = fixtures.attempts(now);
  const sessions = fixtures.sessions(now);
  const live = sessions.filter((row) => row.state.is === 'live').length;
  const world: FakeWorld = {
    now,
    status: fixtures.status(now, live),
    sessions,
    clients: fixtures.clients(now),
    attempts,
    events: fixtures.events(attempts),
    practice: fixtures.practice(),
    settings: fixtures.settings(),
    registration: registration(),
    testing: state === 'entra_testing' ? waitingTest(now) : { is: 'idle' },
    tried: {},
    creating: { state: { is: 'idle' }, practice: false },
    pairings: [],
    visits: [],
    programs: programs(),
    server_key: null,
    tied: [],
    certificates: [],
    preferences: fixtures.preferences(),
  };
  if (state === 'tunnel_busy') {
    const open = worldOf('tunnel_reachable', now);
    return { ...open, status: { ...open.status, tunnel_closes_at: now + 2_500_000, turned_away: 12 }, visits: fixtures.visits(now) };
  }
  if (state === 'tunnel_by_ssh') {
    const open = worldOf('tunnel_reachable', now);
    return { ...open, settings: bySsh(open.settings), server_key: SERVER_KEY };
  }
  if (state === 'tunnel_other_key') {
    const refused = worldOf('tunnel_refused', now);
    return { ...refused, status: withTunnel(refused.status, TUNNELS.tunnel_other_key), settings: bySsh(refused.settings), server_key: SERVER_KEY };
  }
  if (state === 'tunnel_moved') return { ...worldOf('tunnel_reachable', now), tied: tiedSessions() };
  if (state === 'tunnel_tied') return { ...worldOf('entra', now), tied: tiedSessions() };
  if (state === 'tunnel_closed') {
    const off = worldOf('entra', now);
    return { ...off, status: { ...off.status, tunnel_closed_because: 'this computer has slept' } };
  }
  if (state === 'pairing_flood') {
    const open = worldOf('tunnel_reachable', now);
    return { ...open, status: { ...open.status, long_codes_until: now + 80_000_000 }, pairings: fixtures.manyPairings(now) };
  }
  if (state === 'pairing') return { ...worldOf('tunnel_reachable', now), pairings: fixtures.pairings(now) };
  if (isTunnelState(state)) {
    const settings = fixtures.entraInForce(world.settings);
    return {
      ...world,
      practice: null,
      status: withTunnel(fixtures.withEntra(world.status), TUNNELS[state]),
      settings: state === 'tunnel_unopened' ? bySsh(settings) : state === 'tunnel_refused' ? fixtures.given(settings, 'tunnel.provider', 'ngrok') : settings,
    };
  }
  switch (state) {
    case 'empty':
      return { ...world, sessions: [], clients: [], attempts: [], events: [], status: { ...world.status, sessions: 0 }, settings: fixtures.untouched(world.settings) };
    case 'entra':
    case 'entra_wrong':
    case 'entra_slow':
    case 'entra_unchecked':
    case 'entra_testing':
      return {
        ...world,
        registration: state === 'entra_wrong' ? wrongRegistration() : world.registration,
        practice: null,
        status: fixtures.withEntra(world.status),
        settings: fixtures.entraInForce(world.settings),
      };
    case 'entra_certificate':
    case 'entra_certificate_ended': {
      const ended = state === 'entra_certificate_ended';
      const certificates = ended ? [fixtures.certificate(now, 0, -3)] : [fixtures.certificate(now, 0), fixtures.certificate(now, 1, 12)];
      const settings = fixtures.given(fixtures.given(fixtures.entraInForce(world.settings), 'entra.credential', 'certificate'), 'entra.certificate', '');
      return { ...world, certificates, practice: null, settings, status: withCredential(world.status, { kind: 'certificate', expires_at: now + (ended ? -3 : 365) * DAY, fell_back: !ended }) };
    }
    case 'entra_secret_ends':
    case 'entra_secret_ended':
    case 'entra_fell_back': {
      const at = now + (state === 'entra_secret_ends' ? 12 : -3) * DAY;
      const credential = { kind: 'secret', expires_at: at, fell_back: state === 'entra_fell_back' };
      const settings = fixtures.given(fixtures.entraInForce(world.settings), 'entra.client_secret_expires', new Date(at).toISOString().slice(0, 10));
      return { ...world, practice: null, settings, status: withCredential(world.status, credential) };
    }
    case 'public':
      return {
        ...world,
        practice: null,
        status: publicly(fixtures.withEntra(world.status), fixtures.OWN_ADDRESS),
        settings: fixtures.given(fixtures.given(fixtures.entraInForce(world.settings), 'server.public_url', fixtures.OWN_ADDRESS), 'server.sign_in', 'anywhere'),
      };
    case 'paused':
      return { ...world, status: { ...world.status, paused: true } };
    case 'starting':
      return { ...world, status: { ...world.status, state: { is: 'starting' }, mcp_url: null, started_at: null } };
    case 'stopped':
      return { ...world, status: { ...world.status, state: { is: 'stopped' }, mcp_url: null, started_at: null } };
    case 'port_taken':
      return { ...world, status: { ...world.status, state: PORT_TAKEN, mcp_url: null, started_at: null } };
    case 'locked_settings':
      return { ...world, settings: fixtures.fromOutside(world.settings), preferences: { ...world.preferences, key: { is: 'environment' } } };
    case 'console':
      return { ...world, status: { ...world.status, desktop: false } };
    case 'key_locked':
      return {
        ...world,
        preferences: { ...world.preferences, key: { is: 'passphrase' } },
        status: { ...world.status, state: KEY_LOCKED, mcp_url: null, started_at: null },
      };
    default:
      return world;
  }
}

const DAY = 24 * 3_600_000;

const withCredential = (status: Status, credential: Status['credential']): Status => ({ ...fixtures.withEntra(status), credential });

const PORT_TAKEN: Status['state'] = {
  is: 'failed',
  code: 'port_taken',
  message: 'Port 4242 is taken by node (process 31337)',
  hint: 'Stop that program, or let the server listen on port 4245.',
  offer: { port: 4245, setting: 'server.listen', text: '127.0.0.1:4245' },
};

const KEY_LOCKED: Status['state'] = {
  is: 'failed',
  code: 'passphrase_needed',
  message: 'the master key is under a passphrase',
  hint: 'enter the passphrase to start',
  offer: null,
};

/** How long somebody takes to sign in. */
const SIGNS_IN = 2500;

/** As somebody does who was sent to the sign-in page. */
function signInSoon(world: FakeWorld, host: FakeHost) {
  const next = (testing: TestSignIn) => {
    if (world.testing.is !== 'waiting') return;
    world.testing = testing;
    // The auth log has a new row, and whoever waits looks again.
    host.emit('events_recorded', []);
  };
  if (world.testing.is === 'waiting') next({ ...world.testing, opened: true });
  const { unsaved } = world.testing.is === 'waiting' ? world.testing : { unsaved: false };
  setTimeout(() => next(endedTest(world.registration, unsaved)), SIGNS_IN);
}

const bySsh = (settings: SettingsForm): SettingsForm =>
  Object.entries({ 'tunnel.provider': 'ssh', 'tunnel.ssh_server': 'tunnel@mcp.contoso.example:2222' }).reduce(
    (form, [key, text]) => fixtures.given(form, key, text),
    settings,
  );

/** How long a tunnel takes to open. */
const OPENS = 1500;

/** What opens the master key of the fixtures. */
export const PASSPHRASE = 'four unrelated small words';

const NOT_CHECKED = new HostError(
  'not_checked',
  'a setting cannot be used: `server.listen`: `4242` is not an address with a port',
  'correct it, then check again',
);

const KEY_GIVEN = new HostError(
  'key_is_given',
  'the master key comes from the environment',
  'remove JMOP_MASTER_KEY and JMOP_MASTER_KEY_FILE from it, then start again',
);
const KEY_OUT_OF_REACH = new HostError(
  'key_out_of_reach',
  'the master key that opens the data cannot be read, so it cannot be moved',
  'make the place where it is available again first; to start afresh, move the data folder away',
);

const WRONG_PASSPHRASE = new HostError('passphrase_wrong', 'that is not the passphrase', 'try again; mind the keyboard layout and capital letters');

function connectionOf(state: FakeState, now: number): Connection {
  if (state === 'lost') return { is: 'lost', retry_at: now + 8_000 };
  if (state === 'locked_out') return { is: 'locked_out' };
  return { is: 'open' };
}

type Answers = { [K in Command]: (payload: any) => Answer<K> | Promise<Answer<K>> };

function answersOf(world: FakeWorld, host: FakeHost): Answers {
  const told = (): Status => {
    const status = { ...world.status, now: Date.now(), sessions: world.sessions.filter((row) => row.state.is === 'live').length };
    world.status = status;
    host.emit('status_changed', status);
    return status;
  };
  const end = (rows: SessionRow[]): number => {
    const live = rows.filter((row) => row.state.is === 'live');
    for (const row of live) {
      row.state = {
        is: 'ended',
        at: Date.now(),
        why: 'revoked_by_owner',
        code: null,
        reason: 'the owner of this server ended the session; connect again to sign in',
        fixer: null,
        remedies: [],
      };
    }
    if (live.length > 0) told();
    return live.length;
  };
  const find = (id: string): SessionRow => {
    const row = world.sessions.find(({ session }) => session === id);
    if (!row) throw NO_SESSION;
    return row;
  };
  const run = () => {
    world.status = { ...world.status, state: { is: 'running' }, mcp_url: 'http://localhost:4242/mcp', started_at: Date.now() };
    return told();
  };
  const form = () => tunnelForm(world.settings.rows, world.programs, world.status.tunnel, world.server_key, world.tied);
  const tunnelTo = (tunnel: TunnelState) => {
    world.status = withTunnel(world.status, tunnel);
    return told();
  };
  /** As long as it takes, unless somebody switched it off meanwhile. */
  const openSoon = () => {
    const next = (before: TunnelState['is'], tunnel: TunnelState, after: number) =>
      setTimeout(() => world.status.tunnel.is === before && tunnelTo(tunnel), after);
    next('starting', TUNNELS.tunnel_up, OPENS);
    next('up', TUNNELS.tunnel_reachable, 2 * OPENS);
  };
  const keyTo = (is: DesktopPreferences['key']['is']): DesktopPreferences => {
    if (world.preferences.key.is === 'environment') throw KEY_GIVEN;
    if (world.status.state.is === 'failed' && world.status.state.code === 'passphrase_needed') throw KEY_OUT_OF_REACH;
    return (world.preferences = { ...world.preferences, key: { is } });
  };
  const tenant = (): PracticeState => {
    if (!world.practice) throw new HostError('not_found', 'The practice tenant is off', 'Switch it on to use it.');
    return world.practice;
  };
  const startAgain = () => {
    const practice = practiceInForce(world.settings.rows);
    const text = (key: string) => (practice ? null : (world.settings.rows.find((row) => row.key === key)?.text ?? null));
    const identity = practice ? 'practice' : 'entra';
    world.practice = practice ? (world.practice ?? fixtures.practice()) : null;
    world.status = { ...world.status, identity, tenant: text('entra.tenant'), client_id: text('entra.client_id'), started_at: Date.now() };
    told();
  };
  const save = (changes: Changes) => {
    const { problems, effects } = check(world, changes);
    if (problems.length === 0) {
      world.settings.rows.push(...newClients(world.settings.rows, changes));
      for (const row of world.settings.rows) {
        const text = changes[row.key];
        if (text === undefined) continue;
        row.given = text !== '';
        row.source = row.exposure === 'secret' ? { is: 'vault' } : { is: 'window' };
        if (row.exposure === 'plain') row.text = text === '' ? row.default : text;
      }
      if (changes['entra.client_secret']) world.registration.secret = 'good';
      startAgain();
    }
    return { saved: problems.length === 0, problems, effects };
  };
  return {
    status: () => ({ ...world.status, now: Date.now() }),
    restart: run,
    list_certificates: () => world.certificates,
    make_certificate: () => {
      const row = world.settings.rows.find(({ key }) => key === 'entra.certificate');
      if (row) Object.assign(row, { given: true, source: { is: 'vault' } });
      world.certificates = [fixtures.certificate(Date.now(), world.certificates.length), ...world.certificates.slice(0, 1)];
      return world.certificates;
    },
    set_paused: ({ paused }: Request<'set_paused'>) => {
      world.status = { ...world.status, paused };
      return told();
    },
    tunnel: form,
    look_outside: () => outsideCheck(world.status),
    set_tunnel: ({ on, practice_is_fine = false }: Request<'set_tunnel'>) => {
      if (!on) return tunnelTo({ is: 'off' });
      const refusal = refusalOf(form(), world.settings.rows, world.status.identity, practice_is_fine);
      if (refusal) throw refusal;
      openSoon();
      return tunnelTo({ is: 'starting' });
    },
    trust_server_key: ({ fingerprint }: Request<'trust_server_key'>) => {
      const { tunnel } = world.status;
      if (tunnel.is !== 'refused' || tunnel.changed_key?.shown !== fingerprint) throw NOT_SHOWN;
      if (world.server_key) world.server_key = { ...world.server_key, fingerprint, kind: tunnel.changed_key.kind };
      return tunnelTo({ is: 'off' });
    },
    pairings: () => world.pairings,
    visits: () => world.visits,
    shorten_codes: () => {
      world.status = { ...world.status, long_codes_until: null };
      host.emit('status_changed', world.status);
      return world.status;
    },
    refuse_pairing: ({ grant }: Request<'refuse_pairing'>) => {
      world.pairings = world.pairings.filter((row) => row.grant !== grant);
      host.emit('pairings_changed', world.pairings);
      return {};
    },
    list_sessions: () => world.sessions,
    tools: ({ session }: Request<'tools'>) => fixtures.tools(session === undefined ? undefined : find(session)),
    end_sessions: ({ sessions }: Request<'end_sessions'>) => {
      const tied = world.tied.map(({ session }) => session).filter((session) => sessions.includes(session));
      world.tied = world.tied.filter(({ session }) => !tied.includes(session));
      return { ended: tied.length + end(sessions.filter((session) => !tied.includes(session)).map(find)) };
    },
    session_claims: ({ session }: Request<'session_claims'>) => {
      const row = find(session);
      if (row.state.is === 'ended') throw CLAIMS_GONE;
      return fixtures.claims(row, world.now);
    },
    list_clients: ({ limit = 100, approved_only = false }: Request<'list_clients'>) =>
      world.clients
        .filter((row) => !approved_only || row.kind === 'static' || row.approved_at !== null)
        .slice(0, limit),
    block_client: ({ client, blocked }: Request<'block_client'>) => {
      const rows = world.sessions.filter((row) => row.client.id === client);
      for (const row of rows) row.client = { ...row.client, blocked };
      return { ended: blocked ? end(rows) : 0 };
    },
    list_attempts: ({ before, limit = 50, ids }: Request<'list_attempts'>) =>
      world.attempts
        .filter((row) => (ids ? ids.includes(row.attempt) : true))
        .filter((row) => before === undefined || row.last_seq < before)
        .slice(0, limit),
    list_events: ({ attempt, session, before, limit = 100 }: Request<'list_events'>) =>
      world.events
        .filter((row) => attempt === undefined || row.attempt === attempt)
        .filter((row) => session === undefined || row.session === session)
        .filter((row) => before === undefined || row.seq < before)
        .slice(0, limit),
    inspect_token: ({ token }: Request<'inspect_token'>) => inspect(token),
    practice: () => world.practice,
    set_fault: ({ fault, on }: Request<'set_fault'>) => {
      const row = tenant().faults.find((row) => row.fault === fault);
      if (!row) throw new HostError('not_found', 'No fault of the practice tenant has that name', 'Choose one of the list.');
      row.on = on;
      return tenant();
    },
    set_person: ({ person, disabled }: Request<'set_person'>) => {
      const row = tenant().people.find((row) => row.key === person);
      if (!row) throw new HostError('not_found', 'Nobody in the practice tenant has that key', 'Choose one of the list.');
      row.disabled = disabled;
      return tenant();
    },
    check_entra: ({ signed_in, changes: typed = {} }: Request<'check_entra'>) => {
      const changes = signed_in && world.testing.is === 'ended' && world.testing.unsaved ? world.tried : typed;
      const anywhere = world.settings.rows.some(({ key, text }) => key === 'server.sign_in' && (changes[key] ?? text) === 'anywhere');
      return checkEntra(world.settings.rows, changes, world.status.callback_urls.slice(0, anywhere ? undefined : 1), world.registration, signed_in ? world.testing : null);
    },
    ...testCommands(world),
    registration: (wish: Request<'registration'>) => registrationTexts(wish, world.status.callback_urls.slice(0, 1)),
    ...creationCommands(
      world.creating,
      (state) => (host.emit('creation_changed', state), state),
      (tenant, client) => save({ 'entra.tenant': tenant, 'entra.client_id': client, 'entra.client_secret': 'made', 'identity.practice': '' }),
    ),
    settings: () => world.settings,
    check_settings: ({ changes }: Request<'check_settings'>) => check(world, changes),
    save_settings: ({ changes }: Request<'save_settings'>) => save(changes),
    read_env: ({ text }: Request<'read_env'>) => readEnv(world, text),
    save_env: ({ text }: Request<'save_env'>) => save(valuesOf(world, text)),
    forget: ({ what }: Request<'forget'>) => {
      const all = what === 'everything';
      if (all || what === 'events') Object.assign(world, { events: [], attempts: [] });
      if (all || what === 'sessions') world.sessions = [];
      if (all || what === 'clients') world.clients = world.clients.filter(({ kind }) => kind === 'static');
      told();
      return {};
    },
    support_bundle: () => ({
      name: `just-mcp-oauth-proxy-${world.status.version}-${Math.floor(world.now / 1000)}`,
      files: [
        { name: 'status.json', text: JSON.stringify(world.status, null, 2) },
        { name: 'settings.txt', text: world.settings.rows.filter(({ given, text }) => given && text).map(({ key, text }) => `${key} = "${text}"`).join('\n') },
        { name: 'problems.txt', text: '' },
        { name: 'events.ndjson', text: world.events.map((event) => JSON.stringify({ ...event, person: event.person && 'person 1' })).join('\n') },
      ],
    }),
    desktop_preferences: () => world.preferences,
    set_desktop_preferences: (change: Commands['set_desktop_preferences'][0]) => {
      const { notify, ...rest } = change;
      world.preferences = { ...world.preferences, ...rest, notify: { ...world.preferences.notify, ...notify } };
      return world.preferences;
    },
    use_keyring: () => keyTo('keyring'),
    use_key_file: () => keyTo('file'),
    set_passphrase: ({ passphrase }: Request<'set_passphrase'>) => {
      if (passphrase.length < 10) {
        throw new HostError('passphrase_short', 'the passphrase has fewer than 10 characters', 'choose a longer one, for example four unrelated words');
      }
      return keyTo('passphrase');
    },
    unlock: ({ passphrase }: Request<'unlock'>) => {
      if (passphrase !== PASSPHRASE) throw WRONG_PASSPHRASE;
      run();
      return world.preferences;
    },
  };
}

// === settings ===

function check(world: FakeWorld, changes: Changes): Checked {
  const { rows } = world.settings;
  const problems = [...entraProblems(rows, changes), ...serverProblems(rows, changes), ...tunnelProblems(rows, changes)];
  return { problems, effects: problems.length > 0 || Object.keys(changes).length === 0 ? [] : effectsOf(rows, changes) };
}

/** The rows that a client has from when anything of it is given. */
function newClients(rows: readonly SettingRow[], changes: Changes): SettingRow[] {
  const known = (number: string) => rows.some(({ key }) => key === `client.${number}.id`);
  const numbers = new Set(Object.keys(changes).flatMap((key) => /^client\.(\d+)\./.exec(key)?.[1] ?? []));
  const like = fixtures.settings().rows.filter(({ key }) => key.startsWith('client.1.'));
  return [...numbers]
    .filter((number) => !known(number))
    .flatMap((number) => like.map((row) => ({ ...row, key: row.key.replace('.1.', `.${number}.`), text: row.exposure === 'plain' ? '' : null, given: false })));
}

const LEGACY: Record<string, string> = {
  FASTMCP_SERVER_AUTH_AZURE_CLIENT_ID: 'entra.client_id',
  FASTMCP_SERVER_AUTH_AZURE_CLIENT_SECRET: 'entra.client_secret',
  FASTMCP_SERVER_AUTH_AZURE_TENANT_ID: 'entra.tenant',
  FASTMCP_SERVER_AUTH_AZURE_REQUIRED_SCOPES: 'entra.required_scopes',
  FASTMCP_SERVER_AUTH_AZURE_IDENTIFIER_URI: 'entra.identifier_uri',
};

function lines(text: string): [name: string, value: string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Z0-9_]+)\s*=\s*"?(.*?)"?\s*$/.exec(line);
    return match?.[1] ? [[match[1], match[2] ?? '']] : [];
  });
}

function keyOf(world: FakeWorld, name: string): string | undefined {
  return LEGACY[name] ?? world.settings.rows.find((row) => row.variable === name)?.key;
}

function valuesOf(world: FakeWorld, text: string): Changes {
  if (text.trimStart().startsWith('{')) return manifestValues(text);
  return Object.fromEntries(
    lines(text).flatMap(([name, value]) => {
      const key = keyOf(world, name);
      return key === undefined ? [] : [[key, value]];
    }),
  );
}

function readEnv(world: FakeWorld, text: string): Answer<'read_env'> {
  const findings = text.trimStart().startsWith('{') ? manifestFindings(text, world.status.callback_urls.slice(0, 1)) : [];
  const secret = (key: string) => world.settings.rows.some((row) => row.key === key && row.exposure === 'secret');
  const values = valuesOf(world, text);
  return {
    changes: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, secret(key) ? { masked: true } : value])),
    ignored: lines(text)
      .map(([name]) => name)
      .filter((name) => keyOf(world, name) === undefined),
    problems: check(world, values).problems,
    findings,
  };
}

// === tokens ===

function inspect(token: string): Answer<'inspect_token'> {
  const [header, claims] = token.trim().split('.').slice(0, 2).map(part);
  if (!header || !claims) {
    throw new HostError('bad_request', 'This is not a token that can be read', 'Paste a whole JWT: three parts with dots between them.');
  }
  const over = typeof claims['exp'] === 'number' && claims['exp'] * 1000 < Date.now();
  return {
    header,
    claims,
    kind: 'Access token',
    findings: [
      { ok: claims['aud'] === 'http://localhost:4242/mcp', text: 'The audience is this server', hint: 'Ask for a token for this MCP URL.', remedies: [] },
      { ok: !over, text: over ? 'The token has ended' : 'The token is still good', hint: over ? 'Let the client refresh it.' : null, remedies: [] },
    ],
    notes: {},
  };
}

function part(text: string): Claims | undefined {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}

// === life ===

/** The running attempt takes a step every two seconds and begins again at its end. */
function goOn(host: FakeHost): void {
  setInterval(() => {
    const row = host.world.attempts.find(({ attempt }) => attempt === 'att_running');
    if (!row) return;
    const index = row.steps.findIndex(({ state }) => state === 'pending' || state === 'waiting');
    const step = row.steps[index];
    if (!step) {
      row.started_at = Date.now();
      row.person = null;
      row.steps = row.steps.map((old) => ({ ...old, state: 'pending', at: null, ms: null, detail: null }));
      row.verdict = { is: 'running', sentence: 'A client has begun to connect', hint: null, code: null, fixer: null, remedies: [] };
      return;
    }
    Object.assign(step, { state: 'done', at: Date.now(), ms: Date.now() - row.last_at, detail: null });
    if (step.step === 'callback') row.person = fixtures.PEOPLE.ben;
    if (step.step === 'first_call') row.verdict = { is: 'connected', sentence: 'Connected as Ben Okafor', hint: null, code: null, fixer: null, remedies: [] };
    row.last_at = Date.now();
    const event = { ...fixtures.eventOf(row, step), seq: (host.world.events[0]?.seq ?? 0) + 1 };
    host.world.events.unshift(event);
    host.emit('events_recorded', [event]);
  }, 2000);
}

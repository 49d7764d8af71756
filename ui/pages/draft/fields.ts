// What every setting is called in the window, and what stands below it. One the window does not know yet goes by its key
// and the engine's own sentence.

import type { SettingRow } from '../../host/api';

export interface FieldWords {
  label: string;
  hint: string;
  placeholder?: string;
  mono?: boolean;
  /** Chosen from a list instead of typed. */
  options?: readonly { value: string; label: string }[];
}

const ENTRA = {
  'entra.tenant': {
    label: 'Tenant',
    hint: 'Directory (tenant) ID, a verified domain, or organizations, common or consumers.',
    placeholder: '00000000-0000-0000-0000-000000000000',
    mono: true,
  },
  'entra.client_id': {
    label: 'Client ID',
    hint: 'Application (client) ID, on the Overview page of the app registration.',
    placeholder: '00000000-0000-0000-0000-000000000000',
    mono: true,
  },
  'entra.credential': {
    label: 'Kind of credential',
    hint: 'One of these, as the registration has it.',
    options: [
      { value: 'auto', label: 'The secret that is given, or else the certificate' },
      { value: 'secret', label: 'Client secret' },
      { value: 'certificate', label: 'Certificate' },
      { value: 'federated-token', label: 'Federated token file' },
      { value: 'managed-identity', label: 'Managed identity' },
      { value: 'none', label: 'None' },
    ],
  },
  'entra.client_secret': {
    label: 'Client secret',
    hint: 'The Value, not the ID. It is kept encrypted and never shown again.',
  },
  'entra.client_secret_expires': {
    label: 'Secret expires on',
    hint: 'The day the portal shows beside the secret. You are reminded 30 days before.',
    placeholder: '2027-05-24',
    mono: true,
  },
  'entra.next_client_secret': {
    label: 'Next client secret',
    hint: 'Tried when Entra refuses the first, so that nobody is signed out when one follows the other.',
  },
  'entra.certificate': {
    label: 'Certificate',
    hint: 'Made on the Entra page. Its private key is kept encrypted and never shown.',
  },
  'entra.certificate_file': {
    label: 'Certificate file',
    hint: 'Path of a PEM file, or of a PFX file with its private key.',
    placeholder: '/etc/just-mcp-oauth-proxy/app.pem',
    mono: true,
  },
  'entra.certificate_key_file': {
    label: 'Private key file',
    hint: 'Path of a PEM file, where the key is not in the certificate file.',
    mono: true,
  },
  'entra.certificate_password': {
    label: 'Password of the PFX file',
    hint: 'It is kept encrypted and never shown again. A PEM file needs none.',
  },
  'entra.federated_token_file': {
    label: 'Token file',
    hint: 'The path the platform writes the token to; read whenever it is used. AZURE_FEDERATED_TOKEN_FILE sets it too.',
    placeholder: '/var/run/secrets/azure/tokens/azure-identity-token',
    mono: true,
  },
  'entra.managed_identity': {
    label: 'Identity',
    hint: 'Client ID of a user-assigned identity. Empty: the system-assigned identity of this server.',
    placeholder: 'System-assigned',
    mono: true,
  },
  'entra.client_secret_file': {
    label: 'Client secret file',
    hint: 'A file that holds nothing but the secret, read instead of a secret kept here.',
    mono: true,
  },
  'entra.authority': {
    label: 'Cloud',
    hint: 'Where people sign in.',
  },
  'entra.identifier_uri': {
    label: 'Identifier URI',
    hint: 'Application ID URI, under Expose an API. Leave it empty for api:// and the client ID.',
    mono: true,
  },
  'entra.required_scopes': {
    label: 'Required scopes',
    hint: 'Short names of the scopes under Expose an API that every token must have, separated by spaces.',
    mono: true,
  },
  'entra.extra_authorize_scopes': {
    label: 'Extra scopes to ask for',
    hint: 'Consent to other APIs while signing in, separated by spaces. A bare name means Microsoft Graph: User.Read.',
    placeholder: 'None',
    mono: true,
  },
  'entra.allowed_tenants': {
    label: 'Allowed tenants',
    hint: 'Tenant IDs people may come from, separated by spaces. Empty: the tenant above, or any if that names many.',
    placeholder: 'No further limit',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

const SIGN_IN_PAGE = {
  'access.prompt': {
    label: 'When people are asked',
    hint: 'Entra lets people through whom it knows already. It can be told to ask all the same.',
    options: [
      { value: 'as-needed', label: 'Only where Entra has to' },
      { value: 'select-account', label: 'Always which account' },
      { value: 'login', label: 'Always for credentials' },
    ],
  },
  'access.domain_hint': {
    label: 'Domain hint',
    hint: 'A domain of yours. People are taken to its own sign-in page without typing their account first.',
    placeholder: 'contoso.com',
    mono: true,
  },
  'access.login_hint': {
    label: 'Account hint',
    hint: 'The user name that the sign-in page begins with, where one person uses this server. It is not used where people are asked which account, and cannot be with sign-in from anywhere: strangers would read it.',
    placeholder: 'ada@contoso.com',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

const ACCESS = {
  'access.people': {
    label: 'People',
    hint: 'Object IDs, or user names of members, separated by spaces. Someone of another directory: its ID, a slash, the object ID.',
    placeholder: 'None',
    mono: true,
  },
  'access.groups': {
    label: 'Groups',
    hint: 'Object IDs of groups. Members may sign in, also by way of a group in the group.',
    placeholder: 'None',
    mono: true,
  },
  'access.roles': {
    label: 'App roles',
    hint: 'Values of app roles. Whoever is assigned one may sign in.',
    placeholder: 'None',
    mono: true,
  },
  'access.guests': {
    label: 'Guests of the directory',
    hint: 'Off: no guest may sign in, even if a list has them.',
  },
} as const satisfies Record<string, FieldWords>;

const TOOLS = {
  'tools.get_user_info_scopes': {
    label: 'Scopes of get_user_info',
    hint: 'Short names of scopes under Expose an API, all of which it needs, separated by spaces.',
    placeholder: 'None',
    mono: true,
  },
  'tools.get_user_info_roles': {
    label: 'App roles of get_user_info',
    hint: 'Values of app roles of which a person needs one.',
    placeholder: 'None',
    mono: true,
  },
  'tools.version_scopes': {
    label: 'Scopes of version',
    hint: 'Short names of scopes under Expose an API, all of which it needs, separated by spaces.',
    placeholder: 'None',
    mono: true,
  },
  'tools.version_roles': {
    label: 'App roles of version',
    hint: 'Values of app roles of which a person needs one.',
    placeholder: 'None',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

const PRACTICE = {
  'practice.listen': {
    label: 'Address of the practice tenant',
    hint: 'A loopback address and a port. Only this computer reaches it.',
    mono: true,
  },
  'practice.sign_in': {
    label: 'Sign in without asking',
    hint: 'Whom the practice tenant signs in by itself, for scripts: ada, for example. Empty: its page asks.',
    placeholder: 'Nobody',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

const SERVER = {
  'server.listen': {
    label: 'Listen address',
    hint: 'Address and port. 127.0.0.1 keeps it to this computer; port 0 picks a free one.',
    mono: true,
  },
  'server.public_url': {
    label: 'Public address',
    hint: 'The https origin of a reverse proxy or tunnel of your own in front of this server, without /mcp. Empty: only this computer, or the tunnel below.',
    placeholder: 'https://mcp.example.com',
    mono: true,
  },
  'server.sign_in': {
    label: 'Where people sign in',
    hint: 'For clients that come by the public address.',
  },
  'server.callback_path': {
    label: 'Callback path',
    hint: 'The path of the redirect URI. Changing it means registering a new one.',
    mono: true,
  },
  'server.cors_origins': {
    label: 'Browser origins',
    hint: 'Web pages that may call this server, separated by spaces. Claude, ChatGPT and Visual Studio Code on the web may already.',
    placeholder: 'http://localhost:6274',
    mono: true,
  },
  'server.paused': {
    label: 'Pause all access',
    hint: 'Every call is turned away until you switch this off; nobody is signed out.',
  },
  'console.listen': {
    label: 'Console address',
    hint: 'Where the server without a window shows these pages: a loopback address and port, or off.',
    mono: true,
  },
  'identity.practice': {
    label: 'Practice tenant',
    hint: 'Whether people sign in at the built-in practice tenant instead of Entra.',
    options: [
      { value: 'auto', label: 'Until an Entra tenant is given' },
      { value: 'on', label: 'Always' },
      { value: 'off', label: 'Never' },
    ],
  },
  'clients.allowed_hosts': {
    label: 'Hosts clients may come from',
    hint: 'Where a published client has its document, and where a client on the web is answered: claude.ai, *.example.com. Clients on this computer always may.',
    placeholder: 'Any',
    mono: true,
  },
  'clients.blocked_hosts': {
    label: 'Hosts clients may not come from',
    hint: 'They count before the ones above. A single client is blocked under Sessions.',
    placeholder: 'None',
    mono: true,
  },
  'clients.self_contained_ids': {
    label: 'Client IDs that outlive the database',
    hint: 'Seals each registration into its client ID: with the master key alone, clients go on after the database was lost. Such IDs are long.',
  },
  'clients.pairing': {
    label: 'Code for new clients',
    hint: 'A client that nobody used before and that comes by the public address needs a code, which Home shows.',
    options: [
      { value: 'auto', label: 'Where you are at hand: with a tunnel, or sign-in on this computer' },
      { value: 'on', label: 'Always' },
      { value: 'off', label: 'Never' },
    ],
  },
  'clients.documents_from_loopback': {
    label: 'Client metadata from this computer',
    hint: 'Lets metadata documents of clients come from loopback addresses. For tests only.',
  },
} as const satisfies Record<string, FieldWords>;

const TUNNEL = {
  'tunnel.provider': {
    label: 'Provider',
    hint: 'What the switch on the Home page starts. A change counts the next time it is switched on.',
    options: [
      { value: 'cloudflared', label: 'Cloudflare quick tunnel' },
      { value: 'ngrok', label: 'ngrok' },
      { value: 'cloudflared-named', label: 'Cloudflare tunnel of your own' },
      { value: 'tailscale', label: 'Tailscale Funnel' },
      { value: 'devtunnel', label: 'Microsoft dev tunnel' },
      { value: 'zrok', label: 'zrok' },
      { value: 'localhost-run', label: 'localhost.run (SSH)' },
      { value: 'pinggy', label: 'Pinggy (SSH)' },
      { value: 'serveo', label: 'Serveo (SSH)' },
      { value: 'ssh', label: 'Your own server (SSH)' },
      { value: 'command', label: 'A command of your own' },
    ],
  },
  'tunnel.command': {
    label: 'Command of your own',
    hint: 'A program that prints an https address; {port} must be in it and stands for the port the tunnel has to lead to.',
    placeholder: 'cloudflared tunnel --url http://127.0.0.1:{port}',
    mono: true,
  },
  'tunnel.auto_off': {
    label: 'Switch off by itself',
    hint: 'Counts from the next time it is switched on.',
    options: [
      { value: 'never', label: 'Never' },
      { value: '1h', label: 'After an hour' },
      { value: '8h', label: 'After 8 hours' },
      { value: 'sleep', label: 'Once this computer has slept' },
    ],
  },
  'tunnel.domain': {
    label: 'Host name',
    hint: 'A name of your own, where it can be asked for: at ngrok, or in front of your own server. A sish server says it by itself.',
    placeholder: 'mcp.example.com',
    mono: true,
  },
  'tunnel.ssh_server': {
    label: 'Your own server',
    hint: 'Reached by SSH; user and port may be left out.',
    placeholder: 'tunnel@mcp.example.com:22',
    mono: true,
  },
  'tunnel.ssh_key': {
    label: 'SSH key file',
    hint: 'The private key to show there. Empty: the keys of the agent and of ~/.ssh.',
    placeholder: '~/.ssh/id_ed25519',
    mono: true,
  },
  'tunnel.ssh_listen': {
    label: 'Port on the server',
    hint: 'Where the web server in front passes on to. For sish a name and a port, as in mine:80.',
    placeholder: '8080',
    mono: true,
  },
  'tunnel.ngrok_authtoken': {
    label: 'Authtoken of ngrok',
    hint: 'From dashboard.ngrok.com/get-started/your-authtoken. It is kept encrypted and never shown again. NGROK_AUTHTOKEN sets it too.',
  },
  'tunnel.ngrok_server': {
    label: 'Server of ngrok',
    hint: 'Only for an account that has one to itself.',
    placeholder: 'connect.example.com:443',
    mono: true,
  },
  'tunnel.ngrok_ca_file': {
    label: 'Certificate authorities for ngrok',
    hint: 'PEM file, where that server or the network has authorities of its own.',
    placeholder: '/etc/ssl/certs/example.pem',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

const STORAGE = {
  'storage.event_days': {
    label: 'Days to keep the auth log',
    hint: 'Older events are deleted.',
  },
  'storage.events': {
    label: 'Events to keep',
    hint: 'Beyond that the oldest are deleted, whatever their age.',
  },
  'storage.unapproved_clients': {
    label: 'Clients nobody approved',
    hint: 'How many that only registered are kept. Approved ones stay.',
  },
  'storage.open_grants': {
    label: 'Unfinished sign-ins',
    hint: 'How many are kept at once. Beyond that the oldest must be started again.',
  },
  'storage.data_dir': {
    label: 'Data folder',
    hint: 'What is there now is not moved: copy the folder while the server is stopped, or everybody starts afresh.',
    placeholder: "The system's own folder for app data",
    mono: true,
  },
  'storage.database_url': {
    label: 'Database',
    hint: 'sqlite: and the path of a file, from the data folder; or memory, which forgets everything when the server stops.',
    placeholder: 'sqlite:proxy.db',
    mono: true,
  },
} as const satisfies Record<string, FieldWords>;

export const FIELDS = { ...ENTRA, ...SIGN_IN_PAGE, ...ACCESS, ...TOOLS, ...PRACTICE, ...SERVER, ...TUNNEL, ...STORAGE } as const satisfies Record<string, FieldWords>;
export type FieldKey = keyof typeof FIELDS;

/** Those of one configured client, `client.<n>.` and one of these. */
export const CLIENT_FIELDS = {
  id: { label: 'ID', hint: 'Its client_id. Enter the same one in the client.', placeholder: 'my-client', mono: true },
  name: { label: 'Name', hint: 'What the consent page calls it.', placeholder: 'My client' },
  redirect_uris: {
    label: 'Redirect URIs',
    hint: 'Where the client takes people back to, separated by spaces. https://host/path/* stands for one more part of the path.',
    placeholder: 'https://client.example.com/callback',
    mono: true,
  },
  secret_sha256: {
    label: 'Secret, as SHA-256',
    hint: 'In base64url. The secret itself belongs in the client only; a public client has none.',
  },
  auth: {
    label: 'How it sends its secret',
    hint: 'Leave the first unless the client says otherwise.',
    options: [
      { value: '', label: 'As usual: in the header, or none without a secret' },
      { value: 'client_secret_basic', label: 'In the header (client_secret_basic)' },
      { value: 'client_secret_post', label: 'In the body (client_secret_post)' },
      { value: 'none', label: 'It has none' },
    ],
  },
} as const satisfies Record<string, FieldWords>;

const CLIENT_KEY = /^client\.(\d+)\.(\w+)$/;

/** Number and name of a configured client's setting. */
export function clientKey(key: string): { number: number; name: string } | null {
  const match = CLIENT_KEY.exec(key);
  return match?.[1] && match[2] ? { number: Number(match[1]), name: match[2] } : null;
}

/** What holds for clients that are not configured, of the part Clients. */
export const CLIENT_RULES = ['clients.allowed_hosts', 'clients.blocked_hosts', 'clients.self_contained_ids', 'clients.pairing'] as const;
export const isClientRule = (key: string): boolean => (CLIENT_RULES as readonly string[]).includes(key);

/** Of the part Tunnel. */
export const isTunnel = (key: string): boolean => key.startsWith('tunnel.');

/** The providers that a setting of the tunnel is for; of the others, `undefined`, all of them. */
export const onlyFor = (key: string): readonly string[] | undefined => PROVIDERS_OF.get(key);

const PROVIDERS_OF: ReadonlyMap<string, readonly string[]> = new Map([
  ['tunnel.command', ['command']],
  ['tunnel.domain', ['ngrok', 'cloudflared-named', 'ssh']],
  ['tunnel.ssh_server', ['ssh']],
  ['tunnel.ssh_key', ['ssh']],
  ['tunnel.ssh_listen', ['ssh']],
  ['tunnel.ngrok_authtoken', ['ngrok']],
  ['tunnel.ngrok_server', ['ngrok']],
  ['tunnel.ngrok_ca_file', ['ngrok']],
]);

/** Of the Entra page; everything else is at home in Settings. */
export const isEntra = (key: string): boolean => ['entra.', 'access.', 'tools.', 'practice.'].some((section) => key.startsWith(section));

export function wordsOf(key: string, doc = ''): FieldWords {
  if (Object.hasOwn(FIELDS, key)) return FIELDS[key as FieldKey];
  const name = clientKey(key)?.name;
  if (name !== undefined && Object.hasOwn(CLIENT_FIELDS, name)) return CLIENT_FIELDS[name as keyof typeof CLIENT_FIELDS];
  return { label: key, hint: readable(doc), mono: true };
}

/** What a key is called where nothing around it says which client is meant. */
export function labelOf(key: string): string {
  const client = clientKey(key);
  const { label } = wordsOf(key);
  return client && label !== key ? `Configured client ${client.number}: ${label}` : label;
}

/** The engine quotes with backticks and names settings by key; a person reads quotation marks and labels. */
export const readable = (text: string): string =>
  text
    .replace(/`([^`]*)`/g, (_, quoted: string) => `“${labelOf(quoted)}”`)
    .replace(/\*([^*\s][^*]*)\*/g, '“$1”')
    .replace(/^\p{Ll}/u, (first) => first.toLocaleUpperCase('en'));

/** Why a field cannot be changed here, and where it can; `null` if it can. */
export function lockReason({ locked, source, variable }: Pick<SettingRow, 'locked' | 'source' | 'variable'>): string | null {
  if (!locked) return null;
  const where =
    source.is === 'environment'
      ? `the environment variable ${source.variable}`
      : source.is === 'command_line'
        ? `the command line, ${source.flag}`
        : `the environment or the command line (${variable})`;
  return `Set by ${where}. Change it there and start the server again.`;
}

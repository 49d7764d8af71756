// The tunnel as far as the fixtures need it: which programs are there, the commonest mistakes, and how one opens.

import type { Changes, CheckStep, OutsideCheck, Problem, ServerKey, SettingRow, Status, TiedSession, TunnelForm, TunnelProgram, TunnelState } from './api';
import { HostError } from './host';

export const TUNNEL_URL = 'https://calm-harbour-31.trycloudflare.com';

const EACH_TIME = 'The address is another one each time.';
const program = (id: string, name: string, about: string, install: string, more?: Partial<TunnelProgram>): TunnelProgram => ({
  id,
  name,
  about,
  install,
  found: false,
  stable: false,
  takes_domain: false,
  takes_authtoken: false,
  ...more,
});
const BY_SSH = 'install the OpenSSH client';

export const programs = (): TunnelProgram[] => [
  program(
    'cloudflared',
    'Cloudflare quick tunnel',
    `Needs no account. ${EACH_TIME}`,
    'install cloudflared from developers.cloudflare.com (macOS: brew install cloudflared, Windows: winget install Cloudflare.cloudflared)',
    { found: true },
  ),
  program(
    'ngrok',
    'ngrok',
    'Needs nothing installed, only a free account, which has one address that stays the same.',
    '',
    { found: true, stable: true, takes_domain: true, takes_authtoken: true },
  ),
  program(
    'cloudflared-named',
    'Cloudflare tunnel of your own',
    'Needs a free Cloudflare account with a domain. The address is a name of it and stays the same.',
    'install cloudflared from developers.cloudflare.com (macOS: brew install cloudflared, Windows: winget install Cloudflare.cloudflared), then run `cloudflared tunnel login`',
    { found: true, stable: true, takes_domain: true },
  ),
  program(
    'tailscale',
    'Tailscale Funnel',
    'Needs Tailscale on this computer. The address stays the same.',
    'install Tailscale from tailscale.com/download, sign in, and allow Funnel for this computer',
    { stable: true },
  ),
  program(
    'devtunnel',
    'Microsoft dev tunnel',
    `Needs a Microsoft, Entra or GitHub account. ${EACH_TIME}`,
    'install devtunnel from aka.ms/devtunnels/download, then run `devtunnel user login`',
  ),
  program('zrok', 'zrok', `Needs a free account. ${EACH_TIME}`, 'install zrok from zrok.io, then run `zrok enable` with the token of your account'),
  program('localhost-run', 'localhost.run (SSH)', 'Needs no account and nothing but ssh. The address changes every few hours.', BY_SSH, { found: true }),
  program('pinggy', 'Pinggy (SSH)', 'Needs no account and nothing but ssh. The address ends after an hour.', BY_SSH, { found: true }),
  program('serveo', 'Serveo (SSH)', `Needs no account and nothing but ssh. ${EACH_TIME}`, BY_SSH, { found: true }),
  program(
    'ssh',
    'Your own server (SSH)',
    'A port of a server of yours leads here, behind its web server, or by sish. The address stays the same.',
    BY_SSH,
    { found: true, stable: true, takes_domain: true },
  ),
];

const PINNED = 'SHA256:9oCKqhgvZaS0iYxj3bsmvu8D9YrS5D6i6GMsqThLdx0';
const SHOWN = 'SHA256:wTOdfXKvES8bs4q9iaYGKa15bF/Djfu2l90e/w7dNnA';

/** Once a server of one's own was used. */
export const SERVER_KEY: ServerKey = { server: '[mcp.contoso.example]:2222', fingerprint: PINNED, kind: 'ED25519' };

/** One of each kind; by the names of the states that show them. */
export const TUNNELS = {
  tunnel_starting: { is: 'starting' },
  tunnel_up: { is: 'up', url: TUNNEL_URL, reason: null, hint: null },
  tunnel_doubt: {
    is: 'up',
    url: TUNNEL_URL,
    reason: 'the provider shows a page of its own before ours',
    hint: 'clients cannot get past such a page: choose another provider, or an account of this one without it',
  },
  tunnel_reachable: { is: 'reachable', url: TUNNEL_URL, notes: [] },
  tunnel_noted: {
    is: 'reachable',
    url: TUNNEL_URL,
    notes: [
      {
        reason: 'people who sign in see a page of the provider before ours',
        hint: 'clients are not stopped by it, and the sign-in goes on after a click there',
      },
    ],
  },
  tunnel_unopened: {
    is: 'lost',
    was_open: false,
    reason: 'the name of the server is not known; its last words: ssh: Could not resolve hostname mcp.contoso.exmaple: Name or service not known',
    hint: 'check its spelling under Tunnel, and the internet connection; it is tried again by itself',
  },
  tunnel_lost: {
    is: 'lost',
    was_open: true,
    reason: 'the program ended (exit code 1); its last words: failed to dial edge: i/o timeout',
    hint: 'it is started again by itself; if it stays, run it in a terminal to see what it says',
  },
  tunnel_refused: {
    is: 'refused',
    reason: 'ngrok does not know the authtoken',
    hint: 'paste the authtoken from dashboard.ngrok.com/get-started/your-authtoken under Tunnel',
    changed_key: null,
  },
  tunnel_other_key: {
    is: 'refused',
    reason: `the server shows another key than before: ${SHOWN} instead of ${PINNED}`,
    hint: 'if whoever runs the server says that its key was changed, trust the new one; otherwise somebody may be in between',
    changed_key: { pinned: PINNED, pinned_kind: 'ED25519', shown: SHOWN, kind: 'ECDSA' },
  },
} as const satisfies Record<string, TunnelState>;

export function isTunnelState(state: string): state is keyof typeof TUNNELS {
  return Object.hasOwn(TUNNELS, state);
}

/** The status with a tunnel that stands so; the server keeps its address while one is lost. */
export function withTunnel(status: Status, tunnel: TunnelState): Status {
  const address = tunnel.is === 'up' || tunnel.is === 'reachable' ? tunnel.url : tunnel.is === 'lost' && tunnel.was_open ? TUNNEL_URL : null;
  return publicly({ ...status, tunnel }, address);
}

export function publicly(status: Status, address: string | null): Status {
  const [local = ''] = status.callback_urls;
  return {
    ...status,
    public_url: address,
    public_mcp_url: address && `${address}/mcp`,
    callback_urls: address === null ? [local] : [local, `${address}/auth/callback`],
  };
}

const text = (rows: readonly SettingRow[], changes: Changes, key: string): string => {
  const row = rows.find((row) => row.key === key);
  return changes[key] || (changes[key] === '' ? row?.default : row?.text) || '';
};

export function tunnelProblems(rows: readonly SettingRow[], changes: Changes): Problem[] {
  const problems: Problem[] = [];
  const refuse = (field: string, code: string, message: string, hint: string) => problems.push({ field, code, message, hint, source: { is: 'window' } });
  const command = text(rows, changes, 'tunnel.command');
  if (text(rows, changes, 'tunnel.provider') === 'command' && command === '') {
    refuse('tunnel.provider', 'missing', 'no command is given', 'set `tunnel.command`, for example `cloudflared tunnel --url http://127.0.0.1:{port}`');
  }
  if (command !== '' && !command.includes('{port}')) {
    refuse('tunnel.command', 'no-port', 'the command does not say where our port belongs', 'write `{port}` there, for example `cloudflared tunnel --url http://127.0.0.1:{port}`');
  }
  const domain = text(rows, changes, 'tunnel.domain');
  if (domain !== '' && !/^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+$/i.test(domain)) {
    refuse('tunnel.domain', 'not-a-host', `\`${domain}\` is no host name`, 'write only the name, for example `mcp.example.com`');
  }
  const server = text(rows, changes, 'tunnel.ssh_server');
  const example = 'write `user@host:port`, for example `tunnel@mcp.example.com`';
  const host = server.replace(/^.*@/, '').replace(/:\d+$/, '');
  if (server === '') {
    if (text(rows, changes, 'tunnel.provider') === 'ssh') refuse('tunnel.ssh_server', 'missing', 'no server is given', example);
  } else if (!/^[a-z0-9][\w.-]*$/i.test(host) || /^-|\s/.test(server)) {
    refuse('tunnel.ssh_server', 'not-a-server', `\`${server}\` is no server: the host is no name or address`, example);
  } else if (domain === '' && !/[a-z]/i.test(host.split('.').at(-1)!)) {
    refuse('tunnel.domain', 'missing', 'nothing says under which name the server is reached', 'write the host name of its https address, for example `mcp.example.com`');
  }
  if (/\s/.test(changes['tunnel.ngrok_authtoken']?.trim() ?? '')) {
    const hint = 'paste only the text that dashboard.ngrok.com/get-started/your-authtoken shows, without the command before it';
    refuse('tunnel.ngrok_authtoken', 'not-a-token', 'that is no authtoken of ngrok', hint);
  }
  return problems;
}

export function tunnelForm(rows: readonly SettingRow[], known: TunnelProgram[], state: TunnelState, pinned: ServerKey | null, tied: TiedSession[]): TunnelForm {
  const provider = text(rows, {}, 'tunnel.provider');
  return {
    tied,
    state,
    provider,
    programs: known,
    server_key: provider === 'ssh' ? pinned : null,
    own_address: text(rows, {}, 'server.public_url') || null,
  };
}

/** Why it cannot be switched on. */
export function refusalOf(form: TunnelForm, rows: readonly SettingRow[], identity: Status['identity'], meant: boolean): HostError | null {
  if (form.own_address !== null) {
    return new HostError('not_opened', `${form.own_address} is set as the public address already`, 'remove `server.public_url` from the settings to use a tunnel instead');
  }
  const chosen = form.programs.find(({ id }) => id === form.provider);
  if (chosen?.takes_authtoken && !rows.find(({ key }) => key === 'tunnel.ngrok_authtoken')?.given) {
    return new HostError(
      'not_opened',
      'ngrok wants the authtoken of your account, and none is given',
      'paste the one from dashboard.ngrok.com/get-started/your-authtoken, or set `JMOP_TUNNEL_NGROK_AUTHTOKEN`',
    );
  }
  if (chosen && !chosen.found) return new HostError('not_opened', `\`${chosen.id}\` is not installed on this computer`, chosen.install);
  if (identity === 'practice' && !meant) {
    return new HostError(
      'practice_in_public',
      'people sign in at the practice tenant, where anybody can choose an account',
      'connect your own tenant under Entra, or say that this is meant',
    );
  }
  return null;
}

export const NOT_SHOWN = new HostError(
  'not_opened',
  'that is not the key which the server was refused for',
  'switch the tunnel on, then compare and trust the key that is shown',
);

const seen = (about: string, outcome: CheckStep['outcome'], what: string, hint: string | null = null): CheckStep => ({ about, outcome, what, hint, code: null, fixer: null, remedies: [] });

/** What is seen of the address from outside; `tunnel_doubt` and `tunnel_noted` have something in the way. */
export function outsideCheck({ tunnel, public_url: address }: Status): OutsideCheck {
  if (address === null) {
    throw new HostError('not_checked', 'this server has no public address', 'switch the tunnel on, or set `server.public_url` to the address of your own proxy');
  }
  const port = seen('public_port', 'passed', 'the address is on port 443');
  if (tunnel.is === 'up' && tunnel.reason !== null) {
    return { address, steps: [port, seen('public_url', 'failed', tunnel.reason, tunnel.hint)], passed: false };
  }
  const [note] = tunnel.is === 'reachable' ? tunnel.notes : [];
  const page = note ? seen('public_page', 'noted', note.reason, note.hint) : seen('public_page', 'passed', 'people who sign in see our pages at once');
  const steps = [
    port,
    seen('public_url', 'passed', 'the address leads to this server'),
    seen('public_metadata', 'passed', 'the metadata names this address'),
    seen('public_challenge', 'passed', 'a call without a token is told where to sign in'),
    seen('public_stream', 'passed', 'a streamed answer comes as it is written'),
    page,
  ];
  return { address, steps, passed: true };
}

/** Of an address that was before. */
export const tiedSessions = (): TiedSession[] =>
  [
    { client: 'Claude', person: 'Ada Lovelace' },
    { client: 'Claude', person: 'Ben Okafor' },
    { client: 'ChatGPT', person: 'Ada Lovelace' },
  ].map((one, nth) => ({ ...one, session: `session_tied${nth}`, address: 'https://quiet-meadow-12.trycloudflare.com' }));

// What the engine makes of the settings of the server and of what is kept, as far as the fixtures need it: the commonest
// mistakes, and what a change does.

import type { Changes, Problem, SettingRow } from './api';
import { practiceInForce } from './fakeEntra';

const MOST: Record<string, number> = {
  'storage.unapproved_clients': 10_000_000,
  'storage.open_grants': 10_000_000,
  'storage.events': 100_000_000,
  'storage.event_days': 3_650,
};

export function serverProblems(rows: readonly SettingRow[], changes: Changes): Problem[] {
  const problems: Problem[] = [];
  const refuse = (field: string, code: string, message: string, hint: string) => problems.push({ field, code, message, hint, source: { is: 'window' } });
  const text = (key: string) => changes[key] || (changes[key] === '' ? undefined : rows.find((row) => row.key === key)?.text) || '';
  const listen = text('server.listen');
  if (listen !== '' && !/^\S+:\d{1,5}$/.test(listen)) {
    refuse('server.listen', 'not-an-address', `\`${listen}\` is not an address with a port`, 'write an IP address and a port, for example `127.0.0.1:4242`');
  }
  const outside = text('server.public_url');
  if (outside !== '' && !outside.startsWith('https://')) {
    refuse('server.public_url', 'not-https', `\`${outside}\` does not begin with https`, 'use the https URL of the tunnel or reverse proxy in front');
  } else if (outside !== '' && practiceInForce(rows, changes)) {
    refuse(
      'server.public_url',
      'practice-in-public',
      'with the practice tenant anybody who has this URL could sign in as anybody',
      'leave out `server.public_url`, or give `entra.tenant` and `entra.client_id` and do not set `identity.practice` to `on`',
    );
  }
  const path = text('server.callback_path');
  if (path !== '' && !path.startsWith('/')) {
    refuse('server.callback_path', 'not-a-path', `\`${path}\` does not begin with a slash`, 'write only the path of the redirect URI in Entra, for example `/auth/callback`');
  }
  if (text('server.cors_origins').split(/[\s,]+/).includes('*')) {
    refuse('server.cors_origins', 'any-origin', '`*` would let every web page a person visits call the server', 'list the origins of the web pages that may, for example `http://localhost:6274`');
  }
  for (const [key, most] of Object.entries(MOST)) {
    const number = text(key);
    if (number !== '' && !(/^\d+$/.test(number) && Number(number) >= 1 && Number(number) <= most)) {
      refuse(key, 'not-a-number', `\`${number}\` is not a number from 1 to ${most}`, 'write digits only');
    }
  }
  for (const number of clientNumbers(rows, changes)) {
    const key = (name: string) => `client.${number}.${name}`;
    if (text(key('id')) === '') refuse(key('id'), 'missing', 'the client has no id', 'choose one and enter it in the client too');
    if (text(key('redirect_uris')) === '') {
      const message = 'the client has no redirect URI, so nobody could come back to it';
      refuse(key('redirect_uris'), 'missing', message, "list the redirect URI that the client's page shows");
    }
  }
  return problems;
}

const clientNumbers = (rows: readonly SettingRow[], changes: Changes): Set<string> =>
  new Set([...rows.map(({ key }) => key), ...Object.keys(changes)].flatMap((key) => /^client\.(\d+)\./.exec(key)?.[1] ?? []));

/** What people and clients notice. */
export function effectsOf(rows: readonly SettingRow[], changes: Changes): { text: string }[] {
  const effects: string[] = [];
  const port = changes['server.listen']?.split(':').at(-1);
  if (port !== undefined) {
    effects.push(
      `The MCP URL becomes http://localhost:${port || '4242'}/mcp: give it to the clients on this computer, which then sign in again, and register the new redirect URI in Entra.`,
    );
  }
  if ('server.callback_path' in changes) effects.push('The redirect URI changes: register the new one in Entra before anybody signs in.');
  if ('server.public_url' in changes) {
    effects.push('Clients that use the old public address have to be given the new one and sign in again.');
  }
  if (practiceInForce(rows) !== practiceInForce(rows, changes)) {
    effects.push('People sign in somewhere else from now on: sessions end when their client next refreshes.');
  }
  if ('storage.data_dir' in changes || 'storage.database_url' in changes) {
    effects.push('Another database is used: clients register and people sign in again. The old one stays where it is.');
  }
  if (effects.length === 0) effects.push('The server starts again within a second. Sessions go on.');
  return effects.map((text) => ({ text }));
}

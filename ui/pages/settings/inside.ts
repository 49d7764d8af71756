// What this is built on directly, with the licences as the parts themselves state them.

export interface InsidePart {
  name: string;
  about: string;
  /** SPDX */
  licence: string;
}

const part = (name: string, about: string, licence: string): InsidePart => ({ name, about, licence });
const BOTH = 'MIT OR Apache-2.0';

export const WINDOW: readonly InsidePart[] = [
  part('svelte', 'These pages', 'MIT'),
  part('bits-ui', 'Dialogs, menus, tabs', 'MIT'),
  part('virtua', 'Long lists', 'MIT'),
  part('@lucide/svelte', 'Icons', 'ISC'),
  part('@tauri-apps/api', 'From the window to the app', 'Apache-2.0 OR MIT'),
];

export const INSIDE: readonly { title: string; parts: readonly InsidePart[] }[] = [
  { title: 'The window', parts: WINDOW },
  {
    title: 'The app',
    parts: [
      part('tauri', 'Window, tray, notifications', 'Apache-2.0 OR MIT'),
      part('keyring-core', 'The keyring of the system', BOTH),
      part('argon2', 'A key from a passphrase', BOTH),
    ],
  },
  {
    title: 'The server',
    parts: [
      part('rmcp', 'Model Context Protocol', 'Apache-2.0'),
      part('axum', 'HTTP server', 'MIT'),
      part('hyper', 'HTTP connections', 'MIT'),
      part('tower', 'Limits and layers', 'MIT'),
      part('tokio', 'Asynchronous runtime', 'MIT'),
      part('oauth2', 'Towards Entra', BOTH),
      part('jsonwebtoken', 'Tokens', 'MIT'),
      part('reqwest', 'HTTP client', BOTH),
      part('rustls', 'TLS', 'Apache-2.0 OR ISC OR MIT'),
      part('aws-lc-rs', 'Cryptography', 'ISC AND (Apache-2.0 OR ISC)'),
      part('secrecy', 'Secrets that do not print', 'Apache-2.0 OR MIT'),
      part('zeroize', 'Memory wiped after use', 'Apache-2.0 OR MIT'),
      part('sqlx', 'Database', BOTH),
      part('SQLite', 'Database file', 'Public domain'),
      part('moka', 'Caches', '(MIT OR Apache-2.0) AND Apache-2.0'),
      part('serde', 'JSON', BOTH),
      part('toml_edit', 'The settings file', BOTH),
      part('schemars', 'Schemas of the tools', 'MIT'),
      part('askama', 'Sign-in pages', BOTH),
      part('jiff', 'Times', 'Unlicense OR MIT'),
      part('url', 'Addresses', BOTH),
      part('tracing', 'Logs', 'MIT'),
      part('clap', 'Command line', BOTH),
      part('directories', "The system's folders", BOTH),
      part('rust-embed', 'These pages inside the server', 'MIT'),
    ],
  },
];

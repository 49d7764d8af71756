// What the commands of package.json need on a machine: looked for, installed where that is plain (Debian and Ubuntu by
// apt, npm packages, Python packages in target/), and named in one line where it is not.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './process.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const MINUTE = 60_000;

/** Something a person has to do first; its message is the one line to show. */
export class Missing extends Error {}

export const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore', timeout: MINUTE }).status === 0;

/** Our environment without node_modules/.bin in PATH, so that `npm` does not run on a Node it is about to replace. */
function plainPath() {
  const path = process.env.PATH.split(':').filter((folder) => !folder.endsWith('node_modules/.bin') && !folder.includes('node-gyp-bin'));
  return { ...process.env, PATH: path.join(':') };
}

/** Cargo, with the parts named (`fmt`, `clippy`). */
export function needCargo(...parts) {
  if (!works('cargo', '--version')) throw new Missing('Rust is missing: install it from https://rustup.rs, then run this again.');
  const wanted = /rust-version = "([\d.]+)"/.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'))[1];
  const version = /(\d+)\.(\d+)/.exec(spawnSync('rustc', ['--version'], { encoding: 'utf8' }).stdout);
  const [major, minor] = wanted.split('.').map(Number);
  if (!version || Number(version[1]) < major || (Number(version[1]) === major && Number(version[2]) < minor)) {
    throw new Missing(`Rust ${wanted} or newer is needed: run \`rustup update\`, then run this again.`);
  }
  for (const part of parts) {
    if (works('cargo', part, '--version')) continue;
    const component = part === 'fmt' ? 'rustfmt' : part;
    if (!works('rustup', '--version') || spawnSync('rustup', ['component', 'add', component], { stdio: 'inherit', timeout: 5 * MINUTE }).status !== 0) {
      throw new Missing(`cargo ${part} is missing: install the ${component} component of Rust, then run this again.`);
    }
  }
}

const tool = (name) => () => works('sh', '-c', `command -v ${name}`);
const library = (name) => () => works('pkg-config', '--exists', name);

const PACKAGES = [
  ['build-essential', () => works('cc', '--version') && works('make', '--version')],
  ['pkg-config', () => works('pkg-config', '--version')],
  ['openssh-client', () => works('sh', '-c', 'command -v ssh && command -v ssh-keygen')],
  ['procps', tool('ps')],
  ['python3-venv', () => works('python3', '-c', 'import venv, ensurepip')],
];

/** What building the desktop app needs besides. */
const DESKTOP_BUILD_PACKAGES = [
  ['libwebkit2gtk-4.1-dev', library('webkit2gtk-4.1')],
  ['libayatana-appindicator3-dev', library('ayatana-appindicator3-0.1')],
];

/** What its tests need besides: a display, a bus, a panel, a keyring. */
const DESKTOP_TEST_PACKAGES = [
  ['xvfb', tool('Xvfb')],
  ['dbus', tool('dbus-daemon')],
  ['systemd', tool('busctl')],
  ['openbox', tool('openbox')],
  ['xfce4-panel', tool('xfce4-panel')],
  ['adwaita-icon-theme', () => existsSync('/usr/share/icons/Adwaita')],
  ['fonts-dejavu-core', () => existsSync('/usr/share/fonts/truetype/dejavu')],
  ['wmctrl', tool('wmctrl')],
  ['xdotool', tool('xdotool')],
  ['scrot', tool('scrot')],
  ['gnome-keyring', tool('gnome-keyring-daemon')],
  ['webkit2gtk-driver', tool('WebKitWebDriver')],
];

/** What testing the pages in a browser needs. */
const PAGES_TEST_PACKAGES = [
  ['chromium', tool('chromium')],
  ['fonts-dejavu-core', () => existsSync('/usr/share/fonts/truetype/dejavu')],
];

/** For `needSshd`: the server, or what it is linked with. */
const SSHD_PACKAGES = [
  ['openssh-server', () => existsSync('/usr/sbin/sshd')],
  ['libwrap0', () => works('sh', '-c', 'ls /lib/*/libwrap.so.0 /usr/lib/*/libwrap.so.0 2>/dev/null | grep -q .')],
];

const KNOWN = [...PACKAGES, ...SSHD_PACKAGES, ...DESKTOP_BUILD_PACKAGES, ...DESKTOP_TEST_PACKAGES, ...PAGES_TEST_PACKAGES];
const names = (packages) => packages.map(([name]) => name);

/** For `needSystemPackages`: everything to build the desktop app. */
export const DESKTOP_BUILD = ['build-essential', 'pkg-config', ...names(DESKTOP_BUILD_PACKAGES)];
/** For `needSystemPackages`: everything to test the pages in a browser. */
export const PAGES_TEST = names(PAGES_TEST_PACKAGES);
/** For `needSystemPackages`: everything to test it. */
export const DESKTOP_TEST = [...DESKTOP_BUILD, ...names(DESKTOP_TEST_PACKAGES)];

/** System packages: installed by apt if missing, after saying so. */
export function needSystemPackages(wanted = names(PACKAGES)) {
  const missing = names(KNOWN.filter(([name, there]) => wanted.includes(name) && !there()));
  if (missing.length === 0) return;
  if (!works('apt-get', '--version')) throw new Missing(`Missing: ${missing.join(', ')} (Debian's names). Install them, then run this again.`);
  const sudo = process.getuid() === 0 ? [] : ['sudo'];
  console.log(`Installing with ${[...sudo, 'apt-get'].join(' ')}: ${missing.join(', ')}`);
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return spawnSync(command, rest, { stdio: 'inherit', timeout: 10 * MINUTE }).status === 0;
  };
  apt('update', '-qq');
  if (!apt('install', '-y', '-qq', '--no-install-recommends', ...missing)) throw new Missing(`apt-get could not install ${missing.join(', ')}: install them by hand, then run this again.`);
}

/**
 * The SSH server that tests run as whoever runs them. Installing its package starts it for the whole computer: that is done for
 * root only, who is in a container. Everybody else gets its program unpacked under target/.
 */
export function needSshd() {
  const installed = '/usr/sbin/sshd';
  if (existsSync(installed)) return installed;
  if (process.getuid() === 0) {
    needSystemPackages(['openssh-server']);
    return installed;
  }
  needSystemPackages(['libwrap0']);
  const folder = join(TARGET, 'sshd');
  const unpacked = join(folder, 'usr', 'sbin', 'sshd');
  if (existsSync(unpacked)) return unpacked;
  mkdirSync(folder, { recursive: true });
  const got = spawnSync('sh', ['-c', 'apt-get download -qq openssh-server && dpkg-deb -x openssh-server_*.deb .'], { cwd: folder, stdio: 'inherit', timeout: 5 * MINUTE });
  if (got.status !== 0) throw new Missing('The SSH server that tests use could not be fetched: put sshd at /usr/sbin/sshd, then run this again.');
  return unpacked;
}

/** The npm packages of package-lock.json, exactly. */
export async function needNpmPackages() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const stamp = join(ROOT, 'node_modules', '.installed-from');
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  // Some packages are for tests only and ask for a newer Node, which those tests get (`newNode`): no word to a newcomer about them.
  const { code } = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, limit: 10 * MINUTE, env: plainPath() });
  if (code !== 0) throw new Missing('npm could not install the packages of package-lock.json: see above.');
  writeFileSync(stamp, wanted);
}

/** A Python environment under target/ with exactly the packages of `requirements`; returns its interpreter. */
export async function needPython(name, requirements) {
  needSystemPackages(['python3-venv']);
  const folder = join(TARGET, name);
  const python = join(folder, 'bin', 'python');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const stamp = join(folder, '.installed-from');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && works(python, '--version')) return python;
  mkdirSync(TARGET, { recursive: true });
  const steps = [
    ['python3', ['-m', 'venv', '--clear', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '-r', requirements]],
  ];
  for (const [command, args] of steps) {
    const { code } = await run(command, args, { limit: 10 * MINUTE });
    if (code !== 0) throw new Missing(`Python packages of ${requirements} could not be installed: see above.`);
  }
  writeFileSync(stamp, wanted);
  return python;
}

/** The system's Node if it is new enough for the conformance suite, otherwise the one among the npm packages. */
export function newNode() {
  const own = join(ROOT, 'node_modules', '.bin', 'node');
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  return existsSync(own) ? own : process.execPath;
}

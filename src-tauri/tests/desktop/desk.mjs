// A desktop of our own for one test: a display, a session bus, a window manager, a panel that shows tray icons, and a
// keyring if asked for. Everything is gone when the test is over, and nothing of the machine's own desktop is touched.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { killGroup, run, start } from '../../scripts/process.mjs';
import { cleanEnvironment, freePort, ROOT } from '../clients/harness.mjs';

export const BINARY = process.env.JMOP_TEST_DESKTOP ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'just-mcp-oauth-proxy');
const TITLE = 'Just MCP OAuth Proxy';
/** A session bus that starts nothing by itself but what the panel cannot do without: no keyring, portal or prompter. */
const BUS = (services) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth><servicedir>${services}</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;
const SHOTS = process.env.JMOP_TEST_SHOTS;

/** Asks again until `ask` gives something; what it throws last is told when time is up. */
export async function until(what, ask, limit = 10_000) {
  const end = Date.now() + limit;
  for (;;) {
    let error;
    const found = await Promise.resolve()
      .then(ask)
      .catch((thrown) => void (error = thrown));
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms${error ? ` (${error.message})` : ''}`);
    await pause(30);
  }
}

/** Pids whose command line matches, below `pid` or of its process group. */
export function processes(pattern) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (pattern.test(line)) found.push({ pid: Number(pid), line, parent: Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

export class Desk {
  #children = [];

  /** `keyring` is `unlocked` or `none`; without `display` or `bus` there is none. */
  static async forTest(t, { keyring = 'unlocked', display = true, bus = true, panel = true } = {}) {
    const desk = new Desk();
    t.after(() => desk.close());
    await desk.#open({ keyring, display, bus, panel });
    return desk;
  }

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'jmop-desk-'));
    const own = (name) => {
      const folder = join(this.folder, name);
      mkdirSync(folder, { mode: 0o700 });
      return folder;
    };
    this.home = own('home');
    this.env = cleanEnvironment({ HOME: this.home, XDG_RUNTIME_DIR: own('run'), NO_AT_BRIDGE: '1', GTK_A11Y: 'none', LIBGL_ALWAYS_SOFTWARE: '1', GDK_BACKEND: 'x11', XDG_CURRENT_DESKTOP: 'XFCE' });
    for (const name of ['DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME']) delete this.env[name];
  }

  async #open({ keyring, display, bus, panel }) {
    if (display) {
      const x = this.#start('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], ['ignore', 'ignore', 'ignore', 'pipe']);
      this.env.DISPLAY = `:${await firstLine(x.stdio[3])}`;
    }
    if (bus) {
      const config = join(this.folder, 'bus.conf');
      const services = join(this.folder, 'services');
      mkdirSync(services);
      copyFileSync('/usr/share/dbus-1/services/org.xfce.Xfconf.service', join(services, 'org.xfce.Xfconf.service'));
      writeFileSync(config, BUS(services));
      const daemon = this.#start('dbus-daemon', [`--config-file=${config}`, '--nofork', '--print-address'], ['ignore', 'pipe', 'ignore']);
      this.env.DBUS_SESSION_BUS_ADDRESS = await firstLine(daemon.stdout);
    } else {
      this.env.DBUS_SESSION_BUS_ADDRESS = 'disabled:'; // otherwise libraries start one that outlives the test
    }
    if (display) this.#start('openbox', [], 'ignore');
    if (display && bus && panel) {
      this.#start('xfce4-panel', ['--disable-wm-check'], 'ignore');
      await until('a panel that shows tray icons', () => this.#has('org.kde.StatusNotifierWatcher'), 20_000);
    }
    if (keyring !== 'none') await this.#startKeyring();
  }

  async #startKeyring() {
    this.keyring = this.#start('gnome-keyring-daemon', ['--unlock', '--components=secrets', '--foreground'], ['pipe', 'ignore', 'ignore']);
    this.keyring.stdin.end('\n'); // an empty line is the password; nothing at all would unlock nothing
    await until('a keyring', () => this.#has('org.freedesktop.secrets'));
  }

  /** Starts the app; resolves when its server answers, or at once with `wait: false`. */
  async app({ args = [], env = {}, wait = true } = {}) {
    this.port ??= await freePort();
    this.practicePort ??= await freePort();
    const log = join(this.folder, 'app.log');
    const settings = { JMOP_SERVER_LISTEN: `127.0.0.1:${this.port}`, JMOP_PRACTICE_LISTEN: `127.0.0.1:${this.practicePort}`, ...env };
    const began = performance.now();
    const child = start(BINARY, args, { env: { ...this.env, ...settings }, stdio: ['ignore', 'pipe', openSync(log, 'a')] });
    this.#children.push(child);
    child.log = () => readFileSync(log, 'utf8');
    child.settings = settings;
    if (wait) {
      const early = child.ended.then(({ code }) => Promise.reject(new Error(`the app ended with ${code}\n${child.log()}`)));
      early.catch(() => {});
      await Promise.race([until('the server answers', () => this.answers(), 20_000), early]);
      child.readyMs = performance.now() - began;
    }
    return child;
  }

  /** Runs the app to its end. */
  async runApp({ args = [], env = {}, limit = 20_000 } = {}) {
    return run(BINARY, args, { env: { ...this.env, ...env }, limit, quiet: true });
  }

  async answers(path = '/healthz') {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { host: `localhost:${this.port}` }, signal: AbortSignal.timeout(2000) });
    await response.text();
    return response.ok;
  }

  // --- the bus ---

  #bus(...args) {
    const { status, stdout, stderr } = spawnSync('busctl', [`--address=${this.env.DBUS_SESSION_BUS_ADDRESS}`, '--json=short', '--timeout=5', '--', ...args], { encoding: 'utf8', timeout: 10_000 });
    if (status !== 0) throw new Error(`busctl ${args.join(' ')}: ${stderr.trim()}`);
    return stdout ? JSON.parse(stdout).data : undefined;
  }

  #has(name) {
    return this.#bus('call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'NameHasOwner', 's', name)[0];
  }

  /** Bus name and path of the one tray item. */
  async tray() {
    const item = await until('a tray icon', () => this.#bus('get-property', 'org.kde.StatusNotifierWatcher', '/StatusNotifierWatcher', 'org.kde.StatusNotifierWatcher', 'RegisteredStatusNotifierItems').at(-1));
    return { name: item.slice(0, item.indexOf('/')), path: item.slice(item.indexOf('/')) };
  }

  /** What the menu shows: `{ id, label, enabled, checked }`, separators left out. */
  async menu() {
    const { name, path } = await this.tray();
    const menu = this.#bus('get-property', name, path, 'org.kde.StatusNotifierItem', 'Menu');
    this.#bus('call', name, menu, 'com.canonical.dbusmenu', 'AboutToShow', 'i', '0');
    const [, [, , children]] = this.#bus('call', name, menu, 'com.canonical.dbusmenu', 'GetLayout', 'iias', '0', '-1', '0');
    return children
      .map(({ data: [id, properties] }) => {
        const of = (property, otherwise) => properties[property]?.data ?? otherwise;
        return { id, label: of('label', '').replaceAll('_', ''), enabled: of('enabled', true), checked: of('toggle-state', 0) === 1, separator: of('type') === 'separator', at: { name, menu } };
      })
      .filter(({ separator }) => !separator);
  }

  async choose(label) {
    const item = await until(`the menu item ${label}`, async () => (await this.menu()).find((entry) => entry.label === label && entry.enabled));
    this.#bus('call', item.at.name, item.at.menu, 'com.canonical.dbusmenu', 'Event', 'isvu', String(item.id), 'clicked', 's', '', '0');
  }

  /** What the desktop is asked to notify of from now on: `[{ title, text }]`. No daemon has to be there to show it. */
  notices() {
    const monitor = this.#start('busctl', [`--address=${this.env.DBUS_SESSION_BUS_ADDRESS}`, '--json=short', 'monitor', '--match=interface=org.freedesktop.Notifications,member=Notify'], ['ignore', 'pipe', 'ignore']);
    const heard = [];
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      const data = line.startsWith('{') ? JSON.parse(line).payload?.data : undefined;
      if (data?.length > 4) heard.push({ title: data[3], text: data[4] });
    });
    return heard;
  }

  // --- the screen ---

  /** Whether our window is on the screen. */
  windows() {
    const { stdout } = spawnSync('wmctrl', ['-l'], { env: this.env, encoding: 'utf8', timeout: 5000 });
    return stdout.split('\n').filter((line) => line.endsWith(TITLE)).length;
  }

  closeWindow() {
    spawnSync('wmctrl', ['-c', TITLE], { env: this.env, timeout: 5000 });
  }

  geometry() {
    const { stdout } = spawnSync('xdotool', ['search', '--onlyvisible', '--name', `^${TITLE}$`, 'getwindowgeometry', '--shell'], { env: this.env, encoding: 'utf8', timeout: 5000 });
    return Object.fromEntries([...stdout.matchAll(/^(\w+)=(\d+)$/gm)].map(([, key, value]) => [key.toLowerCase(), Number(value)]));
  }

  resize(width, height) {
    spawnSync('wmctrl', ['-r', TITLE, '-e', `0,-1,-1,${width},${height}`], { env: this.env, timeout: 5000 });
  }

  /** Kept for people to look at, if a folder for it is named. */
  screenshot(name) {
    if (SHOTS) spawnSync('scrot', ['-o', join(SHOTS, `${name}.png`)], { env: this.env, timeout: 10_000 });
  }

  /** Web view processes of `child`. */
  webProcesses(child) {
    return processes(/WebKitWebProcess/).filter(({ parent }) => parent === child.pid);
  }

  #start(command, args, stdio) {
    const child = start(command, args, { env: this.env, stdio });
    this.keep(child);
    return child;
  }

  /** Ends with the desktop. */
  keep(child) {
    this.#children.push(child);
  }

  async close() {
    for (const child of this.#children.reverse()) {
      killGroup(child);
      await child.ended;
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('a part of the desktop ended before it said where it is');
}

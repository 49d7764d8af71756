// `npm start`: builds the app and opens it; where there is no display, or with arguments, builds and runs the server without
// a window. Arguments go to the server: `npm start -- --listen 127.0.0.1:5000`; `npm start -- --headless` has none.
// Without settings it starts on the built-in practice tenant, so there is something to sign in to at once.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DESKTOP_BUILD, Missing, needCargo, needNpmPackages, needSystemPackages, ROOT, TARGET } from './setup.mjs';

const COMMANDS = ['serve', 'check', 'registration', 'help', '--help', '-h', '--version', '-V'];
const DESKTOP = 'just-mcp-oauth-proxy';
const SERVER = 'just-mcp-oauth-proxyd';

/** Whether a window could be shown. */
const hasDisplay = () => process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

async function build(name, crate) {
  needCargo();
  needSystemPackages(crate === 'desktop' ? DESKTOP_BUILD : ['build-essential', 'pkg-config']);
  await needNpmPackages();
  const steps = [
    ['npm', ['run', '--silent', 'ui:build', '--', '--logLevel', 'warn'], 'The pages of the window'],
    ['cargo', ['build', '--locked', '-p', crate], name],
  ];
  for (const [command, args, what] of steps) {
    if (spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status !== 0) throw new Missing(`${what} could not be built: see above.`);
  }
  return join(TARGET, 'debug', name);
}

function welcome(line) {
  const facts = Object.fromEntries(line.split(' ').slice(1).map((fact) => [fact.slice(0, fact.indexOf('=')), fact.slice(fact.indexOf('=') + 1)]));
  console.log(`
  MCP URL          ${facts.mcp}
${facts.practice === 'off' ? '' : `  Practice tenant  ${facts.practice}   (imitates Microsoft Entra ID; sign in as anybody it offers)\n`}${facts.console === 'off' ? '' : `  Console          ${facts.console}   (this link opens one browser, once, within 10 minutes)\n`}
  Connect a client, for example:
    Claude Code               claude mcp add --transport http just-mcp ${facts.mcp}
    MCP Inspector             npx @modelcontextprotocol/inspector, then enter the MCP URL
    clients with stdio only   npx mcp-remote ${facts.mcp}

  Stop with Ctrl-C.
`);
}

/** Ctrl-C reaches the child by itself; we stay until it is done. */
function stayWith(child) {
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => (process.exitCode = signal ? 1 : code));
}

function serve(binary, args) {
  // It asks in the terminal, in the middle of a line.
  if (args[0] === 'registration') return stayWith(spawn(binary, args, { stdio: 'inherit' }));
  const server = spawn(binary, COMMANDS.includes(args[0]) ? args : ['serve', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: server.stdout }).on('line', (line) => (line.startsWith('ready ') ? welcome(line) : console.log(line)));
  stayWith(server);
}

try {
  const args = process.argv.slice(2);
  if (args.length === 0 && hasDisplay()) {
    const binary = await build(DESKTOP, 'desktop');
    console.log('\n  The app is in the tray; its window opens now. Stop with Quit in the tray menu, or Ctrl-C.\n');
    stayWith(spawn(binary, { stdio: 'inherit' }));
  } else {
    serve(await build(SERVER, 'headless'), args.filter((arg) => arg !== '--headless'));
  }
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

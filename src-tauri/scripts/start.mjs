// `npm start`: builds the server and runs it. Without settings it starts on the built-in practice tenant, so there is
// something to sign in to at once. Arguments go to the server: `npm start -- --listen 127.0.0.1:5000`.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Missing, needCargo, needSystemPackages, ROOT, TARGET } from './setup.mjs';

const COMMANDS = ['serve', 'help', '--help', '-h', '--version', '-V'];

function build() {
  needCargo();
  needSystemPackages(['build-essential', 'pkg-config']);
  const { status } = spawnSync('cargo', ['build', '--locked', '-p', 'headless'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Missing('The server could not be built: see above.');
}

function welcome(line) {
  const facts = Object.fromEntries(line.split(' ').slice(1).map((fact) => [fact.slice(0, fact.indexOf('=')), fact.slice(fact.indexOf('=') + 1)]));
  console.log(`
  MCP URL          ${facts.mcp}
${facts.practice === 'off' ? '' : `  Practice tenant  ${facts.practice}   (imitates Microsoft Entra ID; sign in as anybody it offers)\n`}${facts.console === 'off' ? '' : `  Console          ${facts.console}\n`}
  Connect a client, for example:
    Claude Code               claude mcp add --transport http just-mcp ${facts.mcp}
    MCP Inspector             npx @modelcontextprotocol/inspector, then enter the MCP URL
    clients with stdio only   npx mcp-remote ${facts.mcp}

  Stop with Ctrl-C.
`);
}

function serve(args) {
  const binary = join(TARGET, 'debug', 'just-mcp-oauth-proxyd');
  const server = spawn(binary, COMMANDS.includes(args[0]) ? args : ['serve', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: server.stdout }).on('line', (line) => (line.startsWith('ready ') ? welcome(line) : console.log(line)));
  // Ctrl-C reaches the server by itself; we stay until it is done.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => server.kill('SIGTERM'));
  server.on('exit', (code, signal) => (process.exitCode = signal ? 1 : code));
}

try {
  build();
  serve(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

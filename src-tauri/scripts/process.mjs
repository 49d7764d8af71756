// Child processes that cannot outlive us and cannot hang: each has its own process group and a time limit.

import { spawn } from 'node:child_process';

const running = new Set();

/** Ends the whole group of `child`. */
export function killGroup(child, signal = 'SIGKILL') {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

process.on('exit', () => running.forEach((child) => killGroup(child)));

/** While children run, a signal to us ends them too. Programs that start none keep their own way of stopping. */
function watchSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    if (!process.listenerCount(signal)) process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
  }
}

/** Starts a child in a group of its own; it is killed with us. `child.ended` resolves to `{ code, signal }`. */
export function start(command, args, options = {}) {
  watchSignals();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, detached: true });
  running.add(child);
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => {
      running.delete(child);
      resolve({ code: 127, signal: null, error });
    });
    child.on('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return child;
}

/**
 * Runs a command to its end. After `limit` milliseconds its group is killed and `timedOut` is set. Output is returned,
 * and shown while it comes unless `quiet`.
 */
export async function run(command, args, { limit, quiet = false, input, ...options } = {}) {
  const child = start(command, args, { ...options, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  let output = '';
  let timedOut = false;
  for (const [stream, shown] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output += text;
      if (!quiet) shown.write(text);
    });
  }
  if (input !== undefined) child.stdin.end(input);
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, limit);
  const { code, error } = await child.ended;
  clearTimeout(timer);
  killGroup(child); // whatever it left behind
  if (error) output += `${command}: ${error.message}\n`;
  return { code: timedOut ? 124 : (code ?? 1), output, timedOut };
}

// A child that is spoken to in lines of JSON on stdin and stdout.

import { createInterface } from 'node:readline';
import { killGroup, start } from '../../scripts/process.mjs';

export class Lines {
  #waiting = [];
  #queue = [];
  #errors = '';

  constructor(command, args, options) {
    this.child = start(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {});
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors = (this.#errors + text).slice(-4000)));
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const message = JSON.parse(line);
      const taker = this.#waiting.findIndex(({ wanted }) => wanted(message));
      if (taker >= 0) this.#waiting.splice(taker, 1)[0].resolve(message);
      else this.#queue.push(message);
    });
    this.child.ended.then(({ code, error }) => {
      this.over = new Error(`${command} ended with ${error?.message ?? code}\n${this.#errors}`);
      this.#waiting.splice(0).forEach(({ reject }) => reject(this.over));
    });
  }

  send(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** The next message that is `wanted`, within `limit` milliseconds. */
  async next(wanted = () => true, limit = 40_000) {
    const queued = this.#queue.findIndex(wanted);
    if (queued >= 0) return this.#queue.splice(queued, 1)[0];
    if (this.over) throw this.over;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limit} ms\n${this.#errors}`)), limit);
    });
    const answer = new Promise((resolve, reject) => this.#waiting.push({ wanted, resolve, reject }));
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  /** Closes stdin, and kills what is still there after `limit` milliseconds. */
  async close(limit = 5000) {
    this.child.stdin.end();
    const timer = setTimeout(() => killGroup(this.child), limit);
    await this.child.ended;
    clearTimeout(timer);
  }
}

// What a real client leaves when its story was told to the end: a file whose time is the date. The page of compatibility
// (src-tauri/docs/clients.md) is made from these; `tests/compatibility` of testkit knows their names.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './harness.mjs';

const FOLDER = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'compatibility');

/** Forgets an earlier success; the function it returns records a new one. */
export function record(name) {
  const file = join(FOLDER, name.toLowerCase().replace(/[^a-z0-9.]+/g, '-'));
  mkdirSync(FOLDER, { recursive: true });
  rmSync(file, { force: true });
  return () => writeFileSync(file, '');
}

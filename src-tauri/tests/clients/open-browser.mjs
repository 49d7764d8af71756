#!/usr/bin/env node
// Stands in for xdg-open and $BROWSER: signs in at the URL it is given and hands the result to the waiting client.
// Writes a line to the file named in JMOP_BROWSER_LOG for every time it was opened.

import { appendFileSync } from 'node:fs';
import { Browser, deliver } from './browser.mjs';

const note = (line) => process.env.JMOP_BROWSER_LOG && appendFileSync(process.env.JMOP_BROWSER_LOG, `${line}\n`);
try {
  const browser = new Browser({ person: process.env.JMOP_PERSON ?? 'ada' });
  note('opened');
  await deliver(await browser.signIn(process.argv[2]));
  note('delivered');
} catch (error) {
  note(`failed: ${error.message}`);
  process.exitCode = 1;
}

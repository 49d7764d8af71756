// What the practice tenant's faults are called, and how they are switched off.

import type { FaultRow, PracticeState } from '../../host/api';
import type { Host } from '../../host/host';

/** Abbreviations and dates of the trade; everything else is an ordinary word. */
const WORDS: Record<string, string> = { uri: 'URI', mfa: 'MFA', spa: 'SPA' };

/** `wrong-redirect-uri` as a title: "Wrong redirect URI". */
export function faultName(fault: string): string {
  const words = fault.split('-').map((word) => WORDS[word] ?? word).join(' ');
  return words.charAt(0).toLocaleUpperCase('en') + words.slice(1);
}

/** Switches off those that are on; answers how things are then. */
export async function mended(host: Host, faults: readonly FaultRow[]): Promise<PracticeState | null> {
  let state: PracticeState | null = null;
  for (const { fault, on } of faults) if (on) state = await host.call('set_fault', { fault, on: false });
  return state ?? host.call('practice', {});
}

// What a person should know about how the app proves itself to Entra: that it ends soon, has ended, or was replaced.

import type { Status } from '../host/api';

const DAY = 24 * 3_600_000;
/** From when on it is told on every page. */
const SOON = 30;

export interface CredentialNotice {
  tone: 'warn' | 'bad';
  title: string;
  text: string;
}

/** Whole days that are left; negative once it is over. */
export const daysLeft = (at: number, now: number): number => Math.floor((at - now) / DAY);

export function inDays(days: number): string {
  if (days <= 0) return 'today';
  return days === 1 ? 'tomorrow' : `in ${days} days`;
}

export function credentialNotice(status: Status, now: number): CredentialNotice | null {
  const credential = status.credential;
  if (!credential) return null;
  const { kind, expires_at: at, fell_back: fellBack } = credential;
  const secret = kind === 'secret';
  if (fellBack) {
    return secret
      ? { tone: 'warn', title: 'Entra refuses the client secret.', text: 'The next one is in use and nobody is signed out. Make it the client secret on the Entra page.' }
      : { tone: 'warn', title: 'The new certificate is not in use yet.', text: 'The one before it still works. Upload the new one in the portal.' };
  }
  if (at === null) return null;
  const days = daysLeft(at, now);
  const name = secret ? 'The client secret' : 'The certificate';
  if (at <= now) {
    const text = secret ? 'Nobody can sign in with it any more. Create a new one in the portal and enter its Value.' : 'Nobody can sign in with it any more. Make a new one and upload it.';
    return { tone: 'bad', title: `${name} has expired.`, text };
  }
  if (days >= SOON) return null;
  const text = secret ? 'Enter the next one before that: nobody is signed out.' : 'Make the next one and upload it before that: nobody is signed out.';
  return { tone: 'warn', title: `${name} expires ${inDays(days)}.`, text };
}

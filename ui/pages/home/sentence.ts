// How the server is, as the one sentence a person reads in ten seconds.

import type { Status } from '../../host/api';
import { type Reach, reachOf } from '../../state/reach';
import { full } from '../../state/toasts.svelte';
import type { Tone } from '../../state/words';

export interface Headline {
  tone: Tone;
  /** With its full stop. */
  title: string;
  text: string | null;
}

export function headline(status: Status): Headline {
  const { state } = status;
  switch (state.is) {
    case 'starting':
      return { tone: 'busy', title: 'Starting.', text: 'This takes about a second.' };
    case 'stopped':
      return { tone: 'off', title: 'The server is stopped.', text: 'No client can connect or call until you start it again.' };
    case 'failed':
      return { tone: 'bad', title: full(state.message), text: state.hint === null ? null : full(state.hint) };
    case 'running':
      return status.paused
        ? { tone: 'warn', title: 'All access is paused.', text: 'Every call is turned away; nobody is signed out.' }
        : running(status);
  }
}

const ANYBODY = 'People sign in at the practice tenant: whoever reaches this server can choose an account there.';

function running(status: Status): Headline {
  const { identity, tenant, callback_urls, public_url } = status;
  const reach = reachOf(status);
  const isPublic = reach.is === 'public';
  // Sign-in from this computer only keeps strangers out, even with a public address.
  const anywhere = isPublic && callback_urls.some((url) => public_url !== null && url.startsWith(public_url));
  const trouble = troubleOf(reach);
  if (trouble) return identity === 'practice' && anywhere ? { ...trouble, text: `${trouble.text} ${ANYBODY}` } : trouble;
  const title = isPublic ? 'Running, and public.' : 'Running, for clients on this computer.';
  if (identity === 'entra') {
    return { tone: 'good', title, text: tenant === null ? 'People sign in with Entra.' : `People sign in with Entra, at ${tenant}.` };
  }
  return !anywhere
    ? { tone: 'good', title, text: 'People sign in at the practice tenant, with made-up accounts.' }
    : { tone: 'warn', title, text: ANYBODY };
}

/** Somebody wants to be reached from elsewhere, and perhaps is not. */
function troubleOf(reach: Reach): Headline | null {
  switch (reach.is) {
    case 'public':
      return reach.doubt === null
        ? null
        : { tone: 'warn', title: 'Running, and the public address is in doubt.', text: 'Clients elsewhere may not get here; those on this computer do. What is in the way stands under Public internet.' };
    case 'lost':
      return { tone: 'warn', title: 'Running, and the tunnel is lost.', text: 'Clients elsewhere do not get here until it is open again; those on this computer do.' };
    case 'unopened':
      return { tone: 'warn', title: 'Running, and the tunnel is not open.', text: 'Only clients on this computer get here. What is in the way stands under Public internet.' };
    case 'here':
      return null;
  }
}

/** "2 live sessions" */
export const sessionsCount = (count: number): string => (count === 1 ? '1 live session' : `${count} live sessions`);

/** "3 events are missing in the auth log: too many came at once." */
export const droppedCount = (count: number): string =>
  `${count === 1 ? '1 event is' : `${count} events are`} missing in the auth log: too many came at once.`;

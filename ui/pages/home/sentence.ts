// How the server is, as the one sentence a person reads in ten seconds.

import type { Status } from '../../host/api';
import { reachOf } from '../../state/reach';
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

function running(status: Status): Headline {
  const { identity, tenant, callback_urls, public_url } = status;
  const isPublic = reachOf(status).is === 'public';
  const title = isPublic ? 'Running, and public.' : 'Running, for clients on this computer.';
  if (identity === 'entra') {
    return { tone: 'good', title, text: tenant === null ? 'People sign in with Entra.' : `People sign in with Entra, at ${tenant}.` };
  }
  // Sign-in from this computer only keeps strangers out, even with a public address.
  const anywhere = isPublic && callback_urls.some((url) => public_url !== null && url.startsWith(public_url));
  return !anywhere
    ? { tone: 'good', title, text: 'People sign in at the practice tenant, with made-up accounts.' }
    : { tone: 'warn', title, text: 'People sign in at the practice tenant: whoever reaches this server can choose an account there.' };
}

/** "2 live sessions" */
export const sessionsCount = (count: number): string => (count === 1 ? '1 live session' : `${count} live sessions`);

/** "3 events are missing in the auth log: too many came at once." */
export const droppedCount = (count: number): string =>
  `${count === 1 ? '1 event is' : `${count} events are`} missing in the auth log: too many came at once.`;

// How the server is, in a word and a line: for the rail's foot and the home page.

import type { Status } from '../host/api';
import type { App } from '../state/app.svelte';
import { reachOf } from '../state/reach';
import { sentence } from '../state/toasts.svelte';
import type { Tone } from '../state/words';

export interface Condition {
  tone: Tone;
  word: string;
  about: string;
}

export function engineCondition({ status, connection, statusError }: Pick<App, 'status' | 'connection' | 'statusError'>): Condition {
  if (connection.is === 'locked_out') return { tone: 'off', word: 'Not let in', about: 'Open a new console link' };
  if (connection.is === 'lost') return { tone: 'warn', word: 'Not connected', about: 'What you see may be old' };
  if (!status) {
    return statusError
      ? { tone: 'bad', word: 'Unknown', about: statusError.message }
      : { tone: 'busy', word: 'Connecting', about: 'One moment' };
  }
  switch (status.state.is) {
    case 'starting':
      return { tone: 'busy', word: 'Starting', about: 'One moment' };
    case 'stopped':
      return { tone: 'off', word: 'Stopped', about: 'No client can connect' };
    case 'failed':
      return { tone: 'bad', word: 'Failed', about: sentence(status.state.message) };
    case 'running': {
      if (status.paused) return { tone: 'warn', word: 'Paused', about: 'Every call is turned away' };
      const { tone, place } = placeOf(status);
      return { tone, word: 'Running', about: status.identity === 'practice' ? `${place}, practice` : place };
    }
  }
}

function placeOf(status: Status): { tone: Tone; place: string } {
  const { tunnel } = status;
  if (tunnel.is === 'refused') return { tone: 'warn', place: 'on this computer; the tunnel was refused' };
  const reach = reachOf(status);
  switch (reach.is) {
    case 'public':
      return reach.doubt === null ? { tone: 'good', place: 'and public' } : { tone: 'warn', place: 'and public, perhaps out of reach' };
    case 'lost':
      return { tone: 'warn', place: 'on this computer; the tunnel is lost' };
    case 'unopened':
      return { tone: 'warn', place: 'on this computer; the tunnel is not open' };
    case 'here':
      return { tone: 'good', place: 'on this computer' };
  }
}

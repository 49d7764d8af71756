// A browser at the console: commands by POST /rpc/<command>, events as server-sent events from GET /events.

import type { Events } from './api';
import type { Command, Connection, Host } from './host';
import { EventListeners, HostError, NO_CLIPBOARD, NOT_A_LINK, Signal, isWebLink } from './host';

const EVENT_NAMES: Record<keyof Events, true> = {
  status_changed: true,
  creation_changed: true,
  pairings_changed: true,
  visits_changed: true,
  events_recorded: true,
  events_missed: true,
};
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export const LOCKED_OUT = new HostError(
  'locked_out',
  'This browser is no longer let in',
  'Open a new console link: the server prints one each time it starts.',
);
const UNREACHABLE = new HostError(
  'unreachable',
  'The server does not answer',
  'Check that just-mcp-oauth-proxyd is running, then try again.',
);

export interface HttpWorld {
  fetch: typeof fetch;
  EventSource: typeof EventSource;
  now: () => number;
}

export function httpHost(world: HttpWorld = { fetch: fetch.bind(globalThis), EventSource, now: Date.now }): Host {
  const events = new EventListeners();
  const connection = new Signal<Connection>({ is: 'connecting' });

  async function call(command: string, payload: unknown): Promise<never> {
    let response: Response;
    try {
      response = await world.fetch(`/rpc/${command}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(payload),
        credentials: 'same-origin',
        cache: 'no-store',
      });
    } catch {
      throw UNREACHABLE;
    }
    if (response.status === 401) {
      connection.set({ is: 'locked_out' });
      throw LOCKED_OUT;
    }
    const body: unknown = await response.json().catch(() => null);
    if (!response.ok) throw HostError.of(body);
    return body as never;
  }

  listen(events, connection, world, () => call('status', {}), 0);

  return {
    kind: 'browser',
    call: <K extends Command>(command: K, payload: unknown) => call(command, payload),
    on: (event, listener) => events.on(event, listener),
    onConnection: (listener) => connection.on(listener),
    openExternal: async (url) => {
      if (!isWebLink(url)) throw NOT_A_LINK;
      window.open(url, '_blank', 'noopener,noreferrer');
    },
    copy: (text) => navigator.clipboard.writeText(text).catch(() => Promise.reject(NO_CLIPBOARD)),
    saveFile: async (name, mime, text) => {
      download(name, new Blob([text], { type: mime }));
      return true;
    },
  };
}

/**
 * Listens, and comes back with growing pauses. An EventSource tells nothing of why it failed, so a command is sent:
 * only its 401 means that this browser was shut out.
 */
function listen(
  events: EventListeners,
  connection: Signal<Connection>,
  world: HttpWorld,
  probe: () => Promise<unknown>,
  tries: number,
): void {
  const source = new world.EventSource('/events');
  let failures = tries;
  source.onopen = () => {
    failures = 0;
    connection.set({ is: 'open' });
  };
  for (const name of Object.keys(EVENT_NAMES)) {
    source.addEventListener(name, (message: MessageEvent<string>) => {
      const payload = parsed(message.data);
      if (payload !== undefined) events.tell(name, payload);
    });
  }
  source.onerror = () => {
    source.close();
    const again = () => {
      if (connection.current.is === 'locked_out') return;
      const wait = Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT);
      connection.set({ is: 'lost', retry_at: world.now() + wait });
      setTimeout(() => listen(events, connection, world, probe, failures + 1), wait);
    };
    probe().then(again, again);
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Some browsers read the blob after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

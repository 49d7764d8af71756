// The desktop window. The only file that imports @tauri-apps.

import { Channel, invoke } from '@tauri-apps/api/core';

import type { Command, Host } from './host';
import { EventListeners, HostError, NO_CLIPBOARD, NOT_A_LINK, Signal, isWebLink } from './host';
import type { Connection } from './host';

interface Message {
  event: string;
  payload: unknown;
}

/** One answer to everything that the shell refuses: it rejects with `{code, message, hint}`. */
async function ask<T>(command: string, args: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (thrown) {
    throw HostError.of(thrown);
  }
}

export function tauriHost(): Host {
  const events = new EventListeners();
  const connection = new Signal<Connection>({ is: 'connecting' });
  const channel = new Channel<Message>();
  channel.onmessage = ({ event, payload }) => events.tell(event, payload);
  subscribe(channel, connection, 0);

  return {
    kind: 'desktop',
    call: <K extends Command>(command: K, payload: unknown) => ask<never>('rpc', { command, payload }),
    on: (event, listener) => events.on(event, listener),
    onConnection: (listener) => connection.on(listener),
    openExternal: async (url) => {
      if (!isWebLink(url)) throw NOT_A_LINK;
      await ask('open_external', { url });
    },
    copy: async (text) => {
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        // WebKitGTK refuses the web clipboard outside of a click; the shell has one of its own.
        await ask('copy', { text }).catch(() => Promise.reject(NO_CLIPBOARD));
      }
    },
    saveFile: (name, _mime, text) => ask<boolean>('save_file', { name, text }),
  };
}

/** The shell and the window start together: the shell may not be ready for a moment. */
function subscribe(channel: Channel<Message>, connection: Signal<Connection>, tries: number): void {
  ask('subscribe', { channel }).then(
    () => connection.set({ is: 'open' }),
    () => {
      const wait = Math.min(250 * 2 ** tries, 5000);
      connection.set({ is: 'lost', retry_at: Date.now() + wait });
      setTimeout(() => subscribe(channel, connection, tries + 1), wait);
    },
  );
}

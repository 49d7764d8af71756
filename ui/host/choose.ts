// Which host this window has. The fixtures are only in builds made for development, so no link can bring them up.

import type { Host } from './host';

declare global {
  interface Window {
    __TAURI_INTERNALS__?: unknown;
  }
}

export async function chooseHost(): Promise<Host> {
  if (window.__TAURI_INTERNALS__ !== undefined) {
    const { tauriHost } = await import('./tauri');
    return tauriHost();
  }
  if (import.meta.env.MODE === 'fake' || (import.meta.env.DEV && new URLSearchParams(location.search).has('fake'))) {
    const { fakeHost, stateOf } = await import('./fake');
    return fakeHost(stateOf(location.search));
  }
  const { httpHost } = await import('./http');
  return httpHost();
}

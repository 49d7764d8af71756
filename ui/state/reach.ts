// Whether the internet reaches this server at this moment, and by whose doing.

import type { Status, TunnelState } from '../host/api';

export type Reach =
  | { is: 'here' }
  /** `doubt` is why it may lead nobody here. */
  | { is: 'public'; address: string; tunnel: boolean; doubt: string | null }
  /** The tunnel has no way through right now; it is being opened again. */
  | { is: 'lost' }
  /** It was never open since it was switched on; it is tried again. */
  | { is: 'unopened' };

/** Somebody switched it on, however it is doing. */
export const isOn = ({ is }: TunnelState): boolean => is !== 'off' && is !== 'refused';

export function reachOf({ tunnel, public_url }: Pick<Status, 'tunnel' | 'public_url'>): Reach {
  switch (tunnel.is) {
    case 'up':
      return { is: 'public', address: tunnel.url, tunnel: true, doubt: tunnel.reason };
    case 'reachable':
      return { is: 'public', address: tunnel.url, tunnel: true, doubt: null };
    case 'lost':
      return { is: tunnel.was_open ? 'lost' : 'unopened' };
    case 'starting':
      // The server keeps its public address while the tunnel is opened anew.
      return public_url === null ? { is: 'here' } : { is: 'lost' };
    case 'off':
    case 'refused':
      return public_url === null ? { is: 'here' } : { is: 'public', address: public_url, tunnel: false, doubt: null };
  }
}

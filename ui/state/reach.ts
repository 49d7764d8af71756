// Whether the internet reaches this server at this moment, and by whose doing.

import type { Status, TunnelState } from '../host/api';

export type Reach =
  | { is: 'here' }
  | { is: 'public'; address: string; tunnel: boolean }
  /** The tunnel has no way through right now; it is being opened again. */
  | { is: 'lost' };

/** Somebody switched it on, however it is doing. */
export const isOn = ({ is }: TunnelState): boolean => is !== 'off' && is !== 'refused';

export function reachOf({ tunnel, public_url }: Pick<Status, 'tunnel' | 'public_url'>): Reach {
  switch (tunnel.is) {
    case 'up':
    case 'reachable':
      return { is: 'public', address: tunnel.url, tunnel: true };
    case 'lost':
      return { is: 'lost' };
    case 'starting':
      // The server keeps its public address while the tunnel is opened anew.
      return public_url === null ? { is: 'here' } : { is: 'lost' };
    case 'off':
    case 'refused':
      return public_url === null ? { is: 'here' } : { is: 'public', address: public_url, tunnel: false };
  }
}

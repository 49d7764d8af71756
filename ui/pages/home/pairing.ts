// The code of a new client, and what to call the client, as a person reads them.

import type { PairingRow } from '../../host/api';

/** Strangers can make more of them wait than a person reads. */
export const MOST_SHOWN = 5;

/** "482 913" */
export const inGroups = (code: string): string => (code.match(/.{1,3}/g) ?? []).join(' ');

export const nameOf = ({ client, client_name }: Pick<PairingRow, 'client' | 'client_name'>): string => client_name ?? client;

/** Where the browser is that shows the page; completes "Asks ..". */
export const whereOf = ({ here, from }: Pick<PairingRow, 'here' | 'from'>): string =>
  here ? 'in a browser on this computer' : from === null ? 'from the internet' : `from ${from}`;

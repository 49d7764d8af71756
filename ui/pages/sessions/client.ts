// What is known of a client, in words.

import type { ClientKind, SessionClient } from '../../host/api';

const REGISTRATION: Record<ClientKind, { word: string; about: string }> = {
  document: { word: 'CIMD', about: 'Published its own client metadata document, so its host is verified' },
  dynamic: { word: 'DCR', about: 'Registered itself (dynamic client registration); its name is its own claim' },
  static: { word: 'static', about: 'Configured in the settings' },
};

export function registrationWord(kind: ClientKind | null): string {
  return kind === null ? 'no longer registered' : REGISTRATION[kind].word;
}

export function registrationAbout(kind: ClientKind | null): string {
  return kind === null ? 'This client is forgotten; it registers again when it connects' : REGISTRATION[kind].about;
}

/** A configured client is shut out in the settings, and one that is forgotten has nothing to block. */
export const canBlock = ({ kind }: SessionClient): boolean => kind === 'dynamic' || kind === 'document';

/** An id that is long and says nothing, recognisable all the same. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}

/** The first letter of its name, for the mark beside it: logos would be fetched from hosts that strangers name. */
export function monogram({ name }: Pick<SessionClient, 'name'>): string {
  return name?.match(/\p{L}\p{M}*|\p{N}/u)?.[0].toLocaleUpperCase('en') ?? '?';
}

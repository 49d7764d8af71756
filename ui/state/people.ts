// How people and clients are called where a name may be missing.

import type { PersonRow } from '../host/api';

/** The name; without one the sign-in name, and without that the id. */
export function personName(person: PersonRow): string {
  return person.name ?? person.username ?? person.object;
}

export function clientName(client: { name: string | null }): string {
  return client.name ?? 'A client without a name';
}

/** First letters of the first and the last word, as people see them. */
export function initials(person: PersonRow): string {
  const name = person.name ?? person.username;
  if (name === null) return '?';
  // A double surname is one word; a sign-in name has other joints.
  const words = name.split(person.name === null ? /[._@-]+/u : /\s+/u).filter((word) => /\p{L}/u.test(word));
  const chosen = person.name === null ? words.slice(0, 1) : [words[0], words.length > 1 ? words.at(-1) : undefined];
  const letters = chosen.map((word) => word?.match(/\p{L}\p{M}*/u)?.[0] ?? '').join('');
  return letters.toLocaleUpperCase('en') || '?';
}

/** A hue that stays with the person. */
export function hueOf(object: string): number {
  let hash = 7;
  for (const char of object) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 3600;
  return hash / 10;
}

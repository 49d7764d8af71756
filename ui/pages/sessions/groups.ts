// Which groups somebody is in, as far as their tokens say.

import type { Claims, SessionClaims } from '../../host/api';

export type Groups = { is: 'named'; names: string[] } | { is: 'too_many' } | { is: 'unsaid' };

/** The access token first, as the rules about who may sign in have it. */
export function groupsOf({ access_claims, id_claims, badges }: Pick<SessionClaims, 'access_claims' | 'id_claims' | 'badges'>): Groups {
  const names = listed(access_claims) ?? listed(id_claims);
  if (names && names.length > 0) return { is: 'named', names };
  return badges.includes('group-overage') ? { is: 'too_many' } : { is: 'unsaid' };
}

function listed(claims: Claims): string[] | undefined {
  const groups = claims['groups'];
  return Array.isArray(groups) ? [...new Set(groups.filter((name) => typeof name === 'string'))].sort() : undefined;
}

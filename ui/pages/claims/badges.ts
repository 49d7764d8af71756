// What stands out in a session's tokens.

export interface ClaimBadge {
  label: string;
  about: string;
  tone: 'plain' | 'accent' | 'good' | 'warn';
}

const BADGES: Record<string, ClaimBadge> = {
  v1: { label: 'v1 token', about: 'Entra made a version 1 access token, as the app registration asks', tone: 'plain' },
  v2: { label: 'v2 token', about: 'Entra made a version 2 access token', tone: 'plain' },
  guest: { label: 'Guest', about: 'The person is a guest in this tenant', tone: 'accent' },
  mfa: { label: 'MFA', about: 'The person proved themselves with a second factor', tone: 'good' },
  'group-overage': {
    label: 'Group overage',
    about: 'The person is in more groups than fit into a token, so no groups are listed; use app roles instead',
    tone: 'warn',
  },
  'app-roles': { label: 'App roles', about: 'App roles are assigned to the person', tone: 'accent' },
};

/** One that is not known is shown as it is: a newer engine may know more. */
export function badgeOf(badge: string): ClaimBadge {
  return Object.hasOwn(BADGES, badge) && BADGES[badge] ? BADGES[badge] : { label: badge, about: '', tone: 'plain' };
}

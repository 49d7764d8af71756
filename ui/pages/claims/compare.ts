// Tokens side by side: one row for each claim, in an order that tells a story, and whether the tokens disagree.

import type { Claims, Json } from '../../host/api';

export interface Column {
  label: string;
  claims: Claims;
}

export interface ClaimRow {
  claim: string;
  /** One for each column; `undefined` where the token has no such claim. */
  values: (Json | undefined)[];
  /** Two of the tokens have this claim and do not say the same. */
  differs: boolean;
}

/** Who made it for whom, who the person is, what they may do, how they signed in, from when to when. */
const STORY = [
  ...['iss', 'aud', 'client_id', 'azp', 'appid', 'azpacr', 'appidacr', 'ver'],
  ...['tid', 'oid', 'sub', 'name', 'preferred_username', 'upn', 'unique_name', 'email', 'given_name', 'family_name', 'idp', 'acct'],
  ...['scope', 'scp', 'roles', 'groups', 'hasgroups', '_claim_names', '_claim_sources', 'wids'],
  ...['amr', 'acr', 'acrs', 'auth_time', 'sid', 'nonce'],
  ...['iat', 'nbf', 'exp'],
];
const PLACES = new Map(STORY.map((claim, index) => [claim, index]));

export function compare(columns: readonly Column[]): ClaimRow[] {
  const claims = new Set(columns.flatMap((column) => Object.keys(column.claims)));
  return [...claims].sort(inOrder).map((claim) => {
    const values = columns.map((column) => (Object.hasOwn(column.claims, claim) ? column.claims[claim] : undefined));
    return { claim, values, differs: disagree(claim, values) };
  });
}

function inOrder(a: string, b: string): number {
  const place = (claim: string) => PLACES.get(claim) ?? STORY.length;
  return place(a) - place(b) || (a < b ? -1 : 1);
}

function disagree(claim: string, values: readonly (Json | undefined)[]): boolean {
  const present = values.filter((value) => value !== undefined).map((value) => canonical(one(claim, value)));
  return new Set(present).size > 1;
}

/** RFC 7519, section 4.1.3: an audience alone and a list of one are the same. */
function one(claim: string, value: Json): Json {
  const [only] = claim === 'aud' && Array.isArray(value) && value.length === 1 ? value : [];
  return only ?? value;
}

/** JSON without the order of members, which means nothing. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`).join()}}`;
  }
  return JSON.stringify(value);
}
